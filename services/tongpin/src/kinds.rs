//! Names for people: stages, states, zones, and what a reason speaks of. And a reason line read back into its parts:
//! files carry one compact form (`veto:volume; volume 1L≠1.5L; brand 农夫山泉`), the report and the terminal show it
//! in words.

use crate::lang::{Language, pick};
use domain::Zone;
use engine::MatchState;

pub fn stage_name(stage: &str, language: Language) -> String {
    let (en, zh) = match stage {
        "read" => ("reading", "读取文件"),
        "open" => ("opening models", "打开模型"),
        "parse" => ("reading names", "解析名称"),
        "embed" => ("encoding", "语义编码"),
        "retrieve" => ("finding candidates", "查找候选"),
        "profile" => ("weighing words", "统计词频"),
        "score" => ("scoring", "打分"),
        "link" => ("grouping", "归组"),
        "write" => ("writing", "写出结果"),
        other => return other.to_owned(),
    };
    pick(language, en, zh).to_owned()
}

pub fn zone_name(zone: Zone, language: Language) -> &'static str {
    match zone {
        Zone::Auto => pick(language, "linked", "自动关联"),
        Zone::Review => pick(language, "asked", "待确认"),
        Zone::Reject => pick(language, "left apart", "不关联"),
    }
}

/// Every state, in the order in which they are shown.
pub const STATES: [MatchState; 5] = [
    MatchState::LinkedConfirmed,
    MatchState::LinkedAuto,
    MatchState::PendingReview,
    MatchState::Rejected,
    MatchState::NoCandidate,
];

pub fn state_name(state: MatchState, language: Language) -> &'static str {
    match state {
        MatchState::LinkedConfirmed => pick(language, "linked by a person", "人工关联"),
        MatchState::LinkedAuto => pick(language, "linked automatically", "自动关联"),
        MatchState::PendingReview => pick(language, "waiting for a person", "待人工确认"),
        MatchState::Rejected => pick(language, "looked at, no match", "看过，没有同品"),
        MatchState::NoCandidate => pick(language, "nothing alike found", "没有相近的名称"),
    }
}

/// A short key for CSS classes and JSON.
pub fn state_key(state: MatchState) -> &'static str {
    match state {
        MatchState::LinkedConfirmed => "linked_confirmed",
        MatchState::LinkedAuto => "linked_auto",
        MatchState::PendingReview => "pending_review",
        MatchState::Rejected => "rejected",
        MatchState::NoCandidate => "no_candidate",
    }
}

