//! One question: a SKU beside the master that it may belong to.

use crate::access::{Person, View};
use crate::failure::Failure;
use crate::layout::{self, Tab, band, made, token};
use crate::part::{Part, segment};
use crate::queue::{LEASE, Told, next};
use crate::{Shared, State};
use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::{CatalogSku, DecisionId, Review, ReviewId, Stored, Verdict, Version};
use engine::explain::{Group, Statement, Verdict as Stated};
use http::StatusCode;
use live::{Answer, Eye, Judged, LiveError, Query as Asked, Wanted, notes, now};
use maud::{Markup, html};
use serde::Deserialize;
use show::compare::{self, Side};
use show::kinds;
use store::Page;

/// Members that are shown side by side.
const MEMBERS: usize = 12;
const OTHERS: usize = 4;

struct Question {
    row: Stored<Review>,
    sku: Stored<CatalogSku>,
    master: Stored<domain::Master>,
    members: Vec<Stored<CatalogSku>>,
    /// The member that speaks for it most, and why.
    nearest: Option<(Stored<CatalogSku>, Judged)>,
    /// Other masters that it may belong to, with a confidence.
    others: Vec<(Stored<domain::Master>, f64)>,
}

async fn load(shared: &Shared, id: &ReviewId) -> Result<Question, LiveError> {
    let store = shared.live.store();
    let row = store.review(id).await?.ok_or_else(|| LiveError::not_found("review", id))?;
    let sku = shared.live.saved(std::slice::from_ref(&row.value.sku)).await?.remove(0).sku;
    let master = store.resolve_master(&row.value.master).await?.master;
    let members = store.members(&master.value.id, &Page::first(500)).await?.items;
    let members: Vec<_> =
        members.into_iter().filter(|member| member.value.sku.key != row.value.sku).collect();
    let evidence: notes::Evidence = notes::read(&row.value.evidence);
    let best = evidence
        .other
        .and_then(|other| members.iter().find(|member| member.value.sku.key == other))
        .or_else(|| members.first());
    let nearest = match best {
        Some(member) => {
            let pair = (Asked::Sku(row.value.sku.clone()), Asked::Sku(member.value.sku.key.clone()));
            let (judged, _) = shared.live.explain(&pair.0, &pair.1).await?;
            Some((member.clone(), judged))
        }
        None => None,
    };
    let wanted = Wanted { most: 12, min_confidence: 0.02, ..Wanted::default() };
    let (found, _) = shared.live.find(&Asked::Sku(row.value.sku.clone()), &wanted).await?;
    let mut others: Vec<(Stored<domain::Master>, f64)> = Vec::new();
    for one in found {
        let Some(id) = one.master.filter(|id| *id != master.value.id) else { continue };
        if others.len() < OTHERS && !others.iter().any(|(known, _)| known.value.id == id) {
            let resolved = store.resolve_master(&id).await?.master;
            others.push((resolved, one.judged.confidence.get()));
        }
    }
    Ok(Question { row, sku, master, members, nearest, others })
}

pub async fn show(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
    Query(part): Query<Part>,
    Query(told): Query<Told>,
) -> Result<Response, Failure> {
    let view = person.view;
    let question = load(&shared, &ReviewId::new(&id)).await.map_err(|error| Failure::of(view, error))?;
    let title = view.say("Is it the same?", "是同一商品吗？");
    let body = page(&shared, &person, &part, &told, &question);
    let path = format!("/console/reviews/{}{}", segment(&id), part.query());
    Ok(layout::page(&view, Some((&person, Tab::Queue, &path)), title, &body))
}

