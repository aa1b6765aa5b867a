//! A part of the queue, as the address says it: filters that go with a steward from question to question.

use crate::access::{Person, View};
use domain::NodeId;
use live::{notes, now};
use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use store::ReviewFilter;

/// Every field is a text, as forms send it; empty for all.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Part {
    #[serde(default)]
    pub node: String,
    #[serde(default)]
    pub category: String,
    /// `auto`, `likely`, `open`, `unlikely`.
    #[serde(default)]
    pub band: String,
    /// Confidence at least: `0.7`.
    #[serde(default)]
    pub least: String,
    /// Waiting for at least so many days.
    #[serde(default)]
    pub age: String,
    /// `veto`, `differs`, `agrees`, `audit`.
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub mine: String,
}

pub const BANDS: [(&str, &str, &str); 5] = [
    ("", "all", "全部"),
    ("auto", "auto zone, held back", "自动区，因组内冲突未关联"),
    ("likely", "probably the same", "多半相同"),
    ("open", "undecided", "难说"),
    ("unlikely", "probably not", "多半不同"),
];

pub const REASONS: [(&str, &str, &str); 5] = [
    ("", "all", "全部"),
    ("veto", "a stated contradiction", "写明的内容互相矛盾"),
    ("differs", "something differs", "有不同之处"),
    ("agrees", "nothing differs", "没有不同之处"),
    ("audit", "audit of automatic links", "自动关联的抽查"),
];

const AGES: [(&str, &str, &str); 4] = [
    ("", "any", "不限"),
    ("1", "a day or more", "一天以上"),
    ("7", "a week or more", "一周以上"),
    ("30", "a month or more", "一个月以上"),
];

impl Part {
    pub fn filter(&self, person: &Person) -> ReviewFilter {
        let (low, high) = match self.band.as_str() {
            "auto" => (Some(0.85), None),
            "likely" => (Some(0.6), Some(0.85)),
            "open" => (Some(0.3), Some(0.6)),
            "unlikely" => (None, Some(0.3)),
            _ => (None, None),
        };
        let least = self.least.trim().parse::<f64>().ok().filter(|least| least.is_finite());
        let days = self.age.trim().parse::<i64>().ok();
        let mut filter = ReviewFilter {
            nodes: (!self.node.is_empty()).then(|| NodeId(self.node.as_str().into())).into_iter().collect(),
            categories: (!self.category.is_empty()).then(|| self.category.clone()).into_iter().collect(),
            min_confidence: low.into_iter().chain(least).reduce(f64::max),
            max_confidence: high,
            opened_until: days.map(|days| now().plus_seconds(-86_400 * days)),
            assignee: (self.mine == "1").then(|| person.actor()),
            ..ReviewFilter::default()
        };
        match self.reason.as_str() {
            "veto" => filter.evidence_has.push(notes::VETO.to_owned()),
            "differs" => filter.evidence_has.push("≠".to_owned()),
            "agrees" => filter.evidence_lacks.push("≠".to_owned()),
            "audit" => filter.evidence_has.push(notes::AUDIT.to_owned()),
            _ => {}
        }
        filter
    }

    /// What may be claimed: what waits for a second person has a page of its own.
    pub fn claimable(&self, person: &Person) -> ReviewFilter {
        ReviewFilter { assignee: None, agreed: Some(false), ..self.filter(person) }
    }

    fn fields_of(&self) -> [(&'static str, &str); 7] {
        [
            ("node", &self.node),
            ("category", &self.category),
            ("band", &self.band),
            ("least", &self.least),
            ("age", &self.age),
            ("reason", &self.reason),
            ("mine", &self.mine),
        ]
    }

    /// `?node=…&band=…`, empty for the whole queue.
    pub fn query(&self) -> String {
        let parts: Vec<String> = self
            .fields_of()
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| format!("{key}={}", segment(value)))
            .collect();
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }

    /// Hidden, for forms that lead on within the part.
    pub fn fields(&self) -> Markup {
        html! {
            @for (key, value) in self.fields_of() {
                @if !value.is_empty() { input type="hidden" name=(key) value=(value); }
            }
        }
    }

    /// Shown, to be changed.
    pub fn form(&self, view: &View, nodes: &[NodeId], categories: &[String]) -> Markup {
        let choice = |name: &'static str, now: &str, all: &[(&'static str, &'static str, &'static str)]| {
            html! { select name=(name) {
                @for (value, en, zh) in all { option value=(value) selected[now == *value] { (view.say(en, zh)) } }
            } }
        };
        html! {
            form.filters method="get" action="/console/" {
                label { (view.say("Node", "节点"))
                    select name="node" {
                        option value="" { (view.say("all", "全部")) }
                        @for node in nodes { option value=(node) selected[node.0 == self.node.as_str()] { (node) } }
                    }
                }
                label { (view.say("Category", "分类"))
                    input name="category" value=(self.category) list="categories" size="10" maxlength="120" placeholder=(view.say("all", "全部"));
                }
                datalist id="categories" { @for category in categories { option value=(category) {} } }
                @if !view.blind { label { (view.say("Zone", "置信区")) (choice("band", &self.band, &BANDS)) } }
                @if !view.blind {
                    label { (view.say("Confidence from", "置信度不低于"))
                        input.short name="least" value=(self.least) inputmode="decimal" size="5" maxlength="6" placeholder="0.00";
                    }
                }
                label { (view.say("Waiting for", "已等待")) (choice("age", &self.age, &AGES)) }
                label { (view.say("Reason", "原因")) (choice("reason", &self.reason, &REASONS)) }
                label.check {
                    input type="checkbox" name="mine" value="1" checked[self.mine == "1"];
                    (view.say("held by me", "我在看的"))
                }
                button { (view.say("Show", "筛选")) }
                @if !self.query().is_empty() { a.button href="/console/" { (view.say("Clear", "清除")) } }
            }
        }
    }
}

/// All but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A text as part of an address.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}
