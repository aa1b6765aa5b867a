//! The queue: what waits, most valuable first, and who holds what for how long.

use crate::State;
use crate::access::{Person, View};
use crate::failure::Failure;
use crate::layout::{self, Tab, age, band, token};
use crate::part::{Part, segment};
use axum::extract::{Form, Query};
use axum::response::{IntoResponse, Redirect, Response};
use domain::{MasterId, NodeId, Review, ReviewId, ReviewState, SkuKey, Stored, Timestamp};
use http::StatusCode;
use live::{notes, now};
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use store::{Claim, Deleted, Page, ReviewFilter, StoreError};

const SHOWN: usize = 50;
/// Questions that one person may hold at once.
pub const MOST_HELD: usize = 100;

/// What the lines of a list of questions need to know.
pub struct Names {
    skus: BTreeMap<SkuKey, (String, Option<String>)>,
    masters: BTreeMap<MasterId, String>,
}

impl Names {
    pub async fn of(store: &store::Store, rows: &[Stored<Review>]) -> store::Result<Names> {
        let keys: Vec<SkuKey> = rows.iter().map(|row| row.value.sku.clone()).collect();
        let ids: Vec<MasterId> = rows.iter().map(|row| row.value.master.clone()).collect();
        let skus = store.skus(&keys).await?.into_iter();
        let masters = store.masters(&ids).await?.into_iter();
        Ok(Names {
            skus: skus
                .map(|row| (row.value.sku.key.clone(), (row.value.sku.name, row.value.sku.category)))
                .collect(),
            masters: masters.map(|row| (row.value.id, row.value.golden.name.value)).collect(),
        })
    }

    pub fn sku(&self, key: &SkuKey) -> &str {
        self.skus.get(key).map(|(name, _)| name.as_str()).unwrap_or_default()
    }

    pub fn master(&self, id: &MasterId) -> &str {
        self.masters.get(id).map(String::as_str).unwrap_or_default()
    }

    fn categories(&self) -> Vec<String> {
        let all: BTreeSet<&String> =
            self.skus.values().filter_map(|(_, category)| category.as_ref()).collect();
        all.into_iter().cloned().collect()
    }
}

/// Who holds a question now.
pub fn holder(review: &Review) -> Option<&domain::Actor> {
    review.assignee.as_ref().filter(|_| review.lease_until.is_some_and(|until| until > now()))
}

pub fn name_of(actor: &domain::Actor) -> &str {
    actor.as_str().trim_start_matches("user:")
}

