//! A program under test: started, talked to, stopped.

use std::{
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::http::{Connection, Request, Response};

/// How long a start may take on a busy machine: four passwords are hashed.
const START: Duration = Duration::from_secs(60);
/// How long after SIGTERM the program may live: the five seconds that it gives its connections, and
/// some more.
const STOP: Duration = Duration::from_secs(9);
/// Shorter words are no secrets.
const SHORTEST_MARK: usize = 6;

/// A running quickstart. Dropping it kills the program.
#[derive(Debug)]
pub struct Server {
    program: Program,
    address: SocketAddr,
    greeting: Vec<String>,
    secrets: Mutex<Vec<String>>,
}

impl Server {
    /// Starts the program on a free port, with this environment and nothing else in it, and waits
    /// until it answers.
    pub fn start(path: &str, environment: &[(&str, &str)]) -> Self {
        let mut program = Program::start(path, environment);
        let mut greeting = Vec::new();
        while greeting.len() < 5 {
            let Ok(line) = program.lines.recv_timeout(START) else {
                program.kill();
                panic!("no start line after {greeting:?}; the log:\n{}", program.log());
            };
            greeting.push(line);
        }
        let (_, address) = greeting[0].split_once("http://").expect("an address in the start line");
        let address = address.parse().expect("an address in the start line");
        let server = Self { program, address, greeting, secrets: Mutex::default() };
        for (name, value) in environment {
            if name.contains("SECRET") {
                server.mark(value);
            }
        }
        assert_eq!(server.get("/").status, 200, "the program answers");
        server
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The lines that it greets with.
    pub fn greeting(&self) -> &[String] {
        &self.greeting
    }

    /// Sends a request on a connection of its own.
    pub fn send(&self, request: Request) -> Response {
        for (_, value) in request.headers.iter().filter(|(name, _)| name == "authorization") {
            value.split([' ', '.']).for_each(|part| self.mark(part));
        }
        let response = Connection::exchange(self.address, request);
        if let Ok(serde_json::Value::Object(members)) = serde_json::from_slice(&response.body) {
            for name in ["access_token", "refresh_token"] {
                let token = members.get(name).and_then(|token| token.as_str()).unwrap_or_default();
                token.split('.').for_each(|part| self.mark(part));
            }
        }
        // The cookie of a session is a token too.
        for (_, cookie) in response.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (_, value) = cookie.split_once('=').unwrap_or_default();
            value.split(';').take(1).flat_map(|token| token.split('.')).for_each(|part| self.mark(part));
        }
        response
    }

    /// A GET without a token.
    pub fn get(&self, path: &str) -> Response {
        self.send(Request::get(path))
    }

    /// A GET with a token.
    pub fn get_with(&self, path: &str, token: &str) -> Response {
        self.send(Request::get(path).bearer(token))
    }

    /// Makes sure in the end that this is nowhere in the log.
    pub fn mark(&self, secret: &str) {
        if secret.len() >= SHORTEST_MARK && secret != "Bearer" {
            self.secrets.lock().unwrap().push(secret.to_owned());
        }
    }

    /// Stops the program as a service manager would. It must end in time, with success, and its log
    /// must be clean.
    pub fn stop(mut self) {
        self.program.terminate();
        let status = self.program.wait(STOP);
        let log = self.program.log();
        assert!(status.success(), "{status}; the log:\n{log}");
        assert!(log.contains("TRACE"), "the log says everything:\n{log}");
        for secret in self.secrets.lock().unwrap().iter() {
            assert!(!log.contains(secret), "{secret:?} is in the log:\n{log}");
        }
        // The random secret that nobody knows is a long word of hex digits. So are the frames of a
        // WebSocket, which its library writes out.
        let lines = log.lines().filter(|line| !line.trim_start().starts_with("payload: 0x"));
        let mut words = lines.flat_map(|line| line.split(|c: char| !c.is_ascii_hexdigit()));
        assert!(words.all(|word| word.len() < 32), "a secret is in the log:\n{log}");
        assert_eq!(self.program.lines.iter().next(), None, "stdout is for the greeting alone");
    }
}

/// How a program ended that could not start.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it wrote to stderr.
    pub stderr: String,
    /// What it wrote to stdout.
    pub stdout: String,
}

impl Failure {
    /// Starts a program with an environment in which it cannot run.
    pub fn of(path: &str, environment: &[(&str, &str)]) -> Self {
        let mut program = Program::start(path, environment);
        let status = program.wait(START);
        let stderr = program.log();
        Self { code: status.code(), stderr, stdout: program.lines.iter().collect() }
    }
}

/// A child process whose output is read as it comes.
#[derive(Debug)]
struct Program {
    child: Child,
    lines: mpsc::Receiver<String>,
    log: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Program {
    fn start(path: &str, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(path)
            .env_clear()
            .env("FAUTH_ADDR", "127.0.0.1:0")
            .env("RUST_LOG", "trace")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (send, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let log = Arc::<Mutex<Vec<u8>>>::default();
        let written = Arc::clone(&log);
        let readers = vec![
            thread::spawn(move || {
                for line in stdout.lines().map_while(Result::ok) {
                    let _ = send.send(line);
                }
            }),
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = stderr.read(&mut buffer) {
                    written.lock().unwrap().extend_from_slice(&buffer[..length]);
                }
            }),
        ];
        Self { child, lines, log, readers }
    }

    /// By pid, through the shell: the standard library has no other signal than SIGKILL, and `kill`
    /// is part of every shell.
    fn terminate(&self) {
        let command = format!("kill -TERM {}", self.child.id());
        let status = Command::new("sh").args(["-c", &command]).status().expect("a shell");
        assert!(status.success(), "SIGTERM was sent");
    }

    fn wait(&mut self, limit: Duration) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.readers.drain(..).for_each(|reader| reader.join().unwrap());
                return status;
            }
            if begun.elapsed() > limit {
                self.kill();
                panic!("it still runs after {limit:?}; the log:\n{}", self.log());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&self.log.lock().unwrap()).into_owned()
    }
}

/// For scenes that fail.
impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}
