//! kill -9 in the middle of everything: writers, importers, finders, deciders and watchers work on a real `tongpin serve`
//! that dies again and again, and go on where they were. At the end:
//!
//! - what was acknowledged is there, once, in the order of the acknowledgements (`check::history`);
//! - two watchers saw the same log, each number once and none left out, and what the log says is what the store holds
//!   (`check::log`);
//! - the rules of the data hold (`check::rules`): every SKU in one state and none forgotten, one SKU of a node a master,
//!   no contradiction inside a master that the machine made, decisions kept, old masters' names leading somewhere.
//!
//! The short form runs with the other tests. The long one, thirty minutes with a death every minute:
//!
//! ```text
//! TONGPIN_CHAOS_SECONDS=1800 TONGPIN_CHAOS_KILL_SECONDS=60 cargo test --release -p tongpin --test chaos -- --nocapture
//! ```
//!
//! `TONGPIN_CHAOS_SEED` draws other lots; the seed is printed.

#[path = "../../../store/tests/support/postgres.rs"]
#[allow(dead_code)]
mod postgres;
#[path = "../support/mod.rs"]
mod support;

mod book;
mod check;
mod load;

use book::Book;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::wire::{Keys, Wire};
use support::{Chance, Served, serve_with};

struct Plan {
    seed: u64,
    lasts: Duration,
    /// From one death to the next, on average.
    life: Duration,
    /// How long a database stays dead.
    away: Duration,
}

impl Plan {
    fn of_environment() -> Plan {
        let number = |name: &str, usual: u64| {
            std::env::var(name).map_or(usual, |text| text.parse().expect("a whole number"))
        };
        Plan {
            seed: number("TONGPIN_CHAOS_SEED", 7),
            lasts: Duration::from_secs(number("TONGPIN_CHAOS_SECONDS", 15)),
            life: Duration::from_secs(number("TONGPIN_CHAOS_KILL_SECONDS", 4)),
            away: Duration::from_secs(number("TONGPIN_CHAOS_AWAY_SECONDS", 2)),
        }
    }
}

/// Starts the server; what it logs is kept beside the data.
fn start(flags: &[OsString], log: &Path) -> Served {
    let log = std::fs::File::options().create(true).append(true).open(log).expect("a log");
    serve_with(flags, Stdio::from(log))
}

/// Whose death it is.
enum Victim {
    Service,
    /// The service lives and has to find back by itself.
    Database(postgres::Server),
}

async fn run(plan: Plan, flags: Vec<OsString>, folder: &Path, mut victim: Victim) {
    println!("seed {}, {:?}, a death every {:?} or so", plan.seed, plan.lasts, plan.life);
    let log = folder.join("log");
    let mut served = start(&flags, &log);
    let admin = served.key.take().expect("the first start shows a key");
    let wire = Wire::new(&served.address);
    let keys = Keys::make(&wire, &admin).await;
    let until = Instant::now() + plan.lasts;
    let book = Arc::new(Mutex::new(Book::default()));
    let load = load::begin(&wire, &keys, &book, plan.seed, until);

    let mut chance = Chance(plan.seed ^ 0xDEAD);
    let mut deaths = 0;
    loop {
        // Half to one and a half lives, to the microsecond: anywhere inside a write.
        let life = plan.life / 2 + Duration::from_micros(chance.next() % plan.life.as_micros() as u64);
        if Instant::now() + life > until {
            break;
        }
        tokio::time::sleep(life).await;
        deaths += 1;
        if let Victim::Database(mut server) = victim {
            victim = tokio::task::spawn_blocking(move || {
                server.stop();
                std::thread::sleep(plan.away);
                server.resume();
                Victim::Database(server)
            })
            .await
            .expect("started again");
            continue;
        }
        served.kill();
        served = tokio::task::spawn_blocking({
            let (flags, log) = (flags.clone(), log.clone());
            move || start(&flags, &log)
        })
        .await
        .expect("started again");
        wire.moved_to(&served.address);
    }
    let begun = Instant::now();
    load.end().await;
    println!("the last answers came {:?} after the end", begun.elapsed());
    let book =
        Arc::into_inner(book).expect("all clients have ended").into_inner().expect("no client panicked");
    println!("{deaths} deaths; {}", book.told());
    check::all(&wire, &keys, &book).await;
    assert!(deaths > 0 && book.is_worth_it(), "too little happened to say anything");

    served.signal("-TERM");
    let status = served.child.wait().expect("it ends");
    assert!(status.success(), "{status}");
    let log = std::fs::read_to_string(&log).expect("a log");
    assert!(!log.contains("panicked"), "{log}");
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    // A database that was started again ends with the thread that started it (`--pdeathsig` of `setpriv`): that must not be
    // one that goes after ten idle seconds.
    builder.worker_threads(2).thread_keep_alive(Duration::from_secs(86_400));
    builder.enable_all().build().expect("a runtime")
}

#[test]
fn nothing_is_lost_on_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    runtime().block_on(run(
        Plan::of_environment(),
        vec!["--data".into(), data.into()],
        folder.path(),
        Victim::Service,
    ));
}

#[test]
fn nothing_is_lost_on_postgres() {
    let server = postgres::Server::start(postgres::Fsync::Off);
    let folder = tempfile::tempdir().expect("a folder");
    let flags = vec!["--store".into(), server.database("chaos").into()];
    runtime().block_on(run(Plan::of_environment(), flags, folder.path(), Victim::Service));
}

/// The database dies under the service; thirty seconds at a time:
///
/// ```text
/// TONGPIN_CHAOS_SECONDS=180 TONGPIN_CHAOS_KILL_SECONDS=30 TONGPIN_CHAOS_AWAY_SECONDS=30 cargo test --release -p tongpin --test chaos the_database -- --nocapture
/// ```
#[test]
fn the_database_dies_and_comes_back() {
    let server = postgres::Server::start(postgres::Fsync::On);
    let folder = tempfile::tempdir().expect("a folder");
    let flags = vec!["--store".into(), server.database("chaos").into()];
    runtime().block_on(run(Plan::of_environment(), flags, folder.path(), Victim::Database(server)));
}
