//! Keys for programs: `tp_ID_SECRET`. The secret is 256 random bits, so a salted SHA-256 proves it: there is nothing
//! to guess that a slow hash would protect, and a check costs microseconds.

use super::{Role, hex, random};
use crate::read::audit;
use crate::sql::{Conn, Filter, Row, args};
use crate::tables::json;
use crate::{AuditNote, Page, Paged, Result, Store, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Actor, NodeId, Timestamp};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// For people.
    pub title: String,
    /// What it may do.
    pub role: Role,
    /// Nodes that it may write, for [`Role::Node`]; at least one there, none elsewhere.
    pub nodes: Vec<NodeId>,
    /// When it ends; `None` for never.
    pub expires: Option<Timestamp>,
}

/// A key without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public part.
    pub id: String,
    /// What it was made as.
    pub spec: KeySpec,
    /// Since when it is ended by hand.
    pub revoked: Option<Timestamp>,
    /// The key that takes its place, after rotation.
    pub successor: Option<String>,
    /// When it was made.
    pub created: Timestamp,
}

/// What the caller sends; shown once, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text to be sent.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Who a key belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// For logs: `key:ID`.
    pub actor: Actor,
    /// What it may do.
    pub role: Role,
    /// Nodes that it may write, for [`Role::Node`].
    pub nodes: Vec<NodeId>,
}

const COLUMNS: &str = "id, title, role, nodes, expires, revoked, successor, created";

fn read(row: &mut Row) -> Result<ApiKey> {
    Ok(ApiKey {
        id: row.text()?,
        spec: KeySpec {
            title: row.text()?,
            role: row.word(Role::parse)?,
            nodes: row.json()?,
            expires: row.opt_time()?,
        },
        revoked: row.opt_time()?,
        successor: row.opt_text()?,
        created: row.time()?,
    })
}

fn digest(salt: &[u8], secret: &str) -> Vec<u8> {
    Sha256::new().chain_update(salt).chain_update(secret).finalize().to_vec()
}

fn note(action: &str, id: &str, detail: String) -> AuditNote {
    AuditNote { action: action.to_owned(), subject: format!("apiKeys/{id}"), detail }
}

async fn insert(conn: &mut Conn<'_>, spec: &KeySpec, at: Timestamp) -> Result<(ApiKey, Secret)> {
    if (spec.role == Role::Node) == spec.nodes.is_empty() {
        return Err(StoreError::invalid("nodes", "are needed for a key with role node, and only there"));
    }
    let id = hex(&random::<8>()?);
    let salt = random::<16>()?;
    let secret = URL_SAFE_NO_PAD.encode(random::<32>()?);
    let sql = "INSERT INTO api_keys (id, title, role, nodes, salt, digest, expires, created) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let args = args![
        &id,
        &spec.title,
        spec.role.as_str(),
        json(&spec.nodes),
        salt.to_vec(),
        digest(&salt, &secret),
        spec.expires,
        at
    ];
    conn.run(sql, args).await?;
    let secret = Secret(format!("tp_{id}_{secret}"));
    Ok((ApiKey { id, spec: spec.clone(), revoked: None, successor: None, created: at }, secret))
}

async fn get(conn: &mut Conn<'_>, id: &str) -> Result<ApiKey> {
    let sql = format!("SELECT {COLUMNS} FROM api_keys WHERE id = $1");
    let mut row = conn.row(sql, args![id]).await?.ok_or_else(|| StoreError::not_found("api key", id))?;
    read(&mut row)
}

impl Store {
    /// Makes a key; its secret is in the answer and nowhere else.
    pub async fn create_key(&self, spec: &KeySpec, by: &Actor, at: Timestamp) -> Result<(ApiKey, Secret)> {
        let mut tx = self.db.write().await?;
        let mut conn = tx.conn();
        let (key, secret) = insert(&mut conn, spec, at).await?;
        let detail = format!("role {}, nodes {:?}", spec.role.as_str(), spec.nodes);
        audit::add(&mut conn, at, by, &note("create_key", &key.id, detail), "done").await?;
        tx.commit().await?;
        Ok((key, secret))
    }

