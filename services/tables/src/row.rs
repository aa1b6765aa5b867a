//! Cells to one [`LocalSku`], with the checks that every format shares.

use crate::columns::{Field, Layout};
use crate::{MAX_FIELD_BYTES, Reason};
use domain::{LocalSku, SkuKey};
use std::borrow::Cow;

/// A cell's text without outer blanks; `None` when nothing visible is left, so that a cell of zero-width marks is
/// empty too.
pub(crate) fn visible(text: &str) -> Option<&str> {
    let text = text.trim();
    let shows = |c: char| !(c.is_whitespace() || c.is_control() || is_invisible(c));
    text.chars().any(shows).then_some(text)
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A price cell: currency marks and thousands separators are dropped. `None` where no positive number is left: prices
/// are compared as ratios, and a 0 in a price list means "not given".
pub(crate) fn price(text: &str) -> Option<f64> {
    let digits: String = text.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | '-')).collect();
    let odd =
        |c: &char| !(c.is_ascii_digit() || c.is_whitespace() || ".,-¥￥$€£元円HKRMBCNYUSD".contains(*c));
    if text.chars().any(|c| odd(&c)) {
        return None;
    }
    digits.parse::<f64>().ok().filter(|p| p.is_finite() && *p > 0.0)
}

/// Every cell is text of a sane length.
pub(crate) fn check_cells(header: &[String], cells: &[Cow<'_, str>]) -> Result<(), Reason> {
    if cells.len() != header.len() {
        return Err(Reason::FieldCount { found: cells.len(), expected: header.len() });
    }
    for (column, cell) in header.iter().zip(cells) {
        if cell.len() > MAX_FIELD_BYTES {
            return Err(Reason::TooLong { column: column.clone(), bytes: cell.len() });
        }
        if cell.contains('\0') {
            return Err(Reason::InvalidBytes { column: column.clone() });
        }
    }
    Ok(())
}

/// A record out of checked cells. `node` and `sku` stand where the file gives none of its own.
pub(crate) fn sku_of(
    layout: &Layout,
    cells: &[Cow<'_, str>],
    node: Option<&str>,
    sku: Option<&str>,
    label: impl Fn(Field) -> String,
) -> Result<LocalSku, Reason> {
    let cell = |field| layout.column(field).and_then(|i| cells.get(i)).and_then(|c| visible(c));
    let text = |field| cell(field).map(str::to_owned);
    let missing = |field| Reason::Missing { field: label(field) };
    let node = node.or_else(|| cell(Field::Node)).ok_or_else(|| missing(Field::Node))?;
    let sku = cell(Field::Sku).or(sku).ok_or_else(|| missing(Field::Sku))?;
    let name = text(Field::Name).ok_or_else(|| missing(Field::Name))?;
    Ok(LocalSku {
        key: SkuKey::new(node, sku),
        name,
        brand: text(Field::Brand),
        spec: text(Field::Spec).or_else(|| text(Field::Model)),
        unit: text(Field::Unit),
        category: text(Field::Category),
        gtin: text(Field::Gtin),
        description: text(Field::Description),
        price: cell(Field::Price).and_then(price),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices() {
        for (text, expected) in [
            ("$399.00", Some(399.0)),
            ("¥1,299.5元", Some(1299.5)),
            ("12", Some(12.0)),
            ("0", None),
            ("-3", None),
            ("3-5", None),
            ("about 3", None),
            ("", None),
        ] {
            assert_eq!(price(text), expected, "{text}");
        }
    }

    #[test]
    fn what_nobody_can_see_is_empty() {
        for (text, expected) in
            [(" a ", Some("a")), ("\u{3000}", None), ("\u{200b}\u{feff}", None), ("🍎", Some("🍎"))]
        {
            assert_eq!(visible(text), expected, "{text:?}");
        }
    }
}