/// Whether the machine's opinion is kept back: by the person's wish, or because it is an audit.
pub fn is_blind(view: &View, review: &Review) -> bool {
    view.blind || notes::read::<notes::Evidence>(&review.evidence).audit
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
    let whole = ReviewFilter::default();
    let second = ReviewFilter { agreed: Some(true), ..ReviewFilter::default() };
    let (some, hundred, thousand) = (Page::first(SHOWN), Page::first(100), Page::first(1_000));
    let part_stats =
        async { if filter == whole { Ok(None) } else { store.queue_stats(&filter, now()).await.map(Some) } };
    // Beside each other: of a long queue each takes a while.
    let (stats, here, waiting, second, nodes) = tokio::try_join!(
        store.queue_stats(&whole, now()),
        part_stats,
        store.reviews(&filter, &some),
        store.reviews(&second, &hundred),
        store.nodes(Deleted::Hidden, &thousand),
    )
    .map_err(broken)?;
    let here = here.as_ref().unwrap_or(&stats);
    let nodes: Vec<NodeId> = nodes.items.into_iter().map(|node| node.value.id).collect();
    let (waiting, second) = (waiting.items, second.items.len());
    let names = Names::of(store, &waiting).await.map_err(broken)?;
    let own = held_by(&shared, &person).await?;

    let waits = stats.open + stats.claimed + stats.deferred;
    let is_late = stats.late;
    let tile = |count: i64, en: &'static str, zh: &'static str| {
        html! { div.tile { b { (thousands(count)) } (view.say(en, zh)) } }
    };
    let body = html! {
        (told.toast(&person))
        h1.hidden { (view.say("Queue", "队列")) }
        section.tiles aria-label=(view.say("The queue in numbers", "队列概况")) {
            (tile(stats.open, "wait for an answer", "待回答"))
            (tile(stats.claimed, "held by somebody", "有人在看"))
            (tile(stats.deferred, "put off", "已搁置"))
            div.tile { b { (thousands(stats.decided)) } a href="/console/answers" { (view.say("answered", "已回答")) } }
            div.tile.late[is_late > 0] {
                b { (show::lang::percent(usize::try_from(is_late).unwrap_or(0), usize::try_from(waits).unwrap_or(0))) }
                (view.say("wait for more than a week", "等待超过一周"))
                @if let Some(oldest) = stats.oldest_open { small { (view.say("the oldest: ", "最久：")) (age(&view, oldest)) } }
            }
        }
        @if second > 0 {
            p.notice { a href="/console/approvals" { (second) " " (view.say("wait for a second person", "个问题等第二个人同意")) } }
        }
        (part.form(&view, &nodes, &names.categories()))
        @if person.may_decide() && (!waiting.is_empty() || !own.is_empty()) {
            div.actions {
                form.start method="post" action="/console/claim" {
                    (token(&person)) (part.fields())
                    button.primary.large data-key="Enter" autofocus { (view.say("Start answering", "开始回答")) kbd { "⏎" } }
                    label { (view.say("take", "取"))
                        select name="count" aria-label=(view.say("how many questions", "取几个问题")) {
                            @for count in ["1", "5", "10", "20"] { option value=(count) { (count) } }
                        }
                    }
                    span.soft { (view.say("most valuable first; yours for ten minutes, longer while you look", "先问最有价值的；十分钟内归您，查看期间自动延长")) }
                }
                @if !own.is_empty() { (held_line(&view, &person, &part, &own)) }
            }
            (crate::bulk::ask(&view, &person, &part, here.open + here.claimed))
        }
        @if waiting.is_empty() {
            section.empty {
                h2 { (view.say("Nothing waits here", "这里没有待回答的问题")) }
                p.soft { (view.say("New questions come with new goods. The quality page shows how the links do.", "有新商品时会有新问题。质量页可以看到关联的情况。")) }
            }
        } @else {
            div.scroll tabindex="0" { table.queue {
                thead { tr {
                    th { (view.say("Confidence", "置信度")) }
                    th { (view.say("Is this", "这条")) }
                    th { (view.say("the same as", "是不是")) }
                    th { (view.say("Waits, or held by", "已等待／在看的人")) }
                    th { span.hidden { (view.say("Do", "操作")) } }
                } }
                tbody { @for row in &waiting { (line(&view, &person, &part, row, &names)) } }
            } }
            p.soft {
                (thousands(here.open + here.claimed + here.deferred)) " " (view.say("questions in this part", "个问题在此范围内"))
                @if waiting.len() == SHOWN { (view.say("; the first fifty are shown", "，只显示前五十条")) }
            }
        }
    };
    Ok(layout::page(&view, Some((&person, Tab::Queue, "/console/")), view.say("Queue", "队列"), &body))
}

pub fn thousands(count: i64) -> String {
    show::lang::thousands(usize::try_from(count).unwrap_or(0))
}

/// What a person holds now, most valuable first.
async fn held_by(shared: &crate::Shared, person: &Person) -> Result<Vec<Stored<Review>>, Failure> {
    let mine = ReviewFilter {
        assignee: Some(person.actor()),
        states: vec![ReviewState::Claimed],
        ..ReviewFilter::default()
    };
    let held = shared.live.store().reviews(&mine, &Page::first(2 * MOST_HELD)).await;
    let mut held = held.map_err(|error| Failure::of_store(person.view, error))?.items;
    held.retain(|row| holder(&row.value).is_some());
    Ok(held)
}