    /// Whom a presented text belongs to at a time; `None` for a text that is no key, or one that ended. The
    /// comparison takes the same time whatever the text.
    pub async fn authenticate(&self, presented: &str, at: Timestamp) -> Result<Option<Principal>> {
        let mut parts = presented.splitn(3, '_');
        let (prefix, id, secret) = (parts.next(), parts.next(), parts.next());
        let (Some("tp"), Some(id), Some(secret)) = (prefix, id, secret) else { return Ok(None) };
        if id.len() != 16 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) || secret.len() > 128 {
            return Ok(None);
        }
        let sql = format!("SELECT {COLUMNS}, salt, digest FROM api_keys WHERE id = $1");
        let row = self.db.read().await?.conn().row(sql, args![id]).await?;
        let (key, salt, expected) = match row {
            Some(mut row) => (Some(read(&mut row)?), row.bytes()?, row.bytes()?),
            None => (None, vec![0; 16], vec![0; 32]),
        };
        let is_right = bool::from(digest(&salt, secret).ct_eq(&expected));
        let ended = |key: &ApiKey| [key.spec.expires, key.revoked].into_iter().flatten().any(|end| end <= at);
        Ok(key.filter(|key| is_right && !ended(key)).map(|key| Principal {
            actor: Actor::new(&format!("key:{}", key.id)),
            role: key.spec.role,
            nodes: key.spec.nodes,
        }))
    }

    /// Makes a successor with the same rights; the old key goes on for `overlap_seconds`, unless it ends before.
    pub async fn rotate_key(
        &self,
        id: &str,
        overlap_seconds: i64,
        by: &Actor,
        at: Timestamp,
    ) -> Result<(ApiKey, Secret)> {
        let mut tx = self.db.write().await?;
        let mut conn = tx.conn();
        let old = get(&mut conn, id).await?;
        if old.revoked.is_some_and(|end| end <= at) || old.successor.is_some() {
            return Err(StoreError::precondition(
                id,
                "has ended or was rotated before: rotate its successor",
            ));
        }
        let (key, secret) = insert(&mut conn, &old.spec, at).await?;
        let end = at.plus_seconds(overlap_seconds.max(0));
        let end = old.spec.expires.map_or(end, |expires| expires.min(end));
        let sql = "UPDATE api_keys SET expires = $1, successor = $2 WHERE id = $3";
        conn.run(sql, args![end, &key.id, id]).await?;
        audit::add(&mut conn, at, by, &note("rotate_key", id, format!("successor {}", key.id)), "done")
            .await?;
        tx.commit().await?;
        Ok((key, secret))
    }

    /// Ends a key at once.
    pub async fn revoke_key(&self, id: &str, by: &Actor, at: Timestamp) -> Result<ApiKey> {
        let mut tx = self.db.write().await?;
        let mut conn = tx.conn();
        let sql = "UPDATE api_keys SET revoked = $1 WHERE id = $2 AND revoked IS NULL";
        conn.run(sql, args![at, id]).await?;
        let key = get(&mut conn, id).await?;
        audit::add(&mut conn, at, by, &note("revoke_key", id, String::new()), "done").await?;
        tx.commit().await?;
        Ok(key)
    }

    /// Keys by id, without secrets.
    pub async fn keys(&self, page: &Page) -> Result<Paged<ApiKey>> {
        let question = "keys";
        let mut filter = Filter::default();
        if let Some(key) = page.start(&question, 1)? {
            filter.and("id > ?", args![&key[0]]);
        }
        let (condition, args) = filter.finish("ORDER BY id", page.rows() + 1);
        let sql = format!("SELECT {COLUMNS} FROM api_keys{condition}");
        let rows = self.db.read().await?.conn().rows(sql, args).await?;
        let keys = rows.into_iter().map(|mut row| read(&mut row)).collect::<Result<_>>()?;
        Ok(Paged::cut(keys, page, &question, |key: &ApiKey| vec![key.id.clone()]))
    }
}