/// Kinds of statement, as the scorer and the lexicons call them.
const KINDS: &[(&str, &str, &str)] = &[
    ("brand", "brand", "品牌"),
    ("head", "product", "品类"),
    ("pack", "pack", "包装数"),
    ("code", "model", "型号"),
    ("number", "number", "数字"),
    ("claim", "claim", "声明"),
    ("gtin", "barcode", "条码"),
    // dimensions
    ("mass", "weight", "重量"),
    ("volume", "volume", "容量"),
    ("length", "length", "长度"),
    ("area", "area", "面积"),
    ("concentration", "concentration", "浓度"),
    ("count", "count", "数量"),
    ("sheets", "sheets", "张数"),
    ("ply", "plies", "层数"),
    ("voltage", "voltage", "电压"),
    ("current", "current", "电流"),
    ("power", "power", "功率"),
    ("charge", "battery charge", "电池容量"),
    ("energy", "energy", "电量"),
    ("alcohol", "alcohol", "酒精度"),
    ("percent", "per cent", "百分比"),
    ("temperature", "temperature", "温度"),
    ("pressure", "pressure", "压力"),
    ("frequency", "frequency", "频率"),
    ("storage", "storage", "存储容量"),
    ("pixels", "pixels", "像素"),
    ("time", "time", "时间"),
    ("resistance", "resistance", "电阻"),
    ("speed", "speed", "转速"),
    ("light", "light", "光通量"),
    ("colour_temperature", "colour temperature", "色温"),
    ("pipe", "pipe size", "管径"),
    ("zip", "zip size", "拉链号"),
    ("screw", "thread", "螺纹"),
    ("grit", "mesh", "目数"),
    ("users", "users", "用户数"),
    ("denier", "denier", "丹尼数"),
    ("yarn", "yarn count", "支数"),
    ("degree", "degrees", "度数"),
    ("stage", "stage", "段位"),
    ("size", "size", "尺码"),
    // variants
    ("flavour", "flavour", "口味"),
    ("scent", "scent", "香型"),
    ("colour", "colour", "颜色"),
    ("side", "side", "左右"),
    ("sex", "for", "适用性别"),
    ("age", "age", "适用年龄"),
    ("platform", "platform", "平台"),
    ("liquor_style", "liquor style", "香型"),
    ("material", "material", "材质"),
    ("material_grade", "material grade", "材质牌号"),
    ("fish_meat", "kind of meat or fish", "肉鱼种类"),
    ("effect", "effect", "功效"),
    ("region_style", "style", "风味"),
    ("form", "form", "形态"),
    ("edition", "edition", "版本"),
    ("tea", "tea", "茶类"),
    ("tea_name", "tea", "茶名"),
    ("tea_form", "form of tea", "茶形"),
    ("grade", "grade", "等级"),
    ("part", "part", "部位"),
    ("cooking", "cooking", "做法"),
    ("oil_kind", "oil", "油种"),
    ("finish", "finish", "表面"),
    ("cut", "cut", "切法"),
    ("grain", "grain", "谷物"),
    ("beer_style", "beer style", "啤酒类型"),
    ("aged", "ageing", "陈酿"),
    ("usage", "use", "用途"),
    ("seasoning_style", "seasoning", "调味"),
    ("grape", "grape", "葡萄品种"),
    ("dairy", "dairy", "奶类"),
    ("pen", "pen", "笔类"),
    ("noodle_shape", "noodle shape", "面形"),
    ("noodle_form", "form of noodle", "面型"),
    ("coffee_form", "form of coffee", "咖啡形态"),
    ("skin_type", "skin", "肤质"),
    ("paper_form", "form of paper", "纸型"),
    ("market", "market", "市场版本"),
    ("press", "pressing", "压榨"),
    ("power_source", "power source", "电源"),
    ("length_class", "length", "长短"),
    ("lead_hardness", "lead", "铅芯"),
    ("battery", "battery", "电池"),
    ("socket", "socket", "接口"),
    ("ruling", "ruling", "格线"),
    ("generation", "generation", "代"),
    ("texture", "texture", "质地"),
    ("package_kind", "packaging", "包装"),
    ("heat", "heat", "辣度"),
    ("drive", "drive", "驱动"),
    ("coating", "coating", "涂层"),
    ("thickness", "thickness", "厚度"),
    ("season", "season", "季节"),
    ("place", "place", "位置"),
    // claims
    ("sugar", "sugar", "含糖"),
    ("sweetener", "sweetener", "代糖"),
    ("salt", "salt", "含盐"),
    ("fat", "fat", "脂肪"),
    ("layer", "layers", "层"),
    ("wild", "wild or farmed", "野生或养殖"),
    ("waterproof", "waterproof", "防水"),
    ("tar", "tar", "焦油"),
    ("sterility", "sterile", "灭菌"),
    ("soap", "soap", "皂基"),
    ("skin", "skin", "带皮"),
    ("shell", "shell", "带壳"),
    ("seed", "seeds", "带籽"),
    ("protein", "protein", "蛋白"),
    ("organic", "organic", "有机"),
    ("prescription", "prescription", "处方"),
    ("nicotine", "nicotine", "尼古丁"),
    ("caffeine", "caffeine", "咖啡因"),
    ("alcohol_free", "alcohol", "酒精"),
    ("rechargeable", "rechargeable", "充电"),
    ("fragrance", "fragrance", "香精"),
    ("gmo", "genetically modified", "转基因"),
    ("gluten", "gluten", "麸质"),
    ("lactose", "lactose", "乳糖"),
    ("powder_free", "powder", "有粉无粉"),
    ("lid", "lid", "盖"),
    ("origin", "origin", "产地"),
];

/// Whether a kind is an amount of something.
pub fn is_dimension(kind: &str) -> bool {
    let at = |key: &str| KINDS.iter().position(|(k, _, _)| *k == key);
    let (first, last) = (at("mass"), at("size"));
    at(kind).is_some_and(|i| Some(i) >= first && Some(i) <= last)
}

