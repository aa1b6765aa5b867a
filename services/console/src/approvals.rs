//! Four eyes: what a first person has agreed to, and a second person has to.

use crate::State;
use crate::access::Person;
use crate::failure::Failure;
use crate::layout::{self, Tab, age, token};
use crate::part::segment;
use crate::queue::{Names, holder, name_of};
use axum::response::Response;
use domain::Verdict;
use live::notes;
use maud::html;
use store::{DecisionFilter, Page, ReviewFilter};

/// Questions that are shown.
const SHOWN: usize = 100;

pub async fn show(axum::extract::State(shared): State, person: Person) -> Result<Response, Failure> {
    let view = person.view;
    let broken = |error| Failure::of_store(view, error);
    let store = shared.live.store();
    let pending = ReviewFilter { agreed: Some(true), ..ReviewFilter::default() };
    let pending = store.reviews(&pending, &Page::first(SHOWN)).await.map_err(broken)?.items;
    let names = Names::of(store, &pending).await.map_err(broken)?;
    let mut lines = Vec::with_capacity(pending.len());
    for row in &pending {
        let given = DecisionFilter { review: Some(row.value.id.clone()), ..DecisionFilter::default() };
        let given = store.decisions(&given, &Page::first(20)).await.map_err(broken)?.items;
        let vote = given.into_iter().find(|row| {
            row.value.verdict == Verdict::Same && notes::read::<notes::Seen>(&row.value.seen).vote
        });
        lines.push((row, vote));
    }
    let body = html! {
        h1 { (view.say("Waiting for a second person", "等第二个人同意")) " " small { (pending.len()) } }
        p.soft { (view.say(
            "Where policy wants four eyes, putting together masters that people confirmed takes two persons: the second may approve, and is not the first.",
            "策略要求四眼原则时，合并经人工确认的主数据需要两个人：第二个人要有批准权限，且不能是第一个人。")) }
        @if pending.is_empty() {
            section.empty { h2 { (view.say("Nothing waits for a second person", "没有等第二个人的问题")) } }
        } @else {
            div.scroll tabindex="0" { table.list {
                thead { tr {
                    th { (view.say("Put this", "把这条")) } th { (view.say("into", "并入")) } th { (view.say("First person", "第一个人")) }
                    th { (view.say("Waits", "已等待")) } th { span.hidden { (view.say("Do", "操作")) } }
                } }
                tbody { @for (row, vote) in &lines {
                    @let review = &row.value;
                    @let evidence: notes::Evidence = notes::read(&review.evidence);
                    @let first = vote.as_ref().map(|vote| &vote.value.actor).or(evidence.agreed.as_ref());
                    @let own = first == Some(&person.actor());
                    @let held = holder(review).filter(|by| **by != person.actor());
                    tr {
                        td { a href=(format!("/console/reviews/{}", segment(review.id.as_str()))) { (layout::made(show::html::name(names.sku(&review.sku)))) }
                            small { bdi { (review.sku.node) } } }
                        td { a href=(format!("/console/masters/{}", segment(review.master.as_str()))) { (layout::made(show::html::name(names.master(&review.master)))) } }
                        td { @if let Some(first) = first { bdi { (name_of(first)) } } }
                        td { (age(&view, vote.as_ref().map_or(row.created, |vote| vote.created))) }
                        td {
                            @if own {
                                @if let Some(vote) = vote {
                                    form method="post" action=(format!("/console/decisions/{}/undo", segment(vote.value.id.as_str()))) {
                                        (token(&person))
                                        button { (view.say("Take back", "撤回")) }
                                    }
                                }
                            } @else if let Some(by) = held {
                                (view.say("held by ", "正在看的人：")) bdi { (name_of(by)) }
                            } @else if person.may_approve() {
                                form method="post" action="/console/claim" {
                                    (token(&person))
                                    input type="hidden" name="id" value=(review.id);
                                    button.primary { (view.say("Look and decide", "查看并决定")) }
                                }
                            } @else { span.soft { (view.say("an approver decides", "由有批准权限的人决定")) } }
                        }
                    }
                } }
            } }
        }
    };
    let title = view.say("Second person", "第二个人");
    Ok(layout::page(&view, Some((&person, Tab::Queue, "/console/approvals")), title, &body))
}
