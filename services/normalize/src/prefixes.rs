//! Amounts whose unit stands in front of the number: `DN20`, `M6x20`, `φ25`, `stage 3`, `pack of 6`, `SPF50`.

use crate::context::{Context, Topic};
use crate::numerals;
use crate::quantities::{Reading, Stated, StatedKind};
use domain::{Dimension, Pack, Quantity};
use smol_str::SmolStr;

/// Reads a prefixed amount at `at` (a word boundary); returns its end.
pub(crate) fn read(text: &str, at: usize, context: &Context, reading: &mut Reading) -> Option<usize> {
    let rest = &text[at..];
    for prefix in PACKS {
        if let Some(tail) = rest.strip_prefix(prefix) {
            return pack(text, at, tail, reading);
        }
    }
    if let Some(end) = battery(text, at, context, reading) {
        return Some(end);
    }
    let (prefix, dimension) = AMOUNTS
        .iter()
        .find(|(prefix, dimension)| rest.starts_with(prefix) && allowed(*dimension, rest, prefix, context))?;
    let tail = rest[prefix.len()..].trim_start_matches([' ', '.']);
    let number = numerals::digits(tail)?;
    let end = text.len() - tail.len() + number.len;
    let value = match *prefix {
        // Outer diameter of plastic pipe to its nominal one (GB/T 18742).
        "de" => nominal_of_outer(number.value)?,
        // The trade in PP-R pipe says dn of the outer diameter too.
        "dn" if text.contains("ppr") || text.contains("pp-r") => {
            nominal_of_outer(number.value).unwrap_or(number.value)
        }
        _ => number.value,
    };
    if *dimension == Dimension::Screw {
        return screw(text, at, end, value, context, reading);
    }
    if *dimension == Dimension::Voltage {
        let end = at + prefix.len() + supply(&rest[prefix.len()..])?;
        reading.quantities.push(Quantity::exact(Dimension::Voltage, number.value, &text[at..end]));
        reading.spans.push(Stated { start: at, end, kind: StatedKind::Quantity });
        return Some(end);
    }
    if text[end..].starts_with(|c: char| c.is_ascii_alphanumeric()) && *dimension != Dimension::Length {
        return None;
    }
    if *dimension == Dimension::Stage && !(1.0..=6.0).contains(&value) {
        return None;
    }
    let end = if *dimension == Dimension::Length && text[end..].starts_with("mm") { end + 2 } else { end };
    reading.quantities.push(Quantity::exact(*dimension, value, &text[at..end]));
    reading.spans.push(Stated { start: at, end, kind: StatedKind::Quantity });
    Some(end)
}

/// Battery sizes by their American and IEC names (IEC 60086): AA is 5号, AAA 7号.
fn battery(text: &str, at: usize, context: &Context, reading: &mut Reading) -> Option<usize> {
    const SIZES: &[(&str, f64)] =
        &[("aaa", 7.0), ("aa", 5.0), ("lr6", 5.0), ("lr03", 7.0), ("lr14", 2.0), ("lr20", 1.0)];
    if !context.has(Topic::Battery) {
        return None;
    }
    let (name, size) = SIZES.iter().find(|(name, _)| text[at..].starts_with(name))?;
    let end = at + name.len();
    if text[end..].starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    reading.quantities.push(Quantity::exact(Dimension::Size, *size, name));
    reading.spans.push(Stated { start: at, end, kind: StatedKind::Quantity });
    Some(end)
}

const PACKS: &[&str] = &["pack of ", "packs of ", "set of ", "box of ", "case of ", "bag of ", "packof"];

const AMOUNTS: &[(&str, Dimension)] = &[
    ("dn", Dimension::Pipe),
    ("de", Dimension::Pipe),
    ("φ", Dimension::Length),
    ("ø", Dimension::Length),
    ("∅", Dimension::Length),
    ("stage ", Dimension::Stage),
    ("step ", Dimension::Stage),
    ("series ", Dimension::Stage),
    ("ac", Dimension::Voltage),
    ("dc", Dimension::Voltage),
    ("m", Dimension::Screw),
];

/// Thread diameters of ISO 261, first choice and the common second ones.
const THREADS: &[f64] = &[
    1.6, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 22.0, 24.0, 27.0, 30.0,
    33.0, 36.0, 42.0, 48.0,
];

