//! Best-first grouping.
//!
//! Pairs are taken by falling confidence. A pair joins two groups when it is in the auto zone, nothing forbids it
//! (veto, cannot-link, two records of a node that holds a product once) and the two groups fit as wholes: no member
//! contradicts a member of the other, and the known pairs across them agree on average. What confidence alone would
//! have linked but the group forbids is left for a person.

use rustc_hash::{FxHashMap, FxHashSet};

/// A scored candidate; `left` and `right` are record indices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    pub left: u32,
    pub right: u32,
    pub confidence: f64,
    /// A stated contradiction: never linked by the machine.
    pub vetoed: bool,
}

/// What became of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Auto,
    Review,
    Reject,
}

/// Whether a node holds a product once or may list it several times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodePolicy {
    #[default]
    OnePerNode,
    Many,
}

#[derive(Clone, Debug)]
pub struct Policy {
    pub auto: f64,
    pub review: f64,
    /// Mean confidence that the known pairs across two groups must reach for the groups to be joined.
    pub group_mean: f64,
    /// By node index; nodes beyond the end are one-per-node.
    pub nodes: Vec<NodePolicy>,
}

impl Default for Policy {
    fn default() -> Self {
        Policy { auto: 0.85, review: 0.15, group_mean: 0.6, nodes: Vec::new() }
    }
}

/// A person's decisions: they outlive every run.
#[derive(Clone, Debug, Default)]
pub struct Constraints {
    pub must: Vec<(u32, u32)>,
    pub cannot: Vec<(u32, u32)>,
}

/// Answers for pairs that retrieval did not propose but a group would imply.
pub trait Judge {
    fn contradicts(&self, a: u32, b: u32) -> bool;
}

/// The groups, and what became of every pair, in the order of the pairs given.
#[derive(Clone, Debug, PartialEq)]
pub struct Groups {
    /// Group index of each record, dense, numbered by the smallest rank of their members.
    pub group_of: Vec<u32>,
    pub members: Vec<Vec<u32>>,
    pub decisions: Vec<Decision>,
}

struct State<'a> {
    parent: Vec<u32>,
    members: FxHashMap<u32, Vec<u32>>,
    known: FxHashMap<(u32, u32), f64>,
    cannot: FxHashSet<(u32, u32)>,
    policy: &'a Policy,
    judge: &'a dyn Judge,
}

fn key(a: u32, b: u32) -> (u32, u32) {
    (a.min(b), a.max(b))
}

impl State<'_> {
    fn root(&mut self, mut record: u32) -> u32 {
        while self.parent[record as usize] != record {
            let above = self.parent[self.parent[record as usize] as usize];
            self.parent[record as usize] = above;
            record = above;
        }
        record
    }

    fn members(&self, root: u32) -> Vec<u32> {
        self.members.get(&root).cloned().unwrap_or_else(|| vec![root])
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (a.min(b), a.max(b));
        let mut merged = self.members(a);
        merged.extend(self.members(b));
        self.members.remove(&b);
        self.members.insert(a, merged);
        self.parent[b as usize] = a;
    }

    fn fits(&self, a: &[u32], b: &[u32]) -> bool {
        let (mut sum, mut count) = (0.0, 0usize);
        for x in a {
            for y in b {
                if self.cannot.contains(&key(*x, *y)) || self.judge.contradicts(*x, *y) {
                    return false;
                }
                if let Some(confidence) = self.known.get(&key(*x, *y)) {
                    sum += confidence;
                    count += 1;
                }
            }
        }
        count > 0 && sum / count as f64 >= self.policy.group_mean
    }
}

/// Groups `records` records. `nodes[i]` is the node of record i; `rank[i]` its place in a stable order (by node and
/// SKU code), which breaks ties so that shuffled input gives the same groups.
pub fn group(
    nodes: &[u32],
    rank: &[u32],
    pairs: &[Pair],
    constraints: &Constraints,
    policy: &Policy,
    judge: &dyn Judge,
) -> Groups {
    let mut order: Vec<u32> = (0..pairs.len() as u32)
        .filter(|i| pairs[*i as usize].confidence >= policy.auto && !pairs[*i as usize].vetoed)
        .collect();
    let place = |pair: &Pair| key(rank[pair.left as usize], rank[pair.right as usize]);
    order.sort_by(|i, j| {
        let (a, b) = (&pairs[*i as usize], &pairs[*j as usize]);
        b.confidence.total_cmp(&a.confidence).then_with(|| place(a).cmp(&place(b)))
    });
    let linkable: FxHashSet<u32> =
        order.iter().flat_map(|i| [pairs[*i as usize].left, pairs[*i as usize].right]).collect();
    let mut state = State {
        parent: (0..nodes.len() as u32).collect(),
        members: FxHashMap::default(),
        // only pairs between records that may be linked at all are ever asked for
        known: pairs
            .iter()
            .filter(|p| linkable.contains(&p.left) && linkable.contains(&p.right))
            .map(|p| (key(p.left, p.right), p.confidence))
            .collect(),
        cannot: constraints.cannot.iter().map(|(a, b)| key(*a, *b)).collect(),
        policy,
        judge,
    };
    for (a, b) in &constraints.must {
        let (a, b) = (state.root(*a), state.root(*b));
        if a != b {
            state.join(a, b);
        }
    }
    for index in &order {
        let pair = &pairs[*index as usize];
        let (a, b) = (state.root(pair.left), state.root(pair.right));
        if a == b {
            continue;
        }
        let (of_a, of_b) = (state.members(a), state.members(b));
        if node_is_free(nodes, policy, &of_a, &of_b) && state.fits(&of_a, &of_b) {
            state.join(a, b);
        }
    }
    let (group_of, members) = number(&mut state, rank);
    let decisions = decide(nodes, pairs, &group_of, &members, constraints, policy);
    Groups { group_of, members, decisions }
}

