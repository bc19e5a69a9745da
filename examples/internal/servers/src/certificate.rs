//! A certificate authority of a test's own.

use std::process::Command;

use crate::Folder;

/// A certificate for `localhost` and `127.0.0.1`, and the authority that has signed it, made by
/// `openssl`. The files go with this.
#[derive(Debug)]
pub struct Certificate(Folder);

impl Certificate {
    /// Makes both.
    ///
    /// # Panics
    /// If the package `openssl` is not installed.
    pub fn new() -> Self {
        let made = Self(Folder::new("certificate"));
        let (authority, authority_key) = (made.authority(), made.path("authority.key"));
        make(&["-subj", "/CN=authority", "-keyout", &authority_key, "-out", &authority]);
        make(&[
            "-subj",
            "/CN=localhost",
            "-CA",
            &authority,
            "-CAkey",
            &authority_key,
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout",
            &made.key(),
            "-out",
            &made.certificate(),
        ]);
        made
    }

    /// The file with the certificate of the authority.
    pub fn authority(&self) -> String {
        self.path("authority.pem")
    }

    /// The file with the certificate of the server.
    pub fn certificate(&self) -> String {
        self.path("server.pem")
    }

    /// The file with the key of the server.
    pub fn key(&self) -> String {
        self.path("server.key")
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("a path of UTF-8").to_owned()
    }
}

impl Default for Certificate {
    fn default() -> Self {
        Self::new()
    }
}

fn make(words: &[&str]) {
    let usual =
        ["req", "-x509", "-nodes", "-days", "2", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let made = Command::new("openssl").args(usual).args(words).output();
    let made = made.expect("`openssl` in the path: install the package `openssl`");
    assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
}
