//! The string format of the Password Hashing Competition, for scrypt and PBKDF2.

use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::{
    super::{
        ceilings::Ceilings,
        cost::{Digest, ScryptCost},
    },
    hash::ForeignHash,
    parts::{self, PHC_TAG, Salt, Tag},
    pbkdf2::Pbkdf2Hash,
    scrypt::ScryptHash,
};

/// `$scrypt$ln=17,r=8,p=1$salt$hash`. `rest` is what follows the name and its `$`.
pub(super) fn scrypt(rest: &str, ceilings: Ceilings) -> Result<ForeignHash, &'static str> {
    const PARAMETERS: &str = "unreadable scrypt parameters";

    let [parameters, salt, tag] = parts::split(rest, '$').ok_or("not the form of a scrypt hash")?;
    let [log_n, r, p] = parts::split(parameters, ',').ok_or(PARAMETERS)?;
    let read = |text: &str, name: &str| text.strip_prefix(name).and_then(parts::number).ok_or(PARAMETERS);
    let log_n = u8::try_from(read(log_n, "ln=")?).map_err(|_| "scrypt parameters above the ceiling")?;
    let cost = ScryptCost { log_n, r: read(r, "r=")?, p: read(p, "p=")? };
    let given = (Salt::of_base64(&STANDARD_NO_PAD, salt)?, Tag::of_base64(&STANDARD_NO_PAD, tag, PHC_TAG)?);
    ScryptHash::new(cost, given, ceilings.scrypt).map(ForeignHash::Scrypt)
}

/// `$pbkdf2-sha256$i=600000,l=32$salt$hash`. `rest` is what follows the name and its `$`. The
/// length may be omitted, and must be right if it is present.
pub(super) fn pbkdf2(rest: &str, digest: Digest, ceilings: Ceilings) -> Result<ForeignHash, &'static str> {
    const SHAPE: &str = "not the form of a pbkdf2 hash";

    let [parameters, salt, tag] = parts::split(rest, '$').ok_or(SHAPE)?;
    let (rounds, length) = match parameters.split_once(',') {
        Some((rounds, length)) => (rounds, Some(length.strip_prefix("l=").ok_or(SHAPE)?)),
        None => (parameters, None),
    };
    let rounds = parts::rounds(rounds.strip_prefix("i=").ok_or(SHAPE)?)?;
    let tag = Tag::of_base64(&STANDARD_NO_PAD, tag, PHC_TAG)?;
    if length.is_some_and(|length| length != tag.0.len().to_string()) {
        return Err(SHAPE);
    }
    let given = (Salt::of_base64(&STANDARD_NO_PAD, salt)?, tag);
    Pbkdf2Hash::new(digest, rounds, given, ceilings.pbkdf2).map(ForeignHash::Pbkdf2)
}
