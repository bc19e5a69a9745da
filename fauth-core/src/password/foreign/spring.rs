//! Spring Security: `{id}` before a hash, which is not always in the common format.

use base64::engine::general_purpose::STANDARD;

use super::{
    super::{
        argon::ArgonHash,
        bcrypt::BcryptHash,
        ceilings::Ceilings,
        cost::{Digest, ScryptCost},
    },
    hash::ForeignHash,
    parts::{self, PHC_TAG, Salt, Tag},
    pbkdf2::Pbkdf2Hash,
    scrypt::ScryptHash,
};

/// The parameters of a `Pbkdf2PasswordEncoder`, which are not in the string.
struct Pbkdf2 {
    digest: Digest,
    rounds: u32,
    salt_bytes: usize,
}

/// `{pbkdf2}` is the default of Spring Security before 5.8, `{pbkdf2@SpringSecurity_v5_8}` the
/// later one.
const PBKDF2_BEFORE_5_8: Pbkdf2 = Pbkdf2 { digest: Digest::Sha1, rounds: 185_000, salt_bytes: 8 };
const PBKDF2_SINCE_5_8: Pbkdf2 = Pbkdf2 { digest: Digest::Sha256, rounds: 310_000, salt_bytes: 16 };
const PBKDF2_TAG_BYTES: usize = 32;

pub(super) fn parse(text: &str, ceilings: Ceilings) -> Result<ForeignHash, &'static str> {
    const SHAPE: &str = "not the form of a spring hash";

    let (id, rest) = text.strip_prefix('{').and_then(|text| text.split_once('}')).ok_or(SHAPE)?;
    match id {
        "bcrypt" => BcryptHash::parse(rest, ceilings.bcrypt).map(ForeignHash::Bcrypt),
        "argon2" | "argon2@SpringSecurity_v5_8" => {
            ArgonHash::parse(rest, ceilings.argon2).map(ForeignHash::Argon2)
        }
        "scrypt" | "scrypt@SpringSecurity_v5_8" => scrypt(rest, ceilings),
        "pbkdf2" => pbkdf2(rest, &PBKDF2_BEFORE_5_8, ceilings),
        "pbkdf2@SpringSecurity_v5_8" => pbkdf2(rest, &PBKDF2_SINCE_5_8, ceilings),
        "noop" => Err("a password in plain text"),
        "ldap" | "MD4" | "MD5" | "SHA-1" | "SHA-256" | "sha256" => {
            Err("a digest that was never meant for passwords")
        }
        _ => Err("unsupported scheme"),
    }
}

/// `$e0801$salt$hash`: the logarithm of N, `r` and `p` as one hexadecimal number, and padded
/// base64.
fn scrypt(rest: &str, ceilings: Ceilings) -> Result<ForeignHash, &'static str> {
    const SHAPE: &str = "not the form of a spring scrypt hash";

    let ["", parameters, salt, tag] = parts::split(rest, '$').ok_or(SHAPE)? else { return Err(SHAPE) };
    let is_canonical = (5..=6).contains(&parameters.len())
        && !parameters.starts_with('0')
        && parameters.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_canonical {
        return Err("unreadable scrypt parameters");
    }
    let [_, log_n, r, p] = u32::from_str_radix(parameters, 16).map_err(|_| SHAPE)?.to_be_bytes();
    let cost = ScryptCost { log_n, r: r.into(), p: p.into() };
    let given = (Salt::of_base64(&STANDARD, salt)?, Tag::of_base64(&STANDARD, tag, PHC_TAG)?);
    ScryptHash::new(cost, given, ceilings.scrypt).map(ForeignHash::Scrypt)
}

/// Salt and hash as one sequence of hexadecimal digits.
fn pbkdf2(rest: &str, parameters: &Pbkdf2, ceilings: Ceilings) -> Result<ForeignHash, &'static str> {
    let (salt, tag) =
        rest.split_at_checked(2 * parameters.salt_bytes).ok_or("not the form of a spring pbkdf2 hash")?;
    let given = (Salt::of_hex(salt)?, Tag::of_hex(tag, PBKDF2_TAG_BYTES..=PBKDF2_TAG_BYTES)?);
    Pbkdf2Hash::new(parameters.digest, parameters.rounds, given, ceilings.pbkdf2).map(ForeignHash::Pbkdf2)
}
