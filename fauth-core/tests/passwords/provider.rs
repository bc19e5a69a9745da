//! What a provider does with all this: where the policy applies, rehashing at login, and the log.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use fauth_core::{
    AuthProvider, AuthProviderBuilder, ClientInfo, MemoryStore, NewPasswordHash, Rejection,
    password::{
        Blocklist, NewPassword, OnBehalfOf, PasswordConfig, PasswordError, PasswordPolicy,
        UnacceptablePassword,
    },
    rejection::Unavailable,
};
use fauth_testing::{TestUser, Users, config, config_builder, provider_with};

use crate::support::Log;

type Builder = AuthProviderBuilder<TestUser>;

static NOBODY: ClientInfo = ClientInfo::unknown();
const KEY: &[u8; 32] = b"\x8f\x1c\xa7\x02\x5e\xd3\x99\x40\xb6\x7b\xee\x13\xc8\x24\x6d\xf1\x0a\x93\x57\xbc\x31\xe8\x4f\x76\xd2\x05\xaa\x68\x19\xfd\x82\x3b";

fn provider(
    users: &Users,
    with: impl FnOnce(AuthProviderBuilder<TestUser>) -> AuthProviderBuilder<TestUser>,
) -> AuthProvider<TestUser> {
    with(provider_with(config(), users).danger_share_application()).build().unwrap()
}

fn unacceptable(reason: UnacceptablePassword) -> Result<String, PasswordError> {
    Err(PasswordError::Unacceptable(reason))
}

#[tokio::test]
async fn the_policy_applies_where_passwords_are_set() {
    let users = Users::new();
    let policy = PasswordPolicy::new()
        .blocklist(Blocklist::from_words(["correcthorsebatterystaple"]))
        .context_words(["Contoso"]);
    let auth = provider(&users, |builder| builder.password_policy(policy));
    let good = "green ideas sleep";
    let with = |text: &'static str| NewPassword::new(text).identifier("alice.wonder@example.com");
    assert!(auth.hash_password(good).await.is_ok());
    assert!(auth.hash_password_for(&NOBODY, good).await.is_ok());
    assert!(auth.hash_password_for(OnBehalfOf::User("alice"), good).await.is_ok());
    assert!(auth.hash_new_password(&NOBODY, &with(good)).await.is_ok());

    let short = unacceptable(UnacceptablePassword::TooShort { minimum: 15 });
    assert_eq!(auth.hash_password("green ideas").await, short);
    assert_eq!(auth.hash_password_for(OnBehalfOf::User("alice"), "green ideas").await, short);
    let word = unacceptable(UnacceptablePassword::ContextWord);
    assert_eq!(auth.hash_password("contoso-contoso-1").await, word);
    assert_eq!(auth.hash_new_password(&NOBODY, &with("alice.wonder2026")).await, word);
    assert!(auth.hash_password("alice.wonder2026").await.is_ok(), "nobody said whose it is");
    let common = unacceptable(UnacceptablePassword::Common);
    assert_eq!(auth.hash_password("CorrectHorseBatteryStaple").await, common);
    // What no hasher takes is said first.
    assert_eq!(auth.hash_password("").await, unacceptable(UnacceptablePassword::Empty));
    assert_eq!(
        auth.hash_password(&"x y".repeat(400)).await,
        unacceptable(UnacceptablePassword::TooLong { limit: 1024 })
    );
}

#[tokio::test]
async fn the_default_is_the_policy_and_the_last_word_decides() {
    let users = Users::new();
    let short = |minimum| unacceptable(UnacceptablePassword::TooShort { minimum });
    let auth = provider(&users, |builder| builder);
    assert_eq!(auth.hash_password("green ideas").await, short(15));
    assert!(auth.hash_password("green ideas sleep").await.is_ok());
    let row = unacceptable(UnacceptablePassword::Repetitive);
    assert_eq!(auth.hash_password("123456789012345678").await, row);

    let auth = provider(&users, AuthProviderBuilder::danger_without_password_policy);
    assert!(auth.hash_password("a").await.is_ok());
    assert_eq!(auth.hash_password("").await, unacceptable(UnacceptablePassword::Empty));

    let policy = PasswordPolicy::with_second_factor;
    let auth = provider(&users, |builder| builder.danger_without_password_policy().password_policy(policy()));
    assert_eq!(auth.hash_password("green 1").await, short(8));
    let auth = provider(&users, |builder| builder.password_policy(policy()).danger_without_password_policy());
    assert!(auth.hash_password("green 1").await.is_ok());
}

