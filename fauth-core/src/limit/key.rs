//! Limit keys: which requests are counted together.

use std::{fmt, sync::Arc};

use crate::request::RequestHead;

type OfHead = dyn Fn(&dyn RequestHead) -> Option<String> + Send + Sync;

/// Which requests a limit counts together.
///
/// | key | counts by | checked |
/// |---|---|---|
/// | [`address`](Self::address) | the client's address, as reported by [trusted proxies](crate::client::TrustedProxies); the first 64 bits of an IPv6 address; all clients with an unknown address share one counter | first |
/// | [`user`](Self::user) | the subject of the user; without a user, the address | after the guard |
/// | [`api_key`](Self::api_key) | the id of the API key; without a key, as `user` | after the guard |
/// | [`of_head`](Self::of_head) | the result of a function on the request head; if it returns `None`, the address | first |
///
/// A limit by user outside any guard has no user, and counts by address.
#[derive(Clone)]
pub struct LimitKey(CountedBy);

#[derive(Clone)]
pub(crate) enum CountedBy {
    Address,
    User,
    ApiKey,
    Head(Arc<OfHead>),
}

impl LimitKey {
    /// Counts by the client's address. The default.
    #[must_use]
    pub const fn address() -> Self {
        Self(CountedBy::Address)
    }

    /// Counts by the user that a guard has admitted.
    #[must_use]
    pub const fn user() -> Self {
        Self(CountedBy::User)
    }

    /// Counts by the API key that a guard has admitted.
    #[must_use]
    pub const fn api_key() -> Self {
        Self(CountedBy::ApiKey)
    }

    /// Counts by the result of a function on the request head, such as the tenant that its host
    /// names.
    ///
    /// # Security
    /// A client that chooses the key chooses its counter: a key taken from a header that clients
    /// set freely does not limit a client that varies it. Combine it with a limit by address.
    #[must_use]
    pub fn of_head(key: impl Fn(&dyn RequestHead) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(CountedBy::Head(Arc::new(key)))
    }

    pub(crate) const fn counted_by(&self) -> &CountedBy {
        &self.0
    }

    /// Whether the key is known only after a guard has admitted the request.
    #[must_use]
    pub const fn needs_user(&self) -> bool {
        matches!(self.0, CountedBy::User | CountedBy::ApiKey)
    }

    /// The key in one word, for documents: `address`, `user`, `api_key` or `key`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self.0 {
            CountedBy::Address => "address",
            CountedBy::User => "user",
            CountedBy::ApiKey => "api_key",
            CountedBy::Head(_) => "key",
        }
    }
}

impl fmt::Debug for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LimitKey({})", self.as_str())
    }
}
