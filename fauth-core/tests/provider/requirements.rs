//! Requirements: a tree of conditions against an oracle that only knows `&&` and `||`, and the
//! parts that are impossible.

use std::{convert::Infallible, sync::Arc, time::Duration};

use fauth_core::{
    AuthProvider, AuthUser, Condition, Guard, Missing, Purpose, Rejection, Requirement, TokenPayload,
    TokenRequest, clock::Timestamp, rejection::Misconfigured,
};
use fauth_testing::{Log, ManualClock, at_once, config};
use proptest::prelude::*;
use tokio::runtime::Builder;

use crate::support::{World, get};

// ------------------------------------------------------------------------------------------------
// against an oracle

const NAMES: [&str; 4] = ["A", "B", "C", "D"];

/// Which of the four names somebody holds, as roles, permissions and scopes.
#[derive(Debug, Clone, Copy)]
struct Held {
    roles: [bool; 4],
    permissions: [bool; 4],
    scopes: [bool; 4],
}

fn names(held: [bool; 4]) -> Vec<String> {
    NAMES.iter().zip(held).filter(|(_, held)| *held).map(|(name, _)| (*name).to_owned()).collect()
}

struct Holder {
    roles: Vec<String>,
    permissions: Vec<String>,
}

impl AuthUser for Holder {
    fn subject(&self) -> impl AsRef<str> {
        "holder"
    }

    fn is_active(&self) -> bool {
        true
    }

    fn roles(&self) -> impl IntoIterator<Item: AsRef<str>> {
        &self.roles
    }

    fn permissions(&self) -> impl IntoIterator<Item: AsRef<str>> {
        &self.permissions
    }
}

/// The user of a case stands in the token of the case, so that one provider serves them all.
async fn holder_of(token: Arc<TokenPayload>) -> Result<Option<Holder>, Infallible> {
    let read = |name| token.claim::<Vec<String>>(name).unwrap().unwrap();
    Ok(Some(Holder { roles: read("r"), permissions: read("p") }))
}

#[derive(Debug, Clone, Copy)]
enum Field {
    Role,
    Permission,
    Scope,
}

/// What a developer may write. Indices into [`NAMES`], without repetition.
#[derive(Debug, Clone)]
enum Tree {
    AllOf(Field, Vec<usize>),
    AnyOf(Field, Vec<usize>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

impl Tree {
    fn requirement(&self) -> Requirement {
        let user = Requirement::user();
        let picked = |names: &[usize]| names.iter().map(|name| NAMES[*name]).collect::<Vec<_>>();
        match self {
            Self::AllOf(Field::Role, names) => user.roles(picked(names)),
            Self::AllOf(Field::Permission, names) => user.permissions(picked(names)),
            Self::AllOf(Field::Scope, names) => user.scopes(picked(names)),
            Self::AnyOf(Field::Role, names) => user.any_role(picked(names)),
            Self::AnyOf(Field::Permission, names) => user.any_permission(picked(names)),
            Self::AnyOf(Field::Scope, names) => user.any_scope(picked(names)),
            Self::And(parts) => parts.iter().map(Self::requirement).fold(user, Requirement::and),
            Self::Or(parts) => Requirement::any_of(parts.iter().map(Self::requirement)),
        }
    }

    /// The oracle.
    fn is_met_by(&self, held: Held) -> bool {
        let has = |field: Field, name: usize| match field {
            Field::Role => held.roles[name],
            Field::Permission => held.permissions[name],
            Field::Scope => held.scopes[name],
        };
        match self {
            Self::AllOf(field, names) => names.iter().all(|name| has(*field, *name)),
            Self::AnyOf(field, names) => names.iter().any(|name| has(*field, *name)),
            Self::And(parts) => parts.iter().all(|part| part.is_met_by(held)),
            Self::Or(parts) => parts.iter().any(|part| part.is_met_by(held)),
        }
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let field = || prop_oneof![Just(Field::Role), Just(Field::Permission), Just(Field::Scope)];
    let some = || prop::sample::subsequence((0..NAMES.len()).collect::<Vec<_>>(), 1..=3).prop_shuffle();
    let leaf = prop_oneof![
        (field(), some()).prop_map(|(field, names)| Tree::AllOf(field, names)),
        (field(), some()).prop_map(|(field, names)| Tree::AnyOf(field, names)),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..=3).prop_map(Tree::And),
            prop::collection::vec(inner, 1..=3).prop_map(Tree::Or),
        ]
    })
}

