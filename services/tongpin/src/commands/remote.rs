//! `import` and `link --server`: files in, and a running service does the rest. What it holds afterwards comes back as the
//! contract files, so that whoever reads those need not know where the work was done.

use super::{Failure, Finish, check_usable, link, print, where_to_look, write_text};
use crate::args::{Call, Linking, Server, shown};
use crate::failure;
use crate::files;
use crate::folder::{self, MARK, ResultFolder};
use crate::lang::{Language, pick, say, thousands};
use crate::progress::Display;
use api::v1::{self, MatchState};
use client::{Client, Import};
use domain::{LocalSku, SkuKey};
use engine::Progress;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tables::{ColumnMap, Records};

/// Between two looks at what still waits to be linked.
const LOOK: Duration = Duration::from_millis(300);
/// Longest time in which nothing is linked any more.
const PATIENCE: Duration = Duration::from_secs(600);

/// What became of the rows.
#[derive(Default)]
struct Sent {
    nodes: usize,
    new_nodes: usize,
    rows: usize,
    changed: usize,
    unchanged: usize,
    deleted: usize,
    refused: Vec<(SkuKey, String)>,
}

pub fn import(
    call: &Call,
    paths: &[PathBuf],
    map: &ColumnMap,
    server: &Server,
    replace: bool,
) -> Result<Finish, Failure> {
    let display = Display::new(call.language, call.quiet);
    display.stage("read", 0);
    let records = link::read_all(paths, map)?;
    runtime()?.block_on(async {
        let client = connect(server).await?;
        let sent = send(&client, &records.skus, replace, &display).await?;
        display.stage("fetch", 0);
        let held = held(&client, &records.skus).await?;
        display.close();
        warn(call, &records, &sent);
        if call.json {
            print(&summary(server, &[], &records, &sent, &held, 0).to_string());
        } else {
            print(&overview(call.language, &sent, &held));
        }
        Ok(Finish::with(records.rejected.len() + sent.refused.len()))
    })
}

