//! The policies that hold, and what they make of a pair.

use domain::{Activity, Confidence, Eyes, NodeId, Policy, PolicyScope, Zone, ZonePolicy};
use rustc_hash::FxHashMap;

/// What holds for a pair; the built-in defaults as version 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    pub zones: ZonePolicy,
    pub group_mean: Confidence,
    pub eyes: Eyes,
    pub version: i64,
}

impl Default for Rules {
    fn default() -> Self {
        let group_mean = Confidence::saturating(0.6);
        Rules { zones: ZonePolicy::default(), group_mean, eyes: Eyes::Two, version: 0 }
    }
}

impl From<&Policy> for Rules {
    fn from(policy: &Policy) -> Self {
        Rules {
            zones: policy.zones,
            group_mean: policy.group_mean,
            eyes: policy.eyes,
            version: policy.number,
        }
    }
}

/// All policies that hold.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    active: FxHashMap<PolicyScope, Policy>,
}

impl Policies {
    pub(crate) fn apply(&mut self, policy: &Policy) {
        match policy.activity {
            Activity::Active => {
                self.active.insert(policy.scope.clone(), policy.clone());
            }
            Activity::Inactive => {
                self.active.retain(|_, held| held.scope != policy.scope || held.number != policy.number);
            }
        }
    }

    pub fn global(&self) -> Rules {
        self.active.get(&PolicyScope::Global).map(Rules::from).unwrap_or_default()
    }

    /// The zones of every policy that holds, and of the defaults.
    pub fn all_zones(&self) -> Vec<ZonePolicy> {
        let held = self.active.values().map(|policy| policy.zones);
        held.chain([Rules::default().zones]).collect()
    }

    /// The narrowest that covers a pair: node pair, then category, then global.
    pub fn resolve(&self, nodes: [&NodeId; 2], categories: [Option<&str>; 2]) -> Option<&Policy> {
        if self.active.is_empty() {
            return None;
        }
        let pair = PolicyScope::pair(nodes[0].clone(), nodes[1].clone());
        let category = |category: Option<&str>| {
            category.and_then(|category| self.active.get(&PolicyScope::Category(category.to_owned())))
        };
        (self.active.get(&pair))
            .or_else(|| category(categories[0]))
            .or_else(|| category(categories[1]))
            .or_else(|| self.active.get(&PolicyScope::Global))
    }

    pub fn rules(&self, nodes: [&NodeId; 2], categories: [Option<&str>; 2]) -> Rules {
        self.resolve(nodes, categories).map(Rules::from).unwrap_or_default()
    }
}

impl Rules {
    /// A stated contradiction is never linked, and not worth a question.
    pub fn zone(&self, confidence: Confidence, vetoed: bool) -> Zone {
        if vetoed { Zone::Reject } else { self.zones.zone(confidence) }
    }

    pub(crate) fn as_policy(&self) -> Policy {
        Policy {
            scope: PolicyScope::Global,
            number: self.version,
            zones: self.zones,
            group_mean: self.group_mean,
            eyes: self.eyes,
            description: "built in".to_owned(),
            author: None,
            activity: Activity::Active,
        }
    }

    /// The confidence on the scale of `to`: in its zones where the original is in ours. Grouping knows one pair of
    /// thresholds.
    pub(crate) fn on_scale_of(&self, to: &Rules, confidence: f64) -> f64 {
        if self.zones == to.zones {
            return confidence;
        }
        let stops = |zones: &ZonePolicy| [0.0, zones.review.get(), zones.auto.get(), 1.0];
        let (from, to) = (stops(&self.zones), stops(&to.zones));
        let piece = (0..3).rev().find(|piece| confidence >= from[*piece]).unwrap_or(0);
        let width = from[piece + 1] - from[piece];
        let share = if width > 0.0 { (confidence - from[piece]) / width } else { 1.0 };
        to[piece] + share * (to[piece + 1] - to[piece])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(scope: PolicyScope, auto: f64, review: f64) -> Policy {
        Policy {
            scope,
            number: 1,
            zones: ZonePolicy { auto: Confidence::saturating(auto), review: Confidence::saturating(review) },
            group_mean: Confidence::saturating(0.6),
            eyes: Eyes::Two,
            description: String::new(),
            author: None,
            activity: Activity::Active,
        }
    }

    #[test]
    fn the_narrowest_policy_holds() {
        let (a, b, c) = (NodeId("a".into()), NodeId("b".into()), NodeId("c".into()));
        let mut policies = Policies::default();
        assert_eq!(policies.rules([&a, &b], [None, None]), Rules::default());
        policies.apply(&policy(PolicyScope::Global, 0.9, 0.2));
        policies.apply(&policy(PolicyScope::Category("酒".into()), 0.95, 0.3));
        policies.apply(&policy(PolicyScope::pair(b.clone(), a.clone()), 0.99, 0.4));
        let auto = |x, y, category| policies.rules([x, y], [None, category]).zones.auto.get();
        assert_eq!(auto(&a, &b, Some("酒")), 0.99);
        assert_eq!(auto(&a, &c, Some("酒")), 0.95);
        assert_eq!(auto(&a, &c, Some("茶")), 0.9);
    }

    #[test]
    fn another_scale_keeps_zones() {
        let strict = Rules::from(&policy(PolicyScope::Global, 0.99, 0.5));
        let usual = Rules::default();
        for confidence in [0.0, 0.1, 0.49, 0.5, 0.7, 0.98, 0.99, 1.0] {
            let moved = Confidence::saturating(strict.on_scale_of(&usual, confidence));
            assert_eq!(
                usual.zone(moved, false),
                strict.zone(Confidence::saturating(confidence), false),
                "{confidence}"
            );
        }
    }
}
