//! The connection to a server that dies and comes back elsewhere, and keys.

use api::v1;
use api::v1::admin_service_client::AdminServiceClient;
use api::v1::node_service_client::NodeServiceClient;
use api::v1::operation_service_client::OperationServiceClient;
use prost::Message;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

/// Writers' nodes, then importers'.
pub const NODES: [&str; 4] = ["w0", "w1", "i0", "i1"];
/// Longest time that a server may take to come back.
const PATIENCE: Duration = Duration::from_secs(90);

#[derive(Clone)]
pub struct Keyed(String);

impl tonic::service::Interceptor for Keyed {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let value = MetadataValue::try_from(format!("Bearer {}", self.0)).expect("a key is ASCII");
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    }
}

pub type Transport = InterceptedService<Channel, Keyed>;

#[derive(Clone)]
pub struct Wire(watch::Sender<Channel>);

fn channel(address: &str) -> Channel {
    let endpoint = Endpoint::from_shared(address.to_owned()).expect("an address");
    endpoint.connect_timeout(Duration::from_secs(5)).timeout(Duration::from_secs(30)).connect_lazy()
}

impl Wire {
    pub fn new(address: &str) -> Wire {
        Wire(watch::Sender::new(channel(address)))
    }

    pub fn moved_to(&self, address: &str) {
        self.0.send_replace(channel(address));
    }

    pub fn with(&self, key: &str) -> Transport {
        InterceptedService::new(self.0.borrow().clone(), Keyed(key.to_owned()))
    }

    /// Asks until there is an answer, of whatever kind.
    pub async fn insist<A, F>(&self, key: &str, ask: impl Fn(Transport) -> F) -> Result<A, Status>
    where
        F: Future<Output = Result<tonic::Response<A>, Status>>,
    {
        let begun = Instant::now();
        loop {
            match ask(self.with(key)).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) if is_no_answer(&status) => {
                    assert!(begun.elapsed() < PATIENCE, "the server does not come back: {status:?}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(status) => return Err(status),
            }
        }
    }
}

/// Whether the server was away, or said itself that it is to be asked again. What it says carries a reason; what the
/// connection says does not.
pub fn is_no_answer(status: &Status) -> bool {
    let gone = [Code::Unavailable, Code::Unknown, Code::Cancelled, Code::Internal, Code::DeadlineExceeded];
    match status.get_details_error_info() {
        Some(info) => status.code() == Code::Unavailable || info.reason == "LATE",
        None => gone.contains(&status.code()),
    }
}

pub struct Keys {
    pub admin: String,
    /// Of all nodes in [`NODES`].
    pub node: String,
    pub approver: String,
    pub reader: String,
}

impl Keys {
    /// Makes the nodes too.
    pub async fn make(wire: &Wire, admin: &str) -> Keys {
        for id in NODES {
            let node = v1::Node { display_name: id.to_owned(), ..Default::default() };
            let request =
                v1::CreateNodeRequest { node_id: id.to_owned(), node: Some(node), ..Default::default() };
            let made = wire
                .insist(admin, |transport| {
                    let request = request.clone();
                    async move { NodeServiceClient::new(transport).create_node(request).await }
                })
                .await;
            made.expect("a node");
        }
        let make = async |role: v1::Role| {
            let nodes = if role == v1::Role::Node {
                NODES.map(|id| format!("nodes/{id}")).to_vec()
            } else {
                Vec::new()
            };
            let api_key = v1::ApiKey {
                display_name: "chaos".to_owned(),
                role: role.into(),
                nodes,
                ..Default::default()
            };
            let mut client = AdminServiceClient::new(wire.with(admin));
            let made = client.create_api_key(v1::CreateApiKeyRequest { api_key: Some(api_key) }).await;
            made.expect("a key").into_inner().secret
        };
        Keys {
            admin: admin.to_owned(),
            node: make(v1::Role::Node).await,
            approver: make(v1::Role::Approver).await,
            reader: make(v1::Role::Reader).await,
        }
    }
}

/// What the server finds wrong with its store.
pub async fn verify(wire: &Wire, admin: &str) -> v1::VerifyStoreResult {
    let mut client = AdminServiceClient::new(wire.with(admin));
    let begun = client.verify_store(v1::VerifyStoreRequest {}).await.expect("begun").into_inner();
    let name = begun.operation.expect("an operation").name;
    let mut client = OperationServiceClient::new(wire.with(admin));
    loop {
        let request = v1::WaitOperationRequest { name: name.clone(), ..Default::default() };
        let waited = client.wait_operation(request).await.expect("waited").into_inner();
        match waited.operation.expect("an operation").result {
            Some(v1::operation::Result::Response(any)) => {
                return v1::VerifyStoreResult::decode(any.value.as_slice()).expect("a result");
            }
            Some(v1::operation::Result::Error(error)) => panic!("{error:?}"),
            None => {}
        }
    }
}
