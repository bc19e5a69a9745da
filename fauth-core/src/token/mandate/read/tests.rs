//! Each claim, at its limits and one past them.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Mandate, MandateUse, SubjectType, TokenError, unsigned as read_text};

fn read(claims: &Value) -> Result<Mandate, TokenError> {
    read_text(&claims.to_string())
}

/// What every mandate has.
fn bare() -> Value {
    json!({
        "exp": 1_800_000_900, "iat": 1_800_000_000, "client_id": "app_1", "sid": "sid_1",
        "root_sid": "root_1", "use": "resource", "sub_type": "user", "zone_id": "zone_1",
    })
}

fn with(more: &Value) -> Value {
    let mut claims = bare();
    let members = more.as_object().into_iter().flatten();
    members.for_each(|(name, value)| claims[name] = value.clone());
    claims
}

fn without(name: &str) -> Value {
    let mut claims = bare();
    claims.as_object_mut().and_then(|claims| claims.remove(name));
    claims
}

#[track_caller]
fn good(more: &Value) -> Mandate {
    read(&with(more)).unwrap_or_else(|error| panic!("{more}: {error}"))
}

/// Each of these is refused because of the claim of this name.
#[track_caller]
fn bad(name: &'static str, values: impl IntoIterator<Item = Value>) {
    for value in values {
        let fault = read(&with(&json!({ name: value.clone() }))).map(drop);
        assert_eq!(fault, Err(TokenError::InvalidClaim(name)), "{name}: {value}");
    }
}

/// The claims with a number that is written so.
fn numbered(name: &str, number: &str) -> Result<Mandate, TokenError> {
    read_text(&with(&json!({ name: "@" })).to_string().replace("\"@\"", number))
}

/// Everything but texts and null.
fn no_texts() -> [Value; 5] {
    [json!(1), json!(true), json!([]), json!(["x"]), json!({})]
}

#[test]
fn a_mandate_is_what_its_claims_say() {
    let chain = json!([
        { "application_id": "app_0", "agent_session_id": "ags_0", "delegation_edge_id": "edge_1" },
        { "application_id": "app_1", "agent_session_id": "", "other": [1] },
    ]);
    let full = good(&json!({
        "sub_type": "application", "use": "session", "scope": "read  write", "target": ["https://x", "y"],
        "agent_session_id": "ags_1", "delegation_edge_id": "edge_1", "source_session_id": "ags_0",
        "target_session_id": "ags_1", "delegation_path": ["edge_1"], "delegation_chain": chain,
        "hop_count": 1, "delegation_graph_epoch": 7,
    }));
    assert_eq!((full.client_id(), full.zone()), ("app_1", "zone_1"));
    assert_eq!((full.sid(), full.authority_record_id()), ("sid_1", "sid_1"));
    assert_eq!((full.root_sid(), full.root_authority_record_id()), ("root_1", "root_1"));
    assert_eq!((full.mandate_use(), full.subject_type()), (MandateUse::Session, SubjectType::Application));
    assert!(full.scopes().eq(["read", "write"]) && full.targets().eq(["https://x", "y"]));
    assert_eq!((full.agent_session_id(), full.session_id()), (Some("ags_1"), Some("ags_1")));
    assert_eq!((full.delegation_edge_id(), full.delegation_id()), (Some("edge_1"), Some("edge_1")));
    assert_eq!((full.source_session_id(), full.target_session_id()), (Some("ags_0"), Some("ags_1")));
    assert_eq!(full.delegation_path(), [Box::from("edge_1")]);
    let hops: Vec<_> = full
        .chain()
        .iter()
        .map(|hop| (hop.application_id(), hop.session_id(), hop.delegation_id()))
        .collect();
    assert_eq!(hops, [("app_0", Some("ags_0"), Some("edge_1")), ("app_1", None, None)]);
    assert!(full.chain().iter().all(|hop| {
        hop.session_id() == hop.agent_session_id() && hop.delegation_id() == hop.delegation_edge_id()
    }));
    assert_eq!((full.hop_count(), full.delegation_graph_epoch()), (1, Some(7)));
    let shown = format!("{full:?}");
    assert!(shown.contains("zone_1") && !shown.contains("app_1") && !shown.contains("sid_1"), "{shown}");
}

#[test]
fn what_is_optional_may_be_absent_or_null() {
    let optional = [
        "target",
        "agent_session_id",
        "delegation_edge_id",
        "source_session_id",
        "target_session_id",
        "delegation_path",
        "delegation_chain",
        "hop_count",
        "delegation_graph_epoch",
    ];
    let nulls: Map<String, Value> = optional.map(|name| (name.to_owned(), Value::Null)).into_iter().collect();
    for mandate in [good(&json!({})), good(&Value::Object(nulls)), good(&json!({ "other": 1 }))] {
        assert_eq!((mandate.scopes().count(), mandate.targets().count()), (0, 0));
        assert_eq!((mandate.agent_session_id(), mandate.delegation_edge_id()), (None, None));
        assert_eq!((mandate.source_session_id(), mandate.target_session_id()), (None, None));
        assert!(mandate.delegation_path().is_empty() && mandate.chain().is_empty());
        assert_eq!((mandate.hop_count(), mandate.delegation_graph_epoch()), (0, None));
    }
}

