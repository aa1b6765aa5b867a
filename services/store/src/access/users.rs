//! Users of the console. Passwords are proven by argon2id (RFC 9106) with the crate's defaults (19 MiB, 2 passes:
//! OWASP's recommendation), off the async threads.

use super::Role;
use crate::read::audit;
use crate::sql::{Row, args};
use crate::{AuditNote, Result, Store, StoreError};
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use domain::{Actor, Timestamp};

/// Shortest password, in characters.
const SHORTEST_PASSWORD: usize = 10;
/// Longest password, in bytes: bounds the work of a login.
const LONGEST_PASSWORD: usize = 1_024;

/// A person who may use the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// Since when the person may not come in.
    pub disabled: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
}

impl User {
    /// For logs: `user:NAME`.
    pub fn actor(&self) -> Actor {
        Actor::new(&format!("user:{}", self.name))
    }
}

fn read(row: &mut Row) -> Result<User> {
    Ok(User {
        name: row.text()?,
        role: row.word(Role::parse)?,
        disabled: row.opt_time()?,
        created: row.time()?,
    })
}

fn note(action: &str, name: &str) -> AuditNote {
    AuditNote { action: action.to_owned(), subject: format!("users/{name}"), detail: String::new() }
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(StoreError::Unavailable(format!("password check stopped: {error}"))))
}

async fn prove(password: &str) -> Result<String> {
    if password.chars().count() < SHORTEST_PASSWORD || password.len() > LONGEST_PASSWORD {
        let problem =
            format!("has to have {SHORTEST_PASSWORD} characters or more, {LONGEST_PASSWORD} bytes or less");
        return Err(StoreError::invalid("password", problem));
    }
    let password = password.to_owned();
    let salt = super::random::<16>()?;
    off_thread(move || {
        let failed = |error| StoreError::Internal(format!("argon2: {error}"));
        let salt = SaltString::encode_b64(&salt).map_err(failed)?;
        Ok(Argon2::default().hash_password(password.as_bytes(), &salt).map_err(failed)?.to_string())
    })
    .await
}

impl Store {
    /// Makes a user.
    pub async fn create_user(
        &self,
        name: &str,
        role: Role,
        password: &str,
        by: &Actor,
        at: Timestamp,
    ) -> Result<User> {
        if name.is_empty() || name.len() > 128 {
            return Err(StoreError::invalid("user name", "has to have 1 to 128 bytes"));
        }
        let proof = prove(password).await?;
        let mut tx = self.db.write().await?;
        let mut conn = tx.conn();
        let sql = "INSERT INTO users (name, role, password, created, updated) VALUES ($1, $2, $3, $4, $4) \
                   ON CONFLICT (name) DO NOTHING";
        if conn.run(sql, args![name, role.as_str(), proof, at]).await? == 0 {
            return Err(StoreError::AlreadyExists { kind: "user", id: name.to_owned() });
        }
        audit::add(&mut conn, at, by, &note("create_user", name), "done").await?;
        tx.commit().await?;
        Ok(User { name: name.to_owned(), role, disabled: None, created: at })
    }

    /// The user, if the password is right and the user may come in. Takes as long for a name that does not exist.
    pub async fn check_password(&self, name: &str, password: &str) -> Result<Option<User>> {
        if password.len() > LONGEST_PASSWORD {
            return Ok(None);
        }
        let sql = "SELECT name, role, disabled, created, password FROM users WHERE name = $1";
        let row = self.db.read().await?.conn().row(sql, args![name]).await?;
        let (user, proof) = match row {
            Some(mut row) => (Some(read(&mut row)?), row.text()?),
            // A proof of nothing in particular, with the same cost.
            None => (None, "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()),
        };
        let password = password.to_owned();
        let is_right = off_thread(move || {
            let proof = PasswordHash::new(&proof)
                .map_err(|error| StoreError::Corrupt(format!("a password's proof: {error}")))?;
            Ok(Argon2::default().verify_password(password.as_bytes(), &proof).is_ok())
        })
        .await?;
        Ok(user.filter(|user| is_right && user.disabled.is_none()))
    }

    /// Gives a user another password.
    pub async fn set_password(&self, name: &str, password: &str, by: &Actor, at: Timestamp) -> Result<()> {
        let proof = prove(password).await?;
        let sql = "UPDATE users SET password = $1, updated = $2 WHERE name = $3";
        self.change_user(sql, args![proof, at, name], &note("set_password", name), by, at).await
    }

    /// Gives a user another role.
    pub async fn set_user_role(&self, name: &str, role: Role, by: &Actor, at: Timestamp) -> Result<()> {
        let sql = "UPDATE users SET role = $1, updated = $2 WHERE name = $3";
        self.change_user(sql, args![role.as_str(), at, name], &note("set_user_role", name), by, at).await
    }

    /// Shuts a user out.
    pub async fn disable_user(&self, name: &str, by: &Actor, at: Timestamp) -> Result<()> {
        let sql = "UPDATE users SET disabled = $1, updated = $1 WHERE name = $2";
        self.change_user(sql, args![at, name], &note("disable_user", name), by, at).await
    }

    /// Lets a user in again.
    pub async fn enable_user(&self, name: &str, by: &Actor, at: Timestamp) -> Result<()> {
        let sql = "UPDATE users SET disabled = NULL, updated = $1 WHERE name = $2";
        self.change_user(sql, args![at, name], &note("enable_user", name), by, at).await
    }

    async fn change_user(
        &self,
        sql: &'static str,
        args: Vec<crate::sql::Value>,
        note: &AuditNote,
        by: &Actor,
        at: Timestamp,
    ) -> Result<()> {
        let mut tx = self.db.write().await?;
        let mut conn = tx.conn();
        if conn.run(sql, args).await? == 0 {
            return Err(StoreError::not_found("user", &note.subject));
        }
        audit::add(&mut conn, at, by, note, "done").await?;
        tx.commit().await
    }

    /// A user, who may be shut out.
    pub async fn user(&self, name: &str) -> Result<Option<User>> {
        let sql = "SELECT name, role, disabled, created FROM users WHERE name = $1";
        self.db.read().await?.conn().row(sql, args![name]).await?.map(|mut row| read(&mut row)).transpose()
    }

    /// All users by name, those shut out too.
    pub async fn users(&self) -> Result<Vec<User>> {
        let sql = "SELECT name, role, disabled, created FROM users ORDER BY name";
        self.db.read().await?.conn().rows(sql, Vec::new()).await?.iter_mut().map(read).collect()
    }
}
