//! Goods out of a file: dropped here, its columns mapped with a preview, kept and linked row by row, with what became of
//! each, and the rejected rows to take away.
//!
//! A file waits on the server's disk for an hour, for the one who sent it; nothing of it is kept before the columns are
//! agreed to. An import goes on when the page is closed.

use crate::access::{Person, View};
use crate::failure::Failure;
use crate::layout::{self, Tab, token};
use crate::part::segment;
use crate::question::fresh;
use crate::{Shared, State};
use axum::extract::{Form, Multipart, Path};
use axum::response::{IntoResponse, Redirect, Response};
use domain::{Actor, Holding, LocalSku, MatchState, Node, NodeId, NodeKind};
use http::{HeaderValue, header};
use live::{Effect, Live, Writer, now};
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use store::{AuditNote, Batch, Deleted, Expect, Mutation, Page};
use tables::{ColumnMap, Field, NodeFrom, RecordReader, Records, TableError};
use tempfile::TempDir;

/// The largest file that is taken.
pub const MOST_BYTES: usize = 32 * 1024 * 1024;
/// Files that wait at once.
const MOST_FILES: usize = 16;
const KEPT: Duration = Duration::from_secs(3600);
/// Rows kept and linked in one commit.
const ROWS: usize = 250;
const PREVIEWED: usize = 8;
const REJECTED_SHOWN: usize = 20;

/// Files that people sent, and imports under way.
#[derive(Default)]
pub struct Imports(Mutex<HashMap<String, Arc<Upload>>>);

struct Upload {
    owner: Actor,
    /// As the person's computer names it.
    name: String,
    folder: TempDir,
    since: Instant,
    progress: Mutex<Progress>,
}

/// A row that was left out, for the table and the file.
#[derive(Clone)]
struct Left {
    line: Option<u64>,
    code: String,
    en: String,
    zh: String,
    row: String,
}

#[derive(Clone, Default)]
struct Progress {
    begun: bool,
    finished: bool,
    total: usize,
    done: usize,
    created: usize,
    updated: usize,
    unchanged: usize,
    states: BTreeMap<&'static str, (MatchState, usize)>,
    left: Vec<Left>,
    /// What stopped it.
    stopped: Option<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Imports {
    fn of(&self, id: &str, person: &Person) -> Result<Arc<Upload>, Failure> {
        let found = lock(&self.0).get(id).cloned().filter(|upload| upload.owner == person.actor());
        found.ok_or_else(|| {
            let text = person.view.say(
                "This file is no longer here: files wait for an hour. Send it again.",
                "文件已不在：上传的文件只保留一小时。请重新上传。",
            );
            Failure::NotFound(person.view, text.to_owned())
        })
    }

    fn put(&self, upload: Upload) -> Option<String> {
        let mut all = lock(&self.0);
        all.retain(|_, upload| {
            let progress = lock(&upload.progress);
            upload.since.elapsed() < KEPT || progress.begun && !progress.finished
        });
        let id = fresh();
        if all.len() >= MOST_FILES || id.is_empty() {
            return None;
        }
        all.insert(id.clone(), Arc::new(upload));
        Some(id)
    }
}

impl Upload {
    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join(&self.name)
    }
}

fn may(person: &Person) -> bool {
    person.user.role == store::Role::Admin
}

pub async fn form(person: Person) -> Result<Response, Failure> {
    let view = person.view;
    if !may(&person) {
        return Err(Failure::Denied(view, "an administrator"));
    }
    let title = view.say("Import", "导入");
    let body = html! {
        h1 { (title) " " small { (view.say("goods out of a file", "从文件导入商品")) } }
        form.drop method="post" action="/console/import" enctype="multipart/form-data" {
            (token(&person))
            label { b { (view.say("Drop an Excel or CSV file here, or choose one", "把 Excel 或 CSV 文件拖到这里，或选择文件")) }
                input type="file" name="file" required accept=".csv,.tsv,.txt,.xlsx,.xlsm,.xls,.jsonl,.ndjson";
            }
            p.soft { (view.say(
                "One row a SKU: code and name, and the node where the file holds several; brand, spec, unit, category, barcode and price where there are. Up to 32 MB; UTF-8, GB18030 and UTF-16 are recognised.",
                "每行一条 SKU：编码和名称；多个节点的文件还要有节点列；可以有品牌、规格、单位、分类、条码、价格。最大 32 MB；自动识别 UTF-8、GB18030、UTF-16。")) }
            button.primary.large { (view.say("Send, and look at the columns", "上传并查看列")) }
        }
    };
    Ok(layout::page(&view, Some((&person, Tab::Import, "/console/import")), title, &body))
}

