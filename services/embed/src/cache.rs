//! Vectors of texts seen lately, for online use where the same names come again and again. Bounded: two generations of
//! at most `capacity` texts; when the young one is full it becomes the old one, and the old one is forgotten.

use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) struct Cache {
    capacity: usize,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: FxHashMap<Box<str>, Arc<[f32]>>,
    old: FxHashMap<Box<str>, Arc<[f32]>>,
}

impl Cache {
    pub fn new(capacity: usize) -> Cache {
        Cache { capacity: capacity.max(1), generations: Mutex::default() }
    }

    pub fn get(&self, text: &str) -> Option<Arc<[f32]>> {
        // A poisoned lock is harmless: every insert leaves the maps whole.
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(vector) = generations.young.get(text) {
            return Some(vector.clone());
        }
        let vector = generations.old.get(text)?.clone();
        generations.insert(self.capacity, text, vector.clone());
        Some(vector)
    }

    pub fn put(&self, text: &str, vector: Arc<[f32]>) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.insert(self.capacity, text, vector);
    }
}

impl Generations {
    fn insert(&mut self, capacity: usize, text: &str, vector: Arc<[f32]>) {
        if self.young.len() >= capacity {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(text.into(), vector);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_used_and_stays_bounded() {
        let cache = Cache::new(3);
        let vector: Arc<[f32]> = Arc::from([1.0f32].as_slice());
        for i in 0..100 {
            cache.put(&format!("name {i}"), vector.clone());
            cache.put("in use", vector.clone());
            assert!(cache.get("in use").is_some(), "after {i}");
        }
        let generations = cache.generations.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 6);
        drop(generations);
        assert!(cache.get("name 0").is_none());
    }
}
