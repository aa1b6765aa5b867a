//! Model and part numbers, and numbers without a unit: what the Latin and digit runs of a name say once quantities are
//! taken out.

use smol_str::SmolStr;

/// One run of letters and digits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Run {
    /// Upper case, separators removed.
    Code(SmolStr),
    Number(f64),
    /// Letters only.
    Word,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) run: Run,
}

/// The run that begins at `at`, where a letter or digit of ASCII stands that continues none.
pub(crate) fn read(text: &str, at: usize) -> Found {
    let bytes = text.as_bytes();
    if let Some(found) = ral(text, at) {
        return found;
    }
    let hash_before = at > 0 && bytes[at - 1] == b'#';
    let simple_end = alnum_run(bytes, at);
    let joined_end = joined_run(bytes, at);
    let before_slash = text[at..joined_end].find('/').map_or(joined_end, |slash| at + slash);
    let end = [joined_end, before_slash]
        .into_iter()
        .find(|end| *end > simple_end && is_joined_code(&text[at..*end]))
        .unwrap_or(simple_end);
    let raw = &text[at..end];
    let (letters, digits) = census(raw);
    if digits == 0 {
        return Found { start: at, end, run: Run::Word };
    }
    if letters == 0 && end == simple_end {
        return number(text, at, end, hash_before || bytes.get(end) == Some(&b'#'));
    }
    if let Some(version) = version(text, at) {
        return version;
    }
    if let Some(value) = ordinal(raw) {
        return Found { start: at, end, run: Run::Number(value) };
    }
    // `4.3inch`-like leftovers and sizes such as 2xl are no model numbers.
    if is_size(raw) {
        return Found { start: at, end, run: Run::Word };
    }
    let plus = bytes.get(end) == Some(&b'+') && !bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric);
    let mut code = String::with_capacity(raw.len() + 1);
    code.extend(raw.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()));
    if plus {
        code.push('+');
    }
    Found { start: at, end: end + usize::from(plus), run: Run::Code(code.into()) }
}

/// Codes of a text that is read for nothing else (descriptions): letters mixed with digits, four characters or more.
pub(crate) fn in_description(text: &str, limit: usize) -> Vec<SmolStr> {
    let mut stop = text.len().min(limit);
    while !text.is_char_boundary(stop) {
        stop -= 1;
    }
    let lower = text[..stop].to_ascii_lowercase();
    let mut codes: Vec<SmolStr> = Vec::new();
    let mut at = 0;
    while at < lower.len() {
        if !lower.as_bytes()[at].is_ascii_alphanumeric() {
            at += 1;
            continue;
        }
        let found = read(&lower, at);
        if let Run::Code(code) = found.run
            && code.len() >= 4
            && !looks_like_amount(&code)
            && !codes.contains(&code)
        {
            codes.push(code);
        }
        at = found.end.max(at + 1);
    }
    codes
}

/// `100MB`, `10MM`: digits and then a short unit.
fn looks_like_amount(code: &str) -> bool {
    let letters = code.trim_start_matches(|c: char| c.is_ascii_digit());
    letters.len() < code.len()
        && matches!(
            letters,
            "MM" | "CM"
                | "KG"
                | "ML"
                | "GB"
                | "MB"
                | "TB"
                | "KB"
                | "HZ"
                | "GHZ"
                | "MHZ"
                | "KHZ"
                | "W"
                | "V"
                | "G"
                | "L"
                | "M"
                | "P"
                | "I"
                | "X"
                | "D"
                | "FT"
                | "IN"
                | "OZ"
                | "LB"
                | "LBS"
                | "DB"
                | "MAH"
                | "MP"
                | "PCS"
                | "MBPS"
                | "RPM"
                | "DPI"
                | "TH"
                | "ND"
                | "RD"
                | "ST"
                | "YEAR"
                | "WATT"
                | "WATTS"
                | "INCH"
                | "PACK"
        )
}

