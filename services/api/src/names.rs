//! Resource names of nodes and SKUs. An id may hold any character: in a name it is percent-encoded.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything but letters, digits and `-._~` (RFC 3986, unreserved).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An id as a part of a name.
pub fn escape(id: &str) -> String {
    utf8_percent_encode(id, ESCAPED).to_string()
}

/// The id of a part of a name; `None` where it is not percent-encoded UTF-8.
pub fn unescape(part: &str) -> Option<String> {
    percent_decode_str(part).decode_utf8().ok().map(|text| text.into_owned())
}

/// `nodes/{node}`
pub fn node(id: &str) -> String {
    format!("nodes/{}", escape(id))
}

/// `nodes/{node}/skus/{code}`
pub fn sku(node: &str, code: &str) -> String {
    format!("nodes/{}/skus/{}", escape(node), escape(code))
}

/// Node and code of a SKU's name.
pub fn sku_ids(name: &str) -> Option<(String, String)> {
    let mut parts = name.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("nodes"), Some(node), Some("skus"), Some(code), None) => {
            Some((unescape(node)?, unescape(code)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{sku, sku_ids};

    #[test]
    fn any_id_survives_a_name() {
        for (node, code) in [("shop", "A1"), ("一号店", "黄酒/50%"), ("a b", "../x"), ("-", "~.é")] {
            let name = sku(node, code);
            assert_eq!(name.split('/').count(), 4, "{name}");
            assert_eq!(sku_ids(&name), Some((node.to_owned(), code.to_owned())));
        }
        for name in ["", "nodes/a", "nodes/a/skus/%ff", "nodes/a/skus/b/c", "skus/a/nodes/b"] {
            assert_eq!(sku_ids(name), None, "{name}");
        }
    }
}
