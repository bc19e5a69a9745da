//! One fetch: the discovery document, if any, then the keys.

use std::{sync::Arc, time::Duration};

use super::{
    address::Allowed,
    cache_control::freshness,
    discovery::{keys_url, oauth_url, openid_url},
    fault::KeySourceError,
    fetch::{Fetch, FetchRequest, FetchResponse},
    held::{Held, Tag},
    settings::MAX_BYTES,
};
use crate::token::{Algorithm, PublicKeys};

const ACCEPT_KEYS: &str = "application/jwk-set+json, application/json";
const ACCEPT_DOCUMENT: &str = "application/json";
/// A longer `ETag` is not sent back.
const LONGEST_ETAG: usize = 256;

/// The location of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// This URL.
    Url(String),
    /// The URL in the discovery document of this issuer.
    Discovered(String),
}

/// The result of a fetch.
pub(super) struct Obtained {
    pub(super) keys: Arc<PublicKeys>,
    pub(super) tag: Option<Tag>,
    /// How long it is fresh according to the server.
    pub(super) fresh: Option<Duration>,
    /// Whether the server answered that nothing has changed.
    pub(super) not_modified: bool,
}

/// What to fetch with, and what to expect.
#[derive(Clone, Copy)]
pub(super) struct Inquiry<'a> {
    pub(super) fetch: &'a dyn Fetch,
    pub(super) allowed: &'a [Algorithm],
    pub(super) timeout: Duration,
}

impl Inquiry<'_> {
    pub(super) async fn obtain(
        self,
        place: &Place,
        known: Option<&Held>,
    ) -> Result<Obtained, KeySourceError> {
        let url = match place {
            Place::Url(url) => url.clone(),
            Place::Discovered(issuer) => self.discover(issuer).await?,
        };
        let known = known.and_then(|held| Some((held, held.tag.as_ref().filter(|tag| tag.url == url)?)));
        let etag = known.map(|(_, tag)| tag.etag.as_str());
        let response = self.ask(&url, etag, ACCEPT_KEYS).await?;
        let fresh = freshness(&response);
        match known {
            Some((held, tag)) if is_not_modified(&response) => Ok(Obtained {
                keys: Arc::clone(&held.keys),
                tag: Some(tag.clone()),
                fresh,
                not_modified: true,
            }),
            _ => {
                let body = whole(response)?;
                let keys = self.read(&body.body)?;
                let tag = body.etag.filter(|etag| can_be_sent_back(etag)).map(|etag| Tag { url, etag });
                Ok(Obtained { keys, tag, fresh, not_modified: false })
            }
        }
    }

    fn read(&self, body: &[u8]) -> Result<Arc<PublicKeys>, KeySourceError> {
        read_keys(str::from_utf8(body).unwrap_or_default(), self.allowed)
    }

    /// Repeated at every fetch, so that an issuer that moves its keys is followed as quickly as one
    /// that changes them.
    async fn discover(self, issuer: &str) -> Result<String, KeySourceError> {
        let mut response = self.ask(&openid_url(issuer), None, ACCEPT_DOCUMENT).await?;
        // Not found: an OAuth server without OpenID Connect.
        if response.status / 100 == 4 {
            response = self.ask(&oauth_url(issuer), None, ACCEPT_DOCUMENT).await?;
        }
        let plain = if self.fetch.danger_allows_http() { Allowed::DangerHttp } else { Allowed::HttpLocally };
        keys_url(&whole(response)?.body, issuer, plain)
    }

    async fn ask(
        self,
        url: &str,
        etag: Option<&str>,
        accept: &'static str,
    ) -> Result<FetchResponse, KeySourceError> {
        let request = FetchRequest { url, etag, accept, max_bytes: MAX_BYTES, timeout: self.timeout };
        let response =
            self.fetch.fetch(request).await.map_err(|error| KeySourceError::of(&error, MAX_BYTES))?;
        if response.body.len() > MAX_BYTES {
            return Err(KeySourceError::TooLarge(MAX_BYTES));
        }
        Ok(response)
    }
}

/// Parses a key set.
pub(super) fn read_keys(json: &str, allowed: &[Algorithm]) -> Result<Arc<PublicKeys>, KeySourceError> {
    PublicKeys::from_jwks(json, allowed).map(Arc::new).map_err(KeySourceError::UnusableKeys)
}

fn is_not_modified(response: &FetchResponse) -> bool {
    response.status == 304
}

/// Returns a complete response. "Not modified" is not one if no response is known.
fn whole(response: FetchResponse) -> Result<FetchResponse, KeySourceError> {
    match response.status {
        200 => Ok(response),
        status if status / 100 == 3 && !is_not_modified(&response) => Err(KeySourceError::Redirected(status)),
        status => Err(KeySourceError::Status(status)),
    }
}

/// The tag is sent as a header, so it must contain nothing else.
fn can_be_sent_back(etag: &str) -> bool {
    !etag.is_empty() && etag.len() <= LONGEST_ETAG && etag.bytes().all(|b| b.is_ascii_graphic())
}
