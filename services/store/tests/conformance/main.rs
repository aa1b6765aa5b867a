//! What every backend has to do, said once. On SQLite each case is a test of its own; on PostgreSQL all run on one
//! throwaway server, a database each.
#![allow(clippy::unwrap_used)] // also in the helpers of tests

#[path = "../support/mod.rs"]
mod support;

mod cases;
mod fixture;

use fixture::Fixture;
use std::future::Future;
use std::pin::Pin;

type Case = fn(Fixture) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! suite {
    ($($module:ident: $($case:ident),+;)+) => {
        const CASES: &[(&str, Case)] = &[
            $($((stringify!($case), |fixture| Box::pin(cases::$module::$case(fixture)))),+),+
        ];

        mod sqlite {
            $(mod $module {
                $(#[test]
                fn $case() {
                    crate::on_sqlite(|fixture| Box::pin(crate::cases::$module::$case(fixture)));
                })+
            })+
        }
    };
}

suite! {
    catalog: nodes_live_and_are_archived, skus_live_and_are_deleted, the_same_again_changes_nothing, a_sku_needs_a_node,
        odd_texts_survive, unkeepable_values_are_refused, a_batch_is_whole_or_absent, states_are_counted,
        pages_stay_in_place, codes_are_looked_up, candidates_are_replaced, everything_survives_reopening;
    masters: a_code_is_translated, one_sku_a_node, merges_redirect, only_live_masters_take_merges, rules_hold_at_the_end, a_linked_sku_is_renamed,
        links_are_found_from_both_sides, revisions_tell_the_history, a_node_narrows;
    reviews: the_queue_gives_the_most_valuable, leases_end, held_reviews_are_renewed_released_reassigned,
        two_stewards_never_get_the_same, filters_and_stats, one_question_at_a_time;
    rules: decisions_hold_until_undone, policies_are_numbered_and_activated, one_scorer_is_in_use;
    logs: the_log_tells_everything, a_trimmed_log_says_so, writers_leave_no_gap, followers_are_woken, requests_repeat,
        parallel_requests_are_kept_once, a_dry_run_keeps_nothing, the_audit_log_is_read, positions_are_kept,
        a_dropped_write_is_whole_or_absent;
    access: keys_open_and_end, users_prove_themselves, sessions_are_kept_until_they_end;
    soundness: a_sound_store_verifies, verify_finds_what_is_broken;
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn on_sqlite(case: Case) {
    runtime().block_on(async {
        let fixture = Fixture::sqlite().await;
        case(fixture).await;
    });
}

#[test]
fn postgres() {
    let server = support::postgres::Server::start(support::postgres::Fsync::Off);
    let runtime = runtime();
    let mut failed = Vec::new();
    for (name, case) in CASES {
        let url = server.database(name);
        let done = runtime.block_on(async move {
            let fixture = Fixture::postgres(url).await;
            tokio::spawn(case(fixture)).await
        });
        println!("postgres {name}: {}", if done.is_ok() { "ok" } else { "FAILED" });
        if done.is_err() {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "on PostgreSQL: {failed:?}");
}
