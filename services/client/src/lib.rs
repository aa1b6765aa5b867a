//! A typed client of the service. [`Client`] holds one connection (HTTP/2, many calls at a time) and a key, and hands out the
//! generated clients of `api`; [`Client::import`] sends rows until all are acknowledged, whatever breaks on the way.
//!
//! ```no_run
//! # async fn example() -> Result<(), client::ClientError> {
//! use api::v1;
//! let client = client::Client::connect(&client::Settings::new("http://127.0.0.1:7070", "tp_…")).await?;
//! let sku = v1::Sku {
//!     name: api::names::sku("shop", "A1"),
//!     attributes: Some(v1::SkuAttributes { display_name: "海天酱油500ml".into(), ..Default::default() }),
//!     ..Default::default()
//! };
//! let outcome = client.import(&[sku], &client::Import::default(), |_| {}).await?;
//! assert_eq!(outcome.refused.len(), 0);
//! # Ok(())
//! # }
//! ```
//!
//! This room knows the wire and no rule about goods; services in Rust may use it as it is.

mod import;

pub use import::{Import, Imported, Refused};

use api::v1;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use thiserror::Error;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// A server that says nothing for so long is asked whether it is there.
const QUIET: Duration = Duration::from_secs(20);
/// Longest time without a step forward.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same before the server has said anything at all.
const FIRST_PATIENCE: Duration = Duration::from_secs(3);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);
/// Rows of a page.
const PAGE: i32 = 1_000;

#[derive(Debug, Error)]
pub enum ClientError {
    #[error("{url} is no address: give http://HOST:PORT or https://HOST:PORT")]
    Address { url: String },
    #[error("the key holds characters that no key has")]
    Key,
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot reach {url}: {detail}")]
    Reach { url: String, detail: String },
    #[error("{what}: {} ({:?})", status.message(), status.code())]
    Refused { what: String, status: Box<Status> },
    #[error(
        "the server broke off after {acknowledged} of {rows} rows and did not come back ({detail}); send the same again to go on"
    )]
    BrokenOff { acknowledged: usize, rows: usize, detail: String },
    #[error("the server answered what it must not: {0}")]
    Answer(&'static str),
}

/// Where the server is and who calls.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `http://HOST:PORT`, or https.
    pub url: String,
    /// Empty for none.
    pub key: String,
    /// PEM of the authorities that the server's certificate is of; needed for https.
    pub authorities: Option<PathBuf>,
    /// PEM of the certificate to show, and of its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name in the server's certificate, where it is another than the address's.
    pub server_name: Option<String>,
}

impl Settings {
    pub fn new(url: &str, key: &str) -> Settings {
        Settings { url: url.to_owned(), key: key.to_owned(), ..Settings::default() }
    }
}

/// Puts the key beside every call.
#[derive(Clone)]
pub struct Keyed(Option<MetadataValue<Ascii>>);

impl tonic::service::Interceptor for Keyed {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(key) = &self.0 {
            request.metadata_mut().insert("authorization", key.clone());
        }
        Ok(request)
    }
}

pub type Transport = InterceptedService<Channel, Keyed>;

/// A connection; cheap to clone. It is made anew by itself when it breaks.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
    keyed: Keyed,
    has_answered: Arc<AtomicBool>,
}

macro_rules! clients {
    ($($name:ident: $module:ident :: $client:ident;)*) => {
        $(pub fn $name(&self) -> v1::$module::$client<Transport> {
            v1::$module::$client::new(InterceptedService::new(self.channel.clone(), self.keyed.clone()))
        })*
    };
}

