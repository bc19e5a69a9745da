//! Hashes of werkzeug, Django, passlib, Spring, and in PHC form.

use std::{env, fs, path::PathBuf};

use fauth_core::password::{PasswordConfig, PasswordHasher};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{Log, MATCH_NEEDS_REHASH, MISMATCH, field, hasher, weak};

/// Made with werkzeug 3.1, Django 5.2, passlib 1.7.4, bcrypt 4.0, argon2-cffi, and by Python's
/// `hashlib` in the forms of Spring Security and of the PHC.
const PASSWORD: &str = "pässwörd€ 1";
const HASHES: [&str; 25] = [
    "scrypt:128:8:1$wQCZjyRbtJRCILER$98a3017bc27b72a23a37b0c7ff79ceb87e9dbf3fd387c2545d230c5354429ef78a60710055b68930cb824d97bec6ac747aeeb3f1c1dcb2b81c113de6b3da2603",
    "pbkdf2:sha1:1200$VLwUyUEs5wuqLR6L$da1f111bee956b8813b36334b59382cdcb2ca181",
    "pbkdf2:sha256:1200$HSBe00pBidVhlbi0$4db20b3b89e02e3adf861c5f5abb9be52d5a0b9ea9eafef780bf7b2ef2147735",
    "pbkdf2:sha512:1200$ZokXQMnqAKK6oJY6$843d8ccc58c4014d52a02b57acfce396ff0101ed651e93e098d129fb874cdcb109247a47b0835446c35573a4e468aa95ad81a3c702b264395dc650b7f3599f48",
    "pbkdf2_sha256$1200$seasalt22$JdBc0PGE0Orrb1SM5KMvC0Hinbc5gpiQd3f7xKf5FnA=",
    "pbkdf2_sha1$1200$seasalt22$YxiIyWRCSFjs3hWTxiVy7OXsGy0=",
    "scrypt$16$seasalt22$8$5$KUogaw82iO9IylNTMnRZ87ywnn9MnO+rtmlWlxtXhJOapHU2o8+2RizHb806ziIuswlyOg6VlbXNoYx82RsGdg==",
    "argon2$argon2id$v=19$m=64,t=2,p=2$c2Vhc2FsdDIyc2Vhc2FsdA$wGN3oV8ynod3qwLZPhHqeiErgYWqW+DHN67P1c/dE2A",
    "bcrypt_sha256$$2b$04$hV0Mz6gJhcI5yzpjyNUpheQD0w.EWg8KYRvcoBR3HFLyl0414kf02",
    "bcrypt$$2b$04$d16WDfGCDpv/uzbRGZESuuJWFyMRsf6b2ALAozb4ED4ANZy1kalbK",
    "$pbkdf2$1200$0noPgXCO8R7j/B8jxFiLEQ$X9zeolDfPXDJNXtGZ8.iZTJ1mbY",
    "$pbkdf2-sha256$1200$2ltrrRVC6N17r/X.H4OQsg$VycofBvzMmsaFwo6lx.ih5qkWcRtTYxw7cPu.hfFyUQ",
    "$pbkdf2-sha512$1200$TInxvve.d05prTWGcA7B.A$o1jhp8X5.8s82BUSfKxbUfK5onCLR9AAYbsZ7OcNlzrZ7fpcW2mO85d6vH4KpujiBh.n7WL.Lf7HDl3iKKes5Q",
    "$bcrypt-sha256$v=2,t=2b,r=4$RdqJEmK2OWUcfPSlodFcru$qOfG4cM3Vk5C9jDUZK0qqiKOYGO3xMe",
    "$bcrypt-sha256$2b,4$sAwSYUW8kxCRwi.nSTeF5e$lAOm6ZPNwpKi3UJJQiWAuYN6FGZItcq",
    "$scrypt$ln=4,r=8,p=2$oJTSOmfMOSfEGCOkVCoFgA$vE7iMRYpWG18nYb789GjehO2UQubIr6doOCEKELUdVc",
    "{bcrypt}$2a$04$5PioKHAohLuCL9OeH/ZxOeOkDTCZvR5iTjVUv7EfOuKN/ZmZ1reRO",
    "{argon2}$argon2id$v=19$m=64,t=2,p=1$L1V+q2iXpvKvPet7P9sb/A$AG41ULalDBPl6ClzPSV1nSujuM6Tobh6LNBjIkknEyU",
    "{argon2@SpringSecurity_v5_8}$argon2id$v=19$m=64,t=2,p=1$L1V+q2iXpvKvPet7P9sb/A$AG41ULalDBPl6ClzPSV1nSujuM6Tobh6LNBjIkknEyU",
    "{scrypt}$40801$MDEyMzQ1Njc4OWFiY2RlZg==$sxWzrho8ZqAHMmgxZUyU/Y8Im5AtmVJDpT4MZ+CC/DA=",
    "$pbkdf2-sha256$i=1200,l=32$MDEyMzQ1Njc4OWFiY2RlZg$rmnB395ExHLgCBsyOJs99INE6fgLTBv6RasfbwVrg9M",
    "$pbkdf2-sha512$i=1200,l=64$MDEyMzQ1Njc4OWFiY2RlZg$6M+J3zYW5drchsmwy5/7LzIWbQUnUvA0i3YEJcJPkmtPoSVPDHUz6QJhjV1BAaHhkbao0snFzSSu6k72MVRXQg",
    "$pbkdf2$i=1200,l=20$MDEyMzQ1Njc4OWFiY2RlZg$EpNjS2O0R0gWwbOiISWZDScNj5g",
    "$pbkdf2-sha256$i=1200$MDEyMzQ1Njc4OWFiY2RlZg$rmnB395ExHLgCBsyOJs99INE6fgLTBv6RasfbwVrg9ODwmnddEO8HLFGtGzk7D1fkuLOLINkNHjNWLbugIGu6g",
    // Version 16, which is what a missing version means.
    "$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY",
];
/// The last one is of the reference implementation.
const LAST_PASSWORD: &str = "password";