/// A name that is safe as a file's, with its ending.
fn plain(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String =
        last.chars().filter(|c| !c.is_control() && !"<>:\"|?*".contains(*c)).collect::<String>();
    let kept = kept.trim_start_matches('.').trim();
    // File systems count bytes; the ending is what matters.
    let mut start = kept.len().saturating_sub(120);
    while !kept.is_char_boundary(start) {
        start += 1;
    }
    if kept.is_empty() { "file.csv".to_owned() } else { kept[start..].to_owned() }
}

pub async fn upload(
    axum::extract::State(shared): State,
    person: Person,
    mut parts: Multipart,
) -> Result<Response, Failure> {
    let view = person.view;
    let broken = |error: axum::extract::multipart::MultipartError| {
        if error.status() == http::StatusCode::PAYLOAD_TOO_LARGE {
            let text = view.say("The file is larger than 32 MB: split it.", "文件超过 32 MB：请拆分后上传。");
            return Failure::TooLarge(view, text.to_owned());
        }
        let text =
            view.say("The file did not arrive whole: send it again.", "文件没有完整到达：请重新上传。");
        Failure::Refused(view, text.to_owned())
    };
    let on_disk = |error: std::io::Error| {
        tracing::error!(%error, "keeping an upload");
        Failure::Broken(view)
    };
    let mut allowed = false;
    let mut kept = None;
    while let Some(mut field) = parts.next_field().await.map_err(broken)? {
        match field.name() {
            Some("token") => {
                person.writes(&field.text().await.map_err(broken)?, may(&person), "an administrator")?;
                allowed = true;
            }
            Some("file") if allowed => {
                let name = plain(field.file_name().unwrap_or_default());
                let folder = tempfile::tempdir().map_err(on_disk)?;
                let mut file = std::fs::File::create(folder.path().join(&name)).map_err(on_disk)?;
                while let Some(bytes) = field.chunk().await.map_err(broken)? {
                    file.write_all(&bytes).map_err(on_disk)?;
                }
                file.sync_all().map_err(on_disk)?;
                kept = Some((name, folder));
            }
            _ => {}
        }
    }
    if !allowed {
        return Err(Failure::Forged(view));
    }
    let Some((name, folder)) = kept else {
        let text = view.say("Choose a file first.", "请先选择文件。");
        return Err(Failure::Refused(view, text.to_owned()));
    };
    let upload =
        Upload { owner: person.actor(), name, folder, since: Instant::now(), progress: Mutex::default() };
    let id = shared.imports.put(upload).ok_or_else(|| {
        let text = view
            .say("Too many files wait at once: try again in a while.", "同时等待的文件太多：请稍后再试。");
        Failure::Refused(view, text.to_owned())
    })?;
    Ok(layout::answer(Redirect::to(&format!("/console/import/{}", segment(&id))).into_response()))
}

/// How the columns are to be read, as the form says it.
#[derive(Clone, Default)]
struct Mapping {
    columns: Vec<(Field, String)>,
    /// The node of all rows; empty where the file says it.
    node: String,
}

impl Mapping {
    fn of(fields: &[(String, String)]) -> Mapping {
        let value = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let columns = Field::ALL
            .into_iter()
            .filter_map(|field| Some((field, value(&format!("map-{}", field.as_str()))?.to_owned())))
            .filter(|(_, header)| !header.is_empty())
            .collect();
        Mapping { columns, node: value("node").unwrap_or_default().trim().chars().take(120).collect() }
    }

    fn read(&self, upload: &Upload) -> Result<Records, TableError> {
        let map =
            self.columns.iter().fold(ColumnMap::default(), |map, (field, header)| map.with(*field, header));
        let node = match self.node.as_str() {
            "" => NodeFrom::ColumnOrFile,
            node => NodeFrom::Fixed(node.to_owned()),
        };
        let mut reader = RecordReader::new(&map);
        reader.file(&upload.path(), &node)?;
        reader.finish()
    }
}

async fn read(upload: &Arc<Upload>, mapping: &Mapping) -> Result<Records, TableError> {
    let (upload, mapping) = (upload.clone(), mapping.clone());
    let name = upload.name.clone();
    let read = tokio::task::spawn_blocking(move || mapping.read(&upload)).await;
    read.unwrap_or_else(|error| Err(TableError::Workbook { file: name, detail: error.to_string() }))
}

