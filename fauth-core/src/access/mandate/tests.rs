//! How conditions on mandates are shown, and which access is the stricter one.

use serde_json::json;

use super::*;
use crate::access::{
    Access,
    strictness::{Stricter, both, is_at_least_as_strict},
};

fn user() -> Requirement {
    Requirement::user()
}

fn everything() -> Requirement {
    user()
        .mandate_use(MandateUse::Session)
        .scopes(["s"])
        .targets(["t", "u"])
        .agent_session()
        .delegation()
        .chain_contains(["a"])
        .max_hops(2)
}

#[test]
fn each_condition_is_shown_in_words_and_as_json() {
    let access = Access::Required(everything());
    let words = "user, mandate for a session, scope s, target t, target u, agent session, delegation, \
                 a in the chain, at most 2 hops";
    assert_eq!(access.to_string(), words);
    let members = json!({
        "use": "session", "scopes": ["s"], "targets": ["t", "u"], "agent_session": true, "delegation": true,
        "chain_contains": ["a"], "max_hops": 2,
    });
    assert_eq!(access.to_json(), members);
    for (requirement, words, members) in [
        (user().any_use(), "user, mandate for any use", json!({ "use": "any" })),
        (
            user().mandate_use(MandateUse::Resource),
            "user, mandate for a resource",
            json!({ "use": "resource" }),
        ),
        (user().max_hops(0), "user, at most 0 hops", json!({ "max_hops": 0 })),
        (
            user().max_hops(2).max_hops(1),
            "user, at most 2 hops, at most 1 hops",
            json!({ "max_hops": 2, "all_of": [{ "max_hops": 1 }] }),
        ),
        (
            Requirement::any_of([user().delegation(), user().session()]),
            "user, any of (all of (delegation); all of (agent session))",
            json!({ "any_of": [{ "delegation": true }, { "agent_session": true }] }),
        ),
    ] {
        let access = Access::Required(requirement);
        assert_eq!((access.to_string().as_str(), access.to_json()), (words, members));
        assert_eq!(access.scopes(), [Vec::<Box<str>>::new()]);
    }
}

/// Is whoever passes the first let in by the second, and not the other way round?
#[track_caller]
fn is_stricter(inner: &Requirement, outer: &Requirement) {
    let (inner, outer) = (Access::Required(inner.clone()), Access::Required(outer.clone()));
    assert!(is_at_least_as_strict(&inner, &outer), "{inner} in {outer}");
    assert!(!is_at_least_as_strict(&outer, &inner), "{outer} in {inner}");
    assert_eq!(
        (Stricter::of(&inner, &outer), Stricter::of(&outer, &inner)),
        (Stricter::First, Stricter::Second)
    );
    assert_eq!(both(&outer, &inner), inner);
}

#[test]
fn more_conditions_are_stricter() {
    is_stricter(&user().delegation(), &user());
    is_stricter(&user().delegation().agent_session(), &user().delegation());
    is_stricter(&user().targets(["a", "b"]), &user().target("b"));
    is_stricter(&everything(), &user().any_use());
    is_stricter(&user().max_hops(1), &user().max_hops(2));
    is_stricter(&user().any_use().max_hops(1).delegation(), &user().any_use().max_hops(2));
}

/// What a requirement does not say, the default says.
#[test]
fn defaults_count() {
    is_stricter(&user().delegation(), &user().any_use());
    is_stricter(&user().delegation(), &user().mandate_use(MandateUse::Resource));
    is_stricter(&user().delegation(), &user().max_hops(10));
    is_stricter(&user().delegation(), &user().max_hops(11));
    let pairs = [
        // Each lets somebody in whom the other refuses.
        (user().any_use().delegation(), user().delegation()),
        (user().mandate_use(MandateUse::Session), user()),
        (user().mandate_use(MandateUse::Session), user().mandate_use(MandateUse::Resource)),
        (user().max_hops(11).delegation(), user().delegation()),
        (user().max_hops(11), user()),
        (user().delegation(), user().max_hops(9)),
        (user().role("a"), user().any_use()),
        // The second half of the outer one says nothing of the use.
        (user().any_use().scope("s"), user().any_use().and(user().scope("s"))),
    ];
    for (first, second) in pairs {
        let (inner, outer) = (Access::Required(first.clone()), Access::Required(second));
        assert!(!is_at_least_as_strict(&inner, &outer), "{inner} in {outer}");
        let Access::Required(joined) = both(&outer, &inner) else { panic!("open") };
        assert!(joined.conditions().len() >= first.conditions().len(), "{joined:?}");
    }
    let same = Access::Required(user().any_use().and(user().scope("s")));
    assert!(is_at_least_as_strict(&same, &same));
    let said = Access::Required(user().any_use().scope("s").max_hops(20));
    let more = Access::Required(user().any_use().scope("s").max_hops(20).delegation());
    assert!(is_at_least_as_strict(&more, &said));
}
