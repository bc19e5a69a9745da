//! The application's own data in a session.

use serde::Serialize;

use crate::rejection::Misconfigured;

/// The maximum length of a session's payload as JSON, in bytes: 16 KiB. A payload that is signed
/// into a cookie has less room, because a cookie holds 4 096 bytes: about 2 500.
pub const MAX_PAYLOAD_BYTES: usize = 16 * 1024;

/// Serializes a payload to the JSON text that is stored.
pub(crate) fn payload_text(payload: &impl Serialize) -> Result<Box<str>, Misconfigured> {
    let text = serde_json::to_string(payload).map_err(|_| Misconfigured::PayloadNotJson)?;
    if text.len() > MAX_PAYLOAD_BYTES { Err(Misconfigured::PayloadTooLong) } else { Ok(text.into()) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_payload_has_a_limit() {
        let text = |bytes: usize| payload_text(&"x".repeat(bytes - 2));
        assert_eq!(text(MAX_PAYLOAD_BYTES).unwrap().len(), MAX_PAYLOAD_BYTES);
        assert_eq!(text(MAX_PAYLOAD_BYTES + 1), Err(Misconfigured::PayloadTooLong));
    }

    #[test]
    fn a_payload_is_json() {
        assert_eq!(&*payload_text(&Some(7)).unwrap(), "7");
        let no_json = HashMap::from([((1, 2), 3)]);
        assert_eq!(payload_text(&no_json), Err(Misconfigured::PayloadNotJson));
    }
}
