//! `tongpin serve`: the service until it is told to stop. Settings come from a file, from the environment and from flags; the
//! later wins.

use super::{Finish, open};
use crate::args::{Call, Serving};
use crate::failure::Failure;
use crate::lang::say;
use crate::progress::Display;
use domain::Actor;
use gateway::{Gateway, Settings, Tls};
use live::{Live, Options, now};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::{KeySpec, Location, Page, Role, Store};
use tokio::signal::unix::{SignalKind, signal};

/// The file: what flags say too, and what only an operator's file says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: Option<PathBuf>,
    store: Option<String>,
    listen: Option<SocketAddr>,
    backups: Option<PathBuf>,
    #[serde(default)]
    tls: TlsFile,
    #[serde(default)]
    limits: LimitsFile,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsFile {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    client_authorities: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsFile {
    message_bytes: Option<usize>,
    calls_per_second: Option<u32>,
    streams: Option<usize>,
    streams_per_connection: Option<u32>,
    deadline_seconds: Option<u64>,
    grace_seconds: Option<u64>,
}

const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7070);

pub fn serve(call: &Call, serving: &Serving) -> Result<Finish, Failure> {
    let file = match &serving.config {
        Some(path) => read(path)?,
        None => File::default(),
    };
    let settings = settings(serving, &file)?;
    let location = location(serving, &file)?;
    // Its stderr is the log.
    let engine = Arc::new(open(call, &Display::new(call.language, true))?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Failure::Runtime { source })?;
    runtime.block_on(async {
        let store = Store::open(&location).await?;
        let key = first_key(&store).await?;
        let live = Live::new(engine, store.clone(), Options::default());
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        let mut stop = signals()?;
        let gateway = Gateway::start(live, settings).await?;
        let address = gateway.address();
        if let Some(key) = key {
            // On stdout alone: logs hold no keys.
            super::print(&say!(
                call.language,
                "admin key (shown this once): {key}",
                "管理员密钥（只显示这一次）：{key}"
            ));
        }
        super::print(&say!(
            call.language,
            "listening on {scheme}://{address}",
            "正在监听 {scheme}://{address}"
        ));
        stop.recv().await;
        tracing::info!("stopping");
        gateway.stop().await;
        store.close().await;
        Ok(Finish::Complete)
    })
}

fn read(path: &Path) -> Result<File, Failure> {
    let text = std::fs::read_to_string(path);
    let text =
        text.map_err(|source| Failure::Config { path: path.to_owned(), detail: source.to_string() })?;
    toml::from_str(&text)
        .map_err(|error| Failure::Config { path: path.to_owned(), detail: error.to_string() })
}

fn settings(serving: &Serving, file: &File) -> Result<Settings, Failure> {
    let mut settings = Settings::new(serving.listen.or(file.listen).unwrap_or(LISTEN));
    let certificate = serving.certificate.clone().or_else(|| file.tls.certificate.clone());
    let key = serving.key.clone().or_else(|| file.tls.key.clone());
    let client_authorities =
        serving.client_authorities.clone().or_else(|| file.tls.client_authorities.clone());
    settings.tls = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Tls { certificate, key, client_authorities }),
        (None, None) if client_authorities.is_none() => None,
        _ => return Err(Failure::HalfTls),
    };
    let data = serving.data.clone().or_else(|| file.data.clone());
    let backups = serving.backups.clone().or_else(|| file.backups.clone());
    settings.backups = backups.or_else(|| data.map(|data| data.join("backups")));
    if let Some(folder) = &settings.backups {
        make(folder)?;
    }
    let (limits, from) = (&mut settings.limits, &file.limits);
    limits.message_bytes = from.message_bytes.unwrap_or(limits.message_bytes);
    limits.calls_per_second = from.calls_per_second.unwrap_or(limits.calls_per_second);
    limits.streams = from.streams.unwrap_or(limits.streams);
    limits.streams_per_connection = from.streams_per_connection.unwrap_or(limits.streams_per_connection);
    limits.deadline = from.deadline_seconds.map_or(limits.deadline, Duration::from_secs);
    settings.grace = from.grace_seconds.map_or(settings.grace, Duration::from_secs);
    Ok(settings)
}

/// A database where one is named, else a file in the data folder.
fn location(serving: &Serving, file: &File) -> Result<Location, Failure> {
    if let Some(store) = serving.store.as_ref().or(file.store.as_ref()) {
        return Ok(store.parse()?);
    }
    let data = serving.data.as_ref().or(file.data.as_ref()).ok_or(Failure::NoData)?;
    make(data)?;
    Ok(Location::Sqlite(data.join("store.db")))
}

fn make(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|source| Failure::Write { path: folder.to_owned(), source })
}

/// A store without any key gets one, so that somebody can come in.
async fn first_key(store: &Store) -> Result<Option<String>, Failure> {
    if !store.keys(&Page::first(1)).await?.items.is_empty() {
        return Ok(None);
    }
    let spec = KeySpec { title: "first".to_owned(), role: Role::Admin, nodes: Vec::new(), expires: None };
    let (_, secret) = store.create_key(&spec, &Actor::new("serve"), now()).await?;
    Ok(Some(secret.expose().to_owned()))
}

/// A message when the process is to stop.
fn signals() -> Result<tokio::sync::mpsc::Receiver<()>, Failure> {
    let (tell, stop) = tokio::sync::mpsc::channel(1);
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let mut stream = signal(kind).map_err(|source| Failure::Runtime { source })?;
        let tell = tell.clone();
        tokio::spawn(async move {
            stream.recv().await;
            let _ = tell.send(()).await;
        });
    }
    Ok(stop)
}
