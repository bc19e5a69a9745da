use proptest::prelude::*;

use super::*;
use crate::{access::Access, error::ConfigError, requirement::Requirement};

fn private() -> RouteRulesBuilder {
    RouteRules::private_by_default()
}

fn role(name: &str) -> Requirement {
    Requirement::user().role(name)
}

#[track_caller]
fn asks(rules: &RouteRules, method: &str, path: &str, expected: &str) {
    let access = rules.access(method, path).map(ToString::to_string);
    assert_eq!(access.as_deref(), Some(expected), "{}", rules.explain(method, path));
}

#[track_caller]
fn refused(rules: RouteRulesBuilder, field: &str, problem: &str) {
    let fault = rules.build().expect_err(problem);
    assert_eq!(fault.field(), field, "{fault}");
    assert!(fault.problem().contains(problem), "{fault}");
    assert!(!fault.fix().is_empty());
}

/// M-04, and what P-02 says of modes: nothing is opened by a path that is empty.
#[test]
fn nothing_makes_everything_public() {
    refused(private().public(""), "public", "the path is empty");
    refused(private().public("/"), "public", "the prefix `/` is everything");
    refused(private().guests("/"), "guests", "the prefix `/` is everything");
    refused(private().visitors("/"), "visitors", "the prefix `/` is everything");
    refused(private().public(prefix("/").methods(["GET"])), "public", "the prefix `/` is everything");
    refused(private().public(exact("")), "public", "the path is empty");
    refused(private().require("", role("a")), "require", "the path is empty");
    refused(RouteRules::public_by_default(), "public_by_default", "no rule guards anything");
    refused(RouteRules::public_by_default().public("/a"), "public_by_default", "no rule guards anything");
    // Beside them.
    let rules = private().public(exact("/")).require("/", role("a")).build().unwrap();
    asks(&rules, "GET", "/", "open");
    asks(&rules, "GET", "/x", "user, role a");
    assert!(private().build().is_ok());
}

/// C-19
#[test]
fn contradictions_are_refused() {
    for (rules, field) in [
        (private().public("/a").require("/a", role("x")), "require"),
        (private().require("/a", role("x")).public("/a"), "public"),
        (private().guests("/a").public("/a"), "public"),
        (private().visitors("/a").public("/a"), "public"),
        (private().require("/a", role("x")).replace("/a", role("x")), "replace"),
        (private().require("/a", role("x")).require("/a", role("y")), "require"),
        (private().public(exact("/a")).guests(exact("/a")), "guests"),
        (
            private().public(prefix("/a").methods(["GET", "POST"])).guests(prefix("/a").methods(["POST"])),
            "guests",
        ),
        (private().join(private().guests("/a")).require("/b", role("x")).guests("/b"), "guests"),
        (private().guests("/a").join(private().require("/a", role("x"))), "require"),
    ] {
        refused(rules, field, "contradicts");
    }
    for rules in [
        private().public("/a").require(exact("/a"), role("x")),
        private().public(prefix("/a").methods(["GET"])).require(prefix("/a").methods(["POST"]), role("x")),
        private().public(prefix("/a").methods(["GET"])).require("/a", role("x")),
        private().public("/a").require("/a/b", role("x")),
        private().public("/a").require("/A", role("x")),
    ] {
        assert!(rules.build().is_ok());
    }
}

#[test]
fn duplicates_are_refused() {
    refused(private().public("/a").public("/a"), "public", "is already defined");
    refused(private().require("/a", role("x")).require("/a", role("x")), "require", "is already defined");
    refused(private().public_all(["/a", "/b", "/a"]), "public", "is already defined");
    let get = || prefix("/a").methods(["GET"]);
    refused(private().public(get()).public(get()), "public", "is already defined");
    // Of two sources both may say the same.
    assert!(private().public("/a").join(private().public("/a")).build().is_ok());
}

#[test]
fn an_error_names_the_rule_and_where_it_is() {
    let fault = private().require("/admin", role("a")).public("/admin").build().unwrap_err();
    let text = fault.to_string();
    assert!(text.starts_with("public: public(\"/admin\") at "), "{text}");
    assert!(
        text.contains("rules/tests.rs:") && text.contains("contradicts require(\"/admin\") at "),
        "{text}"
    );
}

