//! What a write still owes. It is two commits: what the caller said, and what linking makes of it. Where the second does
//! not come about (the store went away, the caller did), the SKUs are remembered here and linked by who follows the log.

use crate::error::Result;
use crate::service::Live;
use domain::SkuKey;
use rustc_hash::FxHashSet;
use std::sync::{Mutex, PoisonError};
use store::StoreError;
use tokio::sync::Notify;

/// What is to be linked, beside what was never looked at, which is found by its state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Left {
    pub touched: FxHashSet<SkuKey>,
    /// Whose rows changed.
    pub changed: FxHashSet<SkuKey>,
}

/// Of all writes together; none where nothing is owed.
#[derive(Default)]
pub(crate) struct Debts {
    left: Mutex<Option<Left>>,
    word: Notify,
}

impl Debts {
    /// Waits until something is owed.
    pub(crate) async fn some(&self) {
        self.word.notified().await;
    }

    fn add(&self, more: Left) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let all = left.get_or_insert_default();
        all.touched.extend(more.touched);
        all.changed.extend(more.changed);
        drop(left);
        self.word.notify_one();
    }

    fn take(&self) -> Option<Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A write under way, from just before its commit: given up anywhere before [`paid`](Owed::paid), even by a caller that
/// hangs up, it is owed.
pub(crate) struct Owed<'a> {
    debts: &'a Debts,
    left: Option<Left>,
}

impl Owed<'_> {
    pub(crate) fn paid(mut self) {
        self.left = None;
    }

    /// What came of the commit: one that the store refused changed nothing; one that was cut off may have been kept.
    pub(crate) fn committed<T>(self, outcome: Result<T, StoreError>) -> Result<(T, Self)> {
        match outcome {
            Ok(done) => Ok((done, self)),
            Err(error) => {
                if !error.is_transient() {
                    self.paid();
                }
                Err(error.into())
            }
        }
    }
}

impl Drop for Owed<'_> {
    fn drop(&mut self) {
        if let Some(left) = self.left.take() {
            self.debts.add(left);
        }
    }
}

impl Live {
    /// To be held from before a commit until its linking is done.
    pub(crate) fn owe(&self, left: Left) -> Owed<'_> {
        Owed { debts: &self.0.debts, left: Some(left) }
    }

    pub(crate) fn owe_changed(&self, keys: &FxHashSet<SkuKey>) -> Owed<'_> {
        self.owe(Left { changed: keys.clone(), ..Left::default() })
    }

    pub(crate) fn owe_touched(&self, keys: &FxHashSet<SkuKey>) -> Owed<'_> {
        self.owe(Left { touched: keys.clone(), ..Left::default() })
    }

    /// Links what is owed, if anything is.
    pub(crate) async fn settle(&self) -> Result<()> {
        let Some(left) = self.0.debts.take() else { return Ok(()) };
        tracing::info!(changed = left.changed.len(), "linking what a write left");
        let owed = self.owe(left.clone());
        self.link_left(left).await?;
        owed.paid();
        Ok(())
    }
}
