//! Resource names. An id may hold any character: in a name it is percent-encoded.

use crate::failure::Failure;
use api::names::escape;
use domain::{DecisionId, MasterId, NodeId, PolicyScope, ReviewId, SkuCode, SkuKey};

fn unescape(field: &str, part: &str) -> Result<String, Failure> {
    let text = api::names::unescape(part);
    let text = text.ok_or_else(|| Failure::field(field, format!("`{part}` is not percent-encoded UTF-8")))?;
    if text.is_empty() {
        return Err(Failure::field(field, "has an empty id"));
    }
    Ok(text)
}

/// The ids of a name of a form such as `nodes/*/skus/*`.
fn ids<const N: usize>(field: &str, name: &str, form: &[&str]) -> Result<[String; N], Failure> {
    let wrong = || {
        let form = form.iter().map(|part| part.replace('*', "{id}")).collect::<Vec<_>>().join("/");
        Failure::field(field, format!("is `{name}`: give {form}, ids percent-encoded"))
    };
    let parts: Vec<&str> = name.split('/').collect();
    if parts.len() != form.len() {
        return Err(wrong());
    }
    let mut ids = Vec::with_capacity(N);
    for (part, expected) in parts.iter().zip(form) {
        match *expected {
            "*" => ids.push(unescape(field, part)?),
            literal if literal == *part => {}
            _ => return Err(wrong()),
        }
    }
    ids.try_into().map_err(|_| wrong())
}

fn one(field: &str, name: &str, collection: &'static str) -> Result<String, Failure> {
    let [id] = ids(field, name, &[collection, "*"])?;
    Ok(id)
}

pub fn node(id: &NodeId) -> String {
    api::names::node(&id.0)
}

pub fn parse_node(field: &str, name: &str) -> Result<NodeId, Failure> {
    Ok(NodeId(one(field, name, "nodes")?.into()))
}

pub fn parse_nodes(field: &str, names: &[String]) -> Result<Vec<NodeId>, Failure> {
    names.iter().map(|name| parse_node(field, name)).collect()
}

/// `nodes/-` means all.
pub fn parse_parent(field: &str, name: &str) -> Result<Option<NodeId>, Failure> {
    if name == "nodes/-" { Ok(None) } else { parse_node(field, name).map(Some) }
}

pub fn sku(key: &SkuKey) -> String {
    api::names::sku(&key.node.0, &key.sku.0)
}

pub fn parse_sku(field: &str, name: &str) -> Result<SkuKey, Failure> {
    let [node, code] = ids(field, name, &["nodes", "*", "skus", "*"])?;
    Ok(SkuKey { node: NodeId(node.into()), sku: SkuCode(code.into()) })
}

pub fn master(id: &MasterId) -> String {
    format!("masters/{}", escape(id.as_str()))
}

pub fn parse_master(field: &str, name: &str) -> Result<MasterId, Failure> {
    Ok(MasterId(one(field, name, "masters")?.into()))
}

pub fn review(id: &ReviewId) -> String {
    format!("reviews/{}", escape(id.as_str()))
}

pub fn parse_review(field: &str, name: &str) -> Result<ReviewId, Failure> {
    Ok(ReviewId(one(field, name, "reviews")?.into()))
}

pub fn decision(id: &DecisionId) -> String {
    format!("decisions/{}", escape(id.as_str()))
}

pub fn parse_decision(field: &str, name: &str) -> Result<DecisionId, Failure> {
    Ok(DecisionId(one(field, name, "decisions")?.into()))
}

pub fn api_key(id: &str) -> String {
    format!("apiKeys/{}", escape(id))
}

pub fn parse_api_key(field: &str, name: &str) -> Result<String, Failure> {
    one(field, name, "apiKeys")
}

pub fn operation(id: &str) -> String {
    format!("operations/{}", escape(id))
}

pub fn parse_operation(field: &str, name: &str) -> Result<String, Failure> {
    one(field, name, "operations")
}

pub fn policy(scope: &PolicyScope, version: i64) -> String {
    format!("policies/{}/versions/{version}", escape(&scope.key()))
}

pub fn parse_policy(field: &str, name: &str) -> Result<(PolicyScope, i64), Failure> {
    let [scope, version] = ids(field, name, &["policies", "*", "versions", "*"])?;
    let unknown = || Failure::field(field, format!("names no scope: `{scope}`"));
    let parsed = if scope == "global" {
        PolicyScope::Global
    } else if let Some(category) = scope.strip_prefix("category:") {
        PolicyScope::Category(category.to_owned())
    } else {
        let rest = scope.strip_prefix("pair:").ok_or_else(unknown)?;
        let (length, both) = rest.split_once(':').ok_or_else(unknown)?;
        let length: usize = length.parse().map_err(|_| unknown())?;
        let (one, two) = both.split_at_checked(length).ok_or_else(unknown)?;
        let two = two.strip_prefix(':').ok_or_else(unknown)?;
        PolicyScope::pair(NodeId(one.into()), NodeId(two.into()))
    };
    let version = version.parse().map_err(|_| Failure::field(field, "has no version number"))?;
    Ok((parsed, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_ids() {
        for (node_id, code) in [("a", "1"), ("店/7", "A 17%"), ("nodes/x", "..")] {
            let key = SkuKey::new(node_id, code);
            assert_eq!(parse_sku("name", &sku(&key)).unwrap(), key);
            assert_eq!(parse_node("name", &node(&key.node)).unwrap(), key.node);
        }
        for scope in [
            PolicyScope::Global,
            PolicyScope::Category("酒/茶:1".into()),
            PolicyScope::pair(NodeId("a:b".into()), NodeId("店".into())),
        ] {
            assert_eq!(parse_policy("name", &policy(&scope, 3)).unwrap(), (scope, 3));
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in [
            "",
            "nodes/a",
            "nodes//skus/1",
            "nodes/a/skus/",
            "node/a/skus/1",
            "nodes/a/skus/1/x",
            "nodes/%ff/skus/1",
        ] {
            assert!(parse_sku("name", name).is_err(), "{name}");
        }
    }
}
