//! Table `policies`. The scope's key is for finding; the body holds the whole policy.

use super::json;
use crate::Result;
use crate::sql::{Entity, Row, Value, args};
use domain::{Activity, Policy, PolicyScope};
use std::fmt;

/// A version of the rules for a scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PolicyKey {
    pub(crate) scope: String,
    pub(crate) number: i64,
}

impl PolicyKey {
    pub(crate) fn new(scope: &PolicyScope, number: i64) -> Self {
        PolicyKey { scope: scope.key(), number }
    }
}

impl fmt::Display for PolicyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} version {}", self.scope, self.number)
    }
}

impl Entity for Policy {
    type Key = PolicyKey;
    const KIND: &'static str = "policy";
    const TABLE: &'static str = "policies";
    const KEY: &'static [&'static str] = &["scope", "number"];
    const OWN: &'static [&'static str] = &["body", "activity"];

    fn key(&self) -> PolicyKey {
        PolicyKey::new(&self.scope, self.number)
    }

    fn key_values(key: &PolicyKey) -> Vec<Value> {
        args![&key.scope, key.number]
    }

    fn own_values(&self) -> Vec<Value> {
        args![json(self), self.activity.as_str()]
    }

    fn read(row: &mut Row) -> Result<Self> {
        let _key = (row.text()?, row.int()?);
        let policy: Policy = row.json()?;
        Ok(Policy { activity: row.word(Activity::parse)?, ..policy })
    }
}
