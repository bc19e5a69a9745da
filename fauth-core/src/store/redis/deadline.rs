//! Deadlines for scripts, by the clock of the Redis server: a script that runs late does nothing.
//!
//! A caller that gives up cannot take back what it has sent. While the server is paused, the
//! command may wait in a buffer. It then runs when the server resumes, with the time at which it
//! was sent. Without a deadline, for example:
//!
//! - A login that was answered with an error would end another session.
//! - A refresh-token rotation would be recorded with a time in the past. The client's next attempt
//!   would fall outside the grace window, and look like a replay by a thief.
//!
//! So these scripts are sent with a deadline
//! ([`Retry::NotAfterDeadline`](super::link::Retry::NotAfterDeadline)), and `deadline.lua` compares
//! it with the server's clock.
//!
//! The offset between that clock and ours is measured periodically. Neither clock has to be right;
//! only a jump of one of them between two measurements matters.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use redis::{RedisResult, aio::ConnectionLike};
use tokio::time::Instant;

use crate::clock::instant;

/// How long a measurement is used. Two good clocks drift by a few milliseconds in that time.
const TRUSTED: Duration = Duration::from_secs(30);

/// The last measurement of the Redis server's clock.
#[derive(Debug, Default)]
pub(super) struct ServerClock {
    /// When `TIME` was sent to Redis, and the server time in its answer, in milliseconds.
    measured: Mutex<Option<(Instant, u64)>>,
}

impl ServerClock {
    /// Returns the server time, in milliseconds, at which a caller that waits for `limit` from now
    /// gives up. Measures the server's clock first if the last measurement is missing or old.
    ///
    /// The result is late by up to the round trip of the measurement, and never early: a script
    /// whose caller is still waiting is not refused.
    pub(super) async fn deadline(
        &self,
        connection: &mut (impl ConnectionLike + Send),
        limit: Duration,
    ) -> RedisResult<u64> {
        let from = instant();
        let trusted = self.get().filter(|(asked_at, _)| from.saturating_duration_since(*asked_at) < TRUSTED);
        let (asked_at, time) = match trusted {
            Some(measured) => measured,
            None => self.measure(connection).await?,
        };
        let span = from.saturating_duration_since(asked_at).saturating_add(limit);
        Ok(time.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)).saturating_add(1))
    }

    /// Discards the measurement, so that the next deadline begins with a new one.
    pub(super) fn forget(&self) {
        self.set(None);
    }

    /// Asks Redis for its time.
    async fn measure(&self, connection: &mut (impl ConnectionLike + Send)) -> RedisResult<(Instant, u64)> {
        let asked_at = instant();
        let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(connection).await?;
        let measured = (asked_at, seconds.saturating_mul(1000).saturating_add(micros / 1000));
        self.set(Some(measured));
        Ok(measured)
    }

    fn get(&self) -> Option<(Instant, u64)> {
        *self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, measured: Option<(Instant, u64)>) {
        *self.measured.lock().unwrap_or_else(PoisonError::into_inner) = measured;
    }
}

#[cfg(test)]
mod tests {
    use redis::{Cmd, Pipeline, RedisFuture, Value};

    use super::*;

    /// A server whose clock stands at 100.5 s; counts how often it was asked.
    struct Server(usize);

    impl ConnectionLike for Server {
        fn req_packed_command<'a>(&'a mut self, _: &'a Cmd) -> RedisFuture<'a, Value> {
            self.0 += 1;
            Box::pin(async { Ok(Value::Array(vec![Value::Int(100), Value::Int(500_999)])) })
        }

        fn req_packed_commands<'a>(
            &'a mut self,
            _: &'a Pipeline,
            _: usize,
            _: usize,
        ) -> RedisFuture<'a, Vec<Value>> {
            Box::pin(async { Ok(Vec::new()) })
        }

        fn get_db(&self) -> i64 {
            0
        }
    }

    #[tokio::test]
    async fn the_time_is_asked_for_when_it_is_unknown_or_old() {
        let (clock, mut server) = (ServerClock::default(), Server(0));
        let limit = Duration::from_secs(2);
        let mut deadline = async || {
            let deadline = clock.deadline(&mut server, limit).await.unwrap();
            (deadline, server.0)
        };
        assert_eq!(deadline().await, (102_501, 1));
        let (next, asked) = deadline().await;
        assert!((102_501..112_501).contains(&next) && asked == 1, "computed, not asked: {next}");
        clock.forget();
        assert_eq!(deadline().await, (102_501, 2));
        let ago = |span: Duration| instant().checked_sub(span).unwrap();
        clock.set(Some((ago(Duration::from_secs(20)), 7_000)));
        let (computed, asked) = deadline().await;
        assert!((29_001..30_001).contains(&computed) && asked == 2, "{computed}");
        clock.set(Some((ago(TRUSTED), 7_000)));
        assert_eq!(deadline().await, (102_501, 3));
    }
}
