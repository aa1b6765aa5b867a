//! Pairs that come alone, without candidates around them: `score` and `explain`. They are read by the one-stage
//! model over the pair features; ranks and margins are unknown there, so confidences are more cautious than in a run.

use crate::live::Statistics;
use crate::{Engine, EngineError};
use domain::{LocalSku, ParsedName, Zone, ZonePolicy};
use ndarray::ArrayView1;
use rayon::prelude::*;
use score::features::{self, Likeness};
use score::model::probability;
use score::{Corpus, Explanation, explain, veto};

#[derive(Clone, Debug, PartialEq)]
pub struct PairScore {
    pub confidence: f64,
    pub zone: Zone,
    pub veto: Option<String>,
    pub reason: String,
}

impl Engine {
    /// Scores given pairs; rarity of words is taken over all the names given.
    pub fn score_pairs(
        &self,
        pairs: &[(LocalSku, LocalSku)],
        zones: &ZonePolicy,
    ) -> Result<Vec<PairScore>, EngineError> {
        self.judge_pairs(pairs, zones, None, |_, _, score, _, _| score)
    }

    /// The same with rarities and vectors as a full run found them; the pair still comes without rivals.
    pub fn score_pairs_with(
        &self,
        pairs: &[(LocalSku, LocalSku)],
        zones: &ZonePolicy,
        statistics: &Statistics,
    ) -> Result<Vec<PairScore>, EngineError> {
        self.judge_pairs(pairs, zones, Some(statistics), |_, _, score, _, _| score)
    }

    /// Why this pair gets its confidence.
    pub fn explain(
        &self,
        left: &LocalSku,
        right: &LocalSku,
        zones: &ZonePolicy,
    ) -> Result<Explanation, EngineError> {
        self.explain_with(left, right, zones, None)
    }

    /// The same, with rarities and vectors as a full run found them where they are given.
    pub fn explain_with(
        &self,
        left: &LocalSku,
        right: &LocalSku,
        zones: &ZonePolicy,
        statistics: Option<&Statistics>,
    ) -> Result<Explanation, EngineError> {
        let pair = [(left.clone(), right.clone())];
        let mut all = self.judge_pairs(&pair, zones, statistics, |left, right, score, veto, row| {
            let contributions = self.model.pair_only.contributions(ArrayView1::from(row));
            let features = features::PAIR
                .iter()
                .enumerate()
                .map(|(i, name)| (*name, row[i], contributions.get(i).copied().unwrap_or(0.0)))
                .collect();
            Explanation::new(score.confidence, score.zone, veto, left, right, features)
        })?;
        Ok(all.remove(0))
    }

    fn judge_pairs<T: Send>(
        &self,
        pairs: &[(LocalSku, LocalSku)],
        zones: &ZonePolicy,
        statistics: Option<&Statistics>,
        finish: impl Fn(&ParsedName, &ParsedName, PairScore, Option<veto::Veto>, &[f32]) -> T + Sync,
    ) -> Result<Vec<T>, EngineError> {
        let records: Vec<&LocalSku> = pairs.iter().flat_map(|(a, b)| [a, b]).collect();
        let parsed: Vec<ParsedName> = records.par_iter().map(|r| self.normalizer.parse(r)).collect();
        let texts: Vec<&str> = parsed.iter().map(|p| p.canonical.as_str()).collect();
        let mut vectors = self.encoder.encode(&texts)?;
        let own;
        let corpus = if let Some(statistics) = statistics {
            statistics.evening.apply(&mut vectors);
            &statistics.corpus
        } else {
            // The mean of a handful of names is not the mean of a catalogue: centring would invent distances.
            if records.len() >= 200 {
                retrieve::Evening::of(&vectors).apply(&mut vectors);
            }
            own = Corpus::count(&parsed);
            &own
        };
        let prices: Vec<Option<f64>> = records.iter().map(|r| r.price).collect();
        let profiles = corpus.profiles(&parsed, &prices);
        Ok((0..pairs.len())
            .into_par_iter()
            .map(|i| {
                let (a, b) = (2 * i, 2 * i + 1);
                let cosine = vectors.row(a).dot(&vectors.row(b));
                let mut row = [0.0f32; features::PAIR.len()];
                let likeness = Likeness::of(&profiles[a], &profiles[b], cosine);
                features::fill(&profiles[a], &profiles[b], likeness, &mut row);
                let raw = self.model.pair_only.log_odds(ArrayView1::from(&row[..]));
                let veto = veto::find(&profiles[a], &profiles[b]);
                let remaining = if veto.is_some() { veto::REMAINING } else { 1.0 };
                let confidence =
                    remaining * probability(self.model.pair_only_calibration.log_odds(f64::from(raw)));
                let zone = match zones.zone(domain::Confidence::saturating(confidence)) {
                    // A stated contradiction is never linked, and not worth a question.
                    Zone::Auto | Zone::Review if veto.is_some() => Zone::Reject,
                    zone => zone,
                };
                let reason = explain::reason(&parsed[a], &parsed[b], veto);
                let score = PairScore { confidence, zone, veto: veto.map(|v| v.code()), reason };
                finish(&parsed[a], &parsed[b], score, veto, &row)
            })
            .collect())
    }
}
