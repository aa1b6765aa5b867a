//! One question: a SKU beside the master that it may belong to.

use crate::access::{Person, View, decides};
use crate::failure::Failure;
use crate::layout::{self, Tab, band, made, token};
use crate::part::{Part, segment};
use crate::queue::{Told, holder, left, name_of, next};
use crate::{Shared, State};
use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::{CatalogSku, DecisionId, LocalSku, MasterId, Review, ReviewId, Stored, Verdict, Version};
use engine::explain::{Group, Statement, Verdict as Stated};
use http::StatusCode;
use live::{Answer, Eye, Force, Found, HandLink, Judged, LiveError, Query as Asked, Wanted, notes, now};
use maud::{Markup, html};
use serde::Deserialize;
use show::compare::{self, Side};
use show::kinds;
use store::Page;

/// Members that are shown side by side.
const MEMBERS: usize = 12;
const OTHERS: usize = 4;
const FOUND: usize = 6;

struct Question {
    row: Stored<Review>,
    sku: Stored<CatalogSku>,
    master: Stored<domain::Master>,
    members: Vec<Stored<CatalogSku>>,
    /// The member that speaks for it most, and why.
    nearest: Option<(Stored<CatalogSku>, Judged)>,
    /// Other masters that it may belong to.
    others: Vec<Candidate>,
    /// What was searched for, and the masters that were found.
    asked: String,
    found: Vec<Candidate>,
    /// Who else may answer.
    people: Vec<String>,
}

/// A master that the SKU may belong to, by the member that speaks for it most.
struct Candidate {
    master: Stored<domain::Master>,
    member: LocalSku,
    /// That the SKU means the member; `None` where it was not compared.
    confidence: Option<f64>,
    summary: String,
    veto: Option<String>,
}

/// The masters of what was found, each once, without those that are known.
async fn candidates(
    shared: &Shared,
    sku: &LocalSku,
    found: Vec<Found>,
    known: &MasterId,
    most: usize,
    confident: bool,
) -> Result<Vec<Candidate>, LiveError> {
    let mut all: Vec<Candidate> = Vec::new();
    for one in found {
        let Some(id) = one.master.filter(|id| id != known) else { continue };
        if all.len() == most
            || all.iter().any(|other| other.master.value.id == id)
            || one.sku.value.sku.key == sku.key
        {
            continue;
        }
        let master = shared.live.store().resolve_master(&id).await?.master;
        let member = one.sku.value.sku;
        let (summary, veto) = if confident {
            (one.judged.summary, one.judged.veto)
        } else {
            // Found by words: what it states against the SKU is looked at anew.
            let (judged, _) =
                shared.live.explain(&Asked::Sku(sku.key.clone()), &Asked::Sku(member.key.clone())).await?;
            (judged.summary, judged.veto)
        };
        let confidence = confident.then(|| one.judged.confidence.get());
        all.push(Candidate { master, member, confidence, summary, veto });
    }
    Ok(all)
}

async fn load(shared: &Shared, person: &Person, id: &ReviewId, asked: &str) -> Result<Question, LiveError> {
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
    let own = &sku.value.sku;
    let others = candidates(shared, own, found, &master.value.id, OTHERS, true).await?;
    let asked: String = asked.trim().chars().take(200).collect();
    let mut found = Vec::new();
    if !asked.is_empty() {
        let row = LocalSku { name: asked.clone(), ..LocalSku::named("", "", "") };
        let wanted = Wanted { most: 24, ..Wanted::default() };
        let (hits, _) = shared.live.find(&Asked::Row(Box::new(row)), &wanted).await?;
        found = candidates(shared, own, hits, &master.value.id, FOUND, false).await?;
    }
    let mut people = Vec::new();
    if person.may_decide() {
        let users =
            store.users().await?.into_iter().filter(|user| user.disabled.is_none() && decides(user.role));
        people.extend(users.map(|user| user.name).filter(|name| *name != person.user.name));
    }
    Ok(Question { row, sku, master, members, nearest, others, asked, found, people })
}

#[derive(Deserialize)]
pub struct Search {
    #[serde(default)]
    q: String,
}

pub async fn show(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
    Query(part): Query<Part>,
    Query(told): Query<Told>,
    Query(search): Query<Search>,
) -> Result<Response, Failure> {
    let view = person.view;
    let question = load(&shared, &person, &ReviewId::new(&id), &search.q)
        .await
        .map_err(|error| Failure::of(view, error))?;
    let title = view.say("Is it the same?", "是同一商品吗？");
    let body = page(&shared, &person, &part, &told, &question);
    let path = format!("/console/reviews/{}{}", segment(&id), part.query());
    Ok(layout::page(&view, Some((&person, Tab::Queue, &path)), title, &body))
}

