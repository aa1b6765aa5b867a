//! Two languages, side by side. A message is written once, at the place that says it, in both: [`say!`]. Data, codes
//! and file contents have no language.

pub use engine::Language;
use std::ffi::OsString;

/// `say!(language, "English {x}", "中文 {x}")`: a `String` in one of them.
#[macro_export]
macro_rules! say {
    ($language:expr, $en:literal, $zh:literal $(,)?) => {
        match $language {
            $crate::lang::Language::En => format!($en),
            $crate::lang::Language::Zh => format!($zh),
        }
    };
}
pub use crate::say;

/// One of two texts without placeholders.
pub fn pick(language: Language, en: &'static str, zh: &'static str) -> &'static str {
    match language {
        Language::En => en,
        Language::Zh => zh,
    }
}

/// The language asked for in the arguments, looked for before they are parsed: help and usage errors need it.
pub fn of_arguments(arguments: &[OsString]) -> Option<Language> {
    let words: Vec<_> = arguments.iter().map(|a| a.to_string_lossy()).take_while(|a| a != "--").collect();
    let joined = words.iter().find_map(|w| w.strip_prefix("--lang="));
    let next = || words.iter().position(|w| w == "--lang").and_then(|i| words.get(i + 1)).map(|w| &**w);
    joined.or_else(next).and_then(named)
}

pub fn named(name: &str) -> Option<Language> {
    match name {
        "en" => Some(Language::En),
        "zh" => Some(Language::Zh),
        _ => None,
    }
}

/// The usual order of the locale variables; everything that is not Chinese is answered in English.
pub fn of_environment() -> Language {
    ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()))
        .filter(|locale| locale.to_lowercase().starts_with("zh"))
        .map_or(Language::En, |_| Language::Zh)
}

/// `1234567` → `1,234,567`.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Two decimals, never rounded up to a certainty that nobody claims.
pub fn confidence(value: f64) -> String {
    if value > 0.99 && value < 1.0 { ">0.99".to_owned() } else { format!("{value:.2}") }
}

/// `part` of `whole` in per cent, one decimal; a dash where there is no whole.
pub fn percent(part: usize, whole: usize) -> String {
    if whole == 0 { "–".to_owned() } else { format!("{:.1}%", 100.0 * part as f64 / whole as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_found_before_parsing() {
        for (line, expected) in [
            ("tongpin link a --lang zh", Some(Language::Zh)),
            ("tongpin --lang=en", Some(Language::En)),
            ("tongpin explain -- --lang zh", None),
            ("tongpin --lang xx", None),
            ("tongpin --lang", None),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(of_arguments(&words), expected, "{line}");
        }
    }

    #[test]
    fn numbers() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
        assert_eq!(percent(1, 3), "33.3%");
        assert_eq!(percent(0, 0), "–");
    }
}
