//! What Caracal signed, and says that it signs.

use fauth_core::store::StreamKey;
use serde_json::Value;

fn file(variable: &str, name: &str) -> Value {
    let folder = std::env::var_os(variable).unwrap_or_else(|| panic!("set {variable}"));
    serde_json::from_str(&std::fs::read_to_string(std::path::Path::new(&folder).join(name)).unwrap()).unwrap()
}

fn fields_of(values: &Value) -> Vec<(&str, Option<&str>)> {
    values.as_object().unwrap().iter().map(|(name, value)| (&**name, value.as_str())).collect()
}

/// The interoperability vectors. The one with a null is M-12: Caracal's Python client does not pass
/// it.
#[test]
fn m_12_the_vectors_hold_nulls_included() {
    let vectors = file("FAUTH_VECTORS", "caracal/stream-sig-canonicalize.vectors.json");
    let vectors = vectors.as_array().unwrap();
    assert!(vectors.len() >= 4 && vectors.iter().any(|vector| vector["values"]["metadata"].is_null()));
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let (stream, fields) = (text("stream"), fields_of(&vector["values"]));
        let key = StreamKey::from_hex(text("hmac_key_hex")).unwrap();
        let signature = text("expected_sig_hex");
        assert_eq!(key.sign(stream, fields.clone()).unwrap(), signature, "{vector}");
        assert!(key.verifies(stream, fields.clone(), signature));
        assert!(!key.verifies("audit:other", fields.clone(), signature));
        let other = StreamKey::new([1; 32]).unwrap();
        assert!(!other.verifies(stream, fields, signature));
    }
}

#[test]
fn what_the_python_client_signed_verifies() {
    let golden = file("FAUTH_GOLDEN", "caracal.json");
    let recorded = &golden["stream_signature"];
    let text = |name: &str| recorded[name].as_str().unwrap();
    let key = StreamKey::new(text("hmac_key_utf8")).unwrap();
    let (stream, fields) = (text("stream"), fields_of(&recorded["values"]));
    assert!(key.verifies(stream, fields.clone(), text("sig")));
    assert!(!key.verifies(super::INVALIDATE, fields.clone(), text("sig")));
    assert!(!key.verifies(stream, fields.into_iter().skip(1), text("sig")));
}