fn page(shared: &Shared, person: &Person, part: &Part, told: &Told, q: &Question) -> Markup {
    let view = &person.view;
    let review = &q.row.value;
    let holder = holder(review);
    let (held, mine) = (holder.is_some(), holder == Some(&person.actor()));
    let evidence: notes::Evidence = notes::read(&review.evidence);
    let summary = q.nearest.as_ref().map(|(_, judged)| judged.summary.clone()).unwrap_or_default();
    let statements = kinds::statements(&summary);
    let (own, nearest) = match &q.nearest {
        Some((member, _)) => compare::names(&q.sku.value.sku.name, &member.value.sku.name, &statements),
        None => (show::html::name(&q.sku.value.sku.name), String::new()),
    };
    let vetoed = q.nearest.as_ref().and_then(|(_, judged)| judged.veto.as_deref());
    html! {
        (told.toast(person))
        h1.ask { (view.say("Is this the same product, in the same pack?", "是同一种商品、同样的包装吗？"))
            @if let Some(until) = review.lease_until.filter(|_| mine) { " " small { (view.say("yours,", "归您，")) " " (left(view, until)) } }
        }
        @if evidence.audit { p.notice { (view.say(
            "A blind audit: judge from what is written alone. The machine's opinion stays hidden, also afterwards.",
            "盲审：请只凭写明的内容判断。机器的意见始终不显示。")) } }
        @if let Some(first) = &evidence.agreed { p.notice {
            bdi { (name_of(first)) } " " (view.say("says that it is the same. A second person, who may approve, has to agree.", "认为相同。还需要另一位有批准权限的人同意。"))
        } }
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
                    " " a href=(format!("/console/masters/{}", segment(q.master.value.id.as_str()))) { (made(show::html::name(&q.master.value.golden.name.value))) } }
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
            @if evidence.audit {} @else if view.blind {
                details { summary data-key="b" { (view.say("Show what the machine thinks", "看看机器怎么认为")) kbd { "b" } }
                    (weights(view, q)) }
            } @else { (weights(view, q)) }
        }
        (others(person, part, q, mine, evidence.audit))
        (members(shared, person, part, q))
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
                @if person.may_approve() && !q.people.is_empty() { (give_to(person, part, q)) }
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
                input.note name="note" maxlength="500" aria-label=(view.say("a note", "备注")) placeholder=(view.say("a note, if you like", "备注（可不填）"));
            }
        }
        form.leave method="post" action=(path("leave")) {
            (token(person)) (part.fields())
            button name="how" value="skip" data-key="ArrowRight" { (view.say("Skip", "跳过")) kbd { "→" } }
            button name="how" value="defer" data-key="l" { (view.say("Ask me tomorrow", "明天再问")) kbd { "l" } }
            button name="how" value="release" data-key="Escape" { (view.say("Give it back", "放回队列")) kbd { "esc" } }
        }
        @if !q.people.is_empty() { (give_to(person, part, q)) }
    }
}

pub const REASONS: [(&str, &str, &str, &str); 6] = [
    ("1", "size", "size", "规格"),
    ("2", "pack", "pack", "包装数"),
    ("3", "flavour", "flavour, colour", "口味颜色"),
    ("4", "model", "model", "型号"),
    ("5", "brand", "brand", "品牌"),
    ("6", "other", "other", "其他"),
];

