//! The connection of an audit stream: appends entries in batches.

use std::time::Duration;

use redis::Pipeline;

use super::{address::Address, fault::Fault, link::Link};
use crate::{error::ConfigError, store::StoreError};

/// One entry, as Caracal reads it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditEntry {
    /// The id by which readers recognise duplicates.
    pub(crate) id: String,
    /// The event, as JSON text.
    pub(crate) data: String,
    /// The signature of `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sig: Option<String>,
}

/// A stream on a server that may be unreachable, even at the start.
pub(crate) struct AuditLink {
    address: Address,
    limit: Duration,
    stream: String,
    max_length: Option<u64>,
    link: Option<Link>,
}

impl AuditLink {
    /// Does not connect yet.
    pub(crate) fn new(url: &str, stream: &str) -> Self {
        Self {
            address: Address::new(url),
            limit: Duration::from_secs(2),
            stream: stream.to_owned(),
            max_length: None,
            link: None,
        }
    }

    /// Returns a separate connection to the same stream.
    pub(crate) fn another(&self) -> Self {
        Self {
            address: self.address.clone(),
            limit: self.limit,
            stream: self.stream.clone(),
            max_length: self.max_length,
            link: None,
        }
    }

    pub(crate) fn stream(&mut self, name: String) {
        self.stream = name;
    }

    pub(crate) const fn max_length(&mut self, entries: u64) {
        self.max_length = Some(entries);
    }

    pub(crate) const fn limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    #[cfg(feature = "tls")]
    pub(crate) fn root_certificate(&mut self, pem: Vec<u8>) {
        self.address.root_certificate(pem);
    }

    /// Fails for invalid settings.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if self.stream.is_empty() {
            let fix = "leave it out: it is `caracal.audit.events`";
            return Err(ConfigError::new("stream", "is empty", fix));
        }
        if self.max_length == Some(0) {
            return Err(ConfigError::new("max_length", "is zero", "leave it out to remove no entries"));
        }
        self.address.client(self.limit).map(drop)
    }

    /// Appends all entries in one round trip and one transaction. After an error, none of them is
    /// in the stream; or all of them, if only the answer was lost.
    pub(crate) async fn append(&mut self, entries: &[AuditEntry]) -> Result<(), StoreError> {
        let mut commands = redis::pipe();
        commands.atomic();
        for entry in entries {
            self.add(&mut commands, entry);
        }
        let link = self.link().await?;
        Ok(link.transaction(&commands).await?)
    }

    async fn link(&mut self) -> Result<&Link, Fault> {
        if self.link.is_none() {
            // Eviction is allowed: the server is Caracal's, and fauth stores nothing there that
            // must not be evicted.
            let client = self.address.client(self.limit).map_err(|_| Fault::Malformed("the URL"))?;
            self.link = Some(Link::open(client, self.limit, true).await?);
        }
        self.link.as_ref().ok_or(Fault::TimedOut(self.limit))
    }

    fn add(&self, commands: &mut Pipeline, entry: &AuditEntry) {
        commands.cmd("XADD").arg(&self.stream);
        if let Some(most) = self.max_length {
            commands.arg("MAXLEN").arg("~").arg(most);
        }
        commands.arg("*").arg("id").arg(&entry.id).arg("data").arg(&entry.data);
        if let Some(signature) = &entry.sig {
            commands.arg("sig").arg(signature);
        }
        commands.ignore();
    }
}