/// The server's folder is nobody's business.
fn in_words(view: &View, upload: &Upload, error: &TableError) -> String {
    let text = if view.is_chinese() { error.in_chinese() } else { error.to_string() };
    text.replace(&upload.path().display().to_string(), &upload.name)
}

pub async fn show(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let upload = shared.imports.of(&id, &person)?;
    let progress = lock(&upload.progress).clone();
    if progress.begun {
        return Ok(outcome_page(&person, &id, &upload, &progress));
    }
    mapping_page(&shared, &person, &id, &upload, &Mapping::default()).await
}

/// Tries another mapping, or keeps the rows under it.
pub async fn map(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let field = |name: &str| {
        fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    person.writes(field("token"), may(&person), "an administrator")?;
    let upload = shared.imports.of(&id, &person)?;
    let mapping = Mapping::of(&fields);
    if field("how") != "import" {
        return mapping_page(&shared, &person, &id, &upload, &mapping).await;
    }
    let records = match read(&upload, &mapping).await {
        Ok(records) => records,
        Err(_) => return mapping_page(&shared, &person, &id, &upload, &mapping).await,
    };
    // Sent twice, kept once.
    let first = !std::mem::replace(&mut lock(&upload.progress).begun, true);
    if first {
        begin(&shared, &person, upload, records).await?;
    }
    Ok(layout::answer(Redirect::to(&format!("/console/import/{}", segment(&id))).into_response()))
}

async fn begin(
    shared: &Arc<Shared>,
    person: &Person,
    upload: Arc<Upload>,
    records: Records,
) -> Result<(), Failure> {
    {
        let mut progress = lock(&upload.progress);
        progress.total = records.skus.len();
        // The server's folder is nobody's business.
        let path = upload.path().display().to_string();
        progress.left = records
            .rejected
            .iter()
            .map(|rejected| Left {
                line: Some(rejected.line),
                code: rejected.reason.code().to_owned(),
                en: rejected.reason.to_string().replace(&path, &upload.name),
                zh: rejected.reason.in_chinese().replace(&path, &upload.name),
                row: rejected.raw.clone(),
            })
            .collect();
    }
    let note = AuditNote {
        action: "console.import".to_owned(),
        subject: upload.name.clone(),
        detail: format!("{} rows", records.skus.len()),
    };
    let audited = shared.live.store().audit(now(), &person.actor(), &note, "done").await;
    audited.map_err(|error| Failure::of_store(person.view, error))?;
    let (live, actor) = (shared.live.clone(), person.actor());
    tokio::spawn(async move {
        let stopped = run(&live, &actor, &upload, &records.skus).await.err();
        if let Some(error) = &stopped {
            tracing::error!(error, "an import stopped");
        }
        let mut progress = lock(&upload.progress);
        (progress.stopped, progress.finished) = (stopped, true);
    });
    Ok(())
}

async fn run(live: &Live, actor: &Actor, upload: &Upload, skus: &[LocalSku]) -> Result<(), String> {
    let nodes: BTreeSet<&NodeId> = skus.iter().map(|sku| &sku.key.node).collect();
    for id in nodes {
        if live.store().node(id).await.map_err(|error| error.to_string())?.is_some() {
            continue;
        }
        let (kind, holding) = (NodeKind::Unknown, Holding::OnePerMaster);
        let node = Node { id: id.clone(), title: id.to_string(), kind, place: None, holding, archived: None };
        let put = Mutation::PutNode { node, expect: Expect::Absent };
        let made = live.commit(&Batch::new(now(), actor, "import").with(put)).await;
        made.map_err(|error| error.to_string())?;
    }
    for part in skus.chunks(ROWS) {
        let outcomes =
            live.import_skus(part, &Writer::new(actor)).await.map_err(|error| error.to_string())?;
        let mut progress = lock(&upload.progress);
        for (sku, outcome) in part.iter().zip(outcomes) {
            progress.done += 1;
            match outcome {
                Ok((saved, effect, _)) => {
                    match effect {
                        Effect::Created => progress.created += 1,
                        Effect::Updated => progress.updated += 1,
                        Effect::Nothing => progress.unchanged += 1,
                    }
                    let state = saved.sku.value.state;
                    progress.states.entry(state.as_str()).or_insert((state, 0)).1 += 1;
                }
                Err(error) => {
                    let said = error.to_string();
                    progress.left.push(Left {
                        line: None,
                        code: "refused".to_owned(),
                        zh: format!("存储拒绝：{said}"),
                        en: said,
                        row: format!("{},{},{}", sku.key.node, sku.key.sku, sku.name),
                    });
                }
            }
        }
    }
    Ok(())
}

async fn mapping_page(
    shared: &Shared,
    person: &Person,
    id: &str,
    upload: &Arc<Upload>,
    mapping: &Mapping,
) -> Result<Response, Failure> {
    let view = person.view;
    let read = read(upload, mapping).await;
    let path = format!("/console/import/{}", segment(id));
    let known = shared.live.store().nodes(Deleted::Hidden, &Page::first(500)).await;
    let known = known.map_err(|error| Failure::of_store(view, error))?.items;
    let (header, columns) = match &read {
        Ok(records) => (records.header.clone(), records.columns.clone()),
        Err(TableError::MissingColumn { found, .. } | TableError::MapHeader { found, .. }) => {
            (found.clone(), mapping.columns.clone())
        }
        Err(_) => (Vec::new(), Vec::new()),
    };
    let chosen =
        |field: Field| columns.iter().find(|(one, _)| *one == field).map(|(_, header)| header.as_str());
    let body = html! {
        h1 { (view.say("Which column is what?", "每一列是什么？")) " " small { bdi { (upload.name) } } }
        @if let Err(error) = &read { p.notice role="alert" { bdi { (in_words(&view, upload, error)) } } }
        @if header.is_empty() {
            p { a.button href="/console/import" { (view.say("Choose another file", "换一个文件")) } }
        } @else {
            form method="post" action=(path) {
                (token(person))
                div.mapping {
                    @for field in Field::ALL {
                        label { (field_name(&view, field))
                            select name=(format!("map-{}", field.as_str())) {
                                option value="" { "–" }
                                @for column in header.iter().filter(|column| !column.is_empty()) {
                                    option value=(column) selected[chosen(field) == Some(column.as_str())] { (show::html::cut(column, 60).0) }
                                }
                            }
                        }
                    }
                    label { (view.say("or all rows are of this node", "或全部属于这个节点"))
                        input name="node" value=(mapping.node) maxlength="120" list="nodes";
                    }
                    datalist id="nodes" { @for node in &known { option value=(node.value.id) {} } }
                }
                @if let Ok(records) = &read { (sample(&view, records)) }
                div.start {
                    button name="how" value="look" { (view.say("Look again", "重新预览")) }
                    @if let Ok(records) = &read {
                        @if !records.skus.is_empty() {
                            button.primary.large name="how" value="import" { (view.say("Import ", "导入 ")) (show::lang::thousands(records.skus.len())) (view.say(" rows", " 行")) }
                        }
                    }
                    a.button href="/console/import" { (view.say("Another file", "换一个文件")) }
                }
            }
        }
    };
    let title = view.say("Import", "导入");
    Ok(layout::page(&view, Some((person, Tab::Import, &path)), title, &body))
}

fn field_name(view: &View, field: Field) -> &'static str {
    match field {
        Field::Node => view.say("node", "节点"),
        Field::Sku => view.say("code (needed)", "编码（必填）"),
        Field::Name => view.say("name (needed)", "名称（必填）"),
        Field::Brand => view.say("brand", "品牌"),
        Field::Spec => view.say("spec", "规格"),
        Field::Model => view.say("model", "型号"),
        Field::Unit => view.say("unit", "单位"),
        Field::Category => view.say("category", "分类"),
        Field::Gtin => view.say("barcode", "条码"),
        Field::Description => view.say("description", "描述"),
        Field::Price => view.say("price", "价格"),
    }
}