/// To another person's hands.
fn give_to(person: &Person, part: &Part, q: &Question) -> Markup {
    let view = &person.view;
    html! {
        form.leave method="post" action=(format!("/console/reviews/{}/give", segment(q.row.value.id.as_str()))) {
            (token(person)) (part.fields())
            select name="to" aria-label=(view.say("another person", "另一个人")) { @for name in &q.people { option value=(name) { (name) } } }
            button { (view.say("Let them answer", "转交")) }
        }
    }
}

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
            div.scroll tabindex="0" { table.stated {
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

fn members(shared: &Shared, person: &Person, part: &Part, q: &Question) -> Markup {
    if q.members.len() < 2 {
        return html! {};
    }
    let view = &person.view;
    let engine = shared.live.engine();
    let own = &q.sku.value.sku;
    let master = q.master.value.id.as_str();
    let back = format!("/console/reviews/{}{}", segment(q.row.value.id.as_str()), part.query());
    html! {
        section.members {
            h2 { (view.say("All members of the master", "主数据的全部成员")) " " small { (q.members.len()) } }
            div.scroll tabindex="0" { table { tbody { @for member in q.members.iter().take(MEMBERS) {
                @let sku = &member.value.sku;
                @let reason = engine.reason(own, sku, None);
                @let stated = kinds::statements(&reason);
                @let name = compare::names(&own.name, &sku.name, &stated).1;
                tr {
                    th scope="row" { bdi { (sku.key.node) } }
                    td { (made(name)) " "
                        @for part in [&sku.brand, &sku.spec].into_iter().flatten() {
                            small { (made(compare::field(part, &stated, Side::Right))) " " }
                        }
                    }
                    td.number { @if person.may_decide() {
                        form method="post" action=(format!("/console/masters/{}/unlink", segment(master))) {
                            (token(person))
                            input type="hidden" name="node" value=(sku.key.node);
                            input type="hidden" name="sku" value=(sku.key.sku);
                            input type="hidden" name="back" value=(back);
                            button { (view.say("Does not belong", "不属于这里")) }
                        }
                    } }
                }
            } } } }
            @if q.members.len() > MEMBERS { p.soft { (view.say("The first twelve; the master's page has all.", "只显示前十二个，其余见主数据页面。")) } }
        }
    }
}

/// The other masters that it may be, side by side, and a search for more.
fn others(person: &Person, part: &Part, q: &Question, mine: bool, audit: bool) -> Markup {
    let view = &person.view;
    let path = format!("/console/reviews/{}", segment(q.row.value.id.as_str()));
    html! {
        section.others {
            h2 { (view.say("Or is it one of these?", "还是这些之一？")) }
            @if q.others.is_empty() { p.soft { (view.say("The machine knows no other master that comes near.", "机器没有找到其他相近的主数据。")) } }
            (cards(person, part, q, &q.others, mine, audit))
            form.search method="get" action=(path) role="search" {
                (part.fields())
                input type="search" name="q" value=(q.asked) maxlength="200" data-key="/" placeholder=(view.say("none fits? search for another master", "都不对？搜索别的主数据"))
                    aria-label=(view.say("Search for another master", "搜索别的主数据"));
                button { (view.say("Search", "搜索")) kbd { "/" } }
            }
            @if !q.asked.is_empty() {
                @if q.found.is_empty() { p.soft role="status" { (view.say("No other master has a member that means this.", "没有其他主数据的成员是这个意思。")) } }
                (cards(person, part, q, &q.found, mine, audit))
            }
        }
    }
}

fn cards(person: &Person, part: &Part, q: &Question, all: &[Candidate], mine: bool, audit: bool) -> Markup {
    let view = &person.view;
    let review = &q.row.value;
    let may = mine && review.state.is_waiting() && !audit;
    html! {
        div.cards { @for one in all {
            @let stated = kinds::statements(&one.summary);
            @let name = compare::names(&q.sku.value.sku.name, &one.member.name, &stated).1;
            @let id = one.master.value.id.as_str();
            section.side {
                h3 { a href=(format!("/console/masters/{}", segment(id))) { (made(show::html::name(&one.master.value.golden.name.value))) } }
                p.small { (made(name)) " " small { bdi { (one.member.key.node) } } }
                @for value in [&one.member.brand, &one.member.spec].into_iter().flatten() {
                    p.small { (made(compare::field(value, &stated, Side::Right))) }
                }
                @if let Some(kind) = &one.veto { p.problem-text.small { (view.say("contradicts: ", "互相矛盾：")) (kinds::kind_name(kind, view.language)) } }
                @if let Some(confidence) = one.confidence.filter(|_| !view.blind && !audit) { p { (band(view, confidence)) } }
                @if may {
                    form method="post" action=(format!("/console/reviews/{}/other", segment(review.id.as_str()))) {
                        (token(person)) (part.fields())
                        input type="hidden" name="master" value=(id);
                        input type="hidden" name="etag" value=(q.row.version);
                        input type="hidden" name="request" value=(fresh());
                        @if one.veto.is_some() { input type="hidden" name="force" value="1"; }
                        button { (if one.veto.is_some() { view.say("All the same: it is this one", "仍然认定是这个") } else { view.say("It is this one", "是这个") }) }
                    }
                }
            }
        } }
    }
}

fn help(view: &View, path: &str) -> Markup {
    let keys = [
        ("s", "the same", "相同"),
        ("d", "different; before it 1–6 says what differs", "不同；先按 1–6 说明不同在哪里"),
        ("n", "a product of its own, like nothing that is known", "单独的商品，已知的都不是"),
        ("x", "not to be told from what is written", "从文字看不出来"),
        ("u", "take the last answer back", "撤回上一个回答"),
        ("→", "skip: somebody else may answer", "跳过，留给别人"),
        ("l", "ask again tomorrow", "明天再问"),
        ("/", "search for another master", "搜索别的主数据"),
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
        )) => Told::said("gone"),
        // The lease ended, and somebody else took it: theirs to answer now.
        Err(LiveError::Store(store::StoreError::LeaseLost { .. })) => {
            return next(&shared, &person, &form.part, &Told::said("taken")).await;
        }
        Err(error) => return Err(Failure::of(view, error)),
    };
    if verdict == Verdict::Unsure {
        // It stays open: not the next thing this person sees.
        defer(&shared, &person, &ReviewId::new(&id), 3_600).await?;
    }
    next(&shared, &person, &form.part, &told).await
}

