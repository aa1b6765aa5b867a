//! Step 3: the invariants, on the outcome of a batch. `verify` checks the same on the whole store.

use super::Work;
use crate::sql::{Conn, args};
use crate::{Result, StoreError};
use domain::{Holding, MasterId, MasterState, NodeId, SkuKey};
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn check(conn: &mut Conn<'_>, work: &mut Work) -> Result<()> {
    skus(work)?;
    masters(work)?;
    links(work)?;
    reviews(work)?;
    narrowed_nodes(conn, work).await
}

impl Work {
    /// Members of every master that the batch touches, by key.
    pub(super) fn members_by_master(&self) -> BTreeMap<MasterId, Vec<SkuKey>> {
        let mut members: BTreeMap<MasterId, Vec<SkuKey>> = BTreeMap::new();
        for member in self.members.rows() {
            members.entry(member.value.master.clone()).or_default().push(member.value.key.clone());
        }
        members
    }
}

/// A linked SKU is a member; a deleted one is not.
fn skus(work: &Work) -> Result<()> {
    for key in work.skus.changed().chain(work.members.changed()) {
        let Some(sku) = work.skus.get(key) else { continue };
        let is_member = work.members.get(key).is_some();
        if !sku.value.is_live() && is_member {
            return Err(StoreError::precondition(key, "is deleted: take it out of its master first"));
        }
        if sku.value.is_live() && sku.value.state.is_linked() && !is_member {
            let rule = format!("is {} without a master: put it into one", sku.value.state.as_str());
            return Err(StoreError::precondition(key, rule));
        }
    }
    Ok(())
}

/// A live master has members, another has none; a merged one leads to a live one; one SKU a master from a node that
/// holds a product once.
fn masters(work: &Work) -> Result<()> {
    let members = work.members_by_master();
    let mut touched: BTreeSet<&MasterId> = work.masters.changed().collect();
    for key in work.members.changed() {
        touched.extend(work.members.get(key).map(|member| &member.value.master));
    }
    for id in touched {
        let Some(master) = work.masters.get(id) else { return Err(StoreError::not_found("master", id)) };
        let members = members.get(id).map(Vec::as_slice).unwrap_or_default();
        match &master.value.state {
            MasterState::Live if members.is_empty() => {
                return Err(StoreError::precondition(id, "has no members left: merge or retire it"));
            }
            MasterState::Merged { .. } | MasterState::Retired if !members.is_empty() => {
                let rule = format!("still has {} as a member: move its members first", members[0]);
                return Err(StoreError::precondition(id, rule));
            }
            MasterState::Merged { into } => leads_to_a_live_one(work, id, into)?,
            MasterState::Live | MasterState::Retired => {}
        }
        one_per_node(work, id, members)?;
    }
    Ok(())
}

/// Only when the redirect is new. A redirect always starts at a master that is not live and ends at one that is, and
/// a live one has none: so there are no circles.
fn leads_to_a_live_one(work: &Work, id: &MasterId, into: &MasterId) -> Result<()> {
    let before = work.masters.before(id).map(|row| &row.value.state);
    if before == Some(&MasterState::Merged { into: into.clone() }) {
        return Ok(());
    }
    let target = work.masters.get(into).ok_or_else(|| StoreError::not_found("master", into))?;
    if target.value.state != MasterState::Live {
        let rule = format!("cannot be merged into {into}, which is not live: merge into the one it leads to");
        return Err(StoreError::precondition(id, rule));
    }
    Ok(())
}

fn one_per_node(work: &Work, id: &MasterId, members: &[SkuKey]) -> Result<()> {
    // Members are in the order of their keys: those of a node are neighbours.
    for pair in members.windows(2) {
        let node = &pair[0].node;
        if *node == pair[1].node && holds_once(work, node) {
            let rule = format!("would hold {} and {}, but its node holds a product once", pair[0], pair[1]);
            return Err(StoreError::precondition(id, rule));
        }
    }
    Ok(())
}

fn holds_once(work: &Work, node: &NodeId) -> bool {
    work.nodes.get(node).is_none_or(|node| node.value.holding == Holding::OnePerMaster)
}

/// Both sides of a link are in one master.
fn links(work: &Work) -> Result<()> {
    let place = |key: &SkuKey| work.members.get(key).map(|member| &member.value.master);
    for link in work.links.rows() {
        let (left, right) = (&link.value.left, &link.value.right);
        if place(left).is_none() || place(left) != place(right) {
            let rule = format!("is linked to {right}, which is not in the same master: remove the link");
            return Err(StoreError::precondition(left, rule));
        }
    }
    Ok(())
}

/// A waiting review is about a live SKU and a master that exists, and is the only one about them.
fn reviews(work: &Work) -> Result<()> {
    let mut asked = BTreeSet::new();
    for review in work.reviews.rows().filter(|review| review.value.state.is_waiting()) {
        let (id, sku, master) = (&review.value.id, &review.value.sku, &review.value.master);
        if work.skus.get(sku).is_some_and(|sku| !sku.value.is_live()) {
            let rule = format!("asks about {sku}, which is deleted: withdraw the review");
            return Err(StoreError::precondition(id, rule));
        }
        if work.reviews.is_changed(id) && work.masters.get(master).is_none() {
            return Err(StoreError::not_found("master", master));
        }
        if !asked.insert((sku, master)) {
            return Err(StoreError::AlreadyExists {
                kind: "waiting review",
                id: format!("{sku} ? {master}"),
            });
        }
    }
    Ok(())
}

/// A node that begins to hold a product once must not have two SKUs in one master.
async fn narrowed_nodes(conn: &mut Conn<'_>, work: &mut Work) -> Result<()> {
    let narrowed: Vec<NodeId> = work
        .nodes
        .changed()
        .filter(|id| {
            let was_many = work.nodes.before(id).is_some_and(|n| n.value.holding == Holding::ManyPerMaster);
            was_many && holds_once(work, id)
        })
        .cloned()
        .collect();
    for node in narrowed {
        // What the batch itself moves is not in the table yet: its masters were checked above, with the node as it
        // will be.
        let sql = "SELECT master FROM members WHERE node = $1 GROUP BY master HAVING count(*) > 1";
        for mut row in conn.rows(sql, args![&node.0]).await? {
            let master = MasterId(row.small()?);
            let touched = work.masters.get(&master).is_some();
            let members = work.members_by_master().remove(&master).unwrap_or_default();
            if !touched || members.iter().filter(|key| key.node == node).count() > 1 {
                let rule = format!("master {master} holds several of its SKUs: split it first");
                return Err(StoreError::precondition(&node, rule));
            }
        }
    }
    Ok(())
}