impl Client {
    pub async fn connect(settings: &Settings) -> Result<Client, ClientError> {
        let url = &settings.url;
        let address = || ClientError::Address { url: url.clone() };
        let is_secure = url.starts_with("https://");
        if !is_secure && !url.starts_with("http://") {
            return Err(address());
        }
        let endpoint = Endpoint::from_shared(url.clone()).map_err(|_| address())?;
        let endpoint = endpoint
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(QUIET)
            .keep_alive_timeout(QUIET)
            .keep_alive_while_idle(true);
        let reach =
            |error: &dyn std::error::Error| ClientError::Reach { url: url.clone(), detail: chain(error) };
        let endpoint = match is_secure {
            true => endpoint.tls_config(tls(settings)?).map_err(|error| reach(&error))?,
            false => endpoint,
        };
        let keyed = match settings.key.as_str() {
            "" => None,
            key => {
                let mut value: MetadataValue<Ascii> =
                    format!("Bearer {key}").parse().map_err(|_| ClientError::Key)?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let channel = endpoint.connect().await.map_err(|error| reach(&error))?;
        Ok(Client { channel, keyed: Keyed(keyed), has_answered: Arc::default() })
    }

    clients! {
        nodes: node_service_client::NodeServiceClient;
        catalog: catalog_service_client::CatalogServiceClient;
        matching: match_service_client::MatchServiceClient;
        masters: master_service_client::MasterServiceClient;
        reviews: review_service_client::ReviewServiceClient;
        policies: policy_service_client::PolicyServiceClient;
        admin: admin_service_client::AdminServiceClient;
        operations: operation_service_client::OperationServiceClient;
    }

    /// Asks until there is an answer: a server that starts builds its index first.
    async fn insist<A, F>(&self, what: &str, ask: impl Fn() -> F) -> Result<A, ClientError>
    where
        F: Future<Output = Result<tonic::Response<A>, Status>>,
    {
        let begun = Instant::now();
        loop {
            let status = match ask().await {
                Ok(answer) => {
                    self.has_answered.store(true, Ordering::Relaxed);
                    return Ok(answer.into_inner());
                }
                Err(status) => status,
            };
            // Whoever never said anything may not want to talk: to a caller without a certificate, or at all.
            let is_known =
                self.has_answered.load(Ordering::Relaxed) || status.get_details_error_info().is_some();
            let patience = if is_known { PATIENCE } else { FIRST_PATIENCE };
            if !is_worth_another_try(&status) || begun.elapsed() > patience {
                return Err(refused(what, status));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Makes a node unless there is one; says whether it did.
    pub async fn ensure_node(&self, id: &str) -> Result<bool, ClientError> {
        let name = api::names::node(id);
        let get = v1::GetNodeRequest { name: name.clone() };
        match self.insist(&name, || async { self.nodes().get_node(get.clone()).await }).await {
            Ok(_) => return Ok(false),
            Err(ClientError::Refused { status, .. }) if status.code() == Code::NotFound => {}
            Err(error) => return Err(error),
        }
        let node = v1::Node { display_name: id.to_owned(), ..Default::default() };
        let create = v1::CreateNodeRequest { node_id: id.to_owned(), node: Some(node), ..Default::default() };
        match self.insist(&name, || async { self.nodes().create_node(create.clone()).await }).await {
            Ok(_) => Ok(true),
            // Somebody else was faster, or an answer got lost.
            Err(ClientError::Refused { status, .. }) if status.code() == Code::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// SKUs of a node, in these states (all, where none is given).
    pub async fn skus(&self, node: &str, states: &[v1::MatchState]) -> Result<Vec<v1::Sku>, ClientError> {
        let parent = api::names::node(node);
        let match_states: Vec<i32> = states.iter().map(|state| i32::from(*state)).collect();
        let (mut skus, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = v1::ListSkusRequest {
                parent: parent.clone(),
                page_size: PAGE,
                page_token,
                match_states: match_states.clone(),
                ..Default::default()
            };
            let page =
                self.insist(&parent, || async { self.catalog().list_skus(request.clone()).await }).await?;
            skus.extend(page.skus);
            if page.next_page_token.is_empty() {
                return Ok(skus);
            }
            page_token = page.next_page_token;
        }
    }

    /// Live masters.
    pub async fn all_masters(&self) -> Result<Vec<v1::Master>, ClientError> {
        let (mut masters, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = v1::ListMastersRequest { page_size: PAGE, page_token, show_retired: false };
            let page = self
                .insist("masters", || async { self.masters().list_masters(request.clone()).await })
                .await?;
            masters.extend(page.masters);
            if page.next_page_token.is_empty() {
                return Ok(masters);
            }
            page_token = page.next_page_token;
        }
    }

    /// Links that hold a master together.
    pub async fn links_of(&self, master: &str) -> Result<Vec<v1::Link>, ClientError> {
        let request = v1::ExplainMasterRequest { name: master.to_owned(), ..Default::default() };
        let told =
            self.insist(master, || async { self.masters().explain_master(request.clone()).await }).await?;
        Ok(told.links)
    }

    /// Questions that wait for an answer, most valuable first.
    pub async fn questions(&self) -> Result<Vec<v1::Review>, ClientError> {
        let (mut reviews, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = v1::ListReviewsRequest { page_size: PAGE, page_token, ..Default::default() };
            let page = self
                .insist("reviews", || async { self.reviews().list_reviews(request.clone()).await })
                .await?;
            reviews.extend(page.reviews);
            if page.next_page_token.is_empty() {
                return Ok(reviews);
            }
            page_token = page.next_page_token;
        }
    }
}

fn tls(settings: &Settings) -> Result<ClientTlsConfig, ClientError> {
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|source| ClientError::Read { path: path.clone(), source })
    };
    let mut config = ClientTlsConfig::new();
    if let Some(authorities) = &settings.authorities {
        config = config.ca_certificate(Certificate::from_pem(read(authorities)?));
    }
    if let Some((certificate, key)) = &settings.identity {
        config = config.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    if let Some(name) = &settings.server_name {
        config = config.domain_name(name);
    }
    Ok(config)
}

pub(crate) fn refused(what: &str, status: Status) -> ClientError {
    ClientError::Refused { what: what.to_owned(), status: Box::new(status) }
}

/// Whether the server was away, or said itself that it is to be asked again. What it says carries a reason; what the
/// connection says does not.
pub fn is_worth_another_try(status: &Status) -> bool {
    let gone = [Code::Unavailable, Code::Unknown, Code::Cancelled, Code::Internal, Code::DeadlineExceeded];
    match status.get_details_error_info() {
        Some(info) => status.code() == Code::Unavailable || info.reason == "LATE",
        None => gone.contains(&status.code()),
    }
}

/// An error and what it comes from: the first says little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        told = format!("{told}: {error}");
        source = error.source();
    }
    told
}
