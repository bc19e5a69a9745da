//! Hashes of other systems: parsed strictly, verified, and replaced at the next login.
//!
//! Each system has a file for its string formats; `scrypt` and `pbkdf2` compute.

mod django;
mod hash;
mod parts;
mod passlib;
mod pbkdf2;
mod phc;
mod scrypt;
mod spring;
mod werkzeug;

use super::{ceilings::Ceilings, cost::Digest};

pub(super) use self::hash::ForeignHash;

impl ForeignHash {
    /// Returns `None` if the string begins like that of no known system.
    pub(super) fn parse(text: &str, ceilings: Ceilings) -> Option<Result<Self, &'static str>> {
        // The whole name is compared, because one name may be the beginning of another.
        let (head, separator, rest) = split(text)?;
        Some(match (head, separator) {
            ("scrypt", ':') => werkzeug::scrypt(text, ceilings),
            ("pbkdf2", ':') => werkzeug::pbkdf2(text, ceilings),
            ("pbkdf2_sha256", '$') => django::pbkdf2(text, Digest::Sha256, ceilings),
            ("pbkdf2_sha1", '$') => django::pbkdf2(text, Digest::Sha1, ceilings),
            ("scrypt", '$') => django::scrypt(text, ceilings),
            // The Argon2 string is what follows the first word, with its `$`: `argon2$argon2id$…`.
            ("argon2", '$') => django::argon2(text.get("argon2".len()..)?, ceilings),
            ("bcrypt", '$') => django::bcrypt(rest, ceilings),
            ("bcrypt_sha256", '$') => django::bcrypt_sha256(rest, ceilings),
            ("$pbkdf2", '$') => pbkdf2_of(rest, Digest::Sha1, ceilings),
            ("$pbkdf2-sha256", '$') => pbkdf2_of(rest, Digest::Sha256, ceilings),
            ("$pbkdf2-sha512", '$') => pbkdf2_of(rest, Digest::Sha512, ceilings),
            ("$bcrypt-sha256", '$') => passlib::bcrypt_sha256(rest, ceilings),
            ("$scrypt", '$') => phc::scrypt(rest, ceilings),
            (_, '}') => spring::parse(text, ceilings),
            _ => return None,
        })
    }
}

/// passlib and the PHC format use the same names, but other parameters and another base64.
fn pbkdf2_of(rest: &str, digest: Digest, ceilings: Ceilings) -> Result<ForeignHash, &'static str> {
    if rest.starts_with("i=") {
        phc::pbkdf2(rest, digest, ceilings)
    } else {
        passlib::pbkdf2(rest, digest, ceilings)
    }
}

