//! What means the same: answers from memory. Nothing is written.

use crate::error::{LiveError, Result};
use crate::rules::Rules;
use crate::service::{Live, World};
use domain::{CatalogSku, Confidence, LocalSku, MasterId, NodeId, Sequence, SkuKey, Stored, Zone};
use engine::{Explanation, PairState};
use rustc_hash::FxHashSet;

/// What is asked about.
#[derive(Clone, Debug)]
pub enum Query {
    /// A SKU that is stored.
    Sku(SkuKey),
    /// A row that need not be; its key says nothing.
    Row(Box<LocalSku>),
}

/// A confidence with its reasons.
#[derive(Clone, Debug)]
pub struct Judged {
    pub confidence: Confidence,
    pub zone: Zone,
    pub veto: Option<String>,
    /// One line.
    pub summary: String,
    /// Where it was asked for.
    pub explanation: Option<Explanation>,
    pub policy: i64,
}

/// A SKU that may mean the same.
#[derive(Clone, Debug)]
pub struct Found {
    pub sku: Stored<CatalogSku>,
    pub master: Option<MasterId>,
    pub judged: Judged,
    /// Both are members of one master.
    pub linked: bool,
}

/// Which matches are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only in these; empty for all.
    pub nodes: Vec<NodeId>,
    pub most: usize,
    pub min_confidence: f64,
    pub explanations: bool,
}

struct Hit {
    key: SkuKey,
    state: PairState,
    rules: Rules,
    master: Option<MasterId>,
}

impl Live {
    /// The best matches of a query, best first, and the change up to which the index had read.
    #[tracing::instrument(name = "find", level = "debug", skip_all)]
    pub async fn find(&self, query: &Query, wanted: &Wanted) -> Result<(Vec<Found>, Sequence)> {
        let (asked, own_master) = match query {
            Query::Row(row) => ((**row).clone(), None),
            Query::Sku(key) => {
                // Its row is read for the reasons; the index may be a moment behind it.
                let row = self.store().sku(key).await?.filter(|row| row.value.is_live());
                let row = row.ok_or_else(|| LiveError::not_found("sku", key))?;
                (row.value.sku, self.read(|world| world.ledger.master_of(key).cloned())?)
            }
        };
        let (hits, sequence) = match query {
            // Until the full run that is due, as a name of its node that nothing was compared with yet.
            Query::Sku(key) if self.read(|world| is_waiting(world, key))? => {
                self.score_now(&asked, Some(&key.node), wanted).await?
            }
            Query::Sku(key) => self.read(|world| {
                let row = world.graph.rows.get(key);
                let found = row.map(|row| world.graph.matches_of(*row)).unwrap_or_default();
                (select(world, found, &asked, wanted), world.ledger.sequence)
            })?,
            Query::Row(_) => self.score_now(&asked, None, wanted).await?,
        };
        let keys: Vec<SkuKey> = hits.iter().map(|hit| hit.key.clone()).collect();
        let rows = self.store().skus(&keys).await?;
        let mut found = Vec::with_capacity(hits.len());
        for hit in hits {
            let at = rows.binary_search_by(|row| row.value.sku.key.cmp(&hit.key));
            // Deleted since: the index will follow.
            let Some(row) = at.ok().map(|at| &rows[at]).filter(|row| row.value.is_live()) else { continue };
            let linked = hit.master.is_some() && hit.master == own_master;
            let judged = self.judged(&asked, &row.value.sku, hit.state, &hit.rules, wanted.explanations)?;
            found.push(Found { sku: row.clone(), master: hit.master, judged, linked });
        }
        Ok((found, sequence))
    }

    /// The best matches of a name outside a node, scored now.
    async fn score_now(
        &self,
        asked: &LocalSku,
        outside: Option<&NodeId>,
        wanted: &Wanted,
    ) -> Result<(Vec<Hit>, Sequence)> {
        let (asked, outside, wanted) = (asked.clone(), outside.cloned(), wanted.clone());
        self.compute(move |live| {
            live.read(|world| {
                let node = outside.and_then(|node| world.graph.number_of(&node));
                let found = world.graph.score_name(&world.engine, &asked, node)?;
                Ok((select(world, found, &asked, &wanted), world.ledger.sequence))
            })?
        })
        .await
    }

