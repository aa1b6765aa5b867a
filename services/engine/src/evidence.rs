//! Given pairs, seen among all the names of their file: what a model tuned on labelled pairs reads.
//!
//! The file's distinct records become two nodes, `left` and `right`. They go the way of every record: candidates among
//! each other (the given pairs are candidates whatever retrieval says), three stages, the one-to-one matching. Each given
//! pair then has the same features as in a run, its rivals in the file included.

use crate::prepare::Prepared;
use crate::scoring::{Staged, THIRD_WIDTH};
use crate::{Engine, EngineError, Progress};
use domain::{LocalSku, SkuCode, SkuKey};
use ndarray::Array2;
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use score::context::{self, Neighbourhoods, Standing};
use score::matching::Matching;
use score::model::{log_odds, probability};
use score::texts::{self, TEXTS, Texts};
use score::tuned::FOURTH;

/// Given pairs as pairs of the distinct records of their file.
pub(crate) struct PairFile {
    /// What [`score::Tuned::in_file`] reads, one row a pair.
    pub rows: Array2<f32>,
    /// (left, right) numbers of records; equal records have one number, and numbers follow the records' contents.
    pub pairs: Vec<(u32, u32)>,
    pub records: usize,
    /// The records of the side that has fewer.
    pub smaller_side: usize,
}

pub(crate) const WIDTH: usize = THIRD_WIDTH + FOURTH.len() + TEXTS.len();

impl Engine {
    pub(crate) fn pair_file(
        &self,
        pairs: &[(LocalSku, LocalSku)],
        known: &[LocalSku],
        progress: &dyn Progress,
    ) -> Result<PairFile, EngineError> {
        let (records, given) = distinct(pairs, known);
        let prepared = self.prepare_with(&records, &given, &retrieve::Options::default(), progress)?;
        let staged = self.stages(&prepared, progress);
        let mut place = vec![0u32; records.len()];
        prepared.order.iter().enumerate().for_each(|(record, input)| place[*input as usize] = record as u32);
        let pairs: Vec<(u32, u32)> =
            given.iter().map(|(a, b)| (place[*a as usize], place[*b as usize])).collect();
        // Node 0 is `left`: nodes are numbered by name.
        let left = prepared.nodes.iter().filter(|node| **node == 0).count();
        let texts = prepared.texts_of(&records);
        let candidates: FxHashMap<(u32, u32), usize> =
            prepared.candidates.iter().enumerate().map(|(i, c)| ((c.left, c.right), i)).collect();
        let reading = Reading::new(&prepared, &staged, &texts, |_| false);
        let mut rows = Array2::<f32>::zeros((pairs.len(), WIDTH));
        rows.outer_iter_mut().into_par_iter().zip(&pairs).for_each(|(mut row, (a, b))| {
            let index = candidates.get(&(*a.min(b), *a.max(b)));
            if let (Some(index), Some(row)) = (index, row.as_slice_mut()) {
                reading.fill(*index, row);
            }
        });
        Ok(PairFile { rows, pairs, records: records.len(), smaller_side: left.min(records.len() - left) })
    }
}

/// Candidates as [`score::Tuned::in_file`] reads them.
pub(crate) struct Reading<'a> {
    prepared: &'a Prepared,
    staged: &'a Staged,
    texts: &'a [Texts],
    /// Where a candidate stands among the active ones.
    active: FxHashMap<u32, usize>,
    /// Of the active ones.
    standings: Vec<Standing>,
    matched: Vec<f64>,
}

