//! A real Chromium, driven by its own protocol (DevTools): pages, keys, pictures, and what the browser complains about.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

/// Longer than any page may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Chromium {
    process: Child,
    socket: WebSocket<TcpStream>,
    session: String,
    last: u64,
    /// What the browser complained about: scripts that failed, content that the policy stopped, requests that went wrong.
    pub complaints: Vec<String>,
    _profile: TempDir,
}

fn program() -> PathBuf {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let usual =
        ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].map(PathBuf::from);
    named.into_iter().chain(usual).find(|path| path.exists()).unwrap_or_else(|| {
        panic!(
            "Chromium is missing, so the console cannot be tried in a browser: `apt-get install chromium fonts-noto-cjk`, \
             or name one in CHROMIUM"
        )
    })
}

impl Chromium {
    pub fn start() -> Chromium {
        let profile = tempfile::tempdir().unwrap();
        let mut process = Command::new(program())
            // No sandbox: tests run as root in containers, and the pages are our own.
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
            ])
            .args(["--no-first-run", "--disable-background-networking", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("DevTools listening on ").map(str::to_owned))
            .expect("Chromium says where it listens");
        // It blocks where nobody reads what it says.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let host = address.trim_start_matches("ws://").split('/').next().unwrap();
        let stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (socket, _) = tungstenite::client(address.as_str(), stream).unwrap();
        let mut chromium = Chromium {
            process,
            socket,
            session: String::new(),
            last: 0,
            complaints: Vec::new(),
            _profile: profile,
        };
        let target = chromium.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        chromium.session =
            chromium.call("Target.attachToTarget", attach)["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            chromium.call(domain, json!({}));
        }
        // When a key was pressed, for the page that comes after it.
        let source = "addEventListener('keydown', () => { sessionStorage.pressed = performance.timeOrigin + performance.now(); }, true);";
        chromium.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source }));
        chromium
    }

    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.try_call(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn try_call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.last += 1;
        let id = self.last;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.socket.send(Message::text(message.to_string())).unwrap();
        loop {
            let Message::Text(text) = self.socket.read().unwrap_or_else(|error| panic!("{method}: {error}"))
            else {
                continue;
            };
            let mut answer: Value = serde_json::from_str(&text).unwrap();
            if answer["id"] == json!(id) {
                let error = answer["error"].take();
                return if error.is_null() { Ok(answer["result"].take()) } else { Err(error) };
            }
            match answer["method"].as_str() {
                Some("Runtime.exceptionThrown") => {
                    self.complaints.push(answer["params"]["exceptionDetails"].to_string());
                }
                Some("Log.entryAdded") if answer["params"]["entry"]["level"] == "error" => {
                    self.complaints.push(answer["params"]["entry"]["text"].to_string());
                }
                _ => {}
            }
        }
    }

    /// The value of an expression in the page; promises are waited for.
    pub fn eval(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut result = self.call("Runtime.evaluate", params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {}", result["exceptionDetails"]);
        result["result"]["value"].take()
    }

    pub fn text(&mut self, expression: &str) -> String {
        self.eval(expression).as_str().unwrap_or_default().to_owned()
    }

    pub fn size(&mut self, width: u32, height: u32) {
        let mobile = width < 600;
        let params = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile });
        self.call("Emulation.setDeviceMetricsOverride", params);
    }

    pub fn go(&mut self, address: &str) {
        self.leaving(|browser| {
            browser.call("Page.navigate", json!({ "url": address }));
        });
    }

    /// Does something that leads to another page, and waits until that is ready to be used.
    pub fn leaving(&mut self, action: impl FnOnce(&mut Chromium)) {
        self.eval("window.before = true");
        action(self);
        let begun = Instant::now();
        loop {
            // While pages change there may be nothing to ask, or what was asked goes away with its page.
            let params =
                json!({ "expression": "!window.before && document.readyState", "returnByValue": true });
            let state = self.try_call("Runtime.evaluate", params);
            if state.is_ok_and(|state| state["result"]["value"] == "complete") {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "no new page came: {}", self.text("document.body.innerText"));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn click(&mut self, selector: &str) {
        let found = format!(
            "(() => {{ const found = document.querySelector({}); if (!found) return false; found.click(); return true; }})()",
            json!(selector)
        );
        let here = self.text("location.href + '\\n' + document.body.innerText");
        assert_eq!(self.eval(&found), json!(true), "no {selector} on {here}");
    }

    /// Clicks what leads to another page.
    pub fn follow(&mut self, selector: &str) {
        self.leaving(|browser| browser.click(selector));
    }

    pub fn press(&mut self, key: &str) {
        let text = if key.chars().count() == 1 {
            key
        } else if key == "Enter" {
            "\r"
        } else {
            ""
        };
        let kind = if text.is_empty() { "rawKeyDown" } else { "keyDown" };
        self.call("Input.dispatchKeyEvent", json!({ "type": kind, "key": key, "text": text }));
        self.call("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": key }));
    }

    /// Presses a key that leads to another page; gives the milliseconds from the key to that page's readiness, by the
    /// browser's own clock.
    pub fn press_on(&mut self, key: &str) -> f64 {
        self.leaving(|browser| browser.press(key));
        let expression = "performance.timeOrigin + performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd \
                          - Number(sessionStorage.pressed)";
        self.eval(expression).as_f64().unwrap()
    }

    pub fn type_into(&mut self, selector: &str, text: &str) {
        let set = format!("document.querySelector({}).value = {}", json!(selector), json!(text));
        self.eval(&set);
    }

    /// The whole page as a picture.
    pub fn picture(&mut self, path: &Path) {
        use base64::Engine as _;
        let size = self.call("Page.getLayoutMetrics", json!({}))["cssContentSize"].take();
        let height = size["height"].as_f64().unwrap().min(3_000.0);
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1 });
        let params = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let picture = self.call("Page.captureScreenshot", params);
        let bytes = base64::prelude::BASE64_STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// As a crash or a pulled plug would.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
