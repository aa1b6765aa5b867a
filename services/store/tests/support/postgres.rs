//! A PostgreSQL server of one's own: made in a temporary folder, gone with its owner. Needs Debian's `postgresql`
//! package; without it the tests fail and say how to get it, because a backend that is not tested is not supported.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub struct Server {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    fsync: Fsync,
    child: Option<Child>,
}

/// Whether commits wait for the disk.
#[derive(Clone, Copy)]
pub enum Fsync {
    /// As in earnest.
    On,
    /// Faster, for tests that pull no plug.
    Off,
}

/// Debian keeps the server's programs out of the path, one folder a version.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    let found = folders.into_iter().find(|folder| folder.join("initdb").exists());
    found.expect("PostgreSQL is not here: `apt-get install postgresql` (cargo xtask test does it)")
}

/// PostgreSQL refuses to run as root; then its own user does.
fn as_user(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    // Goes when the test goes, however it goes.
    command.arg("--pdeathsig=QUIT");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    command.arg("--").arg(program).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    command
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("id runs");
    output.stdout.trim_ascii() == b"0"
}

impl Server {
    pub fn start(fsync: Fsync) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("own folder");
        fs::create_dir(&data).expect("own folder");
        if is_root() {
            let changed = Command::new("chown").arg("postgres:").arg(&data).status();
            assert!(changed.expect("chown runs").success());
        }
        let programs = programs();
        let made = as_user(&programs.join("initdb"))
            .arg("-D")
            .arg(&data)
            .args(["-U", "tongpin", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"])
            .status();
        assert!(made.expect("initdb runs").success(), "initdb failed");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let mut server = Server { folder, programs, port, fsync, child: None };
        server.resume();
        server
    }

    /// Starts it, or starts it again.
    pub fn resume(&mut self) {
        let fsync = match self.fsync {
            Fsync::On => "fsync=on",
            Fsync::Off => "fsync=off",
        };
        let child = as_user(&self.programs.join("postgres"))
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", fsync])
            .args(["-c", "unix_socket_directories=", "-c", "max_connections=200"])
            .spawn();
        self.child = Some(child.expect("postgres starts"));
        let start = Instant::now();
        while !self.answers() {
            assert!(start.elapsed() < Duration::from_secs(60), "PostgreSQL does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn answers(&self) -> bool {
        let ready = Command::new(self.programs.join("pg_isready"))
            .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .status();
        TcpStream::connect(("127.0.0.1", self.port)).is_ok() && ready.is_ok_and(|status| status.success())
    }

    /// Stops it as a power cut would.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status();
            let _ = child.wait();
        }
    }

    /// Makes a database; its address.
    pub fn database(&self, name: &str) -> String {
        let made = Command::new(self.programs.join("createdb"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "tongpin", name])
            .status();
        assert!(made.expect("createdb runs").success(), "createdb {name} failed");
        format!("postgres://tongpin@127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
