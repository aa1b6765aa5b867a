//! One answer to many questions: chosen by filter, held while they are looked at, shown with all that would change, given
//! together and taken back together.

use crate::access::{Person, View};
use crate::failure::Failure;
use crate::layout::{self, Tab, age, band, token};
use crate::part::{Part, segment};
use crate::question::{REASONS, fresh};
use crate::queue::{self, MOST_HELD, Names, is_blind, name_of, take};
use crate::{Shared, State};
use axum::extract::{Form, Path};
use axum::response::{IntoResponse, Redirect, Response};
use domain::{Decision, MasterId, Review, ReviewId, SkuKey, Stored, Verdict, Version};
use live::{Answer, Eye, Preview, notes, now};
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use store::{DecisionFilter, Page, StoreError};

/// Days back that bulk answers are listed.
const LISTED_DAYS: i64 = 30;

/// On the queue's page: the way to one answer for all that the filters leave.
pub fn ask(view: &View, person: &Person, part: &Part, count: i64) -> Markup {
    html! {
        details.bulk {
            summary { (view.say("One answer for many", "批量回答")) }
            form method="post" action="/console/bulk" {
                (token(person)) (part.fields())
                p.soft { (view.say(
                    "The filters above choose the questions. Nothing changes yet: the next page shows what would.",
                    "由上面的筛选决定是哪些问题。现在不会有任何改变：下一页先显示会改变什么。")) }
                div.start {
                    label { (view.say("answer", "回答为"))
                        select name="verdict" {
                            option value="different" { (view.say("different", "不同")) }
                            option value="same" { (view.say("the same", "相同")) }
                            option value="new" { (view.say("products of their own", "各是单独的商品")) }
                        }
                    }
                    label { (view.say("what differs", "不同在于"))
                        select name="reason" {
                            option value="" { "–" }
                            @for (_, value, en, zh) in REASONS { option value=(value) { (view.say(en, zh)) } }
                        }
                    }
                    label { (view.say("at most", "最多"))
                        select name="count" { @for count in ["10", "25", "50", "100"] { option value=(count) selected[count == "25"] { (count) } } }
                    }
                    button { (view.say("Show what would change", "先看会改变什么")) }
                    span.soft { (queue::thousands(count)) " " (view.say("questions fit", "个问题符合")) }
                    a href="/console/bulk" { (view.say("Bulk answers so far", "以往的批量回答")) }
                }
            }
        }
    }
}

fn verdict_of(word: &str) -> Option<Verdict> {
    Verdict::parse(word).filter(|verdict| *verdict != Verdict::Unsure)
}

fn in_words(view: &View, verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Same => view.say("the same", "相同"),
        Verdict::Different => view.say("different", "不同"),
        Verdict::New => view.say("products of their own", "各是单独的商品"),
        Verdict::Unsure => view.say("not to be told", "看不出来"),
    }
}

#[derive(Deserialize)]
pub struct Asking {
    token: String,
    verdict: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    count: String,
    #[serde(flatten)]
    part: Part,
}

fn eye(person: &Person) -> Eye {
    if person.may_approve() { Eye::MayBeSecond } else { Eye::First }
}

