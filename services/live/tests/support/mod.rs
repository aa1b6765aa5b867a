//! The demo's records in a store of their own.
#![allow(dead_code)] // each test binary uses a part

use domain::{Actor, Holding, LocalSku, Node, NodeId, NodeKind};
use engine::{Engine, EngineOptions, Quiet};
use live::{Live, Options, SkuWrite, Writer, now};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use store::{Batch, Expect, Location, Mutation, Store};
use tables::{ColumnMap, NodeFrom, RecordReader};

pub fn engine() -> Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    let open = || {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
        Arc::new(
            Engine::open(&models, &EngineOptions::default(), &Quiet).expect("the project's own models open"),
        )
    };
    ENGINE.get_or_init(open).clone()
}

pub fn demo() -> Vec<LocalSku> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/demo/records.csv");
    let mut reader = RecordReader::new(&ColumnMap::default());
    reader.file(&path, &NodeFrom::Column).expect("the demo's records");
    reader.finish().expect("the demo's records").skus
}

pub fn tester() -> Writer {
    Writer::new(&Actor::new("test"))
}

pub fn node(id: &str) -> Node {
    Node {
        id: NodeId(id.into()),
        title: id.to_owned(),
        kind: NodeKind::Shop,
        place: None,
        holding: Holding::OnePerMaster,
        archived: None,
    }
}

pub fn nodes_of(records: &[LocalSku]) -> Vec<Node> {
    let ids: BTreeSet<&NodeId> = records.iter().map(|record| &record.key.node).collect();
    ids.into_iter().map(|id| node(&id.0)).collect()
}

pub fn write(sku: LocalSku) -> SkuWrite {
    SkuWrite { sku, expect: Expect::Any }
}

pub struct World {
    pub live: Live,
    pub folder: tempfile::TempDir,
}

impl World {
    pub async fn open(folder: tempfile::TempDir) -> World {
        let store = Store::open(&Location::Sqlite(folder.path().join("truth.db"))).await.expect("a store");
        let live = Live::new(engine(), store, Options::default());
        live.build().await.expect("the index builds");
        World { live, folder }
    }

    /// A store that holds records already.
    pub async fn with(records: &[LocalSku]) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&Location::Sqlite(folder.path().join("truth.db"))).await.expect("a store");
        let mut batch = Batch::new(now(), &Actor::new("test"), "import");
        for node in nodes_of(records) {
            batch.mutations.push(Mutation::PutNode { node, expect: Expect::Absent });
        }
        let put = |sku: &LocalSku| Mutation::PutSku { sku: sku.clone(), state: None, expect: Expect::Absent };
        batch.mutations.extend(records.iter().map(put));
        store.commit(&batch).await.expect("the records are kept");
        store.close().await;
        World::open(folder).await
    }

    /// Stops and starts.
    pub async fn again(self) -> World {
        self.live.store().close().await;
        World::open(self.folder).await
    }

    pub async fn verify(&self) {
        let findings = self.live.store().verify().await.expect("a verification");
        assert!(findings.is_empty(), "{findings:?}");
    }
}
