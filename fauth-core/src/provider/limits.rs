//! Counting requests: the counter of a request, and whether it passes.

use std::{panic::Location, sync::atomic::Ordering, time::Duration};

use super::{
    counters::{LimitScopes, WhenLimitStoreFails},
    granted::Granted,
    inner::AuthProvider,
};
use crate::{
    client::AddressBlock,
    event::{Event, EventKind},
    limit::{CountedBy, Limit, LimitKey},
    rejection::{Rejection, Renderer, Unavailable},
    reply::Reply,
    request::RequestHead,
    store::{CounterKey, LimitWindow, Taken},
    user::AuthUser,
};

/// How long a failed store is not asked, where requests are counted without it.
const DISTRUST: Duration = Duration::from_secs(1);

impl<U: AuthUser> AuthProvider<U> {
    /// A limit without a name is identified by the place in the code where it was added.
    pub(crate) fn limit_scopes(&self, limit: &Limit, at: &Location<'_>) -> LimitScopes {
        let (kind, name) =
            limit.name().map_or_else(|| ("at", at.to_string()), |name| ("named", name.to_owned()));
        let policy = limit.to_string();
        let scope =
            |counted| CounterKey::scope_of(["limit", &self.inner.application, kind, &name, &policy, counted]);
        LimitScopes {
            address: scope("address"),
            user: scope("user"),
            api_key: scope("api_key"),
            head: scope("head"),
        }
    }

    /// The counter of a request: by its key, or else by its address.
    pub(crate) fn counter_key<'a>(
        &self,
        scopes: &LimitScopes,
        key: &LimitKey,
        head: &dyn RequestHead,
        granted: Option<&'a Granted<U>>,
    ) -> CounterKey<'a> {
        let granted = granted.filter(|granted| granted.provider() == self.inner.id);
        let of_user = || granted.map(|granted| self.user_key(scopes, granted));
        let of_api_key = || {
            let payload = granted.map(Granted::payload).filter(|payload| payload.is_api_key())?;
            Some(CounterKey::new(scopes.api_key, payload.token_id().as_bytes()))
        };
        let found = match key.counted_by() {
            CountedBy::Address => None,
            CountedBy::User => of_user(),
            CountedBy::ApiKey => of_api_key().or_else(of_user),
            CountedBy::Head(of_head) => {
                of_head(head).map(|text| CounterKey::new(scopes.head, text.into_bytes()))
            }
        };
        found.unwrap_or_else(|| CounterKey::new(scopes.address, self.address_key(head)))
    }

    /// The same subject of another issuer is another user.
    fn user_key<'a>(&self, scopes: &LimitScopes, granted: &'a Granted<U>) -> CounterKey<'a> {
        let payload = granted.payload();
        if payload.is_foreign() {
            return CounterKey::new(scopes.user, self.owner_of(payload).digest().to_vec());
        }
        CounterKey::new(scopes.user, payload.subject().as_bytes())
    }

    /// Empty for all clients whose address is unknown: they share one counter.
    fn address_key(&self, head: &dyn RequestHead) -> Vec<u8> {
        if let Some(address) = self.inner.trusted_proxies.client_address(head) {
            return AddressBlock::of(address).to_bytes().to_vec();
        }
        if !self.inner.counters.has_reported_unknown.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: "fauth",
                event = "address_unknown",
                "a limit by address does not know the address of a client: all such clients share one \
                 counter; let the server pass on the address of the socket",
            );
        }
        Vec::new()
    }

    /// Must a store be asked?
    pub(crate) fn counts_elsewhere(&self) -> bool {
        self.inner.counters.store.is_some()
    }

    /// Counts a request in the memory of this process.
    pub(crate) fn count_here(
        &self,
        key: &CounterKey<'_>,
        windows: &[LimitWindow],
    ) -> Result<Taken, Rejection> {
        Ok(self.inner.counters.here().take_now(key, windows, self.precisely_now()?))
    }

    /// Counts a request in the store that all instances share.
    pub(crate) async fn count(
        &self,
        key: &CounterKey<'_>,
        windows: &[LimitWindow],
    ) -> Result<Taken, Rejection> {
        let Some(store) = &self.inner.counters.store else { return self.count_here(key, windows) };
        let now = self.precisely_now()?;
        let counters = &self.inner.counters;
        if counters.when_store_fails == WhenLimitStoreFails::Refuse {
            return self.call_store(store.take(key, windows, now)).await;
        }
        // A clock that has jumped back does not extend it.
        let left = counters.distrusted_until.load(Ordering::Relaxed).saturating_sub(millis(now));
        if left > 0 && left <= millis(DISTRUST) {
            return self.count_here(key, windows);
        }
        if let Ok(taken) = self.call_store(store.take(key, windows, now)).await {
            return Ok(taken);
        }
        let until = millis(self.precisely_now()?.saturating_add(DISTRUST));
        counters.distrusted_until.store(until, Ordering::Relaxed);
        self.count_here(key, windows)
    }

    fn precisely_now(&self) -> Result<Duration, Rejection> {
        self.inner.clock.now_precise().map_err(|_| Rejection::Unavailable(Unavailable::Clock))
    }

    /// Turns a refusal by a limit into a response. The event is raised for the `first` one only.
    pub(crate) fn refuse_limited(
        &self,
        rejection: &Rejection,
        is_first: bool,
        head: &dyn RequestHead,
        renderer: &dyn Renderer,
    ) -> Reply {
        if is_first {
            let address = self.inner.trusted_proxies.client_address(head);
            let event = Event::new(EventKind::RequestLimited).reason(rejection.reason());
            self.raise(&event.head(head, address));
        }
        rejection.reply(&self.inner.protection_space, renderer, head)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
