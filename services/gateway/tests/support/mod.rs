//! A server of one's own, with a key of every role.
#![allow(dead_code)] // each test binary uses a part

use api::v1;
use api::v1::catalog_service_client::CatalogServiceClient;
use api::v1::node_service_client::NodeServiceClient;
use domain::{Actor, NodeId};
use engine::{Engine, EngineOptions, Quiet};
use gateway::{Gateway, Settings};
use live::{Live, Options, now};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use store::{KeySpec, Location, Role, Store};
use tempfile::TempDir;
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

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

/// Puts a key beside every call.
#[derive(Clone)]
pub struct Keyed(pub String);

impl tonic::service::Interceptor for Keyed {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if !self.0.is_empty() {
            let value = MetadataValue::try_from(format!("Bearer {}", self.0)).expect("a key is ASCII");
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

pub type Transport = InterceptedService<Channel, Keyed>;

pub struct Running {
    pub gateway: Gateway,
    pub live: Live,
    pub channel: Channel,
    pub admin: String,
    pub folder: TempDir,
}

impl Running {
    pub async fn start() -> Running {
        Running::open(tempfile::tempdir().expect("a folder")).await
    }

    pub async fn open(folder: TempDir) -> Running {
        Running::with_settings(folder, |_| {}).await
    }

    /// With other limits, or certificates.
    pub async fn with_settings(folder: TempDir, change: impl FnOnce(&mut Settings)) -> Running {
        let store = Store::open(&Location::Sqlite(folder.path().join("store.db"))).await.expect("a store");
        Running::over(store, folder, change).await
    }

    /// Over a store that there is.
    pub async fn over(store: Store, folder: TempDir, change: impl FnOnce(&mut Settings)) -> Running {
        let admin = key(&store, Role::Admin, &[]).await;
        let live = Live::new(engine(), store, Options::default());
        let mut settings = Settings::new("127.0.0.1:0".parse().expect("an address"));
        settings.backups = Some(folder.path().to_owned());
        change(&mut settings);
        let gateway = Gateway::start(live.clone(), settings).await.expect("the gateway starts");
        while !live.is_ready() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let address = format!("http://{}", gateway.address());
        let channel =
            Channel::from_shared(address).expect("an address").connect().await.expect("a connection");
        Running { gateway, live, channel, admin, folder }
    }

    pub async fn key(&self, role: Role, nodes: &[&str]) -> String {
        key(self.live.store(), role, nodes).await
    }

    pub fn with(&self, key: &str) -> Transport {
        InterceptedService::new(self.channel.clone(), Keyed(key.to_owned()))
    }

    pub fn admin(&self) -> Transport {
        self.with(&self.admin)
    }

    pub async fn nodes(&self, ids: &[&str]) {
        let mut nodes = NodeServiceClient::new(self.admin());
        for id in ids {
            let node = v1::Node { display_name: (*id).to_owned(), ..v1::Node::default() };
            let request =
                v1::CreateNodeRequest { node_id: (*id).to_owned(), node: Some(node), ..Default::default() };
            nodes.create_node(request).await.expect("a node");
        }
    }

    /// Three nodes with twenty goods each, and a sibling of another size for every good.
    pub async fn filled() -> Running {
        let running = Running::start().await;
        running.fill().await;
        running
    }

    pub async fn fill(&self) {
        let running = self;
        running.nodes(&["shop", "store", "erp"]).await;
        let mut catalog = CatalogServiceClient::new(running.admin());
        let requests = goods().into_iter().map(|(name, text)| update(&name, &text)).collect();
        let batch =
            v1::BatchUpdateSkusRequest { parent: "nodes/-".to_owned(), requests, ..Default::default() };
        catalog.batch_update_skus(batch).await.expect("the goods");
    }
}

async fn key(store: &Store, role: Role, nodes: &[&str]) -> String {
    let nodes = nodes.iter().map(|id| NodeId((*id).into())).collect();
    let spec = KeySpec { title: role.as_str().to_owned(), role, nodes, expires: None };
    let (_, secret) = store.create_key(&spec, &Actor::new("test"), now()).await.expect("a key");
    secret.expose().to_owned()
}

/// (name, what it says)
pub fn goods() -> Vec<(String, String)> {
    let goods = ["酱油", "陈醋", "洗洁精", "矿泉水", "花生油", "沐浴露", "洗衣液", "白酒", "牛奶", "果汁"];
    let mut out = Vec::new();
    for (b, brand) in ["海天", "立白"].iter().enumerate() {
        for (g, good) in goods.iter().enumerate() {
            for (s, (ml, litres)) in [("500ml", "0.5升"), ("1L", "1升")].iter().enumerate() {
                out.push((format!("nodes/shop/skus/A{b}{g}{s}"), format!("{brand}{good}{ml}")));
                out.push((format!("nodes/store/skus/B{b}{g}{s}"), format!("{brand} {good} {litres}")));
                out.push((format!("nodes/erp/skus/C{b}{g}{s}"), format!("{good}({brand}) {ml}")));
            }
        }
    }
    out
}

pub fn attributes(text: &str) -> v1::SkuAttributes {
    v1::SkuAttributes { display_name: text.to_owned(), ..v1::SkuAttributes::default() }
}

pub fn sku(name: &str, text: &str) -> v1::Sku {
    v1::Sku { name: name.to_owned(), attributes: Some(attributes(text)), ..v1::Sku::default() }
}

pub fn update(name: &str, text: &str) -> v1::UpdateSkuRequest {
    v1::UpdateSkuRequest { sku: Some(sku(name, text)), allow_missing: true, ..Default::default() }
}

pub fn stored(name: &str) -> Option<v1::MatchQuery> {
    Some(v1::MatchQuery { query: Some(v1::match_query::Query::Sku(name.to_owned())) })
}

pub fn free(text: &str) -> Option<v1::MatchQuery> {
    Some(v1::MatchQuery { query: Some(v1::match_query::Query::Attributes(attributes(text))) })
}

/// Counts panics anywhere in the process: a server that catches them would hide them from its callers.
pub mod panics {
    use std::sync::Once;
    use std::sync::atomic::{AtomicUsize, Ordering};

    static SEEN: AtomicUsize = AtomicUsize::new(0);
    static HOOK: Once = Once::new();

    pub fn watch() {
        HOOK.call_once(|| {
            let usual = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                // A test that fails is no defect of the server.
                let is_test = info.location().is_some_and(|place| place.file().contains("/tests/"));
                SEEN.fetch_add(usize::from(!is_test), Ordering::Relaxed);
                usual(info);
            }));
        });
    }

    pub fn seen() -> usize {
        SEEN.load(Ordering::Relaxed)
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): chance that can be repeated.
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next() as u8).collect()
    }
}

/// A whole number of the environment: the long form of a test.
pub fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a whole number"))
}
