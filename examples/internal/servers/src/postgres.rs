//! A PostgreSQL of our own.

use std::{
    cmp::Reverse,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{Certificate, Process, Signal, free_port};

/// Where Debian keeps the programs, a folder for each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// PostgreSQL refuses to run as root; Debian's package makes this user.
const USER: &str = "postgres";

/// How often, and after what pause, it is asked whether it is there: a minute in all.
const TRIES: u32 = 1200;
const PAUSE: Duration = Duration::from_millis(50);

/// A PostgreSQL server with a database cluster of its own, on the loopback address. It ends, and
/// its folder goes, with this.
#[derive(Debug)]
pub struct Postgres {
    // Ends before its folder goes: fields are dropped in this order.
    process: Option<Process>,
    programs: PathBuf,
    folder: Folder,
    port: u16,
    options: Vec<String>,
}

impl Postgres {
    /// Starts one, and waits until it takes connections.
    ///
    /// It flushes to disk at each commit, as a server of value does.
    pub fn start() -> Self {
        Self::start_with(|_| Vec::new())
    }

    /// Starts one that offers TLS with this certificate.
    pub fn start_with_tls(certificate: &Certificate) -> Self {
        Self::start_with(|folder| {
            // It takes only a key that nobody else can read.
            let (own, key) = (folder.path("server.pem"), folder.path("server.key"));
            fs::copy(certificate.certificate(), &own).expect("to copy the certificate");
            fs::copy(certificate.key(), &key).expect("to copy the key");
            run(Command::new("chmod").args(["600", &own, &key]));
            if is_root() {
                run(Command::new("chown").args([USER, &own, &key]));
            }
            vec!["ssl=on".to_owned(), format!("ssl_cert_file={own}"), format!("ssl_key_file={key}")]
        })
    }

    /// Starts one with these settings, which are made in its folder.
    fn start_with(options: impl FnOnce(&Folder) -> Vec<String>) -> Self {
        let programs = programs();
        let folder = Folder::new();
        let data = folder.path("data");
        run(as_user(&program(&programs, "initdb")).args([
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--pgdata",
            &data,
        ]));
        let options = options(&folder);
        let mut server = Self { process: None, programs, folder, port: 0, options };
        server.launch(free_port());
        server
    }

    /// The URL of the server that is named by `FAUTH_TEST_POSTGRES_URL`, or else of one that all
    /// tests of this process share.
    ///
    /// Others use the same database: give everything names of its own.
    pub fn shared() -> &'static str {
        static SHARED: OnceLock<(String, Option<Postgres>)> = OnceLock::new();
        let find = || {
            if let Ok(url) = std::env::var("FAUTH_TEST_POSTGRES_URL") {
                return (url, None);
            }
            let server = Self::start();
            (server.url(), Some(server))
        };
        &SHARED.get_or_init(find).0
    }

    /// For clients: `postgres://…`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Its port on the loopback address.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Ends it without a shutdown, as a crash does: what was committed is in its log, and nothing
    /// else is sure.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.remove_after("");
            process.signal(Signal::Quit);
            self.wait_until_gone();
        }
    }

    /// Ends it at once if it runs, and starts it again with the same data on the same port.
    pub fn restart(&mut self) {
        self.kill();
        self.launch(self.port);
    }

    /// Stops it where it is, with everything that it has begun, until [`resume`](Self::resume).
    pub fn pause(&self) {
        // The backends are processes of their own, and a new one could begin meanwhile: their
        // parent first.
        self.signal_all(Signal::Stop);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal_all(Signal::Cont);
    }

    fn signal_all(&self, signal: Signal) {
        let Some(process) = &self.process else { panic!("PostgreSQL does not run") };
        process.signal(signal);
        let pid = process.pid().to_string();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        for child in children.split_whitespace() {
            // One that has ended meanwhile needs no signal.
            let kill = format!("kill -{signal} {child}");
            let _ = Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status();
        }
    }

    fn launch(&mut self, port: u16) {
        self.port = port;
        let (data, log, sockets) = (self.folder.path("data"), self.folder.path("log"), self.folder.path(""));
        let postgres = program(&self.programs, "postgres");
        let port = port.to_string();
        let command = as_user(&postgres);
        let mut words: Vec<String> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        words.extend(["-D", &data, "-p", &port, "-k", &sockets, "-h", "127.0.0.1"].map(str::to_owned));
        // Room for tests that run side by side.
        words.extend(["-c", "max_connections=200"].map(str::to_owned));
        for option in &self.options {
            words.extend(["-c".to_owned(), option.clone()]);
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut process = Process::start(&words, &log, Signal::Quit);
        process.remove_after(&self.folder.path(""));
        self.process = Some(process);
        self.wait_until_ready();
    }

    fn wait_until_ready(&self) {
        let port = self.port.to_string();
        for _ in 0..TRIES {
            let ready = Command::new(program(&self.programs, "pg_isready"))
                .args(["--quiet", "--host=127.0.0.1", "--username=postgres", "--port", &port])
                .status();
            if ready.is_ok_and(|status| status.success()) {
                return;
            }
            pause();
        }
        panic!(
            "PostgreSQL did not start: {}",
            fs::read_to_string(self.folder.path("log")).unwrap_or_default()
        );
    }

    fn wait_until_gone(&self) {
        let lock = self.folder.path("data/postmaster.pid");
        for _ in 0..TRIES {
            if !Path::new(&lock).exists() {
                return;
            }
            pause();
        }
        panic!("PostgreSQL does not end");
    }
}

/// A folder that is removed when this goes. All of it belongs to the user that the server runs as.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mut name = format!("fauth-postgres-{}", std::process::id());
        let _ = write!(name, "-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a new folder for temporary files");
        if is_root() {
            run(Command::new("chown").arg(USER).arg(&path));
        }
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a path of UTF-8").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The folder with the programs of the newest version.
fn programs() -> PathBuf {
    let mut versions: Vec<_> = fs::read_dir(VERSIONS)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|programs| programs.join("initdb").exists())
        .collect();
    versions.sort_by_key(|programs| {
        let version =
            programs.parent().and_then(Path::file_name).and_then(|name| name.to_str()?.parse::<u32>().ok());
        Reverse(version)
    });
    match versions.into_iter().next() {
        Some(programs) => programs,
        None => panic!("PostgreSQL is missing: install the Debian package `postgresql`"),
    }
}

fn program(programs: &Path, name: &str) -> String {
    programs.join(name).to_str().expect("a path of UTF-8").to_owned()
}

/// A command as somebody who is not root. `setpriv` becomes the program, so that its pid is the
/// program's.
pub(crate) fn as_user(program: &str) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let (user, group) = (format!("--reuid={USER}"), format!("--regid={USER}"));
    let mut command = Command::new("setpriv");
    command.args([&user, &group, "--init-groups", program]);
    command
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

fn run(command: &mut Command) {
    // The folder of a caller may be closed to the other user.
    let output = command.current_dir("/").output();
    let output = match output {
        Ok(output) => output,
        Err(error) => panic!("{command:?}: {error}"),
    };
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn pause() {
    #[expect(
        clippy::disallowed_methods,
        reason = "this waits for a process, and no clock of a test can be turned for it"
    )]
    thread::sleep(PAUSE);
}
