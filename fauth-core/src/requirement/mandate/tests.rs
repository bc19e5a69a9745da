//! Who passes, what is told to who does not, and where the defaults hold.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{requirement::fields::Fields, token::unsigned_mandate};

/// Somebody with a mandate, or with another token.
#[derive(Debug, Clone)]
struct Fake {
    mandate: Option<Mandate>,
    has_role: bool,
    is_fresh: bool,
    is_key: bool,
}

impl Fake {
    fn with(more: &Value) -> Self {
        let mut claims = json!({
            "exp": 2, "iat": 1, "client_id": "app_1", "sid": "s", "root_sid": "r", "use": "resource",
            "sub_type": "user", "zone_id": "zone_1", "scope": "read write",
        });
        let members = more.as_object().into_iter().flatten();
        members.for_each(|(name, value)| claims[name] = value.clone());
        let mandate = unsigned_mandate(&claims.to_string()).unwrap();
        Self { mandate: Some(mandate), has_role: true, is_fresh: true, is_key: false }
    }

    /// With everything that can be asked of a mandate.
    fn full() -> Self {
        Self::with(&full())
    }

    fn ordinary() -> Self {
        Self { mandate: None, has_role: true, is_fresh: true, is_key: false }
    }
}

fn full() -> Value {
    json!({
        "target": ["t1", "t2"], "agent_session_id": "a", "delegation_edge_id": "e", "delegation_graph_epoch": 5,
        "delegation_chain": [{ "application_id": "app_0" }, { "application_id": "app_1" }], "hop_count": 1,
    })
}

fn full_with(name: &str, value: Value) -> Fake {
    let mut claims = full();
    claims[name] = value;
    Fake::with(&claims)
}

impl Holder for Fake {
    fn is_api_key(&self) -> bool {
        self.is_key
    }

    fn has_role(&self, _: &str) -> bool {
        self.has_role
    }

    fn has_permission(&self, _: &str) -> bool {
        self.has_role
    }

    /// An ordinary token has them too.
    fn has_scope(&self, scope: &str) -> bool {
        self.mandate.as_ref().map_or(scope != "other", |mandate| mandate.scopes().any(|held| held == scope))
    }

    fn has_logged_in_within(&self, _: Duration) -> bool {
        self.is_fresh
    }

    fn mandate(&self) -> Option<&Mandate> {
        self.mandate.as_ref()
    }
}

fn user() -> Requirement {
    Requirement::user()
}

fn lacks(missing: MissingMandate) -> Result<(), Unmet> {
    Err(Unmet::Lacks(Missing::Mandate(missing)))
}

fn lacks_scope(scope: &str) -> Result<(), Unmet> {
    Err(Unmet::Lacks(Missing::Scopes(vec![scope.into()])))
}

const WRONG_USE: Result<(), Unmet> = Err(Unmet::WrongUse);
const ALTERNATIVE: Result<(), Unmet> = Err(Unmet::Lacks(Missing::Alternative));

#[track_caller]
fn decides(requirement: &Requirement, holder: &Fake, expected: &Result<(), Unmet>) {
    assert!(requirement.validate().is_ok(), "{requirement:?}");
    assert_eq!(requirement.decide_for(holder), *expected, "{requirement:?} of {holder:?}");
}

/// The mandate with everything passes; the same with one claim changed does not.
#[test]
fn each_condition_is_met_and_not_met() {
    use MissingMandate::{AgentSession, ChainApplication, Delegation, Target, TooManyHops};
    let none = || json!(null);
    for (requirement, changed, value, missing) in [
        (user().target("t2"), "target", json!(["t1", "t22", "T2"]), Target("t2".into())),
        (user().targets(["t1", "t2"]), "target", json!(["t1"]), Target("t2".into())),
        (user().agent_session(), "agent_session_id", none(), AgentSession),
        (user().session(), "agent_session_id", json!(""), AgentSession),
        (user().delegation(), "delegation_edge_id", none(), Delegation),
        // M-10
        (user().delegation(), "delegation_graph_epoch", none(), Delegation),
        (
            user().chain_contains(["app_0"]),
            "delegation_chain",
            json!([{ "application_id": "x" }, { "application_id": "y" }]),
            ChainApplication("app_0".into()),
        ),
        (user().max_hops(1), "delegation_chain", json!([{ "application_id": "x" }]), TooManyHops(1)),
    ] {
        decides(&requirement, &Fake::full(), &Ok(()));
        let mut claims = full();
        claims[changed] = value;
        if let TooManyHops(_) = missing {
            (claims["delegation_chain"], claims["hop_count"]) = (json!([]), json!(2));
        }
        decides(&requirement, &Fake::with(&claims), &lacks(missing));
    }
    decides(&user().scopes(["read"]), &Fake::full(), &Ok(()));
    decides(&user().scopes(["read", "other"]), &Fake::full(), &lacks_scope("other"));
}