/// M-13: paths that only look different, and paths that no request can have.
#[test]
fn paths_that_are_not_canonical_are_refused() {
    for (path, problem) in [
        ("/a/", "the prefix ends with `/`"),
        ("/a////", "the prefix ends with `/`"),
        ("//a", "requests for this path are refused"),
        ("/a//b", "requests for this path are refused"),
        ("a", "requests for this path are refused"),
        ("/a/../b", "requests for this path are refused"),
        ("/a/.", "requests for this path are refused"),
        ("/a\\b", "requests for this path are refused"),
        ("/a;x", "requests for this path are refused"),
        ("/a\n", "requests for this path are refused"),
        ("/caf%C3%A9", "the path is encoded"),
        ("/%61", "the path is encoded"),
        ("/a%2Fb", "requests for this path are refused"),
        ("/100%", "requests for this path are refused"),
        ("/a?b", "the path has a query"),
        ("/a#b", "the path has a query"),
        ("/users/{id}", "the path has a placeholder"),
        ("/users/:id", "the path has a placeholder"),
        ("/files/*", "the path has a placeholder"),
        ("/files/**", "the path has a placeholder"),
    ] {
        refused(private().public(path), "public", problem);
        refused(private().require(path, role("a")), "require", problem);
        if path != "/a/" {
            let problem = if path == "/a////" { "requests for this path are refused" } else { problem };
            refused(private().public(exact(path)), "public", problem);
        }
    }
    refused(private().public("/a".repeat(64)), "public", "the path is too long");
    refused(private().public(format!("/{}", "a".repeat(2048))), "public", "the path is too long");
    for path in ["/a", "/café", "/a b", "/~x", "/a.b", "/...", "/a*b", "/a:b"] {
        assert!(private().public(path).build().is_ok(), "{path}");
    }
    assert!(private().public(exact("/a/")).build().is_ok());
}

#[test]
fn methods_are_written_as_requests_write_them() {
    let for_methods = |methods: &[&str]| private().public(prefix("/a").methods(methods));
    refused(for_methods(&[]), "public", "it names no method");
    refused(for_methods(&["get"]), "public", "is not a method");
    refused(for_methods(&[""]), "public", "is not a method");
    refused(for_methods(&["GET "]), "public", "is not a method");
    refused(for_methods(&["HEAD"]), "public", "no rule can name HEAD");
    refused(for_methods(&["TRACE"]), "public", "no rule can name TRACE");
    refused(for_methods(&["CONNECT"]), "public", "no rule can name CONNECT");
    refused(for_methods(&["GET", "GET"]), "public", "named twice");
    let many: Vec<_> = ('A'..='Q').map(String::from).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    refused(for_methods(&many), "rules", "17 methods are named");
    assert!(for_methods(&many[..16]).build().is_ok());
    assert!(for_methods(&["GET", "M-SEARCH"]).build().is_ok());
}

#[test]
fn impossible_requirements_are_refused() {
    let user = Requirement::user;
    refused(private().require("/a", user().roles([""])), "require", "roles: a name is blank");
    refused(private().replace("/a", user().roles(Vec::<&str>::new())), "replace", "roles: the list is empty");
    refused(private().require("/a", user().roles(["x", "x"])), "require", "roles: a name is repeated");
    refused(private().require("/a", user().scope("a b")), "require", "scopes: ");
}

#[test]
fn a_rule_that_changes_nothing_is_refused() {
    let user = Requirement::user;
    let admin = || private().require("/admin", role("admin"));
    refused(admin().require("/admin/help", user()), "require", "it names no field");
    refused(admin().require(exact("/admin"), user()), "require", "it names no field");
    assert!(admin().replace("/admin/help", user()).build().is_ok());
    assert!(admin().require("/help", user()).build().is_ok());
    assert!(RouteRules::public_by_default().require("/help", user()).build().is_ok());
}

#[test]
fn too_many_rules_are_refused() {
    let many = |count: usize| (0..count).fold(private(), |rules, at| rules.public(format!("/{at}")));
    assert!(many(1000).build().is_ok());
    refused(many(1001), "rules", "there are 1001 rules");
}

#[test]
fn the_longest_prefix_by_segments_decides() {
    let rules = private()
        .public("/a")
        .require("/a/b", role("x"))
        .public(exact("/a/b/c"))
        .guests("/a/b/c/d")
        .build()
        .unwrap();
    for (path, expected) in [
        ("/", "user"),
        ("/ab", "user"),
        ("/a", "open"),
        ("/a/", "open"),
        ("/a/bc", "open"),
        ("/a/b", "user, role x"),
        ("/a/b/", "user, role x"),
        ("/a/b/c", "open"),
        ("/a/b/c/", "user, role x"),
        ("/a/b/c/e", "user, role x"),
        ("/a/b/c/d", "guests"),
        ("/a/b/c/d/e", "guests"),
        ("/A", "user"),
        ("/a/%63", "open"),
        // Some routers do not decode it.
        ("/%61", "user"),
        ("/%61/%62", "user, role x"),
        ("/a/%62", "user, role x"),
    ] {
        asks(&rules, "GET", path, expected);
        asks(&rules, "HEAD", path, expected);
    }
}

