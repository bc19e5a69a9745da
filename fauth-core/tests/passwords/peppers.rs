//! Peppers: rotation, the limit of bcrypt, and what is refused.

use fauth_core::password::{PasswordConfig, PasswordError, UnacceptablePassword, Verification};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::support::{Log, MATCH, MATCH_NEEDS_REHASH, MISMATCH, field, hasher, weak};

const OLD: &[u8; 32] = b"\x8f\x1c\xa7\x02\x5e\xd3\x99\x40\xb6\x7b\xee\x13\xc8\x24\x6d\xf1\x0a\x93\x57\xbc\x31\xe8\x4f\x76\xd2\x05\xaa\x68\x19\xfd\x82\x3b";
const NEW: &[u8; 32] = b"\x21\xfe\x5b\x90\xc3\x0d\x74\xa8\xe6\x12\x4d\xbf\x37\x88\xd9\x62\x9a\x03\xec\x51\xb7\x2e\xf8\x45\x1f\xd0\x6c\xa3\x84\x3e\xc9\x70";

#[tokio::test]
async fn pepper_rotation() {
    let plain = hasher(weak());
    let first = hasher(weak().pepper("2025", OLD));
    let second = hasher(weak().pepper("2026", NEW).previous_pepper("2025", OLD));
    let given_up = hasher(weak().previous_pepper("2026", NEW));

    let unpeppered = plain.hash("s3cret").await.unwrap();
    let of_first = first.hash("s3cret").await.unwrap();
    let of_second = second.hash("s3cret").await.unwrap();
    assert!(of_first.starts_with("$fauth-pepper$v=1,k=2025$argon2id$v=19$m=8,t=1,p=1$"), "{of_first}");
    assert!(of_second.starts_with("$fauth-pepper$v=1,k=2026$argon2id$"), "{of_second}");
    assert!(given_up.hash("s3cret").await.unwrap().starts_with("$argon2id$"));

    let (same, old, no) = (MATCH, MATCH_NEEDS_REHASH, MISMATCH);
    for (name, hasher, expected) in [
        ("plain", &plain, [&same, &no, &no]),
        ("first", &first, [&old, &same, &no]),
        ("second", &second, [&old, &old, &same]),
        ("given up", &given_up, [&same, &no, &old]),
    ] {
        for (stored, expected) in [&unpeppered, &of_first, &of_second].into_iter().zip(expected) {
            assert_eq!(&hasher.verify("s3cret", Some(stored)).await, expected, "{name}: {stored}");
            assert_eq!(hasher.verify("s3cre7", Some(stored)).await, MISMATCH, "{name}: {stored}");
            assert_eq!(hasher.needs_rehash(stored), *expected != MATCH, "{name}: {stored}");
        }
    }
}

/// The construction is what the manual says, so that others can read the hashes.
#[tokio::test]
async fn what_is_hashed_is_the_hmac_in_base64url() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let mac = Hmac::<Sha256>::new_from_slice(OLD).unwrap().chain_update("pässwörd").finalize();
    let keyed = URL_SAFE_NO_PAD.encode(mac.into_bytes());
    for config in [weak(), PasswordConfig::danger_weak_bcrypt(4)] {
        let stored = hasher(config.clone().pepper("2025", OLD)).hash("pässwörd").await.unwrap();
        let inner = stored.strip_prefix("$fauth-pepper$v=1,k=2025").unwrap();
        assert_eq!(hasher(config).verify(&keyed, Some(inner)).await, MATCH);
    }
}

#[tokio::test]
async fn another_key_of_the_same_id_does_not_match() {
    let stored = hasher(weak().pepper("2025", OLD)).hash("s3cret").await.unwrap();
    assert_eq!(hasher(weak().pepper("2025", NEW)).verify("s3cret", Some(&stored)).await, MISMATCH);
}

#[tokio::test]
async fn weaker_hashes_of_the_same_pepper_are_replaced() {
    let stored = hasher(weak().pepper("2025", OLD)).hash("s3cret").await.unwrap();
    let stronger = hasher(PasswordConfig::danger_weak_argon2id(16, 1, 1).pepper("2025", OLD));
    assert_eq!(stronger.verify("s3cret", Some(&stored)).await, MATCH_NEEDS_REHASH);
}

#[tokio::test]
async fn with_a_pepper_bcrypt_takes_passwords_of_any_length() {
    let peppered = hasher(PasswordConfig::danger_weak_bcrypt(4).pepper("2025", OLD));
    let xs = |bytes| "x".repeat(bytes);
    for bytes in [71, 72, 73, 1024] {
        let stored = peppered.hash(&xs(bytes)).await.unwrap();
        assert_eq!(peppered.verify(&xs(bytes), Some(&stored)).await, MATCH);
        assert_eq!(peppered.verify(&(xs(bytes - 1) + "y"), Some(&stored)).await, MISMATCH);
    }
    let too_long = UnacceptablePassword::TooLong { limit: 1024 };
    assert_eq!(peppered.hash(&xs(1025)).await, Err(PasswordError::Unacceptable(too_long)));
    for password in ["", "\0", "a\0b"] {
        assert!(matches!(peppered.hash(password).await, Err(PasswordError::Unacceptable(_))));
        let stored = peppered.hash("a").await.unwrap();
        assert_eq!(peppered.verify(password, Some(&stored)).await, MISMATCH);
    }
    // One of 72 bytes that another system has made, and that can be hashed anew now.
    let old = "$2b$04$d16WDfGCDpv/uzbRGZESuuJWFyMRsf6b2ALAozb4ED4ANZy1kalbK";
    let plain = hasher(PasswordConfig::danger_weak_bcrypt(4));
    assert_eq!(plain.verify("pässwörd€ 1", Some(old)).await, MATCH);
    assert_eq!(peppered.verify("pässwörd€ 1", Some(old)).await, MATCH_NEEDS_REHASH);
}

