//! What `#[derive(AuthUser)]` writes does what one writes by hand, for every type that a field has.
#![expect(clippy::items_after_statements, reason = "each type stands before what is said of it")]

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashSet, VecDeque},
    fmt,
    sync::Arc,
};

use fauth_core::{AuthUser, OneTimePurpose, Role};
use proptest::{collection::vec, option, prelude::*};

#[derive(Role, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Staff {
    Support,
    Admin,
}

#[derive(Role, Debug, Clone, Copy, PartialEq, Eq)]
#[role(hierarchy)]
enum Rank {
    Viewer,
    Editor,
    Admin,
}

fn all(names: impl IntoIterator<Item: AsRef<str>>) -> Vec<String> {
    names.into_iter().map(|name| name.as_ref().to_owned()).collect()
}

// --- the whole, against a user written by hand --------------------------------------------------

#[derive(AuthUser, Debug, Clone)]
struct Derived {
    #[auth(subject)]
    id: u64,
    #[auth(password_hash)]
    password_hash: Option<String>,
    #[auth(active)]
    active: bool,
    #[auth(roles)]
    roles: Vec<String>,
    #[auth(permissions)]
    permissions: BTreeSet<String>,
    #[auth(epoch)]
    token_epoch: u64,
}

struct ByHand(Derived);

impl AuthUser for ByHand {
    fn subject(&self) -> impl AsRef<str> {
        self.0.id.to_string()
    }

    fn password_hash(&self) -> Option<&str> {
        self.0.password_hash.as_deref()
    }

    fn is_active(&self) -> bool {
        self.0.active
    }

    fn token_epoch(&self) -> u64 {
        self.0.token_epoch
    }

    fn roles(&self) -> impl IntoIterator<Item: AsRef<str>> {
        &self.0.roles
    }

    fn permissions(&self) -> impl IntoIterator<Item: AsRef<str>> {
        &self.0.permissions
    }
}

fn users() -> impl Strategy<Value = Derived> {
    let name = "[ab]{0,2}";
    (any::<u64>(), option::of(".{0,8}"), any::<bool>(), vec(name, 0..4), vec(name, 0..4), any::<u64>())
        .prop_map(|(id, password_hash, active, roles, permissions, token_epoch)| Derived {
            id,
            password_hash,
            active,
            roles,
            permissions: permissions.into_iter().collect(),
            token_epoch,
        })
}

proptest! {
    #[test]
    fn derived_is_what_one_writes_by_hand(user in users(), asked in "[ab]{0,2}") {
        let by_hand = ByHand(user.clone());
        prop_assert_eq!(user.subject().as_ref().to_owned(), by_hand.subject().as_ref().to_owned());
        prop_assert_eq!(user.password_hash(), by_hand.password_hash());
        prop_assert_eq!(AuthUser::is_active(&user), by_hand.is_active());
        prop_assert_eq!(AuthUser::token_epoch(&user), by_hand.token_epoch());
        prop_assert_eq!(all(AuthUser::roles(&user)), all(by_hand.roles()));
        prop_assert_eq!(all(AuthUser::permissions(&user)), all(by_hand.permissions()));
        for name in user.roles.iter().chain(&user.permissions).chain([&asked]) {
            prop_assert_eq!(user.has_role(name), by_hand.has_role(name));
            prop_assert_eq!(user.has_permission(name), by_hand.has_permission(name));
        }
    }
}

/// Each method by a value that no default has.
#[test]
fn no_field_is_forgotten() {
    let user = Derived {
        id: 7,
        password_hash: Some("hash".into()),
        active: true,
        roles: vec!["admin".into()],
        permissions: ["read".to_owned()].into(),
        token_epoch: 3,
    };
    assert_eq!(user.subject().as_ref(), "7");
    assert_eq!(user.password_hash(), Some("hash"));
    assert!(user.is_active());
    assert!(!Derived { active: false, ..user.clone() }.is_active());
    assert_eq!(user.token_epoch(), 3);
    assert_eq!(all(user.roles()), ["admin"]);
    assert_eq!(all(user.permissions()), ["read"]);
    assert!(user.has_role("admin") && !user.has_role("read"));
    assert!(user.has_permission("read") && !user.has_permission("admin"));
}

