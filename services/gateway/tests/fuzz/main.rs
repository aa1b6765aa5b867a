//! Requests from random bytes, to every call of every service: no panic, no defect told, and a store that is sound.
//!
//! Cases are drawn from a seed: messages filled by chance from their descriptions, with names that exist among those that do
//! not, then bytes changed, cut or made up; and imports whose rows are made the same way. The short form runs with the other
//! tests; a million cases:
//!
//! ```text
//! TONGPIN_FUZZ_CASES=1000000 cargo test --release -p gateway --test fuzz -- --nocapture
//! ```
//!
//! `TONGPIN_FUZZ_SEED` draws others.

#[path = "../support/mod.rs"]
mod support;

mod make;
mod raw;

use bytes::Bytes;
use make::Maker;
use prost_reflect::{DescriptorPool, MethodDescriptor};
use std::collections::HashMap;
use std::time::Instant;
use support::{Chance, Running, number, panics};
use tonic::Code;

/// Slow in their nature: they write or read everything.
const SLOW: [&str; 5] = ["CreateBackup", "RestoreBackup", "RebuildIndex", "VerifyStore", "SimulatePolicy"];
/// Callers at a time.
const CALLERS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_breaks_the_server() {
    panics::watch();
    let (cases, seed) = (number("TONGPIN_FUZZ_CASES", 12_000), number("TONGPIN_FUZZ_SEED", 1) as u64);
    let folder = tempfile::tempdir().expect("a folder");
    let running =
        Running::with_settings(folder, |settings| settings.limits.calls_per_second = u32::MAX).await;
    running.fill().await;
    let pool = DescriptorPool::decode(api::DESCRIPTORS).expect("the descriptors");
    let methods: Vec<MethodDescriptor> = pool
        .services()
        .filter(|service| service.package_name() == "tongpin.v1")
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .collect();
    let begun = Instant::now();
    let callers = (0..CALLERS).map(|caller| {
        let (methods, transport) = (methods.clone(), running.admin());
        tokio::spawn(async move {
            let mut chance = Chance(seed.wrapping_mul(1_000_003).wrapping_add(caller as u64));
            let mut told: HashMap<Code, usize> = HashMap::new();
            let mut maker = Maker::default();
            for case in 0..cases / CALLERS {
                let method = &methods[chance.below(methods.len())];
                if SLOW.contains(&method.name()) && !chance.percent(1) {
                    continue;
                }
                let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
                let messages = if method.is_client_streaming() { 1 + chance.below(20) } else { 1 };
                let messages: Vec<Bytes> =
                    (0..messages).map(|_| maker.message(&method.input(), &mut chance)).collect();
                let before = panics::seen();
                let code = raw::call(&transport, &path, messages.clone(), method.is_server_streaming()).await;
                let replay = || {
                    let told: String = format!("{messages:?}").chars().take(2_000).collect();
                    format!("seed {seed}, caller {caller}, case {case}: {path} {told}")
                };
                let (code, text) = code;
                assert!(panics::seen() == before, "a panic: {}", replay());
                let broken = matches!(code, Code::Internal | Code::Unknown | Code::DataLoss);
                // tonic's word for bytes that are no message.
                let is_no_message = text.contains("failed to decode Protobuf message");
                assert!(!broken || is_no_message, "{code:?} {text}: {}", replay());
                *told.entry(code).or_default() += 1;
            }
            told
        })
    });
    let callers: Vec<_> = callers.collect();
    let mut told: HashMap<Code, usize> = HashMap::new();
    for caller in callers {
        for (code, count) in caller.await.expect("no case failed") {
            *told.entry(code).or_default() += count;
        }
    }
    let all: usize = told.values().sum();
    println!("{all} cases in {:?}: {told:?}", begun.elapsed());
    // Some have to get through, or nothing behind the door was tried.
    let through = told.get(&Code::Ok).copied().unwrap_or_default();
    assert!(through * 50 > all, "{through} of {all} were taken");
    assert_eq!(panics::seen(), 0);
    // What was begun ends first: a restore puts another store in place.
    let findings = running.live.store().verify().await.expect("verified");
    assert!(findings.is_empty(), "{findings:?}");
}