fn held_line(view: &View, person: &Person, part: &Part, own: &[Stored<Review>]) -> Markup {
    let ends = own.iter().filter_map(|row| row.value.lease_until).min();
    html! {
        form.held method="post" action="/console/held" data-renew="/console/held" {
            (token(person)) (part.fields())
            b { (own.len()) } " " (view.say("held by you,", "个问题在您手里，"))
            @if let Some(until) = ends { " " (left(view, until)) }
            button name="how" value="renew" { (view.say("Keep them longer", "延长")) }
            button name="how" value="release" { (view.say("Give all back", "全部放回")) }
        }
    }
}

/// How long a lease runs still; the script counts it down.
pub fn left(view: &View, until: Timestamp) -> Markup {
    let seconds = ((until.0 - now().0) / 1_000_000).max(0);
    html! {
        span.lease data-left=(seconds) {
            (view.say("", "还剩 ")) b { (format!("{}:{:02}", seconds / 60, seconds % 60)) } (view.say(" left", ""))
        }
    }
}

fn line(view: &View, person: &Person, part: &Part, row: &Stored<Review>, names: &Names) -> Markup {
    let review = &row.value;
    let holder = holder(review);
    let mine = holder == Some(&person.actor());
    let path = format!("/console/reviews/{}{}", segment(review.id.as_str()), part.query());
    let put_off = review.deferred_until.filter(|until| *until > now());
    html! {
        tr {
            td.number {
                @if is_blind(view, review) { span.soft { (view.say("blind", "盲审")) } } @else { (band(view, review.confidence.get())) }
            }
            td { a href=(path) { (layout::made(show::html::name(names.sku(&review.sku)))) } small { bdi { (review.sku.node) } } }
            td { (layout::made(show::html::name(names.master(&review.master)))) }
            td { @match holder {
                Some(_) if mine => { (view.say("you", "您")) " " @if let Some(until) = review.lease_until { (left(view, until)) } }
                Some(holder) => { bdi { (name_of(holder)) } }
                None => { span.soft { (age(view, row.created)) @if put_off.is_some() { " · " (view.say("put off", "已搁置")) } } }
            } }
            td { @if person.may_decide() && (mine || holder.is_none()) {
                form method="post" action="/console/claim" {
                    (token(person)) (part.fields())
                    input type="hidden" name="id" value=(review.id);
                    button aria-label=(format!("{} {}", view.say("Answer:", "回答："), show::html::cut(names.sku(&review.sku), 60).0)) { (view.say("Answer", "回答")) }
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
    #[serde(default)]
    count: String,
    #[serde(flatten)]
    part: Part,
}

/// Takes a question, or the next ones, under a lease, and goes to the first.
pub async fn claim(
    axum::extract::State(shared): State,
    person: Person,
    Form(form): Form<Claiming>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_decide(), "a steward")?;
    let store = shared.live.store();
    if form.id.is_empty() {
        let count: usize = form.count.parse().unwrap_or(1);
        if count > 1 {
            let own = held_by(&shared, &person).await?.len();
            take(&shared, &person, &form.part, count.min(MOST_HELD.saturating_sub(own))).await?;
        }
        return next(&shared, &person, &form.part, &Told::default()).await;
    }
    let id = ReviewId::new(&form.id);
    let held = store
        .claim_named(std::slice::from_ref(&id), &person.actor(), now(), shared.settings.lease_seconds)
        .await;
    held.map_err(|error| Failure::of_store(person.view, error))?;
    let path = format!("/console/reviews/{}{}", segment(&form.id), form.part.query());
    Ok(layout::answer(Redirect::to(&path).into_response()))
}

/// Claims so many questions of a part.
pub async fn take(
    shared: &crate::Shared,
    person: &Person,
    part: &Part,
    count: usize,
) -> Result<Vec<Stored<Review>>, Failure> {
    let claim = Claim {
        by: person.actor(),
        at: now(),
        lease_seconds: shared.settings.lease_seconds,
        filter: part.claimable(person),
        limit: count,
    };
    let held = shared.live.store().claim_reviews(&claim).await;
    held.map_err(|error| Failure::of_store(person.view, error))
}

#[derive(Deserialize)]
pub struct Held {
    token: String,
    #[serde(default)]
    how: String,
    #[serde(flatten)]
    part: Part,
}

/// All that a person holds: kept longer, or given back. Without a button it is the page's sign of life.
pub async fn held(
    axum::extract::State(shared): State,
    person: Person,
    Form(form): Form<Held>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_decide(), "a steward")?;
    let (store, by) = (shared.live.store(), person.actor());
    for row in held_by(&shared, &person).await? {
        let id = std::slice::from_ref(&row.value.id);
        let done = match form.how.as_str() {
            "release" => store.release_reviews(id, &by, now()).await,
            _ => store.renew_reviews(id, &by, now(), shared.settings.lease_seconds).await,
        };
        match done {
            // The lease ended, or somebody was given it, between the two calls.
            Ok(_) | Err(StoreError::LeaseLost { .. } | StoreError::Precondition { .. }) => {}
            Err(error) => return Err(Failure::of_store(person.view, error)),
        }
    }
    if form.how.is_empty() {
        return Ok(layout::answer(StatusCode::NO_CONTENT));
    }
    let path = format!("/console/{}", form.part.query());
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
    pub fn said(said: &str) -> Told {
        Told { done: String::new(), said: said.to_owned() }
    }

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
            "other" => view.say("Linked to the other master.", "已关联到另一个主数据。"),
            "second" => view.say("Kept: a second person has to agree.", "已保存：还需要第二个人同意。"),
            "undone" => view.say("Taken back.", "已撤回。"),
            "gone" => view.say("That question is settled already.", "那个问题已经有了结果。"),
            "taken" => view.say(
                "Your time for that question had run out and somebody else has it now; nothing was changed.",
                "那个问题的租期已到，现在由别人在看；没有任何改变。",
            ),
            "given" => view.say("Given to that person.", "已转交。"),
            "parted" => view.say("It left the master.", "已移出该主数据。"),
            "written" => view.say("Written.", "已保存。"),
            "merged" => view.say("Merged.", "已合并。"),
            "split" => view.say("Split.", "已拆分。"),
            "reverted" => view.say("Gone back.", "已恢复。"),
            "approved" => view.say("Agreed and done.", "已同意并生效。"),
            "drawn" => view.say(
                "A sample of automatic links is in the queue, to be judged blind.",
                "已抽取自动关联放入队列，供盲审。",
            ),
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

/// Goes to the next question: one that the person holds already, else the next of the part, claimed; to the queue where none
/// is left.
pub async fn next(
    shared: &crate::Shared,
    person: &Person,
    part: &Part,
    told: &Told,
) -> Result<Response, Failure> {
    let mut row = None;
    if let Some(held) = held_by(shared, person).await?.into_iter().next() {
        let id = std::slice::from_ref(&held.value.id);
        let renewed = shared
            .live
            .store()
            .renew_reviews(id, &person.actor(), now(), shared.settings.lease_seconds)
            .await;
        // Lost since: another one.
        row = renewed.ok().and_then(|mut rows| rows.pop());
    }
    if row.is_none() {
        row = take(shared, person, part, 1).await?.pop();
    }
    let path = match row {
        Some(row) => format!("/console/reviews/{}{}", segment(row.value.id.as_str()), told.query(part)),
        None => format!("/console/{}", told.query(part)),
    };
    Ok(layout::answer(Redirect::to(&path).into_response()))
}