/// The application that the mandate was issued to is no member of the chain by that.
#[test]
fn the_actor_is_in_the_chain_only_if_the_chain_says_so() {
    decides(&user().chain_contains(["app_1"]), &Fake::full(), &Ok(()));
    let missing = MissingMandate::ChainApplication("app_1".into());
    decides(&user().chain_contains(["app_1"]), &Fake::with(&json!({})), &lacks(missing));
}

/// M-05
#[test]
fn no_hops_are_no_hops() {
    decides(&user().max_hops(0), &Fake::with(&json!({})), &Ok(()));
    let one = Fake::with(&json!({ "hop_count": 1 }));
    decides(&user().max_hops(0), &one, &lacks(MissingMandate::TooManyHops(0)));
}

#[test]
fn a_resource_and_ten_hops_are_the_default() {
    let session = Fake::with(&json!({ "use": "session" }));
    let resource = Fake::with(&json!({}));
    for (requirement, of_resource, of_session) in [
        (user(), Ok(()), WRONG_USE),
        (user().role("x").scopes(["read"]), Ok(()), WRONG_USE),
        (user().mandate_use(MandateUse::Resource), Ok(()), WRONG_USE),
        (user().mandate_use(MandateUse::Session), WRONG_USE, Ok(())),
        (user().any_use(), Ok(()), Ok(())),
        (user().any_use().scopes(["read"]).role("x"), Ok(()), Ok(())),
    ] {
        decides(&requirement, &resource, &of_resource);
        decides(&requirement, &session, &of_session);
    }
    let hops = |count: u32| Fake::with(&json!({ "hop_count": count }));
    let too_many = lacks(MissingMandate::TooManyHops(10));
    decides(&user(), &hops(10), &Ok(()));
    decides(&user(), &hops(11), &too_many);
    decides(&user().scopes(["read"]), &hops(11), &too_many);
    decides(&user().max_hops(11), &hops(11), &Ok(()));
    decides(&user().max_hops(11), &hops(12), &lacks(MissingMandate::TooManyHops(11)));
    decides(&user().max_hops(3), &hops(4), &lacks(MissingMandate::TooManyHops(3)));
    decides(&user().max_hops(30).and(user()), &hops(30), &Ok(()));
}

/// What one alternative or one half allows, it does not allow for the others.
#[test]
fn a_default_holds_for_each_part_that_says_nothing() {
    let session = Fake::with(&json!({ "use": "session" }));
    let any = |parts: &[Requirement]| Requirement::any_of(parts.iter().cloned());
    let (read, write, other) = (user().scopes(["read"]), user().scopes(["write"]), user().scopes(["other"]));
    for (requirement, expected) in [
        (any(&[read.clone().any_use(), other.clone()]), Ok(())),
        (any(&[other.clone().any_use(), read.clone()]), WRONG_USE),
        (any(&[read.clone(), read.clone().any_use()]), Ok(())),
        (any(&[other.clone().any_use(), other.clone()]), ALTERNATIVE),
        (any(std::slice::from_ref(&read)), WRONG_USE),
        (any(&[user().mandate_use(MandateUse::Resource)]), WRONG_USE),
        // What stands around alternatives speaks for them.
        (any(&[read.clone(), other.clone()]).any_use(), Ok(())),
        (read.clone().any_use().and(write.clone()), WRONG_USE),
        (read.clone().any_use().and(write.clone().any_use()), Ok(())),
        (read.clone().any_use().and(user()), Ok(())),
        (read.clone().and(any(&[write.clone().any_use(), other.clone()])), WRONG_USE),
    ] {
        decides(&requirement, &session, &expected);
    }
    let deep = Fake::with(&json!({ "hop_count": 20 }));
    let too_many = lacks(MissingMandate::TooManyHops(10));
    decides(&any(&[other.clone().max_hops(30), read.clone()]), &deep, &too_many);
    decides(&any(&[read.clone().max_hops(30), other]), &deep, &Ok(()));
    decides(&read.clone().max_hops(30).and(write.clone()), &deep, &too_many);
    decides(&read.max_hops(30).and(write.max_hops(20)), &deep, &Ok(()));
}

