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
    Facts {
        payload: Arc::new(payload),
        ends_at: at(ends_at),
        keys,
        person,
        was_active: true,
        is_single: false,
    }
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

/// Two, and the first is known to a store that is asked about each by itself.
fn open_single(table: &mut Table) -> [Arc<Entry>; 2] {
    let single = Facts { is_single: true, ..facts(0, 0, 900) };
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
    assert!(table.urgent.is_empty() && table.swept.is_empty() && table.singles.is_empty());
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
    let (mut there, mut answers): (Vec<Arc<Entry>>, Vec<Vec<Watched>>) = (Vec::new(), Vec::new());
    for now in 0..20_000 {
        match below(9) {
            0..3 => {
                let facts = facts(now, Person::from(below(50)), 900);
                there.push(table.insert(Facts { is_single: now % 3 == 0, ..facts }, now));
            }
            3..5 if !there.is_empty() => {
                let left = usize::try_from(below(there.len() as u64)).unwrap();
                table.release(&there.swap_remove(left));
            }
            5 => table.note_change(1_000_000 + below(7), now),
            6 => table.note_all_changed(now),
            7 => answers.extend([
                table.next_urgent(),
                table.next_swept(now),
                table.next_single(now).into_iter().collect(),
                table.next_to_look_at(now * 50).unwrap_or_default(),
            ]),
            _ => {
                let over = Finding::Over(EndReason::Revoked);
                let finding = [Finding::Good, Finding::Failed, over, Finding::AskSingly(Some(1))];
                let finding = finding[usize::try_from(below(4)).unwrap()];
                let question = [Question::User, Question::Revoked, Question::Single];
                let question = question[usize::try_from(below(3)).unwrap()];
                let watched = answers.pop().unwrap_or_default();
                let over = table.settle(question, &all(&watched, finding), (now, now));
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
    for watched in answers {
        let over = table.settle(Question::User, &all(&watched, Finding::Failed), (0, 99));
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

/// Not twice at the same time, however much changes meanwhile, and once more after that.
#[test]
fn one_that_is_being_asked_about_singly_is_asked_again_afterwards() {
    let mut table = table();
    let entries = open_single(&mut table);
    let id = entries[0].id();
    assert_eq!(table.next_single(0).map(|watched| watched.id), Some(id), "the other is of no such store");
    for now in 1..5 {
        table.note_change(0, now);
    }
    assert!(table.next_single(5).is_none() && table.next_single_at().is_none());
    table.settle(Question::Single, &[(id, Finding::Good)], (0, 6));
    assert_eq!(table.next_single(6).map(|watched| watched.id), Some(id));
    table.settle(Question::Single, &[(id, Finding::Failed)], (6, 7));
    assert_eq!(table.next_single_at(), Some(1007), "not at once");
    table.note_change(0, 10);
    assert_eq!(table.next_single(10).map(|watched| watched.id), Some(id), "but after a change");
    table.begin_anew(11);
    assert_eq!(table.next_single(11).map(|watched| watched.id), Some(id), "nobody is answered any more");
    table.settle(Question::Single, &[(id, Finding::Good)], (11, 12));
    assert!(table.next_single(Moment::MAX).is_none());
}

#[test]
fn one_about_which_nobody_answers_singly_is_given_up_and_no_other() {
    let mut table = table();
    let entries = open_single(&mut table);
    let both: Vec<_> = entries.iter().map(|entry| (entry.id(), Finding::Good)).collect();
    let (id, failed) = (entries[0].id(), Finding::Failed);
    for now in (0..=60_000).step_by(10_000) {
        assert_eq!(table.next_single(now).map(|watched| watched.id), Some(id), "{now}");
        table.settle(Question::Single, &[(id, failed)], (now, now));
        for question in [Question::Revoked, Question::User] {
            table.settle(question, &both, (now, now));
        }
        assert!(table.give_up(now).is_empty(), "{now}");
    }
    let over: Vec<_> = table.give_up(60_001).iter().map(|(entry, why)| (entry.id(), *why)).collect();
    assert_eq!(over, [(id, EndReason::Unknown)]);
}
