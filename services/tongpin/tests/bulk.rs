//! Files and a service: a run's result becomes a store, files are sent to a server, and what the server holds comes back as
//! the contract files. Over a wire that breaks and over TLS too.

mod support;

use assert_cmd::Command;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::wire::{Wire, verify};
use support::{Served, serve, serve_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const RECORDS: &str = "\
node,sku,name,brand,spec
shop,1,可口可乐500ml,,
shop,2,农夫山泉 550ml,,
shop,3,海天金标生抽500ml,,
shop,4,得力订书机,得力,
一号网店,x/1,Coca-Cola 可口可乐 汽水 500毫升,可口可乐,500ml
一号网店,x/2,农夫山泉 饮用天然水 550ml,农夫山泉,550ml
一号网店,x/3,海天 金标生抽 500ml,海天,500ml
一号网店,x/4,农夫山泉 饮用天然水 1.5L,农夫山泉,1.5L
";

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/demo/records.csv")
}

/// Runs, expects a code, gives stdout and stderr.
fn run<S: AsRef<OsStr>>(key: &str, arguments: &[S], code: i32) -> (String, String) {
    let output = Command::cargo_bin("tongpin")
        .expect("the binary")
        .env("LC_ALL", "en_US.UTF-8")
        .env("TONGPIN_KEY", key)
        .args(arguments)
        .output()
        .expect("started");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    (out.into_owned(), err.into_owned())
}

fn words<'a>(line: &'a str, paths: &[&'a Path]) -> Vec<&'a OsStr> {
    let mut paths = paths.iter();
    let word = |word: &'a str| match word {
        "_" => paths.next().expect("a path").as_os_str(),
        word => OsStr::new(word),
    };
    line.split(' ').map(word).collect()
}

/// (node, sku) → master
fn masters(folder: &Path) -> BTreeMap<(String, String), String> {
    let mut reader = csv::Reader::from_path(folder.join("masters.csv")).expect("readable");
    let rows = reader.deserialize::<((String, String), String)>();
    rows.map(|row| row.expect("a row")).collect()
}

type Key = (String, String);

fn pairs(masters: &BTreeMap<Key, String>) -> BTreeSet<(&Key, &Key)> {
    let mut groups: BTreeMap<&str, Vec<&Key>> = BTreeMap::new();
    for (key, master) in masters {
        groups.entry(master).or_default().push(key);
    }
    let mut pairs = BTreeSet::new();
    for members in groups.values() {
        for (at, left) in members.iter().enumerate() {
            pairs.extend(members[at + 1..].iter().map(|right| (*left, *right)));
        }
    }
    pairs
}

fn lines(folder: &Path, name: &str) -> usize {
    fs::read_to_string(folder.join(name)).expect("a file").lines().count()
}

async fn client(served: &Served, key: &str) -> client::Client {
    client::Client::connect(&client::Settings::new(&served.address, key)).await.expect("a connection")
}

