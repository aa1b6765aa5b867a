//! TLS and mTLS with certificates made here: who may talk to whom, and what an operator is told about files that will not do.
#![allow(clippy::unwrap_used)] // also in the helpers of tests

mod support;

use api::v1;
use api::v1::node_service_client::NodeServiceClient;
use gateway::{Gateway, Settings, StartError, Tls};
use live::{Live, Options};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::path::{Path, PathBuf};
use store::{KeySpec, Location, Role, Store};
use support::Keyed;
use tonic::Code;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

/// Who signs certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
struct Pair {
    certificate: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { pem, issuer: Issuer::new(params, key) }
    }

    fn signs(&self, name: &str) -> Pair {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Pair { certificate, key: key.serialize_pem() }
    }

    fn trusted(&self) -> ClientTlsConfig {
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.pem)).domain_name("localhost")
    }
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn files(folder: &Path, pair: &Pair, clients: Option<&Authority>) -> Tls {
    Tls {
        certificate: write(folder, "server.pem", &pair.certificate),
        key: write(folder, "server.key", &pair.key),
        client_authorities: clients.map(|authority| write(folder, "clients.pem", &authority.pem)),
    }
}

struct Secured {
    gateway: Gateway,
    key: String,
    _folder: tempfile::TempDir,
}

async fn start(folder: tempfile::TempDir, tls: Tls) -> Result<Secured, StartError> {
    let store = Store::open(&Location::Sqlite(folder.path().join("store.db"))).await.unwrap();
    let spec = KeySpec { title: "first".to_owned(), role: Role::Admin, nodes: Vec::new(), expires: None };
    let (_, secret) = store.create_key(&spec, &domain::Actor::new("test"), live::now()).await.unwrap();
    let live = Live::new(support::engine(), store, Options::default());
    let mut settings = Settings::new("127.0.0.1:0".parse().unwrap());
    settings.tls = Some(tls);
    let gateway = Gateway::start(live, settings).await?;
    Ok(Secured { gateway, key: secret.expose().to_owned(), _folder: folder })
}

impl Secured {
    /// The answer to a call, or what became of the connection.
    async fn ask(&self, scheme: &str, config: Option<ClientTlsConfig>) -> Result<(), String> {
        let endpoint = Channel::from_shared(format!("{scheme}://{}", self.gateway.address())).unwrap();
        let endpoint = match config {
            Some(config) => endpoint.tls_config(config).unwrap(),
            None => endpoint,
        };
        let channel = endpoint.connect().await.map_err(|error| format!("{error:?}"))?;
        let mut nodes = NodeServiceClient::new(InterceptedService::new(channel, Keyed(self.key.clone())));
        let listed = nodes.list_nodes(v1::ListNodesRequest::default()).await;
        listed.map(drop).map_err(|status| {
            assert_ne!(status.code(), Code::Unauthenticated, "the key is good");
            format!("{status:?}")
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_believed_by_those_who_know_its_authority() {
    let (own, other) = (Authority::new("own"), Authority::new("other"));
    let folder = tempfile::tempdir().unwrap();
    let tls = files(folder.path(), &own.signs("localhost"), None);
    let served = start(folder, tls).await.unwrap();
    served.ask("https", Some(own.trusted())).await.unwrap();
    let refused = served.ask("https", Some(other.trusted())).await.unwrap_err();
    assert!(refused.contains("UnknownIssuer"), "{refused}");
    let refused = served.ask("https", Some(own.trusted().domain_name("elsewhere"))).await.unwrap_err();
    assert!(refused.contains("NotValidForName"), "{refused}");
    // In the clear nothing is answered.
    served.ask("http", None).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_to_show_a_certificate_where_that_is_asked() {
    let (own, clients, other) = (Authority::new("own"), Authority::new("clients"), Authority::new("other"));
    let folder = tempfile::tempdir().unwrap();
    let tls = files(folder.path(), &own.signs("localhost"), Some(&clients));
    let served = start(folder, tls).await.unwrap();
    let showing = |authority: &Authority| {
        let pair = authority.signs("till-7");
        own.trusted().identity(Identity::from_pem(pair.certificate, pair.key))
    };
    served.ask("https", Some(showing(&clients))).await.unwrap();
    // In TLS 1.3 the handshake is done for the client before the server has looked at its certificate: the connection ends
    // at the first call, with the server's alert or, where the call was being sent just then, without.
    for config in [own.trusted(), showing(&other)] {
        let refused = served.ask("https", Some(config)).await.unwrap_err();
        assert!(refused.contains("ransport"), "{refused}");
    }
    // Who was refused has held up nobody.
    served.ask("https", Some(showing(&clients))).await.unwrap();
}

/// Each wrong file is named, with what is wrong with it.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_will_not_do_are_named() {
    let own = Authority::new("own");
    let (pair, another) = (own.signs("localhost"), own.signs("localhost"));
    type Change = fn(&Path, &mut Tls, &Pair);
    let cases: [(&str, Change, &[&str]); 7] = [
        (
            "no certificate",
            |folder, tls, _| tls.certificate = folder.join("none.pem"),
            &["none.pem", "cannot read"],
        ),
        ("no key", |folder, tls, _| tls.key = folder.join("none.key"), &["none.key", "cannot read"]),
        (
            "no PEM",
            |folder, tls, _| tls.certificate = write(folder, "text.pem", "hello"),
            &["text.pem", "no certificate"],
        ),
        (
            "no key in it",
            |folder, tls, _| tls.key = write(folder, "text.key", "hello"),
            &["text.key", "no private key"],
        ),
        (
            "the key of another",
            |folder, tls, another| tls.key = write(folder, "other.key", &another.key),
            &["other.key", "server.pem", "belong together"],
        ),
        (
            "authorities that are none",
            |folder, tls, _| tls.client_authorities = Some(write(folder, "clients.pem", "hello")),
            &["clients.pem", "no certificate"],
        ),
        (
            "authorities that are not there",
            |folder, tls, _| tls.client_authorities = Some(folder.join("gone.pem")),
            &["gone.pem", "cannot read"],
        ),
    ];
    for (case, change, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let mut tls = files(folder.path(), &pair, None);
        change(folder.path(), &mut tls, &another);
        let told = match start(folder, tls).await {
            Ok(_) => panic!("{case}: it starts"),
            Err(error) => error.to_string(),
        };
        for word in expected {
            assert!(told.contains(word), "{case}: {told}");
        }
    }
}