fn allowed(dimension: Dimension, rest: &str, prefix: &str, context: &Context) -> bool {
    let next = rest[prefix.len()..].trim_start_matches([' ', '.']);
    if !next.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    match dimension {
        Dimension::Pipe => prefix == "dn" || context.has(Topic::Pipe),
        Dimension::Stage => context.has(Topic::Formula),
        Dimension::Screw => rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit),
        Dimension::Voltage => supply(&rest[prefix.len()..]).is_some(),
        _ => true,
    }
}

/// The length of a supply voltage as relays, adapters and lamps state it: `AC220V`, `DC12`.
fn supply(behind: &str) -> Option<usize> {
    const VOLTAGES: [&str; 20] = [
        "3", "5", "6", "9", "12", "15", "18", "19", "24", "36", "48", "60", "72", "100", "110", "120", "220",
        "230", "240", "380",
    ];
    let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
    let end = digits + usize::from(behind[digits..].starts_with('v'));
    let ends = !behind[end..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.');
    (VOLTAGES.contains(&&behind[..digits]) && ends).then_some(end)
}

fn pack(text: &str, at: usize, tail: &str, reading: &mut Reading) -> Option<usize> {
    let number = numerals::digits(tail)?;
    if number.value.fract() != 0.0 || !(2.0..=9999.0).contains(&number.value) {
        return None;
    }
    let end = text.len() - tail.len() + number.len;
    reading.packs.push(Pack {
        count: number.value as u32,
        container: None,
        text: SmolStr::new(&text[at..end]),
    });
    reading.spans.push(Stated { start: at, end, kind: StatedKind::Pack });
    Some(end)
}

/// `m6`, `m6x20`, `m6*1.0*20`: a thread in the context of screws, or when a length follows.
fn screw(
    text: &str,
    at: usize,
    end: usize,
    value: f64,
    context: &Context,
    reading: &mut Reading,
) -> Option<usize> {
    if !THREADS.contains(&value) {
        return None;
    }
    let mut parts = Vec::new();
    let mut stop = end;
    while let Some(sign) = text[stop..].chars().next().filter(|c| matches!(c, 'x' | '*')) {
        let Some(number) = numerals::digits(&text[stop + sign.len_utf8()..]) else { break };
        stop += sign.len_utf8() + number.len;
        parts.push((number.value, stop));
    }
    if text[stop..].starts_with("mm") {
        stop += 2;
    }
    let ends = !text[stop..].starts_with(|c: char| c.is_ascii_alphanumeric());
    if !ends || (parts.is_empty() && !context.has(Topic::Screw)) {
        return None;
    }
    reading.quantities.push(Quantity::exact(Dimension::Screw, value, &text[at..end]));
    // The last number is the length; one between is the pitch.
    if let Some((length, part_end)) = parts.last() {
        reading.quantities.push(Quantity::exact(Dimension::Length, *length, &text[at..*part_end]));
    }
    reading.spans.push(Stated { start: at, end: stop, kind: StatedKind::Quantity });
    Some(stop)
}

/// Nominal diameter (mm) of a pipe given in inches, where trade uses that size.
pub(crate) fn nominal_diameter(inches: f64) -> Option<f64> {
    const SIZES: &[(f64, f64)] = &[
        (0.25, 8.0),
        (0.375, 10.0),
        (0.5, 15.0),
        (0.75, 20.0),
        (1.0, 25.0),
        (1.2, 32.0),
        (1.25, 32.0),
        (1.5, 40.0),
        (2.0, 50.0),
        (2.5, 65.0),
        (3.0, 80.0),
        (4.0, 100.0),
        (5.0, 125.0),
        (6.0, 150.0),
        (8.0, 200.0),
    ];
    SIZES.iter().find(|(size, _)| (size - inches).abs() < 1e-9).map(|(_, diameter)| *diameter)
}

fn nominal_of_outer(outer: f64) -> Option<f64> {
    const SIZES: &[(f64, f64)] = &[
        (20.0, 15.0),
        (25.0, 20.0),
        (32.0, 25.0),
        (40.0, 32.0),
        (50.0, 40.0),
        (63.0, 50.0),
        (75.0, 65.0),
        (90.0, 80.0),
        (110.0, 100.0),
        (160.0, 150.0),
        (200.0, 200.0),
    ];
    SIZES.iter().find(|(size, _)| *size == outer).map(|(_, diameter)| *diameter)
}