/// A kind in words. One that we have no word for is shown as the lexicon calls it.
pub fn kind_name(kind: &str, language: Language) -> String {
    match KINDS.iter().find(|(key, _, _)| *key == kind) {
        Some((_, en, zh)) => pick(language, en, zh).to_owned(),
        None => kind.replace('_', " "),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Veto,
    Differs,
    Agrees,
    Partly,
    OneSided,
}

impl Verdict {
    pub fn class(self) -> &'static str {
        match self {
            Verdict::Veto => "veto",
            Verdict::Differs => "differs",
            Verdict::Agrees => "agrees",
            Verdict::Partly => "partly",
            Verdict::OneSided => "one-sided",
        }
    }
}

/// One part of a reason line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<'r> {
    pub kind: &'r str,
    pub verdict: Verdict,
    pub left: &'r str,
    /// Empty for vetoes and for what only one side says.
    pub right: &'r str,
}

/// The reason of a pair whose names state nothing that could be compared.
pub const TEXT_ONLY: &str = "text only";

/// A reason line's parts. What has no known form is shown as it is, under the kind "".
pub fn statements(reason: &str) -> Vec<Statement<'_>> {
    reason.split("; ").filter(|part| !part.is_empty()).map(statement).collect()
}

fn statement(part: &str) -> Statement<'_> {
    if let Some(kind) = part.strip_prefix("veto:") {
        return Statement { kind, verdict: Verdict::Veto, left: "", right: "" };
    }
    let is_kind = |kind: &str| !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let stated = part.split_once(' ').filter(|(kind, _)| is_kind(kind) && part != TEXT_ONLY);
    let Some((kind, said)) = stated else {
        return Statement { kind: "", verdict: Verdict::OneSided, left: part, right: "" };
    };
    for (sign, verdict) in [('≠', Verdict::Differs), ('~', Verdict::Partly), ('=', Verdict::Agrees)] {
        if let Some((left, right)) = said.split_once(sign).filter(|(l, r)| !l.is_empty() && !r.is_empty()) {
            return Statement { kind, verdict, left, right };
        }
    }
    match said.strip_suffix('?') {
        Some(left) => Statement { kind, verdict: Verdict::OneSided, left, right: "" },
        None => Statement { kind, verdict: Verdict::Agrees, left: said, right: "" },
    }
}

/// A statement for a terminal: `容量 1L≠1.5L`.
pub fn in_words(statement: &Statement<'_>, language: Language) -> String {
    let Statement { kind, verdict, left, right } = statement;
    let name = kind_name(kind, language);
    match verdict {
        Verdict::Veto => match language {
            Language::En => format!("{name} contradicts"),
            Language::Zh => format!("{name}矛盾"),
        },
        Verdict::Differs => format!("{name} {left} ≠ {right}"),
        Verdict::Partly => format!("{name} {left} ~ {right}"),
        Verdict::Agrees if right.is_empty() => format!("{name} {left} ✓"),
        Verdict::Agrees => format!("{name} {left} = {right}"),
        Verdict::OneSided if *left == TEXT_ONLY => {
            pick(language, "by the wording alone", "仅凭名称文字").to_owned()
        }
        Verdict::OneSided if kind.is_empty() => (*left).to_owned(),
        Verdict::OneSided => match language {
            Language::En => format!("{name} {left} on one side only"),
            Language::Zh => format!("仅一方写明{name} {left}"),
        },
    }
}

/// A whole reason for a terminal.
pub fn reason_in_words(reason: &str, language: Language) -> String {
    let parts: Vec<String> = statements(reason).iter().map(|s| in_words(s, language)).collect();
    parts.join(pick(language, "; ", "；"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_back() {
        for (reason, en, zh) in [
            (
                "veto:volume; volume 1L≠1.5L",
                "volume contradicts; volume 1L ≠ 1.5L",
                "容量矛盾；容量 1L ≠ 1.5L",
            ),
            (
                "brand 可口可乐; pack 24?",
                "brand 可口可乐 ✓; pack 24 on one side only",
                "品牌 可口可乐 ✓；仅一方写明包装数 24",
            ),
            ("volume 500ml=0.5l", "volume 500ml = 0.5l", "容量 500ml = 0.5l"),
            ("text only", "by the wording alone", "仅凭名称文字"),
            ("mass 3~6kg", "weight 3 ~ 6kg", "重量 3 ~ 6kg"),
            ("", "", ""),
            ("Unbekannt", "Unbekannt", "Unbekannt"),
        ] {
            assert_eq!(reason_in_words(reason, Language::En), en);
            assert_eq!(reason_in_words(reason, Language::Zh), zh);
        }
    }
}
