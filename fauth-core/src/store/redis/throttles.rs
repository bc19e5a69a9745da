//! Records of failed logins: one key each, in the slot that its name selects.

use async_trait::async_trait;

use super::{
    link::Retry,
    scripts,
    step::{Step, time_to_live},
    store::RedisStore,
};
use crate::{
    clock::Timestamp,
    store::{OWNER_BUCKETS, StoreError, StoreLocation, ThrottleKey, ThrottleRecord, ThrottleStore},
};

/// Each step is one script on one key with a time to live. The names are keyed hashes, which do not
/// reveal the user name or address.
#[async_trait]
impl ThrottleStore for RedisStore {
    fn location(&self) -> StoreLocation {
        self.place()
    }

    async fn counter(&self, key: &ThrottleKey, _: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
        let step = self.throttle_step(&scripts::THROTTLE_READ, key);
        let mut reply = self.hub().run(&step, Retry::Yes).await?;
        reply.done()?;
        Ok(reply.optional_bytes()?)
    }

    async fn replace_counter(
        &self,
        key: &ThrottleKey,
        before: Option<&[u8]>,
        after: &ThrottleRecord,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut step = self.throttle_step(&scripts::THROTTLE_REPLACE, key);
        // A record is never empty, so an empty argument means that there is none.
        step.arg(before.unwrap_or_default())
            .arg(after.bytes.as_slice())
            .arg(time_to_live(now, after.kept_until));
        let reply = self.hub().run(&step, Retry::No).await?;
        if reply.is("changed") {
            return Ok(false);
        }
        reply.done()?;
        Ok(true)
    }

    async fn remove_counter(&self, key: &ThrottleKey, _: Timestamp) -> Result<bool, StoreError> {
        let step = self.throttle_step(&scripts::THROTTLE_REMOVE, key);
        let mut reply = self.hub().run(&step, Retry::No).await?;
        reply.done()?;
        Ok(reply.parsed::<u8>()? > 0)
    }
}

impl RedisStore {
    fn throttle_step(&self, script: &'static redis::Script, key: &ThrottleKey) -> Step {
        let [first, second, ..] = *key.as_bytes();
        let names = self.hub().names.bucket(u16::from_be_bytes([first, second]) % OWNER_BUCKETS);
        let mut step = names.step(script);
        step.key(names.throttle(key.as_bytes()));
        step
    }
}