fn page(shared: &Shared, person: &Person, part: &Part, told: &Told, q: &Question) -> Markup {
    let view = &person.view;
    let review = &q.row.value;
    let held = review.lease_until.is_some_and(|until| until > now());
    let mine = held && review.assignee.as_ref() == Some(&person.actor());
    let summary = q.nearest.as_ref().map(|(_, judged)| judged.summary.clone()).unwrap_or_default();
    let statements = kinds::statements(&summary);
    let (own, nearest) = match &q.nearest {
        Some((member, _)) => compare::names(&q.sku.value.sku.name, &member.value.sku.name, &statements),
        None => (show::html::name(&q.sku.value.sku.name), String::new()),
    };
    let vetoed = q.nearest.as_ref().and_then(|(_, judged)| judged.veto.as_deref());
    html! {
        (told.toast(person))
        h1.ask { (view.say("Is this the same product, in the same pack?", "是同一种商品、同样的包装吗？")) }
        @if let Some(kind) = vetoed {
            p.veto { (view.say("What they state contradicts: ", "写明的内容互相矛盾：")) b { (kinds::kind_name(kind, view.language)) } }
        }
        div.sides {
            section.side {
                h2 { small { (view.say("this SKU", "这条")) } " " bdi { (q.sku.value.sku.key.node) } }
                p.name { (made(own)) }
                (facts(view, &q.sku.value, &statements, Side::Left))
            }
            section.side {
                h2 { small { (view.say("the master", "主数据")) }
                    " " a href=(format!("/console/masters/{}", segment(q.master.value.id.as_str()))) { bdi { (q.master.value.golden.name.value) } } }
                @if let Some((member, _)) = &q.nearest {
                    p.name { (made(nearest)) }
                    (facts(view, &member.value, &statements, Side::Right))
                } @else {
                    p.soft { (view.say("It has no other member any more.", "它已经没有其他成员。")) }
                }
            }
        }
        @if review.state.is_waiting() {
            (answers(person, part, q, mine, held))
        } @else {
            p.notice { (view.say("This question is settled.", "这个问题已经有了结果。")) " " a href="/console/" { (view.say("To the queue", "回到队列")) } }
        }
        section.why {
            h2 { (view.say("What they state", "写明的内容")) }
            (table(view, q))
            @if view.blind {
                details { summary data-key="b" { (view.say("Show what the machine thinks", "看看机器怎么认为")) kbd { "b" } }
                    (weights(view, q)) }
            } @else { (weights(view, q)) }
        }
        (members(shared, view, q))
        (others(view, q))
        (help(view, &format!("/console/reviews/{}", segment(review.id.as_str()))))
    }
}

fn facts(view: &View, sku: &CatalogSku, statements: &[kinds::Statement<'_>], side: Side) -> Markup {
    let row = &sku.sku;
    let fields = [
        ("brand", "品牌", &row.brand),
        ("spec", "规格", &row.spec),
        ("unit", "单位", &row.unit),
        ("category", "分类", &row.category),
        ("barcode", "条码", &row.gtin),
    ];
    html! {
        dl.facts {
            dt { (view.say("code", "编码")) } dd { code { bdi { (row.key.sku) } } }
            @for (en, zh, value) in fields {
                @if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
                    dt { (view.say(en, zh)) } dd { (made(compare::field(value, statements, side))) }
                }
            }
            @if let Some(price) = row.price { dt { (view.say("price", "价格")) } dd { (price) } }
        }
    }
}

fn answers(person: &Person, part: &Part, q: &Question, mine: bool, held: bool) -> Markup {
    let view = &person.view;
    let review = &q.row.value;
    let path = |what: &str| format!("/console/reviews/{}/{what}", segment(review.id.as_str()));
    if !person.may_decide() {
        return html! { p.notice { (view.say("Your role reads; a steward answers.", "您的角色只能查看；由管家回答。")) } };
    }
    if !mine {
        let holder = review.assignee.as_ref().map(|by| by.as_str().trim_start_matches("user:").to_owned());
        return html! {
            @if held {
                p.notice { (view.say("Held by ", "正在看的人：")) bdi { (holder.unwrap_or_default()) } }
            } @else {
                form.answers method="post" action="/console/claim" {
                    (token(person)) (part.fields())
                    input type="hidden" name="id" value=(review.id);
                    button.primary.large data-key="Enter" { (view.say("Answer this one", "回答这个问题")) kbd { "⏎" } }
                }
            }
        };
    }
    let request = fresh();
    html! {
        form.answers method="post" action=(path("decide")) data-renew=(path("renew")) {
            (token(person)) (part.fields())
            input type="hidden" name="etag" value=(q.row.version);
            input type="hidden" name="request" value=(request);
            div.verdicts {
                button.same name="verdict" value="same" data-key="s" { (view.say("Same", "相同")) kbd { "s" } }
                button.different name="verdict" value="different" data-key="d" { (view.say("Different", "不同")) kbd { "d" } }
                button name="verdict" value="new" data-key="n" { (view.say("A product of its own", "单独的商品")) kbd { "n" } }
                button name="verdict" value="unsure" data-key="x" { (view.say("Not to be told", "看不出来")) kbd { "x" } }
            }
            div.reasons role="radiogroup" aria-label=(view.say("What differs", "不同在哪里")) {
                @for (key, value, en, zh) in REASONS {
                    label { input type="radio" name="reason" value=(value) data-key=(key); (view.say(en, zh)) kbd { (key) } }
                }
                input.note name="note" maxlength="500" placeholder=(view.say("a note, if you like", "备注（可不填）"));
            }
        }
        form.leave method="post" action=(path("leave")) {
            (token(person)) (part.fields())
            button name="how" value="skip" data-key="ArrowRight" { (view.say("Skip", "跳过")) kbd { "→" } }
            button name="how" value="defer" data-key="l" { (view.say("Ask me tomorrow", "明天再问")) kbd { "l" } }
            button name="how" value="release" data-key="Escape" { (view.say("Give it back", "放回队列")) kbd { "esc" } }
        }
    }
}

