//! The policy for new passwords.

use std::{
    io,
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use fauth_core::{
    BoxError, async_trait,
    password::{
        Blocklist, BreachCheck, NewPassword, PasswordError, PasswordPolicy, UnacceptablePassword,
        WhenUnchecked,
    },
};

use crate::support::Log;

type Outcome = Result<(), PasswordError>;

fn refused(reason: UnacceptablePassword) -> Outcome {
    Err(PasswordError::Unacceptable(reason))
}

fn too_short(minimum: usize) -> Outcome {
    refused(UnacceptablePassword::TooShort { minimum })
}

async fn check(policy: &PasswordPolicy, text: &str) -> Outcome {
    policy.check(&NewPassword::new(text)).await
}

#[tokio::test]
async fn length_is_counted_in_code_points() {
    let letters = "blue kangaroos sing at noon and at dusk beside our old windmill, twice a day, unless";
    for (policy, least) in [
        (PasswordPolicy::new(), 15),
        (PasswordPolicy::default(), 15),
        (PasswordPolicy::with_second_factor(), 8),
        (PasswordPolicy::new().min_characters(8), 8),
        (PasswordPolicy::new().min_characters(64), 64),
        (PasswordPolicy::new().danger_min_characters(1), 1),
    ] {
        assert_eq!(check(&policy, &letters[..least]).await, Ok(()), "{least}");
        assert_eq!(check(&policy, &letters[..least - 1]).await, too_short(least));
    }
    // Fifteen characters of up to four bytes each; fourteen of them are too few, whatever the
    // bytes.
    let fifteen = "пароль🔑ключ-日本語";
    assert_eq!(fifteen.chars().count(), 15);
    assert_eq!(check(&PasswordPolicy::new(), fifteen).await, Ok(()));
    let fourteen: String = fifteen.chars().skip(1).collect();
    assert!(fourteen.len() > 30);
    assert_eq!(check(&PasswordPolicy::new(), &fourteen).await, too_short(15));
    let longest = letters.repeat(48) + "0123456789abcdeghijklmnopqrstuvw0123456789abcdeghijklmnopqrstuvw";
    assert_eq!(longest.len(), 4096);
    assert_eq!(check(&PasswordPolicy::new(), &longest).await, Ok(()));
    let too_long = UnacceptablePassword::TooLong { limit: 4096 };
    assert_eq!(check(&PasswordPolicy::new(), &(longest + "x")).await, refused(too_long));
}

#[tokio::test]
async fn there_are_no_rules_about_kinds_of_characters() {
    for password in [
        "only small letters here",
        "ONLY CAPITALS IN HERE",
        "8301749265938201",
        "ｗｉｄｅ　ｌｅｔｔｅｒｓ　ｉｎ　ｈｅｒｅ",
    ] {
        assert_eq!(check(&PasswordPolicy::new(), password).await, Ok(()), "{password}");
    }
}

#[tokio::test]
async fn repetitions_and_rows_are_refused() {
    for password in [
        "aaaaaaaaaaaaaaa",
        "abcabcabcabcabc",
        "abcabcabcabcabcab",
        "passwordpassword",
        "PasswordpassworD",
        "123456789012345",
        "987654321098765",
        "abcdefghijklmnop",
        "111122223333444",
        "ääääääääääääääää",
        "qwertyuiopasdfg",
        "QWERTZUIOPASDFGH",
        "azertyuiopqsdfgh",
        "1qaz2wsx3edc4rfv",
        "!QAZ@WSX#EDC$RFV",
        "q1w2e3r4t5y6u7i8",
        "poiuytrewqlkjhg",
    ] {
        assert_eq!(
            check(&PasswordPolicy::new(), password).await,
            refused(UnacceptablePassword::Repetitive),
            "{password}"
        );
    }
    for password in [
        "password to passwords",
        "abcdefg hijklm opq?x 4",
        "aaaaaaaa but not only",
        "12345678 blue foxes",
        "qwertyui blue foxes",
        "we were asserted as referees",
    ] {
        assert_eq!(check(&PasswordPolicy::new(), password).await, Ok(()), "{password}");
    }
}

#[tokio::test]
async fn little_but_a_name_is_refused() {
    let policy = PasswordPolicy::new().context_words(["Acme Corp", "acme", "ab"]);
    let word = refused(UnacceptablePassword::ContextWord);
    let check = async |password: &str| {
        let password = NewPassword::new(password).identifier("Anna.Schmidt@mail.example.com").word("Müller");
        policy.check(&password).await
    };
    for password in [
        "acmeacme-acme-2026",
        "ACME Corp 2026!!",
        "anna.schmidt2026",
        "Anna_Schmidt_1234",
        "schmidtschmidt123",
        "anna.schmidt@mail.example.com",
        "example-mail-2026",
        "MÜLLER-müller-77",
        // Seven characters are left.
        "anna-schmidt-12345",
    ] {
        assert_eq!(check(password).await, word, "{password}");
    }
    for password in [
        // Eight.
        "anna-schmidt-123456",
        "a wall, but no bricks",
        "blue anna foxes jump",
        "acme is not a good one",
        // Two letters are no word, and neither is the last part of a domain.
        "ab-com-ab-com-abcom",
    ] {
        assert_eq!(check(password).await, Ok(()), "{password}");
    }
}

#[tokio::test]
async fn identifiers_are_bounded() {
    let policy = PasswordPolicy::new();
    let long = "anna.".repeat(100_000);
    let password = NewPassword::new("anna.anna-anna.anna").identifier(&long).word(&long);
    assert_eq!(policy.check(&password).await, Ok(()), "nobody can log in with it");
}

#[tokio::test]
async fn common_passwords_are_refused() {
    let list =
        Blocklist::from_words(["correcthorsebatterystaple", "Sommermärchen", "Οδυσσευς", "47118quarks!", ""]);
    assert_eq!((list.len(), list.is_empty()), (4, false));
    assert_eq!(format!("{list:?}"), "Blocklist { len: 4, .. }");
    let policy = PasswordPolicy::new().min_characters(8).blocklist(list);
    for password in [
        "correcthorsebatterystaple",
        "CorrectHorseBatteryStaple",
        "2026-CorrectHorseBatteryStaple!",
        "SOMMERMÄRCHEN",
        "ΟΔΥΣΣΕΥΣ",
        "--sommermärchen--",
        "47118quarks!",
        "47118QUARKS!",
    ] {
        assert_eq!(check(&policy, password).await, refused(UnacceptablePassword::Common), "{password}");
    }
    for password in
        ["correcthorsebatterystapler", "correct horse battery staple", "quarks!!!?!", "8301749265938201"]
    {
        assert_eq!(check(&policy, password).await, Ok(()), "{password}");
    }
}

/// A file that cannot be read.
struct Broken;

impl io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("unreadable"))
    }
}

