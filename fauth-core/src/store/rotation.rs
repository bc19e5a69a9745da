//! Refresh-token rotation: the decision about a presented refresh token, as one pure function that
//! every backend calls.

use std::time::Duration;

use super::{ClientFingerprint, Nonce, Rotation, SecretHash, Session};
use crate::clock::Timestamp;

/// The refresh tokens of a live session, as stored: the newest token and its predecessor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends construct it from stored data")]
pub struct RefreshFamily {
    /// The hash of the newest refresh token.
    pub head: SecretHash,
    /// The last rotation; `None` while the first refresh token is the newest.
    pub last_rotation: Option<LastRotation>,
}

/// The rotation that issued the newest refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends construct it from stored data")]
pub struct LastRotation {
    /// The hash of the token that was exchanged for the newest one.
    pub predecessor: SecretHash,
    /// The nonce from which the newest token was derived.
    pub nonce: Nonce,
    /// When the rotation took place.
    pub rotated_at: Timestamp,
    /// The fingerprint of the client that rotated; `None` if nothing is known about it.
    pub fingerprint: Option<ClientFingerprint>,
}

/// What a store does with a session when one of its refresh tokens is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a new decision must be handled everywhere")]
pub enum RotationDecision {
    /// The session has expired: change nothing and return
    /// [`Expired`](super::RotationOutcome::Expired).
    Expired,
    /// Store this family and these times, and return [`Rotated`](super::RotationOutcome::Rotated).
    Rotate {
        /// The family with the successor as its head.
        family: RefreshFamily,
        /// The new [`Session::last_seen_at`].
        last_seen_at: Timestamp,
        /// The new [`Session::tokens_end_at`].
        tokens_end_at: Timestamp,
    },
    /// Store `tokens_end_at` if it is later than the session's, change nothing else, and return
    /// [`InGrace`](super::RotationOutcome::InGrace) with these values.
    InGrace {
        /// The nonce from which the newest token was derived.
        nonce: Nonce,
        /// When the newest token was issued.
        rotated_at: Timestamp,
        /// Whether the client's fingerprint differs from that of the client that rotated the token.
        from_another_client: bool,
        /// The new [`Session::tokens_end_at`]. Usually unchanged, so that a repetition needs no
        /// write.
        tokens_end_at: Timestamp,
    },
    /// A replayed token: end the session and return [`Reused`](super::RotationOutcome::Reused).
    End,
}

impl RotationDecision {
    /// Decides about a session that exists and was not ended. Call it inside the atomic step that
    /// carries out the decision.
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
    /// When an access token issued at `now` expires.
    fn token_ends_at(&self, now: Timestamp) -> Timestamp {
        now.checked_add(self.access_lifetime).unwrap_or(Timestamp::MAX)
    }

    /// When the last access token expires that is issued at `now` or by a repetition in the grace
    /// window that begins at `now`. Covering the window in advance saves a write for each
    /// repetition.
    fn tokens_end_at(&self, now: Timestamp) -> Timestamp {
        self.token_ends_at(now).checked_add(self.grace).unwrap_or(Timestamp::MAX)
    }
}

impl LastRotation {
    /// Decides about a repetition within the grace window.
    fn repeated(&self, session: &Session, rotation: &Rotation, now: Timestamp) -> RotationDecision {
        let from_another_client = self.fingerprint != rotation.fingerprint;
        if from_another_client && rotation.bound_to_client {
            return RotationDecision::End;
        }
        // Only an instance with a longer access-token lifetime than the instance that rotated gets
        // here, and it then covers all of its repetitions at once.
        let is_covered = rotation.token_ends_at(now) <= session.tokens_end_at;
        let tokens_end_at = if is_covered { session.tokens_end_at } else { rotation.tokens_end_at(now) };
        let Self { nonce, rotated_at, .. } = *self;
        RotationDecision::InGrace { nonce, rotated_at, from_another_client, tokens_end_at }
    }

    /// Whether the token is the predecessor and within the grace window. The rotation may lie in
    /// the future, because the clocks of instances differ.
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
            tokens_end_at: at(140),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is what is compared")]
    const fn client(byte: u8) -> Option<ClientFingerprint> {
        Some(ClientFingerprint::from_bytes([byte; 16]))
    }

