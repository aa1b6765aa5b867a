//! The text channel: an inverted index in tantivy (one segment, document = row), searched term by term.
//!
//! A query for the k best of *every* shard, for every record, is not what tantivy's own collectors are made for: they
//! would run one query a shard. Instead the postings of a name's terms, rarest first, are added up in one array over all
//! rows until a budget of postings is used up; the best of each shard are then scored exactly against all their terms.
//! So the cost of a query is bounded whatever the size of the index, and hot words cost nothing where rare ones suffice.

use crate::error::RetrieveError;
use crate::rows::Rows;
use crate::terms::{SEPARATOR, Terms, class_weight, joined_terms};
use crate::top::{Scored, Top};
use domain::ParsedName;
use rayon::prelude::*;
use std::borrow::Cow;
use std::sync::Arc;
use tantivy::directory::RamDirectory;
use tantivy::index::InvertedIndexReader;
use tantivy::postings::{BlockSegmentPostings, TermInfo};
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer, TokenizerManager};
use tantivy::{Index, TantivyDocument, Term};

/// Documents are turned into terms on all threads, so many at a time.
const BUILD_CHUNK: usize = 8192;
/// More rows than asked for are scored exactly, as the first sum may leave out hot terms.
pub(crate) const SPARE: usize = 3;
pub(crate) const SPARE_MIN: usize = 24;

pub(crate) struct TextIndex {
    field: Field,
    postings: Arc<InvertedIndexReader>,
    /// By term number (its place in tantivy's dictionary).
    weight: Vec<f32>,
    document_frequency: Vec<u32>,
    /// Where the term's postings begin in tantivy's postings file; one more at the end.
    postings_start: Vec<usize>,
    /// Row → its term numbers, ascending: `term[start[row]..start[row + 1]]`.
    start: Vec<usize>,
    term: Vec<u32>,
    /// Row → 1 / sqrt of the sum of its terms' weights; 0 for a name without terms.
    scale: Vec<f32>,
    budget: usize,
}

/// What is searched for: term numbers ascending, and the scale of the whole name (unknown terms included).
pub(crate) struct TextQuery<'a> {
    terms: Cow<'a, [u32]>,
    scale: f32,
    /// A term finds somebody else from so many rows on: a row of the index always finds itself.
    useful_from: u32,
}

/// Working memory of one thread.
pub(crate) struct Scratch {
    sums: Vec<f32>,
    touched: Vec<u32>,
    by_rarity: Vec<u32>,
    postings: BlockSegmentPostings,
    tops: Vec<Top>,
}

impl TextIndex {
    pub fn build(rows: &Rows, parsed: &[ParsedName], budget: usize) -> Result<TextIndex, RetrieveError> {
        let (index, field) = write_index(rows, parsed)?;
        let failed = RetrieveError::text::<tantivy::TantivyError>("opening the new index");
        let reader = index.reader().map_err(&failed)?;
        let searcher = reader.searcher();
        let postings = match searcher.segment_readers() {
            [] => Arc::new(InvertedIndexReader::empty(IndexRecordOption::Basic)),
            segments => segments[0].inverted_index(field).map_err(&failed)?,
        };

        let count = postings.terms().num_terms();
        let mut weight = Vec::with_capacity(count);
        let mut document_frequency = Vec::with_capacity(count);
        let mut postings_start = Vec::with_capacity(count + 1);
        let mut length = vec![0u32; rows.len()];
        let mut sum = vec![0f32; rows.len()];
        let mut each_posting = |on: &mut dyn FnMut(u32, u32, f32)| -> Result<(), RetrieveError> {
            weight.clear();
            document_frequency.clear();
            postings_start.clear();
            let failed = RetrieveError::text::<std::io::Error>("reading the new index");
            let mut terms = postings.terms().stream().map_err(&failed)?;
            let mut postings_end = 0;
            while terms.advance() {
                let info = terms.value();
                postings_start.push(info.postings_range.start);
                postings_end = info.postings_range.end;
                let number = weight.len() as u32;
                let class = terms.key().first().copied().unwrap_or(0);
                let term_weight = class_weight(class) * idf(rows.len(), info.doc_freq);
                weight.push(term_weight);
                document_frequency.push(info.doc_freq);
                let mut block = postings
                    .read_block_postings_from_terminfo(info, IndexRecordOption::Basic)
                    .map_err(&failed)?;
                loop {
                    let docs = block.docs();
                    if docs.is_empty() {
                        break;
                    }
                    docs.iter().for_each(|&row| on(number, row, term_weight));
                    block.advance();
                }
            }
            postings_start.push(postings_end);
            Ok(())
        };
        each_posting(&mut |_, row, term_weight| {
            length[row as usize] += 1;
            sum[row as usize] += term_weight;
        })?;
        let mut start = Vec::with_capacity(rows.len() + 1);
        let mut total = 0usize;
        for &length in &length {
            start.push(total);
            total += length as usize;
        }
        start.push(total);
        let mut term = vec![0u32; total];
        let mut next = start.clone();
        each_posting(&mut |number, row, _| {
            term[next[row as usize]] = number;
            next[row as usize] += 1;
        })?;
        let scale = sum.iter().map(|&sum| scale_of(sum)).collect();
        Ok(TextIndex {
            field,
            postings,
            weight,
            document_frequency,
            postings_start,
            start,
            term,
            scale,
            budget,
        })
    }