#[tokio::test]
async fn a_list_is_read_by_lines() {
    let text: &[u8] = b"summerholiday\r\n\n\xff\xfe\nwinterholiday\nsummerholiday\nspringbreak";
    let list = Blocklist::from_lines(text).unwrap();
    assert_eq!(list.len(), 3);
    let policy = PasswordPolicy::new().min_characters(8).blocklist(list);
    for password in ["summerholiday", "WinterHoliday1", "springbreak"] {
        assert_eq!(check(&policy, password).await, refused(UnacceptablePassword::Common), "{password}");
    }
    assert_eq!(check(&policy, "autumnholiday").await, Ok(()));
    assert!(Blocklist::from_lines(io::BufReader::new(Broken)).is_err());
}

#[tokio::test]
async fn a_list_is_read_from_a_file() {
    let folder = std::env::temp_dir().join(format!("fauth-blocklist-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        Blocklist::from_file(path)
    };
    let list = file("list.txt", b"summer\nwinter\n").unwrap();
    assert_eq!(list.len(), 2);
    let policy = PasswordPolicy::new().blocklist(list);
    assert_eq!(check(&policy, "Summer202620262026").await, refused(UnacceptablePassword::Common));
    assert_eq!(check(&policy, "Autumn202620262026").await, Ok(()));

    for (name, content, problem) in [
        ("list.txt.gz", &b"\x1f\x8b\x08\0summer\n"[..], "compressed"),
        ("empty.txt", b"\n\xff\n", "no password"),
    ] {
        let error = file(name, content).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let text = error.to_string();
        assert!(text.contains(name) && text.contains(problem) && !text.contains("summer"), "{text}");
    }
    let error = Blocklist::from_file(folder.join("none.txt")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(error.to_string().contains("none.txt"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}

/// What a breach check does about a password.
#[derive(Clone, Default)]
struct Pwned(Arc<AtomicUsize>);

#[async_trait]
impl BreachCheck for Pwned {
    async fn is_breached(&self, password: &str) -> Result<bool, BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        match password {
            "this one hangs for ever" => std::future::pending().await,
            "this one fails at once!" => Err("connection\nrefused".into()),
            _ => Ok(password.starts_with("leaked")),
        }
    }
}

const HANGS: &str = "this one hangs for ever";
const FAILS: &str = "this one fails at once!";

#[tokio::test(start_paused = true)]
async fn breached_passwords_are_refused() {
    let pwned = Pwned::default();
    let policy = PasswordPolicy::new().breach_check(pwned.clone());
    assert_eq!(check(&policy, "leaked, as they say").await, refused(UnacceptablePassword::Breached));
    assert_eq!(check(&policy, "never seen anywhere").await, Ok(()));
    assert_eq!(pwned.0.swap(0, Ordering::Relaxed), 2);
    assert_eq!(check(&policy, "leaked").await, too_short(15));
    assert_eq!(pwned.0.load(Ordering::Relaxed), 0, "nobody is asked about what is refused anyway");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_checked_is_refused_or_accepted_as_said() {
    let log = Log::default();
    let _guard = log.listen();
    for (policy, expected) in [
        (PasswordPolicy::new(), Err(PasswordError::Unchecked)),
        (PasswordPolicy::new().when_unchecked(WhenUnchecked::Refuse), Err(PasswordError::Unchecked)),
        (PasswordPolicy::new().when_unchecked(WhenUnchecked::Accept), Ok(())),
    ] {
        let policy = policy.breach_check(Pwned::default()).breach_timeout(Duration::from_secs(7));
        assert_eq!(check(&policy, FAILS).await, expected);
        let began = tokio::time::Instant::now();
        assert_eq!(check(&policy, HANGS).await, expected);
        assert_eq!(began.elapsed(), Duration::from_secs(7));
        // Whatever was said, the other rules hold and an answer is an answer.
        assert_eq!(check(&policy, "leaked, as they say").await, refused(UnacceptablePassword::Breached));
        let lines = log.take();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("error=connection\\u{a}refused"), "{lines:?}");
        assert!(lines[1].contains("error=no answer within the limit"), "{lines:?}");
        assert!(lines.iter().all(|line| !line.contains("this one")), "{lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_checks_at_once_and_no_more() {
    let policy = PasswordPolicy::new().breach_check(Pwned::default()).when_unchecked(WhenUnchecked::Accept);
    let hanging: Vec<_> = (0..64)
        .map(|_| {
            let policy = policy.clone();
            tokio::spawn(async move { check(&policy, HANGS).await })
        })
        .collect();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    let busy = PasswordError::Busy { retry_after: Duration::from_secs(1) };
    assert_eq!(check(&policy, "leaked, as they say").await, Err(busy), "not past the check");
    for one in hanging {
        assert_eq!(one.await.unwrap(), Ok(()));
    }
    assert_eq!(check(&policy, "leaked, as they say").await, refused(UnacceptablePassword::Breached));
}

#[tokio::test]
async fn errors_say_what_is_wrong_without_the_password() {
    for (reason, text) in [
        (UnacceptablePassword::TooShort { minimum: 15 }, "the password has fewer than 15 characters"),
        (
            UnacceptablePassword::Repetitive,
            "the password is a repetition or a sequence of characters or keys",
        ),
        (
            UnacceptablePassword::ContextWord,
            "the password contains little besides a name of the user or of the service",
        ),
        (UnacceptablePassword::Common, "the password is too common"),
        (UnacceptablePassword::Breached, "the password has appeared in a data breach"),
    ] {
        assert_eq!(reason.to_string(), text);
    }
    let policy = PasswordPolicy::new().context_words(["acme"]).breach_check(Pwned::default());
    let debug = format!("{policy:?} {:?}", NewPassword::new("s3cret").identifier("alice"));
    assert!(debug.contains("min_characters: 15") && debug.contains("NewPassword(..)"), "{debug}");
}