/// M-14
#[test]
fn what_can_be_misread_has_no_rule() {
    let rules = private().public("/a").build().unwrap();
    for path in ["", "a", "*", "//a", "/a//b", "/a/../b", "/a/%2e%2e/b", "/a;x", "/a%2fb", "/a%00", "/%ff"] {
        assert_eq!(rules.access("GET", path), None, "{path}");
        assert!(rules.explain("GET", path).to_string().contains("refused with 400 before any rule"));
    }
    assert_eq!(rules.access("TRACE", "/a"), None);
    assert!(rules.explain("CONNECT", "/a").to_string().contains("405"));
    asks(&rules, "GET", "/a", "open");
}

#[test]
fn fields_are_inherited_along_the_path() {
    let user = Requirement::user;
    let rules = private()
        .require("/", user().scope("app"))
        .require("/a", role("x"))
        .require("/a/b", user().permission("p"))
        .require(exact("/a/b"), role("y"))
        .public("/a/b/c")
        .require("/a/b/c/d", user().scope("s"))
        .replace("/a/b/e", role("z"))
        .require("/a/b/e/f", user().scope("t"))
        .build()
        .unwrap();
    for (path, expected) in [
        ("/", "user, scope app"),
        ("/a", "user, scope app, role x"),
        ("/a/b/x", "user, scope app, role x, permission p"),
        ("/a/b", "user, scope app, permission p, role y"),
        ("/a/b/c", "open"),
        // What is public has nothing to take over.
        ("/a/b/c/d", "user, scope s"),
        ("/a/b/e", "user, role z"),
        ("/a/b/e/f", "user, role z, scope t"),
    ] {
        asks(&rules, "GET", path, expected);
    }
}

#[test]
fn fields_are_inherited_for_each_method() {
    let user = Requirement::user;
    let rules = private()
        .require("/a", role("x"))
        .require(prefix("/a").methods(["POST"]), user().scope("write"))
        .public(prefix("/a").methods(["GET"]))
        .require("/a/b", user().permission("p"))
        .build()
        .unwrap();
    for (method, path, expected) in [
        ("PUT", "/a", "user, role x"),
        ("POST", "/a", "user, role x, scope write"),
        ("GET", "/a", "open"),
        ("HEAD", "/a", "open"),
        ("PUT", "/a/b", "user, role x, permission p"),
        ("POST", "/a/b", "user, role x, scope write, permission p"),
        ("GET", "/a/b", "user, permission p"),
        ("get", "/a", "user, role x"),
    ] {
        asks(&rules, method, path, expected);
    }
}

#[test]
fn of_joined_sources_the_stricter_rule_decides() {
    let one = private().public("/a").visitors("/b").guests("/c").require("/d", role("x")).public("/e");
    let other = RouteRules::public_by_default()
        .require("/a", role("y"))
        .public("/b")
        .visitors("/c")
        .require("/d", Requirement::user().scope("s"));
    for rules in [one.clone().join(other.clone()), other.join(one)] {
        let rules = rules.build().unwrap();
        asks(&rules, "GET", "/a", "user, role y");
        asks(&rules, "GET", "/b", "visitor");
        asks(&rules, "GET", "/c", "guests");
        let both = rules.access("GET", "/d").unwrap().to_string();
        assert!(both.contains("role x") && both.contains("scope s"), "{both}");
        asks(&rules, "GET", "/e", "open");
        asks(&rules, "GET", "/f", "user");
    }
    let narrow = private().require("/a", role("x").permission("p")).join(private().require("/a", role("x")));
    asks(&narrow.build().unwrap(), "GET", "/a", "user, role x, permission p");
}

