//! The room from outside: what is proposed, and that it hangs on nothing but the records.
#![allow(clippy::unwrap_used)] // in the helpers too, which clippy does not count as tests

use domain::{Gtin, ParsedName};
use ndarray::Array2;
use retrieve::{Candidate, Channels, Evening, Index, Options, Probe, RetrieveError};
use std::collections::{HashMap, HashSet};

/// A repeatable stream of numbers (splitmix64), so that the tests need no seed and no crate.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// About normal: mean 0, variance 1.
    fn gaussian(&mut self) -> f32 {
        (0..12).map(|_| (self.next() >> 40) as f32 / (1u64 << 24) as f32).sum::<f32>() - 6.0
    }
}

fn name(text: &str) -> ParsedName {
    ParsedName {
        canonical: text.to_owned(),
        folded: text.to_owned(),
        residual: text.to_owned(),
        ..ParsedName::default()
    }
}

struct Records {
    nodes: Vec<u32>,
    parsed: Vec<ParsedName>,
    vectors: Array2<f32>,
}

impl Records {
    fn index(&self, options: &Options) -> Index {
        Index::build(&self.nodes, &self.parsed, self.vectors.view(), options).unwrap()
    }

    fn reordered(&self, order: &[usize]) -> Records {
        Records {
            nodes: order.iter().map(|&at| self.nodes[at]).collect(),
            parsed: order.iter().map(|&at| self.parsed[at].clone()).collect(),
            vectors: self.vectors.select(ndarray::Axis(0), order),
        }
    }
}

/// Names of three words and vectors around `clusters` centres; every name occurs once.
fn synthetic(count: usize, nodes: usize, clusters: usize, dim: usize) -> Records {
    let mut random = Random(7);
    let centres: Vec<Vec<f32>> =
        (0..clusters).map(|_| (0..dim).map(|_| random.gaussian()).collect()).collect();
    let mut vectors = Array2::zeros((count, dim));
    let mut parsed = Vec::new();
    let mut node_of = Vec::new();
    for row in 0..count {
        let cluster = random.below(clusters);
        for (at, value) in vectors.row_mut(row).iter_mut().enumerate() {
            *value = centres[cluster][at] + 0.7 * random.gaussian();
        }
        let letters = |number: usize| -> String {
            number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
        };
        parsed.push(name(&format!(
            "kind{} sort{} item{}",
            letters(cluster),
            letters(random.below(50)),
            letters(row)
        )));
        node_of.push(random.below(nodes) as u32);
    }
    Evening::of(&vectors).apply(&mut vectors);
    Records { nodes: node_of, parsed, vectors }
}

fn pairs(candidates: &[Candidate]) -> Vec<(u32, u32)> {
    candidates.iter().map(|pair| (pair.left, pair.right)).collect()
}

#[test]
fn each_channel_proposes_and_says_so() {
    let gtin = Gtin::parse("6901028137416");
    let records = Records {
        nodes: vec![0, 0, 0, 1, 1, 1],
        parsed: vec![
            ParsedName { gtin, ..name("aaa") },
            name("绍兴黄酒礼盒"),
            name("cola"),
            ParsedName { gtin, ..name("bbb") },
            name("黄酒礼盒"),
            name("可乐"),
        ],
        // only the colas have alike vectors
        vectors: ndarray::arr2(&[
            [1., 0., 0., 0., 0., 0.],
            [0., 1., 0., 0., 0., 0.],
            [0., 0., 1., 0., 0., 0.],
            [0., 0., 0., 1., 0., 0.],
            [0., 0., 0., 0., 1., 0.],
            [0., 0., 0.8, 0., 0., 0.6],
        ]),
    };
    let options = Options { vector: 1, ..Options::default() };
    let candidates = records.index(&options).candidates().unwrap();
    for (left, right, channel) in [(0, 3, Channels::EXACT), (1, 4, Channels::TEXT), (2, 5, Channels::VECTOR)]
    {
        let found = candidates.iter().find(|pair| (pair.left, pair.right) == (left, right));
        assert!(found.is_some_and(|pair| pair.channels.has(channel)), "{left}-{right}: {found:?}");
    }
    let cola = candidates.iter().find(|pair| (pair.left, pair.right) == (2, 5)).unwrap();
    assert!((cola.cosine - 0.8).abs() < 0.01, "{cola:?}");
    assert_eq!((cola.vector_rank, cola.text_rank, cola.fused_rank), ([1, 1], [0, 0], [1, 1]));
    assert!(candidates.is_sorted_by(|a, b| (a.left, a.right) < (b.left, b.right)));
}

