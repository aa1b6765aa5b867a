//! The answers so far: looked at again, and taken back, any of them.

use crate::State;
use crate::access::{Person, View};
use crate::failure::Failure;
use crate::layout::{self, Tab, age, token};
use crate::part::segment;
use crate::queue::{Told, name_of};
use axum::extract::Query;
use axum::response::Response;
use domain::{Decision, MasterId, SkuKey, Verdict};
use live::notes;
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeMap;
use store::{DecisionFilter, Deleted, Page};

const SHOWN: usize = 50;

#[derive(Default, Deserialize)]
pub struct Asked {
    /// `all` for everybody's; one's own otherwise.
    #[serde(default)]
    whose: String,
    #[serde(default)]
    after: String,
}

pub async fn show(
    axum::extract::State(shared): State,
    person: Person,
    Query(asked): Query<Asked>,
    Query(told): Query<Told>,
) -> Result<Response, Failure> {
    let view = person.view;
    let broken = |error| Failure::of_store(view, error);
    let store = shared.live.store();
    let everybody = asked.whose == "all" || !person.may_decide();
    let filter = DecisionFilter {
        actor: (!everybody).then(|| person.actor()),
        undone: Deleted::Shown,
        ..DecisionFilter::default()
    };
    let page = Page::after(SHOWN, (!asked.after.is_empty()).then(|| asked.after.clone()));
    let given = store.decisions(&filter, &page).await.map_err(broken)?;
    let keys: Vec<SkuKey> = given.items.iter().map(|row| row.value.sku.clone()).collect();
    let ids: Vec<MasterId> = given.items.iter().filter_map(|row| row.value.master.clone()).collect();
    let skus = store.skus(&keys).await.map_err(broken)?;
    let skus: BTreeMap<&SkuKey, &str> =
        skus.iter().map(|row| (&row.value.sku.key, row.value.sku.name.as_str())).collect();
    let masters = store.masters(&ids).await.map_err(broken)?;
    let masters: BTreeMap<&MasterId, &str> =
        masters.iter().map(|row| (&row.value.id, row.value.golden.name.value.as_str())).collect();
    let title = view.say("Answers so far", "已有的回答");
    let body = html! {
        (told.toast(&person))
        h1 { (title) " " small { (if everybody { view.say("everybody's, newest first", "所有人，最新在前") } else { view.say("yours, newest first", "您的，最新在前") }) } }
        @if person.may_decide() { p {
            @if everybody { a.button href="/console/answers" { (view.say("Only mine", "只看我的")) } }
            @else { a.button href="/console/answers?whose=all" { (view.say("Everybody's", "所有人的")) } }
            " " a.button href="/console/bulk" { (view.say("Bulk answers", "批量回答")) }
        } }
        @if given.items.is_empty() { section.empty { h2 { (view.say("None yet", "还没有")) } } }
        @else { div.scroll tabindex="0" { table.list.queue {
            thead { tr {
                th { (view.say("Is this", "这条")) } th { (view.say("the same as", "是不是")) } th { (view.say("Answer", "回答")) }
                th { (view.say("Who, when", "谁，多久前")) } th { span.hidden { (view.say("Do", "操作")) } }
            } }
            tbody { @for row in &given.items {
                @let decision = &row.value;
                @let name = skus.get(&decision.sku).copied().unwrap_or_default();
                tr {
                    td { (layout::made(show::html::name(name))) small { bdi { (decision.sku.node) } } }
                    td { @if let Some(id) = &decision.master {
                        a href=(format!("/console/masters/{}", segment(id.as_str()))) { (layout::made(show::html::name(masters.get(id).copied().unwrap_or_default()))) }
                    } }
                    td { (in_words(&view, decision)) @if !decision.reason.is_empty() { small { bdi { (show::html::cut(&decision.reason, 120).0) } } } }
                    td { bdi { (name_of(&decision.actor)) } small { (age(&view, row.created)) } }
                    td { @match &decision.undone {
                        Some(undone) => { span.soft { (view.say("taken back by ", "已撤回：")) bdi { (name_of(&undone.by)) } } }
                        None if person.may_decide() => {
                            form method="post" action=(format!("/console/decisions/{}/undo", segment(decision.id.as_str()))) {
                                (token(&person))
                                button aria-label=(format!("{} {}", view.say("Take back:", "撤回："), show::html::cut(name, 60).0)) { (view.say("Take back", "撤回")) }
                            }
                        }
                        None => {}
                    } }
                }
            } }
        } } }
        @if let Some(next) = &given.next {
            p { a.button href=(format!("/console/answers?whose={}&after={}", segment(&asked.whose), segment(next))) { (view.say("Older", "更早")) } }
        }
    };
    Ok(layout::page(&view, Some((&person, Tab::Queue, "/console/answers")), title, &body))
}

fn in_words(view: &View, decision: &Decision) -> Markup {
    let seen: notes::Seen = notes::read(&decision.seen);
    html! {
        b { (match decision.verdict {
            Verdict::Same => view.say("the same", "相同"),
            Verdict::Different => view.say("different", "不同"),
            Verdict::New => view.say("a product of its own", "单独的商品"),
            Verdict::Unsure => view.say("not to be told", "看不出来"),
        }) }
        @if seen.vote { small { (view.say("a second person has to agree", "等第二个人同意")) } }
        @if seen.evidence.audit { small { (view.say("audit", "抽查")) } }
        @if seen.bulk.is_some() { small { (view.say("with others, in bulk", "批量")) } }
        @if decision.review.is_none() { small { (view.say("by hand", "手工")) } }
    }
}