fn holders() -> impl Strategy<Value = Held> {
    let any = any::<[bool; 4]>;
    (any(), any(), any()).prop_map(|(roles, permissions, scopes)| Held { roles, permissions, scopes })
}

fn provider_of_holders() -> AuthProvider<Holder> {
    let builder = AuthProvider::builder(config()).user_loader(holder_of).clock(ManualClock::new());
    builder.without_password_login().danger_stateless().danger_share_application().build().unwrap()
}

fn decide(auth: &AuthProvider<Holder>, requirement: &Requirement, held: Held) -> Result<(), Rejection> {
    let request = TokenRequest::for_subject("holder")
        .scopes(names(held.scopes))
        .claim("r", names(held.roles))
        .claim("p", names(held.permissions));
    let token = at_once(auth.issue(Purpose::Access, request)).unwrap();
    let presented = auth.read(&get("/").bearer(token.expose()));
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(auth.check(presented, requirement)).map(drop)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_passes_exactly_those_whom_it_says(tree in trees(), held in holders()) {
        let auth = provider_of_holders();
        let requirement = tree.requirement();
        prop_assert_eq!(requirement.validate(), Ok(()));
        let outcome = decide(&auth, &requirement, held);
        prop_assert_eq!(outcome.is_ok(), tree.is_met_by(held));
        let lacks = |name: &str, held: [bool; 4]| !names(held).iter().any(|own| own == name);
        match outcome {
            Ok(()) | Err(Rejection::Forbidden(Missing::Alternative)) => {}
            Err(Rejection::Forbidden(Missing::Role(role))) => prop_assert!(lacks(&role, held.roles)),
            Err(Rejection::Forbidden(Missing::Permission(name))) => prop_assert!(lacks(&name, held.permissions)),
            Err(Rejection::Forbidden(Missing::Scopes(scopes))) => {
                prop_assert!(!scopes.is_empty());
                for scope in scopes {
                    prop_assert!(lacks(&scope, held.scopes));
                }
            }
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    }
}

/// `all("ADMIN", any("A", all("B", "C")))`: a peer let everybody in who had A, or C alone.
#[test]
fn a_nested_alternative_does_not_swallow_what_stands_before_it() {
    let auth = provider_of_holders();
    let user = Requirement::user;
    let requirement =
        user().roles(["D"]).and(Requirement::any_of([user().roles(["A"]), user().roles(["B", "C"])]));
    for bits in 0..16_u8 {
        let roles = [0, 1, 2, 3].map(|bit| bits & 1 << bit != 0);
        let [a, b, c, d] = roles;
        let held = Held { roles, permissions: [true; 4], scopes: [true; 4] };
        assert_eq!(decide(&auth, &requirement, held).is_ok(), d && (a || b && c), "{held:?}");
    }
}

// ------------------------------------------------------------------------------------------------
// what is named

#[tokio::test]
async fn the_first_unmet_condition_in_the_order_of_writing_is_named() {
    let world = World::new();
    let user = Requirement::user;
    let role = |name: &str| Missing::Role(name.into());
    let permission = |name: &str| Missing::Permission(name.into());
    let scopes = |names: &[&str]| Missing::Scopes(names.iter().map(|name| (*name).into()).collect());
    // Ed holds nothing; the token has the scope `read`.
    for (requirement, expected) in [
        (user().roles(["b", "a"]), role("b")),
        (user().roles(["a", "b"]), role("a")),
        (user().permissions(["p"]).roles(["a"]), permission("p")),
        (user().roles(["a"]).permissions(["p"]), role("a")),
        (user().roles(["a"]).scopes(["w"]), role("a")),
        (user().scopes(["read", "w", "x"]).roles(["a"]), scopes(&["w", "x"])),
        (user().scopes(["w"]).roles(["a"]).scopes(["x"]), scopes(&["w", "x"])),
        (user().scopes(["w"]).and(user().scopes(["w", "x"])), scopes(&["w", "x"])),
        (user().any_role(["a"]), role("a")),
        (user().any_permission(["p"]), permission("p")),
        (user().any_scope(["w"]), scopes(&["w"])),
        (user().any_role(["a", "b"]), Missing::Alternative),
        (user().any_scope(["w", "x"]).scopes(["y"]), Missing::Alternative),
        (user().any_scope(["read", "x"]).roles(["a"]), role("a")),
        (Requirement::any_of([user().roles(["a"]), user().scopes(["w"])]), Missing::Alternative),
        (user().scopes(["read"]).and(user().roles(["z"])), role("z")),
    ] {
        let refused =
            world.check(TokenRequest::for_subject("ed").scope("read"), &requirement).await.unwrap_err();
        assert_eq!(refused, Rejection::Forbidden(expected), "{requirement:?}");
    }
}

/// Clocks that differ a little make no login older than it is, and none that is to come.
#[tokio::test]
async fn a_clock_that_is_behind_takes_a_login_for_a_recent_one() {
    let world = World::new();
    let tokens = world.log_in("alice").await;
    let requirement = Requirement::user().login_within(Duration::from_secs(1));
    let enter = async || {
        let head = get("/").bearer(&tokens.access);
        world.auth.check(world.auth.read(&head), &requirement).await.map(drop)
    };
    let start = ManualClock::START.unix_seconds();
    let stale = Err(Rejection::StaleLogin { max_age: Duration::from_secs(1) });
    for (seconds, expected) in [(-30, Ok(())), (0, Ok(())), (1, Ok(())), (2, stale.clone()), (899, stale)] {
        world.clock.set(Timestamp::from_unix_seconds(start + seconds));
        assert_eq!(enter().await, expected, "{seconds}");
    }
}

#[tokio::test]
async fn names_compare_byte_for_byte() {
    let world = World::new();
    for (requirement, passes) in [
        (Requirement::user().roles(["admin"]), true),
        (Requirement::user().roles(["Admin"]), false),
        (Requirement::user().roles(["admin "]), false),
        (Requirement::user().roles(["adm"]), false),
        (Requirement::user().permissions(["READ"]), false),
        (Requirement::user().scopes(["Read"]), false),
        (Requirement::user().scopes(["read"]), true),
    ] {
        let outcome = world.check(TokenRequest::for_subject("alice").scope("read"), &requirement).await;
        assert_eq!(outcome.is_ok(), passes, "{requirement:?}");
    }
}

#[test]
fn a_requirement_can_be_read() {
    let day = Duration::from_secs(24 * 60 * 60);
    let requirement = Requirement::user().allow_api_keys().login_within(day).allow_api_keys();
    assert_eq!(requirement.conditions(), [Condition::ApiKeys, Condition::LoginWithin(day)]);
    // What was joined stays in parts, each of which has to let an API key in.
    let joined = Requirement::user().roles(["a"]).and(requirement.clone()).and(Requirement::user());
    assert_eq!(
        joined.conditions(),
        [
            Condition::All(vec![Condition::Role("a".into())]),
            Condition::All(requirement.conditions().to_vec())
        ]
    );
    let requirement = Requirement::user().roles(["a"]).any_scope(["r", "w"]);
    assert_eq!(
        requirement.conditions(),
        [
            Condition::Role("a".into()),
            Condition::Any(vec![Condition::Scope("r".into()), Condition::Scope("w".into())])
        ]
    );
    assert_eq!(Requirement::default(), Requirement::user());
    assert!(Requirement::user().conditions().is_empty());
}

// ------------------------------------------------------------------------------------------------
// what is impossible

const NONE: [&str; 0] = [];

#[track_caller]
fn impossible(requirement: &Requirement, field: &str, problem: &str, fix: &str) {
    let fault = requirement.validate().unwrap_err();
    assert_eq!((fault.field(), fault.problem(), fault.fix()), (field, problem, fix));
}

#[test]
fn roles_config() {
    type Make = fn(Requirement, &[&str]) -> Requirement;
    let makers: [(&str, Make); 6] = [
        ("roles", |requirement, names| requirement.roles(names)),
        ("any_role", |requirement, names| requirement.any_role(names)),
        ("permissions", |requirement, names| requirement.permissions(names)),
        ("any_permission", |requirement, names| requirement.any_permission(names)),
        ("scopes", |requirement, names| requirement.scopes(names)),
        ("any_scope", |requirement, names| requirement.any_scope(names)),
    ];
    for (field, make) in makers {
        let made = |names: &[&str]| make(Requirement::user(), names);
        assert_eq!(made(&["a", "b"]).validate(), Ok(()));
        impossible(
            &made(&[]),
            field,
            "the list is empty",
            "name at least one, or use `Requirement::user()` to ask for none",
        );
        for blank in ["", " ", "\t\n", "\u{a0}"] {
            impossible(&made(&["a", blank]), field, "a name is blank", "remove it or write the name");
        }
        impossible(&made(&["a", "b", "a"]), field, "a name is repeated", "name each once");
        for name in ["two words", "quo\"te", "back\\slash", "ä", "nul\0"] {
            if field.ends_with("scope") || field == "scopes" {
                impossible(
                    &made(&[name]),
                    field,
                    "a scope has a character that scopes cannot have",
                    "use visible ASCII without \" and \\",
                );
            } else {
                assert_eq!(
                    made(&[name]).validate(),
                    Ok(()),
                    "roles and permissions are the application's own words"
                );
            }
        }
        // The first fault is the one to mend first.
        impossible(&make(made(&["a", "a"]), &[]), field, "a name is repeated", "name each once");
    }
    impossible(
        &Requirement::any_of([]),
        "any_of",
        "there is no alternative",
        "name at least one requirement",
    );
}

#[test]
fn joining_requirements_joins_their_faults() {
    let user = Requirement::user;
    let bad = || user().roles(NONE);
    let worse = || user().any_scope(["a b"]);
    for (joined, field) in [
        (user().and(bad()), "roles"),
        (bad().and(user()), "roles"),
        (bad().and(worse()), "roles"),
        (worse().and(bad()), "any_scope"),
        (Requirement::any_of([user(), bad()]), "roles"),
        (Requirement::any_of([worse(), bad()]), "any_scope"),
        (user().and(Requirement::any_of([user().roles(["a"]), bad()])), "roles"),
    ] {
        assert_eq!(joined.validate().unwrap_err().field(), field);
    }
}

#[test]
fn inactive_users_pass_only_where_everybody_allows_it() {
    let user = Requirement::user;
    let lenient = || user().danger_allow_inactive();
    for (requirement, allows) in [
        (user(), false),
        (lenient(), true),
        (lenient().roles(["a"]), true),
        (lenient().and(lenient()), true),
        (lenient().and(user()), false),
        (user().and(lenient()), false),
        (Requirement::any_of([lenient(), lenient()]), false),
        (Requirement::any_of([lenient()]).danger_allow_inactive(), true),
    ] {
        assert_eq!(requirement.allows_inactive(), allows, "{requirement:?}");
    }
}

#[tokio::test]
async fn an_impossible_requirement_refuses_everybody_and_says_so_at_once() {
    let log = Log::of_process();
    let world = World::new();
    let requirement = Requirement::user().permissions(["told at once", "told at once"]).any_permission(NONE);
    let fault = requirement.validate().unwrap_err();
    let reported = || {
        let records = log.with(&fault.to_string());
        records.iter().filter(|record| record.field("event") == Some("impossible_requirement")).count()
    };
    let before = reported();
    let guard = Guard::new(&world.auth, requirement);
    assert_eq!(reported(), before + 1);
    assert!(log.with(&fault.to_string()).iter().all(|record| record.level == tracing::Level::ERROR));

    let expected = Rejection::Misconfigured(Misconfigured::Requirement(fault.clone()));
    let good = get("/").bearer(&world.access("alice"));
    for head in [good, get("/"), get("/").bearer("nonsense"), get("/").header("authorization", "Bearer")] {
        let refused = guard.check(guard.read(&head, None)).await.unwrap_err();
        assert_eq!(refused, expected);
        let reply = guard.refuse(&refused, &head);
        assert_eq!(reply.status(), 500);
        let body = String::from_utf8(reply.body_bytes().to_vec()).unwrap();
        assert!(!body.contains("permissions"), "the wiring is nobody's business: {body}");
    }
    assert_eq!(world.users.user_loads(), 0);

    let joined = Guard::new(&world.auth, Requirement::user()).and(guard.requirement().clone());
    assert_eq!(reported(), before + 2);
    let refused = joined.check(joined.read(&get("/").bearer(&world.access("alice")), None)).await;
    assert_eq!(refused.unwrap_err(), expected);
}
