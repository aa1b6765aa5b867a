//! Masters put together, taken apart and written by hand: each first shown with what it would do, then done.

use crate::access::{Person, View};
use crate::failure::{Failure, in_words};
use crate::layout::{self, Tab, band, token};
use crate::masters::{back, found, source, standing};
use crate::part::segment;
use crate::question::fresh;
use crate::{Shared, State};
use axum::extract::{Form, Path, Query};
use axum::response::Response;
use domain::{CatalogSku, LocalSku, Master, MasterId, SkuKey, SourcedValue, Stored, Version};
use live::{Eye, Force, GoldenField, HandMerge, LiveError};
use maud::{Markup, html};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use std::collections::BTreeSet;
use store::{Page, StoreError};

/// A master with its members.
pub struct Whole {
    pub row: Stored<Master>,
    pub members: Vec<Stored<CatalogSku>>,
}

pub async fn whole(shared: &Shared, view: View, id: &MasterId) -> Result<Whole, Failure> {
    let broken = |error| Failure::of_store(view, error);
    let store = shared.live.store();
    let row = store.master(id).await.map_err(broken)?.ok_or_else(|| {
        Failure::NotFound(view, view.say("There is no such master.", "没有这个主数据。").to_owned())
    })?;
    let members = store.members(id, &Page::first(1_000)).await.map_err(broken)?.items;
    Ok(Whole { row, members })
}

fn path_of(id: &str) -> String {
    format!("/console/masters/{}", segment(id))
}

/// Members as a short table.
fn listed<'a>(view: &View, members: impl Iterator<Item = &'a LocalSku>) -> Markup {
    html! {
        table.plain-list { thead { tr { th { (view.say("Node", "节点")) } th { (view.say("Name", "名称")) } th { (view.say("Spec", "规格")) } } }
            tbody { @for sku in members { tr {
                td { bdi { (sku.key.node) } }
                td { (layout::made(show::html::name(&sku.name))) }
                td { bdi { (sku.spec.as_deref().unwrap_or_default()) } }
            } } } }
    }
}

fn card(view: &View, title: &'static str, whole: &Whole) -> Markup {
    html! {
        section.side {
            h2 { small { (title) } }
            p.name { (layout::made(show::html::name(&whole.row.value.golden.name.value))) }
            p.soft { (standing(view, &whole.row.value)) " · " (whole.members.len()) " " (view.say("members", "个成员")) }
            (listed(view, whole.members.iter().map(|row| &row.value.sku)))
        }
    }
}

#[derive(Deserialize)]
pub struct Merging {
    #[serde(default)]
    q: String,
    #[serde(default)]
    with: String,
}

