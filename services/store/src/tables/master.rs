//! Table `masters`.

use super::json;
use crate::sql::{Entity, Row, Value, args};
use crate::{Result, StoreError};
use domain::{Master, MasterId, MasterState, Standing};

impl Entity for Master {
    type Key = MasterId;
    const KIND: &'static str = "master";
    const TABLE: &'static str = "masters";
    const KEY: &'static [&'static str] = &["id"];
    const OWN: &'static [&'static str] = &["state", "merged_into", "golden", "standing"];

    fn key(&self) -> MasterId {
        self.id.clone()
    }

    fn key_values(key: &MasterId) -> Vec<Value> {
        args![&key.0]
    }

    fn own_values(&self) -> Vec<Value> {
        let (state, into) = match &self.state {
            MasterState::Live => ("live", None),
            MasterState::Merged { into } => ("merged", Some(&into.0)),
            MasterState::Retired => ("retired", None),
        };
        args![state, into, json(&self.golden), self.standing.as_str()]
    }

    fn read(row: &mut Row) -> Result<Self> {
        Ok(Master {
            id: MasterId(row.small()?),
            state: read_state(row)?,
            golden: row.json()?,
            standing: row.word(Standing::parse)?,
        })
    }
}

/// Two columns, state and merged_into.
fn read_state(row: &mut Row) -> Result<MasterState> {
    let (state, into) = (row.text()?, row.opt_small()?);
    match (state.as_str(), into) {
        ("live", None) => Ok(MasterState::Live),
        ("merged", Some(into)) => Ok(MasterState::Merged { into: MasterId(into) }),
        ("retired", None) => Ok(MasterState::Retired),
        (state, into) => Err(StoreError::Corrupt(format!("a master is {state} into {into:?}"))),
    }
}
