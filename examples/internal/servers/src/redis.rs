//! A Redis server of a test's own.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    folder::Folder,
    process::{Process, Signal, free_port},
};

/// A Redis server on a free port of the loopback address, with a folder of its own. Every write is
/// on the disk before it is confirmed.
///
/// It is gone, and so is its folder, when this is dropped.
#[derive(Debug)]
pub struct Redis {
    // Dropped first: then nobody writes into the folder any more.
    process: Option<Process>,
    port: u16,
    folder: Folder,
    options: Vec<String>,
}

impl Redis {
    /// Starts one, and returns when it answers.
    ///
    /// # Panics
    /// If the package `redis-server` is not installed, or the server does not come up.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with options of its own (words, as after `redis-server`), which win against the
    /// usual ones.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_with(options: &[&str]) -> Self {
        let found = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        assert!(found.is_ok(), "no `redis-server` in the path: install the package `redis-server`");
        let mut server = Self {
            process: None,
            port: 0,
            folder: Folder::new("redis"),
            options: options.iter().map(|&word| word.to_owned()).collect(),
        };
        // Between the choice of a port and the server's start somebody else may take it.
        for _ in 0..5 {
            server.port = free_port();
            if server.run() {
                return server;
            }
        }
        panic!("redis-server does not come up: {}", server.log());
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Where its data is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it without a word.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.signal(Signal::Kill);
        }
    }

    /// Stops it where it is: it keeps its connections, and answers nothing.
    pub fn pause(&self) {
        self.process.as_ref().expect("a running server").signal(Signal::Stop);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.process.as_ref().expect("a running server").signal(Signal::Cont);
    }

    /// Kills it, if it runs, and starts it again on the same port with the same data.
    pub fn restart(&mut self) {
        self.kill();
        for _ in 0..5 {
            if self.run() {
                return;
            }
        }
        panic!("redis-server does not come up again: {}", self.log());
    }

    /// As [`restart`](Self::restart), but nothing is left of its data.
    pub fn restart_empty(&mut self) {
        self.kill();
        let data = self.folder.path().join("appendonlydir");
        if data.exists() {
            fs::remove_dir_all(data).expect("to remove the data");
        }
        self.restart();
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// `false` if it has not come up.
    fn run(&mut self) -> bool {
        let port = self.port.to_string();
        let folder = text(self.folder.path());
        let log = self.folder.path().join("log");
        let mut command = vec![
            "redis-server",
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--dir",
            folder,
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
        ];
        command.extend(self.options.iter().map(String::as_str));
        self.process = Some(Process::start(&command, text(&log), Signal::Kill));
        if (0..200).any(|_| self.answers()) {
            return true;
        }
        self.process = None;
        false
    }

    /// Asks once, and waits a little if there is no answer yet.
    fn answers(&self) -> bool {
        let ask = || {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            // The process id tells ours from a server that another test has started on this port.
            stream.write_all(b"INFO server\r\n")?;
            let mut answer = [0; 4096];
            let length = stream.read(&mut answer)?;
            std::io::Result::Ok(String::from_utf8_lossy(answer.get(..length).unwrap_or(&[])).into_owned())
        };
        let pid = self.process.as_ref().map_or(0, Process::pid);
        let is_up = ask().is_ok_and(|answer| answer.contains(&format!("process_id:{pid}\r\n")));
        if !is_up {
            #[expect(clippy::disallowed_methods, reason = "there is no runtime here that this could block")]
            std::thread::sleep(Duration::from_millis(25));
        }
        is_up
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
