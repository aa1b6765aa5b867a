//! Why a pair got its confidence, as a tree for a person: what agreed, what differed, what was unknown, and how much
//! each weighed. [`Explanation::reason`] is the one-line form that files carry; it uses signs instead of words
//! (`=` agrees, `≠` differs, `~` partly, `?` stated on one side only), so it needs no language.

use crate::attributes::{self, Relation};
use crate::corpus::{Amount, Said, hash};
use crate::veto::{Veto, snake};
use domain::quantity::close;
use domain::{Dimension, ParsedName, Zone};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    En,
    Zh,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Agrees,
    /// One side says more than the other, or says it another way.
    Partly,
    Differs,
    /// Only one side says something.
    Unknown,
}

/// One compared statement: the leaf of the tree.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statement {
    /// `brand`, `volume`, `pack`, `flavour` …: names as in the evaluation and the lexicons.
    pub kind: String,
    pub verdict: Verdict,
    pub left: String,
    pub right: String,
}

/// A group of evidence with what it added to the log-odds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Branch {
    pub group: Group,
    /// Log-odds added (positive: speaks for "same"); 0 where the model cannot tell.
    pub weight: f32,
    pub statements: Vec<Statement>,
    /// (feature, value, log-odds added), largest effect first.
    pub features: Vec<(String, f32, f32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    Identity,
    Quantity,
    Pack,
    Code,
    Variant,
    Likeness,
    Standing,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    pub confidence: f64,
    pub zone: Zone,
    pub veto: Option<String>,
    pub branches: Vec<Branch>,
}

/// Everything that the two names state, compared kind by kind, in a fixed order.
pub fn statements(left: &ParsedName, right: &ParsedName) -> Vec<Statement> {
    let mut out = Vec::new();
    let mut push = |kind: &str, relation: Relation, l: String, r: String| {
        if l.is_empty() && r.is_empty() {
            return;
        }
        let verdict = match relation {
            Relation::Equal => Verdict::Agrees,
            Relation::Compatible => Verdict::Partly,
            Relation::Contradicts => Verdict::Differs,
            Relation::Unknown => Verdict::Unknown,
        };
        out.push(Statement { kind: kind.to_owned(), verdict, left: l, right: r });
    };
    let brand = |n: &ParsedName| n.brand.as_ref().map(|b| b.canonical.to_string()).unwrap_or_default();
    let head = |n: &ParsedName| n.head.as_ref().map(|h| h.to_string()).unwrap_or_default();
    let (l, r) = (brand(left), brand(right));
    let relation = match text_relation(&l, &r) {
        // As in the features: an owner and its brand, or a brand that the other name holds too.
        Relation::Contradicts
            if attributes::is_owned(hash(&l), hash(&r))
                || right.folded.contains(&l)
                || left.folded.contains(&r) =>
        {
            Relation::Compatible
        }
        found => found,
    };
    push("brand", relation, l, r);
    let (l, r) = (head(left), head(right));
    push("head", text_relation(&l, &r), l, r);
    let mut dimensions: Vec<_> =
        left.quantities.iter().chain(&right.quantities).map(|q| q.dimension).collect();
    dimensions.sort();
    dimensions.dedup();
    let has = |n: &ParsedName, dimension| n.quantities.iter().any(|q| q.dimension == dimension);
    // 43度 on one label, 43% on the other.
    let says = |own: &ParsedName, other: &ParsedName, dimension: Dimension| {
        let per_cent = has(other, Dimension::Alcohol)
            && !has(own, Dimension::Alcohol)
            && !has(other, Dimension::Percent);
        match dimension {
            Dimension::Alcohol if per_cent => Some(Dimension::Percent),
            Dimension::Percent if per_cent => None,
            found => Some(found),
        }
    };
    for dimension in dimensions {
        let of = |own: &ParsedName, other: &ParsedName| -> Vec<_> {
            let wanted = says(own, other, dimension);
            own.quantities.iter().filter(|q| Some(q.dimension) == wanted).cloned().collect()
        };
        let (a, b) = (of(left, right), of(right, left));
        let text = |q: &[domain::Quantity]| q.iter().map(|q| q.text.as_str()).collect::<Vec<_>>().join(" ");
        let total = |x: &[domain::Quantity], n: &ParsedName, y: &[domain::Quantity]| {
            x.iter()
                .any(|x| n.packs.iter().any(|p| y.iter().any(|y| close(x.low * f64::from(p.count), y.low))))
        };
        let amounts = |q: &[domain::Quantity]| q.iter().map(Amount::from).collect::<Vec<_>>();
        let relation = match attributes::amounts(&amounts(&a), &amounts(&b)).relation {
            Relation::Contradicts if total(&a, left, &b) || total(&b, right, &a) => Relation::Compatible,
            found => found,
        };
        push(&snake(&format!("{dimension:?}")), relation, text(&a), text(&b));
    }
    let packs = |n: &ParsedName| n.packs.iter().map(|p| p.text.as_str()).collect::<Vec<_>>().join(" ");
    let counts = |n: &ParsedName| n.packs.iter().map(|p| u64::from(p.count)).product::<u64>();
    let pack_relation = if left.packs.is_empty() || right.packs.is_empty() {
        Relation::Unknown
    } else if counts(left) == counts(right) {
        Relation::Equal
    } else if left.packs.iter().any(|p| right.packs.iter().any(|q| p.count == q.count)) {
        Relation::Compatible
    } else {
        Relation::Contradicts
    };
    push("pack", pack_relation, packs(left), packs(right));
    let codes = |n: &ParsedName| n.codes.iter().map(|c| c.as_str()).collect::<Vec<_>>().join(" ");
    let code_relation = set_relation(&left.codes, &right.codes);
    push("code", code_relation, codes(left), codes(right));
    let numbers = |n: &ParsedName| n.numbers.iter().map(|x| x.to_string()).collect::<Vec<_>>();
    let (a, b) = (numbers(left), numbers(right));
    push("number", set_relation(&a, &b), a.join(" "), b.join(" "));
    let mut kinds: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    for v in &left.variants {
        kinds.entry(&v.kind).or_default().0.push(&v.value);
    }
    for v in &right.variants {
        kinds.entry(&v.kind).or_default().1.push(&v.value);
    }
    for c in &left.claims {
        kinds.entry(&c.family).or_default().0.push(&c.value);
    }
    for c in &right.claims {
        kinds.entry(&c.family).or_default().1.push(&c.value);
    }
    for (kind, (a, b)) in kinds {
        // The same comparison that scores the pair.
        let said = |values: &[&str]| -> Vec<Said> {
            let mut said: Vec<_> =
                values.iter().map(|value| Said { kind: 0, value: (*value).into() }).collect();
            said.sort();
            said.dedup();
            said
        };
        push(kind, attributes::one_kind(&said(&a), &said(&b), 0), a.join(" "), b.join(" "));
    }
    out
}

