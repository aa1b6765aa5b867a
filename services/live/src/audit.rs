//! A random sample of the links that the machine made by itself, sent back to people to be judged blind: what the precision
//! of the auto zone is measured by.

use crate::error::Result;
use crate::notes::{self, Evidence};
use crate::service::{Live, Writer, now};
use domain::{Link, LinkCause, MasterId, Review, ReviewId, ReviewState, Stored};
use sha2::{Digest, Sha256};
use store::{Expect, Mutation, Page};

/// The share of automatic links that is sampled.
pub const AUDIT_SHARE: f64 = 0.015;
/// Questions opened in one commit.
const AT_ONCE: usize = 200;

/// The place of a link in 0..1, uniform and independent of what it says: it is the moment of its making and its sides that
/// are hashed. A link is in the sample where this is below the share, so that drawing again draws the same, every new link
/// has the same chance, and no answer can move it.
fn lot(link: &Stored<Link>) -> f64 {
    let digest = Sha256::new()
        .chain_update(link.created.0.to_le_bytes())
        .chain_update(link.value.left.to_string())
        .chain_update([0])
        .chain_update(link.value.right.to_string())
        .finalize();
    let mut first = [0u8; 8];
    first.copy_from_slice(&digest[..8]);
    (u64::from_le_bytes(first) >> 11) as f64 / (1u64 << 53) as f64
}

impl Live {
    /// Opens a question about every automatic link that belongs to the sample and was not asked about yet; gives their number.
    pub async fn draw_audit(&self, share: f64, writer: &Writer) -> Result<usize> {
        let mut drawn: Vec<Stored<Link>> = Vec::new();
        let mut page = Page::first(1_000);
        loop {
            let paged = self.store().list_links(LinkCause::Auto, &page).await?;
            drawn.extend(paged.items.into_iter().filter(|link| lot(link) < share));
            let Some(next) = paged.next else { break };
            page = Page::after(1_000, Some(next));
        }
        // What was settled before costs no writer a wait.
        let mut fresh = Vec::new();
        for link in drawn {
            if self.to_be_asked(&link.value)?.is_some() && !self.was_audited(&link.value).await? {
                fresh.push(link);
            }
        }
        let mut opened = 0;
        for part in fresh.chunks(AT_ONCE) {
            opened += self.ask_again(part, writer).await?;
        }
        Ok(opened)
    }

    async fn ask_again(&self, links: &[Stored<Link>], writer: &Writer) -> Result<usize> {
        let writing = self.write().await;
        self.catch_up(&writing).await?;
        let mut batch = writer.batch("audit");
        for link in links.iter().map(|row| &row.value) {
            let (sku, other) = (&link.left, &link.right);
            let Some(master) = self.to_be_asked(link)? else { continue };
            let known = batch.mutations.iter().any(|mutation| {
                matches!(mutation, Mutation::PutReview { review, .. } if review.sku == *sku && review.master == master)
            });
            if known {
                continue;
            }
            let skus = self.skus_by_key(vec![sku.clone(), other.clone()]).await?;
            let summary = skus.get(sku).zip(skus.get(other)).map(|(a, b)| self.engine().reason(a, b, None));
            let evidence = Evidence {
                other: Some(other.clone()),
                summary: summary.unwrap_or_default(),
                policy: link.policy,
                audit: true,
                ..Evidence::default()
            };
            let review = Review {
                id: ReviewId::new(&self.new_id("r")),
                sku: sku.clone(),
                master,
                confidence: link.confidence,
                // Among the more valuable: a sample that is never answered measures nothing.
                value: 1.0,
                evidence: notes::write(&evidence),
                model: link.model.clone(),
                state: ReviewState::Open,
                assignee: None,
                lease_until: None,
                deferred_until: None,
            };
            batch.mutations.push(Mutation::PutReview { review, expect: Expect::Absent });
        }
        let opened = batch.mutations.len();
        if opened > 0 {
            batch.at = now();
            self.store().commit(&batch).await?;
            self.catch_up(&writing).await?;
        }
        Ok(opened)
    }

    /// The master that holds both sides of a link, where no question about that waits.
    fn to_be_asked(&self, link: &Link) -> Result<Option<MasterId>> {
        self.read(|world| {
            let ledger = &world.ledger;
            let own = ledger.master_of(&link.left)?;
            let asked = ledger.reviews_of_sku.get(&link.left).into_iter().flatten();
            let mut asked = asked.filter_map(|id| ledger.reviews.get(id));
            let waits = asked.any(|row| row.value.master == *own);
            (ledger.master_of(&link.right) == Some(own) && !waits).then(|| own.clone())
        })
    }

    /// Whether people have said something in an audit of this link that holds.
    async fn was_audited(&self, link: &Link) -> Result<bool> {
        let about = self.store().decisions_of(std::slice::from_ref(&link.left)).await?;
        Ok(about.iter().any(|row| {
            let evidence = notes::read::<notes::Seen>(&row.value.seen).evidence;
            evidence.audit && row.value.sku == link.left && evidence.other.as_ref() == Some(&link.right)
        }))
    }
}