/// A source that names a method does not open what another closes for all of them.
#[test]
fn of_joined_sources_the_stricter_rule_decides_for_each_method() {
    let closed = || private().require("/admin", role("admin"));
    let open = || private().public(prefix("/admin").methods(["GET"]));
    for rules in [closed().join(open()), open().join(closed())] {
        let rules = rules.build().unwrap();
        asks(&rules, "GET", "/admin", "user, role admin");
        asks(&rules, "HEAD", "/admin/x", "user, role admin");
        asks(&rules, "POST", "/admin", "user, role admin");
    }
    // Within one source the rule that names the method comes first.
    let one = || private().require("/admin", role("admin")).public(prefix("/admin").methods(["GET"]));
    let rules = one().build().unwrap();
    asks(&rules, "GET", "/admin", "open");
    let rules = one().join(private().public("/admin")).build().unwrap();
    asks(&rules, "GET", "/admin", "open");
    asks(&rules, "POST", "/admin", "user, role admin");
    let scoped = private().require(prefix("/admin").methods(["GET"]), Requirement::user().scope("s"));
    let rules = closed().join(scoped).build().unwrap();
    asks(&rules, "GET", "/admin", "user, all of (role admin), all of (scope s)");
    asks(&rules, "POST", "/admin", "user, role admin");
}

#[test]
fn an_explanation_names_the_rule_and_those_it_takes_over_from() {
    let rules = private()
        .require("/admin", role("admin"))
        .require("/admin/audit", Requirement::user().scope("audit"))
        .public("/assets")
        .build()
        .unwrap();
    let explained = rules.explain("GET", "/admin/audit/x");
    assert!(explained.rule().unwrap().starts_with("require(\"/admin/audit\") at "));
    assert_eq!(explained.inherited().count(), 1);
    let text = explained.to_string();
    assert!(
        text.starts_with("GET /admin/audit/x: user, role admin, scope audit; decided by require("),
        "{text}"
    );
    assert!(text.contains(", which inherits from require(\"/admin\") at "), "{text}");
    let text = rules.explain("GET", "/%61dmin/x").to_string();
    assert!(
        text.contains("decided by require(\"/admin\")") && text.ends_with("compared as /admin/x"),
        "{text}"
    );
    // To a router that does not decode it, it is another path.
    let text = rules.explain("GET", "/%61ssets/x").to_string();
    assert!(text.contains("decided by `private_by_default`"), "{text}");
    let text = rules.explain("GET", "/assets/caf%C3%A9").to_string();
    assert!(text.ends_with("compared as /assets/café"), "{text}");
    let text = rules.explain("GET", "/x\n").to_string();
    assert!(!text.contains('\n') && text.contains("400"), "{text}");
    let default = rules.explain("POST", "/x");
    assert_eq!((default.rule(), default.inherited().count()), (None, 0));
    assert!(default.to_string().ends_with("decided by `private_by_default`, since no rule matches"));
}

#[track_caller]
fn bad_json(text: &str, line: usize, problem: &str) {
    let fault = RouteRules::from_json(text).and_then(RouteRulesBuilder::build).expect_err(problem);
    assert!(fault.to_string().contains(problem), "{fault}");
    assert!(fault.to_string().contains(&format!("line {line}")), "{fault}");
}

