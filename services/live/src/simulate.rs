//! What a policy or a scorer would change, without changing anything.

use crate::draft::{Planner, Splits};
use crate::error::Result;
use crate::graph::Graph;
use crate::ledger::Ledger;
use crate::rules::Policies;
use crate::service::Live;
use domain::{Activity, Policy, SkuKey};
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What the machine would do otherwise under a policy, people's decisions held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
                let of = |policies| outcome(&world.graph, &world.ledger, policies);
                compared(&of(held), &of(&tried), most)
            })
        })
        .await
    }

    /// The same for another scorer, given as JSON: everything is scored by it, beside what is there.
    pub async fn shadow_scorer(&self, json: &str, most: usize) -> Result<(Simulated, Changes)> {
        let engine = Arc::new(self.engine().with_scorer(json)?);
        let (ledger, skus) = Ledger::load(self.store()).await?;
        let graph = self.fitted(&engine, skus, ledger.many_nodes()).await?;
        self.compute(move |live| {
            let then = outcome(&graph, &ledger, &ledger.policies);
            live.read(|world| {
                let now = outcome(&world.graph, &world.ledger, &world.ledger.policies);
                compared(&now, &then, most)
            })
        })
        .await
    }
}

type Pairs = FxHashSet<(SkuKey, SkuKey)>;

/// What the machine makes of everything, by keys.
struct Made {
    links: Pairs,
    questions: Pairs,
    contradicted: usize,
}

fn outcome(graph: &Graph, ledger: &Ledger, policies: &Policies) -> Made {
    let changed = FxHashSet::default();
    let made = Planner { graph, ledger, policies, splits: Splits::Made, changed: &changed }.outcome();
    let key = |row: u32| graph.records[row as usize].key.clone();
    let named = |pairs: FxHashSet<(u32, u32)>| -> Pairs {
        pairs
            .into_iter()
            .map(|(a, b)| (key(a), key(b)))
            .map(|(a, b)| if a < b { (a, b) } else { (b, a) })
            .collect()
    };
    Made { links: named(made.links), questions: named(made.questions), contradicted: made.contradicted }
}

fn compared(now: &Made, then: &Made, most: usize) -> (Simulated, Changes) {
    let simulated = Simulated {
        links_gained: then.links.difference(&now.links).count(),
        links_lost: now.links.difference(&then.links).count(),
        reviews_gained: then.questions.difference(&now.questions).count(),
        reviews_lost: now.questions.difference(&then.questions).count(),
        decisions_contradicted: then.contradicted,
    };
    let first = |pairs: &mut dyn Iterator<Item = &(SkuKey, SkuKey)>| {
        let mut first: Vec<_> = pairs.cloned().collect();
        first.sort();
        first.truncate(most);
        first
    };
    let changes = Changes {
        gained: first(&mut then.links.difference(&now.links)),
        lost: first(&mut now.links.difference(&then.links)),
    };
    (simulated, changes)
}