    pub fn query_row(&self, row: u32) -> TextQuery<'_> {
        TextQuery { terms: self.terms_of(row).into(), scale: self.scale[row as usize], useful_from: 2 }
    }

    pub fn query_name(&self, parsed: &ParsedName) -> Result<TextQuery<'static>, RetrieveError> {
        let failed = RetrieveError::text::<std::io::Error>("looking up a term");
        let joined = joined_terms(parsed, &mut Terms::default());
        let mut terms = Vec::new();
        let mut sum = 0.0;
        for text in joined.split(SEPARATOR).filter(|text| !text.is_empty()) {
            let known = Term::from_field_text(self.field, text);
            match self.postings.terms().term_ord(known.serialized_value_bytes()).map_err(&failed)? {
                Some(number) => {
                    terms.push(number as u32);
                    sum += self.weight[number as usize];
                }
                None => sum += class_weight(text.as_bytes()[0]) * idf(self.scale.len(), 1),
            }
        }
        terms.sort_unstable();
        Ok(TextQuery { terms: terms.into(), scale: scale_of(sum), useful_from: 1 })
    }

    /// Shared weight over the geometric mean of both sides, 0..=1. Symmetric to the last bit.
    pub fn similarity(&self, query: &TextQuery, row: u32) -> f32 {
        let (mut a, mut b) = (&query.terms[..], self.terms_of(row));
        let mut shared = 0.0f32;
        while let (Some(&x), Some(&y)) = (a.first(), b.first()) {
            if x == y {
                shared += self.weight[x as usize];
            }
            if x <= y {
                a = &a[1..];
            }
            if y <= x {
                b = &b[1..];
            }
        }
        shared * (query.scale * self.scale[row as usize])
    }

    pub fn scratch(&self, shards: usize, k: usize) -> Scratch {
        Scratch {
            sums: vec![0.0; self.scale.len()],
            touched: Vec::new(),
            by_rarity: Vec::new(),
            postings: BlockSegmentPostings::empty(),
            tops: (0..shards).map(|_| Top::new((k * SPARE).max(SPARE_MIN))).collect(),
        }
    }

    /// The `k` best rows of every shard, best first; rows of `node` are left out.
    pub fn search(
        &self,
        query: &TextQuery,
        node: Option<u32>,
        rows: &Rows,
        k: usize,
        scratch: &mut Scratch,
    ) -> Result<Vec<Vec<Scored>>, RetrieveError> {
        let failed = RetrieveError::text::<std::io::Error>("reading postings");
        let Scratch { sums, touched, by_rarity, postings, tops } = scratch;
        by_rarity.clear();
        by_rarity.extend(
            query.terms.iter().filter(|&&term| self.document_frequency[term as usize] >= query.useful_from),
        );
        by_rarity.sort_unstable_by_key(|&term| (self.document_frequency[term as usize], term));
        let mut used = 0;
        for &term in by_rarity.iter() {
            used += self.document_frequency[term as usize] as usize;
            if used > self.budget && !touched.is_empty() {
                break;
            }
            let weight = self.weight[term as usize];
            let info = self.term_info(term);
            self.postings.reset_block_postings_from_terminfo(&info, postings).map_err(&failed)?;
            loop {
                let docs = postings.docs();
                if docs.is_empty() {
                    break;
                }
                for &row in docs {
                    let sum = &mut sums[row as usize];
                    if *sum == 0.0 {
                        touched.push(row);
                    }
                    *sum += weight;
                }
                postings.advance();
            }
        }
        let own_shard = rows.own_shard(node);
        for row in touched.drain(..) {
            let sum = std::mem::take(&mut sums[row as usize]);
            let shard = rows.shard[row as usize];
            if Some(shard) != own_shard && (!rows.mixed || Some(rows.node[row as usize]) != node) {
                tops[usize::from(shard)].offer(sum * self.scale[row as usize], row);
            }
        }
        Ok(tops
            .iter_mut()
            .map(|top| {
                let mut best = top.take();
                best.iter_mut().for_each(|found| found.score = self.similarity(query, found.row));
                best.sort_unstable_by(Scored::order);
                best.truncate(k);
                best
            })
            .collect())
    }

    fn term_info(&self, term: u32) -> TermInfo {
        let term = term as usize;
        TermInfo {
            doc_freq: self.document_frequency[term],
            postings_range: self.postings_start[term]..self.postings_start[term + 1],
            positions_range: 0..0,
        }
    }

    fn terms_of(&self, row: u32) -> &[u32] {
        &self.term[self.start[row as usize]..self.start[row as usize + 1]]
    }
}

