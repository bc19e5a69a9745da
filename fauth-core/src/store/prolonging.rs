//! Sliding expiry of browser sessions: the decision whether a request extends the session, as one
//! pure function that every backend calls.

use std::time::Duration;

use super::Session;
use crate::clock::Timestamp;

/// What a store does with a session when one of its requests arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a new decision must be handled everywhere")]
pub enum Prolonging {
    /// The session has expired: change nothing and return `None`.
    Expired,
    /// The session was extended within the first half of its idle timeout: write nothing and return
    /// the session unchanged. Frequent requests therefore cost no write.
    Keep,
    /// Store these times and return the session with them.
    Prolong {
        /// The new [`Session::last_seen_at`].
        last_seen_at: Timestamp,
        /// The new [`Session::tokens_end_at`].
        tokens_end_at: Timestamp,
    },
}

impl Prolonging {
    /// Decides about a session that exists and was not ended. Call it inside the atomic step that
    /// carries out the decision.
    ///
    /// [`Session::expires_at`] never moves.
    #[must_use]
    pub fn of(session: &Session, now: Timestamp) -> Self {
        if session.has_expired(now) {
            return Self::Expired;
        }
        // Rounded up, so that a session with a timeout of one second is written at most once in it.
        let half = Duration::from_secs(session.idle_timeout.as_secs().div_ceil(2));
        if now.since(session.last_seen_at) < half {
            return Self::Keep;
        }
        let idle_end = now.checked_add(session.idle_timeout).unwrap_or(Timestamp::MAX);
        let tokens_end_at = session.tokens_end_at.max(idle_end.min(session.expires_at));
        Self::Prolong { last_seen_at: now, tokens_end_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Owner, SessionId};

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    /// Seen at 100, idle for 50 seconds, over at 180; its last token ends at 150.
    fn session() -> Session {
        Session {
            id: SessionId::from_random([0; 16]),
            owner: Owner::new("default", "", "alice"),
            created_at: at(0),
            last_seen_at: at(100),
            idle_timeout: Duration::from_secs(50),
            expires_at: at(180),
            remembered: false,
            client: None,
            address: None,
            tokens_end_at: at(150),
        }
    }

    #[test]
    fn a_session_is_carried_on_in_the_second_half_of_its_idle_timeout() {
        let prolonged = |seen, end| Prolonging::Prolong { last_seen_at: at(seen), tokens_end_at: at(end) };
        for (now, expected) in [
            // A clock that is behind moves no time back.
            (40, Prolonging::Keep),
            (100, Prolonging::Keep),
            (124, Prolonging::Keep),
            (125, prolonged(125, 175)),
            (130, prolonged(130, 180)),
            // Never beyond the end of its lifetime.
            (149, prolonged(149, 180)),
            (150, Prolonging::Expired),
            (180, Prolonging::Expired),
        ] {
            assert_eq!(Prolonging::of(&session(), at(now)), expected, "{now}");
        }
    }

    #[test]
    fn no_token_end_is_moved_back() {
        let longer = Session { tokens_end_at: at(500), ..session() };
        let expected = Prolonging::Prolong { last_seen_at: at(130), tokens_end_at: at(500) };
        assert_eq!(Prolonging::of(&longer, at(130)), expected);
    }

    #[test]
    fn an_end_that_no_time_can_hold_is_no_overflow() {
        let endless = Session { idle_timeout: Duration::MAX, expires_at: Timestamp::MAX, ..session() };
        assert_eq!(Prolonging::of(&endless, at(200)), Prolonging::Keep);
    }
}
