//! `tongpin serve`: the service until it is told to stop. Settings come from a file, from the environment and from flags; the
//! later wins.

use super::{Finish, open};
use crate::args::{Call, Person, Serving};
use crate::failure::Failure;
use crate::lang::say;
use crate::progress::Display;
use crate::telemetry::{self, Traces};
use domain::{Actor, Holding, LocalSku, Node, NodeId, NodeKind};
use gateway::{Gateway, Settings, Tls};
use live::{Live, Options, now};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::{Batch, Expect, KeySpec, Location, Mutation, Page, Role, Store};
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
    #[serde(default)]
    traces: TracesFile,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TracesFile {
    endpoint: Option<String>,
    share: Option<f64>,
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
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Failure::Runtime { source })?;
    let telemetry = {
        let _inside = runtime.enter();
        telemetry::for_the_service(traces(serving, &file).as_ref())?
    };
    // Its stderr is the log.
    let engine = Arc::new(open(call, &Display::new(call.language, true))?);
    runtime.block_on(async {
        let store = Store::open(&location).await?;
        let key = first_key(&store).await?;
        let live = Live::new(engine, store.clone(), Options::default());
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        let mut stop = signals()?;
        let pages = console::Settings { secure: settings.tls.is_some(), ..console::Settings::default() };
        let pages = console::router(live.clone(), pages);
        let auditing = tokio::spawn(console::keep_auditing(live.clone()));
        let gateway = Gateway::start_with(live, settings, pages).await?;
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
        super::print(&say!(
            call.language,
            "console   {scheme}://{address}/console/   (people: tongpin user NAME --role steward)",
            "控制台   {scheme}://{address}/console/   （人员：tongpin user 姓名 --role steward）"
        ));
        stop.recv().await;
        tracing::info!("stopping");
        auditing.abort();
        gateway.stop().await;
        store.close().await;
        telemetry.end().await;
        Ok(Finish::Complete)
    })
}

/// `tongpin demo --serve`: the service over the demo's nodes in a store that goes with the process, and a person to log in as.
pub fn demo(call: &Call, listen: SocketAddr, records: Vec<LocalSku>) -> Result<Finish, Failure> {
    let engine = Arc::new(open(call, &Display::new(call.language, true))?);
    let folder = tempfile::tempdir().map_err(|source| Failure::Runtime { source })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Failure::Runtime { source })?;
    runtime.block_on(async {
        let store = Store::open(&Location::Sqlite(folder.path().join("store.db"))).await?;
        let by = Actor::new("demo");
        let nodes: BTreeSet<&NodeId> = records.iter().map(|sku| &sku.key.node).collect();
        let mut batch = Batch::new(now(), &by, "import");
        for id in nodes {
            let (kind, holding) = (NodeKind::Unknown, Holding::OnePerMaster);
            let title = id.to_string();
            let node = Node { id: id.clone(), title, kind, place: None, holding, archived: None };
            batch = batch.with(Mutation::PutNode { node, expect: Expect::Absent });
        }
        store.commit(&batch).await?;
        for part in records.chunks(500) {
            let put = |sku: &LocalSku| Mutation::PutSku { sku: sku.clone(), state: None, expect: Expect::Absent };
            let batch = part.iter().map(put).fold(Batch::new(now(), &by, "import"), Batch::with);
            store.commit(&batch).await?;
        }
        let key = first_key(&store).await?.unwrap_or_default();
        // Of the key, so that nobody can know it beforehand.
        let password: String = key.chars().rev().take(14).collect();
        store.create_user("demo", Role::Admin, &password, &by, now()).await?;
        // Somebody else, for what takes two.
        store.create_user("second", Role::Approver, &password, &by, now()).await?;
        let live = Live::new(engine, store.clone(), Options::default());
        let mut stop = signals()?;
        let pages = console::router(live.clone(), console::Settings::default());
        let auditing = tokio::spawn(console::keep_auditing(live.clone()));
        let gateway = Gateway::start_with(live, Settings::new(listen), pages).await?;
        let address = gateway.address();
        super::print(&say!(
            call.language,
            "the demo's console   http://{address}/console/\n  log in as demo with {password}\n  admin key for the API {key}\n  \
             everything goes when this ends (Ctrl-C)",
            "演示控制台   http://{address}/console/\n  用户名 demo，密码 {password}\n  接口管理员密钥 {key}\n  \
             结束时（Ctrl-C）全部清除"
        ));
        stop.recv().await;
        auditing.abort();
        gateway.stop().await;
        store.close().await;
        Ok(Finish::Complete)
    })
}

/// `tongpin user`: makes a person for the console, or changes role and password of one that there is.
pub fn user(call: &Call, person: &Person) -> Result<Finish, Failure> {
    let location = place(&person.place)?;
    let role = Role::parse(&person.role).unwrap_or(Role::Steward);
    let password = match person.shut {
        true => String::new(),
        false => password(call)?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Failure::Runtime { source })?;
    runtime.block_on(async {
        let store = Store::open(&location).await?;
        let (by, name) = (Actor::new("tongpin user"), person.name.as_str());
        let known = store.user(name).await?;
        if person.shut {
            store.disable_user(name, &by, now()).await?;
        } else if known.is_some() {
            store.set_password(name, &password, &by, now()).await?;
            store.set_user_role(name, role, &by, now()).await?;
            store.enable_user(name, &by, now()).await?;
        } else {
            store.create_user(name, role, &password, &by, now()).await?;
        }
        let role = role.as_str();
        super::print(&match (person.shut, known.is_some()) {
            (true, _) => say!(call.language, "{name} may not log in any more", "{name} 不能再登录"),
            (false, true) => {
                say!(
                    call.language,
                    "{name} has a new password, role {role}",
                    "{name} 已更新密码，角色 {role}"
                )
            }
            (false, false) => {
                say!(call.language, "{name} may log in, role {role}", "{name} 可以登录，角色 {role}")
            }
        });
        store.close().await;
        Ok(Finish::Complete)
    })
}

/// From the terminal without an echo, else the first line of standard input.
fn password(call: &Call) -> Result<String, Failure> {
    let unread = |source| Failure::Password { source };
    if std::io::stdin().is_terminal() {
        let prompt = say!(call.language, "Password (10 characters or more): ", "密码（至少 10 个字符）：");
        return rpassword::prompt_password(prompt).map_err(unread);
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(unread)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
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

/// Where traces go, if anywhere.
fn traces(serving: &Serving, file: &File) -> Option<Traces> {
    let endpoint = serving.traces.clone().or_else(|| file.traces.endpoint.clone())?;
    Some(Traces { endpoint, share: file.traces.share.unwrap_or(1.0) })
}

/// The store that flags, environment and file name.
pub fn place(serving: &Serving) -> Result<Location, Failure> {
    let file = match &serving.config {
        Some(path) => read(path)?,
        None => File::default(),
    };
    location(serving, &file)
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
    // Who listens for it is not killed by it: a file that reaches its limit is an error of that write, like a full disk.
    let _listening =
        signal(SignalKind::from_raw(libc::SIGXFSZ)).map_err(|source| Failure::Runtime { source })?;
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
