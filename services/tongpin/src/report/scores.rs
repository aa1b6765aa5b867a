//! The report of `score`: how many pairs are in each zone, how the confidences lie, and what they rest on.

use super::html::{both, heading, name, note};
use super::picture::histogram;
use super::{page, reliability};
use crate::args::Zones;
use crate::lang::{Language, thousands};
use domain::Zone;
use engine::{PairScore, ScoredPair};
use score::Promise;

pub struct Scores<'a> {
    pub file: &'a str,
    pub scores: &'a [PairScore],
    pub zones: Zones,
    pub promise: Option<&'a Promise>,
    pub versions: &'a [(&'static str, String)],
}

pub fn render(scores: &Scores<'_>, language: Language) -> String {
    let count = |zone| scores.scores.iter().filter(|s| s.zone == zone).count();
    let card = |number: usize, en: &str, zh: &str, class: &str| {
        format!(
            "<div class=\"card {class}\"><b>{}</b><span>{}</span></div>\n",
            thousands(number),
            both(en, zh)
        )
    };
    let mut body = format!(
        "<header>\n<div class=\"languages\"><label for=\"show-zh\">中文</label><label for=\"show-en\">English</label></div>\n\
         <h1>同品 <small>Tongpin</small></h1>\n<p class=\"lead\">{}</p>\n<p class=\"note\"><code>score</code> · <code>{}</code></p>\n\
         </header>\n<section class=\"cards\">\n",
        both("Which of the given pairs are the same goods", "给定的名称对里，哪些是同一商品"),
        name(scores.file)
    );
    body.push_str(&card(scores.scores.len(), "pairs", "对名称", ""));
    body.push_str(&card(count(Zone::Auto), "the same", "对同品", "auto"));
    body.push_str(&card(count(Zone::Review), "to be asked", "对待人工确认", "review"));
    body.push_str(&card(count(Zone::Reject), "not the same", "对不同品", ""));
    body.push_str("</section>\n");
    body.push_str(&heading("confidence", "Confidence of the pairs", "名称对的置信度"));
    body.push_str(&note(
        "Confidence is a probability: of the pairs given 0.9, about 90 in 100 should be the same goods.",
        "置信度是概率：给 0.9 的名称对，每 100 对应有约 90 对真是同一商品。",
    ));
    let pairs: Vec<ScoredPair> = scores
        .scores
        .iter()
        .map(|s| ScoredPair {
            left: 0,
            right: 0,
            confidence: s.confidence,
            zone: s.zone,
            veto: None,
            reason: String::new(),
        })
        .collect();
    body.push_str(&format!("<div>{}</div>\n", histogram(&pairs, scores.zones)));
    body.push_str(&reliability::section(scores.promise, true));
    body.push_str("<dl>\n");
    for (what, version) in scores.versions {
        body.push_str(&format!("<dt>{what}</dt><dd><code>{}</code></dd>\n", name(version)));
    }
    body.push_str("</dl>\n");
    page(&body, language)
}
