//! Names for people: stages, states, and what a reason speaks of. And a reason line read back into its parts:
//! files carry one compact form (`veto:volume; volume 1L≠1.5L; brand 农夫山泉`), the report and the terminal show it
//! in words.

use crate::lang::{Language, pick};
use engine::MatchState;
use rustc_hash::FxHashMap;
use std::sync::OnceLock;

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
        "fit" => ("learning", "训练"),
        "write" => ("writing", "写出结果"),
        "send" => ("sending", "发送"),
        "wait" => ("waiting for the service to link", "等待服务完成关联"),
        "fetch" => ("asking what it holds", "取回结果"),
        "keep" => ("keeping", "写入数据"),
        other => return other.to_owned(),
    };
    pick(language, en, zh).to_owned()
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
const KINDS: &str = include_str!("kinds.tsv");

struct Kind {
    /// `identity`, `amount` or `word` (flavours, claims and so on).
    group: &'static str,
    en: &'static str,
    zh: &'static str,
}

fn kind_of(name: &str) -> Option<&'static Kind> {
    static TABLE: OnceLock<FxHashMap<&'static str, Kind>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        KINDS
            .lines()
            .skip(1)
            .filter_map(|line| {
                let mut cells = line.split('\t');
                let name = cells.next()?;
                Some((name, Kind { group: cells.next()?, en: cells.next()?, zh: cells.next()? }))
            })
            .collect()
    });
    table.get(name)
}

/// Whether a kind is an amount of something.
pub fn is_amount(kind: &str) -> bool {
    kind_of(kind).is_some_and(|k| k.group == "amount")
}

/// Whether a kind is one of those words by which siblings differ: flavours, colours, claims.
pub fn is_word(kind: &str) -> bool {
    !kind.is_empty() && kind_of(kind).is_none_or(|k| k.group == "word")
}

/// A kind in words. One that we have no word for is shown as the lexicon calls it.
pub fn kind_name(kind: &str, language: Language) -> String {
    match kind_of(kind) {
        Some(known) => pick(language, known.en, known.zh).to_owned(),
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
    fn every_kind_of_the_lexicons_has_a_name() {
        let variants = include_str!("../../../datasets/lexicons/variants.tsv");
        let claims = include_str!("../../../datasets/lexicons/claims.tsv");
        let kinds =
            variants.lines().skip(1).chain(claims.lines().skip(1)).filter_map(|l| l.split('\t').next());
        for kind in kinds.filter(|k| !k.is_empty() && !k.starts_with('#')) {
            assert!(kind_of(kind).is_some(), "{kind} is missing in kinds.tsv");
        }
        assert!(is_amount("volume") && !is_amount("brand") && is_word("flavour") && !is_word("pack"));
    }

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
