//! Whose requests are counted together.

use std::{fmt, sync::Arc};

use crate::request::RequestHead;

type OfHead = dyn Fn(&dyn RequestHead) -> Option<String> + Send + Sync;

/// Whose requests a limit counts together.
///
/// | key | who | when |
/// |---|---|---|
/// | [`address`](Self::address) | the client's address, as [trusted proxies](crate::client::TrustedProxies) report it; 64 bits of IPv6; of all whose address is unknown, one | first |
/// | [`user`](Self::user) | the subject of the user; of nobody, the address | after the guard |
/// | [`api_key`](Self::api_key) | the id of the API key; without one, as `user` | after the guard |
/// | [`of_head`](Self::of_head) | what a function says of the request; if it says nothing, the address | first |
///
/// A limit by user outside of any guard knows nobody, and counts addresses.
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
    /// The client's address. The default.
    #[must_use]
    pub const fn address() -> Self {
        Self(CountedBy::Address)
    }

    /// The user whom a guard has let in.
    #[must_use]
    pub const fn user() -> Self {
        Self(CountedBy::User)
    }

    /// The API key that a guard has let in.
    #[must_use]
    pub const fn api_key() -> Self {
        Self(CountedBy::ApiKey)
    }

    /// What a function says of the head of the request, such as the tenant that its host names.
    ///
    /// # Security
    /// Whoever chooses the key chooses the counter: a header that clients set freely limits nobody
    /// who wants to be counted as somebody else. Put a limit by address beside it.
    #[must_use]
    pub fn of_head(key: impl Fn(&dyn RequestHead) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(CountedBy::Head(Arc::new(key)))
    }

    pub(crate) const fn counted_by(&self) -> &CountedBy {
        &self.0
    }

    /// Is it known only once a guard has let the request in?
    #[must_use]
    pub const fn needs_user(&self) -> bool {
        matches!(self.0, CountedBy::User | CountedBy::ApiKey)
    }

    /// In a word, for documents: `address`, `user`, `api_key` or `key`.
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
