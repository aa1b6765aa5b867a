//! Masters: found by what they mean, with their members and their history.

use crate::access::{Person, View};
use crate::failure::Failure;
use crate::layout::{self, Tab, age, band, token};
use crate::part::segment;
use crate::queue::{Names, Told, name_of};
use crate::reshape::{self, whole};
use crate::{Shared, State};
use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use domain::{
    CatalogSku, Link, LinkCause, LocalSku, Master, MasterId, MasterState, NodeId, Revision, SkuKey, Standing,
    Stored, Version,
};
use live::{Force, HandLink, HandRevert, Query as Asked, Wanted};
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeMap;
use store::{Deleted, Page, ReviewFilter};

const SHOWN: usize = 50;
const REVISIONS: usize = 30;
const TREE: usize = 60;

#[derive(Deserialize)]
pub struct Search {
    #[serde(default)]
    q: String,
}

/// Masters by meaning, best first; without words the first ones.
pub async fn found(
    shared: &Shared,
    view: View,
    words: &str,
    most: usize,
) -> Result<Vec<(Stored<Master>, Option<f64>)>, Failure> {
    let broken = |error| Failure::of_store(view, error);
    let mut rows: Vec<(Stored<Master>, Option<f64>)> = Vec::new();
    let asked: String = words.trim().chars().take(200).collect();
    if asked.is_empty() {
        let listed = shared.live.store().list_masters(Deleted::Hidden, &Page::first(most)).await;
        rows.extend(listed.map_err(broken)?.items.into_iter().map(|row| (row, None)));
        return Ok(rows);
    }
    let row = LocalSku { name: asked, ..LocalSku::named("", "", "") };
    let wanted = Wanted { most: SHOWN, ..Wanted::default() };
    let hits = shared.live.find(&Asked::Row(Box::new(row)), &wanted).await;
    for one in hits.map_err(|error| Failure::of(view, error))?.0 {
        let Some(id) = one.master else { continue };
        if rows.len() == most || rows.iter().any(|(known, _)| known.value.id == id) {
            continue;
        }
        if let Some(row) = shared.live.store().master(&id).await.map_err(broken)? {
            rows.push((row, Some(one.judged.confidence.get())));
        }
    }
    Ok(rows)
}

pub async fn search(
    axum::extract::State(shared): State,
    person: Person,
    Query(search): Query<Search>,
) -> Result<Response, Failure> {
    let view = person.view;
    let asked: String = search.q.trim().chars().take(200).collect();
    let rows = found(&shared, view, &asked, SHOWN).await?;
    let body = html! {
        h1 { (view.say("Masters", "主数据")) }
        form.search method="get" action="/console/masters" role="search" {
            input type="search" name="q" value=(asked) maxlength="200" autofocus
                placeholder=(view.say("a name, as anybody would write it", "任何人写法的名称")) aria-label=(view.say("Search", "搜索"));
            button.primary { (view.say("Search", "搜索")) }
        }
        @if rows.is_empty() {
            section.empty { h2 { (view.say("Nothing alike", "没有相近的")) }
                p.soft { (view.say("No master has a member that means this.", "没有主数据的成员是这个意思。")) } }
        } @else {
            div.scroll tabindex="0" { table.list {
                thead { tr { th { (view.say("Name", "名称")) } th { (view.say("Brand", "品牌")) } th { (view.say("Spec", "规格")) }
                    th { (view.say("Standing", "状态")) } @if !asked.is_empty() { th { (view.say("Alike", "相近")) } } } }
                tbody { @for (row, confidence) in &rows {
                    @let golden = &row.value.golden;
                    tr {
                        td { a href=(format!("/console/masters/{}", segment(row.value.id.as_str()))) { (layout::made(show::html::name(&golden.name.value))) } }
                        td { bdi { (golden.brand.as_ref().map(|brand| brand.value.as_str()).unwrap_or_default()) } }
                        td { bdi { (golden.spec.as_ref().map(|spec| spec.value.as_str()).unwrap_or_default()) } }
                        td { (standing(&view, &row.value)) }
                        @if let Some(confidence) = confidence { td.number { (band(&view, *confidence)) } }
                    }
                } }
            } }
            @if asked.is_empty() && rows.len() == SHOWN { p.soft { (view.say("The first fifty are shown; search for others.", "只显示前五十个，其余请搜索。")) } }
        }
    };
    Ok(layout::page(
        &view,
        Some((&person, Tab::Masters, "/console/masters")),
        view.say("Masters", "主数据"),
        &body,
    ))
}

