//! Which scorer gives the confidences: the models folder's own, or one that was learnt from people's answers and put in use
//! while the service runs. Everything is scored anew beside what is there, and takes its place at once; every server of a
//! store follows.

use crate::error::{LiveError, Result};
use crate::service::{Live, now};
use domain::{Activity, Actor, Eyes, PolicyScope, Version};
use engine::Engine;
use std::sync::Arc;
use std::time::Duration;
use store::{Ack, Mutation, SHIPPED};

/// How often a server asks whether another scorer was put in use elsewhere.
const LOOK: Duration = Duration::from_secs(5);

impl Live {
    /// The number of the scorer in use and an engine with it; the models folder's own where it cannot be opened.
    pub(crate) async fn scorer_in_use(&self) -> Result<(i64, Arc<Engine>)> {
        let number = self.store().scorer_in_use().await?;
        match self.engine_of(number).await {
            Ok(engine) => Ok((number, engine)),
            Err(LiveError::Engine(error)) => {
                tracing::error!(number, %error, "the scorer in use cannot be opened: the models folder's own goes on");
                Ok((number, self.0.shipped.clone()))
            }
            Err(error) => Err(error),
        }
    }

    async fn engine_of(&self, number: i64) -> Result<Arc<Engine>> {
        if number == SHIPPED {
            return Ok(self.0.shipped.clone());
        }
        let body = self.store().scorer_body(number).await?;
        let body = body.ok_or_else(|| LiveError::not_found("scorer", &number))?;
        Ok(Arc::new(self.0.shipped.with_scorer(&body)?))
    }

    /// Decides which scorer is in use; [`Live::regroup`] then scores and groups everything by it. One that was never in use
    /// takes another person than who proposed it; going back to one that was takes nobody else.
    pub async fn use_scorer(&self, number: i64, by: &Actor) -> Result<()> {
        let expected = self.store().scorer_in_use().await?;
        if number != SHIPPED {
            let row = self.store().scorer(number).await?;
            let row = row.ok_or_else(|| LiveError::not_found("scorer", &number))?;
            if row.used.is_none() && row.author == *by {
                let rule = "NEEDS_SECOND_PERSON: was proposed by you; another person puts it in use";
                return Err(LiveError::precondition(&format!("scorer {number}"), rule));
            }
        }
        // What cannot be opened is not put in use.
        self.engine_of(number).await?;
        Ok(self.store().use_scorer(number, expected, by, now()).await?)
    }

    /// Takes up scorers that other servers put in use, for ever.
    pub async fn follow_scorer(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Err(error) = self.take_up_scorer().await {
                tracing::warn!(%error, "looking for another scorer");
            }
        }
    }

    async fn take_up_scorer(&self) -> Result<()> {
        // Not built yet: what is built will be built with it.
        let Ok(own) = self.read(|world| world.scorer) else { return Ok(()) };
        if self.store().scorer_in_use().await? == own {
            return Ok(());
        }
        let _one = self.refitting().await;
        // It may be what was just done.
        if self.store().scorer_in_use().await? != self.read(|world| world.scorer)? {
            self.renew_world().await?;
        }
        Ok(())
    }

    /// Puts a version of the policies in use. Where the policy that holds everywhere wants four eyes, one that never held
    /// takes another person than who wrote it.
    pub async fn activate_policy(
        &self,
        scope: &PolicyScope,
        number: i64,
        expected: Option<i64>,
        writer: &crate::Writer,
    ) -> Result<Ack> {
        let row = self.store().policy(scope, number).await?;
        let name = format!("policy {} version {number}", scope.key());
        let row = row.ok_or_else(|| LiveError::not_found("policy", &name))?;
        let eyes = self.read(|world| world.ledger.policies.global().eyes)?;
        let held_before = row.version > Version(1) || row.value.activity == Activity::Active;
        if eyes == Eyes::Four && !held_before && row.value.author.as_ref() == Some(&writer.actor) {
            let rule =
                "NEEDS_SECOND_PERSON: was written by you, and policy wants another person to put it in use";
            return Err(LiveError::precondition(&name, rule));
        }
        let mutation = Mutation::ActivatePolicy { scope: scope.clone(), number, expected };
        self.commit(&writer.batch("policy").with(mutation)).await
    }
}
