//! The rules.

use crate::page::number;
use crate::sql::{Filter, args, load, select};
use crate::tables::PolicyKey;
use crate::{Page, Paged, Result, Store};
use domain::{Activity, Policy, PolicyScope, Stored};

impl Store {
    /// A version of the rules for a scope.
    pub async fn policy(&self, scope: &PolicyScope, version: i64) -> Result<Option<Stored<Policy>>> {
        let mut reader = self.db.read().await?;
        Ok(load(&mut reader.conn(), &[PolicyKey::new(scope, version)]).await?.pop())
    }

    /// All versions that hold, at most one a scope. Few: read at start and after each policy change.
    pub async fn active_policies(&self) -> Result<Vec<Stored<Policy>>> {
        let condition = "WHERE t.activity = $1 ORDER BY t.scope";
        let args = args![Activity::Active.as_str()];
        select(&mut self.db.read().await?.conn(), condition, args).await
    }

    /// Versions by scope, newest first.
    pub async fn policies(&self, page: &Page) -> Result<Paged<Stored<Policy>>> {
        let question = "policies";
        let mut filter = Filter::default();
        if let Some(key) = page.start(&question, 2)? {
            let (scope, before) = (&key[0], number(&key[1])?);
            filter.and("(t.scope > ? OR (t.scope = ? AND t.number < ?))", args![scope, scope, before]);
        }
        let (condition, args) = filter.finish("ORDER BY t.scope, t.number DESC", page.rows() + 1);
        let rows = select(&mut self.db.read().await?.conn(), &condition, args).await?;
        Ok(Paged::cut(rows, page, &question, |row: &Stored<Policy>| {
            vec![row.value.scope.key(), row.value.number.to_string()]
        }))
    }
}