pub fn link(call: &Call, paths: &[PathBuf], linking: &Linking, server: &Server) -> Result<Finish, Failure> {
    let display = Display::new(call.language, call.quiet);
    folder::check(&linking.out, linking.force)?;
    display.stage("read", 0);
    let records = link::read_all(paths, &linking.map)?;
    check_usable(&records)?;
    runtime()?.block_on(async {
        let client = connect(server).await?;
        let sent = send(&client, &records.skus, false, &display).await?;
        settle(&client, &records.skus, &display).await?;
        display.stage("fetch", 0);
        let held = held(&client, &records.skus).await?;
        let questions = questions(&client, &held).await?;
        let links = links(&client, &held).await?;
        display.stage("write", 0);
        let result = ResultFolder::begin(&linking.out)?;
        files::rows(&result.path("masters.csv"), files::MASTERS, &masters(&records.skus, &held))?;
        files::rows(&result.path("links.csv"), files::LINKS, &links)?;
        files::rows(&result.path("review.csv"), files::REVIEW, &questions)?;
        if !records.rejected.is_empty() {
            files::rejected(&result.path("rejected.csv"), &records.rejected)?;
        }
        let inputs: Vec<String> = paths.iter().map(|path| shown(path)).collect();
        let summary = summary(server, &inputs, &records, &sent, &held, questions.len());
        let text = serde_json::to_string_pretty(&summary).unwrap_or_default();
        let text = format!("{MARK},{}\n", text.trim_start_matches('{'));
        write_text(&result.path("summary.json"), &text)?;
        result.finish()?;
        display.close();
        warn(call, &records, &sent);
        if call.json {
            print(text.trim_end());
        } else {
            let language = call.language;
            let (asked, out) = (thousands(questions.len()), where_to_look(&linking.out, language));
            let asked = say!(
                language,
                "to ask   {asked} questions in review.csv",
                "待确认  {asked} 个问题，见 review.csv"
            );
            // A page about the run is not made here: the console shows what the service holds.
            let out = out.replace("report.html", "masters.csv");
            print(&format!("{}\n{asked}\n{out}", overview(language, &sent, &held)));
        }
        Ok(Finish::with(records.rejected.len() + sent.refused.len()))
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|source| Failure::Runtime { source })
}

async fn connect(server: &Server) -> Result<Client, Failure> {
    let identity = server.certificate.clone().zip(server.certificate_key.clone());
    let authorities = server.authorities.clone();
    let settings =
        client::Settings { authorities, identity, ..client::Settings::new(&server.url, &server.key) };
    Ok(Client::connect(&settings).await?)
}

fn on_the_wire(sku: &LocalSku) -> v1::Sku {
    v1::Sku {
        name: name_of(&sku.key),
        attributes: Some(v1::SkuAttributes {
            display_name: sku.name.clone(),
            brand: sku.brand.clone(),
            spec: sku.spec.clone(),
            unit: sku.unit.clone(),
            category: sku.category.clone(),
            gtin: sku.gtin.clone(),
            description: sku.description.clone(),
            price: sku.price,
        }),
        ..v1::Sku::default()
    }
}

fn name_of(key: &SkuKey) -> String {
    api::names::sku(&key.node.0, &key.sku.0)
}

/// An id without its collection: `masters/m-1` is `m-1`.
fn id_of(name: &str) -> String {
    name.rsplit_once('/').map_or(name, |(_, id)| id).to_owned()
}

/// Node after node: what one node's key may not write stops before the next is begun.
async fn send(client: &Client, skus: &[LocalSku], replace: bool, display: &Display) -> Result<Sent, Failure> {
    let mut nodes: BTreeMap<&str, Vec<&LocalSku>> = BTreeMap::new();
    for sku in skus {
        nodes.entry(sku.key.node.0.as_str()).or_default().push(sku);
    }
    display.stage("send", skus.len() as u64);
    let mut sent = Sent { nodes: nodes.len(), rows: skus.len(), ..Sent::default() };
    for (node, skus) in nodes {
        sent.new_nodes += usize::from(client.ensure_node(node).await?);
        let rows: Vec<v1::Sku> = skus.iter().map(|sku| on_the_wire(sku)).collect();
        let import = Import { node: Some(node.to_owned()), id: "files".to_owned(), replace };
        let outcome = client.import(&rows, &import, |_| display.advance(1)).await?;
        sent.changed += outcome.changed;
        sent.unchanged += outcome.unchanged;
        sent.deleted += outcome.deleted;
        sent.refused.extend(outcome.refused.into_iter().map(|row| (skus[row.at].key.clone(), row.reason)));
    }
    Ok(sent)
}

fn nodes_of(skus: &[LocalSku]) -> BTreeSet<&str> {
    skus.iter().map(|sku| sku.key.node.0.as_str()).collect()
}

/// Waits until every SKU of these nodes was looked at: a large import is linked in the background.
async fn settle(client: &Client, skus: &[LocalSku], display: &Display) -> Result<(), Failure> {
    display.stage("wait", 0);
    let (mut fewest, mut last_step) = (usize::MAX, Instant::now());
    loop {
        let mut waiting = 0;
        for node in nodes_of(skus) {
            waiting += client.skus(node, &[MatchState::NotRun, MatchState::Failed]).await?.len();
        }
        if waiting == 0 {
            return Ok(());
        }
        if waiting < fewest {
            (fewest, last_step) = (waiting, Instant::now());
        }
        if last_step.elapsed() > PATIENCE {
            return Err(Failure::NeverLinked(waiting));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The files' SKUs as the service holds them, by name.
async fn held(client: &Client, skus: &[LocalSku]) -> Result<BTreeMap<String, v1::Sku>, Failure> {
    let ours: FxHashSet<String> = skus.iter().map(|sku| name_of(&sku.key)).collect();
    let mut held = BTreeMap::new();
    for node in nodes_of(skus) {
        let all = client.skus(node, &[]).await?;
        held.extend(
            all.into_iter().filter(|sku| ours.contains(&sku.name)).map(|sku| (sku.name.clone(), sku)),
        );
    }
    Ok(held)
}

/// Every record once, by node and code; one without a master is alone under an id of its own, as in a run without a server.
fn masters(skus: &[LocalSku], held: &BTreeMap<String, v1::Sku>) -> Vec<[String; 3]> {
    let mut keys: Vec<&SkuKey> = skus.iter().map(|sku| &sku.key).collect();
    keys.sort();
    keys.into_iter()
        .map(|key| {
            let master =
                held.get(&name_of(key)).map(|sku| sku.master.as_str()).filter(|name| !name.is_empty());
            let id = master.map_or_else(|| engine::master_id(key), id_of);
            [key.node.to_string(), key.sku.to_string(), id]
        })
        .collect()
}

fn ids_of(name: &str) -> Result<(String, String), Failure> {
    let wrong = client::ClientError::Answer("a SKU's name is none");
    api::names::sku_ids(name).ok_or(wrong.into())
}

/// Links between the files' SKUs, by their keys.
async fn links(client: &Client, held: &BTreeMap<String, v1::Sku>) -> Result<Vec<[String; 7]>, Failure> {
    let mut members: BTreeMap<&str, usize> = BTreeMap::new();
    for sku in held.values().filter(|sku| !sku.master.is_empty()) {
        *members.entry(&sku.master).or_default() += 1;
    }
    let mut rows = Vec::new();
    for (master, _) in members.into_iter().filter(|(_, count)| *count > 1) {
        for link in client.links_of(master).await? {
            if !held.contains_key(&link.left) || !held.contains_key(&link.right) {
                continue;
            }
            let ((left_node, left), (right_node, right)) = (ids_of(&link.left)?, ids_of(&link.right)?);
            let evidence = link.evidence.unwrap_or_default();
            let confidence = files::number(evidence.confidence);
            rows.push([left_node, left, right_node, right, confidence, "auto".to_owned(), evidence.summary]);
        }
    }
    rows.sort();
    Ok(rows)
}

/// Questions about the files' SKUs, most valuable first.
async fn questions(client: &Client, held: &BTreeMap<String, v1::Sku>) -> Result<Vec<[String; 7]>, Failure> {
    let names: FxHashMap<String, String> = client
        .all_masters()
        .await?
        .into_iter()
        .map(|master| (master.name, master.display_name.unwrap_or_default().value))
        .collect();
    let mut rows = Vec::new();
    for review in client.questions().await? {
        let Some(sku) = held.get(&review.sku) else { continue };
        let (node, code) = ids_of(&review.sku)?;
        let name = sku.attributes.clone().unwrap_or_default().display_name;
        let master_name = names.get(&review.master).cloned().unwrap_or_default();
        let evidence = review.evidence.unwrap_or_default();
        let confidence = files::number(evidence.confidence);
        rows.push([node, code, name, id_of(&review.master), master_name, confidence, evidence.summary]);
    }
    Ok(rows)
}

/// SKUs in each state, as the service names them.
fn states(held: &BTreeMap<String, v1::Sku>) -> BTreeMap<String, usize> {
    let mut states = BTreeMap::new();
    for sku in held.values() {
        let name = sku.match_state().as_str_name().trim_start_matches("MATCH_STATE_").to_lowercase();
        *states.entry(name).or_default() += 1;
    }
    states
}

fn summary(
    server: &Server,
    inputs: &[String],
    records: &Records,
    sent: &Sent,
    held: &BTreeMap<String, v1::Sku>,
    questions: usize,
) -> serde_json::Value {
    let rejected = records.rejected.len();
    json!({
        "format": 1,
        "command": "link",
        "server": server.url,
        "inputs": inputs,
        "records": {"read": sent.rows + rejected, "accepted": sent.rows, "rejected": rejected},
        "sent": {
            "changed": sent.changed,
            "unchanged": sent.unchanged,
            "refused": sent.refused.len(),
            "deleted": sent.deleted,
            "new_nodes": sent.new_nodes,
        },
        "states": states(held),
        "questions": questions,
    })
}

fn warn(call: &Call, records: &Records, sent: &Sent) {
    if call.quiet {
        return;
    }
    failure::warn_of_rejected(&records.rejected, "rejected.csv", call.language);
    for (key, reason) in &sent.refused {
        eprintln!("{} {key}: {reason}", pick(call.language, "refused ", "服务未采用"));
    }
}

fn overview(language: Language, sent: &Sent, held: &BTreeMap<String, v1::Sku>) -> String {
    let (nodes, new) = (sent.nodes, sent.new_nodes);
    let [rows, changed, unchanged, refused] =
        [sent.rows, sent.changed, sent.unchanged, sent.refused.len()].map(thousands);
    let mut lines = vec![
        say!(language, "nodes    {nodes}, {new} of them new", "节点    {nodes} 个，其中新建 {new} 个"),
        say!(
            language,
            "rows     {rows} sent: {changed} new or changed, {unchanged} as before, {refused} refused",
            "记录    已发送 {rows} 条：新增或变更 {changed}，未变 {unchanged}，未采用 {refused}"
        ),
    ];
    if sent.deleted > 0 {
        let deleted = thousands(sent.deleted);
        lines.push(say!(
            language,
            "deleted  {deleted} that the files do not hold",
            "已删除  文件中没有的 {deleted} 条"
        ));
    }
    let states: Vec<String> =
        states(held).into_iter().map(|(state, count)| format!("{} {state}", thousands(count))).collect();
    let states = states.join(", ");
    lines.push(say!(language, "now      {states}", "现状    {states}"));
    lines.join("\n")
}