/// M-01
#[test]
fn an_unknown_key_is_refused_with_its_line() {
    let document = |rule: &str| {
        format!(
            "{{\n\"default\": \"private\",\n\"rules\": [\n{{ \"path\": \"/x\", \"access\": \"public\" }},\n{rule}\n] }}"
        )
    };
    for (rule, line, problem) in [
        (r#"{ "path": "/a", "require": { "role": ["x"] } }"#, 5, "unknown field `role`"),
        ("{ \"path\": \"/a\",\n\"required_scopes\": [\"x\"] }", 6, "unknown field `required_scopes`"),
        ("{ \"path\": \"/a\",\n\"require\": {\n\"scope\": \"x\" } }", 7, "unknown field `scope`"),
        (
            r#"{ "path": "/a", "require": { "roles": "x" } }"#,
            5,
            "invalid type: string \"x\", expected a sequence",
        ),
        (r#"{ "path": "/a", "path": "/b", "access": "public" }"#, 5, "duplicate field `path`"),
        (r#"{ "path": "/a", "access": "open" }"#, 5, "unknown variant `open`"),
        (r#"{ "access": "public" }"#, 5, "key `path` is missing"),
        (r#"{ "path": "/a", "exact": "/a", "access": "public" }"#, 5, "exclude each other"),
        (r#"{ "path": "/a" }"#, 5, "the rule demands nothing"),
        (r#"{ "path": "/a", "access": "public", "require": {} }"#, 5, "exclude each other"),
        (r#"{ "path": "/a", "require": {}, "replace": {} }"#, 5, "exclude each other"),
        (r#"{ "path": "/x", "require": { "roles": ["x"] } }"#, 5, "contradicts public(\"/x\") in line 4"),
        (r#"{ "path": "/x", "access": "public" }"#, 5, "is already defined: public(\"/x\") in line 4"),
        (r#"{ "path": "", "access": "public" }"#, 5, "the path is empty"),
        (r#"{ "path": "/", "access": "public" }"#, 5, "the prefix `/` is everything"),
        (r#"{ "path": "/a", "require": { "roles": [] } }"#, 5, "roles: the list is empty"),
        (
            r#"{ "path": "/a", "require": { "login_within": 0 } }"#,
            5,
            "login_within: the age is out of bounds",
        ),
        (
            r#"{ "path": "/a", "require": { "any_of": [{ "danger_allow_inactive": true }] } }"#,
            5,
            "has no effect in it",
        ),
        (r#"{ "path": "/a", "require": { "all_of": [] } }"#, 5, "all_of: the list is empty"),
        (r#"{ "path": "/a", "methods": ["get"], "access": "public" }"#, 5, "is not a method"),
    ] {
        bad_json(&document(rule), line, problem);
    }
    bad_json("{\n\"default\": \"private\",\n\"rules\": [],\n\"exclude\": [] }", 4, "unknown field `exclude`");
    bad_json("{\n\"rules\": [] }", 2, "missing field `default`");
    bad_json("{ \"default\": \"private\",\n\"rules\": [ }", 2, "expected value");
    assert!(RouteRules::from_json(&document(r#"{ "path": "/a", "replace": {} }"#)).unwrap().build().is_ok());
}

/// YAML reads a key without a value as `null`, which must not mean that nothing was written.
#[test]
fn no_key_may_be_null() {
    for key in ["path", "exact", "methods", "access", "require", "replace"] {
        let beside = match key {
            "path" => r#""exact": "/a", "access": "public""#,
            "access" => r#""path": "/a", "require": { "roles": ["x"] }"#,
            _ => r#""path": "/a", "access": "public""#,
        };
        let rule = |more: &str| format!("{{ \"default\": \"private\", \"rules\": [{{ {beside}{more} }}] }}");
        assert!(RouteRules::from_json(&rule("")).is_ok(), "{key}");
        bad_json(
            &rule(&format!(", \"{key}\": null")),
            1,
            if key == "access" { "expected value" } else { "invalid type: null" },
        );
    }
    for key in [
        "roles",
        "any_role",
        "permissions",
        "any_permission",
        "scopes",
        "any_scope",
        "login_within",
        "allow_api_keys",
        "danger_allow_inactive",
        "any_of",
        "all_of",
    ] {
        for demand in ["require", "replace"] {
            let rule = format!("{{ \"path\": \"/a\", \"{demand}\": {{ \"{key}\": null }} }}");
            let text = format!("{{ \"default\": \"private\", \"rules\": [{rule}] }}");
            bad_json(&text, 1, "invalid type: null");
        }
    }
}

/// A scope that is added to a rule without API keys lets none in.
#[test]
fn a_rule_lets_no_api_key_in_where_those_above_it_let_none_in() {
    let admits = |rules: &RouteRules, path: &str| {
        rules.access("GET", path).and_then(Access::requirement).unwrap().admits_api_keys()
    };
    let scope = || Requirement::user().scope("s");
    let rules = private()
        .require("/admin", role("admin"))
        .require("/admin/audit", scope())
        .require("/admin/audit/deep", role("auditor"))
        .require("/admin/keys", scope().allow_api_keys())
        .replace("/admin/replaced", scope())
        .require("/scoped", scope())
        .require("/scoped/admin", role("admin"));
    let rules = rules.build().unwrap();
    for (path, expected) in [
        ("/admin", false),
        ("/admin/audit", false),
        ("/admin/audit/deep", false),
        ("/admin/keys", true),
        ("/admin/replaced", true),
        ("/scoped", true),
        ("/scoped/admin", true),
    ] {
        assert_eq!(admits(&rules, path), expected, "{path}");
    }
    asks(&rules, "GET", "/admin/audit/deep", "user, scope s, role auditor");
    // What is joined stays without keys.
    let joined = private().require("/admin", role("admin")).require("/admin/audit", scope());
    let joined =
        joined.join(private().require("/admin/audit", Requirement::user().scope("t"))).build().unwrap();
    assert!(!admits(&joined, "/admin/audit"));
    let written = |rule: &str| {
        let text = format!("{{ \"default\": \"private\", \"rules\": [{rule}] }}");
        RouteRules::from_json(&text).unwrap().build()
    };
    for demand in ["require", "replace"] {
        for (value, expected) in [("true", true), ("false", false)] {
            let asked = format!("{{ \"scopes\": [\"s\"], \"allow_api_keys\": {value} }}");
            let rules = written(&format!("{{ \"path\": \"/a\", \"{demand}\": {asked} }}")).unwrap();
            assert_eq!(admits(&rules, "/a"), expected, "{demand} {value}");
        }
    }
    for key in ["any_of", "all_of"] {
        let asked = format!("{{ \"{key}\": [{{ \"scopes\": [\"s\"], \"allow_api_keys\": false }}] }}");
        let fault = written(&format!("{{ \"path\": \"/a\", \"require\": {asked} }}")).unwrap_err();
        assert!(fault.problem().contains("`allow_api_keys = false` has no effect"), "{fault}");
    }
}

#[test]
fn a_field_of_a_file_can_say_no() {
    let rules = RouteRules::from_json(
        r#"{ "default": "private", "rules": [
            { "path": "/a", "require": { "permissions": ["p"], "allow_api_keys": true, "danger_allow_inactive": true } },
            { "path": "/a/b", "require": { "allow_api_keys": false } },
            { "path": "/a/c", "require": { "danger_allow_inactive": false } },
            { "path": "/a/d", "require": { "any_of": [{ "roles": ["x"] }, { "scopes": ["s"] }], "all_of": [{ "roles": ["y"] }] } }
        ] }"#,
    );
    let rules = rules.unwrap().build().unwrap();
    asks(&rules, "GET", "/a", "user, even inactive, permission p, API keys too");
    asks(&rules, "GET", "/a/b", "user, even inactive, permission p");
    asks(&rules, "GET", "/a/c", "user, permission p, API keys too");
    asks(
        &rules,
        "GET",
        "/a/d",
        "user, even inactive, permission p, API keys too, any of (all of (role x); all of (scope s)), all of (role y)",
    );
}

#[test]
fn rules_are_a_part_of_a_larger_configuration() {
    #[derive(serde::Deserialize)]
    struct Config {
        access: RouteRules,
    }
    let read = |rule: &str| {
        serde_json::from_str::<Config>(&format!(
            r#"{{ "access": {{ "default": "private", "rules": [{{ "path": "/a", "access": "public" }}, {rule}] }} }}"#
        ))
    };
    let config = read(r#"{ "path": "/b", "access": "public" }"#).unwrap();
    asks(&config.access, "GET", "/b", "open");
    for (rule, problem) in [
        (r#"{ "path": "/b", "acces": "public" }"#, "unknown field `acces`"),
        (r#"{ "path": "/b" }"#, "rule 2: rules: the rule demands nothing"),
        (
            r#"{ "path": "/a", "require": {} }"#,
            "require(\"/a\") (rule 2): it contradicts public(\"/a\") (rule 1)",
        ),
    ] {
        let error = read(rule).err().unwrap().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[cfg(feature = "rules-toml")]
#[test]
fn toml_says_the_same_as_json() {
    let good = "default = \"private\"\n\n[[rules]]\npath = \"/a\"\naccess = \"public\"\n\n[[rules]]\nexact = \"/b\"\n\
                methods = [\"POST\"]\nrequire = { roles = [\"x\"], login_within = 60 }\n";
    let rules = RouteRules::from_toml(good).unwrap().build().unwrap();
    asks(&rules, "GET", "/a/x", "open");
    asks(&rules, "POST", "/b", "user, role x, login within 60 s");
    asks(&rules, "GET", "/b", "user");
    assert!(rules.explain("POST", "/b").rule().unwrap().ends_with("in line 7"));
    for (text, line, problem) in [
        (good.replace("access", "acces"), 5, "unknown field `acces`"),
        (good.replace("roles =", "role ="), 10, "unknown field `role`"),
        (good.replace("exact = \"/b\"\n", ""), 7, "key `path` is missing"),
        (good.replace("access = \"public\"", "access = \"public\"\naccess = \"guests\""), 6, "duplicate key"),
        (good.replace("\"/a\"", "7"), 4, "invalid type"),
        (good.replace("default = \"private\"\n", "exclude = [\"\"]\n"), 1, "unknown field `exclude`"),
        (good.replace("\"/a\"", "\"/\""), 3, "the prefix `/` is everything"),
    ] {
        let fault = RouteRules::from_toml(&text).and_then(RouteRulesBuilder::build).unwrap_err().to_string();
        assert!(fault.contains(problem) && fault.contains(&format!("line {line}")), "{fault}");
    }
}

#[test]
fn a_route_with_parameters_is_open_if_any_of_its_requests_is() {
    let rules = private()
        .require("/users", role("admin"))
        .public("/users/me")
        .require("/files", role("x"))
        .public("/files/a/public")
        .guests(prefix("/users/new").methods(["POST"]))
        .build()
        .unwrap();
    let asked = |method: &str, route: &str| rules.access_of(rules.decide_route(method, route)).to_string();
    for (method, route, expected) in [
        ("GET", "/users", "user, role admin"),
        ("GET", "/users/{id}", "open"),
        ("GET", "/users/x{id}", "open"),
        ("GET", "/users/{id}/posts", "open"),
        ("GET", "/other/{id}", "user"),
        ("GET", "/{any}", "user"),
        ("GET", "/files/{dir}/private", "user, role x"),
        ("GET", "/files/{dir}/{name}", "open"),
        ("GET", "/files/{*rest}", "open"),
        ("GET", "/files/*", "user, role x"),
        ("GET", "/*", "user"),
        ("GET", "/{*rest}", "open"),
        ("GET", "/users/new", "user, role admin"),
        ("POST", "/users/new", "guests"),
    ] {
        assert_eq!(asked(method, route), expected, "{method} {route}");
    }
}

/// The tree says what a list of all rules says, of which the longest that matches is taken.
#[derive(Debug, Clone)]
struct Written {
    path: String,
    is_exact: bool,
    is_open: bool,
}

impl Written {
    fn is_about(&self, path: &str) -> bool {
        let rest = path.strip_prefix(&self.path);
        rest.is_some_and(|rest| rest.is_empty() || (!self.is_exact && rest.starts_with('/')))
    }
}

fn written() -> impl Strategy<Value = Written> {
    let path = prop::collection::vec(prop::sample::select(vec!["a", "b", "ab"]), 1..=4);
    (path, any::<bool>(), any::<bool>()).prop_map(|(segments, is_exact, is_open)| Written {
        path: format!("/{}", segments.join("/")),
        is_exact,
        is_open,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_tree_decides_as_a_list_would(
        mut list in prop::collection::vec(written(), 0..12),
        paths in prop::collection::vec("(/(a|b|ab|c)){1,5}/?", 1..12),
    ) {
        list.sort_by_key(|rule| (rule.path.clone(), rule.is_exact));
        list.dedup_by_key(|rule| (rule.path.clone(), rule.is_exact));
        let add = |rules: RouteRulesBuilder, rule: &Written| {
            let path = if rule.is_exact { exact(&*rule.path) } else { prefix(&*rule.path) };
            if rule.is_open { rules.public(path) } else { rules.replace(path, role("x")) }
        };
        let rules = list.iter().fold(private(), add).build().unwrap();
        for path in paths {
            let longest = list
                .iter()
                .filter(|rule| rule.is_about(&path))
                .max_by_key(|rule| (rule.path.len(), rule.is_exact));
            let expected = match longest {
                None => Access::Required(Requirement::user()),
                Some(rule) if rule.is_open => Access::Open,
                Some(_) => Access::Required(role("x")),
            };
            prop_assert_eq!(rules.access("GET", &path), Some(&expected), "{}", rules.explain("GET", &path));
        }
    }

    #[test]
    fn no_rule_and_no_path_makes_it_panic(rule in ".{0,24}", method in ".{0,5}", path in ".{0,24}") {
        let built = |rules: RouteRulesBuilder| -> Result<RouteRules, ConfigError> { rules.build() };
        for rules in [
            built(private().public(&*rule)),
            built(private().require(exact(&*rule), role("x"))),
            built(private().public(prefix(&*rule).methods([&method]))),
        ].into_iter().flatten() {
            let _ = rules.explain(&method, &path).to_string();
            let _ = rules.decide_route(&method, &path);
        }
        let _ = RouteRules::from_json(&rule);
    }
}

/// Joined rules are two that stand by themselves: a plain user is no API key.
#[test]
fn an_api_key_passes_both_of_two_rules_or_none() {
    let scoped = RouteRules::private_by_default().require("/x", Requirement::user().scope("read"));
    let plain = RouteRules::private_by_default().replace("/x", Requirement::user());
    for (one, other) in [(scoped.clone(), plain.clone()), (plain, scoped)] {
        let rules = one.join(other).build().unwrap();
        let Some(Access::Required(requirement)) = rules.access("GET", "/x") else { panic!("open") };
        assert!(!requirement.admits_api_keys(), "{requirement:?}");
    }
    let alone = RouteRules::private_by_default().require("/x", Requirement::user().scope("read"));
    let rules = alone.build().unwrap();
    let Some(Access::Required(requirement)) = rules.access("GET", "/x") else { panic!("open") };
    assert!(requirement.admits_api_keys(), "{requirement:?}");
}

/// M-01: both names of the session are known, and nothing else is.
#[cfg(feature = "mandates")]
#[test]
fn mandates_have_keys_in_files() {
    let written = |required: &str| {
        let rule = format!("{{ \"path\": \"/a\",\n\"require\": {required} }}");
        format!("{{ \"default\": \"private\",\n\"rules\": [\n{rule} ] }}")
    };
    let read = |required: &str| RouteRules::from_json(&written(required)).and_then(RouteRulesBuilder::build);
    for (required, words) in [
        (r#"{ "use": "resource" }"#, "user, mandate for a resource"),
        (r#"{ "use": "session" }"#, "user, mandate for a session"),
        (r#"{ "use": "any", "scopes": ["s"] }"#, "user, mandate for any use, scope s"),
        (r#"{ "targets": ["t", "u"] }"#, "user, target t, target u"),
        (r#"{ "agent_session": true }"#, "user, agent session"),
        (r#"{ "session": true }"#, "user, agent session"),
        (r#"{ "delegation": true, "max_hops": 0 }"#, "user, at most 0 hops, delegation"),
        (r#"{ "chain_contains": ["a"] }"#, "user, a in the chain"),
        (
            r#"{ "any_of": [{ "delegation": true }, { "session": true }] }"#,
            "user, any of (all of (delegation); all of (agent session))",
        ),
    ] {
        asks(&read(required).unwrap(), "GET", "/a/x", words);
    }
    for (required, problem) in [
        (r#"{ "require_agent": true }"#, "unknown field `require_agent`"),
        (r#"{ "agent_sesion": true }"#, "unknown field `agent_sesion`"),
        (r#"{ "target": "t" }"#, "unknown field `target`"),
        (r#"{ "max_hop_count": 1 }"#, "unknown field `max_hop_count`"),
        (r#"{ "use": "gateway" }"#, "unknown variant `gateway`"),
        (r#"{ "use": null }"#, "expected value"),
        (r#"{ "targets": [] }"#, "targets: the list is empty"),
        (r#"{ "chain_contains": ["a", "a"] }"#, "chain_contains: a name is repeated"),
        (r#"{ "delegation": 1 }"#, "invalid type: integer `1`, expected a boolean"),
        (r#"{ "max_hops": -1 }"#, "invalid value: integer `-1`"),
        (r#"{ "max_hops": 1.0 }"#, "invalid type: floating point"),
        (r#"{ "session": true, "agent_session": true }"#, "duplicate field `agent_session`"),
    ] {
        let fault = read(required).expect_err(problem).to_string();
        assert!(fault.contains(problem) && fault.contains("line "), "{fault}");
    }
    for key in ["targets", "agent_session", "session", "delegation", "chain_contains", "max_hops"] {
        assert!(read(&format!("{{ \"{key}\": null }}")).is_err(), "{key}");
    }
}

/// A key replaces what the rule above says of the same, and nothing else; `false` takes it away.
#[cfg(feature = "mandates")]
#[test]
fn rules_for_mandates_replace_by_key() {
    let rules = RouteRules::from_json(
        r#"{ "default": "private", "rules": [
            { "path": "/", "require": { "scopes": ["read"], "session": true, "delegation": true, "max_hops": 2, "use": "any" } },
            { "path": "/payouts", "require": { "scopes": ["payout"], "targets": ["t"] } },
            { "path": "/direct", "require": { "delegation": false, "max_hops": 0, "use": "resource" } },
            { "path": "/direct/more", "require": { "agent_session": false, "chain_contains": ["a"] } },
            { "path": "/own", "replace": { "delegation": true } }
        ] }"#,
    );
    let rules = rules.unwrap().build().unwrap();
    let words = "user, mandate for any use, at most 2 hops, agent session, delegation, scope read";
    asks(&rules, "GET", "/x", words);
    let words =
        "user, mandate for any use, at most 2 hops, agent session, delegation, target t, scope payout";
    asks(&rules, "GET", "/payouts", words);
    asks(&rules, "GET", "/direct", "user, agent session, scope read, mandate for a resource, at most 0 hops");
    let words = "user, scope read, mandate for a resource, at most 0 hops, a in the chain";
    asks(&rules, "GET", "/direct/more", words);
    asks(&rules, "GET", "/own", "user, delegation");
    let user = Requirement::user;
    let coded = private()
        .require("/", user().any_use().max_hops(2).session().delegation().scopes(["read"]))
        .require("/payouts", user().targets(["t"]).scopes(["payout"]))
        .build()
        .unwrap();
    for path in ["/x", "/payouts"] {
        assert_eq!(rules.access("GET", path), coded.access("GET", path), "{path}");
    }
}
