//! How the gateway listens and what it allows.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    pub listen: SocketAddr,
    pub tls: Option<Tls>,
    pub limits: Limits,
    /// Where backups are written; none: no backups.
    pub backups: Option<PathBuf>,
    /// Longest wait for calls under way when the server stops.
    pub grace: Duration,
}

/// PEM files.
#[derive(Clone, Debug)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Callers have to show a certificate signed by one of these.
    pub client_authorities: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub struct Limits {
    pub message_bytes: usize,
    /// Calls a second and key; bursts of as many.
    pub calls_per_second: u32,
    /// Imports and watches at a time.
    pub streams: usize,
    /// HTTP/2 streams a connection.
    pub streams_per_connection: u32,
    /// Longest time of a call that says nothing of its own.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            message_bytes: 8 << 20,
            calls_per_second: 2_000,
            streams: 1_000,
            streams_per_connection: 256,
            deadline: Duration::from_secs(60),
        }
    }
}

impl Settings {
    pub fn new(listen: SocketAddr) -> Settings {
        let grace = Duration::from_secs(20);
        Settings { listen, tls: None, limits: Limits::default(), backups: None, grace }
    }
}

/// SKUs that a batch may hold.
pub const MOST_IN_BATCH: usize = 1_000;
/// Queries that a batch may hold.
pub const MOST_QUERIES: usize = 100;