pub fn standing(view: &View, master: &Master) -> &'static str {
    match (&master.state, master.standing) {
        (MasterState::Merged { .. }, _) => view.say("merged away", "已并入别的"),
        (MasterState::Retired, _) => view.say("retired", "已停用"),
        (MasterState::Live, Standing::Confirmed) => view.say("confirmed by people", "人工确认"),
        (MasterState::Live, Standing::Proposed) => view.say("made by machine", "机器建立"),
    }
}

pub async fn show(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
    Query(told): Query<Told>,
) -> Result<Response, Failure> {
    let view = person.view;
    let broken = |error| Failure::of_store(view, error);
    let store = shared.live.store();
    let id = MasterId::new(&id);
    let one = whole(&shared, view, &id).await?;
    let (row, members) = (&one.row, &one.members);
    let revisions = store.revisions(&id, None, REVISIONS + 1).await.map_err(broken)?;
    let keys: Vec<SkuKey> = members.iter().map(|member| member.value.sku.key.clone()).collect();
    let links = store.links_of(&keys).await.map_err(broken)?;
    let asked = ReviewFilter { master: Some(id.clone()), ..ReviewFilter::default() };
    let asked = store.reviews(&asked, &Page::first(20)).await.map_err(broken)?.items;
    let names = Names::of(store, &asked).await.map_err(broken)?;
    let path = format!("/console/masters/{}", segment(id.as_str()));
    let may_part = person.may_decide() && members.len() > 1;
    let may_split = person.may_approve() && members.len() > 1;
    let body = html! {
        (told.toast(&person))
        h1 { (layout::made(show::html::name(&row.value.golden.name.value))) " " small { (standing(&view, &row.value)) } }
        @if let MasterState::Merged { into } = &row.value.state {
            p.notice { (view.say("It was merged into ", "已并入 ")) a href=(format!("/console/masters/{}", segment(into.as_str()))) { (view.say("another master", "另一个主数据")) } }
        }
        (reshape::golden(&person, &one))
        @if person.may_decide() && row.value.state == MasterState::Live {
            p { a.button href=(format!("{path}/merge")) { (view.say("Merge with another …", "与另一个合并…")) } }
        }
        section {
            h2 { (view.say("Members", "成员")) " " small { (members.len()) } }
            // Ticked boxes go with the form below, single buttons with their own.
            div.scroll tabindex="0" { table.list.queue {
                thead { tr { @if may_split { th { span.hidden { (view.say("Pick", "选择")) } } } th { (view.say("Node", "节点")) } th { (view.say("Code", "编码")) } th { (view.say("Name", "名称")) } th { (view.say("Spec", "规格")) } th { span.hidden { (view.say("Do", "操作")) } } } }
                tbody { @for member in members {
                    @let sku = &member.value.sku;
                    tr {
                        @if may_split { td { input type="checkbox" name="pick" form="split" value=(reshape::pick_value(&sku.key)) aria-label=(format!("{} {}", view.say("pick", "选择"), sku.key)); } }
                        td { bdi { (sku.key.node) } }
                        td { code { bdi { (sku.key.sku) } } }
                        td { (layout::made(show::html::name(&sku.name))) }
                        td { bdi { (sku.spec.as_deref().unwrap_or_default()) } }
                        td { @if may_part {
                            form method="post" action=(format!("{path}/unlink")) {
                                (token(&person))
                                input type="hidden" name="node" value=(sku.key.node);
                                input type="hidden" name="sku" value=(sku.key.sku);
                                button { (view.say("Does not belong", "不属于这里")) }
                            }
                        } }
                    }
                } }
            } }
            @if may_split {
                form.start id="split" method="post" action=(format!("{path}/split")) {
                    (token(&person))
                    button { (view.say("Split the ticked ones off …", "拆出勾选的…")) }
                }
            }
        }
        @if members.len() > 1 { (together(&shared, &view, members, &links)) }
        @if !asked.is_empty() {
            section {
                h2 { (view.say("Open questions about it", "相关的待答问题")) " " small { (asked.len()) } }
                ul { @for row in &asked { li {
                    a href=(format!("/console/reviews/{}", segment(row.value.id.as_str()))) { (layout::made(show::html::name(names.sku(&row.value.sku)))) } " "
                    small { bdi { (row.value.sku.node) } }
                } } }
            }
        }
        section {
            h2 { (view.say("History", "历史")) }
            ol.history { @for (at, revision) in revisions.iter().take(REVISIONS).enumerate() {
                li {
                    b { (cause(&view, &revision.cause)) } " "
                    span.soft { bdi { (name_of(&revision.actor)) } " · " (age(&view, revision.at)) " · "
                        (revision.members.len()) " " (view.say("members", "个成员")) }
                    @if person.may_approve() && revision.number != row.version && !revision.members.is_empty() {
                        form method="post" action=(format!("{path}/revert")) {
                            (token(&person))
                            input type="hidden" name="revision" value=(revision.number);
                            button { (view.say("Back to this", "恢复到这时")) }
                        }
                    }
                    (difference(&view, revision, revisions.get(at + 1)))
                }
            } }
            @if revisions.len() > REVISIONS { p.soft { (view.say("Older ones are kept too.", "更早的也都保留着。")) } }
        }
    };
    let title = show::html::cut(&row.value.golden.name.value, 80).0;
    Ok(layout::page(&view, Some((&person, Tab::Masters, &path)), title, &body))
}