#[test]
fn required_texts_are_there_and_not_empty() {
    for name in ["client_id", "sid", "root_sid", "use", "sub_type"] {
        assert_eq!(read(&without(name)).map(drop), Err(TokenError::MissingClaim(name)));
        bad(name, no_texts().into_iter().chain([json!(null), json!("")]));
    }
    for name in ["client_id", "sid", "root_sid"] {
        good(&json!({ name: "x".repeat(255) }));
        bad(name, [json!("x".repeat(256)), json!("é".repeat(128))]);
    }
}

#[test]
fn uses_and_kinds_of_subjects_are_known_ones() {
    for name in ["resource", "session"] {
        assert_eq!(good(&json!({ "use": name })).mandate_use().as_str(), name);
    }
    bad("use", ["gateway", "Resource", "resource ", "resource session"].map(Value::from));
    for name in ["user", "application"] {
        assert_eq!(good(&json!({ "sub_type": name })).subject_type().as_str(), name);
    }
    bad("sub_type", ["User", "agent", "user ", "x"].map(Value::from));
}

/// Whatever else stands there: it is not this zone.
#[test]
fn another_zone_is_told_from_other_faults() {
    let others = ["zone_2", "Zone_1", "zone_1 ", "zone_", ""].map(Value::from);
    for value in others.into_iter().chain(no_texts()).chain([json!(null), json!(["zone_1"])]) {
        assert_eq!(read(&with(&json!({ "zone_id": value }))).map(drop), Err(TokenError::WrongZone));
    }
    assert_eq!(read(&without("zone_id")).map(drop), Err(TokenError::WrongZone));
    assert_eq!(good(&json!({ "zone_id": "zone_1" })).zone(), "zone_1");
}

#[test]
fn a_scope_is_one_text_that_is_not_empty() {
    assert!(good(&json!({ "scope": "a:b c" })).scopes().eq(["a:b", "c"]));
    bad("scope", no_texts().into_iter().chain([json!(null), json!(""), json!(" "), json!("   ")]));
}

