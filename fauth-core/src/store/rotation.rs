//! Refresh-token rotation: what becomes of a presented refresh token, as one pure function that
//! every backend uses.

use std::time::Duration;

use super::{ClientFingerprint, Nonce, Rotation, SecretHash, Session};
use crate::clock::Timestamp;

/// The refresh tokens of a live session, as a store keeps them: the newest one, and the one before
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends make it from what they have stored")]
pub struct RefreshFamily {
    /// The hash of the newest refresh token.
    pub head: SecretHash,
    /// The last rotation; `None` while the first refresh token is the newest.
    pub last_rotation: Option<LastRotation>,
}

/// How the newest refresh token came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends make it from what they have stored")]
pub struct LastRotation {
    /// The hash of the token that was exchanged for the newest one.
    pub predecessor: SecretHash,
    /// What the newest token was made from.
    pub nonce: Nonce,
    /// When that was.
    pub rotated_at: Timestamp,
    /// Who did it; `None` if nothing is known of the client.
    pub fingerprint: Option<ClientFingerprint>,
}

/// What a store is to do with a session when one of its refresh tokens is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a new decision must be handled everywhere")]
pub enum RotationDecision {
    /// The session has expired: change nothing, answer
    /// [`Expired`](super::RotationOutcome::Expired).
    Expired,
    /// Keep this family and these times, answer [`Rotated`](super::RotationOutcome::Rotated).
    Rotate {
        /// The family with the successor as its head.
        family: RefreshFamily,
        /// The new [`Session::last_seen_at`].
        last_seen_at: Timestamp,
        /// The new [`Session::tokens_end_at`].
        tokens_end_at: Timestamp,
    },
    /// Keep `tokens_end_at` if it is later than the session's, change nothing else, and answer
    /// [`InGrace`](super::RotationOutcome::InGrace) with these.
    InGrace {
        /// What the head was made from.
        nonce: Nonce,
        /// When the head was made.
        rotated_at: Timestamp,
        /// Whether the client has another fingerprint than the one that made the head.
        from_another_client: bool,
        /// The [`Session::tokens_end_at`] from now on. Mostly the one that it has: a repetition
        /// writes nothing.
        tokens_end_at: Timestamp,
    },
    /// A replayed token: end the session, answer [`Reused`](super::RotationOutcome::Reused).
    End,
}

impl RotationDecision {
    /// Decides for a session that is known and was not ended. Call it inside the atomic step that
    /// carries the decision out.
    #[must_use]
    pub fn of(session: &Session, family: &RefreshFamily, rotation: &Rotation, now: Timestamp) -> Self {
        if session.has_expired(now) {
            return Self::Expired;
        }
        if family.head.matches(&rotation.presented) {
            let last = LastRotation {
                predecessor: family.head,
                nonce: rotation.nonce,
                rotated_at: now,
                fingerprint: rotation.fingerprint,
            };
            return Self::Rotate {
                family: RefreshFamily { head: rotation.successor, last_rotation: Some(last) },
                last_seen_at: session.last_seen_at.max(now),
                tokens_end_at: session.tokens_end_at.max(rotation.tokens_end_at(now)),
            };
        }
        match &family.last_rotation {
            Some(last) if last.is_in_grace(rotation, now) => last.repeated(session, rotation, now),
            _ => Self::End,
        }
    }
}

impl Rotation {
    /// When the access token ends that is issued at `now`.
    fn token_ends_at(&self, now: Timestamp) -> Timestamp {
        now.checked_add(self.access_lifetime).unwrap_or(Timestamp::MAX)
    }

    /// When the last access token ends that is issued at `now`, or at a repetition in the window
    /// that begins at `now`: so that repetitions need not be written.
    fn tokens_end_at(&self, now: Timestamp) -> Timestamp {
        self.token_ends_at(now).checked_add(self.grace).unwrap_or(Timestamp::MAX)
    }
}