/// The first rows as they would be kept.
fn sample(view: &View, records: &Records) -> Markup {
    let nodes: BTreeSet<&NodeId> = records.skus.iter().map(|sku| &sku.key.node).collect();
    html! {
        p { b { (show::lang::thousands(records.skus.len())) } (view.say(" rows of ", " 行，来自 ")) b { (nodes.len()) } (view.say(" nodes can be kept", " 个节点，可以导入"))
            @if !records.rejected.is_empty() { "; " b.problem-text { (show::lang::thousands(records.rejected.len())) } (view.say(" cannot", " 行不能导入")) } }
        div.scroll tabindex="0" { table.list {
            thead { tr { th { (view.say("Node", "节点")) } th { (view.say("Code", "编码")) } th { (view.say("Name", "名称")) } th { (view.say("Brand", "品牌")) }
                th { (view.say("Spec", "规格")) } th { (view.say("Unit", "单位")) } th { (view.say("Category", "分类")) } th { (view.say("Barcode", "条码")) } th { (view.say("Price", "价格")) } } }
            tbody { @for sku in records.skus.iter().take(PREVIEWED) {
                tr {
                    td { bdi { (sku.key.node) } } td { code { bdi { (sku.key.sku) } } } td { (layout::made(show::html::name(&sku.name))) }
                    @for value in [&sku.brand, &sku.spec, &sku.unit, &sku.category, &sku.gtin] {
                        td { bdi { (show::html::cut(value.as_deref().unwrap_or_default(), 60).0) } }
                    }
                    td.number { @if let Some(price) = sku.price { (price) } }
                }
            } }
        } }
    }
}

