//! Which cryptography is measured: that of `jsonwebtoken`, and that of fauth.

use std::{env, io};

use jsonwebtoken::crypto::{aws_lc, rust_crypto};
use serde::{Deserialize, Serialize};

use crate::Result;

/// The environment variable that tells a child which backend to install.
pub(crate) const VARIABLE: &str = "RIVALS_BACKEND";

/// A backend of `jsonwebtoken`. A process installs one, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Backend {
    /// Its feature `aws_lc_rs`.
    AwsLc,
    /// Its feature `rust_crypto`.
    RustCrypto,
}

impl Backend {
    pub(crate) const ALL: [Self; 2] = [Self::AwsLc, Self::RustCrypto];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AwsLc => "aws_lc_rs",
            Self::RustCrypto => "rust_crypto",
        }
    }

    /// Installs the one that the parent process asks for.
    pub(crate) fn install_requested() -> Result<()> {
        Self::requested()?.install()
    }

    /// The one that the parent process asks for.
    pub(crate) fn requested() -> Result<Self> {
        let name = env::var(VARIABLE)?;
        let backend = Self::ALL.into_iter().find(|backend| backend.name() == name);
        Ok(backend.ok_or_else(|| io::Error::other(format!("no backend is called {name:?}")))?)
    }

    fn install(self) -> Result<()> {
        let provider = match self {
            Self::AwsLc => &aws_lc::DEFAULT_PROVIDER,
            Self::RustCrypto => &rust_crypto::DEFAULT_PROVIDER,
        };
        provider.install_default().map_err(|_| io::Error::other("another backend is installed").into())
    }
}

/// What computes fauth's HMAC here: with its feature `aws-lc-rs`, as in this package, that depends
/// on the machine.
pub(crate) fn of_fauth() -> Backend {
    if has_sha_extensions() { Backend::RustCrypto } else { Backend::AwsLc }
}

/// Are there instructions for SHA-256?
pub(crate) fn has_sha_extensions() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("sha") && std::arch::is_x86_feature_detected!("sse4.1");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("sha2");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    false
}
