//! The disk is full under the running service: writes are refused with a reason, reads go on, nothing acknowledged is lost,
//! and when there is room again the service writes again by itself.
//!
//! A limit on the size of files (RLIMIT_FSIZE) stands for the full disk, since anybody may set it; as root, on a real small
//! disk: `cargo test -p tongpin --test disk -- --ignored`.

mod support;

use api::v1;
use api::v1::catalog_service_client::CatalogServiceClient;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::wire::{Keys, Wire, verify};
use support::{PRODUCTS, name, serve_with};
use tonic::Code;
use tonic_types::StatusExt;

fn run(program: &str, args: &[&str]) {
    let done = Command::new(program).args(args).status();
    assert!(done.unwrap_or_else(|error| panic!("{program}: {error}")).success(), "{program} {args:?}");
}

async fn write(wire: &Wire, key: &str, at: usize) -> Result<(), tonic::Status> {
    let request = |number: usize| {
        let attributes = v1::SkuAttributes {
            display_name: name(number % PRODUCTS, 0),
            description: Some("长".repeat(500)),
            ..Default::default()
        };
        let sku = v1::Sku {
            name: format!("nodes/w0/skus/{number}"),
            attributes: Some(attributes),
            ..Default::default()
        };
        v1::UpdateSkuRequest { sku: Some(sku), allow_missing: true, ..Default::default() }
    };
    let requests = (at * 20..at * 20 + 20).map(request).collect();
    let batch = v1::BatchUpdateSkusRequest { parent: "nodes/w0".to_owned(), requests, ..Default::default() };
    CatalogServiceClient::new(wire.with(key)).batch_update_skus(batch).await.map(drop)
}

async fn fill_up(data: &Path, fill: impl FnOnce(u32), empty: impl FnOnce(u32)) {
    let log = data.parent().expect("a folder around it").join("log");
    let stderr = Stdio::from(std::fs::File::create(&log).expect("a log"));
    let served = serve_with([std::ffi::OsStr::new("--data"), data.as_os_str()], stderr);
    let admin = served.key.clone().expect("the first start shows a key");
    let wire = Wire::new(&served.address);
    let keys = Keys::make(&wire, &admin).await;
    let mut kept = 0;
    write(&wire, &keys.node, kept).await.expect("there is room at first");
    kept += 1;
    fill(served.child.id());
    let refused = loop {
        match write(&wire, &keys.node, kept).await {
            Ok(()) => kept += 1,
            Err(status) => break status,
        }
        assert!(kept < 400, "the disk is never full");
    };
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    let info = refused.get_details_error_info().expect("a reason");
    assert_eq!(info.reason, "STORE_UNAVAILABLE", "{refused:?}");
    let read = v1::GetSkuRequest { name: "nodes/w0/skus/0".to_owned(), ..Default::default() };
    CatalogServiceClient::new(wire.with(&keys.reader)).get_sku(read).await.expect("reads go on");

    empty(served.child.id());
    let begun = Instant::now();
    while let Err(status) = write(&wire, &keys.node, kept).await {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not write again: {status:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    kept += 1;
    for number in 0..kept * 20 {
        let read = v1::GetSkuRequest { name: format!("nodes/w0/skus/{number}"), ..Default::default() };
        let row = CatalogServiceClient::new(wire.with(&keys.reader)).get_sku(read).await;
        let sku = row.expect("what was acknowledged is there").into_inner().sku.expect("a SKU");
        assert_eq!(sku.attributes.expect("attributes").display_name, name(number % PRODUCTS, 0));
    }
    let findings = verify(&wire, &admin).await;
    assert_eq!(findings.finding_count, 0, "{:?}", findings.findings);
    let log = std::fs::read_to_string(&log).expect("a log");
    assert!(!log.contains("panicked"), "{log}");
    println!("{} SKUs kept around a full disk", kept * 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_files_is_reached() {
    let folder = tempfile::tempdir().expect("a folder");
    let limit = |pid: u32, bytes: &str| {
        run("prlimit", &["--pid", &pid.to_string(), &format!("--fsize={bytes}:unlimited")]);
    };
    fill_up(&folder.path().join("data"), |pid| limit(pid, "1500000"), |pid| limit(pid, "unlimited")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "mounts a small disk: needs root"]
async fn a_small_disk_is_full() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("own folder");
    let place = data.to_str().expect("text").to_owned();
    run("mount", &["-t", "tmpfs", "-o", "size=6m", "tmpfs", &place]);
    let test = fill_up(&data, |_| {}, |_| run("mount", &["-o", "remount,size=64m", &place]));
    test.await;
    run("umount", &["-l", &place]);
}
