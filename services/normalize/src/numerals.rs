//! Numbers as people write them: digits with thousands separators and decimals, and Chinese numerals.
//!
//! A Chinese numeral is read only where a unit or pack word follows (the scanner sees to that): 一次性, 三鲜, 五香 and
//! 八宝 are words.

/// A number read at some position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Number {
    pub(crate) value: f64,
    /// Bytes read.
    pub(crate) len: usize,
}

/// Digits at the beginning of `text`: `500`, `1,000`, `1.5`, `.5`. Three numbers joined by dots (`1.2.3`) are a version
/// and no number.
pub(crate) fn digits(text: &str) -> Option<Number> {
    let bytes = text.as_bytes();
    let mut end = run(bytes, 0);
    if end == 0 && bytes.first() != Some(&b'.') || end > 12 {
        return None;
    }
    let mut whole = String::new();
    if (1..=3).contains(&end) {
        let mut next = end;
        while bytes.get(next) == Some(&b',') && run(bytes, next + 1) == 3 {
            next += 4;
        }
        if next > end {
            whole = text[..next].replace(',', "");
            end = next;
        }
    }
    let fraction = if bytes.get(end) == Some(&b'.') { run(bytes, end + 1) } else { 0 };
    let whole = if whole.is_empty() { &text[..end] } else { &whole };
    if fraction == 0 {
        return whole.parse().ok().map(|value| Number { value, len: end });
    }
    let stop = end + 1 + fraction;
    if bytes.get(stop) == Some(&b'.') && run(bytes, stop + 1) > 0 {
        return None;
    }
    let value = match fraction {
        // The usual cases without building a string: one or two decimals.
        1..=3 if !whole.is_empty() => {
            let decimals: f64 = text[end + 1..stop].parse().ok()?;
            // Divided once by a power of ten, so that the value is the nearest one to what is written.
            (whole.parse::<f64>().ok()? * TENS[fraction] + decimals) / TENS[fraction]
        }
        _ => format!("0{whole}.{}", &text[end + 1..stop]).parse().ok()?,
    };
    Some(Number { value, len: stop })
}

const TENS: [f64; 4] = [1.0, 10.0, 100.0, 1000.0];

fn run(bytes: &[u8], from: usize) -> usize {
    bytes[from.min(bytes.len())..].iter().take_while(|b| b.is_ascii_digit()).count()
}

/// A Chinese numeral at the beginning of `text`: 十二, 五百, 两, 半, 一千二百. It starts with a digit word or 十; 百 and
/// 千 alone are parts of words (百合, 千层). 两 is a digit only at the beginning; behind another it is the unit.
pub(crate) fn chinese(text: &str) -> Option<Number> {
    let (mut total, mut section, mut digit) = (0.0, 0.0, None);
    let mut len = 0;
    for c in text.chars() {
        let is_first = len == 0;
        if let Some(value) = digit_of(c) {
            if c == '两' && !is_first || (digit.is_some() && c != '零') {
                break;
            }
            digit = if c == '零' { None } else { Some(value) };
        } else {
            match c {
                '半' if is_first => return Some(Number { value: 0.5, len: c.len_utf8() }),
                '十' => section += digit.take().unwrap_or(1.0) * 10.0,
                '百' if digit.is_some() => section += digit.take().unwrap_or(1.0) * 100.0,
                '千' if digit.is_some() => section += digit.take().unwrap_or(1.0) * 1000.0,
                '万' if digit.is_some() || section > 0.0 => {
                    total += (section + digit.take().unwrap_or(0.0)) * 10_000.0;
                    section = 0.0;
                }
                _ => break,
            }
        }
        len += c.len_utf8();
    }
    let value = total + section + digit.unwrap_or(0.0);
    (len > 0 && value > 0.0).then_some(Number { value, len })
}

fn digit_of(c: char) -> Option<f64> {
    Some(match c {
        '零' | '〇' => 0.0,
        '一' | '壹' => 1.0,
        '二' | '两' | '贰' => 2.0,
        '三' | '叁' => 3.0,
        '四' | '肆' => 4.0,
        '五' | '伍' => 5.0,
        '六' | '陆' => 6.0,
        '七' | '柒' => 7.0,
        '八' | '捌' => 8.0,
        '九' | '玖' => 9.0,
        _ => return None,
    })
}

/// Whether a Chinese numeral may begin with this character.
pub(crate) fn begins_chinese(c: char) -> bool {
    matches!(c, '十' | '半') || digit_of(c).is_some_and(|value| value > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(read: fn(&str) -> Option<Number>, table: &[(&str, Option<(f64, usize)>)]) {
        for (text, expected) in table {
            assert_eq!(read(text).map(|n| (n.value, n.len)), *expected, "{text}");
        }
    }

    #[test]
    fn digits_with_separators() {
        check(
            digits,
            &[
                ("500ml", Some((500.0, 3))),
                ("1,000ml", Some((1000.0, 5))),
                ("1,5", Some((1.0, 1))),
                ("1.5升", Some((1.5, 3))),
                (".5l", Some((0.5, 2))),
                ("0.01mm", Some((0.01, 4))),
                ("1.2.3", None),
                ("5.", Some((5.0, 1))),
                (".", None),
                ("x", None),
                ("1,234,567", Some((1_234_567.0, 9))),
            ],
        );
    }

    #[test]
    fn chinese_numerals() {
        check(
            chinese,
            &[
                ("五百克", Some((500.0, 6))),
                ("十二只", Some((12.0, 6))),
                ("两升", Some((2.0, 3))),
                ("三两", Some((3.0, 3))),
                ("半斤", Some((0.5, 3))),
                ("二十四瓶", Some((24.0, 9))),
                ("一千二百克", Some((1200.0, 12))),
                ("百合", None),
                ("千层", None),
                ("斤", None),
                ("", None),
            ],
        );
    }
}