/// At the cost that the systems use by default.
const SLOW_HASHES: [&str; 4] = [
    "scrypt$16384$seasalt22abcdefghijklm$8$5$T1euYlyLrtmOGjinM2qTQxQCJgI2GRX77cXm5V5LBLpl5Z3M1o92aAoXxuWbKdMhqPuLwdY8AhqDj/HPP1hrWg==",
    "{scrypt@SpringSecurity_v5_8}$100801$MDEyMzQ1Njc4OWFiY2RlZg==$x6tJ1qOWgbXVGMP915RZo+ZVh40xzx81CQoN7/AnBhQ=",
    "{pbkdf2}3031323334353637ccb675a3de199ab6db04a08cfc2097dd7cef99455f26d5e8996b4c633ab76368",
    "{pbkdf2@SpringSecurity_v5_8}30313233343536373839616263646566ec208ff14bdd9f049159e259987ad54e4cee9dd8907ceb2a0e0791a77844cd3c",
];

/// As they stand in the reference manual of Spring Security (Apache-2.0); the password is
/// `password`.
const OF_THE_MANUAL_OF_SPRING: [&str; 3] = [
    "{bcrypt}$2a$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG",
    "{pbkdf2}5d923b44a6d129f3ddf3e3c8d29412723dcbde72445e8ef6bf3b508fbf17fa4ed4d6b99ca763d8dc",
    "{scrypt}$e0801$8bWJaSu2IKSn9Z9kM+TPXfOc/9bdYSrN1oD9qfVThWEwdRTnO7re7Ei+fUZRJ68k9lTyuTeUp4of4g24hHnazw==$OAOec05+bXxvuu/1qZ6NUR+xQYvYv7BeL1QxwRpY5Pc=",
];

fn password_of(stored: &str) -> &'static str {
    if stored == HASHES[24] { LAST_PASSWORD } else { PASSWORD }
}

#[tokio::test]
async fn every_format_verifies_and_asks_for_a_new_hash() {
    let hasher = hasher(weak());
    for stored in HASHES {
        let password = password_of(stored);
        assert_eq!(hasher.verify(password, Some(stored)).await, MATCH_NEEDS_REHASH, "{stored}");
        assert!(hasher.needs_rehash(stored), "{stored}");
        let composed_otherwise =
            password.replace('ä', "a\u{308}") + if password.is_ascii() { " " } else { "" };
        for wrong in ["wrong", &format!("{password}x"), &password[..password.len() - 1], &composed_otherwise]
        {
            assert_eq!(hasher.verify(wrong, Some(stored)).await, MISMATCH, "{stored} {wrong}");
        }
    }
}

#[tokio::test]
async fn the_defaults_of_the_systems_are_under_the_ceilings() {
    let hasher = hasher(weak());
    for stored in SLOW_HASHES {
        assert_eq!(hasher.verify(PASSWORD, Some(stored)).await, MATCH_NEEDS_REHASH, "{stored}");
        assert_eq!(hasher.verify("wrong", Some(stored)).await, MISMATCH, "{stored}");
    }
    for stored in OF_THE_MANUAL_OF_SPRING {
        assert_eq!(hasher.verify("password", Some(stored)).await, MATCH_NEEDS_REHASH, "{stored}");
        assert_eq!(hasher.verify("Password", Some(stored)).await, MISMATCH, "{stored}");
    }
}