pub const REASONS: [(&str, &str, &str, &str); 5] = [
    ("1", "size", "size", "规格"),
    ("2", "pack", "pack", "包装数"),
    ("3", "flavour", "flavour, colour", "口味颜色"),
    ("4", "model", "model", "型号"),
    ("5", "brand", "brand", "品牌"),
];

/// A name for this form, so that sending it twice answers once.
pub fn fresh() -> String {
    let mut bytes = [0u8; 12];
    // Without random bytes the form works, only not twice.
    match getrandom::fill(&mut bytes) {
        Ok(()) => BASE64_URL_SAFE_NO_PAD.encode(bytes),
        Err(_) => String::new(),
    }
}

/// Side by side, what contradicts first.
fn table(view: &View, q: &Question) -> Markup {
    let explained = q.nearest.as_ref().and_then(|(_, judged)| judged.explanation.as_ref());
    let branches = explained.map(|found| found.branches.as_slice()).unwrap_or_default();
    let mut stated: Vec<&Statement> = branches.iter().flat_map(|branch| &branch.statements).collect();
    stated.sort_by_key(|said| match said.verdict {
        Stated::Differs => 0,
        Stated::Partly => 1,
        Stated::Agrees => 2,
        Stated::Unknown => 3,
    });
    html! {
        @if stated.is_empty() {
            p.soft { (view.say("Nothing that could be compared: only the wording.", "没有可比较的内容，只有文字本身。")) }
        } @else {
            div.scroll { table.stated {
                tbody { @for said in stated {
                    @let (class, sign, meaning) = meaning(view, said.verdict);
                    tr class=(class) {
                        th scope="row" { (kinds::kind_name(&said.kind, view.language)) }
                        td { bdi { (said.left) } }
                        td.sign { (sign) }
                        td { bdi { (said.right) } }
                        td.soft { (meaning) }
                    }
                } }
            } }
        }
    }
}

fn meaning(view: &View, verdict: Stated) -> (&'static str, &'static str, &'static str) {
    match verdict {
        Stated::Differs => ("differs", "≠", view.say("differs", "不同")),
        Stated::Partly => ("partly", "≈", view.say("partly the same", "部分一致")),
        Stated::Agrees => ("agrees", "=", view.say("agrees", "一致")),
        Stated::Unknown => ("one-sided", "?", view.say("one side only: unknown", "仅一方写明：未知")),
    }
}

/// What each kind of evidence weighed, as bars to both sides of a line.
fn weights(view: &View, q: &Question) -> Markup {
    let Some((_, judged)) = &q.nearest else { return html! {} };
    let branches = judged.explanation.as_ref().map(|found| found.branches.as_slice()).unwrap_or_default();
    let most = branches.iter().map(|branch| branch.weight.abs()).fold(1.0f32, f32::max);
    html! {
        h2 { (view.say("What the machine thinks", "机器怎么认为")) " " (band(view, q.row.value.confidence.get())) }
        table.weights { tbody { @for branch in branches {
            tr {
                th scope="row" { (group_name(view, branch.group)) }
                td { svg viewBox="-100 0 200 14" width="240" height="14" role="img" aria-label=(format!("{:+.1}", branch.weight)) {
                    line x1="0" y1="0" x2="0" y2="14" {}
                    @let length = 96.0 * branch.weight.abs() / most;
                    rect class=(if branch.weight >= 0.0 { "for" } else { "against" })
                        x=(if branch.weight >= 0.0 { "0".to_owned() } else { format!("{:.1}", -length) })
                        y="2" width=(format!("{length:.1}")) height="10" rx="2" {}
                } }
                td.number { (format!("{:+.1}", branch.weight)) }
            }
        } } }
        p.soft.small { (view.say("Bars to the right speak for the same, to the left against (log-odds of this pair alone).", "向右支持相同，向左反对（仅这一对的对数几率）。")) }
    }
}

