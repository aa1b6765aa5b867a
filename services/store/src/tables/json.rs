//! Values kept as JSON.

use serde::Serialize;

/// Our own types always have a JSON form: their maps have text keys, and numbers were checked to be finite.
pub(crate) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("domain types have a JSON form")
}
