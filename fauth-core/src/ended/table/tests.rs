//! The table by itself: what it forgets, whom it asks about next, and when it gives up.

use std::time::Duration;

use super::*;

const INTERVALS: Intervals = Intervals {
    recheck: Duration::from_secs(60),
    poll: Duration::from_secs(5),
    unknown_after: Duration::from_secs(60),
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

fn facts(number: u64, person: Person, ends_at: i64) -> Facts {
    let json = format!(r#"{{"sub":"user","jti":"{number}"}}"#);
    let payload = TokenPayload::of_key_claims(json, at(0), at(ends_at)).unwrap();
    let keys = [number, 1_000_000 + number % 7].into_iter().collect();
    Facts { payload: Arc::new(payload), ends_at: at(ends_at), keys, person, was_active: true, single: None }
}

fn table() -> Table {
    let mut table = Table::new(INTERVALS);
    table.judge_every(Some(5000));
    table.judge_at_once(500);
    table
}

/// Some that are open, whoever they are.
fn open(table: &mut Table, count: u64) -> Vec<Arc<Entry>> {
    let entry = |number| table.insert(facts(number, Person::from(number), 900), 0);
    (0..count).map(entry).collect()
}

const KEYS: SingleStore = SingleStore::ApiKeys;

fn single(store: SingleStore, subject: u128) -> Single {
    Single { store, subject, is_only_there: true }
}

/// Two, and the first is known to a store that is asked about each by itself.
fn open_single(table: &mut Table) -> [Arc<Entry>; 2] {
    let single = Facts { single: Some(single(KEYS, 0)), ..facts(0, 0, 900) };
    [table.insert(single, 0), table.insert(facts(1, 1, 900), 0)]
}

fn ids(watched: &[Watched]) -> Vec<Id> {
    watched.iter().map(|watched| watched.id).collect()
}

fn all(watched: &[Watched], finding: Finding) -> Vec<(Id, Finding)> {
    ids(watched).into_iter().map(|id| (id, finding)).collect()
}

#[track_caller]
fn is_empty(table: &Table) {
    assert!(table.slots.is_empty() && table.by_payload.is_empty() && table.people.is_empty());
    assert!(table.by_end.is_empty() && table.by_key.is_empty() && table.by_person.is_empty());
    assert!(table.due.is_empty());
    assert!(table.urgent.is_empty() && table.swept.is_empty());
    assert!(SingleStore::ALL.iter().all(|store| table.singles.of(*store).is_empty()));
}

/// Each is found by its person, and each person has one turn.
#[track_caller]
fn is_consistent(table: &Table) {
    assert_eq!(table.by_person.len(), table.slots.len());
    assert!(table.by_person.iter().all(|(person, id)| table.slots[id].facts.person == *person));
    assert!(table.by_person.iter().all(|(person, _)| table.people.contains_key(person)));
    assert_eq!(table.due, table.people.iter().map(|(person, due)| (*due, *person)).collect());
}

/// Whatever happens to them meanwhile: nothing of those that are gone is left anywhere.
#[test]
fn what_is_opened_and_closed_in_any_order_leaves_nothing() {
    let mut table = table();
    let mut random = 1_u64;
    let mut below = |bound: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    let mut there: Vec<Arc<Entry>> = Vec::new();
    let mut answers: Vec<(Option<Asked>, Vec<Watched>)> = Vec::new();
    for now in 0..20_000 {
        match below(9) {
            0..3 => {
                let facts = facts(now, Person::from(below(50)), 900);
                let stores = [None, Some(KEYS), Some(SingleStore::Sessions)];
                let store = stores[usize::try_from(now % 3).unwrap()];
                let single = store.map(|store| single(store, below(9).into()));
                there.push(table.insert(Facts { single, ..facts }, now));
            }
            3..5 if !there.is_empty() => {
                let left = usize::try_from(below(there.len() as u64)).unwrap();
                table.release(&there.swap_remove(left));
            }
            5 => table.note_change(1_000_000 + below(7), now),
            6 => table.note_all_changed(now),
            7 => {
                answers.extend([
                    (None, table.next_urgent()),
                    (None, table.next_swept(now)),
                    (None, table.next_to_look_at(now * 50).unwrap_or_default()),
                ]);
                let singly = SingleStore::ALL.map(|store| table.next_single(store, now));
                let singly = singly.into_iter().flatten();
                answers.extend(singly.map(|(asked, watched)| (Some(asked), vec![watched])));
            }
            _ => {
                let over = Finding::Over(EndReason::Revoked);
                let finding = [Finding::Good, Finding::Failed, over, Finding::AskSingly(Some(1))];
                let finding = finding[usize::try_from(below(4)).unwrap()];
                let question = [Question::User, Question::Revoked];
                let question = question[usize::try_from(below(2)).unwrap()];
                let (asked, watched) = answers.pop().unwrap_or_default();
                let findings = all(&watched, finding);
                let over = match asked {
                    Some(asked) => table.settle_single(asked, finding, (now, now)),
                    None => table.settle(question, &findings, (now, now)),
                };
                there.retain(|entry| over.iter().all(|(ended, _)| !Arc::ptr_eq(entry, ended)));
            }
        }
        assert_eq!(table.len(), there.len());
        if now % 100 == 0 {
            is_consistent(&table);
        }
    }
    for entry in there.drain(..) {
        table.release(&entry);
    }
    is_empty(&table);
    // Answers that come late are about nobody.
    for (asked, watched) in answers {
        let findings = all(&watched, Finding::Failed);
        let over = match asked {
            Some(asked) => table.settle_single(asked, Finding::Failed, (0, 99)),
            None => table.settle(Question::User, &findings, (0, 99)),
        };
        assert!(over.is_empty());
    }
    is_empty(&table);
}

/// If each looked at all others of the person, this would be ten thousand million steps, for
/// minutes, with everybody else waiting for the lock.
#[test]
fn very_many_of_one_person_end_without_looking_at_one_another() {
    let mut table = table();
    let alike = facts(0, 7, 900);
    let open = |table: &mut Table| -> Vec<Arc<Entry>> {
        let copy = || Facts { payload: Arc::new(TokenPayload::clone(&alike.payload)), ..alike.clone() };
        (0..100_000).map(|_| table.insert(copy(), 0)).collect()
    };
    // As their sockets close, one by one.
    for entry in open(&mut table) {
        table.release(&entry);
    }
    is_empty(&table);
    open(&mut table);
    assert_eq!(table.end_all(EndReason::ProviderGone).len(), 100_000);
    is_empty(&table);
}

#[test]
fn one_that_is_held_again_is_not_released() {
    let mut table = table();
    let entry = open(&mut table, 1).remove(0);
    entry.hold();
    table.release(&entry);
    assert_eq!(table.len(), 1);
    entry.let_go();
    table.release(&entry);
    is_empty(&table);
}

#[test]
fn what_expires_is_what_has_come_to_its_end() {
    let mut table = table();
    let entries: Vec<_> = (1..=3).map(|end| table.insert(facts(1, 1, end), 0)).collect();
    assert!(table.expire(at(0)).is_empty());
    let over = table.expire(at(2));
    let expected = [&entries[0], &entries[1]];
    assert_eq!(over.len(), 2);
    for (entry, reason) in &over {
        assert!(expected.iter().any(|other| Arc::ptr_eq(entry, other)) && *reason == EndReason::Expired);
    }
    assert_eq!(table.len(), 1);
}

#[test]
fn a_change_concerns_those_with_the_key() {
    let mut table = table();
    let entries = open(&mut table, 14);
    assert_eq!(table.next_urgent().len(), 14, "they were just opened");
    table.note_change(3, 0);
    table.note_change(99, 0);
    assert_eq!(ids(&table.next_urgent()), [entries[3].id()]);
    table.note_change(1_000_004, 0);
    assert_eq!(ids(&table.next_urgent()), [entries[4].id(), entries[11].id()]);
    assert_eq!((table.has_urgent(), table.next_sweep()), (false, None));
}

/// Those about which something has changed, and beside them the others, each in turn.
#[test]
fn whoever_fails_does_not_keep_the_others_waiting() {
    let mut table = table();
    open(&mut table, 1200);
    while !table.next_urgent().is_empty() {}
    table.sweep();
    let first = table.next_swept(0);
    assert_eq!(first.len(), 500);
    table.pause_sweep(0);
    assert!(table.settle(Question::Revoked, &all(&first, Finding::Failed), (0, 0)).is_empty());
    assert_eq!(table.next_sweep(), Some(1000), "not at once");
    assert!(table.next_swept(999).is_empty());
    table.note_change(7, 0);
    assert_eq!(table.next_urgent().len(), 1, "but for whom something has changed");
    let second = table.next_swept(1000);
    assert_eq!((second.len(), ids(&second)[0]), (250, 501), "fewer, and others");
    assert!(table.settle(Question::Revoked, &all(&second, Finding::Good), (1000, 1000)).is_empty());
    assert_eq!(table.next_swept(1000).len(), 500);
}

#[test]
fn everybody_has_a_turn_and_one_who_fails_another_one_soon() {
    let mut table = table();
    let [one, two] = [table.insert(facts(1, 7, 900), 0), table.insert(facts(2, 7, 900), 0)];
    assert!(table.next_to_look_at(0).is_none());
    let turn = table.next_turn().unwrap();
    let watched = table.next_to_look_at(turn).unwrap();
    assert_eq!(ids(&watched), [one.id(), two.id()]);
    assert!(table.next_to_look_at(turn).is_none(), "once");
    assert_eq!(table.next_turn(), Some(turn + 60_000));
    table.settle(Question::User, &all(&watched, Finding::Failed), (turn, turn));
    assert_eq!(table.next_turn(), Some(turn + 10_000));
}

#[test]
fn who_was_asked_about_in_vain_for_too_long_is_given_up() {
    let mut table = table();
    open(&mut table, 2);
    let watched = table.next_urgent();
    let failed = [(watched[0].id, Finding::Failed), (watched[1].id, Finding::Good)];
    table.settle(Question::Revoked, &failed, (0, 0));
    assert!(table.give_up(65_000).is_empty());
    // Somebody else is answered all the time: this one is only late.
    for now in [30_000, 60_000, 100_000] {
        let answer = [(watched[1].id, Finding::Good)];
        table.settle(Question::Revoked, &answer, (now, now));
        table.settle(Question::User, &answer, (now, now));
    }
    table.settle(Question::User, &[(watched[0].id, Finding::Good)], (100_000, 100_000));
    let over = table.give_up(100_001);
    assert_eq!(
        over.iter().map(|(entry, why)| (entry.id(), *why)).collect::<Vec<_>>(),
        [(watched[0].id, EndReason::Unknown)]
    );
}

#[test]
fn being_late_is_no_reason_unless_nobody_is_answered() {
    let mut table = table();
    let entries = open(&mut table, 3);
    let good = [(entries[0].id(), Finding::Good)];
    for now in (0..=600_000).step_by(10_000) {
        table.settle(Question::Revoked, &good, (now, now));
        table.settle(Question::User, &good, (now, now));
        assert!(table.give_up(now).is_empty(), "{now}");
    }
    assert!(table.give_up(660_000).is_empty());
    assert_eq!(table.give_up(660_001).len(), 2, "those who are late");
    assert_eq!(table.give_up(665_001).len(), 1);
    is_empty(&table);
}

#[test]
fn where_nobody_could_tell_nothing_is_missed() {
    let mut table = Table::new(INTERVALS);
    let entry = open(&mut table, 1).remove(0);
    for now in (0..=600_000).step_by(10_000) {
        table.settle(Question::User, &[(entry.id(), Finding::Good)], (now, now));
    }
    assert!(table.give_up(600_000).is_empty(), "no store is asked what was taken back");
}

#[test]
fn where_nobody_could_tell_nobody_is_asked() {
    for is_judged in [true, false] {
        let mut table = Table::new(INTERVALS);
        let first = facts(0, 1, 900);
        table.insert(first, 0);
        table.set_judged(is_judged);
        assert_eq!(table.next_urgent().len(), usize::from(is_judged));
        let watched = [table.insert(facts(1, 2, 900), 0)].map(|entry| (entry.id(), Finding::Failed));
        table.note_change(0, 0);
        assert_eq!(table.has_urgent(), is_judged);
        for act in [Table::sweep, |table: &mut Table| table.begin_anew(0)] {
            act(&mut table);
            assert_eq!(table.next_sweep().is_some(), is_judged);
            while !table.next_swept(0).is_empty() {}
        }
        table.settle(Question::Revoked, &watched, (0, 0));
        assert_eq!(table.next_sweep().is_some(), is_judged);
    }
}

/// Whom this store is asked about next.
#[track_caller]
fn next_single(table: &mut Table, now: Moment) -> (Asked, Id) {
    let (asked, watched) = table.next_single(KEYS, now).unwrap();
    (asked, watched.id)
}

/// Not twice at the same time, however much changes meanwhile, and once more after that.
#[test]
fn one_that_is_being_asked_about_singly_is_asked_again_afterwards() {
    let mut table = table();
    let entries = open_single(&mut table);
    let id = entries[0].id();
    let (asked, first) = next_single(&mut table, 0);
    assert_eq!(first, id, "the other is of no such store");
    for now in 1..5 {
        table.note_change(0, now);
    }
    assert!(table.next_single(KEYS, 5).is_none() && table.next_single_at(KEYS).is_none());
    table.settle_single(asked, Finding::Good, (0, 6));
    let (asked, again) = next_single(&mut table, 6);
    assert_eq!(again, id);
    table.settle_single(asked, Finding::Failed, (6, 7));
    assert_eq!(table.next_single_at(KEYS), Some(1007), "not at once");
    table.note_change(0, 10);
    assert_eq!(next_single(&mut table, 10).1, id, "but after a change");
    table.begin_anew(11);
    let (asked, anew) = next_single(&mut table, 11);
    assert_eq!(anew, id, "nobody is answered any more");
    table.settle_single(asked, Finding::Good, (11, 12));
    assert!(table.next_single(KEYS, Moment::MAX).is_none());
}

#[test]
fn one_about_which_nobody_answers_singly_is_given_up_and_no_other() {
    let mut table = table();
    let entries = open_single(&mut table);
    // Another store is answered all the time.
    let session = Facts { single: Some(single(SingleStore::Sessions, 0)), ..facts(2, 2, 900) };
    let session = table.insert(session, 0);
    let all: Vec<_> = entries.iter().chain([&session]).map(|entry| (entry.id(), Finding::Good)).collect();
    let (id, failed) = (entries[0].id(), Finding::Failed);
    for now in (0..=60_000).step_by(10_000) {
        let (asked, watched) = next_single(&mut table, now);
        assert_eq!(watched, id, "{now}");
        table.settle_single(asked, failed, (now, now));
        table.note_change(2, now);
        let (asked, _) = table.next_single(SingleStore::Sessions, now).unwrap();
        table.settle_single(asked, Finding::Good, (now, now));
        for question in [Question::Revoked, Question::User] {
            table.settle(question, &all, (now, now));
        }
        assert!(table.give_up(now).is_empty(), "{now}");
    }
    let over: Vec<_> = table.give_up(60_001).iter().map(|(entry, why)| (entry.id(), *why)).collect();
    assert_eq!(over, [(id, EndReason::Unknown)]);
}

/// Which store is silent is known of each: nobody of whom the other one knows is given up.
#[test]
fn one_who_waits_for_a_store_that_answers_is_only_late() {
    let mut table = table();
    let of =
        |number: u64, store| Facts { single: Some(single(store, number.into())), ..facts(number, 0, 900) };
    let key = table.insert(of(0, KEYS), 0);
    let sessions = [1, 2].map(|number| table.insert(of(number, SingleStore::Sessions), 0));
    let everybody: Vec<_> = sessions.iter().chain([&key]).map(|entry| (entry.id(), Finding::Good)).collect();
    for now in (0..=70_000).step_by(10_000) {
        for question in [Question::Revoked, Question::User] {
            table.settle(question, &everybody, (now, now));
        }
    }
    // The key has been asked about, and hangs; of the sessions one was answered, late.
    next_single(&mut table, 0);
    let (asked, _) = table.next_single(SingleStore::Sessions, 70_000).unwrap();
    table.settle_single(asked, Finding::Good, (70_000, 70_000));
    let over: Vec<_> = table.give_up(70_001).iter().map(|(entry, _)| entry.id()).collect();
    assert_eq!(over, [key.id()]);
}

#[test]
fn one_answer_is_about_all_of_a_key_and_who_comes_meanwhile_has_another() {
    let mut table = table();
    let of_key = |number| Facts { single: Some(single(KEYS, 7)), ..facts(number, 0, 900) };
    let entries: Vec<_> = (0..1000).map(|number| table.insert(of_key(number), 0)).collect();
    let (asked, watched) = table.next_single(KEYS, 0).unwrap();
    assert_eq!(watched.epoch, None);
    assert!(table.next_single(KEYS, 0).is_none(), "once");
    assert!(table.settle_single(asked, Finding::Good, (0, 1)).is_empty());
    assert!(table.next_single(KEYS, 1).is_none());
    // Each is looked at, and some of them know the epoch of the user.
    let mut looked: Vec<_> = entries.iter().map(|entry| (entry.id(), Finding::AskSingly(None))).collect();
    (looked[500].1, looked[600].1) = (Finding::AskSingly(Some(3)), Finding::AskSingly(Some(2)));
    table.settle(Question::User, &looked, (2, 2));
    let (asked, watched) = table.next_single(KEYS, 2).unwrap();
    assert_eq!(watched.epoch, Some(3), "the highest");
    assert!(table.next_single(KEYS, 2).is_none(), "once");
    for entry in &entries[..999] {
        table.release(entry);
    }
    let late = table.insert(of_key(1000), 3);
    let over = table.settle_single(asked, Finding::Over(EndReason::Revoked), (2, 4));
    let over: Vec<_> = over.iter().map(|(entry, _)| entry.id()).collect();
    assert_eq!(over, [entries[999].id(), late.id()], "all that are left, whenever they were opened");
    is_empty(&table);
}

/// A fleet of devices that share a key and come back at the same time.
#[test]
fn very_many_of_one_key_are_opened_without_looking_at_one_another() {
    let mut table = table();
    let alike = Facts { single: Some(single(KEYS, 7)), ..facts(0, 7, 900) };
    for now in 0..100_000 {
        let payload = Arc::new(TokenPayload::clone(&alike.payload));
        table.insert(Facts { payload, ..alike.clone() }, now);
        // The store answers before the next one is opened.
        let (asked, _) = table.next_single(KEYS, now).unwrap();
        table.settle_single(asked, Finding::Good, (now, now));
    }
    assert!(table.next_single(KEYS, Moment::MAX).is_none());
    assert_eq!(table.end_all(EndReason::ProviderGone).len(), 100_000);
    is_empty(&table);
}

#[test]
fn what_nobody_knows_by_itself_is_not_good() {
    let mut table = table();
    let [_, other] = open_single(&mut table);
    let over = table.settle(Question::Revoked, &[(other.id(), Finding::AskSingly(None))], (0, 0));
    assert_eq!((over.len(), over[0].1), (1, EndReason::Unknown));
}
