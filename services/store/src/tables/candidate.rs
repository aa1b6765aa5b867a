//! Table `candidates`: all of a SKU's are replaced at once.

use super::sku::read_key;
use crate::Result;
use crate::sql::{Conn, Value, args, chunks, delete_where};
use domain::{Candidate, SkuKey, Zone};

/// Removes all of these SKUs'.
pub(crate) async fn forget(conn: &mut Conn<'_>, skus: &[&SkuKey]) -> Result<()> {
    let keys: Vec<Vec<Value>> = skus.iter().map(|key| args![&key.node.0, &key.sku.0]).collect();
    delete_where(conn, "candidates", &["node", "code"], &keys).await
}

/// Adds those of SKUs that have none.
pub(crate) async fn add(conn: &mut Conn<'_>, sets: &[(SkuKey, Vec<Candidate>)]) -> Result<()> {
    let rows: Vec<(&SkuKey, usize, &Candidate)> = sets
        .iter()
        .flat_map(|(key, candidates)| candidates.iter().enumerate().map(move |(place, c)| (key, place, c)))
        .collect();
    for chunk in chunks(&rows) {
        let sql = format!(
            "INSERT INTO candidates (node, code, place, other_node, other_code, confidence, zone, evidence, model) \
             VALUES {}",
            conn.placeholders(chunk.len(), 9)
        );
        conn.run(sql, chunk.iter().flat_map(values).collect()).await?;
    }
    Ok(())
}

fn values((key, place, candidate): &(&SkuKey, usize, &Candidate)) -> Vec<Value> {
    args![
        &key.node.0,
        &key.sku.0,
        *place as i64,
        &candidate.other.node.0,
        &candidate.other.sku.0,
        candidate.confidence.get(),
        candidate.zone.as_str(),
        &candidate.evidence,
        &candidate.model
    ]
}

/// Best first, as they were given.
pub(crate) async fn of(conn: &mut Conn<'_>, key: &SkuKey) -> Result<Vec<Candidate>> {
    let sql = "SELECT other_node, other_code, confidence, zone, evidence, model FROM candidates \
               WHERE node = $1 AND code = $2 ORDER BY place";
    let mut candidates = Vec::new();
    for mut row in conn.rows(sql, args![&key.node.0, &key.sku.0]).await? {
        candidates.push(Candidate {
            other: read_key(&mut row)?,
            confidence: row.confidence()?,
            zone: row.word(zone)?,
            evidence: row.text()?,
            model: row.text()?,
        });
    }
    Ok(candidates)
}

fn zone(word: &str) -> Option<Zone> {
    [Zone::Auto, Zone::Review, Zone::Reject].into_iter().find(|zone| zone.as_str() == word)
}
