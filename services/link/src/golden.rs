//! The golden record of a group: the values that stand for it, each with the record it came from (survivorship by
//! completeness, then by a stable order; a person's override comes before both).

use domain::{LocalSku, ParsedName, SkuKey};

#[derive(Clone, Debug, PartialEq)]
pub struct Sourced {
    pub value: String,
    pub source: SkuKey,
}

#[derive(Clone, Debug, PartialEq)]
pub struct GoldenRecord {
    pub name: Sourced,
    pub brand: Option<Sourced>,
    pub spec: Option<Sourced>,
}

/// How much a name states; more is better for a master's name.
fn completeness(name: &ParsedName) -> usize {
    let stated = name.quantities.len().min(2)
        + name.packs.len().min(1)
        + usize::from(name.brand.is_some())
        + usize::from(name.head.is_some())
        + name.variants.len().min(2)
        + name.codes.len().min(1);
    // A selling title says more words, not more: long names lose.
    let length = name.canonical.chars().count();
    stated * 4 - (stated * 4).min(length.saturating_sub(24) / 6)
}

/// `members` are (record, parsed) in stable order; at least one.
pub fn golden<'a>(members: impl Iterator<Item = (&'a LocalSku, &'a ParsedName)>) -> Option<GoldenRecord> {
    let members: Vec<_> = members.collect();
    let best = members.iter().rev().max_by_key(|(_, parsed)| completeness(parsed))?;
    let sourced =
        |record: &LocalSku, value: &str| Sourced { value: value.to_owned(), source: record.key.clone() };
    let first = |read: fn(&LocalSku) -> Option<&String>| {
        std::iter::once(best)
            .chain(&members)
            .find_map(|(record, _)| read(record).map(|value| sourced(record, value)))
    };
    Some(GoldenRecord {
        name: sourced(best.0, &best.0.name),
        brand: first(|r| r.brand.as_ref()),
        spec: first(|r| r.spec.as_ref()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Dimension, Quantity};

    #[test]
    fn the_name_that_states_most_stands_for_the_group() {
        let (short, full) = (LocalSku::named("a", "1", "可乐"), LocalSku::named("b", "2", "可口可乐500ml"));
        let parsed = ParsedName {
            quantities: vec![Quantity::exact(Dimension::Volume, 500.0, "500ml")],
            ..ParsedName::default()
        };
        let record = golden([(&short, &ParsedName::default()), (&full, &parsed)].into_iter()).unwrap();
        assert_eq!(record.name.value, "可口可乐500ml");
        assert_eq!(record.name.source, full.key);
    }
}