/// What a revision changed against the one before it.
fn difference(view: &View, now: &Revision, before: Option<&Revision>) -> Markup {
    const NAMED: usize = 4;
    let old = before.map(|before| before.members.as_slice()).unwrap_or_default();
    let joined: Vec<&SkuKey> = now.members.iter().filter(|key| !old.contains(key)).collect();
    let left: Vec<&SkuKey> = old.iter().filter(|key| !now.members.contains(key)).collect();
    let list = |sign: &'static str, keys: &[&SkuKey]| {
        html! { @if !keys.is_empty() { span.change {
            (sign) " " @for key in keys.iter().take(NAMED) { code { bdi { (key) } } " " }
            @if keys.len() > NAMED { "+" (keys.len() - NAMED) }
        } } }
    };
    let renamed = before.filter(|before| before.master.golden.name.value != now.master.golden.name.value);
    html! { div.changes {
        (list(view.say("joined:", "加入："), &joined)) (list(view.say("left:", "离开："), &left))
        @if renamed.is_some() { span.change { (view.say("name:", "名称：")) " " (layout::made(show::html::name(&now.master.golden.name.value))) } }
        @if let Some(before) = before {
            @if before.master.standing != now.master.standing { span.change { (standing(view, &now.master)) } }
        }
    } }
}