#[tokio::test]
async fn an_unknown_pepper_is_named_and_refused() {
    let log = Log::default();
    let _guard = log.listen();
    let stored = hasher(weak().pepper("2025", OLD)).hash("s3cret").await.unwrap();
    let hash = &stored["$fauth-pepper$v=1,k=2025".len()..];
    let other = hasher(weak().pepper("2026", NEW));
    for _ in 0..2 {
        assert_eq!(other.verify("s3cret", Some(&stored)).await, MISMATCH);
    }
    let line = |problem: &str, detail: &str| {
        format!(
            "WARN message=a stored password hash cannot be used scheme=\"fauth pepper\" problem={problem:?}{detail}"
        )
    };
    assert_eq!(log.unusable(), [line("unknown pepper", " detail=2025")]);

    let malformed = [
        format!("$fauth-pepper$v=2,k=2026{hash}"),
        format!("$fauth-pepper$k=2026{hash}"),
        format!("$fauth-pepper${hash}"),
        format!("$fauth-pepper$v=1,k={hash}"),
        format!("$fauth-pepper$v=1,k=20 26{hash}"),
        format!("$fauth-pepper$v=1,k=é{hash}"),
        format!("$fauth-pepper$v=1,k={}{hash}", "x".repeat(33)),
        "$fauth-pepper$v=1,k=2026".to_owned(),
    ];
    for stored in &malformed {
        assert_eq!(other.verify("s3cret", Some(stored)).await, MISMATCH, "{stored}");
        assert_eq!(log.unusable(), [line("not the form of a peppered hash", "")], "{stored}");
    }
    // Nothing but a hash of ours has a pepper.
    let nested = format!("$fauth-pepper$v=1,k=2026$fauth-pepper$v=1,k=2026{hash}");
    for stored in [
        nested,
        "$fauth-pepper$v=1,k=2026$pbkdf2-sha256$i=1$MDEyMzQ1Njc4OWFiY2RlZg$rmnB395ExHLgCBsyOJs99INE6fgLTBv6RasfbwVrg9M".into(),
        "$fauth-pepper$v=1,k=2026$".into(),
    ] {
        assert_eq!(other.verify("s3cret", Some(&stored)).await, MISMATCH, "{stored}");
        assert!(other.needs_rehash(&stored));
    }
}

#[test]
fn keys_and_ids_are_checked() {
    let phrase = b"correct horse battery staple and some more words";
    for (config, refused) in [
        (weak().pepper("2025", OLD), None),
        (weak().pepper("2025", &OLD[..31]), Some("pepper")),
        (weak().pepper("2025", b""), Some("pepper")),
        (weak().pepper("2025", [7; 32]), Some("pepper")),
        (weak().pepper("2025", phrase), Some("pepper")),
        (weak().pepper("", OLD), Some("pepper")),
        (weak().pepper("a$b", OLD), Some("pepper")),
        (weak().pepper("a b", OLD), Some("pepper")),
        (weak().pepper("é", OLD), Some("pepper")),
        (weak().pepper("x".repeat(32), OLD), None),
        (weak().pepper("x".repeat(33), OLD), Some("pepper")),
        (weak().pepper("A.b_c-9", OLD), None),
        (weak().pepper("2026", NEW).previous_pepper("2025", &OLD[..31]), Some("previous_pepper")),
        (weak().pepper("2026", NEW).previous_pepper("2026", OLD), Some("previous_pepper")),
        (weak().previous_pepper("2025", OLD).previous_pepper("2025", NEW), Some("previous_pepper")),
    ] {
        let debug = format!("{config:?}");
        assert_eq!(field(config), refused, "{debug}");
    }
    let many =
        |number: u32| (0..number).fold(weak(), |config, id| config.previous_pepper(id.to_string(), OLD));
    assert_eq!(field(many(16)), None);
    assert_eq!(field(many(17)), Some("previous_pepper"));
}

#[test]
fn debug_shows_ids_and_no_keys() {
    let key = b"0f6c1b2a34d94a5b8f7e6d5c4b3a2918";
    let debug = format!("{:?}", weak().pepper("2025", key).equalise_with("$2b$05$CCCC"));
    assert!(debug.contains("2025") && !debug.contains("0f6c") && !debug.contains("CCCC"), "{debug}");
}

#[tokio::test]
async fn the_dummy_has_the_pepper_too() {
    let hasher = hasher(PasswordConfig::danger_weak_bcrypt(4).pepper("2025", OLD));
    for stored in [None, Some("!"), Some("garbage")] {
        assert_eq!(hasher.verify(&"x".repeat(1024), stored).await, Ok(Verification::Mismatch));
    }
}