/// Claims the questions, so that nobody else answers them meanwhile, and shows what the answer would do to each.
pub async fn preview(
    axum::extract::State(shared): State,
    person: Person,
    Form(form): Form<Asking>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_decide(), "a steward")?;
    let view = person.view;
    let verdict = verdict_of(&form.verdict).ok_or_else(|| no_verdict(view))?;
    let count = form.count.parse().unwrap_or(25).clamp(1, MOST_HELD);
    // An audit is judged one by one, blind.
    let mut rows = Vec::new();
    for row in take(&shared, &person, &form.part, count).await? {
        if notes::read::<notes::Evidence>(&row.value.evidence).audit {
            let id = std::slice::from_ref(&row.value.id);
            let back = shared.live.store().release_reviews(id, &person.actor(), now()).await;
            back.map_err(|error| Failure::of_store(view, error))?;
        } else {
            rows.push(row);
        }
    }
    let reason = if verdict == Verdict::Different { form.reason.as_str() } else { "" };
    let mut previews = Vec::with_capacity(rows.len());
    for row in &rows {
        let answer = Answer {
            review: row.value.id.clone(),
            verdict,
            reason: reason.to_owned(),
            seen: row.version,
            eye: eye(&person),
        };
        let preview = shared.live.preview(&answer, &person.actor()).await;
        previews.push(preview.map_err(|error| Failure::of(view, error))?);
    }
    let names = Names::of(shared.live.store(), &rows).await;
    let names = names.map_err(|error| Failure::of_store(view, error))?;
    let body = preview_page(&shared, &person, &form, verdict, &rows, &previews, &names);
    let title = view.say("What would change", "会改变什么");
    Ok(layout::page(&view, Some((&person, Tab::Queue, "/console/")), title, &body))
}

fn no_verdict(view: View) -> Failure {
    let text = view.say(
        "Choose one of: the same, different, products of their own.",
        "请选择：相同、不同、各是单独的商品。",
    );
    Failure::Refused(view, text.to_owned())
}

fn preview_page(
    shared: &Shared,
    person: &Person,
    form: &Asking,
    verdict: Verdict,
    rows: &[Stored<Review>],
    previews: &[Preview],
    names: &Names,
) -> Markup {
    let view = &person.view;
    if rows.is_empty() {
        return html! { section.empty {
            h2 { (view.say("No question fits", "没有符合的问题")) }
            p.soft { (view.say("Or all that fit are held by others, or put off.", "或者符合的都有人在看，或已搁置。")) }
            p { a.button href=(format!("/console/{}", form.part.query())) { (view.say("To the queue", "回到队列")) } }
        } };
    }
    let possible = previews.iter().filter(|preview| preview.obstacles.is_empty());
    let moved: BTreeSet<&SkuKey> =
        possible.clone().flat_map(|p| p.moves.iter().map(|(key, ..)| key)).collect();
    let merged: BTreeSet<&MasterId> = possible.clone().flat_map(|p| &p.merged).collect();
    let masters: BTreeSet<&MasterId> = rows.iter().map(|row| &row.value.master).collect();
    let withdrawn: BTreeSet<&ReviewId> = possible.clone().flat_map(|p| &p.withdrawn).collect();
    let able = possible.count();
    let count = |number: usize, en: &'static str, zh: &'static str| {
        html! { div.tile { b { (show::lang::thousands(number)) } (view.say(en, zh)) } }
    };
    html! {
        h1 { (view.say("What would change", "会改变什么")) " " small { (view.say("nothing has changed yet", "现在还没有任何改变")) } }
        p { (view.say("The answer to all of them: ", "对这些问题的回答：")) b { (in_words(view, verdict)) }
            @if !form.reason.is_empty() && verdict == Verdict::Different { " (" (reason_name(view, &form.reason)) ")" } }
        section.tiles {
            (count(able, "questions would be answered", "个问题会得到回答"))
            (count(masters.len(), "masters are asked about", "个主数据涉及"))
            (count(moved.len(), "SKUs would move", "条 SKU 会移动"))
            (count(merged.len(), "masters would go into another", "个主数据会并入别的"))
            (count(withdrawn.len(), "other questions would be settled too", "个其他问题随之解决"))
        }
        form method="post" action="/console/bulk/apply" data-renew="/console/held" {
            (token(person)) (form.part.fields())
            input type="hidden" name="verdict" value=(form.verdict);
            input type="hidden" name="reason_given" value=(form.reason);
            input type="hidden" name="request" value=(fresh());
            input type="hidden" name="bulk" value=(shared.live.new_bulk());
            div.scroll tabindex="0" { table.list.queue {
                thead { tr {
                    th { (view.say("Answer", "回答")) }
                    th { (view.say("Confidence", "置信度")) }
                    th { (view.say("This", "这条")) }
                    th { (view.say("and the master", "与主数据")) }
                    th { (view.say("What happens", "会怎样")) }
                } }
                tbody { @for (row, preview) in rows.iter().zip(previews) {
                    @let review = &row.value;
                    @let can = preview.obstacles.is_empty();
                    @let picked = format!("{}:{}", review.id, row.version);
                    tr {
                        td {
                            input type="hidden" name="held" value=(review.id);
                            input type="checkbox" name="pick" value=(picked) checked[can] disabled[!can]
                                aria-label=(show::html::cut(names.sku(&review.sku), 60).0);
                        }
                        td.number { @if is_blind(view, review) { "–" } @else { (band(view, review.confidence.get())) } }
                        td { a href=(format!("/console/reviews/{}", segment(review.id.as_str()))) { (layout::made(show::html::name(names.sku(&review.sku)))) }
                            small { bdi { (review.sku.node) } } }
                        td { (layout::made(show::html::name(names.master(&review.master)))) }
                        td { (effect(view, review, verdict, preview)) }
                    }
                } }
            } }
            div.start {
                button.primary.large name="how" value="apply" { (view.say("Give this answer", "确认批量回答")) }
                button.large name="how" value="release" { (view.say("Change nothing", "不做改变")) }
                span.soft { (view.say(
                    "The ticked ones are answered in this order; one that an earlier answer settles is left as that leaves it. All can be taken back at once.",
                    "按此顺序回答勾选的问题；若前面的回答已解决后面的问题，则保持其结果。可以一次全部撤回。")) }
            }
        }
    }
}

