//! Paths, path rules and redirect targets.

use std::{borrow::Cow, sync::OnceLock};

use super::head::Head;
use crate::{
    Requirement, RouteRules,
    access::Access,
    path::{Allowed, PathCharacter, canonical, is_rest, other_readings},
    redirect::LocalTarget,
    rules::{RouteRulesBuilder, exact},
};

const ALL: [PathCharacter; 4] = [
    PathCharacter::EncodedSlash,
    PathCharacter::EncodedPercent,
    PathCharacter::Backslash,
    PathCharacter::Semicolon,
];

fn known_rules() -> &'static RouteRules {
    static RULES: OnceLock<RouteRules> = OnceLock::new();
    RULES.get_or_init(|| {
        RouteRules::public_by_default()
            .guests("/signin")
            .visitors("/shop")
            .public(exact("/admin/health"))
            .require("/admin", Requirement::user().role("admin"))
            .require("/a+b", Requirement::user())
            .require("/caf\u{e9}", Requirement::user())
            .require(exact("/a b"), Requirement::user())
            .build()
            .unwrap()
    })
}

/// Checks that a canonical path stays canonical, and that an encoded spelling of a guarded path is
/// guarded too.
pub(super) fn path(path: &str) -> bool {
    let (none, all) = (Allowed::default(), Allowed::new(ALL));
    if let Some(read) = canonical(path, &all) {
        assert_eq!(canonical(&read, &all).as_deref(), Some(&*read));
        has_no_way_up(&read);
    }
    let Some(decoded) = canonical(path, &none) else {
        assert!(known_rules().access("GET", path).is_none());
        return false;
    };
    assert!(!decoded.contains(['%', '\\', ';', '\0', '\r', '\n']));
    assert_eq!(canonical(&decoded, &none), Some(Cow::Borrowed(&*decoded)));
    assert_eq!(canonical(path, &all).as_deref(), Some(&*decoded));
    has_no_way_up(&decoded);
    assert!(is_rest(&decoded, &decoded) && is_rest("/", &decoded));
    for reading in other_readings(path, &none) {
        assert_eq!(canonical(&reading, &none).as_deref(), Some(&*decoded));
    }
    let access = |path: &str| known_rules().access("GET", path).cloned().unwrap();
    if !access(&decoded).admits_anonymous() {
        assert!(!access(path).admits_anonymous());
    }
    let _ = known_rules().explain("HEAD", path).to_string();
    true
}

/// Checks that no segment is `.` or `..`, even after repeated decoding and with every separator.
fn has_no_way_up(path: &str) {
    let mut read = path.as_bytes().to_vec();
    loop {
        let decoded = decoded(&read);
        if decoded == read {
            break;
        }
        read = decoded;
    }
    let segments = read.split(|byte| matches!(byte, b'/' | b'\\'));
    for segment in segments {
        let bare = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        assert!(!matches!(bare, b"." | b".."), "{path}");
    }
}

fn decoded(path: &[u8]) -> Vec<u8> {
    let mut read = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, tail)) = rest.split_first() {
        let escape =
            rest.get(1..3).filter(|_| *byte == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = escape
            .filter(|digits| !digits.contains('+'))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
        {
            read.push(byte);
            rest = &rest[3..];
        } else {
            read.push(*byte);
            rest = tail;
        }
    }
    read
}

const PROBES: [(&str, &str); 8] = [
    ("GET", "/"),
    ("GET", "/admin"),
    ("POST", "/admin/users"),
    ("HEAD", "/admin/health"),
    ("GET", "/a"),
    ("DELETE", "/a/b/c"),
    ("GET", "/assets/x.css"),
    ("PATCH", "/caf\u{e9}"),
];

fn decisions(rules: &RouteRules) -> Vec<Option<Access>> {
    PROBES.map(|(method, path)| rules.access(method, path).cloned()).to_vec()
}

/// Checks that all readers of a rules file make the same decisions, and that an error names a line
/// of the file.
pub(super) fn rules(text: &str) -> bool {
    let of_json = checked(text, RouteRules::from_json(text).and_then(RouteRulesBuilder::build));
    let of_serde = serde_json::from_str::<RouteRules>(text).ok();
    assert_eq!(of_json.as_ref().map(decisions), of_serde.as_ref().map(decisions));
    if let Some(rules) = &of_json {
        for (method, path) in PROBES {
            let _ = rules.explain(method, path).to_string();
        }
        assert!(!format!("{rules:?}").is_empty());
    }
    #[cfg(feature = "rules-toml")]
    if toml_like_json(text) {
        return true;
    }
    of_json.is_some()
}

fn checked(text: &str, read: Result<RouteRules, crate::ConfigError>) -> Option<RouteRules> {
    match read {
        Ok(rules) => Some(rules),
        Err(error) => {
            let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
            let named = error.problem().strip_prefix("line ").and_then(|rest| rest.split_once(':'));
            let line = named.and_then(|(line, _)| line.parse::<usize>().ok());
            assert!(line.is_none_or(|line| line <= lines), "{error}");
            None
        }
    }
}

#[cfg(feature = "rules-toml")]
fn toml_like_json(text: &str) -> bool {
    let Some(of_toml) = checked(text, RouteRules::from_toml(text).and_then(RouteRulesBuilder::build)) else {
        return false;
    };
    let value: serde_json::Value = toml::from_str(text).unwrap();
    let of_json = RouteRules::from_json(&value.to_string()).and_then(RouteRulesBuilder::build);
    assert_eq!(decisions(&of_json.unwrap()), decisions(&of_toml));
    true
}

/// Returns the targets that are accepted, and checks that each is accepted again.
pub(super) fn redirect_targets(text: &str) -> Vec<String> {
    let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    let head = Head { path, query, ..Head::default() };
    let parsed = LocalTarget::parse(text).ok();
    assert!(parsed.as_ref().is_none_or(|target| target.as_str() == text));
    let with_parameter = parsed.as_ref().and_then(|target| target.with_parameter("next", text));
    if let Some(target) = &with_parameter {
        let named = target.query().map(|query| form_urlencoded::parse(query.as_bytes()));
        let value = named.into_iter().flatten().filter(|(name, _)| name == "next").last();
        assert_eq!(value.map(|(_, value)| value.into_owned()).as_deref(), Some(text));
    }
    let of_query = LocalTarget::from_query(Some(text), "next");
    let of_request = LocalTarget::of_request(&head);
    let targets = [parsed, with_parameter, of_query, of_request];
    let targets = targets.into_iter().flatten().map(|target| {
        assert!(target.as_str().len() <= LocalTarget::MAX_BYTES && target.path().starts_with('/'));
        assert_eq!(LocalTarget::parse(target.as_str()).as_ref(), Ok(&target));
        has_no_way_up(target.path());
        target.as_str().to_owned()
    });
    targets.collect()
}
