//! Until when Redis may take a step, by its own clock.
//!
//! A step that was sent, and whose caller has given up, may still lie in a buffer. A server that stood still takes it when it goes on, with the time at which it was sent: a
//! login that was refused would crowd out another session, and an exchange would look as if it had happened long ago, so that the next attempt looks like a theft.
//!
//! How far the clock of Redis is from ours is measured once in a while. Neither has to show the right time; only a jump of one of them between two measurements matters.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use redis::{RedisResult, aio::ConnectionLike};
use tokio::time::Instant;

use crate::clock::instant;

/// How long a measurement is trusted. Two good clocks drift apart by a few milliseconds in that time.
const TRUSTED: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct ServerClock {
    /// When Redis was asked, and its time in milliseconds when it answered.
    measured: Mutex<Option<(Instant, u64)>>,
}

impl ServerClock {
    /// The time of Redis at which a caller who waits for `limit` from now has given up; in milliseconds.
    ///
    /// It is too late by up to the time that the measurement took, and never too early.
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

    /// The next deadline is measured anew.
    pub(super) fn forget(&self) {
        self.set(None);
    }

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

    /// A server at which it is always 100.5 s; counts how often it was asked.
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
        assert!((102_501..112_501).contains(&next) && asked == 1, "reckoned, not asked: {next}");
        clock.forget();
        assert_eq!(deadline().await, (102_501, 2));
        let ago = |span: Duration| instant().checked_sub(span).unwrap();
        clock.set(Some((ago(Duration::from_secs(20)), 7_000)));
        let (reckoned, asked) = deadline().await;
        assert!((29_001..30_001).contains(&reckoned) && asked == 2, "{reckoned}");
        clock.set(Some((ago(TRUSTED), 7_000)));
        assert_eq!(deadline().await, (102_501, 3));
    }
}
