//! Being told of changes as they are committed.
//!
//! Inside a process a commit wakes followers at once. Commits of other servers arrive through PostgreSQL's
//! LISTEN/NOTIFY. A word may get lost when a connection breaks, so followers also look by themselves every [`LOOK`];
//! the log's numbers, not the words, say what is new.

use crate::sql::Db;
use crate::{LoggedChange, Result, Store};
use domain::Sequence;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

/// Longest time that a change can go unnoticed.
const LOOK: Duration = Duration::from_millis(500);

/// The last change that this process has heard of.
#[derive(Clone)]
pub(crate) struct Signal {
    last: Arc<watch::Sender<Sequence>>,
    listener: Option<Arc<Listening>>,
}

/// Ends the listening task with the last clone of the store.
struct Listening(AbortHandle);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Signal {
    pub(crate) fn new(db: &Db) -> Self {
        let last = Arc::new(watch::Sender::new(Sequence(0)));
        let listener = match db {
            Db::Sqlite { .. } => None,
            Db::Postgres(pool) => {
                let task = tokio::spawn(listen(pool.clone(), last.clone()));
                Some(Arc::new(Listening(task.abort_handle())))
            }
        };
        Signal { last, listener }
    }

    pub(crate) fn announce(&self, sequence: Sequence) {
        announce(&self.last, sequence);
    }

    pub(crate) fn stop(&self) {
        if let Some(listener) = &self.listener {
            listener.0.abort();
        }
    }
}

fn announce(last: &watch::Sender<Sequence>, sequence: Sequence) {
    last.send_if_modified(|last| {
        let is_news = sequence > *last;
        *last = sequence.max(*last);
        is_news
    });
}

async fn listen(pool: PgPool, last: Arc<watch::Sender<Sequence>>) {
    loop {
        if let Err(error) = listen_once(&pool, &last).await {
            if pool.is_closed() {
                return;
            }
            tracing::warn!(%error, "not listening for changes of other servers; looking every {LOOK:?} until it works again");
        }
        sleep(LOOK).await;
    }
}

async fn listen_once(pool: &PgPool, last: &watch::Sender<Sequence>) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen("tongpin_change").await?;
    loop {
        let word = listener.recv().await?;
        if let Ok(sequence) = word.payload().parse() {
            announce(last, Sequence(sequence));
        }
    }
}

/// Reads the change log as it grows. Each has a cursor of its own.
pub struct Follower {
    store: Store,
    cursor: Sequence,
    heard: watch::Receiver<Sequence>,
}

impl Store {
    /// Follows the log after `cursor` ([`Store::last_sequence`] for news only).
    pub fn follow(&self, cursor: Sequence) -> Follower {
        Follower { store: self.clone(), cursor, heard: self.signal.last.subscribe() }
    }
}

impl Follower {
    /// The next changes, 1 to `limit`, in order, without a gap; waits until there are some. Safe to drop: what was
    /// not returned comes again. After an error the cursor stands where it was.
    pub async fn next(&mut self, limit: usize) -> Result<Vec<LoggedChange>> {
        loop {
            self.heard.borrow_and_update();
            let changes = self.store.changes_after(self.cursor, limit.max(1)).await?;
            if let Some(last) = changes.last() {
                self.cursor = last.sequence;
                return Ok(changes);
            }
            // Either a word or the time to look again.
            let _ = timeout(LOOK, self.heard.changed()).await;
        }
    }

    /// Last change that was returned.
    pub fn cursor(&self) -> Sequence {
        self.cursor
    }
}
