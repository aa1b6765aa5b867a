//! `tongpin serve` as a process: its first start, the Python example against it, kill -9 and start again, and a clean stop.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Served, serve, serve_with};

/// (status, body)
fn ask(served: &Served, request: &str) -> (u16, String) {
    let host = served.address.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).expect("a connection");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (status, answer)
}

fn wait_until_ready(served: &Served) {
    let start = Instant::now();
    while ask(served, "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").0 != 200 {
        assert!(start.elapsed() < Duration::from_secs(60), "the index is never built");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn get_sku(served: &Served, key: &str) -> (u16, String) {
    let body = "{\"name\":\"nodes/shop/skus/A1\"}";
    let length = body.len();
    let request = format!(
        "POST /tongpin.v1.CatalogService/GetSku HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    ask(served, &request)
}

fn run_example(served: &Served, key: &str) -> String {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/examples/first_steps.py");
    let output =
        Command::new("python3").arg(example).args([&served.address, key]).output().expect("python3 runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

#[test]
fn a_service_is_started_used_killed_and_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut served = serve(folder.path());
    let key = served.key.take().expect("the first start shows a key");
    wait_until_ready(&served);
    let told = run_example(&served, &key);
    assert!(told.contains("nodes/warehouse/skus/W-17"), "{told}");
    assert_eq!(get_sku(&served, &key).0, 200);
    assert_eq!(get_sku(&served, "tp_0000000000000000_x").0, 401);

    // As a power cut would.
    served.child.kill().expect("killed");
    served.child.wait().expect("gone");
    let mut served = serve(folder.path());
    assert!(served.key.is_none(), "the key is shown once");
    wait_until_ready(&served);
    let (status, answer) = get_sku(&served, &key);
    assert!(status == 200 && answer.contains("海天酱油500ml"), "{answer}");
    assert!(run_example(&served, &key).contains("nodes/warehouse/skus/W-17"));

    let pid = served.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
    let status = served.child.wait().expect("it ends");
    assert!(status.success(), "{status}");
    let mut log = String::new();
    served.child.stderr.take().expect("a pipe").read_to_string(&mut log).expect("text");
    assert!(log.lines().all(|line| line.starts_with('{')), "JSON lines: {log}");
    assert!(!log.contains("tp_") && !log.contains("酱油"), "no key, no name: {log}");
}

#[test]
fn wrong_settings_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("tongpin.toml");
    for (text, args, expected) in [
        ("listn = \"127.0.0.1:1\"", vec![], "unknown field `listn`"),
        ("listen = \"here\"", vec![], "invalid socket address"),
        ("", vec![], "--data DIR"),
        ("data = \"d\"", vec!["--tls-cert", "c.pem"], "--tls-key"),
    ] {
        std::fs::write(&config, text).expect("written");
        let output = Command::new(env!("CARGO_BIN_EXE_tongpin"))
            .current_dir(folder.path())
            .args(["serve", "--lang", "en", "--config", "tongpin.toml"])
            .args(args)
            .output()
            .expect("the program runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(expected), "{text}: {told}");
    }
}

/// Flags win over the example's data folder and address; everything else in it is read.
#[test]
fn the_example_settings_are_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/operate/tongpin.toml");
    let flags = ["--config".as_ref(), example.as_os_str(), "--data".as_ref(), folder.path().as_os_str()];
    let served = serve_with(flags, Stdio::null());
    wait_until_ready(&served);
}
