//! Rows as they were and as they will be.

use crate::sql::{Conn, Entity, load};
use crate::{Expect, Result};
use domain::{Stored, Timestamp, Version};
use std::collections::BTreeMap;

/// Rows of one table by key. A key that is here was looked up; whether it exists or not is known.
pub(crate) struct Working<E: Entity> {
    slots: BTreeMap<E::Key, Slot<E>>,
}

struct Slot<E> {
    before: Option<Stored<E>>,
    now: Option<Stored<E>>,
}

impl<E: Entity> Default for Working<E> {
    fn default() -> Self {
        Working { slots: BTreeMap::new() }
    }
}

impl<E: Entity> Working<E> {
    /// Looks up keys that are not here yet.
    pub(crate) async fn load(&mut self, conn: &mut Conn<'_>, mut keys: Vec<E::Key>) -> Result<()> {
        keys.retain(|key| !self.slots.contains_key(key));
        keys.sort();
        keys.dedup();
        for row in load::<E>(conn, &keys).await? {
            self.add(row);
        }
        for key in keys {
            self.slots.entry(key).or_insert(Slot { before: None, now: None });
        }
        Ok(())
    }

    /// Takes a row that was read otherwise.
    pub(crate) fn add(&mut self, row: Stored<E>) {
        self.slots
            .entry(row.value.key())
            .or_insert_with(|| Slot { before: Some(row.clone()), now: Some(row) });
    }

    pub(crate) fn get(&self, key: &E::Key) -> Option<&Stored<E>> {
        self.slots.get(key)?.now.as_ref()
    }

    pub(crate) fn before(&self, key: &E::Key) -> Option<&Stored<E>> {
        self.slots.get(key)?.before.as_ref()
    }

    pub(crate) fn version(&self, key: &E::Key) -> Version {
        self.get(key).map_or(Version(0), |row| row.version)
    }

    /// The row, if it meets the expectation and exists.
    pub(crate) fn existing(&self, key: &E::Key, expect: Expect) -> Result<&Stored<E>> {
        let row = self.get(key);
        expect.check(E::KIND, key, row.map(|row| row.version))?;
        row.ok_or_else(|| crate::StoreError::not_found(E::KIND, key))
    }

    /// Writes a value, if the row meets the expectation; the row as written, or `None` where it said the same before.
    pub(crate) fn put(&mut self, value: E, expect: Expect, at: Timestamp) -> Result<Option<Stored<E>>> {
        let key = value.key();
        let row = self.get(&key);
        expect.check(E::KIND, &key, row.map(|row| row.version))?;
        let row = match row {
            Some(row) if row.value == value => return Ok(None),
            Some(row) => row.replaced(value, at),
            None => Stored::new(value, at),
        };
        self.set(row.clone());
        Ok(Some(row))
    }

    pub(crate) fn set(&mut self, row: Stored<E>) {
        let slot = self.slots.entry(row.value.key()).or_insert(Slot { before: None, now: None });
        slot.now = Some(row);
    }

    pub(crate) fn remove(&mut self, key: &E::Key) -> Option<Stored<E>> {
        self.slots.get_mut(key)?.now.take()
    }

    /// Every row that will exist.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Stored<E>> {
        self.slots.values().filter_map(|slot| slot.now.as_ref())
    }

    /// Keys whose rows differ from what they were.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &E::Key> {
        self.slots.iter().filter(|(_, slot)| slot.before != slot.now).map(|(key, _)| key)
    }

    pub(crate) fn is_changed(&self, key: &E::Key) -> bool {
        self.slots.get(key).is_some_and(|slot| slot.before != slot.now)
    }

    /// Rows to be written.
    pub(crate) fn written(&self) -> Vec<&Stored<E>> {
        self.slots
            .values()
            .filter(|slot| slot.before != slot.now)
            .filter_map(|slot| slot.now.as_ref())
            .collect()
    }

    /// Keys of rows to be removed.
    pub(crate) fn removed(&self) -> Vec<E::Key> {
        let gone = self.slots.iter().filter(|(_, slot)| slot.before.is_some() && slot.now.is_none());
        gone.map(|(key, _)| key.clone()).collect()
    }
}
