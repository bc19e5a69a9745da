//! Any sequence of session operations gives what a model gives that is too simple to be wrong: a
//! list that forgets nothing.

use std::{cmp::Reverse, time::Duration};

use fauth_core::{
    MemoryStore,
    clock::Timestamp,
    store::{
        EndedSession, NewSession, Nonce, Owner, Rotation, RotationOutcome, SecretHash, Session, SessionId,
        SessionStore,
    },
};
use proptest::prelude::*;

const START: i64 = 1_767_225_600;

/// How long access tokens last.
const ACCESS: Duration = Duration::from_secs(30);

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
        subject: u8,
        id: u8,
        back: usize,
        grace: u64,
    },
    End {
        subject: u8,
        id: u8,
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
    // Few ids for each subject, and the same ones for all: most steps meet a session that is
    // there.
    let (subject, id) = (0..3_u8, 0..4_u8);
    let back = prop_oneof![5 => Just(0_usize), 3 => Just(1), 1 => 2..4_usize];
    let step = prop_oneof![
        4 => (subject.clone(), id.clone(), 1..4_usize, 5..60_u64, 20..200_u64)
            .prop_map(|(subject, id, limit, idle, life)| Step::Open { subject, id, limit, idle, life }),
        8 => (subject.clone(), id.clone(), back, prop_oneof![Just(0_u64), Just(10)])
            .prop_map(|(subject, id, back, grace)| Step::Rotate { subject, id, back, grace }),
        1 => (subject.clone(), id.clone()).prop_map(|(subject, id)| Step::End { subject, id }),
        1 => (subject.clone(), prop::option::of(id)).prop_map(|(subject, keep)| Step::EndAll { subject, keep }),
        3 => subject.prop_map(|subject| Step::List { subject }),
        5 => prop_oneof![4 => 0..15_i64, 1 => -20..0_i64].prop_map(|seconds| Step::Wait { seconds }),
    ];
    prop::collection::vec(step, 1..120)
}

fn sid(id: u8) -> SessionId {
    SessionId::parse(&format!("AAAAAAAAAAAAAAAAAAA{id:02}A")).unwrap()
}

/// The same for all subjects: a token counts in the session of its owner only.
fn hash(id: u8, generation: usize) -> SecretHash {
    let mut bytes = [id; 32];
    bytes[0] = u8::try_from(generation).unwrap();
    SecretHash::from_bytes(bytes)
}

fn nonce(generation: usize) -> Nonce {
    Nonce::from_bytes([u8::try_from(generation).unwrap(); 16])
}

