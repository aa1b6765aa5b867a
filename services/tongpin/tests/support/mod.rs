//! What the tests of the service as a process share: the process, names of goods, and chance that can be repeated.
#![allow(dead_code)] // each test binary uses a part

pub mod wire;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A `tongpin serve` of one's own.
pub struct Served {
    pub child: Child,
    /// The admin key, on the first start.
    pub key: Option<String>,
    pub address: String,
}

/// Over a folder.
pub fn serve(data: &Path) -> Served {
    serve_with([OsStr::new("--data"), data.as_os_str()], Stdio::piped())
}

/// With flags; its log goes to `stderr`.
pub fn serve_with<S: AsRef<OsStr>>(flags: impl IntoIterator<Item = S>, stderr: Stdio) -> Served {
    let child = Command::new(env!("CARGO_BIN_EXE_tongpin"))
        .args(["serve", "--lang", "en", "--listen", "127.0.0.1:0"])
        .args(flags)
        .env_remove("TONGPIN_LOG")
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .expect("the program starts");
    let mut served = Served { child, key: None, address: String::new() };
    let mut lines = BufReader::new(served.child.stdout.take().expect("a pipe")).lines();
    loop {
        let line = lines.next().expect("it says where it listens").expect("text");
        if let Some(secret) = line.strip_prefix("admin key (shown this once): ") {
            served.key = Some(secret.to_owned());
        }
        if let Some(address) = line.strip_prefix("listening on ") {
            address.clone_into(&mut served.address);
            return served;
        }
    }
}

impl Served {
    /// As a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status();
        assert!(sent.expect("kill runs").success(), "{name} reaches the process");
    }
}

impl Drop for Served {
    /// A failed test leaves no process behind; both fail where it has ended already.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and the same everywhere.
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }
}

const BRANDS: [&str; 6] = ["海天", "立白", "统一", "伊利", "清风", "洽洽"];
const GOODS: [&str; 10] =
    ["酱油", "陈醋", "洗洁精", "矿泉水", "花生油", "沐浴露", "洗衣液", "白酒", "牛奶", "果汁"];
const SIZES: [(&str, &str); 6] = [
    ("100g", "100克"),
    ("250g", "0.25kg"),
    ("500ml", "0.5L"),
    ("1L", "1升"),
    ("1.5L", "1500ml"),
    ("2kg", "2千克"),
];

/// Different products that [`name`] knows.
pub const PRODUCTS: usize = BRANDS.len() * GOODS.len() * SIZES.len();

/// A product as a node writes it; there are three ways.
pub fn name(product: usize, node: usize) -> String {
    let brand = BRANDS[product % BRANDS.len()];
    let good = GOODS[product / BRANDS.len() % GOODS.len()];
    let (size, other) = SIZES[product / (BRANDS.len() * GOODS.len()) % SIZES.len()];
    match node % 3 {
        0 => format!("{brand}{good}{size}"),
        1 => format!("{brand} {good} {other}"),
        _ => format!("{good}({brand}) {size}"),
    }
}