/// Every byte but those of a prefix that names the same scheme.
#[tokio::test]
async fn one_changed_byte_is_another_hash() {
    let hasher = cheap();
    for stored in HASHES {
        let password = password_of(stored);
        for at in 0..stored.len() {
            for new in ["A", "0"] {
                let mut changed = stored.to_owned();
                changed.replace_range(at..=at, new);
                // Among the names of bcrypt and of Spring, some mean the same.
                let same = changed == stored || changed.replacen("$2a$", "$2b$", 1) == stored;
                if !same {
                    let answer = hasher.verify(password, Some(&changed)).await;
                    assert_eq!(answer, MISMATCH, "{changed}");
                }
            }
            // Some formats leave the length of the hash open: half of it is still 128 bits.
            let is_open =
                ["$scrypt", "$pbkdf2-sha256$i=", "{scrypt}"].iter().any(|head| stored.starts_with(head));
            let cut = &stored[..at];
            if !is_open || at < stored.rfind('$').unwrap() + "$".len() + 16_usize.div_ceil(3) * 4 - 2 {
                assert_eq!(hasher.verify(password, Some(cut)).await, MISMATCH, "{cut}");
            }
        }
        assert_eq!(hasher.verify(password, Some(&format!("{stored}$"))).await, MISMATCH);
        assert_eq!(hasher.verify(password, Some(&format!(" {stored}"))).await, MISMATCH);
    }
}

/// Ceilings that keep hostile hashes quick.
fn cheap() -> PasswordHasher {
    hasher(weak().argon2_ceiling(512, 4, 4).bcrypt_ceiling(4).scrypt_ceiling(1024, 8).pbkdf2_ceiling(100_000))
}

/// Of 100 letters, and one of the first 72, as a system stores it that cuts passwords off.
const OF_LONG_PASSWORDS: [&str; 3] = [
    "bcrypt_sha256$$2b$04$oCiucEOXMo3eHs8J8TZ0UebNvTcjPv25NT.gRUgc1K8rf6y6T/KPK",
    "$bcrypt-sha256$v=2,t=2b,r=4$jJOkjWlD9nBDWGZRiv7ySu$yVChYOeHCsHU7hD.2MOwIKViPUMNaVq",
    "bcrypt$$2b$04$kk4ZrIuOE5BvgWsBULAzEuFcVjJykR2IROeNefJNXZMSe2YSzG2oa",
];

#[tokio::test]
async fn no_password_is_cut_off() {
    let hasher = hasher(weak());
    let [django, passlib, cut] = OF_LONG_PASSWORDS;
    let (right, wrong) = ("x".repeat(100), "x".repeat(99) + "y");
    for stored in [django, passlib] {
        assert_eq!(hasher.verify(&right, Some(stored)).await, MATCH_NEEDS_REHASH);
        assert_eq!(hasher.verify(&wrong, Some(stored)).await, MISMATCH);
    }
    for (letters, expected) in [(71, MISMATCH), (72, MATCH_NEEDS_REHASH), (73, MISMATCH), (100, MISMATCH)] {
        assert_eq!(hasher.verify(&"x".repeat(letters), Some(cut)).await, expected);
    }
}

#[tokio::test]
async fn empty_passwords_and_nul_are_refused_for_all() {
    let hasher = hasher(weak());
    // Of the empty password, as passlib made it for Django.
    let stored = "bcrypt$$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.";
    for password in ["", "\0", "\0\0"] {
        assert_eq!(hasher.verify(password, Some(stored)).await, MISMATCH);
    }
}

#[tokio::test]
async fn planted_costs_are_not_paid() {
    let tag = "0f".repeat(64);
    let hasher = hasher(weak());
    for stored in [
        format!("scrypt:2147483648:8:1$saltsalt${tag}"),
        format!("scrypt:524288:8:1$saltsalt${tag}"),
        format!("scrypt:2:8:17$saltsalt${tag}"),
        format!("pbkdf2:sha512:4294967295$saltsalt${tag}"),
        format!("pbkdf2:sha512:10000001$saltsalt${tag}"),
        "$scrypt$ln=21,r=8,p=1$dO6d0xoDoLT2PofQGoNQag$g/Wf2A0vhHhaJM+addK61QPBthSmYB6uVTtQzh8CM3o".into(),
        "{scrypt}$150801$MDEyMzQ1Njc4OWFiY2RlZg==$sxWzrho8ZqAHMmgxZUyU/Y8Im5AtmVJDpT4MZ+CC/DA=".into(),
        "$pbkdf2$i=5000001,l=40$MDEyMzQ1Njc4OWFiY2RlZg$EpNjS2O0R0gWwbOiISWZDScNj5gSk2NLY7RHSBbBs6IhJZkNJw2PmA".into(),
    ] {
        assert_eq!(hasher.verify("password", Some(&stored)).await, MISMATCH, "{stored}");
    }
}

