//! The header of own tokens. The issuer writes it, and the verifier recognises it without parsing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{json_object::JsonObject, keys::Key, profile::Format, purpose::Purpose};

/// `base64url(header)` of the tokens that this key signs.
pub(super) fn header_segment(key: &Key, format: Format, purpose: Purpose) -> String {
    let mut json = JsonObject::with_capacity(64);
    json.text("alg", key.algorithm().as_str());
    json.text("typ", format.media_type(purpose));
    if let Some(id) = key.id() {
        json.text("kid", id);
    }
    URL_SAFE_NO_PAD.encode(json.finish())
}