/// Whichever way a route names them.
#[test]
fn the_first_thing_is_told_in_the_documented_order() {
    use MissingMandate::{AgentSession, ChainApplication, Delegation, Target, TooManyHops};
    let minute = Duration::from_secs(60);
    let forward = user()
        .mandate_use(MandateUse::Session)
        .scopes(["other"])
        .agent_session()
        .delegation()
        .chain_contains(["zz"])
        .max_hops(0)
        .targets(["tt"])
        .role("x")
        .login_within(minute);
    let backward = user()
        .login_within(minute)
        .role("x")
        .targets(["tt"])
        .max_hops(0)
        .chain_contains(["zz"])
        .delegation()
        .agent_session()
        .scopes(["other"])
        .mandate_use(MandateUse::Session);
    let nested = user()
        .login_within(minute)
        .and(Requirement::any_of([user().role("x").any_use()]))
        .and(user().targets(["tt"]).any_use())
        .and(user().max_hops(0).any_use())
        .and(user().chain_contains(["zz"]).any_use())
        .and(user().delegation().any_use().agent_session())
        .and(user().scopes(["other"]).mandate_use(MandateUse::Session));
    let steps: [(&str, Value, Result<(), Unmet>); 7] = [
        ("use", json!("session"), WRONG_USE),
        ("scope", json!("other"), lacks_scope("other")),
        ("agent_session_id", json!("a"), lacks(AgentSession)),
        ("delegation_edge_id", json!("e"), lacks(Delegation)),
        ("delegation_chain", json!([{ "application_id": "zz" }]), lacks(ChainApplication("zz".into()))),
        ("hop_count", json!(0), lacks(TooManyHops(0))),
        ("target", json!(["tt"]), lacks(Target("tt".into()))),
    ];
    let mut claims = json!({ "hop_count": 1, "delegation_graph_epoch": 1, "delegation_path": ["e"] });
    let unlucky = |claims: &Value| Fake { has_role: false, is_fresh: false, ..Fake::with(claims) };
    for (name, value, expected) in steps {
        for requirement in [&forward, &backward, &nested] {
            decides(requirement, &unlucky(&claims), &expected);
        }
        claims[name] = value;
        if name == "hop_count" {
            // As many as the path shows.
            claims["delegation_path"] = json!([]);
        }
    }
    for requirement in [&forward, &backward] {
        decides(requirement, &unlucky(&claims), &Err(Unmet::Lacks(Missing::Role("x".into()))));
        let stale = Fake { is_fresh: false, ..Fake::with(&claims) };
        decides(requirement, &stale, &Err(Unmet::StaleLogin(minute)));
        decides(requirement, &Fake::with(&claims), &Ok(()));
    }
}

#[test]
fn a_default_is_told_in_the_same_order() {
    let deep = |more: &str| Fake::with(&json!({ "hop_count": 11, "use": more }));
    decides(&user().scopes(["other"]).targets(["t"]), &deep("resource"), &lacks_scope("other"));
    decides(&user().targets(["t"]), &deep("resource"), &lacks(MissingMandate::TooManyHops(10)));
    decides(&user().scopes(["other"]), &deep("session"), &WRONG_USE);
    let missing = user().scopes(["a", "b"]).targets(["t"]).scopes(["c"]);
    let all = ["a", "b", "c"].map(Box::from).to_vec();
    decides(&missing, &deep("resource"), &Err(Unmet::Lacks(Missing::Scopes(all))));
}

#[test]
fn alternatives_are_tried_one_by_one() {
    let either = Requirement::any_of([user().delegation(), user().scopes(["other"])]);
    decides(&either, &Fake::full(), &Ok(()));
    decides(&either, &Fake::with(&json!({ "scope": "other" })), &Ok(()));
    decides(&either, &Fake::with(&json!({})), &ALTERNATIVE);
    let one = Requirement::any_of([user().delegation()]);
    decides(&one, &Fake::with(&json!({})), &lacks(MissingMandate::Delegation));
    let old = Fake { is_fresh: false, ..Fake::full() };
    let minute = Duration::from_secs(60);
    let or_login = Requirement::any_of([user().scopes(["other"]), user().delegation().login_within(minute)]);
    decides(&or_login, &old, &Err(Unmet::StaleLogin(minute)));
}

