//! A script with what it is told, and how numbers and bytes stand in Redis.

use std::fmt::Write as _;

use redis::{Script, ScriptInvocation, ToRedisArgs};

use crate::clock::Timestamp;

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

    pub(super) fn time(&mut self, time: Timestamp) -> &mut Self {
        self.arg(seconds(time))
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

/// A span in whole seconds, as Lua can hold it.
pub(super) fn span(span: std::time::Duration) -> u64 {
    span.as_secs().min(EXACT.unsigned_abs())
}

/// For how long Redis keeps what ends at `end`, in milliseconds. The hour is for clocks that jump.
pub(super) fn time_to_live(now: Timestamp, end: Timestamp) -> u64 {
    /// About 8 900 years.
    const LONGEST: u64 = 1 << 48;
    let hour = 3_600_000;
    (end.since(now).as_secs().saturating_mul(1000)).saturating_add(hour).min(LONGEST)
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
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
        assert_eq!(span(std::time::Duration::MAX), EXACT.unsigned_abs());
    }
}
