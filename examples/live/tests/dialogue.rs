//! The dialogue of the README, with the programs that it names.
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, and waits for real processes in real time"
)]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use dialogue::{
    http::{Request, Response},
    server::Server,
};

const README: &str = include_str!("../README.md");
const PROGRAM: &str = env!("CARGO_BIN_EXE_live");

/// What is shown in the README.
#[track_caller]
fn shown(text: &str) -> &str {
    assert!(README.contains(text), "the README does not show: {text}");
    text
}

fn log_in(server: &Server, name: &str, password: &str) -> String {
    server.mark(password);
    let answer = server.send(Request::post("/login").form(&[("username", name), ("password", password)]));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

fn alice(server: &Server) -> String {
    shown("-d username=alice -d password=green-ideas-sleep");
    log_in(server, "alice", "green-ideas-sleep")
}

fn log_out(server: &Server, token: &str) -> Response {
    shown("curl -X POST http://127.0.0.1:3000/logout -H \"Authorization: Bearer $TOKEN\"");
    server.send(Request::post("/logout").bearer(token))
}

/// The client of the README, in its terminal.
struct Join {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Join {
    fn start(server: &Server, token: &str) -> Self {
        shown("cargo run -p live --bin join ws://127.0.0.1:3000/chat/socket \"$TOKEN\"");
        let url = format!("ws://{}/chat/socket", server.address());
        let mut child = Command::new(env!("CARGO_BIN_EXE_join"))
            .args([&url, token])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).all(|line| send.send(line).is_ok()));
        Self { child, lines }
    }

    fn types(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn shows(&self) -> String {
        self.lines.recv_timeout(Duration::from_secs(20)).expect("a line")
    }

    /// Nothing for a while.
    fn is_silent(&self) -> bool {
        self.lines.recv_timeout(Duration::from_millis(300)).is_err()
    }

    /// What it ends with.
    fn fails_with(mut self) -> String {
        assert!(!self.child.wait().unwrap().success());
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Join {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As `curl -N`: what has come when the server closes the stream.
fn listen(server: &Server, token: &str) -> thread::JoinHandle<String> {
    shown("curl -N http://127.0.0.1:3000/chat/events -H \"Authorization: Bearer $TOKEN\"");
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "GET /chat/events HTTP/1.1\r\nhost: live\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut begun = [0; "HTTP/1.1 200 OK".len()];
    stream.read_exact(&mut begun).unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200 OK");
    thread::spawn(move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    })
}

#[test]
fn a_logout_ends_the_socket_and_the_events() {
    let server = Server::start(PROGRAM, &[]);
    let token = alice(&server);
    let mut alice = Join::start(&server, &token);
    assert_eq!(alice.shows(), shown("joined"));
    let bobs_token = log_in(&server, "bob", "hunter2-and-a-half");
    let mut bob = Join::start(&server, &bobs_token);
    assert_eq!(bob.shows(), "joined");
    let events = listen(&server, &token);

    alice.types("Hello");
    assert_eq!(alice.shows(), shown("alice: Hello"));
    assert_eq!(bob.shows(), "alice: Hello");

    let begun = Instant::now();
    let answer = log_out(&server, &token);
    assert_eq!(answer.status, 200, "{}", answer.text());
    shown(answer.text());
    assert_eq!(alice.shows(), shown("closed: 1008 token revoked"));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let heard = events.join().unwrap();
    assert!(heard.contains(&format!("{}\n\n", shown("data: alice: Hello"))), "{heard}");
    assert!(heard.ends_with("\r\n0\r\n\r\n"), "{heard}");

    assert_eq!(Join::start(&server, &token).fails_with().trim(), shown("refused: 401 Unauthorized"));
    assert!(bob.is_silent());
    bob.types("Still here");
    assert_eq!(bob.shows(), "bob: Still here");
    server.stop();
}

#[test]
fn a_token_that_expires_ends_the_socket() {
    shown("FAUTH_ACCESS_TOKEN_LIFETIME=20s");
    let server = Server::start(PROGRAM, &[("FAUTH_ACCESS_TOKEN_LIFETIME", "2s")]);
    let token = alice(&server);
    let alice = Join::start(&server, &token);
    assert_eq!(alice.shows(), "joined");
    assert_eq!(alice.shows(), shown("closed: 1008 token expired"));
    server.stop();
}

/// Browsers let the page of any origin open a socket to everywhere, with the cookies of the user.
#[test]
fn the_page_of_a_stranger_opens_no_socket() {
    let server = Server::start(PROGRAM, &[]);
    let own = format!("http://{}", server.address());
    let login = Request::post("/login").form(&[("username", "alice"), ("password", "green-ideas-sleep")]);
    let answer = server.send(login.header("origin", &own));
    let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
    let mut cookies = set.filter_map(|(_, cookie)| cookie.split(';').next());
    let cookie = cookies.find(|cookie| cookie.starts_with("session=")).unwrap();
    let handshake = |origin: &str| {
        let request = Request::get("/chat/socket")
            .header("cookie", cookie)
            .header("origin", origin)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        server.send(request).status
    };
    assert_eq!(handshake("https://evil.example"), 403);
    assert_eq!(handshake("http://127.0.0.1:9"), 403);
    server.stop();
}
