//! The queue: what waits, most valuable first.

use crate::State;
use crate::access::{Person, View};
use crate::failure::Failure;
use crate::layout::{self, Tab, age, band, token};
use axum::extract::{Form, Query};
use axum::response::{IntoResponse, Redirect, Response};
use domain::{MasterId, NodeId, Review, SkuKey, Stored};
use live::now;
use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use std::collections::BTreeMap;
use store::{Claim, Deleted, Page, ReviewFilter};

/// Seconds that a claimed question is one's own without a sign of life.
pub const LEASE: i64 = 600;
const SHOWN: usize = 50;

/// Which part of the queue, as the address says it; kept from question to question.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Part {
    #[serde(default)]
    pub node: String,
    /// `likely`, `open`, `unlikely`; empty for all.
    #[serde(default)]
    pub band: String,
    #[serde(default)]
    pub mine: String,
}

impl Part {
    pub fn filter(&self, person: &Person) -> ReviewFilter {
        let (least, most) = match self.band.as_str() {
            "likely" => (Some(0.6), None),
            "open" => (Some(0.3), Some(0.6)),
            "unlikely" => (None, Some(0.3)),
            _ => (None, None),
        };
        ReviewFilter {
            nodes: (!self.node.is_empty()).then(|| NodeId(self.node.as_str().into())).into_iter().collect(),
            min_confidence: least,
            max_confidence: most,
            assignee: (self.mine == "1").then(|| person.actor()),
            ..ReviewFilter::default()
        }
    }

    /// `?node=…&band=…`, empty for the whole queue.
    pub fn query(&self) -> String {
        let parts: Vec<String> = [("node", &self.node), ("band", &self.band), ("mine", &self.mine)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, RESERVED)))
            .collect();
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }

    pub fn fields(&self) -> Markup {
        html! {
            input type="hidden" name="node" value=(self.node);
            input type="hidden" name="band" value=(self.band);
            input type="hidden" name="mine" value=(self.mine);
        }
    }
}

/// All but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A text as part of an address.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

pub async fn show(
    axum::extract::State(shared): State,
    person: Person,
    Query(part): Query<Part>,
    Query(told): Query<Told>,
) -> Result<Response, Failure> {
    let view = person.view;
    let store = shared.live.store();
    let broken = |error| Failure::of_store(view, error);
    let filter = part.filter(&person);
    let stats = store.queue_stats(&ReviewFilter::default(), now()).await.map_err(broken)?;
    let nodes = store.nodes(Deleted::Hidden, &Page::first(1_000)).await.map_err(broken)?.items;
    let waiting = store.reviews(&filter, &Page::first(SHOWN)).await.map_err(broken)?.items;
    let keys: Vec<SkuKey> = waiting.iter().map(|row| row.value.sku.clone()).collect();
    let ids: Vec<MasterId> = waiting.iter().map(|row| row.value.master.clone()).collect();
    let skus = store.skus(&keys).await.map_err(broken)?;
    let names: BTreeMap<&SkuKey, &str> =
        skus.iter().map(|row| (&row.value.sku.key, row.value.sku.name.as_str())).collect();
    let masters = store.masters(&ids).await.map_err(broken)?;
    let golden: BTreeMap<&MasterId, &str> =
        masters.iter().map(|row| (&row.value.id, row.value.golden.name.value.as_str())).collect();

    let tile = |count: i64, en: &'static str, zh: &'static str| {
        html! { div.tile { b { (show::lang::thousands(usize::try_from(count).unwrap_or(0))) } (view.say(en, zh)) } }
    };
    let body = html! {
        (told.toast(&person))
        section.tiles {
            (tile(stats.open, "wait for an answer", "待回答"))
            (tile(stats.claimed, "held by somebody", "有人在看"))
            (tile(stats.deferred, "put off", "已搁置"))
            (tile(stats.decided, "answered", "已回答"))
        }
        form.filters method="get" action="/console/" {
            label { (view.say("Node", "节点"))
                select name="node" {
                    option value="" { (view.say("all", "全部")) }
                    @for node in &nodes {
                        option value=(node.value.id) selected[node.value.id.0 == part.node.as_str()] { (node.value.id) }
                    }
                }
            }
            label { (view.say("Looks", "机器看来"))
                select name="band" {
                    @for (value, en, zh) in BANDS {
                        option value=(value) selected[part.band == value] { (view.say(en, zh)) }
                    }
                }
            }
            label.check {
                input type="checkbox" name="mine" value="1" checked[part.mine == "1"];
                (view.say("held by me", "我在看的"))
            }
            button { (view.say("Show", "筛选")) }
        }
        @if person.may_decide() && !waiting.is_empty() {
            form.start method="post" action="/console/claim" {
                (token(&person)) (part.fields())
                button.primary.large data-key="Enter" autofocus { (view.say("Start answering", "开始回答")) kbd { "⏎" } }
                span.soft { (view.say("the most valuable question first; it is yours for ten minutes", "先问最有价值的问题，十分钟内归您")) }
            }
        }
        @if waiting.is_empty() {
            section.empty {
                h2 { (view.say("Nothing waits here", "这里没有待回答的问题")) }
                p.soft { (view.say("New questions come with new goods. The quality page shows how the links do.", "有新商品时会有新问题。质量页可以看到关联的情况。")) }
            }
        } @else {
            div.scroll { table.queue {
                thead { tr {
                    @if !view.blind { th { (view.say("Confidence", "置信度")) } }
                    th { (view.say("Is this", "这条")) }
                    th { (view.say("the same as", "是不是")) }
                    th { (view.say("Waits, or held by", "已等待／在看的人")) }
                    th {}
                } }
                tbody { @for row in &waiting { (line(&view, &person, &part, row, &names, &golden)) } }
            } }
            @if waiting.len() == SHOWN {
                p.soft { (view.say("The first fifty are shown.", "只显示前五十条。")) }
            }
        }
    };
    Ok(layout::page(&view, Some((&person, Tab::Queue, "/console/")), view.say("Queue", "队列"), &body))
}

