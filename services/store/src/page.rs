//! Pages that stay in place while rows come and go: a token holds the key of the last row that was shown, and which
//! question it belongs to.

use crate::{Result, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::fmt::Debug;

/// Which page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Rows wanted; 0 means 50, more than 1,000 is read as 1,000.
    pub size: usize,
    /// [`Paged::next`] of the page before; `None` or empty for the first.
    pub token: Option<String>,
}

/// A page.
#[derive(Clone, Debug, PartialEq)]
pub struct Paged<T> {
    /// Its rows.
    pub items: Vec<T>,
    /// For the next page; `None` on the last.
    pub next: Option<String>,
}

impl Page {
    /// The first page.
    pub fn first(size: usize) -> Self {
        Page { size, token: None }
    }

    /// The page after one.
    pub fn after(size: usize, token: Option<String>) -> Self {
        Page { size, token }
    }

    pub(crate) fn rows(&self) -> usize {
        match self.size {
            0 => 50,
            size => size.min(1_000),
        }
    }

    /// The key that the page begins after: as many parts as were given to [`Paged::cut`] for the same question.
    pub(crate) fn start(&self, question: &dyn Debug, parts: usize) -> Result<Option<Vec<String>>> {
        let Some(token) = self.token.as_deref().filter(|token| !token.is_empty()) else { return Ok(None) };
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| StoreError::PageToken)?;
        let (of, key): (String, Vec<String>) =
            serde_json::from_slice(&bytes).map_err(|_| StoreError::PageToken)?;
        if of != fingerprint(question) || key.len() != parts {
            return Err(StoreError::PageToken);
        }
        Ok(Some(key))
    }
}

impl<T> Paged<T> {
    /// Cuts a page out of rows that were read with one more than wanted.
    pub(crate) fn cut(
        mut items: Vec<T>,
        page: &Page,
        question: &dyn Debug,
        key: fn(&T) -> Vec<String>,
    ) -> Self {
        let wanted = page.rows();
        if items.len() <= wanted {
            return Paged { items, next: None };
        }
        items.truncate(wanted);
        let next = items.last().map(|last| {
            let token = serde_json::json!([fingerprint(question), key(last)]);
            URL_SAFE_NO_PAD.encode(token.to_string())
        });
        Paged { items, next }
    }
}

fn fingerprint(question: &dyn Debug) -> String {
    let digest = Sha256::digest(format!("{question:?}"));
    digest[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A number inside a token.
pub(crate) fn number(part: &str) -> Result<i64> {
    part.parse().map_err(|_| StoreError::PageToken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_its_question() {
        let key = |item: &u32| vec![item.to_string()];
        let page = Page::first(2);
        let paged = Paged::cut(vec![1, 2, 3], &page, &"all", key);
        assert_eq!(paged.items, [1, 2]);
        let next = Page::after(2, paged.next);
        assert_eq!(next.start(&"all", 1).unwrap(), Some(vec!["2".to_owned()]));
        assert!(matches!(next.start(&"some", 1), Err(StoreError::PageToken)));
        assert!(matches!(next.start(&"all", 2), Err(StoreError::PageToken)));
        for damaged in ["x", "%%%", "WyJ4Il0"] {
            let page = Page::after(2, Some(damaged.to_owned()));
            assert!(matches!(page.start(&"all", 1), Err(StoreError::PageToken)), "{damaged}");
        }
        assert_eq!(Paged::cut(vec![1, 2], &page, &"all", key).next, None);
    }
}
