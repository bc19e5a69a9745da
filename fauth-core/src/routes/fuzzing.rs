//! Fuzz target for login bodies, JSON and forms.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::body::Fields;
use crate::fuzzing::head::Head;

const NAMES: [&str; 3] = ["username", "password", "remember"];

/// Checks that an accepted field occurs once and has the value that other parsers read.
pub(crate) fn login_body(body: &[u8]) -> bool {
    let json = read(b"Application/JSON; charset=utf-8", body);
    let form = read(b"application/x-www-form-urlencoded", body);
    assert!(Fields::read(&Head::default(), b"x", &NAMES).is_err());
    if let Some(own) = &json
        && !body.trim_ascii().is_empty()
        && let Ok(theirs) = serde_json::from_slice::<Option<BTreeMap<String, &RawValue>>>(body)
    {
        let theirs = theirs.unwrap_or_default();
        for (name, text) in own {
            let theirs =
                theirs.get(*name).and_then(|raw| serde_json::from_str::<Option<String>>(raw.get()).ok());
            assert_eq!(theirs.flatten().as_ref(), text.as_ref(), "{name}");
        }
    }
    for (name, text) in form.iter().flatten() {
        let mut named = form_urlencoded::parse(body).filter(|(own, _)| own == name).map(|(_, value)| value);
        assert_eq!(named.next().as_deref(), text.as_deref(), "{name}");
        assert!(named.next().is_none(), "{name}");
    }
    let has_text = |(_, text): &(&str, Option<String>)| text.is_some();
    json.iter().flatten().any(has_text) || form.iter().flatten().any(has_text)
}

/// Returns the fields of a body; `None` if one of them is not a text or occurs twice.
fn read(media_type: &[u8], body: &[u8]) -> Option<Vec<(&'static str, Option<String>)>> {
    let head = Head { name: "content-type", values: vec![media_type], ..Head::default() };
    let _ = Fields::read(&head, body, &NAMES).and_then(|mut fields| fields.boolean("remember"));
    let mut fields = Fields::read(&head, body, &NAMES).ok()?;
    let read = NAMES.map(|name| fields.text(name).map(|text| (name, text.map(|text| text.to_string()))));
    let texts: Vec<_> = read.into_iter().collect::<Result<_, _>>().ok()?;
    assert!(texts.iter().all(|(_, text)| text.as_ref().is_none_or(|text| !text.contains('\u{fffd}'))));
    Some(texts)
}