/// `RAL7036`, `ral 7036`, `RAL K7 7036`: one colour of the RAL Classic register.
fn ral(text: &str, at: usize) -> Option<Found> {
    let rest = text[at..].strip_prefix("ral")?;
    let rest = rest.trim_start_matches([' ', '-', '.']);
    let rest = rest.strip_prefix("k7").or_else(|| rest.strip_prefix("k5")).unwrap_or(rest);
    let rest = rest.trim_start_matches([' ', '-', '.']);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits != 4 {
        return None;
    }
    let end = text.len() - rest.len() + digits;
    let mut code = String::from("RAL");
    code.push_str(&rest[..digits]);
    Some(Found { start: at, end, run: Run::Code(code.into()) })
}

fn alnum_run(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric()).count()
}

/// Runs joined by single hyphens, slashes, dots or underscores.
fn joined_run(bytes: &[u8], at: usize) -> usize {
    let mut end = alnum_run(bytes, at);
    while end < bytes.len()
        && matches!(bytes[end], b'-' | b'/' | b'.' | b'_')
        && bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric)
    {
        end = alnum_run(bytes, end + 1);
    }
    end
}

/// Whether the joined parts are one code: `ps-lx350h`, `b0-105m2a`, `0w-20`, `md101ll/a`; not `10-disc`, `black/2gb`.
fn is_joined_code(raw: &str) -> bool {
    let (letters, digits) = census(raw);
    if letters == 0 || digits == 0 {
        // Article numbers: 910584-001, 970118-0403, 402-3; not 1999-2005, 100-200.
        let suffix = raw.rsplit('-').next().map_or(0, str::len);
        let prefix = raw.split('-').next().map_or(0, str::len);
        return letters == 0
            && raw.contains('-')
            && !raw.contains(['.', '/', '_'])
            && (digits >= 9 || (prefix >= 3 && suffix <= 1) || (digits >= 7 && prefix != suffix));
    }
    let mut parts = raw.split(['-', '/', '.', '_']);
    let Some(first) = parts.next() else { return false };
    let first_is_number = first.bytes().all(|b| b.is_ascii_digit());
    let words_are_short = raw.split(['-', '/', '.', '_']).all(|part| {
        let alphabetic = part.bytes().all(|b| b.is_ascii_alphabetic());
        part.len() <= if alphabetic { 4 } else { 12 }
    });
    if !words_are_short || raw.split(['-', '/', '.', '_']).any(|part| ordinal(part).is_some()) {
        return false;
    }
    if raw.contains('/') {
        // Only a short suffix behind a code: md101ll/a, mf839ll/a.
        let Some((code, suffix)) = raw.split_once('/') else { return false };
        let (l, d) = census(code);
        return suffix.len() <= 2 && suffix.bytes().all(|b| b.is_ascii_alphabetic()) && l > 0 && d > 0;
    }
    if raw.contains('.') && first_is_number {
        return false;
    }
    // 10-disc, 2-way, 7-inch
    !(first_is_number
        && parts.clone().all(|part| part.len() >= 3 && part.bytes().all(|b| b.is_ascii_alphabetic())))
}

fn census(raw: &str) -> (usize, usize) {
    let letters = raw.bytes().filter(u8::is_ascii_alphabetic).count();
    let digits = raw.bytes().filter(u8::is_ascii_digit).count();
    (letters, digits)
}

/// Digits only: long runs and those marked with `#` or a leading zero are codes, years and short ones numbers.
fn number(text: &str, at: usize, end: usize, marked: bool) -> Found {
    let raw = &text[at..end];
    let bytes = text.as_bytes();
    let decimals = match bytes.get(end) {
        Some(b'.') => bytes[end + 1..].iter().take_while(|b| b.is_ascii_digit()).count(),
        _ => 0,
    };
    if decimals > 0 && !marked {
        let mut stop = end + 1 + decimals;
        let value = text[at..stop].parse().unwrap_or(0.0);
        // 7.0.1: the first two say the version.
        while bytes.get(stop) == Some(&b'.') && bytes.get(stop + 1).is_some_and(u8::is_ascii_digit) {
            stop = alnum_run(bytes, stop + 1);
        }
        return Found { start: at, end: stop, run: Run::Number(value) };
    }
    let value: f64 = raw.parse().unwrap_or(0.0);
    let is_year = raw.len() == 4 && (1980.0..=2039.0).contains(&value);
    let is_code = (raw.len() >= 4 && !is_year)
        || (marked && raw.len() >= 2)
        || (raw.len() >= 3 && raw.starts_with('0'));
    let run = if is_code { Run::Code(raw.into()) } else { Run::Number(value) };
    Found { start: at, end, run }
}

