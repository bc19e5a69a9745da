//! What a browser has recorded: the console, and every request.

use std::fmt;

use serde_json::Value;
use thirtyfour::BrowserLogEntry;

/// A line of the console, or a complaint of the browser's own: a file that did not load, a script
/// that the policy of the page forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsoleEntry {
    /// `SEVERE`, `WARNING`, `INFO` or `DEBUG`.
    pub level: String,
    /// URL, place and text.
    pub message: String,
}

impl ConsoleEntry {
    /// An error, and no warning or mere information?
    pub fn is_error(&self) -> bool {
        self.level == "SEVERE"
    }
}

impl From<BrowserLogEntry> for ConsoleEntry {
    fn from(entry: BrowserLogEntry) -> Self {
        Self { level: entry.level, message: entry.message }
    }
}

impl fmt::Display for ConsoleEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.level, self.message)
    }
}

/// A request to a server that a page has made, or tried to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The method.
    pub method: String,
    /// The whole URL.
    pub url: String,
}

impl Request {
    /// From an event of the `DevTools` protocol, as the log `performance` wraps it.
    pub(crate) fn of(entry: &BrowserLogEntry) -> Option<Self> {
        let event: Value = serde_json::from_str(&entry.message).ok()?;
        if event.pointer("/message/method")? != "Network.requestWillBeSent" {
            return None;
        }
        let member = |name: &str| {
            Some(event.pointer(&format!("/message/params/request/{name}"))?.as_str()?.to_owned())
        };
        let request = Self { method: member("method")?, url: member("url")? };
        // The browser's own pages, such as that of a new tab, and URLs that hold what they name.
        let goes_nowhere = ["chrome", "data:", "blob:", "about:"];
        (!goes_nowhere.iter().any(|scheme| request.url.starts_with(scheme))).then_some(request)
    }
}