#[test]
fn what_is_not_marked_is_as_the_trait_has_it() {
    #[derive(AuthUser)]
    #[auth(always_active)]
    struct Bare {
        #[auth(subject)]
        name: &'static str,
    }

    let user = Bare { name: "alice" };
    assert_eq!(user.subject().as_ref(), "alice");
    assert!(user.is_active());
    assert_eq!((user.password_hash(), user.token_epoch()), (None, 0));
    assert!(all(user.roles()).is_empty() && all(user.permissions()).is_empty());
    assert!(!user.has_role("admin") && !user.has_permission("read"));
    assert_eq!(user.one_time_stamp(OneTimePurpose::PasswordReset).as_ref(), "");
}

// --- each attribute, with each type -------------------------------------------------------------

/// `$ty` as the field that is `$key`: a user with `$value`.
macro_rules! user {
    ($key:ident: $ty:ty = $value:expr) => {{
        #[derive(AuthUser)]
        #[auth(always_active)]
        struct User {
            #[auth(subject)]
            id: u8,
            #[auth($key)]
            field: $ty,
        }
        User { id: 1, field: $value }
    }};
}

#[test]
fn a_subject_is_text_or_can_be_written_as_text() {
    /// Both, and they differ: text is what counts.
    struct Both(&'static str);
    impl AsRef<str> for Both {
        fn as_ref(&self) -> &str {
            self.0
        }
    }
    impl fmt::Display for Both {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("displayed")
        }
    }
    struct Shown(u8);
    impl fmt::Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "user-{}", self.0)
        }
    }

    macro_rules! subjects {
        ($($ty:ty = $value:expr => $subject:expr;)*) => {$({
            #[derive(AuthUser)]
            #[auth(always_active)]
            struct User(#[auth(subject)] $ty);
            assert_eq!(User($value).subject().as_ref(), $subject, stringify!($ty));
        })*};
    }
    subjects! {
        String = "alice".into() => "alice";
        &'static str = "alice" => "alice";
        Box<str> = "alice".into() => "alice";
        Arc<str> = "alice".into() => "alice";
        Cow<'static, str> = "alice".into() => "alice";
        u32 = 7 => "7";
        i64 = -7 => "-7";
        u128 = u128::MAX => "340282366920938463463374607431768211455";
        uuid::Uuid = uuid::Uuid::from_u128(7) => "00000000-0000-0000-0000-000000000007";
        Both = Both("text") => "text";
        Shown = Shown(7) => "user-7";
        Arc<Shown> = Arc::new(Shown(8)) => "user-8";
    }
}

