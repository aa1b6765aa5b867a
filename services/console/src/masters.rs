//! Masters: found by what they mean, with their members and their history.

use crate::State;
use crate::access::{Person, View};
use crate::failure::Failure;
use crate::layout::{self, Tab, age, band, token};
use crate::part::segment;
use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use domain::{LocalSku, Master, MasterId, MasterState, NodeId, SkuKey, Standing, Stored, Version};
use live::{Force, HandLink, HandRevert, Query as Asked, Wanted};
use maud::{Markup, html};
use serde::Deserialize;
use store::{Deleted, Page};

const SHOWN: usize = 50;
const REVISIONS: usize = 30;

#[derive(Deserialize)]
pub struct Search {
    #[serde(default)]
    q: String,
}

pub async fn search(
    axum::extract::State(shared): State,
    person: Person,
    Query(search): Query<Search>,
) -> Result<Response, Failure> {
    let view = person.view;
    let asked: String = search.q.trim().chars().take(200).collect();
    let mut rows: Vec<(Stored<Master>, Option<f64>)> = Vec::new();
    let broken = |error| Failure::of_store(view, error);
    if asked.is_empty() {
        let listed = shared.live.store().list_masters(Deleted::Hidden, &Page::first(SHOWN)).await;
        rows.extend(listed.map_err(broken)?.items.into_iter().map(|row| (row, None)));
    } else {
        let row = LocalSku { name: asked.clone(), ..LocalSku::named("", "", "") };
        let wanted = Wanted { most: SHOWN, ..Wanted::default() };
        let found = shared.live.find(&Asked::Row(Box::new(row)), &wanted).await;
        for one in found.map_err(|error| Failure::of(view, error))?.0 {
            let Some(id) = one.master else { continue };
            if rows.iter().any(|(known, _)| known.value.id == id) {
                continue;
            }
            if let Some(row) = shared.live.store().master(&id).await.map_err(broken)? {
                rows.push((row, Some(one.judged.confidence.get())));
            }
        }
    }
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
            div.scroll { table.list {
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

fn standing(view: &View, master: &Master) -> &'static str {
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
) -> Result<Response, Failure> {
    let view = person.view;
    let broken = |error| Failure::of_store(view, error);
    let store = shared.live.store();
    let id = MasterId::new(&id);
    let row = store.master(&id).await.map_err(broken)?;
    let row = row.ok_or_else(|| {
        Failure::NotFound(view, view.say("There is no such master.", "没有这个主数据。").to_owned())
    })?;
    let members = store.members(&id, &Page::first(1_000)).await.map_err(broken)?.items;
    let revisions = store.revisions(&id, None, REVISIONS).await.map_err(broken)?;
    let path = format!("/console/masters/{}", segment(id.as_str()));
    let golden = &row.value.golden;
    let body = html! {
        h1 { bdi { (golden.name.value) } " " small { (standing(&view, &row.value)) } }
        @if let MasterState::Merged { into } = &row.value.state {
            p.notice { (view.say("It was merged into ", "已并入 ")) a href=(format!("/console/masters/{}", segment(into.as_str()))) { (view.say("another master", "另一个主数据")) } }
        }
        dl.facts {
            dt { (view.say("name", "名称")) } dd { bdi { (golden.name.value) } (source(&view, golden.name.source.as_ref())) }
            @if let Some(brand) = &golden.brand { dt { (view.say("brand", "品牌")) } dd { bdi { (brand.value) } (source(&view, brand.source.as_ref())) } }
            @if let Some(spec) = &golden.spec { dt { (view.say("spec", "规格")) } dd { bdi { (spec.value) } (source(&view, spec.source.as_ref())) } }
            dt { (view.say("id", "编号")) } dd { code { (id) } }
        }
        section {
            h2 { (view.say("Members", "成员")) " " small { (members.len()) } }
            div.scroll { table.list {
                thead { tr { th { (view.say("Node", "节点")) } th { (view.say("Code", "编码")) } th { (view.say("Name", "名称")) } th { (view.say("Spec", "规格")) } th {} } }
                tbody { @for member in &members {
                    @let sku = &member.value.sku;
                    tr {
                        td { bdi { (sku.key.node) } }
                        td { code { bdi { (sku.key.sku) } } }
                        td { (layout::made(show::html::name(&sku.name))) }
                        td { bdi { (sku.spec.as_deref().unwrap_or_default()) } }
                        td { @if person.may_decide() && members.len() > 1 {
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
        }
        section {
            h2 { (view.say("History", "历史")) }
            ol.history { @for revision in &revisions {
                li {
                    b { (cause(&view, &revision.cause)) } " "
                    span.soft { bdi { (revision.actor.as_str().trim_start_matches("user:")) } " · " (age(&view, revision.at)) " · "
                        (revision.members.len()) " " (view.say("members", "个成员")) }
                    @if person.may_approve() && revision.number != row.version && !revision.members.is_empty() {
                        form method="post" action=(format!("{path}/revert")) {
                            (token(&person))
                            input type="hidden" name="revision" value=(revision.number);
                            button { (view.say("Back to this", "恢复到这时")) }
                        }
                    }
                }
            } }
        }
    };
    Ok(layout::page(&view, Some((&person, Tab::Masters, &path)), &golden.name.value, &body))
}

fn source(view: &View, from: Option<&SkuKey>) -> Markup {
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
    Ok(back(&id))
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
    Ok(back(&id))
}

fn back(id: &str) -> Response {
    layout::answer(Redirect::to(&format!("/console/masters/{}", segment(id))).into_response())
}
