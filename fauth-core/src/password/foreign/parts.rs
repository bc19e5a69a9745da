//! The parts of stored strings, each with one accepted spelling and a maximum length.

use std::ops::RangeInclusive;

use base64::{
    Engine as _, alphabet,
    engine::{GeneralPurpose, general_purpose::NO_PAD},
};
use zeroize::Zeroizing;

use super::super::{argon, cost::ScryptCost};

/// NIST SP 800-63B requires at least 32 bits. Anything longer than a block of the digest is not a
/// salt.
const SALT_BYTES: RangeInclusive<usize> = 4..=64;
/// The length of a hash in bytes, where the system does not fix it.
pub(super) const PHC_TAG: RangeInclusive<usize> = 16..=64;
/// The standard alphabet with `.` for `+`, without padding.
pub(super) const ADAPTED_BASE64: GeneralPurpose = {
    const SYMBOLS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./";
    match alphabet::Alphabet::new(SYMBOLS) {
        Ok(alphabet) => GeneralPurpose::new(&alphabet, NO_PAD),
        // Never happens: the alphabet is a constant, and the tests decode with it.
        Err(_) => GeneralPurpose::new(&alphabet::STANDARD, NO_PAD),
    }
};

/// Splits into exactly `N` parts.
pub(super) fn split<const N: usize>(text: &str, separator: char) -> Option<[&str; N]> {
    let mut found = text.split(separator);
    let mut parts = [""; N];
    for part in &mut parts {
        *part = found.next()?;
    }
    found.next().is_none().then_some(parts)
}

/// Parses digits only, without a sign and without leading zeros.
pub(super) fn number(text: &str) -> Option<u32> {
    argon::number(text)
}

pub(super) fn rounds(text: &str) -> Result<u32, &'static str> {
    number(text).ok_or("unreadable rounds of pbkdf2")
}

/// Parses N as a number. scrypt accepts only powers of two.
pub(super) fn scrypt_cost(n: &str, r: &str, p: &str) -> Result<ScryptCost, &'static str> {
    const PARAMETERS: &str = "unreadable scrypt parameters";
    let n = number(n).ok_or(PARAMETERS)?;
    if !n.is_power_of_two() {
        return Err("impossible scrypt parameters");
    }
    let log_n = u8::try_from(n.ilog2()).map_err(|_| PARAMETERS)?;
    Ok(ScryptCost { log_n, r: number(r).ok_or(PARAMETERS)?, p: number(p).ok_or(PARAMETERS)? })
}

/// A salt of acceptable length.
pub(super) struct Salt(pub(super) Vec<u8>);

impl Salt {
    const UNUSABLE: &str = "unusable salt";

    /// Accepts visible ASCII, which all generators of such salts write.
    pub(super) fn of_text(text: &str) -> Result<Self, &'static str> {
        let is_usable = SALT_BYTES.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_usable { Ok(Self(text.into())) } else { Err(Self::UNUSABLE) }
    }

    pub(super) fn of_base64(base64: &GeneralPurpose, text: &str) -> Result<Self, &'static str> {
        decode(base64, text, SALT_BYTES).map(Self).ok_or(Self::UNUSABLE)
    }

    pub(super) fn of_hex(text: &str) -> Result<Self, &'static str> {
        unhex(text, SALT_BYTES).map(Self).ok_or(Self::UNUSABLE)
    }
}

/// A hash of acceptable length.
pub(super) struct Tag(pub(super) Vec<u8>);

impl Tag {
    const UNUSABLE: &str = "unusable hash";

    pub(super) fn of_base64(
        base64: &GeneralPurpose,
        text: &str,
        bytes: RangeInclusive<usize>,
    ) -> Result<Self, &'static str> {
        decode(base64, text, bytes).map(Self).ok_or(Self::UNUSABLE)
    }

    pub(super) fn of_hex(text: &str, bytes: RangeInclusive<usize>) -> Result<Self, &'static str> {
        unhex(text, bytes).map(Self).ok_or(Self::UNUSABLE)
    }
}

/// Decodes the one accepted spelling: no stray bits, and padding as the engine has it.
fn decode(base64: &GeneralPurpose, text: &str, bytes: RangeInclusive<usize>) -> Option<Vec<u8>> {
    if text.len() > bytes.end().div_ceil(3) * 4 {
        return None;
    }
    base64.decode(text).ok().filter(|decoded| bytes.contains(&decoded.len()))
}

/// Decodes lower-case digits only, which all systems write.
fn unhex(text: &str, bytes: RangeInclusive<usize>) -> Option<Vec<u8>> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_whole = text.len().is_multiple_of(2) && bytes.contains(&(text.len() / 2));
    if !is_whole || !text.bytes().all(is_hex) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

pub(super) fn hex(bytes: &[u8]) -> Zeroizing<String> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS.get(usize::from(nibble)).copied().unwrap_or_default());
    // Allocated at once, because a growing string would leave copies of the text behind.
    let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len()));
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}
