//! Names and numbers as they stand in Redis.

use redis::{Script, ScriptInvocation, ToRedisArgs};

use crate::clock::Timestamp;

/// The names of the keys that every script is told.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) namespace: String,
    /// What all keys begin with. The braces put them all into one slot of a cluster.
    pub(super) prefix: String,
    /// The id of this memory, and since when it lasts.
    pub(super) generation: String,
    /// There is never anything here. Only a master lets its time to live be set.
    pub(super) nothing: String,
    /// What is told to the mirrors.
    pub(super) stream: String,
    revoked: String,
    epochs: String,
    epoch_ends: String,
}

impl Names {
    pub(super) fn new(namespace: &str) -> Self {
        let name = |rest| format!("{{{namespace}}}:{rest}");
        Self {
            namespace: namespace.to_owned(),
            prefix: name(""),
            generation: name("generation"),
            nothing: name("generation:none"),
            stream: name("changes"),
            revoked: name("revoked"),
            epochs: name("epochs"),
            epoch_ends: name("epoch-ends"),
        }
    }

    /// A script with what all scripts begin with.
    pub(super) fn step(&self, script: &'static Script, now: Timestamp) -> Step {
        let mut step = Step::new(script);
        step.key(&self.generation);
        step.arg(&self.prefix).arg(seconds(now));
        step
    }

    /// The same with the keys of the revocations.
    pub(super) fn revocation_step(&self, script: &'static Script, now: Timestamp) -> Step {
        let mut step = self.step(script, now);
        step.key(&self.revoked).key(&self.epochs).key(&self.epoch_ends).key(&self.stream);
        step
    }
}

/// A script with what it is told.
pub(super) struct Step {
    script: &'static Script,
    keys: Vec<Vec<u8>>,
    args: Vec<Vec<u8>>,
}

impl Step {
    pub(super) fn new(script: &'static Script) -> Self {
        Self { script, keys: Vec::new(), args: Vec::new() }
    }

    pub(super) fn key(&mut self, key: impl ToRedisArgs) -> &mut Self {
        key.write_redis_args(&mut self.keys);
        self
    }

    pub(super) fn arg(&mut self, arg: impl ToRedisArgs) -> &mut Self {
        arg.write_redis_args(&mut self.args);
        self
    }

    /// Ready to be sent, and, where a script wants to know it, until when it may be run.
    pub(super) fn invocation(&self, deadline: Option<u64>) -> ScriptInvocation<'static> {
        let mut invocation = self.script.prepare_invoke();
        invocation.key(&self.keys).arg(&self.args);
        if let Some(deadline) = deadline {
            invocation.arg(deadline);
        }
        invocation
    }
}

/// The greatest number that the numbers of Lua and of sorted sets hold exactly.
const EXACT: i64 = 1 << 53;

pub(super) fn seconds(time: Timestamp) -> i64 {
    time.unix_seconds().clamp(-EXACT, EXACT)
}

/// For how long Redis keeps what ends at `end`, in milliseconds. The hour is for clocks that jump.
pub(super) fn time_to_live(now: Timestamp, end: Timestamp) -> u64 {
    /// About 8 900 years.
    const LONGEST: u64 = 1 << 48;
    let hour = 3_600_000;
    (end.since(now).as_secs().saturating_mul(1000)).saturating_add(hour).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_is_kept_for_an_hour() {
        let at = Timestamp::from_unix_seconds;
        assert_eq!(time_to_live(at(100), at(100)), 3_600_000);
        assert_eq!(time_to_live(at(100), at(90)), 3_600_000);
        assert_eq!(time_to_live(at(100), at(101)), 3_601_000);
    }

    #[test]
    fn no_time_is_too_long_for_redis() {
        let at = Timestamp::from_unix_seconds;
        assert_eq!(time_to_live(at(0), Timestamp::MAX), 253_402_304_399_000);
        assert_eq!(time_to_live(at(0), at(i64::MAX)), 1 << 48);
        assert_eq!((seconds(at(i64::MAX)), seconds(at(i64::MIN)), seconds(at(5))), (EXACT, -EXACT, 5));
    }
}
