//! Bodies, byte for byte.

use super::*;

#[test]
fn a_body_is_written_as_python_writes_it() {
    let body = object(&[("error", "a"), ("error_description", "\"é\u{7f}😀\n\\"), ("error_hint", "")]);
    let expected =
        r#"{"error": "a", "error_description": "\"\u00e9\u007f\ud83d\ude00\n\\", "error_hint": ""}"#;
    assert_eq!(body, expected);
}