/// The links that hold the members together: people's first, then the surest, as many as it takes.
fn together(shared: &Shared, view: &View, members: &[Stored<CatalogSku>], links: &[Stored<Link>]) -> Markup {
    let place: BTreeMap<&SkuKey, usize> =
        members.iter().enumerate().map(|(at, row)| (&row.value.sku.key, at)).collect();
    let mut inside: Vec<(&Link, usize, usize)> = links
        .iter()
        .filter_map(|row| Some((&row.value, *place.get(&row.value.left)?, *place.get(&row.value.right)?)))
        .collect();
    inside.sort_by(|a, b| {
        let rank = |link: &Link| (link.cause == LinkCause::Decision, link.confidence.get());
        rank(b.0).partial_cmp(&rank(a.0)).unwrap_or(std::cmp::Ordering::Equal)
    });
    let mut group: Vec<usize> = (0..members.len()).collect();
    let mut tree = Vec::new();
    for (link, left, right) in &inside {
        let (from, to) = (group[*left], group[*right]);
        if from != to {
            group.iter_mut().filter(|one| **one == from).for_each(|one| *one = to);
            tree.push((*link, *left, *right));
        }
    }
    let engine = shared.live.engine();
    html! {
        section {
            h2 { (view.say("Why they belong together", "为什么是同品")) }
            @if tree.is_empty() { p.soft { (view.say("A person put them together; no pair of them was linked.", "由人放在一起；其中没有成对的关联。")) } }
            @else { div.scroll tabindex="0" { table.list.queue {
                thead { tr { th { (view.say("One", "一方")) } th { (view.say("and the other", "另一方")) } th { (view.say("Why", "理由")) } th { (view.say("Linked by", "由谁关联")) } } }
                tbody { @for (link, left, right) in tree.iter().take(TREE) {
                    @let [left, right] = [&members[*left].value.sku, &members[*right].value.sku];
                    @let reason = engine.reason(left, right, None);
                    @let stated = show::kinds::statements(&reason);
                    @let marked = show::compare::names(&left.name, &right.name, &stated);
                    tr {
                        td { (layout::made(marked.0)) small { bdi { (left.key.node) } } }
                        td { (layout::made(marked.1)) small { bdi { (right.key.node) } } }
                        td { bdi { (show::kinds::reason_in_words(&reason, view.language)) } }
                        td.number { @match link.cause {
                            LinkCause::Decision => { (view.say("a person", "人")) }
                            LinkCause::Auto => { (band(view, link.confidence.get())) }
                            LinkCause::Import => { (view.say("an import", "导入")) }
                        } }
                    }
                } }
            } }
            @if inside.len() > tree.len() { p.soft { (inside.len() - tree.len()) " " (view.say("further links say the same", "个其他关联也支持")) } } }
        }
    }
}

pub fn source(view: &View, from: Option<&SkuKey>) -> Markup {
    html! { " " small { @match from {
        Some(key) => { (view.say("from ", "来自 ")) bdi { (key.node) "/" (key.sku) } }
        None => { (view.say("written by a person", "人工填写")) }
    } } }
}

fn cause(view: &View, cause: &str) -> String {
    let (en, zh) = match cause {
        "link" => ("the machine linked", "机器关联"),
        "decide" => ("a question was answered", "回答了问题"),
        "by hand" => ("changed by hand", "人工修改"),
        "merge" => ("masters were merged", "合并了主数据"),
        "undo" => ("an answer was taken back", "撤回了回答"),
        "import" => ("goods were imported", "导入商品"),
        other => return other.to_owned(),
    };
    view.say(en, zh).to_owned()
}

#[derive(Deserialize)]
pub struct Unlinking {
    token: String,
    node: String,
    sku: String,
    #[serde(default)]
    back: String,
}

pub async fn unlink(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
    Form(form): Form<Unlinking>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_decide(), "a steward")?;
    let call = HandLink {
        master: MasterId::new(&id),
        sku: SkuKey { node: NodeId(form.node.as_str().into()), ..SkuKey::new("", &form.sku) },
        expect: None,
        reason: String::new(),
        force: Force::No,
    };
    let writer = person.writer("console.unlink", &format!("masters/{id}"), "");
    let done = shared.live.unlink_by_hand(&call, &writer).await;
    done.map_err(|error| Failure::of(person.view, error))?;
    if form.back.starts_with("/console/reviews/") && !form.back.contains(['\\', '\r', '\n']) {
        let sign = if form.back.contains('?') { '&' } else { '?' };
        return Ok(layout::answer(Redirect::to(&format!("{}{sign}said=parted", form.back)).into_response()));
    }
    Ok(back(&id, "parted"))
}

#[derive(Deserialize)]
pub struct Reverting {
    token: String,
    revision: i64,
}

pub async fn revert(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
    Form(form): Form<Reverting>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_approve(), "an approver")?;
    let call = HandRevert {
        master: MasterId::new(&id),
        revision: Version(form.revision),
        expect: None,
        reason: String::new(),
    };
    let writer = person.writer("console.revert", &format!("masters/{id}"), "");
    let done = shared.live.revert_by_hand(&call, &writer).await;
    done.map_err(|error| Failure::of(person.view, error))?;
    Ok(back(&id, "reverted"))
}

/// To the master's page, which says what was done.
pub fn back(id: &str, said: &str) -> Response {
    layout::answer(Redirect::to(&format!("/console/masters/{}?said={said}", segment(id))).into_response())
}