    fn judged(
        &self,
        left: &LocalSku,
        right: &LocalSku,
        state: PairState,
        rules: &Rules,
        explain: bool,
    ) -> Result<Judged> {
        let zone = rules.zone(state.confidence, state.veto.is_some());
        let mut explanation = None;
        if explain {
            let alone = self.read(|world| {
                world.engine.explain_with(left, right, &rules.zones, Some(&world.graph.statistics))
            })??;
            // The weights are those of the pair alone; what counts is the confidence among its rivals.
            explanation = Some(Explanation {
                confidence: state.confidence.get(),
                zone,
                veto: state.veto.map(|veto| veto.code()),
                ..alone
            });
        }
        Ok(Judged {
            confidence: state.confidence,
            zone,
            veto: state.veto.map(|veto| veto.code()),
            summary: self.engine().reason(left, right, state.veto),
            explanation,
            policy: rules.version,
        })
    }

    /// A query's row: stored, or as given.
    pub async fn row_of(&self, query: &Query) -> Result<LocalSku> {
        match query {
            Query::Row(row) => Ok((**row).clone()),
            Query::Sku(key) => {
                let row = self.store().sku(key).await?.filter(|row| row.value.is_live());
                Ok(row.ok_or_else(|| LiveError::not_found("sku", key))?.value.sku)
            }
        }
    }

    /// One pair, taken alone: no rivals, so more cautious than [`Live::find`].
    pub async fn score_pair(&self, left: &Query, right: &Query) -> Result<Judged> {
        let (left, right) = (self.row_of(left).await?, self.row_of(right).await?);
        let rules = self.rules_of(&left, &right)?;
        self.compute(move |live| {
            let pair = [(left, right)];
            let mut scores = live.read(|world| {
                world.engine.score_pairs_with(&pair, &rules.zones, &world.graph.statistics)
            })??;
            let score = scores.pop().ok_or_else(|| LiveError::GivenUp("no score".to_owned()))?;
            Ok(Judged {
                confidence: Confidence::saturating(score.confidence),
                zone: score.zone,
                veto: score.veto,
                summary: score.reason,
                explanation: None,
                policy: rules.version,
            })
        })
        .await
    }

    /// One pair with every reason: among its rivals where both are stored and were compared, else alone; and whether both
    /// are members of one master.
    pub async fn explain(&self, left: &Query, right: &Query) -> Result<(Judged, bool)> {
        let (a, b) = (self.row_of(left).await?, self.row_of(right).await?);
        let rules = self.rules_of(&a, &b)?;
        let (left, right) = (left.clone(), right.clone());
        self.compute(move |live| {
            let mut linked = false;
            let known = match (&left, &right) {
                (Query::Sku(left), Query::Sku(right)) => live.read(|world| {
                    let master = world.ledger.master_of(left);
                    linked = master.is_some() && master == world.ledger.master_of(right);
                    let rows = world.graph.rows.get(left).zip(world.graph.rows.get(right));
                    rows.and_then(|(left, right)| world.graph.between(*left, *right))
                })?,
                _ => None,
            };
            if let Some(state) = known {
                return Ok((live.judged(&a, &b, state, &rules, true)?, linked));
            }
            let alone = live.read(|world| {
                world.engine.explain_with(&a, &b, &rules.zones, Some(&world.graph.statistics))
            })??;
            let judged = Judged {
                confidence: Confidence::saturating(alone.confidence),
                zone: alone.zone,
                veto: alone.veto.clone(),
                summary: live.engine().reason(&a, &b, None),
                explanation: Some(alone),
                policy: rules.version,
            };
            Ok((judged, linked))
        })
        .await
    }

    pub fn rules_of(&self, left: &LocalSku, right: &LocalSku) -> Result<Rules> {
        self.read(|world| {
            let categories = [left.category.as_deref(), right.category.as_deref()];
            world.ledger.policies.rules([&left.key.node, &right.key.node], categories)
        })
    }
}

fn is_waiting(world: &World, key: &SkuKey) -> bool {
    world.graph.rows.get(key).is_some_and(|row| world.graph.waiting.contains(row))
}

fn select(world: &World, found: Vec<(u32, PairState)>, asked: &LocalSku, wanted: &Wanted) -> Vec<Hit> {
    let nodes: FxHashSet<&NodeId> = wanted.nodes.iter().collect();
    let hit = |(row, state): (u32, PairState)| {
        let record = &world.graph.records[row as usize];
        let categories = [asked.category.as_deref(), record.category.as_deref()];
        let rules = world.ledger.policies.rules([&asked.key.node, &record.key.node], categories);
        let master = world.ledger.master_of(&record.key).cloned();
        Hit { key: record.key.clone(), state, rules, master }
    };
    found
        .into_iter()
        .filter(|(_, state)| state.confidence.get() >= wanted.min_confidence)
        .filter(|(row, _)| nodes.is_empty() || nodes.contains(&world.graph.records[*row as usize].key.node))
        .take(wanted.most)
        .map(hit)
        .collect()
}