/// Splits a string into the name at its beginning, the character that ends the name, and the rest.
/// A `$` at the very beginning belongs to the name.
fn split(text: &str) -> Option<(&str, char, &str)> {
    let ends = |at: usize, c: char| matches!(c, ':' | '}') || (c == '$' && at > 0);
    let (at, end) = text.char_indices().find(|(at, c)| ends(*at, *c))?;
    if end == '}' && !text.starts_with('{') {
        return None;
    }
    Some((text.get(..at)?, end, text.get(at + 1..)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::cost::{ArgonCost, Means, ScryptCeiling},
        *,
    };

    const CEILINGS: Ceilings = Ceilings {
        argon2: ArgonCost { memory_kib: 64, iterations: 2, parallelism: 2 },
        bcrypt: 5,
        scrypt: ScryptCeiling { memory_kib: 256, parallelism: 4 },
        pbkdf2: 4000,
    };

    const ABOVE_SCRYPT: Option<&str> = Some("scrypt parameters above the ceiling");
    const ABOVE_PBKDF2: Option<&str> = Some("rounds of pbkdf2 above the ceiling");
    const IMPOSSIBLE: Option<&str> = Some("impossible scrypt parameters");
    const UNREADABLE: Option<&str> = Some("unreadable scrypt parameters");
    const SALT: Option<&str> = Some("unusable salt");
    const TAG: Option<&str> = Some("unusable hash");

    /// Returns the problem of a string, if it has one.
    fn refusal(text: &str) -> Option<&'static str> {
        ForeignHash::parse(text, CEILINGS).unwrap_or(Err("not recognised")).err()
    }

    /// This many bytes as hexadecimal digits.
    fn hex(bytes: usize) -> String {
        "0f".repeat(bytes)
    }

    /// This many bytes as base64.
    fn base64(bytes: usize) -> String {
        use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
        STANDARD_NO_PAD.encode(vec![7; bytes])
    }

    #[test]
    fn scrypt_parameters_are_read_up_to_the_ceiling() {
        // 256 KiB are 2048 blocks of 128 bytes.
        for (n, r, p, expected) in [
            ("256", "8", "4", None),
            ("512", "8", "4", ABOVE_SCRYPT),
            ("256", "9", "4", ABOVE_SCRYPT),
            ("256", "8", "5", ABOVE_SCRYPT),
            ("64", "32", "1", None),
            ("2", "33", "1", ABOVE_SCRYPT),
            ("2048", "1", "1", None),
            ("4096", "1", "1", ABOVE_SCRYPT),
            ("2", "1", "1", None),
            ("1", "8", "1", IMPOSSIBLE),
            ("3", "8", "1", IMPOSSIBLE),
            ("0", "8", "1", UNREADABLE),
            ("256", "0", "1", UNREADABLE),
            ("256", "8", "0", UNREADABLE),
            ("2147483648", "1", "1", ABOVE_SCRYPT),
            ("4294967296", "1", "1", UNREADABLE),
            ("2", "4294967295", "4294967295", ABOVE_SCRYPT),
            ("2147483648", "4294967295", "4294967295", ABOVE_SCRYPT),
            ("+256", "8", "1", UNREADABLE),
            ("0256", "8", "1", UNREADABLE),
            ("", "8", "1", UNREADABLE),
            ("256", "-8", "1", UNREADABLE),
            ("256", "8", " 1", UNREADABLE),
        ] {
            assert_eq!(refusal(&format!("scrypt:{n}:{r}:{p}$saltsalt${}", hex(64))), expected, "{n} {r} {p}");
            let tag = format!("{}==", base64(64));
            assert_eq!(refusal(&format!("scrypt${n}$saltsalt${r}${p}${tag}")), expected, "{n} {r} {p}");
        }
        for (parameters, expected) in [
            ("ln=8,r=8,p=4", None),
            ("ln=9,r=8,p=4", ABOVE_SCRYPT),
            ("ln=8,r=9,p=4", ABOVE_SCRYPT),
            ("ln=8,r=8,p=5", ABOVE_SCRYPT),
            ("ln=1,r=33,p=1", ABOVE_SCRYPT),
            ("ln=31,r=1,p=1", ABOVE_SCRYPT),
            ("ln=32,r=1,p=1", ABOVE_SCRYPT),
            ("ln=64,r=1,p=1", ABOVE_SCRYPT),
            ("ln=255,r=1,p=1", ABOVE_SCRYPT),
            ("ln=256,r=1,p=1", ABOVE_SCRYPT),
            ("ln=0,r=1,p=1", UNREADABLE),
            ("ln=8,r=8", UNREADABLE),
            ("r=8,ln=8,p=1", UNREADABLE),
            ("ln=8,r=8,p=1,q=1", UNREADABLE),
            ("ln=08,r=8,p=1", UNREADABLE),
            ("n=8,r=8,p=1", UNREADABLE),
            ("", UNREADABLE),
        ] {
            let text = format!("$scrypt${parameters}${}${}", base64(16), base64(32));
            assert_eq!(refusal(&text), expected, "{parameters}");
        }
        for (parameters, expected) in [
            ("80804", None),
            ("90804", ABOVE_SCRYPT),
            ("80904", ABOVE_SCRYPT),
            ("80805", ABOVE_SCRYPT),
            ("ff0101", ABOVE_SCRYPT),
            ("10001", IMPOSSIBLE),
            ("10100", IMPOSSIBLE),
            ("0101", UNREADABLE),
            ("080801", UNREADABLE),
            ("1000801", UNREADABLE),
            ("+80801", UNREADABLE),
            ("8080G", UNREADABLE),
            ("8080A", UNREADABLE),
            ("", UNREADABLE),
        ] {
            let text = format!("{{scrypt}}${parameters}${}==${}=", base64(16), base64(32));
            assert_eq!(refusal(&text), expected, "{parameters}");
        }
    }

    #[test]
    fn rounds_are_read_up_to_the_ceiling_and_counted_for_each_block() {
        let unreadable = Some("unreadable rounds of pbkdf2");
        for (rounds, expected) in [
            ("4000", None),
            ("1", None),
            ("4001", ABOVE_PBKDF2),
            ("4294967295", ABOVE_PBKDF2),
            ("4294967296", unreadable),
            ("0", unreadable),
            ("", unreadable),
            ("+1", unreadable),
            ("01", unreadable),
            ("1e3", unreadable),
        ] {
            for text in [
                format!("pbkdf2:sha1:{rounds}$saltsalt${}", hex(20)),
                format!("pbkdf2:sha256:{rounds}$saltsalt${}", hex(32)),
                format!("pbkdf2:sha512:{rounds}$saltsalt${}", hex(64)),
                format!("pbkdf2_sha256${rounds}$saltsalt${}=", base64(32)),
                format!("pbkdf2_sha1${rounds}$saltsalt${}=", base64(20)),
                format!("$pbkdf2${rounds}${}${}", base64(16), base64(20)),
                format!("$pbkdf2-sha256${rounds}${}${}", base64(16), base64(32)),
                format!("$pbkdf2-sha512${rounds}${}${}", base64(16), base64(64)),
                format!("$pbkdf2$i={rounds}${}${}", base64(16), base64(20)),
                format!("$pbkdf2-sha256$i={rounds},l=32${}${}", base64(16), base64(32)),
                format!("$pbkdf2-sha512$i={rounds},l=64${}${}", base64(16), base64(64)),
            ] {
                assert_eq!(refusal(&text), expected, "{text}");
            }
        }
        let phc = |rounds: u32, bytes: usize| {
            refusal(&format!("$pbkdf2-sha256$i={rounds}${}${}", base64(16), base64(bytes)))
        };
        assert_eq!(phc(4000, 32), None);
        assert_eq!(phc(4000, 33), ABOVE_PBKDF2, "two blocks");
        assert_eq!(phc(2000, 64), None);
        assert_eq!(phc(2001, 64), ABOVE_PBKDF2);
        // The rounds of Spring are fixed in its code.
        let ceilings = |pbkdf2| Ceilings { pbkdf2, ..CEILINGS };
        let spring = format!("{{pbkdf2}}{}", hex(40));
        assert!(ForeignHash::parse(&spring, ceilings(370_000)).unwrap().is_ok());
        assert!(ForeignHash::parse(&spring, ceilings(369_999)).unwrap().is_err());
    }

    #[test]
    fn bcrypt_and_argon2_inside_have_their_ceilings() {
        let tail = "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        let (salt, digest) = tail.split_at(22);
        let (at, above) = ("05", "06");
        let bcrypt = Some("bcrypt cost above the ceiling");
        for (cost, expected) in [(at, None), (above, bcrypt)] {
            for head in ["{bcrypt}", "bcrypt$", "bcrypt_sha256$"] {
                assert_eq!(refusal(&format!("{head}$2b${cost}${tail}")), expected);
            }
        }
        for (cost, expected) in [("5", None), ("6", bcrypt), ("99", bcrypt)] {
            assert_eq!(refusal(&format!("$bcrypt-sha256$2a,{cost}${salt}${digest}")), expected);
            assert_eq!(refusal(&format!("$bcrypt-sha256$v=2,t=2b,r={cost}${salt}${digest}")), expected);
        }
        let shape = Some("not the form of a passlib bcrypt-sha256 hash");
        for text in [
            format!("$bcrypt-sha256$2b,05${salt}${digest}"),
            format!("$bcrypt-sha256$2b,100${salt}${digest}"),
            format!("$bcrypt-sha256$2x,5${salt}${digest}"),
            format!("$bcrypt-sha256$2y,5${salt}${digest}"),
            format!("$bcrypt-sha256$v=2,t=2a,r=5${salt}${digest}"),
            format!("$bcrypt-sha256$v=3,t=2b,r=5${salt}${digest}"),
            format!("$bcrypt-sha256$v=2,r=5,t=2b${salt}${digest}"),
            format!("$bcrypt-sha256$2b,5${salt}"),
            format!("$bcrypt-sha256$2b,5${salt}${digest}$"),
            // The border between the two is elsewhere.
            format!("$bcrypt-sha256$2b,5${}${}", &tail[..21], &tail[21..]),
            format!("$bcrypt-sha256$2b,5${}${}", &tail[..23], &tail[23..]),
        ] {
            assert_eq!(refusal(&text), shape, "{text}");
        }
        let argon2 = |head: &str, memory: u32| {
            refusal(&format!("{head}$argon2id$v=19$m={memory},t=2,p=2${}${}", base64(16), base64(32)))
        };
        for head in ["argon2", "{argon2}", "{argon2@SpringSecurity_v5_8}"] {
            assert_eq!(argon2(head, 64), None);
            assert_eq!(argon2(head, 65), Some("argon2 parameters above the ceiling"));
        }
    }

    #[test]
    fn salts_and_hashes_have_bounds() {
        for (salt, expected) in
            [("salt", None), ("sal", SALT), ("", SALT), ("salt salt", SALT), ("sält", SALT), ("salt\n", SALT)]
        {
            assert_eq!(refusal(&format!("pbkdf2:sha256:1${salt}${}", hex(32))), expected, "{salt}");
            assert_eq!(refusal(&format!("scrypt$2${salt}$1$1${}==", base64(64))), expected, "{salt}");
            assert_eq!(refusal(&format!("pbkdf2_sha256$1${salt}${}=", base64(32))), expected, "{salt}");
        }
        assert_eq!(refusal(&format!("scrypt:2:1:1${}${}", "s".repeat(64), hex(64))), None);
        assert_eq!(refusal(&format!("scrypt:2:1:1${}${}", "s".repeat(65), hex(64))), SALT);
        for (bytes, expected) in [(3, SALT), (4, None), (64, None), (65, SALT), (300, SALT)] {
            let salt = base64(bytes);
            assert_eq!(refusal(&format!("$scrypt$ln=1,r=1,p=1${salt}${}", base64(32))), expected);
            assert_eq!(refusal(&format!("$pbkdf2-sha256$i=1${salt}${}", base64(32))), expected);
            assert_eq!(refusal(&format!("$pbkdf2-sha256$1${salt}${}", base64(32))), expected);
        }
        // Where the system fixes the length, another length is a truncated hash.
        for (bytes, expected) in [(31, TAG), (32, None), (33, TAG), (0, TAG)] {
            assert_eq!(refusal(&format!("pbkdf2:sha256:1$salt${}", hex(bytes))), expected);
            assert_eq!(refusal(&format!("$pbkdf2-sha256$1${}${}", base64(8), base64(bytes))), expected);
        }
        for (bytes, expected) in [(63, TAG), (64, None), (65, TAG)] {
            assert_eq!(refusal(&format!("scrypt:2:1:1$salt${}", hex(bytes))), expected);
        }
        for (bytes, expected) in [(15, TAG), (16, None), (64, None), (65, TAG)] {
            assert_eq!(refusal(&format!("$scrypt$ln=1,r=1,p=1${}${}", base64(8), base64(bytes))), expected);
            assert_eq!(refusal(&format!("$pbkdf2-sha256$i=1${}${}", base64(8), base64(bytes))), expected);
        }
        let ceilings = Ceilings { pbkdf2: 1_000_000, ..CEILINGS };
        for (digits, expected) in [(80, None), (78, TAG), (79, TAG), (82, TAG), (16, TAG)] {
            let text = format!("{{pbkdf2}}{}", &hex(50)[..digits]);
            assert_eq!(ForeignHash::parse(&text, ceilings).unwrap().err(), expected, "{digits}");
        }
        let cut = Some("not the form of a spring pbkdf2 hash");
        assert_eq!(refusal("{pbkdf2}0f0f0f0f0f0f0f0"), cut);
        assert_eq!(refusal("{pbkdf2@SpringSecurity_v5_8}0f0f0f0f0f0f0f0f0f"), cut);
    }

    #[test]
    fn every_string_has_one_spelling() {
        let werkzeug = |tag: &str| refusal(&format!("pbkdf2:sha256:1$saltsalt${tag}"));
        assert_eq!(werkzeug(&hex(32).to_uppercase()), TAG);
        assert_eq!(werkzeug(&format!("{}x", &hex(32)[1..])), TAG);
        assert_eq!(werkzeug(&format!("{}$", hex(32))), Some("not the form of a werkzeug hash"));
        let django = |tag: &str| refusal(&format!("pbkdf2_sha256$1$saltsalt${tag}"));
        assert_eq!(django(&base64(32)), TAG, "no padding");
        assert_eq!(django(&format!("{}b=", &base64(32)[..42])), TAG, "stray bits");
        let passlib = |tag: &str| refusal(&format!("$pbkdf2-sha256$1${}${tag}", base64(8)));
        assert_eq!(passlib(&format!("{}=", base64(32))), TAG, "padding");
        assert_eq!(passlib(&base64(32).replace('B', "+")), TAG, "the alphabet has a full stop for it");
        assert_eq!(passlib(&base64(32).replace('B', ".")), None);
        let phc =
            |parameters: &str| refusal(&format!("$pbkdf2-sha256${parameters}${}${}", base64(8), base64(32)));
        assert_eq!(phc("i=1,l=32"), None);
        for parameters in ["i=1,l=31", "i=1,l=032", "i=1,l=", "i=1,", "i=1,k=32", "i=1,l=32,x=1"] {
            assert_eq!(phc(parameters), Some("not the form of a pbkdf2 hash"), "{parameters}");
        }
    }

    #[test]
    fn what_is_not_supported_has_a_reason() {
        let digest = Some("unsupported digest of pbkdf2");
        let werkzeug = Some("not the form of a werkzeug hash");
        for (text, expected) in [
            ("pbkdf2:sha224:1$salt$0f", digest),
            ("pbkdf2:md5:1$salt$0f", digest),
            ("pbkdf2:SHA256:1$salt$0f", digest),
            ("pbkdf2:sha256$salt$0f", werkzeug),
            ("pbkdf2$salt$0f", Some("not recognised")),
            ("scrypt:2:1$salt$0f", werkzeug),
            ("scrypt:2:1:1$salt", werkzeug),
            ("scrypt$2$salt$1$1", Some("not the form of a django hash")),
            ("{noop}password", Some("a password in plain text")),
            ("{MD5}password", Some("a digest that was never meant for passwords")),
            ("{sha256}password", Some("a digest that was never meant for passwords")),
            ("{}password", Some("unsupported scheme")),
            ("{bcrypt", Some("not recognised")),
            ("{other}password", Some("unsupported scheme")),
            ("{bcrypt}{bcrypt}$2a$05$", Some("not the form of a bcrypt hash")),
            ("bcrypt$bcrypt$$2a$05$", Some("not the form of a bcrypt hash")),
            ("argon2$argon2", Some("unknown argon2 variant")),
            ("argon2$argon2id$v=19", Some("not the form of an argon2 hash")),
            ("md5$salt$0f", Some("not recognised")),
            ("", Some("not recognised")),
            ("$", Some("not recognised")),
            ("$$", Some("not recognised")),
            (":", Some("not recognised")),
            ("}", Some("not recognised")),
            ("é$", Some("not recognised")),
        ] {
            assert_eq!(refusal(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_cheap_to_compute(
            head in r"scrypt[:$]|pbkdf2:(sha1|sha256|sha512|md5):|pbkdf2_sha(1|256)\$|argon2\$argon2id\$v=19\$|\$scrypt\$ln=|\$pbkdf2(-sha256|-sha512)?\$(i=)?|\{scrypt\}\$|\{pbkdf2\}|\{[a-z0-9@]{0,9}\}|bcrypt(_sha256)?\$\$2b\$|\$bcrypt-sha256\$",
            middle in r"[0-9a-f:=,$rpmtlv]{0,40}",
            rest in r"[A-Za-z0-9+/.=$]{0,120}|\PC{0,60}",
        ) {
            let text = format!("{head}{middle}{rest}");
            if let Some(Ok(hash)) = ForeignHash::parse(&text, CEILINGS) {
                prop_assert!(hash.matches(b"password", &Means::default()).is_ok());
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = ForeignHash::parse(&text, CEILINGS);
        }
    }
}