const BANDS: [(&str, &str, &str); 4] = [
    ("", "all", "全部"),
    ("likely", "probably the same", "多半相同"),
    ("open", "undecided", "难说"),
    ("unlikely", "probably not", "多半不同"),
];

fn line(
    view: &View,
    person: &Person,
    part: &Part,
    row: &Stored<Review>,
    names: &BTreeMap<&SkuKey, &str>,
    golden: &BTreeMap<&MasterId, &str>,
) -> Markup {
    let review = &row.value;
    let held = review.lease_until.is_some_and(|until| until > now());
    let holder = review.assignee.as_ref().filter(|_| held);
    let mine = holder == Some(&person.actor());
    let name = names.get(&review.sku).copied().unwrap_or_default();
    let path = format!("/console/reviews/{}{}", segment(review.id.as_str()), part.query());
    html! {
        tr {
            @if !view.blind { td.number { (band(view, review.confidence.get())) } }
            td { a href=(path) { (layout::made(show::html::name(name))) } small { bdi { (review.sku.node) } } }
            td { (layout::made(show::html::name(golden.get(&review.master).copied().unwrap_or_default()))) }
            td { @match holder {
                Some(_) if mine => { (view.say("you", "您")) }
                Some(holder) => { bdi { (holder.as_str().trim_start_matches("user:")) } }
                None => { span.soft { (age(view, row.created)) } }
            } }
            td { @if person.may_decide() && (mine || holder.is_none()) {
                form method="post" action="/console/claim" {
                    (token(person)) (part.fields())
                    input type="hidden" name="id" value=(review.id);
                    button { (view.say("Answer", "回答")) }
                }
            } }
        }
    }
}

#[derive(Deserialize)]
pub struct Claiming {
    token: String,
    #[serde(default)]
    id: String,
    #[serde(flatten)]
    part: Part,
}

/// Takes a question, or the next one, under a lease.
pub async fn claim(
    axum::extract::State(shared): State,
    person: Person,
    Form(form): Form<Claiming>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_decide(), "a steward")?;
    let store = shared.live.store();
    if form.id.is_empty() {
        return next(&shared, &person, &form.part, &Told::default()).await;
    }
    let id = domain::ReviewId::new(&form.id);
    let held = store.claim_named(std::slice::from_ref(&id), &person.actor(), now(), LEASE).await;
    held.map_err(|error| Failure::of_store(person.view, error))?;
    let path = format!("/console/reviews/{}{}", segment(&form.id), form.part.query());
    Ok(layout::answer(Redirect::to(&path).into_response()))
}

/// What was just done, said on the next page: an answer that can be taken back.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Told {
    #[serde(default)]
    pub done: String,
    #[serde(default)]
    pub said: String,
}

impl Told {
    pub fn query(&self, part: &Part) -> String {
        let mut query = part.query();
        for (key, value) in [("done", &self.done), ("said", &self.said)] {
            if !value.is_empty() {
                query.push(if query.is_empty() { '?' } else { '&' });
                query.push_str(&format!("{key}={}", segment(value)));
            }
        }
        query
    }

    pub fn toast(&self, person: &Person) -> Markup {
        let view = &person.view;
        let text = match self.said.as_str() {
            "same" => view.say("Answered: the same.", "已回答：相同。"),
            "different" => view.say("Answered: different.", "已回答：不同。"),
            "new" => view.say("Answered: a product of its own.", "已回答：是单独的商品。"),
            "unsure" => view
                .say("Noted: not to be told. It stays in the queue.", "已记下：看不出来，问题留在队列里。"),
            "second" => view.say("Kept: a second person has to agree.", "已保存：还需要第二个人同意。"),
            "undone" => view.say("Taken back.", "已撤回。"),
            "gone" => view.say("That question is settled already.", "那个问题已经有了结果。"),
            _ => return html! {},
        };
        html! {
            section.toast role="status" {
                span { (text) }
                @if !self.done.is_empty() {
                    form method="post" action=(format!("/console/decisions/{}/undo", segment(&self.done))) {
                        (token(person))
                        button data-key="u" { (view.say("Take back", "撤回")) kbd { "u" } }
                    }
                }
            }
        }
    }
}

/// Claims the next question and goes there; to the queue where none is left.
pub async fn next(
    shared: &crate::Shared,
    person: &Person,
    part: &Part,
    told: &Told,
) -> Result<Response, Failure> {
    let claim = Claim {
        by: person.actor(),
        at: now(),
        lease_seconds: LEASE,
        filter: ReviewFilter { assignee: None, ..part.filter(person) },
        limit: 1,
    };
    let held = shared.live.store().claim_reviews(&claim).await;
    let held = held.map_err(|error| Failure::of_store(person.view, error))?;
    let path = match held.first() {
        Some(row) => {
            format!("/console/reviews/{}{}", segment(row.value.id.as_str()), told.query(part))
        }
        None => format!("/console/{}", told.query(part)),
    };
    Ok(layout::answer(Redirect::to(&path).into_response()))
}