/// BM25's idf in Lucene's form, which is never negative, with a steeper slope: in names the rare word decides more than
/// in prose (recall@10 of the fused list on coatings-erp: .980 with the plain idf, .995 at a power of 1.5 to 2).
pub(crate) fn idf(documents: usize, document_frequency: u32) -> f32 {
    const STEEPNESS: f32 = 1.75;
    let (n, df) = (documents as f32, document_frequency as f32);
    (1.0 + (n - df + 0.5) / (df + 0.5)).ln().powf(STEEPNESS)
}

pub(crate) fn scale_of(sum: f32) -> f32 {
    if sum > 0.0 { 1.0 / sum.sqrt() } else { 0.0 }
}

/// One segment in memory whose document numbers are row numbers.
fn write_index(rows: &Rows, parsed: &[ParsedName]) -> Result<(Index, Field), RetrieveError> {
    let failed = RetrieveError::text::<tantivy::TantivyError>("building the index");
    let mut schema = Schema::builder();
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(SplitTokenizer::NAME)
        .set_index_option(IndexRecordOption::Basic)
        .set_fieldnorms(false);
    let field = schema.add_text_field("terms", TextOptions::default().set_indexing_options(indexing));
    let tokenizers = TokenizerManager::default();
    tokenizers.register(SplitTokenizer::NAME, TextAnalyzer::from(SplitTokenizer::default()));
    let memory = 256 << 20; // a hint only: this writer makes one segment whatever it says
    let mut writer = Index::builder()
        .schema(schema.build())
        .tokenizers(tokenizers)
        .single_segment_index_writer::<TantivyDocument>(RamDirectory::create(), memory)
        .map_err(&failed)?;
    for chunk in rows.record.chunks(BUILD_CHUNK) {
        let texts: Vec<String> = chunk
            .par_iter()
            .map_init(Terms::default, |terms, &record| joined_terms(&parsed[record as usize], terms))
            .collect();
        for text in texts {
            let mut document = TantivyDocument::default();
            document.add_text(field, text);
            writer.add_document(document).map_err(&failed)?;
        }
    }
    Ok((writer.finalize().map_err(&failed)?, field))
}

/// Splits at [`SEPARATOR`]: the terms were made beforehand.
#[derive(Clone, Default)]
struct SplitTokenizer {
    token: Token,
}

impl SplitTokenizer {
    const NAME: &'static str = "split";
}

struct SplitStream<'a> {
    rest: Option<&'a str>,
    token: &'a mut Token,
}

impl Tokenizer for SplitTokenizer {
    type TokenStream<'a> = SplitStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> SplitStream<'a> {
        self.token.reset();
        SplitStream { rest: (!text.is_empty()).then_some(text), token: &mut self.token }
    }
}

impl TokenStream for SplitStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(rest) = self.rest else { return false };
        let (text, rest) = match rest.split_once(SEPARATOR) {
            Some((text, rest)) => (text, Some(rest)),
            None => (rest, None),
        };
        self.rest = rest;
        self.token.position = self.token.position.wrapping_add(1);
        self.token.text.clear();
        self.token.text.push_str(text);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
