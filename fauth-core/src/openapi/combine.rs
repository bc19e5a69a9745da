//! Merges the description of a guard with what the document already contains: from the author of a
//! handler, or from an inner guard.

use serde_json::{Map, Value, json};

use super::members::Alternative;

/// The alternatives that admit a request that must meet both. An empty list requires nothing.
///
/// Two guards of one provider accept the same transports, and a request uses one of them. A
/// combination is therefore left out if another one requires less.
pub(super) fn both(first: &[Alternative], second: &[Alternative]) -> Vec<Alternative> {
    let nothing = [Alternative::new()];
    let (first, second) = (or_nothing(first, &nothing), or_nothing(second, &nothing));
    let mut joined: Vec<Alternative> = Vec::new();
    for alternative in first.iter().flat_map(|one| second.iter().map(|other| union(one, other))) {
        if !joined.contains(&alternative) {
            joined.push(alternative);
        }
    }
    let all = joined.clone();
    joined.retain(|alternative| !all.iter().any(|other| needs_more(alternative, other)));
    joined
}

fn or_nothing<'a>(alternatives: &'a [Alternative], nothing: &'a [Alternative]) -> &'a [Alternative] {
    if alternatives.is_empty() { nothing } else { alternatives }
}

fn union(one: &Alternative, other: &Alternative) -> Alternative {
    let mut joined = one.clone();
    for (scheme, scopes) in other {
        let kept = joined.entry(scheme.clone()).or_default();
        for scope in scopes {
            if !kept.contains(scope) {
                kept.push(scope.clone());
            }
        }
    }
    joined
}

/// An empty alternative does not replace another one: it only says that a request may carry no
/// credential.
fn needs_more(alternative: &Alternative, other: &Alternative) -> bool {
    !other.is_empty()
        && other.len() < alternative.len()
        && other.keys().all(|scheme| alternative.contains_key(scheme))
}

/// The member `security`, parsed.
pub(super) fn alternatives_of(security: Option<&Value>) -> Vec<Alternative> {
    security.and_then(|security| serde_json::from_value(security.clone()).ok()).unwrap_or_default()
}

pub(super) fn to_security(alternatives: &[Alternative]) -> Value {
    match alternatives {
        [only] if only.is_empty() => json!([]),
        alternatives => json!(alternatives),
    }
}

/// Merges both requirements into one.
pub(super) fn both_required(first: Option<&Value>, second: &Value) -> Value {
    match first {
        None => second.clone(),
        Some(first) if is_empty(first) || first == second => second.clone(),
        Some(first) if is_empty(second) => first.clone(),
        Some(first) => {
            let parts = match first.as_object().filter(|members| members.len() == 1) {
                Some(members) => members.get("all_of").and_then(Value::as_array),
                None => None,
            };
            let mut parts = parts.cloned().unwrap_or_else(|| vec![first.clone()]);
            if !parts.contains(second) {
                parts.push(second.clone());
            }
            json!({ "all_of": parts })
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_none_or(Map::is_empty)
}

/// Merges a response into an existing one of the same status. The existing description stays; a
/// reference is left unchanged.
pub(super) fn complete_response(kept: &mut Value, added: &Value) {
    let Some(kept) = kept.as_object_mut() else { return };
    if kept.contains_key("$ref") {
        return;
    }
    let added_members = |name: &str| added.get(name).and_then(Value::as_object).into_iter().flatten();
    for (name, header) in added_members("headers") {
        let Some(headers) = object_in(kept, "headers") else { continue };
        let is_there = headers.keys().any(|other| other.eq_ignore_ascii_case(name));
        if !is_there {
            headers.insert(name.clone(), header.clone());
        }
    }
    for (media_type, body) in added_members("content") {
        let Some(content) = object_in(kept, "content") else { continue };
        match content.get_mut(media_type) {
            Some(other) => either_body(other, body),
            None => drop(content.insert(media_type.clone(), body.clone())),
        }
    }
}

/// Two schemas for one media type: the answer has one of them.
fn either_body(kept: &mut Value, added: &Value) {
    let Some(added) = added.get("schema") else { return };
    let Some(kept) = kept.as_object_mut() else { return };
    let Some(schema) = kept.get_mut("schema") else {
        kept.insert("schema".to_owned(), added.clone());
        return;
    };
    if let Some(alternatives) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        if !alternatives.contains(added) {
            alternatives.push(added.clone());
        }
    } else if schema != added {
        *schema = json!({ "anyOf": [schema.clone(), added] });
    }
}

/// The object with this name, created if absent; `None` if the member is not an object.
pub(super) fn object_in<'a>(
    object: &'a mut Map<String, Value>,
    name: &str,
) -> Option<&'a mut Map<String, Value>> {
    object.entry(name).or_insert_with(|| json!({})).as_object_mut()
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "the tests hand over literals")]
mod tests {
    use super::*;