fn group_name(view: &View, group: Group) -> &'static str {
    match group {
        Group::Identity => view.say("brand, product", "品牌、品类"),
        Group::Quantity => view.say("amounts", "含量"),
        Group::Pack => view.say("pack", "包装"),
        Group::Code => view.say("codes, numbers", "型号、数字"),
        Group::Variant => view.say("flavour, colour …", "口味、颜色等"),
        Group::Likeness => view.say("wording and meaning", "文字与语义"),
        Group::Standing => view.say("among its rivals", "与其他候选相比"),
    }
}

fn members(shared: &Shared, view: &View, q: &Question) -> Markup {
    if q.members.len() < 2 {
        return html! {};
    }
    let engine = shared.live.engine();
    let own = &q.sku.value.sku;
    html! {
        section.members {
            h2 { (view.say("All members of the master", "主数据的全部成员")) " " small { (q.members.len()) } }
            div.scroll { table { tbody { @for member in q.members.iter().take(MEMBERS) {
                @let reason = engine.reason(own, &member.value.sku, None);
                @let stated = kinds::statements(&reason);
                @let name = compare::names(&own.name, &member.value.sku.name, &stated).1;
                tr {
                    th scope="row" { bdi { (member.value.sku.key.node) } }
                    td { (made(name)) " "
                        @for part in [&member.value.sku.brand, &member.value.sku.spec].into_iter().flatten() {
                            small { (made(compare::field(part, &stated, Side::Right))) " " }
                        }
                    }
                }
            } } } }
        }
    }
}

fn others(view: &View, q: &Question) -> Markup {
    if q.others.is_empty() {
        return html! {};
    }
    html! {
        section.others {
            h2 { (view.say("Other masters that it may be", "也可能是这些主数据")) }
            ul { @for (master, confidence) in &q.others {
                li {
                    a href=(format!("/console/masters/{}", segment(master.value.id.as_str()))) { bdi { (master.value.golden.name.value) } }
                    @if !view.blind { " " (band(view, *confidence)) }
                }
            } }
        }
    }
}

fn help(view: &View, path: &str) -> Markup {
    let keys = [
        ("s", "the same", "相同"),
        ("d", "different; before it 1–5 says what differs", "不同；先按 1–5 说明不同在哪里"),
        ("n", "a product of its own, like nothing that is known", "单独的商品，已知的都不是"),
        ("x", "not to be told from what is written", "从文字看不出来"),
        ("u", "take the last answer back", "撤回上一个回答"),
        ("→", "skip: somebody else may answer", "跳过，留给别人"),
        ("l", "ask again tomorrow", "明天再问"),
        ("b", "in blind mode: show the machine's opinion", "盲审模式下：显示机器的意见"),
        ("?", "this list", "这份说明"),
    ];
    html! {
        footer.tools {
            form.view method="post" action="/console/view" {
                input type="hidden" name="back" value=(path);
                button name="blind" value=(if view.blind { "0" } else { "1" }) {
                    (if view.blind { view.say("Always show the machine's opinion", "总是显示机器的意见") } else { view.say("Judge before seeing it (blind)", "先判断再看机器意见（盲审）") })
                }
            }
            button.plain type="button" data-dialog="help" data-key="?" { (view.say("Keys", "快捷键")) kbd { "?" } }
        }
        dialog id="help" {
            h2 { (view.say("One key each", "一键一答")) }
            table { @for (key, en, zh) in keys { tr { th { kbd { (key) } } td { (view.say(en, zh)) } } } }
            form method="dialog" { button { (view.say("Close", "关闭")) } }
        }
    }
}

#[derive(Deserialize)]
pub struct Decision {
    token: String,
    verdict: String,
    etag: i64,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    request: String,
    #[serde(flatten)]
    part: Part,
}

