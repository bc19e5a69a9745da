//! What is read from claims, and what is refused.

use proptest::prelude::*;

use super::{ClaimMapping, ClaimPath, Texts, TokenError};
use crate::token::with_indexed;

#[derive(Debug, PartialEq, Eq, Default)]
struct Mapped {
    roles: Vec<String>,
    permissions: Vec<String>,
    scopes: Vec<String>,
}

/// Claims that nothing has scanned yet.
trait ReadText {
    fn read_text(&self, claims: &str) -> Result<Mapped, TokenError>;
}

impl ReadText for ClaimMapping {
    fn read_text(&self, claims: &str) -> Result<Mapped, TokenError> {
        let list = |texts: &Texts| texts.iter().map(str::to_owned).collect();
        let rights =
            with_indexed(claims, |claims| self.read(claims)).ok_or(TokenError::MalformedClaims)??;
        let (roles, permissions, scopes) = (&rights.roles, &rights.permissions, &rights.scopes);
        Ok(Mapped { roles: list(roles), permissions: list(permissions), scopes: list(scopes) })
    }
}

fn roles_from(claim: impl Into<ClaimPath>, claims: &str) -> Result<Vec<String>, TokenError> {
    ClaimMapping::new().roles(claim).read_text(claims).map(|mapped| mapped.roles)
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with a result")]
fn good(roles: &[&str]) -> Result<Vec<String>, TokenError> {
    Ok(roles.iter().map(|role| (*role).to_owned()).collect())
}

const REFUSED: Result<Vec<String>, TokenError> = Err(TokenError::InvalidClaim("roles"));

#[test]
fn an_array_and_a_text_give_roles() {
    assert_eq!(roles_from("roles", r#"{"roles":["admin","shop keeper"]}"#), good(&["admin", "shop keeper"]));
    assert_eq!(roles_from("roles", r#"{"roles":"admin  keeper "}"#), good(&["admin", "keeper"]));
    assert_eq!(roles_from("roles", r#"{"roles":[]}"#), good(&[]));
    assert_eq!(roles_from("roles", r#"{"roles":""}"#), good(&[]));
    assert_eq!(roles_from("roles", r#"{"\u0072oles":["\u0061dmin","admin"]}"#), good(&["admin"]));
}

#[test]
fn an_absent_claim_gives_nothing() {
    assert_eq!(roles_from("roles", "{}"), good(&[]));
    assert_eq!(roles_from("realm_access.roles", r#"{"roles":["admin"]}"#), good(&[]));
    assert_eq!(roles_from("realm_access.roles", r#"{"realm_access":{}}"#), good(&[]));
    assert_eq!(roles_from("a.b.c", r#"{"a":{"x":{"c":["admin"]}}}"#), good(&[]));
    assert_eq!(ClaimMapping::new().read_text(r#"{"roles":["admin"]}"#), Ok(Mapped::default()));
}

#[test]
fn a_claim_of_another_type_is_refused() {
    for value in
        ["null", "true", "7", "{}", r#"["admin",7]"#, r#"["admin",null]"#, r#"[["admin"]]"#, r#"[""]"#]
    {
        assert_eq!(roles_from("roles", &format!("{{\"roles\":{value}}}")), REFUSED, "{value}");
        let nested = format!("{{\"realm_access\":{{\"roles\":{value}}}}}");
        assert_eq!(roles_from("realm_access.roles", &nested), REFUSED, "{value}");
    }
    for value in ["null", "7", r#"["roles"]"#, r#""roles""#] {
        let claims = format!("{{\"realm_access\":{value}}}");
        assert_eq!(roles_from("realm_access.roles", &claims), REFUSED, "{value}");
    }
    assert_eq!(roles_from("roles", r#"{"roles":["a\u0000b"]}"#), REFUSED);
}

#[test]
fn what_is_no_acceptable_object_is_refused() {
    for claims in ["", "[]", "{", r#"{"roles":["admin"],"roles":[]}"#, r#"{"a":{"b":1,"b":2}}"#, "{} x"] {
        assert_eq!(roles_from("roles", claims), Err(TokenError::MalformedClaims), "{claims}");
    }
}

#[test]
fn count_and_length_are_bounded() {
    let list = |count: usize| {
        let roles: Vec<String> = (0..count).map(|role| format!("\"r{role}\"")).collect();
        format!("{{\"roles\":[{}]}}", roles.join(","))
    };
    assert_eq!(roles_from("roles", &list(512)).map(|roles| roles.len()), Ok(512));
    assert_eq!(roles_from("roles", &list(513)), REFUSED);
    let long = |length: usize| format!("{{\"roles\":[\"{}\"]}}", "r".repeat(length));
    assert_eq!(roles_from("roles", &long(255)).map(|roles| roles.len()), Ok(1));
    assert_eq!(roles_from("roles", &long(256)), REFUSED);
    // All claims of a kind together.
    let mapping = ClaimMapping::new().roles("roles").roles("more");
    let claims = list(512).replace('}', r#","more":["one more"]}"#);
    assert_eq!(mapping.read_text(&claims), Err(TokenError::InvalidClaim("roles")));
}

#[test]
fn names_with_dots_colons_and_slashes_are_found() {
    let claims = r#"{
        "cognito:groups": ["eu-west-1_a Keepers"],
        "https://shop.example/roles": ["owner"],
        "http://shop.example/roles": ["guest"],
        "shop.roles": ["dotted"],
        "shop": {"roles": ["nested"]},
        "resource_access": {"shop.web": {"roles": ["web"]}, "shop": {"web": {"roles": ["other"]}, "roles": ["plain"]}}
    }"#;
    assert_eq!(roles_from("cognito:groups", claims), good(&["eu-west-1_a Keepers"]));
    assert_eq!(roles_from("https://shop.example/roles", claims), good(&["owner"]));
    assert_eq!(roles_from("http://shop.example/roles", claims), good(&["guest"]));
    assert_eq!(roles_from("shop.roles", claims), good(&["nested"]));
    assert_eq!(roles_from(ClaimPath::new(["shop.roles"]), claims), good(&["dotted"]));
    let client = |client: &str| ClaimMapping::new().roles_of_client(client).read_text(claims).unwrap().roles;
    assert_eq!(client("shop.web"), ["web"]);
    assert_eq!(client("shop"), ["plain"]);
    assert_eq!(client("other"), [""; 0]);
}

#[test]
fn several_claims_add_up_and_each_role_counts_once() {
    let mapping = ClaimMapping::new().roles("realm_access.roles").roles_of_client("shop").roles("groups");
    let claims =
        r#"{"groups":"c a","resource_access":{"shop":{"roles":["b","a"]}},"realm_access":{"roles":["a"]}}"#;
    assert_eq!(mapping.read_text(claims).unwrap().roles, ["a", "b", "c"]);
}

#[test]
fn scopes_come_from_scope_unless_another_claim_is_named() {
    let claims = r#"{"scope":"read write","scp":["read:all"],"permissions":["orders:read"]}"#;
    assert_eq!(ClaimMapping::new().read_text(claims).unwrap().scopes, ["read", "write"]);
    let mapped = ClaimMapping::new().scopes("scp").permissions("permissions").read_text(claims).unwrap();
    assert_eq!(mapped.scopes, ["read:all"]);
    assert_eq!(mapped.permissions, ["orders:read"]);
    let both = ClaimMapping::new().scopes("scp").scopes("scope").read_text(claims).unwrap();
    assert_eq!(both.scopes, ["read:all", "read", "write"]);
    // RFC 6749 section 3.3.
    for scope in [r#"["a b"]"#, r#""a\tb""#, r#""ä""#, r#"["a\"b"]"#, "null", "7"] {
        let claims = format!("{{\"scope\":{scope}}}");
        assert_eq!(ClaimMapping::new().read_text(&claims), Err(TokenError::InvalidClaim("scope")), "{scope}");
    }
    assert_eq!(
        ClaimMapping::new().permissions("permissions").read_text(r#"{"permissions":7}"#),
        Err(TokenError::InvalidClaim("permissions"))
    );
}

/// A fault of one kind is not reported for the others.
#[test]
fn the_first_kind_that_is_not_acceptable_is_named() {
    let mapping = ClaimMapping::new().roles("a").roles("b").permissions("c");
    let claims = r#"{"a":7,"b":["x"],"c":["y"],"scope":"z"}"#;
    assert_eq!(mapping.read_text(claims), Err(TokenError::InvalidClaim("roles")));
    let claims = r#"{"a":["w"],"b":["x"],"c":7,"scope":"z"}"#;
    assert_eq!(mapping.read_text(claims), Err(TokenError::InvalidClaim("permissions")));
    let mapped = mapping.read_text(r#"{"b":["x"],"c":["y"],"scope":"z"}"#).unwrap();
    assert_eq!(
        (mapped.roles, mapped.permissions, mapped.scopes),
        (vec!["x".into()], vec!["y".into()], vec!["z".into()])
    );
}

#[test]
fn roles_are_stripped_renamed_filtered_and_prefixed_in_this_order() {
    let mapping = ClaimMapping::new()
        .roles("roles")
        .strip_role_prefix("shop:")
        .rename_role("boss", "admin")
        .only_roles(["admin", "keeper"])
        .role_prefix("partner/");
    assert!(mapping.check().is_ok());
    let claims = r#"{"roles":["admin","shop:boss","shop:keeper","shop:other","shop:","boss"]}"#;
    assert_eq!(mapping.read_text(claims).unwrap().roles, ["partner/admin", "partner/keeper"]);
    // A role that another is renamed to is not renamed in turn.
    let swapped = ClaimMapping::new().roles("roles").rename_role("a", "b").rename_role("b", "a");
    assert_eq!(swapped.read_text(r#"{"roles":["a"]}"#).unwrap().roles, ["b"]);
    // Other kinds of rights are not touched.
    let claims = r#"{"roles":[],"scope":"admin"}"#;
    assert_eq!(mapping.read_text(claims).unwrap().scopes, ["admin"]);
}

#[test]
fn what_cannot_work_is_refused_at_start() {
    let of = |mapping: ClaimMapping| mapping.check().unwrap_err().field();
    let new = ClaimMapping::new;
    assert!(new().roles("realm_access.roles").scopes("scp").permissions("p").check().is_ok());
    assert_eq!(of(new().roles("")), "roles");
    assert_eq!(of(new().roles("a..b")), "roles");
    assert_eq!(of(new().roles(ClaimPath::new(Vec::<String>::new()))), "roles");
    assert_eq!(of(new().roles_of_client("")), "roles");
    assert_eq!(of(new().permissions("a.b.c.d.e.f.g.h.i")), "permissions");
    assert_eq!(of(new().scopes("x".repeat(256))), "scopes");
    assert_eq!(of((0..17).fold(new(), |mapping, at| mapping.roles(format!("r{at}")))), "roles");
    // At many issuers users write these themselves.
    for claim in ["sub", "preferred_username", "email", "name", "client_id"] {
        assert_eq!(of(new().roles(claim)), "roles", "{claim}");
    }
    assert_eq!(of(new().roles("roles").strip_role_prefix(" ")), "strip_role_prefix");
    assert_eq!(of(new().roles("roles").role_prefix("")), "role_prefix");
    assert_eq!(of(new().roles("roles").rename_role("a", "")), "rename_role");
    assert_eq!(of(new().roles("roles").rename_role("a", "b").rename_role("a", "c")), "rename_role");
    assert_eq!(of(new().roles("roles").only_roles([""; 0])), "only_roles");
    assert_eq!(of(new().only_roles(["admin"])), "roles");
}

/// JSON with the names that the mapping looks up, in every shape.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        "[a-c \\\\\"\u{0}é]{0,6}".prop_map(Into::into),
    ];
    let name = prop_oneof![
        Just("roles".to_owned()),
        Just("realm_access".to_owned()),
        Just("shop.web".to_owned()),
        Just("resource_access".to_owned()),
        Just("scope".to_owned()),
        "[a-z.]{0,4}",
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::vec((name.clone(), inner), 0..5)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The result of `serde_json` for the path.
fn by_tree(claims: &serde_json::Value, path: &[&str]) -> Option<Result<Vec<String>, ()>> {
    let mut value = claims;
    for name in path {
        match value.as_object() {
            Some(members) => value = members.get(*name)?,
            None => return Some(Err(())),
        }
    }
    let texts: Vec<String> = match value {
        serde_json::Value::String(text) => {
            text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
        }
        serde_json::Value::Array(elements) => {
            let texts: Option<Vec<_>> =
                elements.iter().map(|element| element.as_str().map(str::to_owned)).collect();
            match texts {
                Some(texts) => texts,
                None => return Some(Err(())),
            }
        }
        _ => return Some(Err(())),
    };
    let are_good = texts.iter().all(|text| !text.is_empty() && !text.chars().any(char::is_control));
    Some(if are_good { Ok(texts) } else { Err(()) })
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(claims in ".*") {
        let mapping = ClaimMapping::new().roles("a.b").roles_of_client("x").strip_role_prefix("é");
        let _ = mapping.read_text(&claims);
    }

    #[test]
    fn the_scanner_finds_what_a_parser_finds(
        members in prop::collection::btree_map("roles|realm_access|resource_access|x", json(), 0..4),
    ) {
        let claims = serde_json::to_value(&members).unwrap();
        let text = claims.to_string();
        for (path, segments) in [
            (ClaimPath::from("roles"), vec!["roles"]),
            (ClaimPath::from("realm_access.roles"), vec!["realm_access", "roles"]),
            (ClaimPath::new(["resource_access", "shop.web", "roles"]), vec!["resource_access", "shop.web", "roles"]),
        ] {
            let mut expected = by_tree(&claims, &segments).unwrap_or(Ok(Vec::new()));
            if let Ok(roles) = &mut expected {
                let mut seen = Vec::new();
                roles.retain(|role| !seen.contains(role) && { seen.push(role.clone()); true });
            }
            let read = ClaimMapping::new().roles(path).read_text(&text).map(|mapped| mapped.roles);
            prop_assert_eq!(read.map_err(|_| ()), expected);
        }
    }
}