    fn alternatives(json: Value) -> Vec<Alternative> {
        alternatives_of(Some(&json))
    }

    #[track_caller]
    fn joins(first: Value, second: Value, both_of_them: Value) {
        assert_eq!(to_security(&both(&alternatives(first), &alternatives(second))), both_of_them);
    }

    #[test]
    fn one_credential_meets_two_guards_of_a_provider() {
        joins(
            json!([{ "a-login": ["r"] }, { "a-bearer": [] }, { "a-cookie": [] }]),
            json!([{ "a-login": ["w"] }, { "a-bearer": [] }, { "a-cookie": [] }]),
            json!([{ "a-login": ["r", "w"] }, { "a-bearer": [] }, { "a-cookie": [] }]),
        );
    }

    #[test]
    fn two_providers_want_a_credential_each() {
        joins(
            json!([{ "a-bearer": [] }, { "a-cookie": [] }]),
            json!([{ "b-query": [] }]),
            json!([{ "a-bearer": [], "b-query": [] }, { "a-cookie": [], "b-query": [] }]),
        );
    }

    #[test]
    fn what_is_open_or_optional_adds_nothing_to_what_is_required() {
        let (user, visitor) = (json!([{ "a": [] }]), json!([{ "a": [] }, {}]));
        joins(json!([]), user.clone(), user.clone());
        joins(user.clone(), json!([]), user.clone());
        joins(visitor.clone(), user.clone(), user);
        joins(visitor.clone(), visitor.clone(), visitor.clone());
        joins(json!([]), visitor.clone(), visitor);
        joins(json!([]), json!([]), json!([]));
    }

    #[test]
    fn what_accepts_keys_inside_of_what_does_not_accepts_none() {
        joins(
            json!([{ "a-bearer": [] }, { "a-api-key-basic": [] }]),
            json!([{ "a-bearer": [] }]),
            json!([{ "a-bearer": [] }]),
        );
    }

    #[test]
    fn both_requirements_stand_side_by_side() {
        let (one, other) = (json!({ "roles": ["a"] }), json!({ "roles": ["b"] }));
        assert_eq!(both_required(None, &one), one);
        assert_eq!(both_required(Some(&json!({})), &one), one);
        assert_eq!(both_required(Some(&one), &json!({})), one);
        assert_eq!(both_required(Some(&one), &one), one);
        let joined = both_required(Some(&one), &other);
        assert_eq!(joined, json!({ "all_of": [one, other] }));
        assert_eq!(both_required(Some(&joined), &json!({ "scopes": ["s"] }))["all_of"][2]["scopes"][0], "s");
        assert_eq!(both_required(Some(&joined), &other), joined);
    }

    #[test]
    fn a_response_is_completed_and_not_replaced() {
        let ours = json!({
            "description": "ours",
            "headers": { "WWW-Authenticate": { "schema": { "type": "string" } } },
            "content": { "application/problem+json": { "schema": { "$ref": "#/x" } } },
        });
        let completed = |kept: Value| {
            let mut kept = kept;
            complete_response(&mut kept, &ours);
            kept
        };
        let short = completed(json!({ "description": "theirs" }));
        assert_eq!(short["description"], "theirs");
        assert_eq!(short["content"], ours["content"]);
        assert_eq!(short["headers"], ours["headers"]);
        let other =
            completed(json!({ "headers": { "www-authenticate": 1 }, "content": { "text/plain": {} } }));
        assert_eq!(other["headers"], json!({ "www-authenticate": 1 }));
        assert_eq!(other["content"].as_object().unwrap().len(), 2);
        let same = json!({ "content": { "application/problem+json": { "schema": { "$ref": "#/y" } } } });
        let (once, twice) = (completed(same.clone()), completed(completed(same)));
        let schemas = json!({ "anyOf": [{ "$ref": "#/y" }, { "$ref": "#/x" }] });
        assert_eq!(once["content"]["application/problem+json"]["schema"], schemas);
        assert_eq!(once, twice);
        let reference = json!({ "$ref": "#/components/responses/Mine" });
        assert_eq!(completed(reference.clone()), reference);
    }
}