#[test]
fn never_the_own_node_and_lists_are_bounded() {
    for nodes in [1, 2, 5, 16, 40] {
        let records = synthetic(600, nodes, 8, 16);
        for exact_rows in [0, 1000] {
            let options = Options { exact_rows, ..Options::default() };
            let candidates = records.index(&options).candidates().unwrap();
            let pairs = pairs(&candidates);
            assert!(
                pairs.iter().all(|&(a, b)| a < b && records.nodes[a as usize] != records.nodes[b as usize])
            );
            assert_eq!(pairs.iter().collect::<HashSet<_>>().len(), pairs.len(), "each pair once");
            assert!(candidates.iter().all(|pair| pair.fused_rank.iter().all(|&rank| rank <= 16)));
            assert_eq!(pairs.is_empty(), nodes == 1);
        }
    }
}

#[test]
fn the_same_for_any_thread_count_and_order() {
    let records = synthetic(900, 3, 10, 16);
    let options = Options { exact_rows: 0, ..Options::default() };
    let expected = records.index(&options).candidates().unwrap();
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(
            pool.install(|| records.index(&options).candidates().unwrap()),
            expected,
            "{threads} threads"
        );
    }

    // No two of these names are equal, so even the caller's order does not matter.
    let mut order: Vec<usize> = (0..900).collect();
    let mut random = Random(3);
    (1..900).rev().for_each(|at| order.swap(at, random.below(at + 1)));
    let shuffled = records.reordered(&order).index(&options).candidates().unwrap();
    let mut back: Vec<Candidate> = shuffled
        .into_iter()
        .map(|mut pair| {
            (pair.left, pair.right) = (order[pair.left as usize] as u32, order[pair.right as usize] as u32);
            if pair.left > pair.right {
                std::mem::swap(&mut pair.left, &mut pair.right);
                for rank in [&mut pair.text_rank, &mut pair.vector_rank, &mut pair.fused_rank] {
                    rank.reverse();
                }
            }
            pair
        })
        .collect();
    back.sort_by_key(|pair| (pair.left, pair.right));
    assert_eq!(back, expected);
}

#[test]
fn grouped_vectors_find_what_exact_search_finds() {
    let records = synthetic(6000, 2, 60, 64);
    let lists = |exact_rows: usize| {
        let options = Options { exact_rows, text: 0, exact: 0, ..Options::default() };
        let mut lists: HashMap<u32, HashSet<u32>> = HashMap::new();
        for pair in records.index(&options).candidates().unwrap() {
            if pair.vector_rank[0] > 0 {
                lists.entry(pair.left).or_default().insert(pair.right);
            }
            if pair.vector_rank[1] > 0 {
                lists.entry(pair.right).or_default().insert(pair.left);
            }
        }
        lists
    };
    let (oracle, grouped) = (lists(usize::MAX), lists(0));
    assert!(oracle.values().all(|list| list.len() == 12));
    let found: usize = oracle.iter().map(|(row, list)| list.intersection(&grouped[row]).count()).sum();
    let recall = found as f64 / (12 * oracle.len()) as f64;
    assert!(recall >= 0.97, "recall {recall}");
}

#[test]
fn one_name_is_searched_as_all_are() {
    let records = synthetic(500, 3, 10, 16);
    for exact_rows in [0, 1000] {
        let index = records.index(&Options { exact_rows, ..Options::default() });
        let candidates = index.candidates().unwrap();
        for record in [0usize, 77, 499] {
            let vector = records.vectors.row(record);
            let probe = Probe { node: Some(records.nodes[record]), parsed: &records.parsed[record], vector };
            let hits = index.search(&probe).unwrap();
            let of_all = candidates.iter().filter_map(|pair| {
                let side = usize::from(pair.right as usize == record);
                let other = if side == 0 { pair.right } else { pair.left };
                let asked = pair.left as usize == record || pair.right as usize == record;
                (asked && pair.fused_rank[side] > 0).then_some((other, pair.fused_rank[side]))
            });
            let expected: HashSet<(u32, u8)> = of_all.collect();
            let found: HashSet<(u32, u8)> = hits.iter().map(|hit| (hit.record, hit.fused_rank)).collect();
            assert_eq!(found, expected, "record {record}");
        }
    }
}