#[test]
fn optional_texts_are_texts() {
    for name in ["agent_session_id", "delegation_edge_id", "source_session_id", "target_session_id"] {
        good(&json!({ name: "x".repeat(255) }));
        bad(name, no_texts().into_iter().chain([json!("x".repeat(256))]));
    }
    let empty = good(&json!({ "agent_session_id": "", "delegation_edge_id": "" }));
    assert_eq!((empty.agent_session_id(), empty.delegation_edge_id()), (None, None));
    let escaped = read_text(&with(&json!({})).to_string().replace("\"app_1\"", r#""\u0061pp""#));
    assert_eq!(escaped.map(|mandate| mandate.client_id().to_owned()), Ok("app".to_owned()));
}

fn texts(count: usize) -> Value {
    (0..count).map(|number| json!(format!("t{number}"))).collect()
}

#[test]
fn lists_hold_texts_and_not_too_many() {
    for (name, most) in [("target", 64), ("delegation_path", 32)] {
        // As many hops as the path shows.
        let hops = |length: usize| if name == "delegation_path" { length } else { 0 };
        good(&json!({ name: texts(most), "hop_count": hops(most) }));
        good(&json!({ name: [] }));
        good(&json!({ name: ["x".repeat(255)], "hop_count": hops(1) }));
        bad(name, [texts(most + 1), json!(["x".repeat(256)]), json!("x"), json!(1), json!(true), json!({})]);
        bad(
            name,
            [json!([""]), json!(["x", ""]), json!([1]), json!(["x", null]), json!([["x"]]), json!([{}])],
        );
    }
    assert_eq!(good(&json!({ "target": texts(64) })).targets().last(), Some("t63"));
}

/// A chain of so many applications, and as many hops as it shows.
fn chained(length: usize) -> Value {
    let chain: Value = (0..length).map(|number| json!({ "application_id": format!("a{number}") })).collect();
    json!({ "delegation_chain": chain, "hop_count": length.saturating_sub(1) })
}

#[test]
fn a_chain_holds_applications_and_not_too_many() {
    for length in [0, 1, 2, 32] {
        assert_eq!(good(&chained(length)).chain().len(), length);
    }
    let fault = read(&with(&chained(33))).map(drop);
    assert_eq!(fault, Err(TokenError::InvalidClaim("delegation_chain")));
    let name = "delegation_chain";
    bad(name, [json!("x"), json!(1), json!(true), json!({}), json!(["x"]), json!([null]), json!([[]])]);
    bad(
        name,
        no_texts().into_iter().chain([json!(null), json!("")]).map(|id| json!([{ "application_id": id }])),
    );
    bad(name, [json!([{}]), json!([{ "application_id": "x".repeat(256) }])]);
    for member in ["agent_session_id", "delegation_edge_id"] {
        bad(name, no_texts().into_iter().map(|id| json!([{ "application_id": "a", member: id }])));
        bad(name, [json!([{ "application_id": "a", member: "x".repeat(256) }])]);
        for id in [json!(""), json!(null)] {
            let mandate = good(&json!({ name: [{ "application_id": "a", member: id }] }));
            assert!(
                mandate.chain().iter().all(|hop| hop.session_id().is_none() && hop.delegation_id().is_none())
            );
        }
    }
}

#[test]
fn numbers_are_whole_and_small_enough() {
    let others = ["true", "false", "\"1\"", "[1]", "{}", "1.0", "1.5", "1e0", "1E2", "-1", "-0", "1e400"];
    for name in ["hop_count", "delegation_graph_epoch"] {
        for number in others {
            let fault = numbered(name, number).map(drop);
            assert_eq!(fault, Err(TokenError::InvalidClaim(name)), "{name}: {number}");
        }
    }
    for number in ["4294967296", "18446744073709551616", &"9".repeat(100)] {
        assert!(numbered("hop_count", number).is_err(), "{number}");
    }
    assert_eq!(numbered("hop_count", "4294967295").map(|mandate| mandate.hop_count()), Ok(u32::MAX));
    for number in ["9223372036854775808", "18446744073709551616", &"9".repeat(100)] {
        assert!(numbered("delegation_graph_epoch", number).is_err(), "{number}");
    }
    let epoch = numbered("delegation_graph_epoch", "9223372036854775807");
    assert_eq!(epoch.map(|mandate| mandate.delegation_graph_epoch()), Ok(Some(u64::MAX >> 1)));
}

#[test]
fn times_are_whole_seconds() {
    for name in ["exp", "iat"] {
        assert!(numbered(name, "1800000000").is_ok());
        for number in ["1800000000.0", "1800000000.5", "1.8e9", "-1", "true", "null", "\"1800000000\""] {
            assert_eq!(numbered(name, number).map(drop), Err(TokenError::InvalidClaim(name)), "{number}");
        }
    }
}

/// The table of `Mandate::hops_agree`: what the vectors of Caracal have, what its golden data has,
/// and lies.
#[test]
fn hops_agree_with_the_chain() {
    for (chain, path, hops, agrees) in [
        // Without a chain there may be more than the path shows.
        (0, 0, 0, true),
        (0, 0, 3, true),
        (0, 2, 2, true),
        // One fewer than the entries: as Caracal issues them.
        (1, 0, 0, true),
        (2, 1, 1, true),
        (2, 0, 1, true),
        (32, 31, 31, true),
        // As many as the delegations, of which the chain does not show all.
        (2, 2, 2, true),
        (2, 3, 3, true),
        // Fewer than the path shows.
        (0, 2, 1, false),
        (0, 20, 0, false),
        (1, 1, 0, false),
        (2, 20, 1, false),
        // Fewer than the chain shows.
        (2, 1, 0, false),
        (3, 1, 1, false),
        (3, 2, 0, false),
        (32, 31, 1, false),
        // More than anything shows.
        (1, 0, 1, false),
        (2, 0, 2, false),
        (2, 1, 2, false),
        (2, 2, 3, false),
        (2, 1, u32::MAX, false),
    ] {
        let mut claims = chained(chain);
        claims["delegation_path"] = texts(path);
        claims["hop_count"] = json!(hops);
        let read = read(&with(&claims)).map(|mandate| mandate.hop_count());
        let expected = if agrees { Ok(hops) } else { Err(TokenError::InvalidClaim("hop_count")) };
        assert_eq!(read, expected, "chain {chain}, path {path}, hops {hops}");
    }
    let mut claims = with(&chained(2));
    claims["hop_count"] = Value::Null;
    assert!(read(&claims).is_err(), "absent is none");
}

/// What may stand in a claim.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("application_id|agent_session_id|x", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

const NAMES: &str = "client_id|sid|root_sid|zone_id|use|sub_type|scope|target|agent_session_id|delegation_edge_id\
    |source_session_id|target_session_id|delegation_path|delegation_chain|hop_count|delegation_graph_epoch|exp|iat";

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_claims_make_it_panic(
        changed in prop::collection::hash_map(NAMES, value(), 0..6),
        text in ".{0,64}",
    ) {
        let changed = Value::Object(changed.into_iter().collect());
        if let Ok(mandate) = read(&with(&changed)) {
            prop_assert!(mandate.chain().len() <= 32 && mandate.targets().count() <= 64);
            let texts = [mandate.client_id(), mandate.sid(), mandate.root_sid()];
            prop_assert!(texts.iter().all(|text| (1..=255).contains(&text.len())));
        }
        let _ = read_text(&text);
        let _ = read_text(&format!("{{\"delegation_chain\":{text}}}"));
    }
}
