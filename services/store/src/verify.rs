//! The invariants of the whole store, each as a query for what breaks it. `commit/rules.rs` keeps them at every
//! commit; this finds what else may have broken them: another program, a damaged file, a defect.

use crate::commit::content_digest;
use crate::sql::{Conn, args, select};
use crate::{Result, Store, StoreError};
use domain::{CatalogSku, SkuKey, Stored};

/// One thing that breaks an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The invariant.
    pub rule: &'static str,
    /// What breaks it.
    pub subject: String,
}

/// Findings of one rule that are reported.
const MOST: i64 = 100;

/// (rule, query for the subjects that break it)
const RULES: &[(&str, &str)] = &[
    (
        "every_sku_has_a_known_state",
        "SELECT node || '/' || code FROM skus WHERE state NOT IN ('not_run', 'no_candidate', 'pending_review',
            'linked_auto', 'linked_confirmed', 'rejected', 'stale', 'failed')",
    ),
    (
        "every_sku_has_a_node",
        "SELECT s.node || '/' || s.code FROM skus s LEFT JOIN nodes n ON n.id = s.node WHERE n.id IS NULL",
    ),
    (
        "linked_skus_have_a_master",
        "SELECT s.node || '/' || s.code FROM skus s LEFT JOIN members m ON m.node = s.node AND m.code = s.code
         WHERE s.deleted IS NULL AND s.state IN ('linked_auto', 'linked_confirmed') AND m.master IS NULL",
    ),
    (
        "members_are_live_skus",
        "SELECT m.node || '/' || m.code FROM members m LEFT JOIN skus s ON s.node = m.node AND s.code = m.code
         WHERE s.node IS NULL OR s.deleted IS NOT NULL",
    ),
    (
        "members_have_a_live_master",
        "SELECT m.node || '/' || m.code FROM members m LEFT JOIN masters a ON a.id = m.master
         WHERE a.id IS NULL OR a.state <> 'live'",
    ),
    (
        "live_masters_have_members",
        "SELECT a.id FROM masters a WHERE a.state = 'live'
         AND NOT EXISTS (SELECT 1 FROM members m WHERE m.master = a.id)",
    ),
    (
        "one_sku_a_master_and_node",
        "SELECT m.master || ' and ' || m.node FROM members m JOIN nodes n ON n.id = m.node
         WHERE n.holding = 'one_per_master' GROUP BY m.master, m.node HAVING count(*) > 1",
    ),
    (
        "redirects_lead_somewhere",
        "SELECT a.id FROM masters a LEFT JOIN masters b ON b.id = a.merged_into
         WHERE (a.state = 'merged') <> (b.id IS NOT NULL)",
    ),
    (
        "redirects_have_no_circles",
        "WITH RECURSIVE way (start, id) AS (
            SELECT a.id, a.merged_into FROM masters a WHERE a.merged_into IS NOT NULL
            UNION
            SELECT way.start, a.merged_into FROM way JOIN masters a ON a.id = way.id
            WHERE a.merged_into IS NOT NULL)
         SELECT way.start FROM way WHERE way.start = way.id",
    ),
    (
        "masters_have_their_revision",
        "SELECT a.id FROM masters a LEFT JOIN revisions r ON r.master = a.id AND r.number = a.version
         WHERE r.master IS NULL",
    ),
    (
        "links_are_kept_once",
        "SELECT left_node || '/' || left_code FROM links WHERE (left_node, left_code) >= (right_node, right_code)",
    ),
    (
        "links_have_both_sides_in_one_master",
        "SELECT l.left_node || '/' || l.left_code FROM links l
         LEFT JOIN members a ON a.node = l.left_node AND a.code = l.left_code
         LEFT JOIN members b ON b.node = l.right_node AND b.code = l.right_code
         WHERE a.master IS NULL OR b.master IS NULL OR a.master <> b.master",
    ),
    (
        "waiting_reviews_are_about_something",
        "SELECT r.id FROM reviews r
         LEFT JOIN skus s ON s.node = r.node AND s.code = r.code LEFT JOIN masters a ON a.id = r.master
         WHERE r.state IN ('open', 'claimed') AND (s.node IS NULL OR s.deleted IS NOT NULL OR a.id IS NULL)",
    ),
    (
        "claimed_reviews_have_a_lease",
        "SELECT id FROM reviews WHERE state = 'claimed' AND (assignee IS NULL OR lease_until IS NULL)",
    ),
    (
        "decisions_are_about_skus",
        "SELECT d.id FROM decisions d LEFT JOIN skus s ON s.node = d.node AND s.code = d.code WHERE s.node IS NULL",
    ),
    (
        "one_active_policy_a_scope",
        "SELECT scope FROM policies WHERE activity = 'active' GROUP BY scope HAVING count(*) > 1",
    ),
    (
        "the_change_log_has_no_gaps",
        "SELECT 'changes' FROM (SELECT count(*) AS n, min(seq) AS low, max(seq) AS high FROM changes) c,
            (SELECT value FROM counters WHERE name = 'change') last,
            (SELECT value FROM counters WHERE name = 'floor') floor
         WHERE c.n <> last.value - floor.value OR (c.n > 0 AND (c.low <> floor.value + 1 OR c.high <> last.value))",
    ),
    (
        "the_audit_log_has_no_gaps",
        "SELECT 'audit' FROM (SELECT count(*) AS n, coalesce(max(seq), 0) AS high FROM audit) a,
            (SELECT value FROM counters WHERE name = 'audit') last
         WHERE a.n <> last.value OR a.high <> last.value",
    ),
    (
        "positions_are_in_the_log",
        "SELECT p.name FROM positions p, (SELECT value FROM counters WHERE name = 'change') last WHERE p.seq > last.value",
    ),
];

