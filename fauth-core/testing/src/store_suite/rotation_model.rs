//! Random refreshes: a session store decides like [`RotationDecision::of`], whatever came before.

use fauth_core::{
    clock::Timestamp,
    store::{
        NewSession, Nonce, RefreshFamily, Rotation, RotationDecision, RotationOutcome, SecretHash, Session,
        SessionStore as _,
    },
};

use super::{
    NOW,
    samples::{Random, fingerprint, hash, kind, login, seconds, sid},
    store_cases,
};

/// The number of refreshes.
const STEPS: usize = 300;

/// Every possible outcome for a known session.
const KINDS: [&str; 5] = ["rotated", "in grace", "reused", "ended", "expired"];

store_cases! { $ __store_rotation_model_tests in rotation_model for SessionStore;
    /// Two owners refresh sessions with the same ids at two instances, with random tokens, times
    /// and grace windows.
    async fn random_refreshes_are_answered_as_the_rule_decides(t) {
        let (mut random, mut now) = (Random::new(9), NOW);
        let mut models = [Model::new("alice"), Model::new("bob")];
        let mut seen = Vec::new();
        for (step, store) in t.instances(STEPS).await.into_iter().enumerate() {
            let model = random.pick(&mut models);
            if model.is_to_be_opened(&mut random, now) {
                let new = model.open(now);
                assert_eq!(store.open(new, now).await.unwrap(), [], "step {step}");
            }
            let rotation = model.refresh(&mut random, step);
            let outcome = store.rotate(&model.session.owner, &rotation, now).await.unwrap();
            assert_eq!(outcome, model.rotate(&rotation, now), "step {step}");
            seen.push(kind(&outcome));
            now = move_on(&mut random, now);
        }
        assert!(KINDS.iter().all(|kind| seen.contains(kind)), "{seen:?}");
    }
}

/// Mostly a few seconds ahead, sometimes back, and rarely so far that sessions expire.
fn move_on(random: &mut Random, now: Timestamp) -> Timestamp {
    let by = match random.below(50) {
        0 => 900,
        1..10 => -random.below_signed(15),
        _ => random.below_signed(8),
    };
    Timestamp::from_unix_seconds(now.unix_seconds() + by)
}

/// The newest session of an owner.
struct Model {
    /// The number of sessions; 0 before the first.
    number: u8,
    session: Session,
    family: RefreshFamily,
    /// A token that is neither the head nor its predecessor.
    older: SecretHash,
    has_ended: bool,
}

impl Model {
    fn new(subject: &str) -> Self {
        let new = login(subject, 0, 0);
        let family = RefreshFamily { head: new.head, last_rotation: None };
        Self { number: 0, session: new.session, family, older: new.head, has_ended: true }
    }

    /// An ended or expired session is refreshed a few more times before another one replaces it.
    fn is_to_be_opened(&self, random: &mut Random, now: Timestamp) -> bool {
        let is_over = self.has_ended || self.session.has_expired(now);
        self.number == 0 || (is_over && random.below(3) == 0)
    }

    fn open(&mut self, now: Timestamp) -> NewSession {
        self.number += 1;
        let mut new = login(&self.session.owner, self.number, now.unix_seconds() - NOW.unix_seconds());
        new.session.idle_timeout = seconds(600);
        self.session = new.session.clone();
        self.family = RefreshFamily { head: new.head, last_rotation: None };
        self.older = hash("a token that never was");
        self.has_ended = false;
        new
    }

    /// A refresh with a random token: mostly the head or its predecessor.
    fn refresh(&self, random: &mut Random, step: usize) -> Rotation {
        let head = self.family.head;
        let presented = match random.below(20) {
            0 => hash("another token that never was"),
            1 => self.older,
            2..8 => self.family.last_rotation.map_or(head, |last| last.predecessor),
            _ => head,
        };
        Rotation {
            session: sid(self.number),
            presented,
            successor: hash(&format!("successor of step {step}")),
            nonce: Nonce::from_bytes([u8::try_from(step % 256).unwrap(); 16]),
            grace: seconds(random.below_signed(21)),
            // Instances of a fleet may issue tokens with different lifetimes.
            access_lifetime: seconds(60 + 40 * random.below_signed(3)),
            fingerprint: match random.below(6) {
                0 => None,
                1 => Some(fingerprint("another")),
                _ => Some(fingerprint("one")),
            },
            bound_to_client: random.below(3) == 0,
        }
    }

    fn rotate(&mut self, rotation: &Rotation, now: Timestamp) -> RotationOutcome {
        if self.has_ended {
            return RotationOutcome::Ended { tokens_end_at: self.session.tokens_end_at };
        }
        match RotationDecision::of(&self.session, &self.family, rotation, now) {
            RotationDecision::Expired => RotationOutcome::Expired,
            RotationDecision::Rotate { family, last_seen_at, tokens_end_at } => {
                self.older = self.family.last_rotation.map_or(self.older, |last| last.predecessor);
                self.family = family;
                (self.session.last_seen_at, self.session.tokens_end_at) = (last_seen_at, tokens_end_at);
                RotationOutcome::Rotated(self.session.clone())
            }
            RotationDecision::InGrace { nonce, rotated_at, from_another_client, tokens_end_at } => {
                self.session.tokens_end_at = tokens_end_at;
                let session = self.session.clone();
                RotationOutcome::InGrace { session, nonce, rotated_at, from_another_client }
            }
            RotationDecision::End => {
                self.has_ended = true;
                RotationOutcome::Reused(self.session.clone())
            }
        }
    }
}