/// Finds a master to put into this one, and shows what putting it there would do.
pub async fn merge_page(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
    Query(asked): Query<Merging>,
) -> Result<Response, Failure> {
    let view = person.view;
    let one = whole(&shared, view, &MasterId::new(&id)).await?;
    let path = path_of(&id);
    let title = view.say("Merge", "合并");
    let body = if asked.with.is_empty() {
        let words =
            if asked.q.trim().is_empty() { one.row.value.golden.name.value.clone() } else { asked.q.clone() };
        let near = found(&shared, view, &words, 12).await?;
        html! {
            h1 { (view.say("Merge with another master", "与另一个主数据合并")) " " small { (layout::made(show::html::name(&one.row.value.golden.name.value))) } }
            form.search method="get" action=(format!("{path}/merge")) role="search" {
                input type="search" name="q" value=(asked.q) maxlength="200" aria-label=(view.say("Search", "搜索")) placeholder=(view.say("search for the other master", "搜索另一个主数据"));
                button { (view.say("Search", "搜索")) }
            }
            div.scroll tabindex="0" { table.list {
                thead { tr { th { (view.say("Near this one", "相近的主数据")) } th { (view.say("Standing", "状态")) } th { (view.say("Alike", "相近")) } th { span.hidden { (view.say("Do", "操作")) } } } }
                tbody { @for (row, confidence) in near.iter().filter(|(row, _)| row.value.id != one.row.value.id) {
                    tr {
                        td { a href=(path_of(row.value.id.as_str())) { (layout::made(show::html::name(&row.value.golden.name.value))) } }
                        td { (standing(&view, &row.value)) }
                        td.number { @if let Some(confidence) = confidence { (band(&view, *confidence)) } }
                        td { a.button href=(format!("{path}/merge?with={}", segment(row.value.id.as_str()))) { (view.say("Show the merge", "预览合并")) } }
                    }
                } }
            } }
        }
    } else {
        let other = whole(&shared, view, &MasterId::new(&asked.with)).await?;
        let call = hand_merge(&id, &asked.with, Force::No);
        let tried =
            shared.live.merge_by_hand(&call, &person.writer("console.merge", "", "").trying(true)).await;
        let obstacle = obstacle(view, tried.map(|_| ()))?;
        // A contradiction may be overruled by who may approve; a node that holds a product once may not.
        let forced = hand_merge(&id, &asked.with, Force::Yes);
        let forced = match &obstacle {
            Some(_) if person.may_approve() => {
                let tried = shared
                    .live
                    .merge_by_hand(&forced, &person.writer("console.merge", "", "").trying(true))
                    .await;
                tried.is_ok()
            }
            _ => false,
        };
        let two = shared.live.merge_needs_two([&one.row.value.id, &other.row.value.id]).await;
        let two = two.map_err(|error| Failure::of(view, error))?;
        let all: Vec<&LocalSku> =
            one.members.iter().chain(&other.members).map(|row| &row.value.sku).collect();
        html! {
            h1 { (view.say("What the merge would do", "合并会做什么")) " " small { (view.say("nothing has changed yet", "现在还没有任何改变")) } }
            div.sides {
                (card(&view, view.say("stays, and takes all members", "保留，并接收全部成员"), &one))
                (card(&view, view.say("goes into it; its name leads there", "并入左边；它的编号会指向左边"), &other))
            }
            section.side.result {
                h2 { small { (view.say("afterwards", "合并之后")) } }
                @if let Some(golden) = shared.live.engine().golden(&all) {
                    @let by_hand = one.row.value.golden.name.source.is_none();
                    p.name { (layout::made(show::html::name(if by_hand { &one.row.value.golden.name.value } else { &golden.name.value }))) }
                }
                p.soft { (all.len()) " " (view.say("members; machine links between them are kept", "个成员；机器建立的关联保留")) }
            }
            @if let Some(obstacle) = &obstacle { p.notice role="alert" { (obstacle) } }
            @if two { p.notice { (view.say(
                "Both are confirmed by people, and policy wants two persons: this is kept as a proposal until another person, who may approve, agrees.",
                "两边都经人工确认，策略要求两人：将作为提议保存，等另一位有批准权限的人同意后才生效。")) } }
            @if !two && !person.may_approve() { p.notice { (view.say("To merge takes an approver.", "合并需要有批准权限的人。")) } }
            @if (two && person.may_decide() || person.may_approve()) && (obstacle.is_none() || forced) {
                form.start method="post" action=(format!("{path}/merge")) {
                    (token(&person))
                    input type="hidden" name="with" value=(asked.with);
                    input type="hidden" name="request" value=(fresh());
                    @if forced { input type="hidden" name="force" value="1"; }
                    button.primary.large { (match (forced, two) {
                        (true, _) => view.say("Merge all the same", "仍然合并"),
                        (false, true) => view.say("Propose the merge", "提议合并"),
                        (false, false) => view.say("Merge", "合并"),
                    }) }
                    a.button href=(path) { (view.say("Change nothing", "不做改变")) }
                }
            }
            p { a href=(format!("{path}/merge?with=&q=")) { (view.say("Choose another", "换一个")) } " · "
                a href=(format!("{}/merge?with={}", path_of(&asked.with), segment(&id))) { (view.say("The other way round", "反过来合并")) } }
        }
    };
    Ok(layout::page(&view, Some((&person, Tab::Masters, &path)), title, &body))
}

fn hand_merge(id: &str, with: &str, force: Force) -> HandMerge {
    HandMerge {
        master: MasterId::new(id),
        sources: vec![MasterId::new(with)],
        expect: None,
        reason: String::new(),
        force,
        // Where two persons are needed, a proposal is made instead.
        eye: Eye::MayBeSecond,
    }
}

/// What forbids it, in words; other trouble is trouble.
fn obstacle(view: View, tried: Result<(), LiveError>) -> Result<Option<Markup>, Failure> {
    match tried {
        Ok(()) => Ok(None),
        Err(LiveError::Store(error @ (StoreError::Precondition { .. } | StoreError::NotFound { .. }))) => {
            Ok(Some(in_words(&view, &error.to_string())))
        }
        Err(error) => Err(Failure::of(view, error)),
    }
}

