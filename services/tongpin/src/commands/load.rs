//! `load`: a run's result folder becomes the beginning of a store. Groups become masters under the run's own ids, links
//! links; then the service's own linking looks at everything once, as at any start with SKUs that nobody has looked at:
//! it gives the states and the questions, and tears nothing apart.
//!
//! What is there already as the run says is left alone, so that a load that broke off is run again.

use super::{Failure, Finish, link, open, print, serve};
use crate::args::{Call, Serving};
use crate::failure;
use crate::folder::MARK;
use crate::lang::{say, thousands};
use crate::progress::Display;
use domain::{
    Actor, Confidence, Freshness, Holding, Link, LinkCause, LinkInverse, LocalSku, Master, MasterId,
    MasterState, Node, NodeId, NodeKind, SkuKey, Standing,
};
use engine::Progress;
use live::{Live, Options, now};
use rustc_hash::FxHashMap;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{Batch, Expect, Mutation, Store};
use tables::ColumnMap;

/// SKUs kept in one commit, about.
const AT_ONCE: usize = 400;

/// What the folder says.
struct Run {
    /// Every record once.
    masters: BTreeMap<SkuKey, MasterId>,
    /// By their smaller key.
    links: BTreeMap<SkuKey, Vec<(SkuKey, Confidence)>>,
    scorer: String,
    many_per_node: BTreeSet<String>,
}

pub fn load(
    call: &Call,
    paths: &[PathBuf],
    map: &ColumnMap,
    from: &Path,
    place: &Serving,
) -> Result<Finish, Failure> {
    let display = Display::new(call.language, call.quiet);
    display.stage("read", 0);
    let records = link::read_all(paths, map)?;
    let run = Run::read(from, &records.skus)?;
    let engine = Arc::new(open(call, &display)?);
    let location = serve::place(place)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Failure::Runtime { source })?;
    runtime.block_on(async {
        let store = Store::open(&location).await?;
        let live = Live::new(engine, store.clone(), Options::default());
        let kept = keep(&live, &records.skus, &run, from, &display).await?;
        display.stage("link", 0);
        live.build().await.map_err(|error| Failure::Result { path: from.to_owned(), detail: error.to_string() })?;
        let states = store.state_counts().await?;
        display.close();
        if !call.quiet {
            failure::warn_of_rejected(&records.rejected, "rejected.csv", call.language);
        }
        let language = call.language;
        let (new, there) = (thousands(kept.new), thousands(kept.there));
        let (masters, links) = (thousands(kept.masters), thousands(kept.links));
        let states: Vec<String> =
            states.into_iter().map(|(state, count)| format!("{} {}", thousands(count as usize), state.as_str())).collect();
        let states = states.join(", ");
        print(&say!(
            language,
            "loaded   {new} records, {masters} masters, {links} links; {there} records were there\nnow      {states}",
            "已载入  {new} 条记录，{masters} 个主档，{links} 条关联；原已存在 {there} 条\n现状    {states}"
        ));
        store.close().await;
        Ok(Finish::with(records.rejected.len()))
    })
}

impl Run {
    fn read(from: &Path, skus: &[LocalSku]) -> Result<Run, Failure> {
        let wrong = |name: &str, detail: String| Failure::Result { path: from.join(name), detail };
        let summary = std::fs::read_to_string(from.join("summary.json"));
        let summary = summary.map_err(|error| wrong("summary.json", format!("cannot be read ({error})")))?;
        if !summary.starts_with(MARK) {
            return Err(wrong("summary.json", "was not written by `tongpin link`".to_owned()));
        }
        let summary: Value =
            serde_json::from_str(&summary).map_err(|error| wrong("summary.json", error.to_string()))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let many = summary["policy"]["many_per_node"].as_array().cloned().unwrap_or_default();
        let mut run = Run {
            masters: BTreeMap::new(),
            links: BTreeMap::new(),
            scorer: text(&summary["versions"]["scorer"]),
            many_per_node: many.iter().map(text).collect(),
        };
        for [node, sku, master] in table(from, "masters.csv", ["node", "sku", "master_id"])? {
            run.masters.insert(SkuKey::new(&node, &sku), MasterId::new(&master));
        }
        let columns = ["left_node", "left_sku", "right_node", "right_sku", "confidence", "decision"];
        for [left_node, left, right_node, right, confidence, decision] in table(from, "links.csv", columns)? {
            let (left, right) = (SkuKey::new(&left_node, &left), SkuKey::new(&right_node, &right));
            // What is no link now becomes a question, or nothing, when the service looks at it.
            let are_one =
                run.masters.get(&left).is_some_and(|master| run.masters.get(&right) == Some(master));
            if decision == "auto" && are_one {
                let number = confidence.parse::<f64>();
                let number =
                    number.map_err(|_| wrong("links.csv", format!("{confidence} is no confidence")))?;
                let (left, right) = if left < right { (left, right) } else { (right, left) };
                run.links.entry(left).or_default().push((right, Confidence::saturating(number)));
            }
        }
        if let Some(sku) = skus.iter().find(|sku| !run.masters.contains_key(&sku.key)) {
            let detail = format!("{} is not in it: give the tables that the run read", sku.key);
            return Err(wrong("masters.csv", detail));
        }
        if run.masters.len() > skus.len() {
            let known: BTreeSet<&SkuKey> = skus.iter().map(|sku| &sku.key).collect();
            let missing = run.masters.keys().find(|key| !known.contains(key));
            let missing = missing.map(SkuKey::to_string).unwrap_or_default();
            let detail = format!("{missing} is in no table given: give all tables that the run read");
            return Err(wrong("masters.csv", detail));
        }
        Ok(run)
    }
}

