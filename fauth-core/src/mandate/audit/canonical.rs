//! JSON as Caracal signs it: compact, with members sorted by name, and without null members.

use serde_json::Value;

/// Returns the text of a value.
///
/// It sorts the members itself: whether the maps of `serde_json` are sorted depends on a feature
/// that any crate of the application can enable.
pub(super) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().filter(|(_, value)| !value.is_null()).collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            text.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                // Without indentation, this is the compact form.
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        Value::Array(elements) => {
            text.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(element, text);
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_sorted_and_nulls_are_left_out() {
        let value = json!({
            "b": [1, null, {"z": null, "d": -1.5, "c": true}],
            "a": "x\n\"ä",
            "Z": {},
            "n": null,
            "é": 1,
        });
        let expected = r#"{"Z":{},"a":"x\n\"ä","b":[1,null,{"c":true,"d":-1.5}],"é":1}"#;
        assert_eq!(canonical(&value), expected);
        assert_eq!(canonical(&json!(null)), "null");
        assert_eq!(canonical(&json!([])), "[]");
    }
}
