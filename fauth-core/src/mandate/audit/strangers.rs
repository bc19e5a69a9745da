//! Events that anyone can cause without a credential that verifies: their separate, small share.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    clock::instant,
    event::{Event, EventKind},
};

/// The number of such events that the buffer holds.
pub(super) const MOST_WAITING: usize = 100;
/// The number of such events accepted per minute.
const MOST: u32 = 60;
const WINDOW: Duration = Duration::from_secs(60);

/// Returns whether a caller without a credential that verifies can cause this event.
pub(super) fn is_of_stranger(event: &Event<'_>) -> bool {
    match event.kind {
        EventKind::RequestRefused
        | EventKind::RequestLimited
        | EventKind::AuthenticationFailed
        | EventKind::LoginThrottled
        | EventKind::OneTimeRefused => true,
        // A logout without a valid session can be repeated at will.
        EventKind::LoggedOut => event.subject.is_none(),
        // `MandateRefused` and `AccessDenied` too are about a credential that verifies.
        _ => false,
    }
}

/// A limit of [`MOST`] events per minute.
#[derive(Debug)]
pub(super) struct Rate(Mutex<Window>);

#[derive(Debug)]
struct Window {
    since: Instant,
    count: u32,
}

impl Rate {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Window { since: instant(), count: 0 }))
    }

    /// Returns whether one more event is within the limit, and counts it.
    pub(super) fn admits(&self) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = instant();
        if now.duration_since(window.since) >= WINDOW {
            *window = Window { since: now, count: 0 };
        }
        let is_admitted = window.count < MOST;
        window.count += u32::from(is_admitted);
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_minute_has_a_share() {
        let rate = Rate::new();
        let admitted = |rate: &Rate| (0..1000).filter(|_| rate.admits()).count();
        assert_eq!(admitted(&rate), 60);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(admitted(&rate), 0);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(admitted(&rate), 60);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(admitted(&rate), 60, "nothing is saved up");
    }

    #[test]
    fn what_strangers_cause_is_told_from_what_a_credential_stands_behind() {
        let is_theirs = |kind, subject| {
            let mut event = Event::new(kind);
            event.subject = subject;
            is_of_stranger(&event)
        };
        for kind in [
            EventKind::RequestRefused,
            EventKind::RequestLimited,
            EventKind::LoginThrottled,
            EventKind::OneTimeRefused,
        ] {
            assert!(is_theirs(kind, None), "{kind:?}");
        }
        // The subject is whom somebody claims to be.
        assert!(is_theirs(EventKind::AuthenticationFailed, Some("alice")));
        assert!(is_theirs(EventKind::LoggedOut, None));
        assert!(!is_theirs(EventKind::LoggedOut, Some("alice")));
        for kind in [
            EventKind::LoggedIn,
            EventKind::AccessDenied,
            EventKind::MandateAccepted,
            EventKind::MandateRefused,
            EventKind::TokenTheft,
        ] {
            assert!(!is_theirs(kind, Some("alice")), "{kind:?}");
        }
        assert!(!is_theirs(EventKind::Revoked, None));
    }
}
