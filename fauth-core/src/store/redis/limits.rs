//! Counters of rate limits: one key each, in the slot that its name selects.

use std::time::Duration;

use async_trait::async_trait;

use super::{fault::Fault, link::Retry, scripts, store::RedisStore};
use crate::store::{
    CounterKey, LimitStore, LimitWindow, OWNER_BUCKETS, StoreError, StoreLocation, Taken, limits::Ticks,
};

/// Each step is one script on one key with a time to live. The names are hashes, which do not
/// reveal the client.
///
/// # Security
/// Each counter is a key of about 150 bytes. It lives until its longest window has recovered, for
/// up to 31 days, so anyone who can send from many addresses makes this Redis grow. Use a
/// `RedisStore` in a separate Redis for limits, so that sessions do not run out of memory, and
/// prefer windows of up to an hour for limits by address. That Redis must not evict: an evicted
/// counter starts again at zero, and with `noeviction` a full Redis fails, which
/// [`when_limit_store_fails`] handles.
///
/// Instances use their own clocks, which may differ by up to five minutes.
///
/// [`when_limit_store_fails`]: crate::AuthProviderBuilder::when_limit_store_fails
#[async_trait]
impl LimitStore for RedisStore {
    fn location(&self) -> StoreLocation {
        self.place()
    }

    async fn take(
        &self,
        key: &CounterKey<'_>,
        windows: &[LimitWindow],
        now: Duration,
    ) -> Result<Taken, StoreError> {
        let digest = key.digest();
        let [first, second, ..] = digest;
        let names = self.hub().names.bucket(u16::from_be_bytes([first, second]) % OWNER_BUCKETS);
        let mut step = names.step(&scripts::LIMIT_TAKE);
        step.key(names.counter(&digest)).arg(Ticks::of(now).0);
        for window in windows {
            step.arg(window.cost()).arg(window.full());
        }
        let mut reply = self.hub().run(&step, Retry::No).await?;
        let is_refused = reply.is("refused");
        if !is_refused {
            reply.done()?;
        }
        let is_first: u8 = reply.parsed()?;
        let mut states = Vec::with_capacity(windows.len());
        for window in windows {
            let used = reply.parsed()?;
            states.push(if is_refused { window.when_refused(used) } else { window.after(used).1 });
        }
        let taken = Taken::new(states, is_refused && is_first == 1);
        if taken.is_refused() == is_refused {
            Ok(taken)
        } else {
            Err(Fault::Malformed("another rule").into())
        }
    }
}