    /// The head is 2, made from 1 at the second 100 by the nonce 7 and the client 1; 9 is the
    /// successor on offer.
    fn decide_on(rotation: &Rotation, now: i64) -> RotationDecision {
        let last = LastRotation {
            predecessor: hash(1),
            nonce: Nonce::from_bytes([7; 16]),
            rotated_at: at(100),
            fingerprint: client(1),
        };
        let family = RefreshFamily { head: hash(2), last_rotation: Some(last) };
        RotationDecision::of(&session(), &family, rotation, at(now))
    }

    fn decide(presented: u8, now: i64, grace: u64) -> RotationDecision {
        decide_on(&rotation(presented, grace), now)
    }

    fn in_grace(from_another_client: bool, tokens_end: i64) -> RotationDecision {
        RotationDecision::InGrace {
            nonce: Nonce::from_bytes([7; 16]),
            rotated_at: at(100),
            from_another_client,
            tokens_end_at: at(tokens_end),
        }
    }

    fn rotation(presented: u8, grace: u64) -> Rotation {
        Rotation {
            session: SessionId::from_random([0; 16]),
            presented: hash(presented),
            successor: hash(9),
            nonce: Nonce::from_bytes([8; 16]),
            grace: Duration::from_secs(grace),
            access_lifetime: Duration::from_secs(20),
            fingerprint: client(1),
            bound_to_client: false,
        }
    }

    #[test]
    fn a_presented_token_is_judged_by_this_table() {
        let in_grace = in_grace(false, 140);
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
        // A clock that is behind never moves the session's last use back.
        for (now, seen) in [(149, 149), (100, 100), (40, 100)] {
            let RotationDecision::Rotate { family, last_seen_at, .. } = decide(2, now, 0) else {
                panic!("not rotated at {now}");
            };
            let last = LastRotation {
                predecessor: hash(2),
                nonce: Nonce::from_bytes([8; 16]),
                rotated_at: at(now),
                fingerprint: client(1),
            };
            assert_eq!(family, RefreshFamily { head: hash(9), last_rotation: Some(last) });
            assert_eq!(last_seen_at, at(seen));
        }
    }

    /// The end covers the repetitions that may follow, so that these write nothing.
    #[test]
    fn a_rotation_says_when_the_last_of_its_access_tokens_ends() {
        // now, grace, the end: 140 is the session's, tokens last for 20 seconds
        for (now, grace, expected) in [(100, 10, 140), (115, 5, 140), (115, 6, 141), (130, 10, 160)] {
            let RotationDecision::Rotate { tokens_end_at, .. } = decide(2, now, grace) else {
                panic!("not rotated at {now}");
            };
            assert_eq!(tokens_end_at, at(expected), "{now} {grace}");
        }
    }

    /// Only one whose tokens last longer than those of the one that rotated has to be written, and
    /// it covers those that follow.
    #[test]
    fn a_repetition_moves_the_end_only_if_its_token_lasts_longer() {
        // now, lifetime, the end after a window of 10 seconds
        for (now, lifetime, expected) in
            [(100, 20, 140), (109, 31, 140), (109, 32, 151), (100, 40, 140), (100, 41, 151), (105, 500, 615)]
        {
            let access_lifetime = Duration::from_secs(lifetime);
            let repetition = Rotation { access_lifetime, ..rotation(1, 10) };
            assert_eq!(decide_on(&repetition, now), in_grace(false, expected), "{now} {lifetime}");
        }
    }

    #[test]
    fn another_client_within_the_window_is_told_or_refused() {
        // who presents the token, and what a window that is not bound says
        for (fingerprint, is_another) in [(client(1), false), (client(2), true), (None, true)] {
            let repetition = Rotation { fingerprint, ..rotation(1, 10) };
            assert_eq!(decide_on(&repetition, 105), in_grace(is_another, 140), "{fingerprint:?}");
            let bound = Rotation { bound_to_client: true, ..repetition };
            let expected = if is_another { RotationDecision::End } else { in_grace(false, 140) };
            assert_eq!(decide_on(&bound, 105), expected, "{fingerprint:?}");
            // A client that presents the newest token is its holder.
            let head = Rotation { presented: hash(2), ..bound };
            let decision = decide_on(&head, 105);
            let RotationDecision::Rotate { family, .. } = decision else { panic!("{decision:?}") };
            assert_eq!(family.last_rotation.unwrap().fingerprint, fingerprint);
        }
    }

    #[test]
    fn before_the_first_rotation_there_is_no_grace() {
        let family = RefreshFamily { head: hash(2), last_rotation: None };
        let decision = RotationDecision::of(&session(), &family, &rotation(1, 60), at(100));
        assert_eq!(decision, RotationDecision::End);
    }
}