#[derive(Deserialize)]
pub struct Merge {
    token: String,
    with: String,
    #[serde(default)]
    request: String,
    #[serde(default)]
    force: String,
}

pub async fn merge(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
    Form(form): Form<Merge>,
) -> Result<Response, Failure> {
    let view = person.view;
    let broken = |error| Failure::of(view, error);
    let writer = person.writer("console.merge", &format!("masters/{id} <- {}", form.with), &form.request);
    let (master, source) = (MasterId::new(&id), MasterId::new(&form.with));
    let two = shared.live.merge_needs_two([&master, &source]).await.map_err(broken)?;
    // A proposal is a first person's word only.
    let may = if two { person.may_decide() } else { person.may_approve() };
    person.writes(&form.token, may, "an approver")?;
    if two {
        let call = hand_merge(&id, &form.with, Force::No);
        shared.live.merge_by_hand(&call, &writer.clone().trying(true)).await.map_err(broken)?;
        let proposed = shared.live.propose_merge(&master, &source, "merge", &writer).await.map_err(broken)?;
        return Ok(back(&id, if proposed.needs_second_person { "second" } else { "merged" }));
    }
    let force = form.force == "1" && person.may_approve();
    let call = hand_merge(&id, &form.with, if force { Force::Yes } else { Force::No });
    shared.live.merge_by_hand(&call, &writer).await.map_err(broken)?;
    Ok(back(&id, "merged"))
}

/// A member in a form: node and code, each without a slash.
pub fn pick_value(key: &SkuKey) -> String {
    format!("{}/{}", segment(&key.node.0), segment(&key.sku.0))
}

fn picked(fields: &[(String, String)]) -> Vec<SkuKey> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let values =
        fields.iter().filter(|(key, _)| key == "pick").filter_map(|(_, value)| value.split_once('/'));
    values.map(|(node, sku)| SkuKey::new(&decoded(node), &decoded(sku))).collect()
}