fn owner(subject: u8) -> Owner<'static> {
    Owner::new("default", "", format!("user {subject}"))
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
    fn find(&mut self, subject: u8, id: u8) -> Option<&mut Modelled> {
        let is_meant = |session: &Session| session.id == sid(id) && session.owner == owner(subject);
        self.0.iter_mut().find(|modelled| is_meant(&modelled.session))
    }

    fn live(&mut self, subject: u8, now: Timestamp) -> Vec<&mut Modelled> {
        let is_live = |modelled: &&mut Modelled| {
            !modelled.ended && modelled.session.owner == owner(subject) && !modelled.session.has_expired(now)
        };
        self.0.iter_mut().filter(is_live).collect()
    }

    fn open(&mut self, (subject, id): (u8, u8), new: NewSession, now: Timestamp) -> Option<Vec<SessionId>> {
        if self.find(subject, id).is_some() {
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

    fn rotate(
        &mut self,
        (subject, id): (u8, u8),
        back: usize,
        grace: u64,
        now: Timestamp,
    ) -> RotationOutcome {
        let Some(modelled) = self.find(subject, id) else { return RotationOutcome::Unknown };
        if modelled.ended {
            return RotationOutcome::Ended { tokens_end_at: modelled.session.tokens_end_at };
        }
        if modelled.session.has_expired(now) {
            return RotationOutcome::Expired;
        }
        if back == 0 {
            modelled.generation += 1;
            modelled.rotated_at = Some(now);
            modelled.session.last_seen_at = modelled.session.last_seen_at.max(now);
            let end = now.checked_add(ACCESS + Duration::from_secs(grace)).unwrap();
            modelled.session.tokens_end_at = modelled.session.tokens_end_at.max(end);
            return RotationOutcome::Rotated(modelled.session.clone());
        }
        if let (1, Some(rotated_at)) = (back, modelled.rotated_at)
            && now.unix_seconds().abs_diff(rotated_at.unix_seconds()) < grace
        {
            let access_end = now.checked_add(ACCESS).unwrap();
            if access_end > modelled.session.tokens_end_at {
                modelled.session.tokens_end_at = access_end.checked_add(Duration::from_secs(grace)).unwrap();
            }
            return RotationOutcome::InGrace {
                session: modelled.session.clone(),
                nonce: nonce(modelled.generation),
                rotated_at,
                from_another_client: false,
            };
        }
        modelled.ended = true;
        RotationOutcome::Reused(modelled.session.clone())
    }

    /// The generation that is so far back, or one that never was.
    fn generation(&mut self, subject: u8, id: u8, back: usize) -> (usize, usize) {
        let head = self.find(subject, id).map_or(0, |modelled| modelled.generation);
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

fn ids_of(ended: Vec<EndedSession>) -> Vec<SessionId> {
    sorted(ended.into_iter().map(|ended| ended.id).collect())
}

/// One step on both; they say the same.
async fn take(step: Step, store: &MemoryStore, model: &mut Model, now: &mut i64) {
    let present = Timestamp::from_unix_seconds(*now);
    match step {
        Step::Open { subject, id, limit, idle, life } => {
            let session = Session {
                id: sid(id),
                owner: owner(subject),
                created_at: present,
                last_seen_at: present,
                idle_timeout: Duration::from_secs(idle),
                expires_at: present.checked_add(Duration::from_secs(life)).unwrap(),
                remembered: id % 2 == 0,
                client: None,
                address: None,
                tokens_end_at: present.checked_add(ACCESS).unwrap(),
            };
            let new = NewSession { session, head: hash(id, 0), limit, payload: None };
            let expected = model.open((subject, id), new.clone(), present);
            assert_eq!(store.open(new, present).await.ok().map(ids_of), expected.map(sorted));
        }
        Step::Rotate { subject, id, back, grace } => {
            let (presented, successor) = model.generation(subject, id, back);
            let rotation = Rotation {
                session: sid(id),
                presented: hash(id, presented),
                successor: hash(id, successor),
                nonce: nonce(successor),
                grace: Duration::from_secs(grace),
                access_lifetime: ACCESS,
                fingerprint: None,
                bound_to_client: false,
            };
            let expected = model.rotate((subject, id), back, grace, present);
            assert_eq!(store.rotate(&owner(subject), &rotation, present).await.unwrap(), expected);
        }
        Step::End { subject, id } => {
            let expected = model.find(subject, id).and_then(|modelled| {
                let is_live = !modelled.ended && !modelled.session.has_expired(present);
                is_live.then(|| end(modelled))
            });
            let ended = store.end(&owner(subject), &sid(id), present).await.unwrap();
            assert_eq!(ended.map(|session| session.id), expected);
        }
        Step::EndAll { subject, keep } => {
            let keep = keep.map(sid);
            let live = model.live(subject, present);
            let doomed = live.into_iter().filter(|modelled| Some(&modelled.session.id) != keep.as_ref());
            let expected = doomed.map(end).collect();
            let ended = store.end_all(&owner(subject), keep.as_ref(), present).await.unwrap();
            assert_eq!(ids_of(ended), sorted(expected));
        }
        Step::List { subject } => {
            let live = model.live(subject, present);
            let mut expected: Vec<_> = live.into_iter().map(|modelled| modelled.session.clone()).collect();
            expected.sort_by_key(|session| (Reverse(session.last_seen_at), session.id.clone()));
            let mut list = store.list(&owner(subject), present).await.unwrap();
            assert!(list.is_sorted_by_key(|session| Reverse(session.last_seen_at)));
            // Those of one second are in no particular order.
            list.sort_by_key(|session| (Reverse(session.last_seen_at), session.id.clone()));
            assert_eq!(list, expected);
        }
        Step::Wait { seconds } => *now += seconds,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

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
