//! Global Trade Item Numbers (GS1 General Specifications, section 2): 8, 12, 13 or 14 digits with a check digit.

use serde::{Deserialize, Serialize};

/// A GTIN whose check digit holds, padded to 14 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gtin(u64);

impl Gtin {
    /// Reads 8 to 14 digits; blanks and hyphens are ignored, leading zeros that a spreadsheet dropped are put back.
    /// `None` when it is not one (letters, wrong length, wrong check digit, all zeros).
    pub fn parse(text: &str) -> Option<Gtin> {
        let digits: Vec<u8> = text.trim().bytes().filter(|b| !matches!(b, b' ' | b'-')).collect();
        if !(7..=14).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let value = digits.iter().fold(0u64, |acc, b| acc * 10 + u64::from(b - b'0'));
        (value != 0 && check_digit_holds(value)).then_some(Gtin(value))
    }

    /// Restricted circulation numbers (GS1 prefixes 02, 04, 20–29): each shop gives its own, so they say nothing
    /// across nodes.
    pub fn is_in_store(self) -> bool {
        let prefix = (self.0 / 10_000_000_000) % 1_000; // three leading digits of the 13-digit form
        let eight_digit_in_store = self.0 < 100_000_000 && matches!(self.0 / 10_000_000, 0 | 2);
        eight_digit_in_store || (self.0 >= 100_000_000 && matches!(prefix, 20..=29 | 40..=49 | 200..=299))
    }

    pub fn value(self) -> u64 {
        self.0
    }
}

fn check_digit_holds(value: u64) -> bool {
    let mut rest = value / 10;
    let mut weight = 3;
    let mut sum = 0;
    while rest > 0 {
        sum += (rest % 10) * weight;
        weight = 4 - weight;
        rest /= 10;
    }
    (10 - sum % 10) % 10 == value % 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_and_prefixes() {
        for (text, is_gtin, in_store) in [
            ("6901028137416", true, false),
            ("06901028137416", true, false),
            ("6901028137417", false, false),
            ("2000000000008", true, true),
            ("0212345678901", false, false),
            ("96385074", true, false),
            ("0", false, false),
            ("69010281374a6", false, false),
            ("", false, false),
        ] {
            let parsed = Gtin::parse(text);
            assert_eq!(parsed.is_some(), is_gtin, "{text}");
            assert_eq!(parsed.is_some_and(Gtin::is_in_store), in_store, "{text}");
        }
        assert_eq!(Gtin::parse("6901028137416"), Gtin::parse("06901028137416"));
    }
}
