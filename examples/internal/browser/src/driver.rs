//! A browser: started, restarted, stopped.

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use servers::{Folder, Process, Signal, free_port};
use thirtyfour::{
    ChromiumCapabilities, ChromiumLikeCapabilities as _, LoggingPrefsLogLevel, WebDriver,
    common::capabilities::desiredcapabilities::CapabilitiesHelper as _, error::WebDriverResult,
};
use tokio::runtime::{Builder, Runtime};

use crate::{Options, http_client::Loopback, watchdog::Watchdog};

/// Debian's packages `chromium` and `chromium-driver`.
const CHROMIUM: &str = "chromium";
const DRIVER: &str = "chromedriver";

/// What every browser is started with: no window, nothing in the background, no name but the
/// loopback address.
const FLAGS: [&str; 13] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// How long the driver may take to listen.
const START: Duration = Duration::from_secs(30);

/// A browser with a profile of its own. It is gone, and so is its profile, when this is dropped.
#[derive(Debug)]
pub struct Browser {
    // In the order in which they end: the session, what may be left of the browser, the driver, the
    // folder.
    session: Option<Session>,
    driver: Process,
    folder: Folder,
    runtime: Runtime,
    address: SocketAddr,
    options: Options,
}

#[derive(Debug)]
struct Session {
    client: WebDriver,
    _watchdog: Watchdog,
}

impl Browser {
    /// Starts one.
    ///
    /// # Panics
    /// If the packages `chromium` and `chromium-driver` are not installed, or it does not come up.
    pub fn start(options: Options) -> Self {
        for program in [CHROMIUM, DRIVER] {
            let mut asked = Command::new(program);
            let found = asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
            assert!(
                found.is_ok_and(|status| status.success()),
                "no `{program}` in the path: install the packages `chromium` and `chromium-driver`"
            );
        }
        let folder = Folder::new("browser");
        let (driver, address) = startdriver(&folder);
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut browser = Self { session: None, driver, folder, runtime, address, options };
        browser.launch();
        browser
    }

    /// Closes the browser in order and opens it again with the same profile: what a user finds who
    /// comes back. The tabs of before are gone.
    pub fn restart(&mut self) {
        self.quit();
        self.launch();
    }

    /// The pid of Chromium.
    pub fn pid(&self) -> u32 {
        let pid = self.client().capabilities().get("goog:processID").and_then(Value::as_u64);
        pid.and_then(|pid| u32::try_from(pid).ok()).expect("the pid of Chromium")
    }

    /// The pid of the driver.
    pub const fn driver_pid(&self) -> u32 {
        self.driver.pid()
    }

    /// Where the profile is.
    pub fn profile(&self) -> PathBuf {
        self.folder.path().join("profile")
    }

    /// Runs a step, and says what it was for if it fails.
    #[track_caller]
    pub(crate) fn run<T>(&self, step: &str, action: impl Future<Output = WebDriverResult<T>>) -> T {
        match self.runtime.block_on(action) {
            Ok(result) => result,
            Err(error) => panic!("{step}: {error}"),
        }
    }

    pub(crate) fn block_on<T>(&self, action: impl Future<Output = T>) -> T {
        self.runtime.block_on(action)
    }

    /// For what this crate has no word for.
    pub const fn client(&self) -> &WebDriver {
        match &self.session {
            Some(session) => &session.client,
            None => panic!("the browser has been closed"),
        }
    }

    fn launch(&mut self) {
        let profile = self.profile();
        let capabilities = capabilities(&self.options, &profile).expect("capabilities");
        let url = format!("http://{}", self.address);
        let watchdog = Watchdog::over(&profile);
        let connect = WebDriver::builder(url, capabilities).client(Loopback(self.address)).connect();
        let client = self.run("Chromium starts", connect);
        self.session = Some(Session { client, _watchdog: watchdog });
        let size = self.options.size;
        self.resize(size);
    }

    fn quit(&mut self) {
        if let Some(Session { client, _watchdog }) = self.session.take() {
            // If the driver is gone, what is left is the watchdog's.
            let _ = self.block_on(client.quit());
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.quit();
    }
}

/// Returns when it listens.
fn startdriver(folder: &Folder) -> (Process, SocketAddr) {
    let log = folder.path().join("driver.log");
    let log = log.to_str().expect("a path of UTF-8");
    // What both keep for the moment goes with the folder too.
    let temporary = format!("TMPDIR={}", folder.path().display());
    // Between the choice of a port and the driver's start somebody else may take it.
    for _ in 0..5 {
        let port = free_port();
        let process =
            Process::start(&["env", &temporary, DRIVER, &format!("--port={port}")], log, Signal::Kill);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let begun = Instant::now();
        while begun.elapsed() < START && Path::new(&format!("/proc/{}", process.pid())).exists() {
            if TcpStream::connect(address).is_ok() {
                return (process, address);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    panic!("{DRIVER} does not come up: {}", std::fs::read_to_string(log).unwrap_or_default());
}

fn capabilities(options: &Options, profile: &Path) -> WebDriverResult<ChromiumCapabilities> {
    let mut capabilities = ChromiumCapabilities::new();
    for flag in FLAGS.iter().copied().chain(options.flags.iter().map(String::as_str)) {
        capabilities.add_arg(flag)?;
    }
    if options.dark {
        capabilities.add_arg("--blink-settings=preferredColorScheme=0")?;
    }
    capabilities.add_arg(&format!("--user-data-dir={}", profile.display()))?;
    capabilities.set("browserName", json!("chrome"))?;
    capabilities.set_logging_prefs("browser", LoggingPrefsLogLevel::All)?;
    capabilities.set_logging_prefs("performance", LoggingPrefsLogLevel::All)?;
    Ok(capabilities)
}
