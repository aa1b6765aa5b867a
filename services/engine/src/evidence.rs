//! Given pairs, seen among all the names of their file: what a model tuned on labelled pairs reads.
//!
//! The file's distinct records become two nodes, `left` and `right`. They go the way of every record: candidates among
//! each other (the given pairs are candidates whatever retrieval says), three stages, the one-to-one matching. Each given
//! pair then has the same features as in a run, its rivals in the file included.

use crate::prepare::Prepared;
use crate::scoring::{Seen, Staged, THIRD_WIDTH};
use crate::{Engine, EngineError, Progress};
use domain::{LocalSku, SkuCode, SkuKey};
use ndarray::Array2;
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use score::context;
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

const WIDTH: usize = THIRD_WIDTH + FOURTH.len() + TEXTS.len();

impl Engine {
    pub(crate) fn pair_file(
        &self,
        pairs: &[(LocalSku, LocalSku)],
        known: &[LocalSku],
        progress: &dyn Progress,
    ) -> Result<PairFile, EngineError> {
        let (records, given) = distinct(pairs, known);
        let prepared = self.prepare_with(&records, &given, &retrieve::Options::default(), progress)?;
        let (staged, seen) = self.stages(&prepared, progress);
        let mut place = vec![0u32; records.len()];
        prepared.order.iter().enumerate().for_each(|(record, input)| place[*input as usize] = record as u32);
        let pairs: Vec<(u32, u32)> =
            given.iter().map(|(a, b)| (place[*a as usize], place[*b as usize])).collect();
        // Node 0 is `left`: nodes are numbered by name.
        let left = prepared.nodes.iter().filter(|node| **node == 0).count();
        let ordered: Vec<&LocalSku> = prepared.order.iter().map(|input| &records[*input as usize]).collect();
        let rows = rows(&prepared, &staged, &seen, &Texts::of(&ordered), &pairs);
        Ok(PairFile { rows, pairs, records: records.len(), smaller_side: left.min(records.len() - left) })
    }
}

fn rows(
    prepared: &Prepared,
    staged: &Staged,
    seen: &Seen,
    texts: &[Texts],
    pairs: &[(u32, u32)],
) -> Array2<f32> {
    let chance: Vec<f32> = staged.third.iter().map(|x| probability(*x) as f32).collect();
    let standings = staged.rivals.standings(|at| chance[at]);
    let matched =
        Matching::new(&staged.pairs, &staged.rivals, &prepared.nodes, |_| true).marginals(&staged.third);
    let candidates: FxHashMap<(u32, u32), u32> =
        prepared.candidates.iter().zip(0..).map(|(c, i)| ((c.left, c.right), i)).collect();
    let active: FxHashMap<u32, usize> = staged.active.iter().copied().zip(0..).collect();
    let mut rows = Array2::<f32>::zeros((pairs.len(), WIDTH));
    rows.outer_iter_mut().into_par_iter().zip(pairs).for_each(|(mut row, (a, b))| {
        let Some(row) = row.as_slice_mut() else { return };
        // Given pairs are candidates: `prepare_with` saw to it.
        let Some(index) = candidates.get(&(*a.min(b), *a.max(b))) else { return };
        let (stages, rest) = row.split_at_mut(THIRD_WIDTH);
        let (fourth, own_texts) = rest.split_at_mut(FOURTH.len());
        texts::fill(&texts[*a as usize], &texts[*b as usize], own_texts);
        match active.get(index) {
            Some(at) => {
                staged.fill_third(seen, prepared, *at, None, stages);
                let (standing, matching) = fourth.split_at_mut(FOURTH.len() - 1);
                context::fill_stage(staged.third[*at] as f32, &standings.of(&staged.rivals, *at), standing);
                matching[0] = log_odds(matched[*at].clamp(1e-6, 1.0 - 1e-6)) as f32;
            }
            None => {
                let index = *index as usize;
                staged.fill_hopeless(seen, prepared, index, stages);
                let second = staged.second[index].clamp(-14.0, 14.0);
                fourth[0] = second;
                fourth[FOURTH.len() - 1] = second;
            }
        }
    });
    rows
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

/// A model knows no more records than this: every later pair is read among all of them.
const MOST_KNOWN: usize = 50_000;

/// The distinct records of these pairs, to be known to a model.
pub(crate) fn known(pairs: &[(LocalSku, LocalSku)]) -> Vec<LocalSku> {
    let (mut records, _) = distinct(pairs, &[]);
    records.sort_by(|a, b| a.key.cmp(&b.key));
    let every = records.len().div_ceil(MOST_KNOWN).max(1);
    let mut records: Vec<LocalSku> = records.into_iter().step_by(every).collect();
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
