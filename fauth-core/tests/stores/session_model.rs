//! Any sequence of session operations gives what a model gives that is too simple to be wrong: a list that forgets nothing.

use std::{cmp::Reverse, time::Duration};

use fauth_core::{
    MemoryStore, Timestamp,
    store::{NewSession, Nonce, Rotation, RotationOutcome, SecretHash, Session, SessionId, SessionStore},
};
use proptest::prelude::*;

const START: i64 = 1_767_225_600;

#[derive(Debug, Clone)]
enum Step {
    Open {
        subject: u8,
        id: u8,
        limit: usize,
        idle: u64,
        life: u64,
    },
    /// Presents the token of this generation, counted back from the head.
    Rotate {
        id: u8,
        back: usize,
        grace: u64,
    },
    End {
        id: u8,
        owner: Option<u8>,
    },
    EndAll {
        subject: u8,
        keep: Option<u8>,
    },
    List {
        subject: u8,
    },
    /// The clock moves, also back.
    Wait {
        seconds: i64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (subject, id) = (0..3_u8, 0..10_u8);
    let step = prop_oneof![
        4 => (subject.clone(), id.clone(), 1..4_usize, 5..60_u64, 20..200_u64)
            .prop_map(|(subject, id, limit, idle, life)| Step::Open { subject, id, limit, idle, life }),
        8 => (id.clone(), prop_oneof![5 => Just(0_usize), 3 => Just(1), 1 => 2..4_usize], prop_oneof![Just(0_u64), Just(10)])
            .prop_map(|(id, back, grace)| Step::Rotate { id, back, grace }),
        1 => (id.clone(), prop::option::of(subject.clone())).prop_map(|(id, owner)| Step::End { id, owner }),
        1 => (subject.clone(), prop::option::of(id)).prop_map(|(subject, keep)| Step::EndAll { subject, keep }),
        3 => subject.prop_map(|subject| Step::List { subject }),
        5 => prop_oneof![4 => 0..15_i64, 1 => -20..0_i64].prop_map(|seconds| Step::Wait { seconds }),
    ];
    prop::collection::vec(step, 1..120)
}

fn sid(id: u8) -> SessionId {
    SessionId::parse(&format!("AAAAAAAAAAAAAAAAAAA{id:02}A")).unwrap()
}

fn hash(id: u8, generation: usize) -> SecretHash {
    let mut bytes = [id; 32];
    bytes[0] = u8::try_from(generation).unwrap();
    SecretHash::from_bytes(bytes)
}

fn nonce(generation: usize) -> Nonce {
    Nonce::from_bytes([u8::try_from(generation).unwrap(); 16])
}

fn name(subject: u8) -> String {
    format!("user {subject}")
}

struct Modelled {
    session: Session,
    generation: usize,
    rotated_at: Option<Timestamp>,
    ended: bool,
}

/// Every session there ever was.
#[derive(Default)]
struct Model(Vec<Modelled>);

impl Model {
    fn find(&mut self, id: u8) -> Option<&mut Modelled> {
        self.0.iter_mut().find(|modelled| modelled.session.id == sid(id))
    }

    fn live(&mut self, subject: u8, now: Timestamp) -> Vec<&mut Modelled> {
        let is_live = |modelled: &&mut Modelled| {
            !modelled.ended && modelled.session.subject == name(subject) && !modelled.session.has_expired(now)
        };
        self.0.iter_mut().filter(is_live).collect()
    }

    fn open(&mut self, subject: u8, new: NewSession, now: Timestamp) -> Option<Vec<SessionId>> {
        if self.0.iter().any(|modelled| modelled.session.id == new.session.id) {
            return None;
        }
        let mut live = self.live(subject, now);
        live.sort_by_key(|modelled| {
            let session = &modelled.session;
            (session.last_seen_at, session.created_at, session.id.clone())
        });
        let surplus = (live.len() + 1).saturating_sub(new.limit);
        let ended = live.into_iter().take(surplus).map(end).collect();
        self.0.push(Modelled { session: new.session, generation: 0, rotated_at: None, ended: false });
        Some(ended)
    }