fn outcome_page(person: &Person, id: &str, upload: &Upload, progress: &Progress) -> Response {
    let view = person.view;
    let path = format!("/console/import/{}", segment(id));
    let tile =
        |count: usize, text: &'static str| html! { div.tile { b { (show::lang::thousands(count)) } (text) } };
    let share = if progress.total == 0 { 1.0 } else { progress.done as f64 / progress.total as f64 };
    let body = html! {
        h1 { @if progress.finished { (view.say("Imported", "导入完成")) } @else { (view.say("Importing …", "正在导入…")) } " " small { bdi { (upload.name) } } }
        @if !progress.finished {
            p role="status" { progress max="1" value=(format!("{share:.3}")) {} " " (show::lang::thousands(progress.done)) " / " (show::lang::thousands(progress.total)) }
            p.soft { (view.say("It goes on when this page is closed.", "关闭本页也会继续。")) }
        }
        @if let Some(stopped) = &progress.stopped {
            p.notice role="alert" { (view.say("It stopped before the end; what is counted here is kept. Send the file again to go on. ", "中途停止；已计入的行都已保存。重新上传文件即可继续。")) bdi { (stopped) } }
        }
        section.tiles {
            (tile(progress.created, view.say("new", "新增")))
            (tile(progress.updated, view.say("changed", "更新")))
            (tile(progress.unchanged, view.say("as they were", "没有变化")))
            (tile(progress.left.len(), view.say("left out", "未导入")))
        }
        @if !progress.states.is_empty() {
            h2 { (view.say("Where they stood after their own rows", "各行导入后的状态")) }
            table.list { tbody { @for (state, count) in progress.states.values() {
                tr { th scope="row" { (crate::quality::state_name(&view, *state)) } td.number { (show::lang::thousands(*count)) } }
            } } }
        }
        @if !progress.left.is_empty() {
            h2 { (view.say("Left out", "未导入的行")) }
            p { a.button href=(format!("{path}/rejected.csv")) download { (view.say("Download them all (CSV)", "全部下载（CSV）")) } }
            div.scroll tabindex="0" { table.list {
                thead { tr { th { (view.say("Line", "行号")) } th { (view.say("Why", "原因")) } th { (view.say("Row", "内容")) } } }
                tbody { @for left in progress.left.iter().take(REJECTED_SHOWN) {
                    tr { td.number { @if let Some(line) = left.line { (line) } }
                        td { bdi { (view.pick(&left.en, &left.zh)) } }
                        td { (layout::made(show::html::name(&left.row))) } }
                } }
            } }
        }
        @if progress.finished {
            div.start { a.button href="/console/" { (view.say("To the questions", "去回答问题")) } a.button href="/console/import" { (view.say("Another file", "再导入一个")) } }
        }
    };
    let title = view.say("Import", "导入");
    let mut page = layout::page(&view, Some((person, Tab::Import, &path)), title, &body);
    if !progress.finished {
        page.headers_mut().insert("refresh", HeaderValue::from_static("1"));
    }
    page
}

/// The rows that were left out, as a file that a spreadsheet opens. A cell that a spreadsheet would take for a formula gets an
/// apostrophe before it.
pub async fn rejected(
    axum::extract::State(shared): State,
    person: Person,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let upload = shared.imports.of(&id, &person)?;
    let left = lock(&upload.progress).left.clone();
    let mut text = String::from("\u{feff}file,line,reason_code,reason,row\r\n");
    for one in left {
        let line = one.line.map(|line| line.to_string()).unwrap_or_default();
        let reason = person.view.pick(&one.en, &one.zh);
        let cells = [upload.name.as_str(), &line, &one.code, reason, &one.row].map(cell);
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    let mut response = layout::answer(text);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"rejected.csv\""),
    );
    Ok(response)
}

fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}
