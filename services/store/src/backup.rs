//! Copies of the truth. SQLite only; PostgreSQL has `pg_dump` and base backups.
//!
//! A backup is taken while others write, holds everything that was acknowledged before it began, and is whole or
//! absent: it is written beside its place, checked, made durable, and then moved there.

use crate::sql::{Db, args, open_copy};
use crate::verify::verify;
use crate::{Finding, Result, Store, StoreError};
use domain::Sequence;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// Its size.
    pub bytes: u64,
    /// Last change that it holds.
    pub sequence: Sequence,
    /// Live SKUs that it holds.
    pub skus: i64,
    /// Broken invariants; empty for a sound backup.
    pub findings: Vec<Finding>,
}

impl Store {
    /// Writes a copy to a file that must not exist yet, and checks it. [`StoreError::Unsupported`] on PostgreSQL.
    pub async fn backup(&self, to: &Path) -> Result<BackupReport> {
        let Db::Sqlite { writer, .. } = &self.db else {
            return Err(StoreError::Unsupported { what: "backup", instead: "use pg_dump or a base backup" });
        };
        absent(to)?;
        let part = suffixed(to, ".part");
        remove(&part)?;
        let text = part.to_str().ok_or_else(|| StoreError::invalid("backup path", "is not UTF-8"))?;
        // A connection of its own: writers and readers go on.
        let options = writer.connect_options().as_ref().clone();
        crate::sql::on_own_connection(options, "VACUUM INTO $1", args![text]).await?;
        let report = Self::check_backup(&part).await?;
        settle(&part, to)?;
        Ok(report)
    }

    /// Reads a backup through and checks every invariant; changes nothing. A store's own file is refused while a
    /// write-ahead log lies beside it: what is in there is part of the store, and would be missing.
    pub async fn check_backup(path: &Path) -> Result<BackupReport> {
        if fs::metadata(suffixed(path, "-wal")).is_ok_and(|log| log.len() > 0) {
            let rule = "has a write-ahead log beside it: it is a store, not a backup; make one with backup";
            return Err(StoreError::precondition(&path.display(), rule));
        }
        let bytes = fs::metadata(path).map_err(|error| io_error(path, &error))?.len();
        let copy = open_copy(path).await?;
        let mut tx = copy.snapshot().await?;
        let mut conn = tx.conn();
        let sql = "SELECT value FROM counters WHERE name = 'change'";
        let sequence = Sequence(conn.number(sql, Vec::new()).await?);
        let sql = "SELECT count(*) FROM skus WHERE deleted IS NULL";
        let skus = conn.number(sql, Vec::new()).await?;
        let findings = verify(&mut conn).await?;
        drop(tx);
        copy.close().await;
        Ok(BackupReport { bytes, sequence, skus, findings })
    }

    /// Puts a sound backup in the place of this store's contents while it is open: catalogue, masters, reviews, decisions and
    /// policies are as they were then. Keys, logins and the audit log stay as they are: a restore brings no revoked key
    /// back and takes no trace away. The change log begins anew after its last number, so that every reader of it is told
    /// ([`StoreError::CursorTooOld`]) to read everything again. [`StoreError::Unsupported`] on PostgreSQL.
    pub async fn restore_here(&self, from: &Path) -> Result<BackupReport> {
        let Db::Sqlite { writer, .. } = &self.db else {
            return Err(StoreError::Unsupported {
                what: "restore",
                instead: "use pg_restore or a base backup",
            });
        };
        let report = Self::check_backup(from).await?;
        if let Some(finding) = report.findings.first() {
            let rule = format!("is not sound: {} is broken by {}", finding.rule, finding.subject);
            return Err(StoreError::precondition(&from.display(), rule));
        }
        let kept = ["api_keys", "users", "sessions", "audit", "counters"];
        let finish = [
            "DELETE FROM changes",
            "DELETE FROM positions",
            "UPDATE counters SET value = value + 1 WHERE name = 'change'",
            "UPDATE counters SET value = (SELECT value FROM counters WHERE name = 'change') WHERE name = 'floor'",
        ];
        let options = writer.connect_options().as_ref().clone();
        crate::sql::replace_contents(options, from, &kept, &finish).await?;
        self.signal.announce(self.last_sequence().await?);
        Ok(report)
    }

    /// Puts a sound backup where a store shall be opened; the place must be free (move the old store's file, `-wal`
    /// and `-shm` away first).
    pub async fn restore(from: &Path, to: &Path) -> Result<BackupReport> {
        absent(to)?;
        absent(&suffixed(to, "-wal"))?;
        absent(&suffixed(to, "-shm"))?;
        let report = Self::check_backup(from).await?;
        if let Some(finding) = report.findings.first() {
            let rule = format!("is not sound: {} is broken by {}", finding.rule, finding.subject);
            return Err(StoreError::precondition(&from.display(), rule));
        }
        let part = suffixed(to, ".part");
        fs::copy(from, &part).map_err(|error| io_error(&part, &error))?;
        settle(&part, to)?;
        Ok(report)
    }
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn absent(path: &Path) -> Result<()> {
    match path.try_exists() {
        Ok(false) => Ok(()),
        Ok(true) => Err(StoreError::AlreadyExists { kind: "file", id: path.display().to_string() }),
        Err(error) => Err(io_error(path, &error)),
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(path, &error)),
        _ => Ok(()),
    }
}

/// Durable first, then in place.
fn settle(part: &Path, to: &Path) -> Result<()> {
    let settled = || {
        File::open(part)?.sync_all()?;
        fs::rename(part, to)?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    };
    settled().map_err(|error| io_error(to, &error))
}

fn io_error(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {error}", path.display()))
}
