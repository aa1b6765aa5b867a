//! Given pairs: `score` and `explain`. The shipped model reads each by itself, over the pair features: ranks and margins
//! are unknown there, so confidences are more cautious than in a run. A model tuned on labelled pairs may read them among
//! all the names of their file instead ([`crate::evidence`]).

use crate::evidence::PairFile;
use crate::live::Statistics;
use crate::{Engine, EngineError, Progress, Quiet};
use domain::{LocalSku, ParsedName, Zone, ZonePolicy};
use ndarray::{Array2, ArrayView1};
use rayon::prelude::*;
use score::features::{self, Likeness};
use score::model::probability;
use score::{Corpus, Explanation, Model, Tuned, Veto, explain, veto};

#[derive(Clone, Debug, PartialEq)]
pub struct PairScore {
    pub confidence: f64,
    pub zone: Zone,
    pub veto: Option<String>,
    pub reason: String,
}

/// Pairs with everything that a reader may ask of them.
pub(crate) struct ReadPairs {
    /// Two a pair, left and right.
    parsed: Vec<ParsedName>,
    veto: Vec<Option<Veto>>,
    /// What [`Tuned::alone`] reads: the pair features and the shipped model's log-odds. One row a pair.
    pub alone: Array2<f32>,
    /// The pairs among all names of their file, where they were read so.
    pub in_file: Option<PairFile>,
}

impl Engine {
    /// Scores given pairs; rarity of words is taken over all the names given.
    pub fn score_pairs(
        &self,
        pairs: &[(LocalSku, LocalSku)],
        zones: &ZonePolicy,
    ) -> Result<Vec<PairScore>, EngineError> {
        self.score_all(pairs, zones, None)
    }

    /// The same with rarities and vectors as a full run found them; the pair still comes without rivals.
    pub fn score_pairs_with(
        &self,
        pairs: &[(LocalSku, LocalSku)],
        zones: &ZonePolicy,
        statistics: &Statistics,
    ) -> Result<Vec<PairScore>, EngineError> {
        self.score_all(pairs, zones, Some(statistics))
    }

    fn score_all(
        &self,
        pairs: &[(LocalSku, LocalSku)],
        zones: &ZonePolicy,
        statistics: Option<&Statistics>,
    ) -> Result<Vec<PairScore>, EngineError> {
        let among = known(&self.model).filter(|_| statistics.is_none());
        let read = self.read_pairs_with(pairs, among, statistics, &Quiet)?;
        let confidence = read.confidences(&self.model);
        Ok((0..pairs.len()).into_par_iter().map(|i| read.score(i, confidence[i], zones)).collect())
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
        let among = known(&self.model).filter(|_| statistics.is_none());
        let read = self.read_pairs_with(&pair, among, statistics, &Quiet)?;
        let confidence = read.confidences(&self.model)[0];
        let score = read.score(0, confidence, zones);
        let row = read.alone.row(0);
        let pair_row = row.slice(ndarray::s![..features::PAIR.len()]);
        let contributions = self.model.pair_only.contributions(pair_row);
        let features = features::PAIR
            .iter()
            .enumerate()
            .map(|(i, name)| (*name, row[i], contributions.get(i).copied().unwrap_or(0.0)))
            .collect();
        let [left, right] = [&read.parsed[0], &read.parsed[1]];
        Ok(Explanation::new(score.confidence, score.zone, read.veto[0], left, right, features))
    }

    /// `among`: with whom beside their own file the pairs are read, if in a file at all.
    pub(crate) fn read_pairs(
        &self,
        pairs: &[(LocalSku, LocalSku)],
        among: Option<&[LocalSku]>,
        progress: &dyn Progress,
    ) -> Result<ReadPairs, EngineError> {
        self.read_pairs_with(pairs, among, None, progress)
    }

    fn read_pairs_with(
        &self,
        pairs: &[(LocalSku, LocalSku)],
        among: Option<&[LocalSku]>,
        statistics: Option<&Statistics>,
        progress: &dyn Progress,
    ) -> Result<ReadPairs, EngineError> {
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
        let mut alone = Array2::<f32>::zeros((pairs.len(), Tuned::ALONE));
        let veto: Vec<Option<Veto>> = alone
            .outer_iter_mut()
            .into_par_iter()
            .enumerate()
            .map(|(i, mut row)| {
                let (a, b) = (2 * i, 2 * i + 1);
                let cosine = vectors.row(a).dot(&vectors.row(b));
                let likeness = Likeness::of(&profiles[a], &profiles[b], cosine);
                if let Some(row) = row.as_slice_mut() {
                    let (pair, shipped) = row.split_at_mut(features::PAIR.len());
                    features::fill(&profiles[a], &profiles[b], likeness, pair);
                    shipped[0] = self.model.pair_only.log_odds(ArrayView1::from(&*pair));
                }
                veto::find(&profiles[a], &profiles[b])
            })
            .collect();
        let in_file = among.map(|known| self.pair_file(pairs, known, progress)).transpose()?;
        Ok(ReadPairs { parsed, veto, alone, in_file })
    }
}

/// The records that `model` reads pairs among; `None` where it reads each pair alone.
pub(crate) fn known(model: &Model) -> Option<&[LocalSku]> {
    let tuned = model.tuned.as_ref().filter(|tuned| tuned.in_file.is_some())?;
    Some(&tuned.known)
}

impl ReadPairs {
    pub fn len(&self) -> usize {
        self.veto.len()
    }

    /// What `model` says of every pair, stated contradictions taken into account. The model's stages must be those of the
    /// engine that read the pairs; its tuned readers may be others.
    pub fn confidences(&self, model: &Model) -> Vec<f64> {
        (0..self.len()).into_par_iter().map(|i| self.remaining(i) * self.unvetoed(model, i)).collect()
    }

    /// The same as far as the machine may act on it: 0 where the names contradict each other.
    pub fn linkable(&self, model: &Model) -> Vec<f64> {
        let mut confidences = self.confidences(model);
        confidences.iter_mut().zip(&self.veto).filter(|(_, veto)| veto.is_some()).for_each(|(c, _)| *c = 0.0);
        confidences
    }

    fn remaining(&self, pair: usize) -> f64 {
        if self.veto[pair].is_some() { veto::REMAINING } else { 1.0 }
    }

    fn unvetoed(&self, model: &Model, pair: usize) -> f64 {
        let alone = self.alone.row(pair);
        let Some(tuned) = &model.tuned else {
            let raw = f64::from(alone[features::PAIR.len()]);
            return probability(model.pair_only_calibration.log_odds(raw));
        };
        match (&tuned.in_file, &self.in_file) {
            (Some(reader), Some(file)) if file.smaller_side >= tuned.least_records => {
                reader.confidence(file.rows.row(pair))
            }
            _ => tuned.alone.confidence(alone),
        }
    }

    fn score(&self, pair: usize, confidence: f64, zones: &ZonePolicy) -> PairScore {
        let veto = self.veto[pair];
        let zone = match zones.zone(domain::Confidence::saturating(confidence)) {
            // A stated contradiction is never linked, and not worth a question.
            Zone::Auto | Zone::Review if veto.is_some() => Zone::Reject,
            zone => zone,
        };
        let reason = explain::reason(&self.parsed[2 * pair], &self.parsed[2 * pair + 1], veto);
        PairScore { confidence, zone, veto: veto.map(|v| v.code()), reason }
    }
}