/// `v10`, `v10.1`, `r11.5`: a number with a letter in front.
fn version(text: &str, at: usize) -> Option<Found> {
    // Behind Han it is a name: 红瓶V28.
    if text[..at].ends_with(|c: char| !c.is_ascii()) {
        return None;
    }
    let rest = text[at..].strip_prefix(['v', 'r'])?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=2).contains(&digits) {
        return None;
    }
    let mut length = digits;
    if rest.as_bytes().get(digits) == Some(&b'.') {
        let decimals = rest[digits + 1..].bytes().take_while(u8::is_ascii_digit).count();
        if decimals > 0 {
            length = digits + 1 + decimals;
        }
    }
    if text[at..].starts_with('r') && length == digits
        || rest[length..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-')
    {
        return None;
    }
    let value = rest[..length].parse().ok()?;
    Some(Found { start: at, end: at + 1 + length, run: Run::Number(value) })
}

/// `7th`, `1st`
fn ordinal(raw: &str) -> Option<f64> {
    let digits = raw
        .strip_suffix("th")
        .or(raw.strip_suffix("st"))
        .or(raw.strip_suffix("nd"))
        .or(raw.strip_suffix("rd"))?;
    if digits.is_empty() || digits.len() > 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Clothing sizes: variants, not codes.
pub(crate) fn is_size(raw: &str) -> bool {
    matches!(raw, "2xl" | "3xl" | "4xl" | "5xl" | "6xl" | "xxl" | "xxxl" | "xl" | "xs" | "2xs")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut said = Vec::new();
        let mut at = 0;
        while at < text.len() {
            if !text.as_bytes()[at].is_ascii_alphanumeric() {
                at += 1;
                continue;
            }
            let found = read(text, at);
            match found.run {
                Run::Code(code) => said.push(code.to_string()),
                Run::Number(value) => said.push(format!("={value}")),
                Run::Word => {}
            }
            at = found.end;
        }
        assert_eq!(said, expected, "{text}");
    }

    #[test]
    fn codes_and_numbers() {
        check("ye660b", &["YE660B"]);
        check("0w-20", &["0W20"]);
        check("9501v+", &["9501V+"]);
        check("b0-105m2a", &["B0105M2A"]);
        check("sony ps-lx350h turntable", &["PSLX350H"]);
        check("sony pslx350h", &["PSLX350H"]);
        check("md101ll/a", &["MD101LLA"]);
        check("yps-s3jab/xaa", &["YPSS3JAB"]);
        check("65pus7803/12", &["65PUS7803", "=12"]);
        check("ral7036", &["RAL7036"]);
        check("ral 7036", &["RAL7036"]);
        check("ral k7 7036", &["RAL7036"]);
        check("10-disc changer 2-way", &["=10", "=2"]);
        check("a #1708 b 3517#", &["1708", "3517"]);
        check("618#", &["618"]);
        check("0008", &["0008"]);
        check("910584-001", &["910584001"]);
        check("402-3", &["4023"]);
        check("office 2007 v10.1 r11.5 6.5", &["=2007", "=10.1", "=11.5", "=6.5"]);
        check("v8", &["=8"]);
        check("win 98 me 2000 xp", &["=98", "=2000"]);
        check("7th 1st-3rd", &["=7", "=1", "=3"]);
        check("2xl xxl", &[]);
        check("77", &["=77"]);
        check("1.5p", &["=1.5"]);
        check("wi-fi cd/dvd black/white", &[]);
        check("7.0.1", &["=7"]);
    }

    #[test]
    fn descriptions_give_long_codes_only() {
        let codes = in_description(
            "Sony DSC-W170/ 10.1MP, 2.7in, 160 Watts, 1080P, 4GB, KDL-40W5100 KDL-40W5100 电视机",
            600,
        );
        assert_eq!(codes, ["DSCW170", "KDL40W5100"]);
        assert!(in_description(&"é".repeat(500), 333).is_empty());
    }
}
