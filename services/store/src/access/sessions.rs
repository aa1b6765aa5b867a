//! Sessions of the console: kept, so that a restart throws nobody out and every server of a store knows who is in.

use crate::sql::args;
use crate::{Result, Store};
use domain::Timestamp;

/// Sessions at once: what a flood of logins may cost.
const MOST: i64 = 10_000;

/// Somebody who came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Login name.
    pub name: String,
    /// Proves that a form was made for this session.
    pub form_token: String,
    /// When it was last seen to be used.
    pub used: Timestamp,
}

impl Store {
    /// Begins a session under the digest of its secret, and forgets those that were not used since `stale`; beyond ten
    /// thousand the longest unused goes.
    pub async fn begin_session(
        &self,
        digest: &[u8; 32],
        name: &str,
        form_token: &str,
        at: Timestamp,
        stale: Timestamp,
    ) -> Result<()> {
        let mut tx = self.db.write().await?;
        let mut conn = tx.conn();
        conn.run("DELETE FROM sessions WHERE used < $1", args![stale]).await?;
        if conn.number("SELECT count(*) FROM sessions", Vec::new()).await? >= MOST {
            let sql =
                "DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions ORDER BY used LIMIT 1)";
            conn.run(sql, Vec::new()).await?;
        }
        let sql =
            "INSERT INTO sessions (digest, name, form_token, created, used) VALUES ($1, $2, $3, $4, $4)";
        conn.run(sql, args![digest.to_vec(), name, form_token, at]).await?;
        tx.commit().await
    }

    /// A session that was used since `stale`.
    pub async fn session(&self, digest: &[u8; 32], stale: Timestamp) -> Result<Option<Session>> {
        let sql = "SELECT name, form_token, used FROM sessions WHERE digest = $1 AND used >= $2";
        let row = self.db.read().await?.conn().row(sql, args![digest.to_vec(), stale]).await?;
        let read = |mut row: crate::sql::Row| {
            Ok(Session { name: row.text()?, form_token: row.text()?, used: row.time()? })
        };
        row.map(read).transpose()
    }

    /// Notes that a session was used.
    pub async fn touch_session(&self, digest: &[u8; 32], at: Timestamp) -> Result<()> {
        let mut tx = self.db.write().await?;
        let sql = "UPDATE sessions SET used = $2 WHERE digest = $1";
        tx.conn().run(sql, args![digest.to_vec(), at]).await?;
        tx.commit().await
    }

    /// Ends a session.
    pub async fn end_session(&self, digest: &[u8; 32]) -> Result<()> {
        let mut tx = self.db.write().await?;
        tx.conn().run("DELETE FROM sessions WHERE digest = $1", args![digest.to_vec()]).await?;
        tx.commit().await
    }

    /// Ends all sessions of a person.
    pub async fn end_sessions_of(&self, name: &str) -> Result<()> {
        let mut tx = self.db.write().await?;
        tx.conn().run("DELETE FROM sessions WHERE name = $1", args![name]).await?;
        tx.commit().await
    }
}
