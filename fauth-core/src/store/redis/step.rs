//! A script with its keys and arguments, and the encoding of numbers and bytes.

use std::fmt::Write as _;

use redis::{Script, ScriptInvocation, ToRedisArgs};

use crate::clock::Timestamp;

/// A script with its keys and arguments.
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

    /// Returns the script ready to be sent, with a deadline if the script needs one.
    pub(super) fn invocation(&self, deadline: Option<u64>) -> ScriptInvocation<'static> {
        let mut invocation = self.script.prepare_invoke();
        invocation.key(&self.keys).arg(&self.args);
        if let Some(deadline) = deadline {
            invocation.arg(deadline);
        }
        invocation
    }
}

/// The largest number that Lua and sorted sets represent exactly.
const EXACT: i64 = 1 << 53;

pub(super) fn seconds(time: Timestamp) -> i64 {
    time.unix_seconds().clamp(-EXACT, EXACT)
}

/// Returns a time span in whole seconds, within what Lua represents exactly.
pub(super) fn span(span: std::time::Duration) -> u64 {
    span.as_secs().min(EXACT.unsigned_abs())
}

/// Returns the time to live, in milliseconds, of data that ends at `end`. It includes an extra hour
/// in case clocks jump.
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
