//! What a follower knows who has read nothing but the change log.

use domain::*;
use std::collections::BTreeMap;
use store::{Change, Deleted, LoggedChange, Page, SkuFilter, Store};

#[derive(Default)]
pub struct Replayed {
    skus: BTreeMap<SkuKey, (CatalogSku, Version)>,
    masters: BTreeMap<MasterId, Stored<Master>>,
    members: BTreeMap<SkuKey, MasterId>,
    links: BTreeMap<(SkuKey, SkuKey), Stored<Link>>,
    reviews: BTreeMap<ReviewId, Stored<Review>>,
}

impl Replayed {
    pub fn of(log: &[LoggedChange]) -> Replayed {
        let mut known = Replayed::default();
        for entry in log {
            match entry.change.clone() {
                Change::Sku { sku, .. } => {
                    known.skus.insert(sku.value.sku.key.clone(), (sku.value, sku.version));
                }
                Change::State { key, from, to } => {
                    let sku = known.skus.get_mut(&key).unwrap();
                    assert_eq!(std::mem::replace(&mut sku.0.state, to), from);
                }
                Change::Member { key, from, to } => {
                    let before = match to {
                        Some(to) => known.members.insert(key, to),
                        None => known.members.remove(&key),
                    };
                    assert_eq!(before, from);
                }
                Change::Master(master) => {
                    known.masters.insert(master.value.id.clone(), master);
                }
                Change::Link(link) => {
                    known.links.insert((link.value.left.clone(), link.value.right.clone()), link);
                }
                Change::Unlink(link) => {
                    known.links.remove(&(link.value.left, link.value.right)).unwrap();
                }
                Change::Review(review) => {
                    known.reviews.insert(review.value.id.clone(), review);
                }
                Change::Node(_) | Change::Decision(_) | Change::Policy(_) => {}
            }
        }
        known
    }

    pub async fn compare(&self, store: &Store) {
        let page = Page::first(1_000);
        let all = SkuFilter { deleted: Deleted::Shown, ..Default::default() };
        let skus = store.list_skus(&all, &page).await.unwrap().items;
        let skus: Vec<_> = skus.into_iter().map(|row| (row.value, row.version)).collect();
        assert_eq!(skus, self.skus.values().cloned().collect::<Vec<_>>());
        let masters = store.list_masters(Deleted::Shown, &page).await.unwrap().items;
        assert_eq!(masters, self.masters.values().cloned().collect::<Vec<_>>());
        let members = store.list_members(&page).await.unwrap().items;
        let members: Vec<_> = members.into_iter().map(|member| (member.key, member.master)).collect();
        assert_eq!(members, self.members.clone().into_iter().collect::<Vec<_>>());
        let keys: Vec<SkuKey> = self.skus.keys().cloned().collect();
        let links = store.links_of(&keys).await.unwrap();
        assert_eq!(links, self.links.values().cloned().collect::<Vec<_>>());
        for (id, review) in &self.reviews {
            assert_eq!(store.review(id).await.unwrap().as_ref(), Some(review));
        }
    }
}
