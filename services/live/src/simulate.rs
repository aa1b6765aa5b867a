//! What a policy would change, without changing anything.

use crate::draft::{Outcome, Planner, Splits};
use crate::error::Result;
use crate::service::Live;
use domain::{Activity, Policy, SkuKey};
use rustc_hash::FxHashSet;

/// What the machine would do otherwise under a policy, people's decisions held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Simulated {
    /// Pairs that it would link and does not under the policies that hold.
    pub links_gained: usize,
    pub links_lost: usize,
    pub reviews_gained: usize,
    pub reviews_lost: usize,
    /// People's decisions that it would have contradicted by itself: linked what they parted, or not even asked about what
    /// they joined.
    pub decisions_contradicted: usize,
}

/// Some of the pairs that would change hands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub gained: Vec<(SkuKey, SkuKey)>,
    pub lost: Vec<(SkuKey, SkuKey)>,
}

impl Live {
    /// Groups everything in the index twice: under the policies that hold, and with `candidate` in the place of its scope's.
    pub async fn simulate(&self, candidate: &Policy) -> Result<Simulated> {
        Ok(self.shadow(candidate, 0).await?.0)
    }

    /// The same, with up to so many pairs of each kind, in the order of their keys.
    pub async fn shadow(&self, candidate: &Policy, most: usize) -> Result<(Simulated, Changes)> {
        let candidate = Policy { activity: Activity::Active, ..candidate.clone() };
        self.compute(move |live| {
            live.read(|world| {
                let held = &world.ledger.policies;
                let mut tried = held.clone();
                tried.apply(&candidate);
                let changed = FxHashSet::default();
                let outcome = |policies| {
                    let (graph, ledger) = (&world.graph, &world.ledger);
                    Planner { graph, ledger, policies, splits: Splits::Made, changed: &changed }.outcome()
                };
                let (now, then) = (outcome(held), outcome(&tried));
                let key = |row: u32| world.graph.records[row as usize].key.clone();
                let named = |pairs: &mut dyn Iterator<Item = &(u32, u32)>| {
                    let mut named: Vec<_> = pairs.map(|(left, right)| (key(*left), key(*right))).collect();
                    named.sort();
                    named.truncate(most);
                    named
                };
                let changes = Changes {
                    gained: named(&mut then.links.difference(&now.links)),
                    lost: named(&mut now.links.difference(&then.links)),
                };
                (compared(&now, &then), changes)
            })
        })
        .await
    }
}

fn compared(now: &Outcome, then: &Outcome) -> Simulated {
    Simulated {
        links_gained: then.links.difference(&now.links).count(),
        links_lost: now.links.difference(&then.links).count(),
        reviews_gained: then.questions.difference(&now.questions).count(),
        reviews_lost: now.questions.difference(&then.questions).count(),
        decisions_contradicted: then.contradicted,
    }
}