/// What one answer would do.
fn effect(view: &View, review: &Review, verdict: Verdict, preview: &Preview) -> Markup {
    if let Some(obstacle) = preview.obstacles.first() {
        return html! { span.problem-text { (view.say("Cannot be answered so: ", "不能这样回答：")) bdi { (obstacle) } } };
    }
    let others = preview.moves.iter().filter(|(key, ..)| *key != review.sku).count();
    html! {
        @match verdict {
            _ if preview.needs_second_person => { (view.say("kept; a second person has to agree", "保存，等第二个人同意")) }
            Verdict::Same if preview.moves.is_empty() => { (view.say("stays a member, confirmed", "仍是成员，得到确认")) }
            Verdict::Same => { (view.say("joins the master", "加入该主数据")) }
            Verdict::Different if preview.moves.is_empty() => { (view.say("stays apart; not asked again", "保持分开，不再询问")) }
            Verdict::Different => { (view.say("leaves the master", "移出该主数据")) }
            Verdict::New => { (view.say("gets a master of its own", "建立单独的主数据")) }
            Verdict::Unsure => {}
        }
        @if others > 0 { small { (others) " " (view.say("others move with it", "条其他 SKU 一起移动")) } }
        @if !preview.merged.is_empty() { small { (preview.merged.len()) " " (view.say("masters go into it", "个主数据并入")) } }
        @if !preview.withdrawn.is_empty() { small { (preview.withdrawn.len()) " " (view.say("other questions settled", "个其他问题随之解决")) } }
    }
}

fn reason_name<'a>(view: &View, reason: &'a str) -> &'a str {
    REASONS.iter().find(|(_, value, ..)| *value == reason).map_or(reason, |(_, _, en, zh)| view.say(en, zh))
}