#[test]
fn an_unknown_name_is_answered_too() {
    let mut records = synthetic(50, 2, 3, 8);
    let evening = Evening::of(&records.vectors);
    evening.apply(&mut records.vectors);
    let index = records.index(&Options { keep: 50, ..Options::default() });
    let mut vector = Array2::ones((1, 8));
    evening.apply(&mut vector);
    let parsed = name("itema nobody knows 可乐");
    let hits = index.search(&Probe { node: None, parsed: &parsed, vector: vector.row(0) }).unwrap();
    // `itema` stands in record 0 alone: a word of one record is of use to a name from outside
    assert!(hits.iter().any(|hit| hit.record == 0 && hit.text_rank == 1), "{hits:?}");

    let empty = name("");
    assert!(index.search(&Probe { node: None, parsed: &empty, vector: vector.row(0) }).is_ok());
    let short = Array2::ones((1, 3));
    let error = index.search(&Probe { node: None, parsed: &empty, vector: short.row(0) }).unwrap_err();
    assert!(matches!(error, RetrieveError::Dimension { expected: 8, found: 3 }));
}

#[test]
fn odd_inputs() {
    let none = Records { nodes: vec![], parsed: vec![], vectors: Array2::zeros((0, 8)) };
    assert!(none.index(&Options::default()).candidates().unwrap().is_empty());
    let blank = Records {
        nodes: vec![0, 1, 1],
        parsed: vec![name(""), name(""), name("")],
        vectors: Array2::zeros((3, 8)),
    };
    assert!(blank.index(&Options::default()).candidates().unwrap().len() <= 2);
    let error = Index::build(&[0], &[], Array2::zeros((1, 8)).view(), &Options::default()).err().unwrap();
    assert!(error.to_string().contains("1 nodes, 0 names and 1 vectors"), "{error}");
}

fn close_pairs(hits: Vec<(u32, Vec<retrieve::Hit>)>) -> HashSet<(u32, u32)> {
    let pair = |a: u32, b: u32| (a.min(b), a.max(b));
    hits.iter().flat_map(|(row, hits)| hits.iter().map(move |hit| pair(*row, hit.record))).collect()
}

#[test]
fn a_live_index_finds_what_the_index_finds_and_follows_changes() {
    let records = synthetic(1_500, 4, 60, 24);
    let options = Options::default();
    let all = |live: &retrieve::LiveIndex, rows: &[u32]| {
        close_pairs(rows.iter().map(|row| (*row, live.search_row(*row))).collect())
    };
    let expected: HashSet<(u32, u32)> =
        records.index(&options).candidates().unwrap().iter().map(|c| (c.left, c.right)).collect();
    let whole = retrieve::LiveIndex::build(&records.nodes, &records.parsed, records.vectors.view(), &options);
    let rows: Vec<u32> = (0..1_500).collect();
    let found = all(&whole, &rows);
    let missed = expected.symmetric_difference(&found).count();
    // Rounding of the last bit may turn two of equal score.
    assert!(missed * 1_000 <= expected.len(), "{missed} of {} differ", expected.len());

    // Every third record goes and comes again: the same pairs under new numbers.
    let mut live =
        retrieve::LiveIndex::build(&records.nodes, &records.parsed, records.vectors.view(), &options);
    let mut row_of = rows.clone();
    for row in (0..1_500usize).step_by(3) {
        live.remove(row as u32);
        row_of[row] = live.insert(records.nodes[row], &records.parsed[row], records.vectors.row(row));
    }
    assert_eq!((live.len(), live.rows()), (1_500, 2_000));
    let record_of: HashMap<u32, u32> = row_of.iter().zip(0..).map(|(row, record)| (*row, record)).collect();
    let again: HashSet<(u32, u32)> = all(&live, &row_of)
        .into_iter()
        .map(|(a, b)| {
            let (a, b) = (record_of[&a], record_of[&b]);
            (a.min(b), a.max(b))
        })
        .collect();
    let differing = found.symmetric_difference(&again).count();
    assert!(differing * 50 <= found.len(), "{differing} of {} differ", found.len());
}