/// Shows what splitting the ticked members off would do, or does it.
pub async fn split(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let view = person.view;
    let field = |name: &str| {
        fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    person.writes(field("token"), person.may_approve(), "an approver")?;
    let keys = picked(&fields);
    let master = MasterId::new(&id);
    let path = path_of(&id);
    if field("sure") == "1" {
        let writer = person.writer("console.split", &format!("masters/{id}"), field("request"));
        let expect = field("etag").parse().ok().map(Version);
        let done = shared.live.split_by_hand(&master, &keys, expect, "", &writer).await;
        done.map_err(|error| Failure::of(view, error))?;
        return Ok(back(&id, "split"));
    }
    let one = whole(&shared, view, &master).await?;
    let (going, staying): (Vec<&LocalSku>, Vec<&LocalSku>) =
        one.members.iter().map(|row| &row.value.sku).partition(|sku| keys.contains(&sku.key));
    let trial = person.writer("console.split", "", "").trying(true);
    let tried = shared.live.split_by_hand(&master, &keys, None, "", &trial).await;
    let obstacle = obstacle(view, tried.map(|_| ()))?;
    let engine = shared.live.engine();
    let name = |skus: &[&LocalSku]| engine.golden(skus).map(|golden| golden.name.value).unwrap_or_default();
    let body = html! {
        h1 { (view.say("What the split would do", "拆分会做什么")) " " small { (view.say("nothing has changed yet", "现在还没有任何改变")) } }
        div.sides {
            section.side { h2 { small { (view.say("stays", "保留")) } } p.name { (layout::made(show::html::name(&name(&staying)))) } (listed(&view, staying.iter().copied())) }
            section.side { h2 { small { (view.say("becomes a master of its own", "成为新的主数据")) } } p.name { (layout::made(show::html::name(&name(&going)))) } (listed(&view, going.iter().copied())) }
        }
        p.soft { (view.say("The machine will not put the two together again: this is a person's decision.", "这是人的决定，机器不会再把两边合到一起。")) }
        @if let Some(obstacle) = &obstacle { p.notice role="alert" { (obstacle) } }
        div.start {
            @if obstacle.is_none() {
                form method="post" action=(format!("{path}/split")) {
                    (token(&person))
                    input type="hidden" name="sure" value="1";
                    input type="hidden" name="etag" value=(one.row.version);
                    input type="hidden" name="request" value=(fresh());
                    @for key in &keys { input type="hidden" name="pick" value=(pick_value(key)); }
                    button.primary.large { (view.say("Split", "拆分")) }
                }
            }
            a.button href=(path) { (view.say("Change nothing", "不做改变")) }
        }
    };
    let title = view.say("Split", "拆分");
    Ok(layout::page(&view, Some((&person, Tab::Masters, &path)), title, &body))
}

/// The golden record: each value with where it comes from, and other values that members offer.
pub fn golden(person: &Person, one: &Whole) -> Markup {
    let view = &person.view;
    let golden = &one.row.value.golden;
    let path = path_of(one.row.value.id.as_str());
    let own = |value: Option<&SourcedValue>| value.map(|value| value.value.clone()).unwrap_or_default();
    type Says = fn(&LocalSku) -> Option<String>;
    let fields: [(&str, &str, Option<&SourcedValue>, Says); 3] = [
        ("name", view.say("name", "名称"), Some(&golden.name), |sku| Some(sku.name.clone())),
        ("brand", view.say("brand", "品牌"), golden.brand.as_ref(), |sku| sku.brand.clone()),
        ("spec", view.say("spec", "规格"), golden.spec.as_ref(), |sku| sku.spec.clone()),
    ];
    html! {
        dl.facts {
            @for (_, label, value, _) in &fields {
                @if let Some(value) = value { dt { (label) } dd { (layout::made(show::html::name(&value.value))) (source(view, value.source.as_ref())) } }
            }
            dt { (view.say("id", "编号")) } dd { code { (one.row.value.id) } }
        }
        @if person.may_decide() && !one.members.is_empty() {
            details.more {
                summary { (view.say("Write the golden record by hand", "手工修改黄金记录")) }
                form.golden method="post" action=(format!("{path}/golden")) {
                    (token(person))
                    input type="hidden" name="etag" value=(one.row.version);
                    input type="hidden" name="request" value=(fresh());
                    @for (name, label, value, says) in &fields {
                        @let offers: BTreeSet<String> = one.members.iter().filter_map(|row| says(&row.value.sku)).collect();
                        label { (label)
                            input name=(name) value=(own(*value)) maxlength="400" list=(format!("offers-{name}"));
                        }
                        datalist id=(format!("offers-{name}")) { @for offer in offers.iter().take(50) { option value=(offer) {} } }
                        input type="hidden" name=(format!("was-{name}")) value=(own(*value));
                        @if value.is_some_and(|value| value.source.is_none()) {
                            label.check { input type="checkbox" name=(format!("free-{name}")) value="1"; (view.say("as the members say", "恢复为成员的写法")) }
                        } @else { span {} }
                    }
                    button.primary { (view.say("Write", "保存")) }
                    p.soft.small { (view.say("What is written by hand stays, whatever members join later.", "手工填写的值会一直保留，不受以后加入的成员影响。")) }
                }
            }
        }
    }
}

pub async fn write_golden(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let view = person.view;
    let field = |name: &str| {
        fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim()).unwrap_or_default()
    };
    person.writes(field("token"), person.may_decide(), "a steward")?;
    let mut values = Vec::new();
    for (name, at) in
        [("name", GoldenField::Name), ("brand", GoldenField::Brand), ("spec", GoldenField::Spec)]
    {
        let written = field(name);
        if field(&format!("free-{name}")) == "1" {
            values.push((at, None));
        } else if written != field(&format!("was-{name}")) {
            if written.chars().count() > 400 {
                let text = view.say("A value is longer than 400 characters.", "有的值超过 400 个字符。");
                return Err(Failure::Refused(view, text.to_owned()));
            }
            values.push((at, (!written.is_empty()).then(|| written.to_owned())));
        }
    }
    if !values.is_empty() {
        let writer = person.writer("console.golden", &format!("masters/{id}"), field("request"));
        let expect = field("etag").parse().ok().map(Version);
        let done = shared.live.override_golden(&MasterId::new(&id), &values, expect, &writer).await;
        done.map_err(|error| Failure::of(view, error))?;
    }
    Ok(back(&id, "written"))
}
