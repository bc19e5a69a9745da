//! Entries of an audit stream, appended many at a time.

use redis::{Client, Pipeline};

use super::{fault::Fault, link::Link};
use crate::{
    error::ConfigError,
    store::{RedisStoreBuilder, StoreError},
};

/// One entry, as Caracal reads it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditEntry {
    /// By which a reader recognises what it has read before.
    pub(crate) id: String,
    /// The event, as text of JSON.
    pub(crate) data: String,
    /// The signature of `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sig: Option<String>,
}

/// A stream of a server that may be unreachable, also in the beginning.
pub(crate) struct AuditLink {
    client: Client,
    limit: std::time::Duration,
    stream: Box<str>,
    link: Option<Link>,
}

impl AuditLink {
    /// Connects to nothing yet. Of the settings, the URL, the time limit and the certificate count.
    pub(crate) fn new(settings: &RedisStoreBuilder, stream: &str) -> Result<Self, ConfigError> {
        let client = settings.validate()?;
        Ok(Self { client, limit: settings.limit(), stream: stream.into(), link: None })
    }

    /// Appends all of them in one round trip and one transaction. After an error, none is in the
    /// stream, or, if only the answer was lost, all of them are.
    pub(crate) async fn append(&mut self, entries: &[AuditEntry]) -> Result<(), StoreError> {
        let mut commands = redis::pipe();
        commands.atomic();
        for entry in entries {
            add(&mut commands, &self.stream, entry);
        }
        let link = self.link().await?;
        Ok(link.transaction(&commands).await?)
    }

    async fn link(&mut self) -> Result<&Link, Fault> {
        if self.link.is_none() {
            // The server is that of Caracal, and nothing is kept there that may not be thrown away.
            self.link = Some(Link::open(self.client.clone(), self.limit, true).await?);
        }
        self.link.as_ref().ok_or(Fault::TimedOut(self.limit))
    }
}

fn add(commands: &mut Pipeline, stream: &str, entry: &AuditEntry) {
    commands.cmd("XADD").arg(stream).arg("*").arg("id").arg(&entry.id).arg("data").arg(&entry.data);
    if let Some(signature) = &entry.sig {
        commands.arg("sig").arg(signature);
    }
    commands.ignore();
}