/// The application's name counts as a context word without any policy being given.
#[tokio::test]
async fn the_default_knows_the_application() {
    let users = Users::new();
    let named = config_builder().application("contoso").build().unwrap();
    let auth = provider_with(named, &users).danger_share_application().build().unwrap();
    let word = unacceptable(UnacceptablePassword::ContextWord);
    assert_eq!(auth.hash_password("contoso-contoso-1").await, word);
    assert!(auth.hash_password("fabrikam-contoso-1").await.is_ok());
}

#[tokio::test]
async fn the_policy_does_not_apply_at_a_login() {
    let users = Users::new();
    let updates = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&updates);
    let auth = provider(&users, |builder| {
        builder
            .password_policy(PasswordPolicy::new())
            .password(PasswordConfig::danger_weak_argon2id(16, 1, 1))
            .password_updater(move |_: Arc<TestUser>, hash: NewPasswordHash| {
                seen.lock().unwrap().push(hash.new);
                async { Ok::<_, std::convert::Infallible>(()) }
            })
    });
    assert!(auth.authenticate("alice", "s3cret", &NOBODY).await.is_ok());
    let updates = updates.lock().unwrap();
    assert!(updates.len() == 1 && updates[0].starts_with("$argon2id$v=19$m=16"), "{updates:?}");
}

#[test]
fn a_policy_that_cannot_work_is_refused() {
    let field = |policy: PasswordPolicy| {
        let users = Users::new();
        let builder = provider_with(config(), &users).danger_share_application().password_policy(policy);
        builder.build().err().map(|error| error.field())
    };
    let policy = PasswordPolicy::new;
    for (policy, refused) in [
        (policy(), None),
        (policy().min_characters(8), None),
        (policy().min_characters(7), Some("min_characters")),
        (policy().min_characters(64), None),
        (policy().min_characters(65), Some("min_characters")),
        (policy().danger_min_characters(1), None),
        (policy().danger_min_characters(0), Some("danger_min_characters")),
        (policy().danger_min_characters(65), Some("danger_min_characters")),
        (policy().breach_timeout(Duration::ZERO), Some("breach_timeout")),
        (policy().breach_timeout(Duration::from_secs(30)), None),
        (policy().breach_timeout(Duration::from_secs(31)), Some("breach_timeout")),
    ] {
        assert_eq!(field(policy), refused);
    }
    let said: [fn(Builder) -> Builder; 2] =
        [|builder| builder.password_policy(PasswordPolicy::new()), Builder::danger_without_password_policy];
    for said in said {
        let builder = AuthProvider::<TestUser>::builder(config())
            .user_loader(async |_| Ok::<Option<TestUser>, std::io::Error>(None))
            .store(MemoryStore::new())
            .without_password_login();
        assert_eq!(said(builder).build().unwrap_err().field(), "without_password_login");
    }
}