/// Gives the answer, or lets the questions go.
pub async fn apply(
    axum::extract::State(shared): State,
    person: Person,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let view = person.view;
    let field = |name: &str| {
        fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    person.writes(field("token"), person.may_decide(), "a steward")?;
    let held: Vec<ReviewId> =
        fields.iter().filter(|(key, _)| key == "held").map(|(_, id)| ReviewId::new(id)).collect();
    let picked = fields.iter().filter(|(key, _)| key == "pick" && field("how") == "apply");
    let verdict = verdict_of(field("verdict")).ok_or_else(|| no_verdict(view))?;
    let bulk = field("bulk");
    if !bulk.starts_with("b-") || bulk.len() > 64 || field("request").is_empty() || held.len() > MOST_HELD {
        return Err(Failure::Forged(view));
    }
    let reason = if verdict == Verdict::Different { field("reason_given") } else { "" };
    let answers: Vec<Answer> = picked
        .filter_map(|(_, value)| {
            let (id, version) = value.rsplit_once(':')?;
            Some(Answer {
                review: ReviewId::new(id),
                verdict,
                reason: reason.chars().take(100).collect(),
                seen: Version(version.parse().ok()?),
                eye: eye(&person),
            })
        })
        .collect();
    let mut given = 0;
    if !answers.is_empty() {
        let mut writer = person.writer("console.bulk", &format!("bulk/{bulk}"), field("request"));
        writer.bulk = Some(bulk.to_owned());
        let settled = shared.live.decide_all(&answers, &writer).await;
        let settled = settled.map_err(|error| Failure::of(view, error))?;
        given = settled.iter().filter(|one| matches!(one, live::Settled::Decided(_))).count();
    }
    for id in held.iter().filter(|id| !answers.iter().any(|answer| answer.review == **id)) {
        match shared.live.store().release_reviews(std::slice::from_ref(id), &person.actor(), now()).await {
            Ok(_)
            | Err(
                StoreError::LeaseLost { .. } | StoreError::Precondition { .. } | StoreError::NotFound { .. },
            ) => {}
            Err(error) => return Err(Failure::of_store(view, error)),
        }
    }
    let path = match given {
        0 => "/console/".to_owned(),
        _ => format!("/console/bulk/{}", segment(bulk)),
    };
    Ok(layout::answer(Redirect::to(&path).into_response()))
}

/// One bulk answer: what it said, and the way back.
pub async fn show(
    axum::extract::State(shared): State,
    person: Person,
    Path(bulk): Path<String>,
) -> Result<Response, Failure> {
    let view = person.view;
    let given = shared.live.bulk(&bulk).await.map_err(|error| Failure::of(view, error))?;
    let path = format!("/console/bulk/{}", segment(&bulk));
    let keys: Vec<SkuKey> = given.iter().map(|row| row.value.sku.clone()).collect();
    let ids: Vec<MasterId> = given.iter().filter_map(|row| row.value.master.clone()).collect();
    let broken = |error| Failure::of_store(view, error);
    let skus: BTreeMap<SkuKey, String> = shared
        .live
        .store()
        .skus(&keys)
        .await
        .map_err(broken)?
        .into_iter()
        .map(|row| (row.value.sku.key, row.value.sku.name))
        .collect();
    let masters: BTreeMap<MasterId, String> = shared
        .live
        .store()
        .masters(&ids)
        .await
        .map_err(broken)?
        .into_iter()
        .map(|row| (row.value.id, row.value.golden.name.value))
        .collect();
    let body = html! {
        @match given.first() {
            None => { section.empty {
                h2 { (view.say("None of these answers holds any more", "这批回答都已撤回")) }
                p.soft { (view.say("The questions are back in the queue.", "问题已回到队列。")) }
            } }
            Some(first) => {
                h1 { (view.say("Answered together", "批量回答")) " " small {
                    (given.len()) " " (in_words(&view, first.value.verdict)) " · " bdi { (name_of(&first.value.actor)) } " · " (age(&view, first.value.at)) } }
                @if person.may_decide() {
                    form.start method="post" action=(format!("{path}/undo")) {
                        (token(&person))
                        button.large data-key="u" { (view.say("Take all of it back", "全部撤回")) kbd { "u" } }
                        span.soft { (view.say("Each question comes back as it was.", "每个问题都会回到原来的样子。")) }
                    }
                }
                div.scroll tabindex="0" { table.list {
                    thead { tr { th { (view.say("SKU", "SKU")) } th { (view.say("Master", "主数据")) } th { (view.say("Answer", "回答")) } } }
                    tbody { @for row in &given {
                        tr {
                            td { (layout::made(show::html::name(skus.get(&row.value.sku).map(String::as_str).unwrap_or_default()))) small { bdi { (row.value.sku.node) } } }
                            td { @if let Some(id) = &row.value.master { a href=(format!("/console/masters/{}", segment(id.as_str()))) {
                                (layout::made(show::html::name(masters.get(id).map(String::as_str).unwrap_or_default()))) } } }
                            td { (in_words(&view, row.value.verdict)) }
                        }
                    } }
                } }
            }
        }
        p { a.button href="/console/" { (view.say("To the queue", "回到队列")) } " " a.button href="/console/bulk" { (view.say("Bulk answers so far", "以往的批量回答")) } }
    };
    let title = view.say("Answered together", "批量回答");
    Ok(layout::page(&view, Some((&person, Tab::Queue, &path)), title, &body))
}

/// The bulk answers of the last weeks that hold.
pub async fn list(axum::extract::State(shared): State, person: Person) -> Result<Response, Failure> {
    let view = person.view;
    let since = Some(now().plus_seconds(-86_400 * LISTED_DAYS));
    let filter = DecisionFilter { since, ..DecisionFilter::default() };
    let mut page = Page::first(1_000);
    let mut groups: Vec<(String, Stored<Decision>, usize)> = Vec::new();
    loop {
        let paged = shared.live.store().decisions(&filter, &page).await;
        let paged = paged.map_err(|error| Failure::of_store(view, error))?;
        for row in paged.items {
            let Some(bulk) = notes::read::<notes::Seen>(&row.value.seen).bulk else { continue };
            match groups.iter_mut().find(|(known, ..)| *known == bulk) {
                Some((.., count)) => *count += 1,
                None => groups.push((bulk, row, 1)),
            }
        }
        let Some(next) = paged.next else { break };
        page = Page::after(1_000, Some(next));
    }
    let body = html! {
        h1 { (view.say("Bulk answers", "批量回答")) " " small { (view.say("of the last thirty days, that hold", "近三十天内仍有效的")) } }
        @if groups.is_empty() { section.empty { h2 { (view.say("None", "没有")) } } }
        @else { div.scroll tabindex="0" { table.list {
            thead { tr { th { (view.say("Who", "谁")) } th { (view.say("When", "多久前")) } th { (view.say("Answer", "回答")) } th { (view.say("Questions", "问题数")) } th {} } }
            tbody { @for (bulk, first, count) in &groups {
                tr {
                    td { bdi { (name_of(&first.value.actor)) } }
                    td { (age(&view, first.value.at)) }
                    td { (in_words(&view, first.value.verdict)) }
                    td.number { (count) }
                    td { a href=(format!("/console/bulk/{}", segment(bulk))) { (view.say("Look, or take back", "查看或撤回")) } }
                }
            } }
        } } }
    };
    let title = view.say("Bulk answers", "批量回答");
    Ok(layout::page(&view, Some((&person, Tab::Queue, "/console/bulk")), title, &body))
}

pub async fn undo(
    axum::extract::State(shared): State,
    person: Person,
    Path(bulk): Path<String>,
    Form(form): Form<crate::access::Token>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_decide(), "a steward")?;
    let writer = person.writer("console.undo_bulk", &format!("bulk/{bulk}"), "");
    let undone = shared.live.undo_bulk(&bulk, &writer).await;
    undone.map_err(|error| Failure::of(person.view, error))?;
    Ok(layout::answer(Redirect::to("/console/?said=undone").into_response()))
}