impl LastRotation {
    /// What becomes of a repetition within the window.
    fn repeated(&self, session: &Session, rotation: &Rotation, now: Timestamp) -> RotationDecision {
        let from_another_client = self.fingerprint != rotation.fingerprint;
        if from_another_client && rotation.bound_to_client {
            return RotationDecision::End;
        }
        // Only an instance whose tokens last longer than those of the one that rotated raises it,
        // and then for all of its repetitions at once.
        let is_covered = rotation.token_ends_at(now) <= session.tokens_end_at;
        let tokens_end_at = if is_covered { session.tokens_end_at } else { rotation.tokens_end_at(now) };
        let Self { nonce, rotated_at, .. } = *self;
        RotationDecision::InGrace { nonce, rotated_at, from_another_client, tokens_end_at }
    }

    /// Clocks of two instances may differ, so that the rotation may lie ahead.
    fn is_in_grace(&self, rotation: &Rotation, now: Timestamp) -> bool {
        let apart: Duration = now.since(self.rotated_at).max(self.rotated_at.since(now));
        self.predecessor.matches(&rotation.presented) && apart < rotation.grace
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Owner, SessionId};

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    const fn hash(byte: u8) -> SecretHash {
        SecretHash::from_bytes([byte; 32])
    }

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
        }
    }

    /// The head is 2, made from 1 at the second 100 by the nonce 7; 9 is the successor on offer.
    fn decide(presented: u8, now: i64, grace: u64) -> RotationDecision {
        let last =
            LastRotation { predecessor: hash(1), nonce: Nonce::from_bytes([7; 16]), rotated_at: at(100) };
        let family = RefreshFamily { head: hash(2), last_rotation: Some(last) };
        RotationDecision::of(&session(), &family, &rotation(presented, grace), at(now))
    }

    fn rotation(presented: u8, grace: u64) -> Rotation {
        Rotation {
            session: SessionId::from_random([0; 16]),
            presented: hash(presented),
            successor: hash(9),
            nonce: Nonce::from_bytes([8; 16]),
            grace: Duration::from_secs(grace),
        }
    }

    #[test]
    fn a_presented_token_is_judged_by_this_table() {
        let in_grace = RotationDecision::InGrace { nonce: Nonce::from_bytes([7; 16]), rotated_at: at(100) };
        let table = [
            // presented, now, grace: the decision
            (1, 100, 10, in_grace),
            (1, 109, 10, in_grace),
            (1, 110, 10, RotationDecision::End),
            (1, 91, 10, in_grace),
            (1, 90, 10, RotationDecision::End),
            (1, 100, 1, in_grace),
            (1, 100, 0, RotationDecision::End),
            (3, 100, 60, RotationDecision::End),
            (9, 100, 60, RotationDecision::End),
            (1, 150, 60, RotationDecision::Expired),
            (2, 150, 60, RotationDecision::Expired),
            (3, 150, 60, RotationDecision::Expired),
        ];
        for (presented, now, grace, expected) in table {
            assert_eq!(decide(presented, now, grace), expected, "{presented} {now} {grace}");
        }
    }

    #[test]
    fn the_head_gives_way_to_its_successor() {
        // A clock that is behind moves the session's last use no further back.
        for (now, seen) in [(149, 149), (100, 100), (40, 100)] {
            let RotationDecision::Rotate { family, last_seen_at } = decide(2, now, 0) else {
                panic!("not rotated at {now}");
            };
            let last =
                LastRotation { predecessor: hash(2), nonce: Nonce::from_bytes([8; 16]), rotated_at: at(now) };
            assert_eq!(family, RefreshFamily { head: hash(9), last_rotation: Some(last) });
            assert_eq!(last_seen_at, at(seen));
        }
    }

    #[test]
    fn before_the_first_rotation_there_is_no_grace() {
        let family = RefreshFamily { head: hash(2), last_rotation: None };
        let decision = RotationDecision::of(&session(), &family, &rotation(1, 60), at(100));
        assert_eq!(decision, RotationDecision::End);
    }
}