#[test]
fn ceilings_hold_at_their_edges() {
    for (config, refused) in [
        (weak().scrypt_ceiling(1, 1), None),
        (weak().scrypt_ceiling(1_048_576, 64), None),
        (weak().scrypt_ceiling(1_048_577, 64), Some("scrypt_ceiling")),
        (weak().scrypt_ceiling(1_048_576, 65), Some("scrypt_ceiling")),
        (weak().scrypt_ceiling(0, 1), Some("scrypt_ceiling")),
        (weak().scrypt_ceiling(1, 0), Some("scrypt_ceiling")),
        (weak().pbkdf2_ceiling(1), None),
        (weak().pbkdf2_ceiling(50_000_000), None),
        (weak().pbkdf2_ceiling(50_000_001), Some("pbkdf2_ceiling")),
        (weak().pbkdf2_ceiling(0), Some("pbkdf2_ceiling")),
    ] {
        assert_eq!(field(config), refused);
    }
}

#[tokio::test]
async fn ceilings_can_be_lowered() {
    let (scrypt, pbkdf2) = (HASHES[0], HASHES[1]);
    let verify =
        async |config: PasswordConfig, stored: &str| hasher(config).verify(PASSWORD, Some(stored)).await;
    assert_eq!(verify(weak().scrypt_ceiling(128, 1), scrypt).await, MATCH_NEEDS_REHASH);
    assert_eq!(verify(weak().scrypt_ceiling(127, 1), scrypt).await, MISMATCH);
    assert_eq!(verify(weak().pbkdf2_ceiling(1200), pbkdf2).await, MATCH_NEEDS_REHASH);
    assert_eq!(verify(weak().pbkdf2_ceiling(1199), pbkdf2).await, MISMATCH);
}

#[tokio::test]
async fn a_plain_password_is_refused_by_name() {
    let log = Log::default();
    let _guard = log.listen();
    let hasher = hasher(weak());
    for stored in ["{noop}password", "{MD5}5f4dcc3b5aa765d61d8327deb882cf99", "md5$salt$00", "sha1$salt$00"] {
        assert_eq!(hasher.verify("password", Some(stored)).await, MISMATCH);
    }
    let expected = [
        ("spring noop", "a password in plain text"),
        ("spring or ldap", "a digest that was never meant for passwords"),
        ("django md5", "unsupported scheme"),
        ("django sha1", "unsupported scheme"),
    ]
    .map(|(scheme, problem)| {
        format!("WARN message=a stored password hash cannot be used scheme={scheme:?} problem={problem:?}")
    });
    assert_eq!(log.unusable(), expected);
}

// ------------------------------------------------------------------------------------------------
// golden data

fn golden() -> Value {
    let folder = env::var_os("FAUTH_GOLDEN")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/golden"), PathBuf::from);
    let text = fs::read(folder.join("caspian.json"))
        .unwrap_or_else(|error| panic!("caspian.json cannot be read ({error}): set FAUTH_GOLDEN"));
    serde_json::from_slice(&text).unwrap()
}

/// Every hash that Caspian (werkzeug) has stored.
#[tokio::test]
async fn caspian() {
    let golden = golden();
    let hasher = hasher(weak());
    let cases = golden["password_hashes"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let (plain, stored) = (case["plain"].as_str().unwrap(), case["hash"].as_str().unwrap());
        assert_eq!(hasher.verify(plain, Some(stored)).await, MATCH_NEEDS_REHASH, "{stored}");
        assert_eq!(hasher.verify(&format!("{plain}x"), Some(stored)).await, MISMATCH, "{stored}");
    }
    let strange = golden["invalid_hashes"].as_object().unwrap();
    assert_eq!(strange.len(), 3);
    for stored in strange.keys() {
        assert_eq!(hasher.verify("s3cret", Some(stored)).await, MISMATCH, "{stored}");
    }
}

// ------------------------------------------------------------------------------------------------
// any string

fn hostile() -> impl Strategy<Value = String> {
    let right = prop::sample::select(&HASHES[..]);
    prop_oneof![
        any::<String>(),
        (right.clone(), any::<prop::sample::Index>(), any::<char>()).prop_map(|(right, at, new)| {
            let at = at.index(right.len());
            right.chars().enumerate().map(|(place, old)| if place == at { new } else { old }).collect()
        }),
        (right.clone(), any::<prop::sample::Index>(), r"[0-9]{1,12}").prop_map(|(right, at, digits)| {
            let mut text = right.to_owned();
            text.insert_str(at.index(right.len()), &digits);
            text
        }),
        (right, r"\PC{1,3}").prop_map(|(right, more)| format!("{right}{more}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn hostile_hashes_never_panic_and_are_bounded(stored in hostile(), password in r"\PC{1,20}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let answer = runtime.block_on(cheap().verify(&password, Some(&stored)));
        prop_assert_eq!(answer, MISMATCH);
    }
}