#[derive(Deserialize)]
pub struct Elsewhere {
    token: String,
    master: String,
    etag: i64,
    #[serde(default)]
    force: String,
    #[serde(default)]
    request: String,
    #[serde(flatten)]
    part: Part,
}

/// None of the asked: the SKU goes into another master, and with that the question is answered "different".
pub async fn other(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
    Form(form): Form<Elsewhere>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_decide(), "a steward")?;
    let view = person.view;
    let broken = |error| Failure::of_store(view, error);
    let id = ReviewId::new(&id);
    let row = shared.live.store().review(&id).await.map_err(broken)?;
    let row = row.ok_or_else(|| {
        Failure::NotFound(view, view.say("There is no such question.", "没有这个问题。").to_owned())
    })?;
    let call = HandLink {
        master: MasterId::new(&form.master),
        sku: row.value.sku.clone(),
        expect: None,
        reason: format!("found in place of {}", row.value.master),
        force: if form.force == "1" { Force::Yes } else { Force::No },
    };
    let request = |what: &str| match form.request.as_str() {
        "" => String::new(),
        request => format!("{request}-{what}"),
    };
    let writer = person.writer("console.link", &format!("masters/{}", form.master), &request("link"));
    let done = shared.live.link_by_hand(&call, &writer).await;
    done.map_err(|error| Failure::of(view, error))?;
    // Linking may have settled the question already.
    let answer = Answer {
        review: id.clone(),
        verdict: Verdict::Different,
        reason: format!("other: {}", form.master),
        seen: Version(form.etag),
        eye: Eye::First,
    };
    let writer = person.writer("console.decide", &format!("reviews/{id}"), &request("decide"));
    match shared.live.decide(&answer, &writer).await {
        Ok(_)
        | Err(LiveError::Store(
            store::StoreError::Precondition { .. } | store::StoreError::Conflict { .. },
        )) => {}
        Err(error) => return Err(Failure::of(view, error)),
    }
    next(&shared, &person, &form.part, &Told::said("other")).await
}

#[derive(Deserialize)]
pub struct Giving {
    token: String,
    to: String,
    #[serde(flatten)]
    part: Part,
}

/// Puts a question into another person's hands: one's own by anybody who answers, another's by who may approve.
pub async fn give(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
    Form(form): Form<Giving>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_decide(), "a steward")?;
    let view = person.view;
    let store = shared.live.store();
    let broken = |error| Failure::of_store(view, error);
    let id = ReviewId::new(&id);
    let to = store.user(&form.to).await.map_err(broken)?;
    let to = to.filter(|user| user.disabled.is_none() && decides(user.role)).ok_or_else(|| {
        Failure::Refused(
            view,
            view.say("That person cannot answer questions.", "这个人不能回答问题。").to_owned(),
        )
    })?;
    let row = store.review(&id).await.map_err(broken)?;
    let mine = row.is_some_and(|row| holder(&row.value) == Some(&person.actor()));
    if !mine && !person.may_approve() {
        return Err(Failure::Denied(view, "an approver"));
    }
    // A day: the other person has to come to it first.
    let given = store.reassign_review(&id, &person.actor(), &to.actor(), now(), 86_400).await;
    given.map_err(broken)?;
    let note = store::AuditNote {
        action: "console.give".to_owned(),
        subject: format!("reviews/{id}"),
        detail: to.actor().to_string(),
    };
    store.audit(now(), &person.actor(), &note, "done").await.map_err(broken)?;
    next(&shared, &person, &form.part, &Told::said("given")).await
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
    let held =
        shared.live.store().renew_reviews(&[id], &person.actor(), now(), shared.settings.lease_seconds).await;
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
                .claim_named(std::slice::from_ref(&id), &person.actor(), now(), shared.settings.lease_seconds)
                .await;
            held.map_err(|error| Failure::of_store(person.view, error))?;
            format!("/console/reviews/{}{}", segment(id.as_str()), told.query(&Part::default()))
        }
        None => format!("/console/{}", told.query(&Part::default())),
    };
    Ok(layout::answer(Redirect::to(&path).into_response()))
}
