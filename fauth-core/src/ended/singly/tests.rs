//! In which order it is asked, and what an answer is about.

use super::*;

/// These are to be asked about, in this order.
fn asked_for(subjects: impl IntoIterator<Item = Subject>, cause: Cause) -> Singles {
    let mut singles = Singles::default();
    for subject in subjects {
        singles.insert(subject, 1);
        singles.ask(subject, 0, cause);
    }
    singles
}

#[track_caller]
fn next(singles: &mut Singles) -> Asked {
    singles.next(SingleStore::ApiKeys, 100).unwrap().0
}

#[test]
fn what_has_changed_is_asked_before_what_has_not() {
    let mut singles = asked_for(0..100, Cause::Other);
    // One that waits already, and one that does not.
    singles.insert(200, 1);
    singles.ask(99, 50, Cause::Told);
    singles.ask(200, 60, Cause::Told);
    assert_eq!(singles.next_at(), Some(0));
    let order: Vec<_> = (0..5).map(|_| next(&mut singles).subject).collect();
    assert_eq!(order, [99, 0, 200, 1, 2]);
    let mut alone = asked_for([7, 8], Cause::Told);
    assert_eq!([(); 2].map(|()| next(&mut alone).subject), [7, 8]);
    assert!(alone.next(SingleStore::ApiKeys, 100).is_none());
}

#[test]
fn who_has_something_changed_all_the_time_keeps_nobody_waiting() {
    let mut singles = asked_for(0..100, Cause::Other);
    let mut others = 0;
    for now in 0..200 {
        for subject in 1000..1010 {
            singles.insert(subject, 1);
            singles.ask(subject, 0, Cause::Told);
        }
        let asked = next(&mut singles);
        others += u32::from(asked.subject < 100);
        singles.note_answer(asked, (now, now));
    }
    assert_eq!(others, 100, "every other one");
}

#[test]
fn one_that_fails_takes_at_most_every_other_turn() {
    let mut singles = asked_for([1, 2, 3], Cause::Told);
    let mut order = Vec::new();
    for _ in 0..5 {
        let asked = next(&mut singles);
        order.push(asked.subject);
        match asked.subject {
            1 => singles.note_failed(asked, 50),
            _ => singles.note_answer(asked, (100, 100)),
        }
    }
    assert_eq!(order, [1, 1, 2, 1, 3]);
    assert_eq!(singles.open_since(1), Some((0, true)));
    // Unless something has changed meanwhile.
    let mut singles = asked_for([1, 2], Cause::Told);
    let asked = next(&mut singles);
    singles.ask(1, 0, Cause::Told);
    singles.note_failed(asked, 50);
    assert_eq!(next(&mut singles).subject, 1);
}

/// All whom it was asked about have gone, and others have come.
#[test]
fn what_was_asked_of_others_closes_no_question() {
    let mut singles = asked_for([1], Cause::Other);
    let before = next(&mut singles);
    singles.remove(1, 1);
    assert!(singles.is_empty());
    singles.insert(1, 2);
    singles.ask(1, 10, Cause::Other);
    for is_asked in [false, true] {
        singles.note_answer(before, (0, 11));
        singles.note_failed(before, 99);
        assert_eq!(singles.open_since(1), Some((10, false)));
        if !is_asked {
            let asked = next(&mut singles);
            assert_ne!(asked, before);
        }
    }
}