fn text_relation(left: &str, right: &str) -> Relation {
    if left.is_empty() || right.is_empty() {
        Relation::Unknown
    } else if left == right {
        Relation::Equal
    } else if left.contains(right) || right.contains(left) {
        Relation::Compatible
    } else {
        Relation::Contradicts
    }
}

fn set_relation<T: PartialEq>(left: &[T], right: &[T]) -> Relation {
    if left.is_empty() || right.is_empty() {
        return Relation::Unknown;
    }
    let inside = |a: &[T], b: &[T]| a.iter().all(|x| b.contains(x));
    match (inside(left, right), inside(right, left)) {
        (true, true) => Relation::Equal,
        (false, false) => Relation::Contradicts,
        _ => Relation::Compatible,
    }
}

/// One line for files: vetoes first, then what differs, agrees, is partly so or unknown.
pub fn reason(left: &ParsedName, right: &ParsedName, veto: Option<Veto>) -> String {
    let mut out = String::new();
    if let Some(veto) = veto {
        let _ = write!(out, "veto:{}", veto.code());
    }
    let mut all = statements(left, right);
    all.retain(|s| s.kind != "head" || s.verdict == Verdict::Agrees);
    let order = |v: Verdict| match v {
        Verdict::Differs => 0,
        Verdict::Agrees => 1,
        Verdict::Partly => 2,
        Verdict::Unknown => 3,
    };
    all.sort_by_key(|s| order(s.verdict));
    for s in all {
        if !out.is_empty() {
            out.push_str("; ");
        }
        let _ = match s.verdict {
            Verdict::Agrees if s.left == s.right => write!(out, "{} {}", s.kind, s.left),
            Verdict::Agrees => write!(out, "{} {}={}", s.kind, s.left, s.right),
            Verdict::Partly => write!(out, "{} {}~{}", s.kind, s.left, s.right),
            Verdict::Differs => write!(out, "{} {}≠{}", s.kind, s.left, s.right),
            Verdict::Unknown => {
                write!(out, "{} {}?", s.kind, if s.left.is_empty() { s.right } else { s.left })
            }
        };
    }
    if out.is_empty() { "text only".into() } else { out }
}

fn group_of_kind(kind: &str) -> Group {
    match kind {
        "brand" | "head" => Group::Identity,
        "pack" => Group::Pack,
        "code" | "number" => Group::Code,
        _ if crate::veto::DIMENSIONS.iter().any(|d| snake(&format!("{d:?}")) == kind) => Group::Quantity,
        _ => Group::Variant,
    }
}