/// What becomes of every pair under groups that are given.
pub fn decide(
    nodes: &[u32],
    pairs: &[Pair],
    group_of: &[u32],
    members: &[Vec<u32>],
    constraints: &Constraints,
    policy: &Policy,
) -> Vec<Decision> {
    let cannot: FxHashSet<(u32, u32)> = constraints.cannot.iter().map(|(a, b)| key(*a, *b)).collect();
    pairs
        .iter()
        .map(|pair| {
            let (a, b) = (group_of[pair.left as usize], group_of[pair.right as usize]);
            if a == b {
                // A pair inside a group is linked, also when the group rather than the pair decided it.
                return Decision::Auto;
            }
            if cannot.contains(&key(pair.left, pair.right)) || pair.vetoed || pair.confidence < policy.review
            {
                return Decision::Reject;
            }
            let free = node_is_free(nodes, policy, &members[a as usize], &members[b as usize]);
            // Where each side has found its partner already, a weaker rival is an answer, not a question.
            if free || pair.confidence >= policy.auto { Decision::Review } else { Decision::Reject }
        })
        .collect()
}

/// Whether the groups hold no node twice that holds a product once.
pub fn node_is_free(nodes: &[u32], policy: &Policy, a: &[u32], b: &[u32]) -> bool {
    a.iter().all(|x| {
        let node = nodes[*x as usize];
        let many = policy.nodes.get(node as usize).is_some_and(|p| *p == NodePolicy::Many);
        many || b.iter().all(|y| nodes[*y as usize] != node)
    })
}

fn number(state: &mut State<'_>, rank: &[u32]) -> (Vec<u32>, Vec<Vec<u32>>) {
    let mut records: Vec<u32> = (0..rank.len() as u32).collect();
    records.sort_by_key(|r| rank[*r as usize]);
    let mut index_of_root: FxHashMap<u32, u32> = FxHashMap::default();
    let mut group_of = vec![0; rank.len()];
    let mut members: Vec<Vec<u32>> = Vec::new();
    for record in records {
        let root = state.root(record);
        let index = *index_of_root.entry(root).or_insert_with(|| {
            members.push(Vec::new());
            members.len() as u32 - 1
        });
        group_of[record as usize] = index;
        members[index as usize].push(record);
    }
    (group_of, members)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Never;
    impl Judge for Never {
        fn contradicts(&self, _: u32, _: u32) -> bool {
            false
        }
    }

    struct Between(u32, u32);
    impl Judge for Between {
        fn contradicts(&self, a: u32, b: u32) -> bool {
            key(a, b) == key(self.0, self.1)
        }
    }

    fn pair(left: u32, right: u32, confidence: f64) -> Pair {
        Pair { left, right, confidence, vetoed: false }
    }

    fn check(nodes: &[u32], pairs: &[Pair], constraints: &Constraints, judge: &dyn Judge, expected: &[u32]) {
        let rank: Vec<u32> = (0..nodes.len() as u32).collect();
        let groups = group(nodes, &rank, pairs, constraints, &Policy::default(), judge);
        assert_eq!(groups.group_of, expected);
        let mut backwards = pairs.to_vec();
        backwards.reverse();
        assert_eq!(
            group(nodes, &rank, &backwards, constraints, &Policy::default(), judge).group_of,
            expected
        );
    }

    #[test]
    fn best_first_one_per_node() {
        let none = Constraints::default();
        check(&[0, 0, 1], &[pair(0, 2, 0.9), pair(1, 2, 0.95)], &none, &Never, &[0, 1, 1]);
        check(&[0, 1, 2], &[pair(0, 1, 0.9), pair(1, 2, 0.9), pair(0, 2, 0.9)], &none, &Never, &[0, 0, 0]);
    }

    #[test]
    fn a_chain_of_good_pairs_does_not_make_a_bad_group() {
        let none = Constraints::default();
        let chain = [pair(0, 1, 0.95), pair(1, 2, 0.9), pair(0, 2, 0.01)];
        check(&[0, 1, 2], &chain, &none, &Never, &[0, 0, 1]);
        let contradicting = [pair(0, 1, 0.95), pair(1, 2, 0.9)];
        check(&[0, 1, 2], &contradicting, &none, &Between(0, 2), &[0, 0, 1]);
    }

    #[test]
    fn a_persons_decision_wins() {
        let must = Constraints { must: vec![(0, 2)], cannot: vec![] };
        check(&[0, 0, 1], &[pair(0, 2, 0.2), pair(1, 2, 0.95)], &must, &Never, &[0, 1, 0]);
        let cannot = Constraints { must: vec![], cannot: vec![(1, 0)] };
        check(&[0, 1], &[pair(0, 1, 0.99)], &cannot, &Never, &[0, 1]);
    }

    #[test]
    fn vetoed_pairs_are_never_linked() {
        let vetoed = [Pair { vetoed: true, ..pair(0, 1, 0.99) }];
        check(&[0, 1], &vetoed, &Constraints::default(), &Never, &[0, 1]);
    }
}