async fn is_sound(served: &Served, key: &str) {
    let findings = verify(&Wire::new(&served.address), key).await;
    assert_eq!(findings.finding_count, 0, "{:?}", findings.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runs_result_becomes_a_services_store() {
    let room = tempfile::tempdir().expect("a folder");
    let (out, data, records) = (room.path().join("out"), room.path().join("data"), demo());
    run("", &words("link _ --out _", &[&records, &out]), 0);
    let loading = words("load _ --from _ --data _", &[&records, &out, &data]);
    let (told, _) = run("", &loading, 0);
    assert!(told.contains("1,696 records") && told.contains("0 records were there"), "{told}");
    // Once more: nothing new.
    let (told, _) = run("", &loading, 0);
    assert!(told.contains("loaded   0 records") && told.contains("1,696 records were there"), "{told}");

    let mut served = serve(&data);
    let key = served.key.take().expect("a store without a key shows one");
    let client = client(&served, &key).await;
    let run_says = masters(&out);
    let sizes = run_says.values().fold(BTreeMap::<&str, usize>::new(), |mut sizes, master| {
        *sizes.entry(master).or_default() += 1;
        sizes
    });
    let mut compared = 0;
    for node in run_says.keys().map(|(node, _)| node).collect::<BTreeSet<_>>() {
        for sku in client.skus(node, &[]).await.expect("listed") {
            let ids = api::names::sku_ids(&sku.name).expect("a name");
            let master = &run_says[&ids];
            if sizes[master.as_str()] > 1 {
                assert_eq!(sku.master, format!("masters/{master}"), "{ids:?}");
                compared += 1;
            }
            assert_ne!(sku.match_state(), api::v1::MatchState::NotRun, "{ids:?}");
        }
    }
    assert!(compared > 1_000, "{compared} records share their master with another");
    // Questions are those of the run, but for what the store's groups have settled.
    let asked: BTreeSet<(String, String)> = client
        .questions()
        .await
        .expect("listed")
        .into_iter()
        .map(|review| api::names::sku_ids(&review.sku).expect("a name"))
        .collect();
    let mut reader = csv::Reader::from_path(out.join("review.csv")).expect("readable");
    let of_run: BTreeSet<(String, String)> = reader
        .records()
        .map(|row| row.expect("a row"))
        .map(|row| (row[0].to_owned(), row[1].to_owned()))
        .collect();
    let both = asked.intersection(&of_run).count();
    assert!(
        both * 10 > of_run.len() * 9 && both * 10 > asked.len() * 9,
        "{both} of {} and {}",
        asked.len(),
        of_run.len()
    );
    // A link of the run says where it is from.
    let some = run_says.iter().find(|(_, master)| sizes[master.as_str()] > 1).expect("a group").1;
    let links = client.links_of(&format!("masters/{some}")).await.expect("links");
    assert!(
        !links.is_empty() && links.iter().all(|link| link.cause() == api::v1::link::Cause::Import),
        "{links:?}"
    );
    is_sound(&served, &key).await;
}

#[test]
fn what_cannot_be_loaded_is_told() {
    let room = tempfile::tempdir().expect("a folder");
    let path = |name: &str| room.path().join(name);
    let (records, out, data) = (path("records.csv"), path("out"), path("data"));
    fs::write(&records, RECORDS).expect("written");
    run("", &words("link _ --out _", &[&records, &out]), 0);
    run("", &words("load _ --from _ --data _", &[&records, &out, &data]), 0);

    let changed = path("changed.csv");
    fs::write(&changed, RECORDS.replace("可口可乐500ml", "百事可乐500ml")).expect("written");
    let fewer = path("fewer.csv");
    fs::write(&fewer, RECORDS.lines().take(5).collect::<Vec<_>>().join("\n")).expect("written");
    let more = path("more.csv");
    fs::write(&more, format!("{RECORDS}shop,9,新货,,\n")).expect("written");
    let stranger = path("stranger");
    fs::create_dir(&stranger).expect("a folder");
    fs::write(stranger.join("summary.json"), "{}").expect("written");
    let none = path("none");
    for (records, from, expected) in [
        (&changed, &out, "shop/1 is in the store already"),
        (&fewer, &out, "is in no table given"),
        (&more, &out, "shop/9 is not in it"),
        (&records, &stranger, "not written by `tongpin link`"),
        (&records, &none, "cannot be read"),
    ] {
        let (_, told) = run("", &words("load _ --from _ --data _", &[records, from, &data]), 1);
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_sent_and_come_back_linked() {
    let room = tempfile::tempdir().expect("a folder");
    let path = |name: &str| room.path().join(name);
    let records = path("records.csv");
    fs::write(&records, RECORDS).expect("written");
    let mut served = serve(&path("data"));
    let key = served.key.take().expect("the first start shows a key");
    let url = served.address.clone();
    let import = format!("import _ --server {url}");
    let (told, _) = run(&key, &words(&import, &[&records]), 0);
    assert!(told.contains("2, 2 of them new") && told.contains("8 sent: 8 new or changed"), "{told}");
    let (told, _) = run(&key, &words(&import, &[&records]), 0);
    assert!(told.contains("2, 0 of them new") && told.contains("0 new or changed, 8 as before"), "{told}");

    let (local, there) = (path("local"), path("there"));
    run("", &words("link _ --out _", &[&records, &local]), 0);
    let (told, _) = run(&key, &words(&format!("link _ --out _ --server {url}"), &[&records, &there]), 0);
    assert!(told.contains("questions in review.csv"), "{told}");
    let (by_run, by_service) = (masters(&local), masters(&there));
    assert_eq!(by_run.keys().collect::<Vec<_>>(), by_service.keys().collect::<Vec<_>>());
    assert_eq!(pairs(&by_run), pairs(&by_service));
    assert!(lines(&there, "links.csv") > 1);
    let summary: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(there.join("summary.json")).expect("a file")).expect("JSON");
    assert_eq!((&summary["tool"], &summary["records"]["accepted"]), (&"tongpin".into(), &8.into()));

    // The shop sells two things less and one the server cannot keep: its code is too long.
    let left: Vec<&str> =
        RECORDS.lines().filter(|line| !line.starts_with("shop,4") && !line.starts_with("shop,2")).collect();
    fs::write(&records, format!("{}\nshop,{},长编码,,\n", left.join("\n"), "9".repeat(600)))
        .expect("written");
    let (told, err) = run(&key, &words(&format!("{import} --replace"), &[&records]), 3);
    assert!(told.contains("deleted  2") && told.contains("1 refused"), "{told}");
    assert!(err.contains("600 bytes long"), "{err}");
    is_sound(&served, &key).await;

    // Who may not, and what cannot be reached.
    let reader = {
        let api_key = api::v1::ApiKey { role: api::v1::Role::Reader.into(), ..Default::default() };
        let request = api::v1::CreateApiKeyRequest { api_key: Some(api_key) };
        let mut admin = client(&served, &key).await.admin();
        admin.create_api_key(request).await.expect("a key").into_inner().secret
    };
    for (key, url, expected) in [
        (reader.as_str(), url.as_str(), "needs a node's own key or an admin's"),
        ("tp_0000000000000000_x", &url, "this key is none"),
        ("", &url, "send your key"),
        (&key, "http://127.0.0.1:9", "cannot reach http://127.0.0.1:9"),
        (&key, "127.0.0.1:9", "is no address"),
    ] {
        let (_, told) = run(key, &words(&format!("import _ --server {url}"), &[&records]), 1);
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let (_, told) = run(&key, &words("link _ --out _ --server x --auto 0.9", &[&records, &there]), 2);
    assert!(told.contains("cannot be used with"), "{told}");
}

/// Passes bytes on, and cuts the first connections off after so many bytes from the client.
async fn breaking_wire(to: String, after: usize, times: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let to = to.trim_start_matches("http://").to_owned();
    let cut = Arc::new(AtomicUsize::new(0));
    let counting = cut.clone();
    tokio::spawn(async move {
        loop {
            let (from, _) = listener.accept().await.expect("a connection");
            let (to, cut) = (TcpStream::connect(&to).await.expect("the server"), counting.clone());
            tokio::spawn(async move {
                let ((mut up, mut down), (mut back, mut on)) = (from.into_split(), to.into_split());
                let answers = tokio::spawn(async move { tokio::io::copy(&mut back, &mut down).await });
                let (mut passed, mut some) = (0, vec![0; 4_096]);
                while let Ok(count @ 1..) = up.read(&mut some).await {
                    passed += count;
                    if passed > after && cut.load(Ordering::SeqCst) < times {
                        cut.fetch_add(1, Ordering::SeqCst);
                        break;
                    }
                    if on.write_all(&some[..count]).await.is_err() {
                        break;
                    }
                }
                answers.abort();
            });
        }
    });
    (address, cut)
}

/// Every row is acknowledged once, whatever breaks; what was kept though its acknowledgement got lost is not kept twice.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_goes_on_after_a_break() {
    const ROWS: usize = 3_000;
    let room = tempfile::tempdir().expect("a folder");
    let mut served = serve(&room.path().join("data"));
    let key = served.key.take().expect("the first start shows a key");
    let (address, cut) = breaking_wire(served.address.clone(), 60_000, 3).await;
    let through =
        client::Client::connect(&client::Settings::new(&address, &key)).await.expect("a connection");
    through.ensure_node("shop").await.expect("a node");
    let row = |at: usize| api::v1::Sku {
        name: api::names::sku("shop", &format!("{at}")),
        attributes: Some(api::v1::SkuAttributes {
            display_name: format!("{}{}", support::name(at % support::PRODUCTS, at), at / support::PRODUCTS),
            ..Default::default()
        }),
        ..Default::default()
    };
    let rows: Vec<api::v1::Sku> = (0..ROWS).map(row).collect();
    let import = client::Import { node: Some("shop".to_owned()), id: "1".to_owned(), replace: false };
    let mut heard = Vec::new();
    let outcome = through.import(&rows, &import, |ack| heard.push(ack.row)).await.expect("all rows");
    assert_eq!(heard, (1..=ROWS as i64).collect::<Vec<_>>());
    assert_eq!((cut.load(Ordering::SeqCst), outcome.breaks), (3, 3), "{outcome:?}");
    assert_eq!((outcome.changed + outcome.unchanged, outcome.refused.len()), (ROWS, 0), "{outcome:?}");
    let held = client(&served, &key).await.skus("shop", &[]).await.expect("listed");
    assert_eq!(held.len(), ROWS);
    is_sound(&served, &key).await;
}

#[test]
fn files_are_sent_over_tls_with_a_certificate_shown() {
    let room = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: &str| {
        let path = room.path().join(name);
        fs::write(&path, text).expect("written");
        path
    };
    let authority = || {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "tests");
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("signed").pem();
        (pem, Issuer::new(params, key))
    };
    let signed = |issuer: &Issuer<'static, KeyPair>, file: &str| {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
        let pem = params.signed_by(&key, issuer).expect("signed").pem();
        (put(&format!("{file}.pem"), &pem), put(&format!("{file}.key"), &key.serialize_pem()))
    };
    let (pem, issuer) = authority();
    let ca = put("ca.pem", &pem);
    let ((server, server_key), (till, till_key)) = (signed(&issuer, "server"), signed(&issuer, "till"));
    let data = room.path().join("data");
    let flags: [&OsStr; 8] = [
        "--data".as_ref(),
        data.as_ref(),
        "--tls-cert".as_ref(),
        server.as_ref(),
        "--tls-key".as_ref(),
        server_key.as_ref(),
        "--tls-client-ca".as_ref(),
        ca.as_ref(),
    ];
    let mut served = serve_with(flags, Stdio::null());
    let key = served.key.take().expect("the first start shows a key");
    assert!(served.address.starts_with("https://"), "{}", served.address);
    let records = put("records.csv", RECORDS);
    let import = format!("import _ --server {} --server-ca _ --cert _ --cert-key _", served.address);
    let (told, _) = run(&key, &words(&import, &[&records, &ca, &till, &till_key]), 0);
    assert!(told.contains("8 sent: 8 new or changed"), "{told}");
    // Without a certificate to show, and without knowing whom to believe.
    let without = format!("import _ --server {} --server-ca _", served.address);
    run(&key, &words(&without, &[&records, &ca]), 1);
    let (_, told) = run(&key, &words(&format!("import _ --server {}", served.address), &[&records]), 1);
    assert!(told.contains("UnknownIssuer"), "{told}");
}