#[test]
fn a_token_that_is_no_mandate_meets_none_of_them() {
    let token = Fake::ordinary();
    decides(&user().scopes(["read"]), &token, &Ok(()));
    for (requirement, expected) in [
        (user().mandate_use(MandateUse::Resource), WRONG_USE),
        (user().any_use(), WRONG_USE),
        (user().max_hops(10), WRONG_USE),
        (user().agent_session(), lacks(MissingMandate::AgentSession)),
        (user().delegation(), lacks(MissingMandate::Delegation)),
        (user().targets(["t"]), lacks(MissingMandate::Target("t".into()))),
        (user().chain_contains(["a"]), lacks(MissingMandate::ChainApplication("a".into()))),
        (Requirement::any_of([user().delegation(), user().any_use()]), ALTERNATIVE),
    ] {
        decides(&requirement, &token, &expected);
        assert!(!requirement.admits_api_keys() && !requirement.clone().scopes(["read"]).admits_api_keys());
        let key = Fake { is_key: true, ..Fake::ordinary() };
        decides(&requirement.scopes(["read"]), &key, &Err(Unmet::Lacks(Missing::ApiKeyNotAllowed)));
    }
    decides(&Requirement::any_of([user().delegation(), user().scopes(["read"])]), &token, &Ok(()));
}

#[test]
fn what_is_impossible_is_a_fault() {
    let long = "x".repeat(256);
    for (requirement, field) in [
        (user().targets::<[&str; 0]>([]), "targets"),
        (user().targets([" "]), "targets"),
        (user().targets(["a", "a"]), "targets"),
        (user().target(&long), "targets"),
        (user().chain_contains::<[&str; 0]>([]), "chain_contains"),
        (user().chain_contains([""]), "chain_contains"),
        (user().chain_contains(["a", "a"]), "chain_contains"),
        (user().chain_contains([&long]), "chain_contains"),
        (user().any_use().mandate_use(MandateUse::Session), "mandate_use"),
        (user().mandate_use(MandateUse::Resource).mandate_use(MandateUse::Session), "mandate_use"),
    ] {
        assert_eq!(requirement.validate().map_err(|fault| fault.field()), Err(field), "{requirement:?}");
    }
    let twice = user()
        .agent_session()
        .session()
        .delegation()
        .delegation()
        .any_use()
        .any_use()
        .max_hops(0)
        .max_hops(0);
    assert!(twice.validate().is_ok() && twice.conditions().len() == 4, "{twice:?}");
    assert!(user().target("x".repeat(255)).chain_contains(["x".repeat(255)]).validate().is_ok());
}

/// An override replaces the field that it names, and no other.
#[test]
fn each_kind_is_a_field_of_its_own() {
    let all =
        || user().any_use().targets(["t"]).agent_session().delegation().chain_contains(["a"]).max_hops(1);
    for (field, other, expected) in [
        (
            Fields::MANDATE_USE,
            user().mandate_use(MandateUse::Session),
            user().targets(["t"]).agent_session().delegation().chain_contains(["a"]).max_hops(1),
        ),
        (
            Fields::TARGETS,
            user().targets(["u", "v"]),
            user().any_use().agent_session().delegation().chain_contains(["a"]).max_hops(1),
        ),
        (
            Fields::AGENT_SESSION,
            user(),
            user().any_use().targets(["t"]).delegation().chain_contains(["a"]).max_hops(1),
        ),
        (
            Fields::DELEGATION,
            user(),
            user().any_use().targets(["t"]).agent_session().chain_contains(["a"]).max_hops(1),
        ),
        (
            Fields::CHAIN_CONTAINS,
            user().chain_contains(["b"]),
            user().any_use().targets(["t"]).agent_session().delegation().max_hops(1),
        ),
        (
            Fields::MAX_HOPS,
            user().max_hops(0),
            user().any_use().targets(["t"]).agent_session().delegation().chain_contains(["a"]),
        ),
    ] {
        let of_other = Fields::of(&other);
        assert!(of_other == field || of_other.is_empty(), "{other:?}");
        let overridden = all().overridden_by(&other, field);
        let expected = [expected.conditions(), other.conditions()].concat();
        assert_eq!(overridden.conditions(), expected, "{other:?}");
    }
}