pub async fn decide(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
    Form(form): Form<Decision>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_decide(), "a steward")?;
    let view = person.view;
    let verdict = match form.verdict.as_str() {
        "same" => Verdict::Same,
        "different" => Verdict::Different,
        "new" => Verdict::New,
        "unsure" => Verdict::Unsure,
        other => return Err(Failure::Refused(view, format!("{other} is no verdict"))),
    };
    let said = if verdict == Verdict::Different { form.reason.as_str() } else { "" };
    let reason: Vec<&str> = [said, form.note.trim()].into_iter().filter(|part| !part.is_empty()).collect();
    let answer = Answer {
        review: ReviewId::new(&id),
        verdict,
        reason: reason.join(": ").chars().take(600).collect(),
        seen: Version(form.etag),
        eye: if person.may_approve() { Eye::MayBeSecond } else { Eye::First },
    };
    let writer = person.writer("console.decide", &format!("reviews/{id}"), &form.request);
    let told = match shared.live.decide(&answer, &writer).await {
        Ok(decided) => Told {
            done: decided.decision.value.id.to_string(),
            said: if decided.needs_second_person { "second".to_owned() } else { form.verdict.clone() },
        },
        // Settled meanwhile, or changed: the next one.
        Err(LiveError::Store(
            store::StoreError::Precondition { .. } | store::StoreError::Conflict { .. },
        )) => Told { done: String::new(), said: "gone".to_owned() },
        Err(error) => return Err(Failure::of(view, error)),
    };
    if verdict == Verdict::Unsure {
        // It stays open: not the next thing this person sees.
        defer(&shared, &person, &ReviewId::new(&id), 3_600).await?;
    }
    next(&shared, &person, &form.part, &told).await
}

#[derive(Deserialize)]
pub struct Leaving {
    token: String,
    how: String,
    #[serde(flatten)]
    part: Part,
}

pub async fn leave(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
    Form(form): Form<Leaving>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_decide(), "a steward")?;
    let id = ReviewId::new(&id);
    match form.how.as_str() {
        "defer" => defer(&shared, &person, &id, 86_400).await?,
        // For a quarter of an hour, so that the next one is another.
        "skip" => defer(&shared, &person, &id, 900).await?,
        _ => {
            let released = shared.live.store().release_reviews(&[id], &person.actor(), now()).await;
            released.map_err(|error| Failure::of_store(person.view, error))?;
            let path = format!("/console/{}", form.part.query());
            return Ok(layout::answer(Redirect::to(&path).into_response()));
        }
    }
    next(&shared, &person, &form.part, &Told::default()).await
}

async fn defer(shared: &Shared, person: &Person, id: &ReviewId, seconds: i64) -> Result<(), Failure> {
    let store = shared.live.store();
    let broken = |error| Failure::of_store(person.view, error);
    let Some(row) = store.review(id).await.map_err(broken)?.filter(|row| row.value.state.is_waiting()) else {
        return Ok(());
    };
    let review = Review {
        state: domain::ReviewState::Open,
        assignee: None,
        lease_until: None,
        deferred_until: Some(now().plus_seconds(seconds)),
        ..row.value
    };
    let put = store::Mutation::PutReview { review, expect: store::Expect::Version(row.version) };
    let batch = store::Batch::new(now(), &person.actor(), "defer").with(put);
    shared.live.commit(&batch).await.map(|_| ()).map_err(|error| Failure::of(person.view, error))
}

/// A sign of life from the page: the lease begins anew.
pub async fn renew(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
    Form(form): Form<crate::access::Token>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_decide(), "a steward")?;
    let id = ReviewId::new(&id);
    let held = shared.live.store().renew_reviews(&[id], &person.actor(), now(), LEASE).await;
    held.map_err(|error| Failure::of_store(person.view, error))?;
    Ok(layout::answer(StatusCode::NO_CONTENT))
}

pub async fn undo(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
    Form(form): Form<crate::access::Token>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_decide(), "a steward")?;
    let writer = person.writer("console.undo", &format!("decisions/{id}"), "");
    let undone = shared.live.undo(&DecisionId::new(&id), &writer).await;
    let undone = undone.map_err(|error| Failure::of(person.view, error))?;
    let told = Told { done: String::new(), said: "undone".to_owned() };
    let asked = undone.review.filter(|row| row.value.state.is_waiting());
    let path = match asked {
        Some(row) => {
            let id = row.value.id;
            let held = shared
                .live
                .store()
                .claim_named(std::slice::from_ref(&id), &person.actor(), now(), LEASE)
                .await;
            held.map_err(|error| Failure::of_store(person.view, error))?;
            format!("/console/reviews/{}{}", segment(id.as_str()), told.query(&Part::default()))
        }
        None => format!("/console/{}", told.query(&Part::default())),
    };
    Ok(layout::answer(Redirect::to(&path).into_response()))
}
