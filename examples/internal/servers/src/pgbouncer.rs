//! A `PgBouncer` of our own.

use std::{fs, net::TcpStream, path::Path};

use crate::{
    Postgres, Process, Signal, free_port,
    postgres::{Folder, as_user, pause},
};

/// Where Debian's package puts the program, which is not in everybody's path.
const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// A pooler in transaction mode before a PostgreSQL server: after each transaction, a connection
/// to the server may go to another client. It ends with this.
#[derive(Debug)]
pub struct PgBouncer {
    // Ends before its folder goes.
    process: Process,
    folder: Folder,
    port: u16,
}

impl PgBouncer {
    /// Starts one with this many connections to the server.
    ///
    /// # Panics
    /// If the package `pgbouncer` is not installed, or it does not come up.
    pub fn start(server: &Postgres, connections: usize) -> Self {
        assert!(Path::new(PROGRAM).exists(), "PgBouncer is missing: install the package `pgbouncer`");
        let (folder, port) = (Folder::new(), free_port());
        let (settings, log) = (folder.path("settings.ini"), folder.path("log"));
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = {connections}\n\
             max_client_conn = 500\n",
            server.port()
        );
        fs::write(&settings, text).expect("to write its settings");
        let command = as_user(PROGRAM);
        let mut words: Vec<String> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        words.push(settings);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let process = Process::start(&words, &log, Signal::Kill);
        let pooler = Self { process, folder, port };
        pooler.wait_until_ready();
        pooler
    }

    /// For clients: `postgres://…`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn wait_until_ready(&self) {
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            pause();
        }
        let log = fs::read_to_string(self.folder.path("log")).unwrap_or_default();
        panic!("PgBouncer (process {}) does not come up: {log}", self.process.pid());
    }
}