    fn rotate(&mut self, id: u8, back: usize, grace: u64, now: Timestamp) -> RotationOutcome {
        let Some(modelled) = self.find(id) else { return RotationOutcome::Unknown };
        if modelled.ended {
            return RotationOutcome::Ended;
        }
        if modelled.session.has_expired(now) {
            return RotationOutcome::Expired;
        }
        if back == 0 {
            modelled.generation += 1;
            modelled.rotated_at = Some(now);
            modelled.session.last_seen_at = modelled.session.last_seen_at.max(now);
            return RotationOutcome::Rotated(modelled.session.clone());
        }
        if let (1, Some(rotated_at)) = (back, modelled.rotated_at) {
            if now.unix_seconds().abs_diff(rotated_at.unix_seconds()) < grace {
                let nonce = nonce(modelled.generation);
                return RotationOutcome::InGrace { session: modelled.session.clone(), nonce, rotated_at };
            }
        }
        modelled.ended = true;
        RotationOutcome::Reused(modelled.session.clone())
    }

    /// The generation that is so far back, or one that never was.
    fn generation(&mut self, id: u8, back: usize) -> (usize, usize) {
        let head = self.find(id).map_or(0, |modelled| modelled.generation);
        (head.checked_sub(back).unwrap_or(255), head + 1)
    }
}

fn end(modelled: &mut Modelled) -> SessionId {
    modelled.ended = true;
    modelled.session.id.clone()
}

fn sorted(mut ids: Vec<SessionId>) -> Vec<SessionId> {
    ids.sort();
    ids
}

/// One step on both; they say the same.
async fn take(step: Step, store: &MemoryStore, model: &mut Model, now: &mut i64) {
    let present = Timestamp::from_unix_seconds(*now);
    match step {
        Step::Open { subject, id, limit, idle, life } => {
            let session = Session {
                id: sid(id),
                subject: name(subject),
                created_at: present,
                last_seen_at: present,
                idle_timeout: Duration::from_secs(idle),
                expires_at: present.checked_add(Duration::from_secs(life)).unwrap(),
                remembered: id % 2 == 0,
                client: None,
                address: None,
            };
            let new = NewSession { session, head: hash(id, 0), limit };
            let expected = model.open(subject, new.clone(), present);
            assert_eq!(store.open(new, present).await.ok().map(sorted), expected.map(sorted));
        }
        Step::Rotate { id, back, grace } => {
            let (presented, successor) = model.generation(id, back);
            let rotation = Rotation {
                session: sid(id),
                presented: hash(id, presented),
                successor: hash(id, successor),
                nonce: nonce(successor),
                grace: Duration::from_secs(grace),
            };
            let expected = model.rotate(id, back, grace, present);
            assert_eq!(store.rotate(rotation, present).await.unwrap(), expected);
        }
        Step::End { id, owner } => {
            let expected = model.find(id).and_then(|modelled| {
                let is_his = owner.is_none_or(|owner| name(owner) == modelled.session.subject);
                let is_live = !modelled.ended && !modelled.session.has_expired(present);
                (is_his && is_live).then(|| end(modelled))
            });
            let ended = store.end(&sid(id), owner.map(name).as_deref(), present).await.unwrap();
            assert_eq!(ended.map(|session| session.id), expected);
        }
        Step::EndAll { subject, keep } => {
            let keep = keep.map(sid);
            let live = model.live(subject, present);
            let doomed = live.into_iter().filter(|modelled| Some(&modelled.session.id) != keep.as_ref());
            let expected = doomed.map(end).collect();
            let ended = store.end_all(&name(subject), keep.as_ref(), present).await.unwrap();
            assert_eq!(sorted(ended), sorted(expected));
        }
        Step::List { subject } => {
            let live = model.live(subject, present);
            let mut expected: Vec<_> = live.into_iter().map(|modelled| modelled.session.clone()).collect();
            expected.sort_by_key(|session| (Reverse(session.last_seen_at), session.id.clone()));
            let mut list = store.list(&name(subject), present).await.unwrap();
            assert!(list.is_sorted_by_key(|session| Reverse(session.last_seen_at)));
            // Those of one second are in no particular order.
            list.sort_by_key(|session| (Reverse(session.last_seen_at), session.id.clone()));
            assert_eq!(list, expected);
        }
        Step::Wait { seconds } => *now += seconds,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_memory_store_does_what_the_model_does(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (store, mut model, mut now) = (MemoryStore::new(), Model::default(), START);
            for step in steps {
                take(step, &store, &mut model, &mut now).await;
            }
        });
    }
}
