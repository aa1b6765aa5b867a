//! How far derived data, such as an index, has read the change log.

use crate::sql::args;
use crate::{Result, Store};
use domain::{Sequence, Timestamp};

/// A reader's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Last change that it has taken in.
    pub sequence: Sequence,
    /// What it was made with: a model or format version. Another one means: build anew.
    pub detail: String,
    /// When it was written.
    pub at: Timestamp,
}

impl Store {
    /// The place of a reader; `None` for one that never wrote any.
    pub async fn position(&self, name: &str) -> Result<Option<Position>> {
        let sql = "SELECT seq, detail, at FROM positions WHERE name = $1";
        let Some(mut row) = self.db.read().await?.conn().row(sql, args![name]).await? else {
            return Ok(None);
        };
        Ok(Some(Position { sequence: Sequence(row.int()?), detail: row.text()?, at: row.time()? }))
    }

    /// Writes the place of a reader. Write it after the reader's own data is durable: a place that lags costs work,
    /// one that leads loses changes.
    pub async fn set_position(&self, name: &str, position: &Position) -> Result<()> {
        let sql = "INSERT INTO positions (name, seq, detail, at) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, detail = excluded.detail, at = excluded.at";
        let mut tx = self.db.write().await?;
        let args = args![name, position.sequence, &position.detail, position.at];
        tx.conn().run(sql, args).await?;
        tx.commit().await
    }
}