impl Store {
    /// Checks every invariant on one view of the store; nothing for a sound one. Reads everything: seconds a million
    /// SKUs. Writers do not wait.
    pub async fn verify(&self) -> Result<Vec<Finding>> {
        let mut tx = self.db.snapshot().await?;
        verify(&mut tx.conn()).await
    }
}

pub(crate) async fn verify(conn: &mut Conn<'_>) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    if !conn.is_postgres() {
        for mut row in conn.rows("PRAGMA quick_check", Vec::new()).await? {
            let subject = row.text()?;
            if subject != "ok" {
                findings.push(Finding { rule: "the_file_is_sound", subject });
            }
        }
    }
    for (rule, query) in RULES {
        let sql = format!("SELECT * FROM ({query}) broken LIMIT $1");
        for mut row in conn.rows(sql, args![MOST]).await? {
            findings.push(Finding { rule, subject: row.text()? });
        }
    }
    digests(conn, &mut findings).await?;
    Ok(findings)
}

/// Every SKU can be read and says what its digest is of. Stops at the first that cannot be read.
async fn digests(conn: &mut Conn<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    let mut after = SkuKey::new("", "");
    loop {
        let condition = "WHERE (t.node, t.code) > ($1, $2) ORDER BY t.node, t.code LIMIT 1000";
        let rows = select(conn, condition, args![&after.node.0, &after.sku.0]).await;
        let rows: Vec<Stored<CatalogSku>> = match rows {
            Err(StoreError::Corrupt(why)) => {
                let subject = format!("after {after}: {why}");
                findings.push(Finding { rule: "skus_can_be_read", subject });
                return Ok(());
            }
            rows => rows?,
        };
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.value.sku.key.clone();
        let broken = rows.iter().filter(|row| content_digest(&row.value.sku) != row.value.content);
        findings.extend(broken.map(|row| Finding {
            rule: "digests_are_of_what_skus_say",
            subject: row.value.sku.key.to_string(),
        }));
    }
}
