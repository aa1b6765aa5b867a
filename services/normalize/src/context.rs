//! What a name is about, as far as it decides how a number is read: `5号` is a battery or a zip, `52度` strength or an
//! angle, `6分` a pipe.

use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    Liquor,
    Beer,
    Battery,
    Zip,
    Pipe,
    Screw,
    Formula,
    Footwear,
    Phone,
    Medicine,
    Angle,
    Textile,
    Paper,
    Cord,
    Film,
    Network,
    Heat,
    Tobacco,
    Weighed,
    Cooling,
    Paint,
    Breaker,
    /// Infant formula.
    Milk,
    /// No Han in the name at all.
    Latin,
}

const WORDS: &[(Topic, &[&str])] = &[
    (
        Topic::Liquor,
        &[
            "酒",
            "二锅头",
            "茅台",
            "五粮液",
            "老窖",
            "汾",
            "郎",
            "特曲",
            "大曲",
            "头曲",
            "窖",
            "伏特加",
            "威士忌",
            "whisky",
            "whiskey",
            "vodka",
            "brandy",
            "liquor",
            "wine",
            "gin",
            "rum",
            "vol",
        ],
    ),
    (Topic::Beer, &["啤", "beer", "lager", "ale", "stout"]),
    (
        Topic::Battery,
        &[
            "电池",
            "南孚",
            "battery",
            "batteries",
            "碱性",
            "alkaline",
            "双鹿",
            "金霸王",
            "duracell",
            "energizer",
        ],
    ),
    (Topic::Zip, &["拉链", "拉练", "zip", "拉头"]),
    (
        Topic::Pipe,
        &[
            "管", "阀", "弯头", "三通", "直接", "接头", "龙头", "内丝", "外丝", "ppr", "pvc", "角阀", "软管",
            "镀锌", "对丝", "水表", "活接", "pipe", "valve", "elbow", "水嘴", "花洒", "堵头", "内接", "补芯",
        ],
    ),
    (
        Topic::Screw,
        &[
            "螺丝",
            "螺栓",
            "螺母",
            "螺钉",
            "螺帽",
            "垫片",
            "垫圈",
            "膨胀",
            "丝锥",
            "板牙",
            "牙条",
            "丝杆",
            "内六角",
            "外六角",
            "bolt",
            "screw",
            "nut",
            "washer",
            "thread",
            "抽芯",
            "铆",
        ],
    ),
    (
        Topic::Formula,
        &["奶粉", "配方", "婴", "幼儿", "formula", "infant", "米粉", "成长", "toddler", "follow"],
    ),
    (
        Topic::Footwear,
        &["鞋", "袜", "靴", "裤", "衣", "拖", "衫", "裙", "帽", "shoe", "boot", "手套", "内裤", "文胸"],
    ),
    (
        Topic::Phone,
        &[
            "phone",
            "手机",
            "sim",
            "lte",
            "全网通",
            "wifi",
            "wi-fi",
            "unlocked",
            "gsm",
            "router",
            "路由",
            "随身",
            "dual",
            "modem",
            "流量",
            "热点",
            "iphone",
            "galaxy",
            "mobile",
            "tablet",
        ],
    ),
    (
        Topic::Medicine,
        &[
            "胶囊", "片剂", "颗粒", "口服", "注射", "滴眼", "软膏", "丸", "药", "tablet", "capsule", "茶包",
            "teabag", "tea bag",
        ],
    ),
    (
        Topic::Angle,
        &[
            "弯头",
            "近视",
            "老花",
            "眼镜",
            "角度",
            "旋转",
            "广角",
            "水温",
            "耐高温",
            "隐形",
            "镜",
            "摄像",
            "可视",
            "保温",
            "煮",
            "度角",
            "直角",
        ],
    ),
    (Topic::Textile, &["纱", "线", "布", "袜", "丝袜", "面料", "纤", "denier", "织", "里料"]),
    (Topic::Paper, &["纸", "抽", "巾", "tissue", "towel"]),
    (
        Topic::Cord,
        &[
            "cable",
            "cord",
            "hose",
            "rope",
            "wire",
            "tape",
            "canopy",
            "tent",
            "rug",
            "ladder",
            "extension",
            "antenna",
            "garland",
        ],
    ),
    (Topic::Film, &["袋", "膜", "pe", "opp", "po", "塑", "薄"]),
    (Topic::Network, &["网", "宽带", "路由", "交换机", "百兆"]),
    (Topic::Heat, &["温", "heat", "therm"]),
    (Topic::Tobacco, &["烟", "cigarette"]),
    (Topic::Cooling, &["空调", "冷气", "冷暖", "air conditioner"]),
    (Topic::Paint, &["漆", "涂料", "喷罐", "paint"]),
    (Topic::Breaker, &["空开", "断路器", "空气开关", "漏保", "breaker", "电线", "电缆"]),
    (
        Topic::Milk,
        &[
            "配方奶",
            "成长奶粉",
            "成长配方",
            "营养配方",
            "婴儿配方",
            "幼儿配方",
            "formula milk",
            "infant formula",
            "growing up",
            "growing-up",
            "follow-on",
            "follow on",
            "enfa",
        ],
    ),
    (Topic::Weighed, &["斤", "袋", "包", "米", "面", "料"]),
];

static TOPICS: LazyLock<Option<(AhoCorasick, Vec<Topic>)>> = LazyLock::new(|| {
    let pairs: Vec<(&str, Topic)> =
        WORDS.iter().flat_map(|(topic, words)| words.iter().map(|word| (*word, *topic))).collect();
    let automaton = AhoCorasick::new(pairs.iter().map(|(word, _)| *word)).ok()?;
    Some((automaton, pairs.into_iter().map(|(_, topic)| topic).collect()))
});

/// The topics of one text.
pub(crate) struct Context {
    topics: u32,
}

impl Context {
    pub(crate) fn of(text: &str) -> Self {
        let mut topics = 0;
        if let Some((automaton, values)) = TOPICS.as_ref() {
            for found in automaton.find_overlapping_iter(text) {
                topics |= 1 << values[found.pattern().as_usize()] as u32;
            }
        }
        if !text.chars().any(|c| ('\u{3400}'..='\u{9fff}').contains(&c)) {
            topics |= 1 << Topic::Latin as u32;
        }
        Context { topics }
    }

    pub(crate) fn has(&self, topic: Topic) -> bool {
        self.topics & (1 << topic as u32) != 0
    }
}
