//! A browser, driven over WebDriver.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::system::System;

const PATIENCE: Duration = Duration::from_secs(20);

/// What the browser is seen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Desk,
    Phone,
}

/// A browser with its driver; both end with it.
pub(crate) struct Browser {
    client: Client,
    driver: Child,
}

impl Browser {
    /// Starts a browser; `None`, loudly, if there is none.
    pub(crate) async fn start(shape: Shape) -> Option<Self> {
        let driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Some((mut driver, chromium)) = driver.ok().zip(chromium()) else {
            let required = std::env::var("HARVESTER_BROWSER").is_ok_and(|it| it == "required");
            assert!(
                !required,
                "there is no chromium with chromedriver, and HARVESTER_BROWSER says \
                                that there must be"
            );
            eprintln!("SKIPPED: there is no chromium with chromedriver: no page was looked at");
            return None;
        };
        let port = port(&mut driver);
        let Value::Object(wanted) = capabilities(&chromium, shape) else { unreachable!() };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        Some(Self { client, driver })
    }

    /// Logs in as the administrator for the first time, and chooses a password.
    pub(crate) async fn log_in(&self, system: &System) {
        self.goto(&system.at("/")).await;
        self.screenshot("login").await;
        self.fill("name", "admin").await;
        self.fill("password", system.password()).await;
        self.press("main button.primary").await;
        self.wait_for("[name='again']").await;
        self.fill("old", system.password()).await;
        self.fill("new", "a long password").await;
        self.fill("again", "a long password").await;
        self.press("main button.primary").await;
        self.wait_for(".notice").await;
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Waits until the page has what this selects.
    pub(crate) async fn wait_for(&self, selector: &str) {
        let wait = self.client.wait().at_most(PATIENCE);
        if let Err(error) = wait.for_element(Locator::Css(selector)).await {
            panic!("{selector}: {error}\n{}", self.client.source().await.unwrap());
        }
    }

    /// Types into a field, in place of what is there.
    pub(crate) async fn fill(&self, name: &str, text: &str) {
        let field = self.find(&format!("main [name='{name}']")).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Chooses a value of a list.
    pub(crate) async fn choose(&self, name: &str, value: &str) {
        let field = self.find(&format!("main select[name='{name}']")).await;
        field.select_by_value(value).await.unwrap();
    }

    /// Clicks on what this selects.
    pub(crate) async fn press(&self, selector: &str) {
        self.find(selector).await.click().await.unwrap();
    }

    /// The text of what this selects.
    pub(crate) async fn text(&self, selector: &str) -> String {
        self.find(selector).await.text().await.unwrap()
    }

    /// Whether what this selects is seen.
    pub(crate) async fn is_seen(&self, selector: &str) -> bool {
        self.find(selector).await.is_displayed().await.unwrap()
    }

    /// Whether nothing is wider than the window.
    pub(crate) async fn fits(&self) -> bool {
        let script = "return document.documentElement.scrollWidth <= window.innerWidth";
        self.client.execute(script, Vec::new()).await.unwrap() == json!(true)
    }

    /// What a script returns, a value at once or a promise of one.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1]; (async () => {{ {script} }})().then(done)"
        );
        self.client.execute_async(&script, Vec::new()).await.unwrap()
    }

    /// Presses the tabulator, wherever the focus is.
    pub(crate) async fn tab(&self) {
        let focus = self.client.active_element().await.unwrap();
        focus.send_keys(&String::from(char::from(Key::Tab))).await.unwrap();
    }

    /// Makes the window so high that all of the page is seen, up to this.
    pub(crate) async fn grow(&self, most: u32) {
        let height = self.run("return document.documentElement.scrollHeight").await;
        let height = u32::try_from(height.as_u64().unwrap()).unwrap().clamp(800, most);
        self.client.set_window_size(1280, height).await.unwrap();
    }

    /// Keeps how the page looks now, in the target folder.
    pub(crate) async fn screenshot(&self, name: &str) {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        self.screenshot_into(&folder, name).await;
    }

    /// Keeps how the page looks now.
    pub(crate) async fn screenshot_into(&self, folder: &Path, name: &str) {
        fs::create_dir_all(folder).unwrap();
        let mut picture = self.client.screenshot().await;
        for _ in 0..3 {
            // The driver may still see the page that was left, if that one followed a stream.
            if picture.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            picture = self.client.screenshot().await;
        }
        let picture = picture.unwrap();
        fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }

    pub(crate) async fn close(self) {
        self.client.clone().close().await.unwrap();
    }

    async fn find(&self, selector: &str) -> fantoccini::elements::Element {
        match self.client.find(Locator::Css(selector)).await {
            Ok(element) => element,
            Err(error) => {
                panic!("{selector}: {error}\n{}", self.client.source().await.unwrap())
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its driver.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn chromium() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let mut found = std::env::split_paths(&folders).map(|folder| folder.join("chromium"));
    found.find(|path| path.is_file())
}

/// The port that the driver says it has taken.
fn port(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
    let started = |line: String| {
        let number = line.split("successfully on port ").nth(1)?;
        number.trim_end_matches('.').parse().ok()
    };
    if let Some(port) = lines.find_map(started) {
        // Whatever else it has to say.
        std::thread::spawn(move || lines.for_each(drop));
        return port;
    }
    panic!("chromedriver did not say which port it has");
}

fn capabilities(chromium: &Path, shape: Shape) -> Value {
    let mut options = json!({
        "binary": chromium,
        // Containers have no sandbox of their own for it, and little shared memory.
        "args": [
            "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
            "--window-size=1280,900", "--hide-scrollbars",
        ],
        "prefs": { "intl.accept_languages": "en" },
    });
    if shape == Shape::Phone {
        options["mobileEmulation"] =
            json!({ "deviceMetrics": { "width": 390, "height": 844, "pixelRatio": 2.0 } });
    }
    json!({ "goog:chromeOptions": options })
}