#[test]
fn a_password_hash_is_text_or_none() {
    assert_eq!(user!(password_hash: String = "hash".into()).password_hash(), Some("hash"));
    assert_eq!(user!(password_hash: &'static str = "hash").password_hash(), Some("hash"));
    assert_eq!(user!(password_hash: Box<str> = "hash".into()).password_hash(), Some("hash"));
    assert_eq!(user!(password_hash: Arc<str> = "hash".into()).password_hash(), Some("hash"));
    assert_eq!(user!(password_hash: Cow<'static, str> = "hash".into()).password_hash(), Some("hash"));
    assert_eq!(user!(password_hash: Option<String> = Some("hash".into())).password_hash(), Some("hash"));
    assert_eq!(user!(password_hash: Option<Box<str>> = Some("hash".into())).password_hash(), Some("hash"));
    assert_eq!(user!(password_hash: Option<&'static str> = Some("hash")).password_hash(), Some("hash"));
    assert_eq!(user!(password_hash: Option<String> = None).password_hash(), None);
    assert_eq!(user!(password_hash: Option<Arc<str>> = None).password_hash(), None);
}

#[test]
fn a_user_is_active_by_a_field_or_by_a_function() {
    #[derive(AuthUser)]
    struct Marked(#[auth(subject)] u8, #[auth(active)] bool);
    assert!(Marked(1, true).is_active());
    assert!(!Marked(1, false).is_active());

    #[derive(AuthUser)]
    #[auth(active = Self::may_act)]
    struct Decided {
        #[auth(subject)]
        id: u8,
        confirmed: Option<bool>,
    }
    impl Decided {
        fn may_act(&self) -> bool {
            self.confirmed == Some(true)
        }
    }
    assert!(Decided { id: 1, confirmed: Some(true) }.is_active());
    assert!(!Decided { id: 1, confirmed: Some(false) }.is_active());
    assert!(!Decided { id: 1, confirmed: None }.is_active());

    // An inherent method of the same name is no method of the trait.
    #[derive(AuthUser)]
    #[auth(active = Self::is_active)]
    struct Inherent(#[auth(subject)] u8, bool);
    impl Inherent {
        fn is_active(&self) -> bool {
            self.1
        }
    }
    assert!(AuthUser::is_active(&Inherent(1, true)) && !AuthUser::is_active(&Inherent(1, false)));
}

#[test]
fn an_epoch_is_any_integer() {
    assert_eq!(user!(epoch: u8 = 3).token_epoch(), 3);
    assert_eq!(user!(epoch: u16 = 3).token_epoch(), 3);
    assert_eq!(user!(epoch: u32 = 3).token_epoch(), 3);
    assert_eq!(user!(epoch: u64 = u64::MAX).token_epoch(), u64::MAX);
    assert_eq!(user!(epoch: usize = 3).token_epoch(), 3);
    assert_eq!(user!(epoch: i16 = 3).token_epoch(), 3);
    assert_eq!(user!(epoch: i32 = 3).token_epoch(), 3);
    assert_eq!(user!(epoch: i64 = i64::MAX).token_epoch(), u64::try_from(i64::MAX).unwrap());
}

/// Clamped to 0 it would revive all that was taken back, and wrapped it would be a number that no
/// later one exceeds: tokens that are issued now would outlast whatever is raised after the repair.
#[test]
fn of_a_user_with_an_epoch_below_zero_everything_is_refused() {
    #[derive(AuthUser)]
    struct Counted(#[auth(subject)] u8, #[auth(active)] bool, #[auth(epoch)] i64);
    assert!(Counted(1, true, 0).is_active());
    assert!(!Counted(1, false, 0).is_active());
    assert!(!Counted(1, true, -1).is_active());
    assert!(!Counted(1, true, i64::MIN).is_active());
    assert_eq!(Counted(1, true, -1).token_epoch(), u64::MAX);

    let always = user!(epoch: i32 = -1);
    assert!(!always.is_active());
    assert!(user!(epoch: i32 = 0).is_active());
}

#[test]
fn roles_and_permissions_are_in_any_collection_of_names() {
    macro_rules! lists {
        ($($ty:ty = $value:expr => $names:expr;)*) => {$({
            let expected: &[&str] = &$names;
            let roles = user!(roles: $ty = $value);
            assert_eq!(all(roles.roles()), expected, stringify!($ty));
            assert!(expected.iter().all(|name| roles.has_role(name)) && !roles.has_role("owner"));
            assert!(all(roles.permissions()).is_empty());
            let permissions = user!(permissions: $ty = $value);
            assert_eq!(all(permissions.permissions()), expected, stringify!($ty));
            assert!(expected.iter().all(|name| permissions.has_permission(name)));
            assert!(!permissions.has_permission("owner") && all(permissions.roles()).is_empty());
        })*};
    }
    lists! {
        Vec<String> = vec!["a".into(), "b".into()] => ["a", "b"];
        Vec<&'static str> = vec!["a", "b"] => ["a", "b"];
        Vec<Staff> = vec![Staff::Admin, Staff::Support] => ["admin", "support"];
        VecDeque<String> = ["a".to_owned()].into() => ["a"];
        BTreeSet<Staff> = [Staff::Admin, Staff::Support].into() => ["support", "admin"];
        HashSet<String> = ["a".to_owned()].into() => ["a"];
        [Staff; 2] = [Staff::Admin, Staff::Support] => ["admin", "support"];
        [String; 0] = [] => [];
        &'static [&'static str] = &["a", "b"] => ["a", "b"];
        &'static [Staff; 1] = &[Staff::Admin] => ["admin"];
        &'static Vec<String> = Box::leak(Box::new(vec!["a".to_owned()])) => ["a"];
        Box<[String]> = Box::new(["a".to_owned()]) => ["a"];
        Arc<[Staff]> = Arc::new([Staff::Admin]) => ["admin"];
        Arc<Vec<String>> = Arc::new(vec!["a".into()]) => ["a"];
        Arc<HashSet<Box<str>>> = Arc::new(["a".into()].into()) => ["a"];
        Cow<'static, [Staff]> = Cow::Borrowed(&[Staff::Admin]) => ["admin"];
        Option<Vec<String>> = Some(vec!["a".into(), "b".into()]) => ["a", "b"];
        Option<Vec<String>> = None => [];
        Option<BTreeSet<Staff>> = Some([Staff::Admin].into()) => ["admin"];
        Option<&'static [&'static str]> = Some(&["a"]) => ["a"];
        Option<Arc<[Staff]>> = Some(Arc::new([Staff::Admin])) => ["admin"];
        Option<Arc<[Staff]>> = None => [];
        String = "a".into() => ["a"];
        &'static str = "a" => ["a"];
        Staff = Staff::Admin => ["admin"];
        Arc<str> = "a".into() => ["a"];
        Option<Staff> = Some(Staff::Admin) => ["admin"];
        Option<String> = None => [];
    }
}

#[test]
fn one_field_may_hold_roles_and_permissions() {
    #[derive(AuthUser)]
    #[auth(always_active)]
    struct User {
        #[auth(subject)]
        id: u8,
        #[auth(roles, permissions)]
        may: Vec<&'static str>,
    }

    let user = User { id: 1, may: vec!["read"] };
    assert_eq!(all(user.roles()), ["read"]);
    assert_eq!(all(user.permissions()), ["read"]);

    #[derive(AuthUser)]
    #[auth(always_active)]
    struct Apart(
        #[auth(subject)] u8,
        #[auth(roles)]
        #[auth(permissions)]
        Vec<&'static str>,
    );
    assert!(Apart(1, vec!["read"]).has_role("read") && Apart(1, vec!["read"]).has_permission("read"));
}

// --- hierarchy ----------------------------------------------------------------------------------

#[test]
fn roles_of_a_hierarchy_include_others() {
    let editor = user!(roles: Vec<Rank> = vec![Rank::Editor]);
    assert!(editor.has_role("viewer") && editor.has_role("editor"));
    assert!(!editor.has_role("admin") && !editor.has_role("") && !editor.has_role("Viewer"));
    // What the user holds is what the record says.
    assert_eq!(all(editor.roles()), ["editor"]);

    assert!(user!(roles: Rank = Rank::Admin).has_role("viewer"));
    assert!(user!(roles: Option<Rank> = Some(Rank::Admin)).has_role("viewer"));
    assert!(!user!(roles: Option<Rank> = None).has_role("viewer"));
    assert!(user!(roles: Arc<[Rank]> = Arc::new([Rank::Viewer, Rank::Admin])).has_role("editor"));
    assert!(user!(roles: &'static [Rank] = &[Rank::Admin]).has_role("editor"));
    assert!(user!(roles: Option<Vec<Rank>> = Some(vec![Rank::Admin])).has_role("editor"));
}

#[test]
fn without_a_hierarchy_the_order_means_nothing() {
    assert!(!user!(roles: Vec<Staff> = vec![Staff::Admin]).has_role("support"));
    assert!(!user!(roles: Vec<Staff> = vec![Staff::Support]).has_role("admin"));
}

/// They are of no type that could know.
#[test]
fn roles_as_strings_include_nothing() {
    assert!(!user!(roles: Vec<String> = vec![Rank::Admin.to_string()]).has_role("viewer"));
    assert!(!user!(roles: Vec<&'static str> = vec![Rank::Admin.as_str()]).has_role("viewer"));
}

#[test]
fn permissions_are_compared_by_name() {
    let user = user!(permissions: Vec<Rank> = vec![Rank::Admin]);
    assert!(user.has_permission("admin") && !user.has_permission("viewer"));
}

#[test]
fn a_role_written_by_hand_is_asked_too() {
    struct Any;
    impl AsRef<str> for Any {
        fn as_ref(&self) -> &'static str {
            "any"
        }
    }
    impl Role for Any {
        fn includes(&self, role: &str) -> bool {
            role.starts_with('a')
        }
    }

    let user = user!(roles: Vec<Any> = vec![Any]);
    assert!(user.has_role("admin") && user.has_role("any") && !user.has_role("viewer"));
}

// --- the form of the struct ---------------------------------------------------------------------

#[test]
fn structs_may_be_generic() {
    #[derive(AuthUser)]
    #[auth(always_active)]
    struct Generic<Id: fmt::Display, R, const N: usize>
    where
        R: AsRef<str>,
    {
        #[auth(subject)]
        id: Id,
        #[auth(roles)]
        roles: [R; N],
    }

    fn is_user<U: AuthUser>(user: &U) -> (String, Vec<String>) {
        (user.subject().as_ref().to_owned(), all(user.roles()))
    }
    let user = Generic { id: 7, roles: [Staff::Admin] };
    assert_eq!(is_user(&user), ("7".to_owned(), vec!["admin".to_owned()]));
    assert!(user.has_role("admin"));

    // With the bound, the hierarchy is known; without it, the type could be anything.
    #[derive(AuthUser)]
    #[auth(always_active)]
    struct OfRoles<R: Role>(#[auth(subject)] &'static str, #[auth(roles)] Vec<R>);
    assert!(OfRoles("alice", vec![Rank::Admin]).has_role("viewer"));
    assert!(!Generic { id: 7, roles: [Rank::Admin] }.has_role("viewer"));
}

/// A user lives as long as the program may run, so that the lifetime is `'static` where it counts.
#[test]
fn structs_may_have_a_lifetime() {
    #[derive(AuthUser)]
    struct Borrowing<'a> {
        #[auth(subject)]
        name: &'a str,
        #[auth(password_hash)]
        hash: Option<&'a str>,
        #[auth(active)]
        active: bool,
    }

    fn is_user(user: &impl AuthUser) -> bool {
        user.is_active() && user.password_hash() == Some("hash") && user.subject().as_ref() == "alice"
    }
    assert!(is_user(&Borrowing { name: "alice", hash: Some("hash"), active: true }));
}

/// Names of the application do not get in the way of what is written.
#[test]
fn names_of_the_application_may_be_anything() {
    #![allow(non_camel_case_types, dead_code, reason = "what gets in the way")]
    mod core {}
    mod std {}
    mod fauth_core {}
    struct String;
    struct str;
    struct bool;
    struct u64;
    struct Option;
    struct Some;
    struct Result;
    trait AsRef {}
    trait IntoIterator {}
    trait Iterator {}

    #[derive(::fauth_core::Role)]
    #[role(hierarchy)]
    enum r#Rank {
        r#Type,
        Upper,
    }

    #[derive(::fauth_core::AuthUser)]
    struct User {
        #[auth(subject)]
        r#type: &'static ::core::primitive::str,
        #[auth(active)]
        r#fn: ::core::primitive::bool,
        #[auth(roles)]
        rank: Rank,
        #[auth(epoch)]
        epoch: ::core::primitive::u64,
    }

    let user = User { r#type: "alice", r#fn: true, rank: Rank::Upper, epoch: 1 };
    assert!(::fauth_core::AuthUser::has_role(&user, "type"));
    assert_eq!(Rank::Type.as_str(), "type");
}

/// Methods of the application's own with the names of the trait's are not called.
#[test]
fn methods_of_the_application_are_not_asked() {
    #[derive(AuthUser)]
    struct User(#[auth(subject)] &'static str, #[auth(active)] bool, #[auth(roles)] Shadow);
    impl User {
        fn is_active(&self) -> &'static str {
            if self.1 { "yes" } else { "no" }
        }
    }
    struct Shadow;
    impl AsRef<str> for Shadow {
        fn as_ref(&self) -> &'static str {
            "shadow"
        }
    }
    impl Shadow {
        #[expect(clippy::unused_self, reason = "what must not be called has the form of what is")]
        fn is(&self, _: &str) -> bool {
            true
        }
    }

    let user = User("alice", false, Shadow);
    assert_eq!(user.is_active(), "no");
    assert!(!AuthUser::is_active(&user));
    assert!(!user.has_role("admin") && user.has_role("shadow") && Shadow.is("admin"));
}