/// Some columns of a contract file.
fn table<const N: usize>(from: &Path, name: &str, columns: [&str; N]) -> Result<Vec<[String; N]>, Failure> {
    let path = from.join(name);
    let wrong = |detail: String| Failure::Result { path: path.clone(), detail };
    let mut reader =
        csv::Reader::from_path(&path).map_err(|error| wrong(format!("cannot be read ({error})")))?;
    let header = reader.headers().map_err(|error| wrong(error.to_string()))?.clone();
    let mut at = [0; N];
    for (place, column) in at.iter_mut().zip(columns) {
        let found = header.iter().position(|title| title == column);
        *place = found.ok_or_else(|| wrong(format!("has no column {column}")))?;
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| wrong(error.to_string()))?;
        rows.push(at.map(|column| record.get(column).unwrap_or_default().to_owned()));
    }
    Ok(rows)
}

#[derive(Default)]
struct Kept {
    new: usize,
    there: usize,
    masters: usize,
    links: usize,
}

async fn keep(
    live: &Live,
    skus: &[LocalSku],
    run: &Run,
    from: &Path,
    display: &Display,
) -> Result<Kept, Failure> {
    let (store, by) = (live.store(), Actor::new("load"));
    let mut batch = Batch::new(now(), &by, "load");
    let names: BTreeSet<&NodeId> = skus.iter().map(|sku| &sku.key.node).collect();
    for id in names {
        if store.node(id).await?.is_none() {
            let holding = match run.many_per_node.contains(id.0.as_str()) {
                true => Holding::ManyPerMaster,
                false => Holding::OnePerMaster,
            };
            let node = Node {
                id: id.clone(),
                title: id.to_string(),
                kind: NodeKind::Unknown,
                place: None,
                holding,
                archived: None,
            };
            batch = batch.with(Mutation::PutNode { node, expect: Expect::Absent });
        }
    }
    let mut groups: BTreeMap<&MasterId, Vec<&LocalSku>> = BTreeMap::new();
    for sku in skus {
        groups.entry(&run.masters[&sku.key]).or_default().push(sku);
    }
    display.stage("keep", skus.len() as u64);
    let mut kept = Kept::default();
    let mut waiting = 0;
    for (id, mut members) in groups {
        members.sort_by(|a, b| a.key.cmp(&b.key));
        display.advance(members.len() as u64);
        if is_there(store, id, &members, from).await? {
            kept.there += members.len();
            continue;
        }
        kept.new += members.len();
        waiting += members.len();
        for sku in &members {
            let sku = (*sku).clone();
            batch = batch.with(Mutation::PutSku { sku, state: None, expect: Expect::Absent });
        }
        if members.len() > 1
            && let Some(golden) = live.golden_of(&members)
        {
            kept.masters += 1;
            let (state, standing) = (MasterState::Live, Standing::Proposed);
            let master = Master { id: id.clone(), state, golden, standing };
            batch = batch.with(Mutation::PutMaster { master, expect: Expect::Absent });
            for sku in &members {
                batch = batch.with(Mutation::SetMember { key: sku.key.clone(), master: Some(id.clone()) });
            }
            for sku in &members {
                for (right, confidence) in run.links.get(&sku.key).into_iter().flatten() {
                    kept.links += 1;
                    batch = batch.with(Mutation::PutLink { link: linked(&sku.key, right, *confidence, run) });
                }
            }
        }
        if waiting >= AT_ONCE {
            store.commit(&batch).await?;
            batch = Batch::new(now(), &by, "load");
            waiting = 0;
        }
    }
    store.commit(&batch).await?;
    Ok(kept)
}

/// Whether a group was loaded before; one that is there otherwise cannot be loaded.
async fn is_there(store: &Store, id: &MasterId, members: &[&LocalSku], from: &Path) -> Result<bool, Failure> {
    let keys: Vec<SkuKey> = members.iter().map(|sku| sku.key.clone()).collect();
    let rows = store.skus(&keys).await?;
    let Some(first) = rows.first() else { return Ok(false) };
    let homes = store.masters_of(&keys).await?;
    let says: FxHashMap<&SkuKey, &LocalSku> = members.iter().map(|sku| (&sku.key, *sku)).collect();
    let same = rows.len() == members.len()
        && rows.iter().all(|row| row.value.is_live() && says[&row.value.sku.key] == &row.value.sku);
    // One that was alone in the run may have got a master since, to be asked about.
    let home = members.len() == 1 || keys.iter().all(|key| homes.get(key) == Some(id));
    if same && home {
        return Ok(true);
    }
    let key = &first.value.sku.key;
    let detail = format!(
        "{key} is in the store already, otherwise than the run says: load begins a store, `tongpin import` changes one"
    );
    Err(Failure::Result { path: from.to_owned(), detail })
}

fn linked(left: &SkuKey, right: &SkuKey, confidence: Confidence, run: &Run) -> Link {
    Link {
        left: left.clone(),
        right: right.clone(),
        cause: LinkCause::Import,
        confidence,
        model: run.scorer.clone(),
        policy: 0,
        decision: None,
        inverse: LinkInverse::default(),
        freshness: Freshness::Current,
    }
}