/// Conditions of which it is easy to tell who meets them.
#[derive(Debug, Clone)]
enum Tree {
    Chain(Vec<Leaf>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Leaf {
    Read,
    Other,
    Any,
    Resource,
    Session,
    Hops(u32),
    Delegation,
}

impl Leaf {
    fn add(self, asked: Requirement) -> Requirement {
        match self {
            Self::Read => asked.scopes(["read"]),
            Self::Other => asked.scopes(["other"]),
            Self::Any => asked.any_use(),
            Self::Resource => asked.mandate_use(MandateUse::Resource),
            Self::Session => asked.mandate_use(MandateUse::Session),
            Self::Hops(most) => asked.max_hops(most),
            Self::Delegation => asked.delegation(),
        }
    }

    fn is_met(self, mandate: &Mandate) -> bool {
        match self {
            Self::Read => mandate.scopes().any(|scope| scope == "read"),
            Self::Other => mandate.scopes().any(|scope| scope == "other"),
            Self::Any => true,
            Self::Resource => mandate.mandate_use() == MandateUse::Resource,
            Self::Session => mandate.mandate_use() == MandateUse::Session,
            Self::Hops(most) => mandate.hop_count() <= most,
            Self::Delegation => mandate.delegation_edge_id().is_some(),
        }
    }
}

impl Tree {
    fn requirement(&self) -> Requirement {
        match self {
            Self::Chain(leaves) => leaves.iter().fold(user(), |asked, leaf| leaf.add(asked)),
            Self::And(parts) => parts.iter().map(Self::requirement).fold(user(), Requirement::and),
            Self::Or(parts) => Requirement::any_of(parts.iter().map(Self::requirement)),
        }
    }

    fn is_plain(&self) -> bool {
        match self {
            Self::Chain(leaves) => leaves.is_empty(),
            Self::And(parts) => parts.iter().all(Self::is_plain),
            Self::Or(_) => false,
        }
    }

    /// As guards would: each half and each alternative by itself.
    fn lets_in(&self, mandate: &Mandate) -> bool {
        match self {
            Self::Chain(leaves) => {
                let uses = [Leaf::Any, Leaf::Resource, Leaf::Session];
                let says_use = leaves.iter().any(|leaf| uses.contains(leaf));
                let says_hops = leaves.iter().any(|leaf| matches!(leaf, Leaf::Hops(_)));
                leaves.iter().all(|leaf| leaf.is_met(mandate))
                    && (says_use || mandate.mandate_use() == MandateUse::Resource)
                    && (says_hops || mandate.hop_count() <= DEFAULT_MAX_HOPS)
            }
            Self::And(parts) => {
                let mut demanding = parts.iter().filter(|part| !part.is_plain()).peekable();
                match demanding.peek() {
                    None => Self::Chain(Vec::new()).lets_in(mandate),
                    Some(_) => demanding.all(|part| part.lets_in(mandate)),
                }
            }
            Self::Or(parts) => parts.iter().any(|part| part.lets_in(mandate)),
        }
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Leaf::Read),
        Just(Leaf::Other),
        Just(Leaf::Any),
        Just(Leaf::Resource),
        Just(Leaf::Session),
        prop::sample::select(vec![0, 5, 10, 20]).prop_map(Leaf::Hops),
        Just(Leaf::Delegation),
    ];
    let chain = prop::collection::vec(leaf, 0..4).prop_map(Tree::Chain);
    chain.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..=3).prop_map(Tree::And),
            prop::collection::vec(inner, 1..=3).prop_map(Tree::Or),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_lets_in_whom_its_guards_would(
        tree in trees(),
        is_session in any::<bool>(),
        hops in prop::sample::select(vec![0, 5, 10, 11, 20, 21]),
        scope in prop::sample::select(vec!["read", "other", "read other", "none"]),
        is_delegated in any::<bool>(),
    ) {
        let mut claims = json!({ "hop_count": hops, "scope": scope, "delegation_graph_epoch": 1 });
        if is_session {
            claims["use"] = json!("session");
        }
        if is_delegated {
            claims["delegation_edge_id"] = json!("e");
        }
        let holder = Fake::with(&claims);
        let mandate = holder.mandate.clone().unwrap();
        let verdict = tree.requirement().decide_for(&holder);
        prop_assert_eq!(verdict.is_ok(), tree.lets_in(&mandate), "{:?}", verdict);
    }
}

#[test]
fn full_with_one_change_is_what_it_says() {
    let changed = full_with("use", json!("session"));
    decides(&user().any_use().delegation().targets(["t1"]), &changed, &Ok(()));
    decides(&user().delegation().targets(["t1"]), &changed, &WRONG_USE);
}