/// P-09: bcrypt reads 72 bytes. A longer password is refused in a way that its user can understand
/// where it is set, and as a wrong one where it is asked for; neither is a failure of the server.
#[tokio::test]
async fn a_password_over_the_limit_of_bcrypt_is_refused_at_a_change_too() {
    let users = Users::new();
    let auth = provider(&users, |builder| builder.password(PasswordConfig::danger_weak_bcrypt(4)));
    let text = "colourless green ideas sleep furiously, and so do most of us who have to wait";
    let of = |bytes: usize| text.chars().cycle().take(bytes).collect::<String>();
    for on_behalf_of in [OnBehalfOf::from(&NOBODY), OnBehalfOf::User("alice")] {
        assert!(auth.hash_password_for(on_behalf_of, &of(71)).await.is_ok());
        for bytes in [72, 73, 80] {
            let refused = auth.hash_password_for(on_behalf_of, &of(bytes)).await;
            assert_eq!(refused, unacceptable(UnacceptablePassword::TooLong { limit: 71 }), "{bytes}");
            assert_eq!(Rejection::from(refused.unwrap_err()).status(), 422);
        }
    }
    let requirement = fauth_core::Requirement::user();
    let token = auth.issue(fauth_core::Purpose::Access, "alice").await.unwrap();
    let granted = auth.authenticate_token(token.expose(), &requirement).await.unwrap();
    let change = |password: String| {
        let (auth, granted) = (&auth, &granted);
        async move { auth.reauthenticate(granted, "alice", &password, &NOBODY).await.map(|_| ()) }
    };
    assert_eq!(change("s3cret".to_owned()).await, Ok(()));
    for bytes in [71, 72, 73, 80] {
        assert_eq!(change(of(bytes)).await, Err(Rejection::InvalidCredentials), "{bytes}");
    }
}

#[test]
fn what_could_not_be_checked_is_503() {
    let rejection = Rejection::from(PasswordError::Unchecked);
    assert_eq!(rejection, Rejection::Unavailable(Unavailable::BreachCheck));
    assert_eq!((rejection.status(), rejection.reason()), (503, "breach_check_failed"));
}

/// Hashes of other systems, without a pepper, or of an older one: replaced by a login.
#[tokio::test]
async fn a_login_replaces_old_hashes() {
    let users = Users::new();
    let updates = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&updates);
    let auth = provider(&users, |builder| {
        builder.password(PasswordConfig::danger_weak_argon2id(8, 1, 1).pepper("2026", KEY)).password_updater(
            move |_: Arc<TestUser>, hash: NewPasswordHash| {
                seen.lock().unwrap().push((hash.old, hash.new));
                async { Ok::<_, std::convert::Infallible>(()) }
            },
        )
    });
    let mut old = vec!["$2b$04$d16WDfGCDpv/uzbRGZESuuJWFyMRsf6b2ALAozb4ED4ANZy1kalbK"];
    if cfg!(feature = "foreign-hashes") {
        old.push("pbkdf2:sha1:1200$VLwUyUEs5wuqLR6L$da1f111bee956b8813b36334b59382cdcb2ca181");
        old.push("pbkdf2_sha256$1200$seasalt22$JdBc0PGE0Orrb1SM5KMvC0Hinbc5gpiQd3f7xKf5FnA=");
    }
    for old in old {
        users.change("alice", |user| user.password_hash = Some(old.to_owned()));
        assert!(auth.authenticate("alice", "wrong", &NOBODY).await.is_err());
        assert_eq!(updates.lock().unwrap().len(), 0);
        assert!(auth.authenticate("alice", "pässwörd€ 1", &NOBODY).await.is_ok());
        let (from, to) = updates.lock().unwrap().pop().unwrap();
        assert_eq!(from, old);
        assert!(to.starts_with("$fauth-pepper$v=1,k=2026$argon2id$"), "{to}");
        users.change("alice", |user| user.password_hash = Some(to));
        assert!(auth.authenticate("alice", "pässwörd€ 1", &NOBODY).await.is_ok());
        assert!(updates.lock().unwrap().is_empty(), "it is up to date");
    }
}

#[tokio::test]
async fn an_unusable_hash_is_named_once_with_the_hashed_identifier() {
    let users = Users::new();
    for name in ["alice", "bob"] {
        users.change(name, |user| user.password_hash = Some("$6$salt$hash".to_owned()));
    }
    let auth = provider(&users, |builder| builder);
    let log = Log::default();
    let _guard = log.listen();
    for _ in 0..3 {
        for name in ["alice", "bob", "nobody"] {
            assert!(auth.authenticate(name, "s3cret", &NOBODY).await.is_err());
        }
    }
    let lines = log.unusable();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in &lines {
        assert!(
            line.contains("scheme=\"sha512-crypt\" problem=\"unsupported scheme\" identifier=\""),
            "{line}"
        );
        assert!(!line.contains("alice") && !line.contains("bob") && !line.contains("salt"), "{line}");
    }
    assert_ne!(lines[0], lines[1]);
}