/// Which branch a feature belongs to.
pub fn group_of_feature(feature: &str) -> Group {
    match feature {
        "brand"
        | "brand_likeness"
        | "brand_one_sided_found"
        | "head"
        | "gtin"
        | "price_log_ratio"
        | "price_known" => Group::Identity,
        "mass"
        | "volume"
        | "length"
        | "electric"
        | "strength"
        | "stage"
        | "other_quantity"
        | "quantities_equal"
        | "quantities_contradict"
        | "quantity_log_ratio"
        | "number_names_quantity"
        | "mass_to_volume" => Group::Quantity,
        "pack"
        | "pack_log_ratio"
        | "pack_one_sided"
        | "pack_against_single"
        | "pack_against_unit"
        | "marks_differ"
        | "gift_differs"
        | "case_differs" => Group::Pack,
        "number_overlap"
        | "number_common"
        | "number_unmatched"
        | "all_number_overlap"
        | "code"
        | "code_rarity"
        | "code_unmatched"
        | "described_code"
        | "bare_number_differs" => Group::Code,
        "flavour"
        | "colour"
        | "size_word"
        | "edition"
        | "variants_equal"
        | "variants_contradict"
        | "variants_one_sided"
        | "variants_partly"
        | "claims_equal"
        | "claims_contradict"
        | "claims_one_sided"
        | "degree_one_sided"
        | "variant_unmatched_min"
        | "variant_unmatched_max" => Group::Variant,
        _ if crate::features::CONTEXT.contains(&feature) || crate::features::SECOND.contains(&feature) => {
            Group::Standing
        }
        _ => Group::Likeness,
    }
}

impl Explanation {
    /// `features` are (name, value, log-odds added).
    pub fn new(
        confidence: f64,
        zone: Zone,
        veto: Option<Veto>,
        left: &ParsedName,
        right: &ParsedName,
        features: Vec<(&str, f32, f32)>,
    ) -> Explanation {
        let mut branches: BTreeMap<Group, Branch> = BTreeMap::new();
        let empty = |group| Branch { group, weight: 0.0, statements: vec![], features: vec![] };
        for statement in statements(left, right) {
            let group = group_of_kind(&statement.kind);
            branches.entry(group).or_insert_with(|| empty(group)).statements.push(statement);
        }
        for (name, value, added) in features {
            let group = group_of_feature(name);
            let branch = branches.entry(group).or_insert_with(|| empty(group));
            branch.weight += added;
            branch.features.push((name.to_owned(), value, added));
        }
        for branch in branches.values_mut() {
            branch.features.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()).then(a.0.cmp(&b.0)));
        }
        Explanation {
            confidence,
            zone,
            veto: veto.map(Veto::code),
            branches: branches.into_values().collect(),
        }
    }

    /// The tree as indented lines.
    pub fn render(&self, language: Language) -> String {
        let zh = language == Language::Zh;
        let say = |en: &'static str, cn: &'static str| if zh { cn } else { en };
        let mut out = String::new();
        let zone = match self.zone {
            Zone::Auto => say("linked automatically", "自动关联"),
            Zone::Review => say("asked of a person", "待人工确认"),
            Zone::Reject => say("left apart", "不关联"),
        };
        let _ = writeln!(out, "{} {:.3} · {zone}", say("confidence", "置信度"), self.confidence);
        if let Some(veto) = &self.veto {
            let _ = writeln!(out, "{}: {veto}", say("veto (stated contradiction)", "否决（名称自相矛盾）"));
        }
        for branch in &self.branches {
            let group = match branch.group {
                Group::Identity => say("what it is", "是什么"),
                Group::Quantity => say("how much", "含量规格"),
                Group::Pack => say("pack", "包装"),
                Group::Code => say("codes and numbers", "型号与数字"),
                Group::Variant => say("variant", "口味颜色等"),
                Group::Likeness => say("likeness", "相似程度"),
                Group::Standing => say("among the candidates", "候选中的位置"),
            };
            let _ = writeln!(out, "├─ {group}  {:+.2}", branch.weight);
            for s in &branch.statements {
                let (sign, word) = match s.verdict {
                    Verdict::Agrees => ("=", say("agrees", "一致")),
                    Verdict::Partly => ("~", say("partly", "部分一致")),
                    Verdict::Differs => ("≠", say("differs", "不同")),
                    Verdict::Unknown => ("?", say("one side only", "仅一方写明")),
                };
                let side = |t: &str| if t.is_empty() { "—".to_owned() } else { t.to_owned() };
                let _ =
                    writeln!(out, "│  ├─ {} {} {sign} {}  ({word})", s.kind, side(&s.left), side(&s.right));
            }
            for (name, value, added) in branch.features.iter().filter(|f| f.2.abs() >= 0.05).take(4) {
                let _ = writeln!(out, "│  └─ {name} {value:.2}  {added:+.2}");
            }
        }
        out
    }
}