impl<'a> Reading<'a> {
    /// `is_many` says of a node that it lists a product several times.
    pub fn new(
        prepared: &'a Prepared,
        staged: &'a Staged,
        texts: &'a [Texts],
        is_many: impl Fn(u32) -> bool,
    ) -> Reading<'a> {
        let chance: Vec<f32> = staged.third.iter().map(|x| probability(*x) as f32).collect();
        let matching = Matching::new(&staged.pairs, &prepared.nodes, |node| !is_many(node));
        Reading {
            prepared,
            staged,
            texts,
            active: staged.active.iter().copied().zip(0..).collect(),
            standings: Neighbourhoods::new(&staged.pairs, &prepared.nodes).standings(&chance),
            matched: matching.marginals(&staged.third),
        }
    }

    /// `index` counts the prepared candidates; `row` has [`WIDTH`] places.
    pub fn fill(&self, index: usize, row: &mut [f32]) {
        let candidate = &self.prepared.candidates[index];
        let (stages, rest) = row.split_at_mut(THIRD_WIDTH);
        let (fourth, own_texts) = rest.split_at_mut(FOURTH.len());
        let [left, right] = [candidate.left, candidate.right].map(|record| &self.texts[record as usize]);
        texts::fill(left, right, own_texts);
        match self.active.get(&(index as u32)) {
            Some(at) => {
                self.staged.fill_third(self.prepared, *at, stages);
                let (standing, matched) = fourth.split_at_mut(FOURTH.len() - 1);
                context::fill_stage(self.staged.third[*at] as f32, &self.standings[*at], standing);
                matched[0] = log_odds(self.matched[*at].clamp(1e-6, 1.0 - 1e-6)) as f32;
            }
            None => {
                self.staged.fill_hopeless(self.prepared, index, stages);
                let second = self.staged.second[index].clamp(-14.0, 14.0);
                fourth[0] = second;
                fourth[FOURTH.len() - 1] = second;
            }
        }
    }
}

/// The records of two nodes that these pairs are about, the known ones too, and the pairs as indices of them.
fn distinct(pairs: &[(LocalSku, LocalSku)], known: &[LocalSku]) -> (Vec<LocalSku>, Vec<(u32, u32)>) {
    let mut records: Vec<LocalSku> = Vec::new();
    let mut numbers: FxHashMap<String, u32> = FxHashMap::default();
    let mut number = |side: &str, sku: &LocalSku| {
        *numbers.entry(content(side, sku)).or_insert_with_key(|content| {
            let mut record = sku.clone();
            // Codes by content: the answer does not depend on the order of the rows.
            record.key = SkuKey::new(side, content);
            // What nobody reads need not be carried into a model.
            record.description = record.description.map(|d| beginning(&d).to_owned());
            records.push(record);
            records.len() as u32 - 1
        })
    };
    known.iter().for_each(|record| {
        number(&record.key.node.0, record);
    });
    let given = pairs.iter().map(|(a, b)| (number(LEFT, a), number(RIGHT, b))).collect();
    (records, given)
}

const LEFT: &str = "left";
const RIGHT: &str = "right";

fn beginning(description: &str) -> &str {
    let end =
        description.char_indices().nth(texts::DESCRIPTION_LIMIT).map_or(description.len(), |(at, _)| at);
    &description[..end]
}

/// The distinct records of these pairs, to be known to a model.
pub(crate) fn known(pairs: &[(LocalSku, LocalSku)]) -> Vec<LocalSku> {
    let (mut records, _) = distinct(pairs, &[]);
    records.sort_by(|a, b| a.key.cmp(&b.key));
    // Known records need no codes; what they say tells them apart.
    for (number, record) in records.iter_mut().enumerate() {
        record.key.sku = SkuCode(number.to_string().into());
    }
    records
}

/// How many distinct records these pairs are about, and the pairs as numbers of them by content.
pub(crate) fn numbered(pairs: &[(LocalSku, LocalSku)]) -> (usize, Vec<(u32, u32)>) {
    let (records, given) = distinct(pairs, &[]);
    let mut order: Vec<usize> = (0..records.len()).collect();
    order.sort_by(|a, b| records[*a].key.cmp(&records[*b].key));
    let mut place = vec![0u32; records.len()];
    order.iter().zip(0..).for_each(|(record, number)| place[*record] = number);
    (records.len(), given.iter().map(|(a, b)| (place[*a as usize], place[*b as usize])).collect())
}

/// Everything that a record says, but for its code.
pub(crate) fn content(side: &str, sku: &LocalSku) -> String {
    let LocalSku { key: _, name, brand, spec, unit, category, gtin, description, price } = sku;
    let texts = [
        Some(name.as_str()),
        brand.as_deref(),
        spec.as_deref(),
        unit.as_deref(),
        category.as_deref(),
        gtin.as_deref(),
    ];
    let mut out = side.to_owned();
    for text in texts.into_iter().chain([description.as_deref().map(beginning)]) {
        out.push('\u{1f}');
        out.push_str(text.unwrap_or_default());
    }
    out.push('\u{1f}');
    out.push_str(&price.map_or(String::new(), |p| p.to_string()));
    out
}
