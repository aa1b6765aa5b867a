//! Who may come in: keys for programs, users for the console. Secrets are never kept, only what proves them.

mod keys;
mod sessions;
mod users;

pub use keys::{ApiKey, KeySpec, Principal, Secret};
pub use sessions::Session;
pub use users::User;

use serde::{Deserialize, Serialize};

/// What someone may do; the gateway and the console hold the table of rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Reader,
    /// Reads, and writes the SKUs of its nodes.
    Node,
    /// Reads, and decides reviews.
    Steward,
    /// A steward whose agreement counts as the second person's.
    Approver,
    /// Everything.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] = [Role::Reader, Role::Node, Role::Steward, Role::Approver, Role::Admin];

    /// The role's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Node => "node",
            Role::Steward => "steward",
            Role::Approver => "approver",
            Role::Admin => "admin",
        }
    }

    /// The role of a word.
    pub fn parse(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// Random bytes of the operating system.
fn random<const N: usize>() -> crate::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| crate::StoreError::Unavailable(format!("no random numbers: {error}")))?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
