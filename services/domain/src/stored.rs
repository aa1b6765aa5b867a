//! What everything that is kept has in common: who, when, which version, where in the log.

use crate::words::id;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A moment: microseconds since 1970-01-01T00:00:00Z. This room knows no clock; whoever acts says when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The moment so many seconds later; stops at the end of time.
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Timestamp(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }
}

/// How often a thing was written: 1 when new, one more with every write. An etag is this number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub i64);

impl Version {
    /// Of a thing that was just made.
    pub const FIRST: Version = Version(1);

    /// After one more write.
    pub fn next(self) -> Self {
        Version(self.0 + 1)
    }
}

/// A place in the change log: 1 for the first change, without gaps; 0 is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub i64);

id!(
    /// Who acts: a key, a user, or the machine itself.
    Actor
);

/// A thing as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stored<T> {
    /// The thing.
    pub value: T,
    /// Which writing of it this is.
    pub version: Version,
    /// First write.
    pub created: Timestamp,
    /// Last write.
    pub updated: Timestamp,
}

impl<T> Stored<T> {
    /// A thing that was just made.
    pub fn new(value: T, at: Timestamp) -> Self {
        Stored { value, version: Version::FIRST, created: at, updated: at }
    }

    /// The next writing of it.
    pub fn replaced(&self, value: T, at: Timestamp) -> Self {
        Stored { value, version: self.version.next(), created: self.created, updated: at }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
