//! Tables, findings and assertions, without any framework. What the frameworks really do with such
//! routes is tested by the adapters.

use std::{panic::Location, sync::Arc};

use serde_json::json;

use super::{Precedence::FirstRegistered, *};
use crate::{
    access::Access,
    requirement::Requirement,
    rules::{RouteRules, exact, prefix},
};

const MOST_SPECIFIC: Precedence = Precedence::most_specific();

fn user() -> Access {
    Access::Required(Requirement::user())
}

fn role(name: &str) -> Access {
    Access::Required(Requirement::user().role(name))
}

fn guard(access: Access) -> Arc<Declaration> {
    Arc::new(Declaration::of_guard(access))
}

fn group(access: Access, routes: &[&str]) -> Arc<Declaration> {
    group_at("", access, routes)
}

fn group_at(prefix: &str, access: Access, routes: &[&str]) -> Arc<Declaration> {
    let group = Declaration::of_group(access, prefix);
    for path in routes {
        group.add_route(&Methods::of(["GET"]), path);
    }
    Arc::new(group)
}

fn endpoints() -> Arc<Declaration> {
    endpoints_with(Vec::new())
}

/// With these limits in front of the login.
fn endpoints_with(limits: Vec<Box<str>>) -> Arc<Declaration> {
    let endpoints = Declaration::of_endpoints();
    let all = [
        ("/login".to_owned(), "POST", Access::Open, limits),
        ("/sessions".to_owned(), "GET, HEAD", user(), Vec::new()),
    ];
    endpoints.set_endpoints(all.into_iter(), ["/login"].into_iter());
    Arc::new(endpoints)
}

/// Without the lines of this file, which change.
fn without_lines(text: &str) -> String {
    let file = file!();
    let mut parts = text.split(file);
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        plain += "src";
        plain += part.trim_start_matches([':', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    }
    plain
}

#[track_caller]
fn shows(audit: &Audit, table: &str) {
    let (shown, table) = (without_lines(&audit.to_string()), table.trim_start());
    assert_eq!(shown.trim_end(), table.trim_end(), "\n{shown}");
}

fn application() -> RouteRecord {
    let mut record = RouteRecord::new(MOST_SPECIFIC);
    record.open(&Methods::of(["POST", "GET", "HEAD"]), "/");
    record.guarded(&Methods::any(), "/me", &guard(user()));
    record.guarded(&Methods::of(["GET"]), "/whoami", &guard(Access::Optional));
    record.endpoints(&endpoints());
    record.group("/admin", &group(role("admin"), &["/", "/reports/{id}"]));
    record.unseen("/files");
    record.fallback();
    record
}

#[test]
fn an_application_as_a_table() {
    shows(
        &application().audit(),
        "
METHOD  PATH                 ACCESS            KIND      DECLARED AT
GET     /                    open              route     src
POST    /                    open              route     src
any     /*                   open              fallback  src
GET     /admin               user, role admin  route     src
any     /admin/*             user, role admin  group     src
GET     /admin/reports/{id}  user, role admin  route     src
any     /files/*             unseen            unseen    src
GET     /login               open              route     src
POST    /login               open              endpoint  src
any     /me                  user              route     src
GET     /sessions            user              endpoint  src
GET     /whoami              visitor           route     src
",
    );
}

#[test]
fn an_application_as_markdown_and_as_json() {
    let mut record = RouteRecord::new(MOST_SPECIFIC);
    record.guarded(&Methods::of(["GET"]), "/Z|b", &guard(role("x|y")));
    record.group("/admin", &group(role("admin"), &[]));
    record.open(&Methods::any(), "/admin/{id}");
    let audit = record.audit();
    assert_eq!(
        without_lines(&audit.to_markdown()),
        "| method | path | access | kind | declared at |\n\
         |---|---|---|---|---|\n\
         | GET | `/Z\\|b` | user, role x\\|y | route | src |\n\
         | any | `/admin/*` | user, role admin | group | src |\n\
         | any | `/admin/{id}` | open | route | src |\n\
         \n\
         - any /admin/{id} (open, src) is routed past the guard of group /admin/* (user, role admin, src): \
         add it to the group, or move it out of this path\n"
    );
    let mut shown = audit.to_json();
    let lines: Vec<_> =
        shown["routes"].as_array().unwrap().iter().map(|route| route["line"].clone()).collect();
    assert!(lines.iter().all(serde_json::Value::is_u64));
    for route in shown["routes"].as_array_mut().unwrap() {
        route["line"] = json!(0);
    }
    let file = file!();
    assert_eq!(
        shown["routes"],
        json!([
            { "method": "GET", "path": "/Z|b", "kind": "route", "access": "user, role x|y",
              "requirement": { "roles": ["x|y"] }, "file": file, "line": 0 },
            { "method": "any", "path": "/admin/*", "kind": "group", "access": "user, role admin",
              "requirement": { "roles": ["admin"] }, "file": file, "line": 0 },
            { "method": "any", "path": "/admin/{id}", "kind": "route", "access": "open", "file": file, "line": 0 },
        ])
    );
    assert_eq!(shown["findings"][0]["kind"], "beside_group");
    assert_eq!(shown["findings"][0]["path"], "/admin/{id}");
    assert_eq!(shown["findings"][0]["other"], "/admin/*");
}

fn limits_at(audit: &Audit, method: Option<&str>, path: &str) -> String {
    let is_it = |entry: &&Entry| (entry.method(), entry.path()) == (method, path);
    audit.entries().iter().find(is_it).unwrap().limits().collect::<Vec<_>>().join(", ")
}

#[test]
fn a_limit_without_a_guard_leaves_its_route_open() {
    let limit = || Arc::new(Declaration::of_limits(vec!["5/minute per address".into()], Location::caller()));
    let mut record = RouteRecord::new(MOST_SPECIFIC);
    record.open(&Methods::any(), "/free");
    record.open(&Methods::of(["GET"]), "/search");
    let own = limit();
    record.limited(&own);
    record.guarded(&Methods::any(), "/me", &guard(user()));
    record.limited(&limit()); // no route without a guard
    record.endpoints(&endpoints_with(vec!["5/minute per address".into()]));
    let audit = record.audit();
    assert_eq!(limits_at(&audit, Some("GET"), "/search"), "5/minute per address");
    assert_eq!(limits_at(&audit, None, "/free"), "");
    assert_eq!(limits_at(&audit, None, "/me"), "");
    // A page beside an endpoint is not behind its limit.
    assert_eq!(limits_at(&audit, Some("POST"), "/login"), "5/minute per address");
    assert_eq!(limits_at(&audit, Some("GET"), "/login"), "");
    assert_eq!(limits_at(&audit, Some("GET"), "/sessions"), "");
    let open = audit.all_guarded(&["GET /login"]).unwrap_err().open;
    assert_eq!(open.iter().map(Entry::path).collect::<Vec<_>>(), ["/free", "/search"]);
    // Around everything, and beside what the routes have themselves.
    record.limit(&Arc::new(Declaration::of_limits(vec!["9/hour per address".into()], Location::caller())));
    record.open(&Methods::any(), "/later");
    let audit = record.audit();
    assert_eq!(limits_at(&audit, Some("GET"), "/search"), "5/minute per address, 9/hour per address");
    assert_eq!(limits_at(&audit, None, "/me"), "9/hour per address");
    assert_eq!(limits_at(&audit, None, "/later"), "");
    // By itself it is a line, which no exception is needed for and none is about.
    let [line] = &own.entries()[..] else { panic!("one line") };
    assert_eq!((line.kind(), line.is_open(), line.is_relative()), (EntryKind::Limit, false, true));
    let alone = Audit::new(own.entries(), Vec::new());
    assert!(alone.all_guarded(&[]).is_ok());
    assert_eq!(alone.all_guarded(&["any "]).unwrap_err().stale.len(), 1);
    record.settle();
    let [line] = &own.entries()[..] else { panic!("one line") };
    assert_eq!((line.path(), line.kind(), line.is_open()), ("/search", EntryKind::Route, true));
    assert_eq!(line.limits().collect::<Vec<_>>(), ["5/minute per address"]);
}

#[test]
fn limits_stand_beside_whom_a_route_lets_in() {
    let mut record = RouteRecord::new(MOST_SPECIFIC);
    let guard = Declaration::of_guard(user()).with_limit("5/minute per address");
    record.guarded(&Methods::of(["GET"]), "/me", &Arc::new(guard));
    let inner = Declaration::of_group(user(), "").with_limit("1/second per user");
    inner.add_route(&Methods::of(["GET"]), "/leaf");
    let outer = Declaration::of_group(user(), "").with_limit("9/hour per user").with_access(role("admin"));
    outer.add_route(&Methods::of(["GET"]), "/reports");
    outer.add_group("/inner", &Arc::new(inner));
    record.group("/admin", &Arc::new(outer));
    record.open(&Methods::any(), "/open");
    let audit = record.audit();
    let limits = |path: &str| {
        let entry = audit.entries().iter().find(|entry| entry.path() == path).unwrap();
        entry.limits().collect::<Vec<_>>().join(", ")
    };
    assert_eq!(limits("/me"), "5/minute per address");
    assert_eq!(limits("/admin/*"), "9/hour per user");
    assert_eq!(limits("/admin/reports"), "9/hour per user");
    assert_eq!(limits("/admin/inner/leaf"), "1/second per user, 9/hour per user");
    assert_eq!(limits("/open"), "");
    let table = audit.to_string();
    assert!(table.contains("user, role admin; at most 1/second per user and 9/hour per user"), "{table}");
    let json = audit.to_json();
    let me = json["routes"].as_array().unwrap().iter().find(|route| route["path"] == "/me").unwrap();
    assert_eq!(me["limits"], json!(["5/minute per address"]));
}

#[test]
fn an_empty_audit_is_a_title() {
    shows(&Audit::default(), "METHOD  PATH  ACCESS  KIND  DECLARED AT");
}

fn findings(record: &RouteRecord) -> Vec<(FindingKind, String)> {
    let audit = record.audit();
    let shown = |finding: &Finding| (finding.kind(), finding.path().unwrap_or_default().to_owned());
    audit.findings().iter().map(shown).collect()
}

fn beside(path: &str) -> (FindingKind, String) {
    (FindingKind::BesideGroup, path.to_owned())
}

fn unreachable(path: &str) -> (FindingKind, String) {
    (FindingKind::Unreachable, path.to_owned())
}

#[test]
fn where_the_specific_wins_a_route_under_a_group_is_beside_it_in_any_order() {
    for path in ["/admin/health", "/admin/{id}", "/admin/{*rest}"] {
        let mut before = RouteRecord::new(MOST_SPECIFIC);
        before.open(&Methods::any(), path);
        before.group("/admin", &group(role("admin"), &[]));
        let mut after = RouteRecord::new(MOST_SPECIFIC);
        after.group("/admin", &group(role("admin"), &[]));
        after.open(&Methods::any(), path);
        let expected = if path.contains('*') { vec![] } else { vec![beside(path)] };
        assert_eq!(findings(&before), expected);
        assert_eq!(findings(&after), expected);
    }
    let mut elsewhere = RouteRecord::new(MOST_SPECIFIC);
    elsewhere.group("/admin", &group(role("admin"), &["/health"]));
    for path in ["/", "/administration", "/{any}/health", "/{*rest}"] {
        elsewhere.open(&Methods::any(), path);
    }
    elsewhere.fallback();
    elsewhere.endpoints(&endpoints());
    assert_eq!(findings(&elsewhere), []);
}

#[test]
fn where_the_first_wins_the_order_decides() {
    let mut record = RouteRecord::new(FirstRegistered);
    record.open(&Methods::any(), "/admin/early");
    record.open(&Methods::of(["GET"]), "/{any}");
    record.group("", &group_at("/admin", role("admin"), &["", "/x"]));
    record.open(&Methods::any(), "/admin/late");
    record.open(&Methods::any(), "/{all}/late");
    assert_eq!(findings(&record), [beside("/admin/early"), unreachable("/admin/late"), beside("/{any}")]);
    let audit = record.audit();
    let late = audit.entries().iter().find(|entry| entry.path() == "/admin/late").unwrap();
    assert!(!late.is_reachable() && !late.is_open());
    assert_eq!(late.shown_access(), "never reached (open)");
    // What is never reached is not open, and yet a finding.
    let unguarded = audit.all_guarded(&["/admin/early", "/{any}", "/{all}/late"]).unwrap_err();
    assert!(unguarded.open.is_empty() && unguarded.stale.is_empty());
    assert_eq!(unguarded.findings[0].kind(), FindingKind::Unreachable);
    assert!(audit.all_guarded(&["/admin/early", "/{any}", "/{all}/late", "/admin/late"]).is_ok());
}

#[test]
fn of_two_resources_with_one_path_the_second_is_never_reached() {
    let mut record = RouteRecord::new(FirstRegistered);
    record.open(&Methods::of(["GET"]), "/x");
    record.open(&Methods::of(["POST"]), "/x");
    assert_eq!(findings(&record), []);
    record.guarded(&Methods::of(["PUT"]), "/x", &guard(user()));
    record.open(&Methods::of(["DELETE"]), "/x");
    assert_eq!(findings(&record), [unreachable("/x")]);
}

#[test]
fn where_the_rest_may_be_empty_it_takes_the_empty_path() {
    for (precedence, expected) in
        [(MOST_SPECIFIC, vec![]), (Precedence::most_specific_or_rest(), vec![unreachable("/")])]
    {
        let mut record = RouteRecord::new(precedence);
        record.open_resource(&Methods::any(), "/");
        record.open_resource(&Methods::any(), "/{*rest}");
        assert_eq!(findings(&record), expected);
    }
}

#[test]
fn a_page_beside_an_endpoint_is_reached() {
    for precedence in [FirstRegistered, MOST_SPECIFIC] {
        let mut record = RouteRecord::new(precedence);
        record.endpoints(&endpoints());
        assert_eq!(findings(&record), []);
    }
}

#[test]
fn the_users_of_another_provider_are_others_whatever_is_asked_of_them() {
    let findings_of = |of_route: u64, of_group: u64| {
        let mut record = RouteRecord::new(MOST_SPECIFIC);
        record.group("/admin", &Arc::new(Declaration::of_group(role("a"), "").of_provider(of_group)));
        let guard = Declaration::of_guard(role("a")).of_provider(of_route);
        record.guarded(&Methods::any(), "/admin/health", &Arc::new(guard));
        findings(&record)
    };
    assert_eq!(findings_of(1, 1), []);
    assert_eq!(findings_of(1, 2), [beside("/admin/health")]);
}

#[test]
fn a_guard_that_is_put_in_front_of_a_group_lists_its_routes() {
    let declarations = Declarations::default();
    let guard = declarations.add(Declaration::of_guard(Access::Optional));
    assert_eq!(declarations.audit().entries().len(), 1);
    guard.add_route(&Methods::of(["GET"]), "/whoami");
    let paths: Vec<_> = declarations.audit().entries().iter().map(|entry| entry.path().to_owned()).collect();
    assert_eq!(paths, ["/*", "/whoami"]);
}

#[test]
fn a_route_that_asks_for_as_much_as_the_group_is_no_finding() {
    let asks = |access: Access| {
        let mut record = RouteRecord::new(MOST_SPECIFIC);
        let admins = Access::Required(Requirement::user().role("a").and(Requirement::user().permission("p")));
        record.group("/admin", &group(admins, &[]));
        record.guarded(&Methods::any(), "/admin/x", &guard(access));
        findings(&record)
    };
    let both = Requirement::user().permission("p").role("a");
    assert_eq!(asks(Access::Required(both.clone())), []);
    assert_eq!(asks(Access::Required(both.clone().role("b"))), []);
    assert_eq!(asks(Access::Required(both.danger_allow_inactive())), [beside("/admin/x")]);
    for weaker in [Access::Open, Access::Optional, user(), role("a"), role("b")] {
        assert_eq!(asks(weaker), [beside("/admin/x")]);
    }

    let mut keys = RouteRecord::new(MOST_SPECIFIC);
    keys.group("/users", &group(user(), &[]));
    keys.guarded(&Methods::any(), "/users/x", &guard(role("a")));
    assert_eq!(findings(&keys), []);
    keys.guarded(
        &Methods::any(),
        "/users/key",
        &guard(Access::Required(Requirement::user().allow_api_keys())),
    );
    assert_eq!(findings(&keys), [beside("/users/key")]);
}

#[test]
fn a_group_beside_a_group_is_reported_once() {
    let mut record = RouteRecord::new(MOST_SPECIFIC);
    record.group("/admin", &group(role("admin"), &["/x"]));
    record.group("/admin/reports", &group(role("reports"), &["/", "/all"]));
    assert_eq!(findings(&record), [beside("/admin/reports/*")]);
}

#[test]
fn routers_within_routers() {
    let inner = |precedence| {
        let mut inner = RouteRecord::new(precedence);
        inner.open(&Methods::any(), "/admin/health");
        inner.group(
            if precedence == MOST_SPECIFIC { "/users" } else { "" },
            &match precedence {
                FirstRegistered => group_at("/users", user(), &["/"]),
                Precedence::MostSpecific { .. } => group(user(), &["/"]),
            },
        );
        inner
    };
    // One tree: the health check wins against a group of the outer router.
    let mut merged = RouteRecord::new(MOST_SPECIFIC);
    merged.group("/api/admin", &group(role("admin"), &[]));
    merged.merge("/api", inner(MOST_SPECIFIC));
    assert_eq!(findings(&merged), [beside("/api/admin/health")]);
    shows(
        &merged.audit(),
        "
METHOD  PATH               ACCESS            KIND   DECLARED AT
any     /api/admin/*       user, role admin  group  src
any     /api/admin/health  open              route  src
GET     /api/users         user              route  src
any     /api/users/*       user              group  src

1 finding:
- any /api/admin/health (open, src) is routed past the guard of group /api/admin/* (user, role admin, src): \
add it to the group, or move it out of this path
",
    );
    // Two trees: the outer one decides, and its more specific path is the group's.
    let mut nested = RouteRecord::new(MOST_SPECIFIC);
    nested.group("/api/admin", &group(role("admin"), &[]));
    nested.nest("/api", inner(MOST_SPECIFIC));
    nested.open(&Methods::any(), "/api/users/list");
    assert_eq!(findings(&nested), [unreachable("/api/admin/health"), beside("/api/users/list")]);
    // The first one takes everything under its path.
    let mut scopes = RouteRecord::new(FirstRegistered);
    scopes.nest("/api", inner(FirstRegistered));
    scopes.group("", &group_at("/api/admin", role("admin"), &["/x"]));
    assert_eq!(findings(&scopes), [unreachable("/api/admin/*"), beside("/api/admin/health")]);
    assert!(scopes.audit().entries().iter().any(|entry| entry.path() == "/api/users/"));
}

#[test]
fn what_is_merged_unseen_may_hold_anything() {
    let mut record = RouteRecord::new(MOST_SPECIFIC);
    record.group("/admin", &group(role("admin"), &[]));
    record.unseen("/");
    assert_eq!(findings(&record), []);
    record.unseen_routes("");
    assert_eq!(findings(&record), [(FindingKind::MayLieBesideGroup, "/*".to_owned())]);
    let mut elsewhere = RouteRecord::new(MOST_SPECIFIC);
    elsewhere.group("/admin", &group(role("admin"), &[]));
    elsewhere.unseen_routes("/public");
    assert_eq!(findings(&elsewhere), []);
    let mut after = RouteRecord::new(FirstRegistered);
    after.group("", &group_at("/admin", role("admin"), &[]));
    after.unseen_routes("");
    after.open(&Methods::any(), "/x");
    assert_eq!(findings(&after), []);
}

#[test]
fn groups_in_groups_ask_for_both() {
    let (outer, inner) = (group(role("admin"), &["/"]), group(role("boss"), &["/x"]));
    let same = group(Access::Required(Requirement::user().role("admin").role("chief")), &["/y"]);
    inner.add_mount("/files");
    outer.add_group("/inner", &inner);
    outer.add_group("/same", &same);
    let mut record = RouteRecord::new(MOST_SPECIFIC);
    record.group("/admin", &outer);
    let table = "
METHOD  PATH                  ACCESS                                      KIND   DECLARED AT
GET     /admin                user, role admin                            route  src
any     /admin/*              user, role admin                            group  src
any     /admin/inner/*        user, all of (role admin), all of (role boss)  group  src
any     /admin/inner/files/*  user, all of (role admin), all of (role boss)  route  src
GET     /admin/inner/x        user, all of (role admin), all of (role boss)  route  src
any     /admin/same/*         user, role admin, role chief                group  src
GET     /admin/same/y         user, role admin, role chief                route  src
";
    let squeezed = |text: &str| {
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(squeezed(&without_lines(&record.audit().to_string())), squeezed(table.trim()));
    // By itself, the inner one is no more than what the outer one lists of it.
    assert!(inner.entries().is_empty());
    assert_eq!(outer.entries().len(), 7);
}

#[test]
fn without_a_router_that_registers_paths_lack_their_beginning() {
    let declarations = Declarations::default();
    let mut guarded = Vec::new();
    for _ in 0..2 {
        // As an application that is made for each worker.
        let admins = declarations.add(Declaration::of_group(role("admin"), ""));
        admins.add_route(&Methods::of(["GET"]), "/dashboard");
        guarded.push(admins);
        let scope = declarations.add(Declaration::of_group(user(), "/internal"));
        scope.add_route(&Methods::any(), "/x");
        guarded.push(scope);
        guarded.push(declarations.add(Declaration::of_guard(Access::Optional)));
    }
    shows(
        &declarations.audit(),
        "
METHOD  PATH         ACCESS            KIND   DECLARED AT
any     /internal/*  user              group  src
any     /internal/x  user              route  src
any     …            visitor           guard  src
any     …/*          user, role admin  group  src
GET     …/dashboard  user, role admin  route  src
",
    );
    assert_eq!(declarations.audit().to_json()["routes"][3]["relative"], true);
}

#[test]
fn a_router_that_registers_tells_where_things_lie() {
    let declarations = Declarations::default();
    let guard = declarations.add(Declaration::of_guard(role("a")));
    let users = declarations.add(Declaration::of_group(user(), ""));
    users.add_route(&Methods::of(["GET"]), "/");
    let mut inner = RouteRecord::new(MOST_SPECIFIC);
    inner.guarded(&Methods::of(["GET"]), "/one", &guard);
    inner.guarded(&Methods::of(["PUT"]), "/two", &guard);
    inner.group("/users", &users);
    let mut outer = RouteRecord::new(MOST_SPECIFIC);
    outer.merge("/api", inner);
    outer.settle();
    outer.settle();
    shows(
        &declarations.audit(),
        "
METHOD  PATH          ACCESS        KIND   DECLARED AT
GET     /api/one      user, role a  route  src
PUT     /api/two      user, role a  route  src
GET     /api/users    user          route  src
any     /api/users/*  user          group  src
",
    );
}

#[test]
fn more_routes_than_are_listed_are_a_finding() {
    let users = group(user(), &[]);
    (0..4096).for_each(|at| users.add_route(&Methods::any(), &format!("/{at}")));
    let mut record = RouteRecord::new(MOST_SPECIFIC);
    record.group("/users", &users);
    assert!(record.audit().findings().is_empty());
    users.add_route(&Methods::any(), "/one-more");
    assert_eq!(record.audit().findings()[0].kind(), FindingKind::Incomplete);
}

#[test]
fn exceptions_by_path_and_by_method() {
    let audit = application().audit();
    assert_eq!(audit.all_guarded(&["/", "/*", "unseen /files/*", "/login", "/whoami"]), Ok(()));
    // The page at /login needs one, the endpoint does not.
    assert_eq!(
        audit.all_guarded(&["GET /", "POST /", "/*", "unseen /files/*", "GET /login", "/whoami"]),
        Ok(())
    );
    let unguarded = audit.all_guarded(&["GET /", "/*", "unseen /files/*", "/whoami"]).unwrap_err();
    let open: Vec<_> = unguarded.open.iter().map(|entry| (entry.method(), entry.path())).collect();
    assert_eq!(open, [(Some("POST"), "/"), (Some("GET"), "/login")]);
    assert!(unguarded.stale.is_empty());
}

#[test]
fn exceptions_that_match_no_open_route_are_stale() {
    let audit = application().audit();
    let good = ["/", "/*", "unseen /files/*", "/login", "/whoami"];
    for stale in
        ["/me", "/nowhere", "/admin", "PUT /", "/files/*", "any /files/*", "unseen /*", "", "/sessions"]
    {
        let unguarded = audit.all_guarded(&[&good[..], &[stale]].concat()).unwrap_err();
        assert_eq!(unguarded.stale.len(), 1);
        assert_eq!(&*unguarded.stale[0], stale);
        assert!(unguarded.open.is_empty());
    }
}

#[test]
fn an_exception_for_a_fallback_is_none_for_what_cannot_be_seen_into() {
    let mut record = RouteRecord::new(MOST_SPECIFIC);
    record.fallback();
    assert_eq!(record.audit().all_guarded(&["/*"]), Ok(()));
    record.unseen("/");
    let unguarded = record.audit().all_guarded(&["/*"]).unwrap_err();
    assert_eq!(unguarded.open.iter().map(Entry::kind).collect::<Vec<_>>(), [EntryKind::Unseen]);
    assert_eq!(record.audit().all_guarded(&["/*", "unseen /*"]), Ok(()));
}

#[test]
fn findings_fail_unless_an_exception_names_their_path() {
    let mut record = RouteRecord::new(MOST_SPECIFIC);
    record.group("/admin", &group(role("admin"), &[]));
    record.guarded(&Methods::of(["GET"]), "/admin/users", &guard(user()));
    let audit = record.audit();
    let unguarded = audit.all_guarded(&[]).unwrap_err();
    assert!(unguarded.open.is_empty() && unguarded.stale.is_empty());
    assert_eq!(unguarded.findings, audit.findings());
    assert_eq!(audit.all_guarded(&["/admin/users"]), Ok(()));
    assert_eq!(audit.all_guarded(&["GET /admin/users"]), Ok(()));
    let of_others = audit.all_guarded(&["POST /admin/users", "/admin/*"]).unwrap_err();
    assert_eq!((of_others.findings.len(), of_others.stale.len()), (1, 2));

    let mut unseen = RouteRecord::new(MOST_SPECIFIC);
    unseen.group("/admin", &group(role("admin"), &[]));
    unseen.unseen_routes("");
    assert_eq!(unseen.audit().all_guarded(&["unseen /*"]), Ok(()));
}

#[test]
fn a_group_with_a_slash_at_its_end_guards_nothing_where_the_first_wins() {
    let mut record = RouteRecord::new(FirstRegistered);
    record.group("", &group_at("/admin/", role("admin"), &[]));
    record.group("", &group_at("/", role("admin"), &[]));
    record.open(&Methods::any(), "/admin/users");
    assert_eq!(findings(&record), []);
    let unguarded = record.audit().all_guarded(&[]).unwrap_err();
    assert_eq!(unguarded.open[0].path(), "/admin/users");
}

#[test]
fn exceptions_may_be_written_with_colons() {
    let mut record = RouteRecord::new(MOST_SPECIFIC);
    record.open(&Methods::any(), "/files/{name}/{*rest}");
    record.open(&Methods::any(), "/books:batch");
    assert_eq!(record.audit().all_guarded(&["/files/:name/*rest", "/books:batch"]), Ok(()));
}

#[test]
fn the_assertion_lists_what_is_wrong() {
    let mut record = RouteRecord::new(MOST_SPECIFIC);
    record.group("/admin", &group(role("admin"), &[]));
    record.open(&Methods::of(["GET"]), "/admin/health");
    record.guarded(&Methods::any(), "/hello", &guard(Access::Optional));
    record.unseen("/files");
    record.fallback();
    let unguarded = record.audit().all_guarded(&["/gone", "/admin"]).unwrap_err();
    assert_eq!(
        without_lines(&unguarded.to_string()),
        "4 routes are open to everybody:\n  \
           any /*  src (the handler for requests that match no route)\n  \
           GET /admin/health  src (beside the group /admin/*, whose guard it does not pass)\n  \
           any /files/*  src (its routes cannot be inspected; its exception is \"unseen /files/*\")\n  \
           any /hello  src (visitors are admitted)\n\
         put a guard in front of them, or name their paths in `except [..]`\n\
         2 exceptions match no open route:\n  \
           /gone\n  \
           /admin\n\
         remove them, or write the paths as the audit lists them\n\
         1 finding:\n  \
           GET /admin/health (open, src) is routed past the guard of group /admin/* (user, role admin, src): \
         add it to the group, or move it out of this path\n\
         if this is intended, name its path in `except [..]`\n"
    );
}

struct App(RouteRecord);

impl Audited for App {
    fn audit(&self) -> Audit {
        self.0.audit()
    }
}

#[test]
fn the_macro_takes_values_and_references_and_any_list() {
    let app = App(application());
    crate::assert_all_guarded!(app, except ["/", "/*", "unseen /files/*", "/login", "/whoami",]);
    let owned = "/whoami".to_owned();
    crate::assert_all_guarded!(&app, except ["/", "/*", "unseen /files/*", "/login", &owned]);
    crate::assert_all_guarded!(App(RouteRecord::new(MOST_SPECIFIC)));
}

#[test]
#[should_panic(expected = "1 route is open to everybody:\n  any /open  ")]
fn the_macro_fails_for_an_open_route() {
    let mut record = RouteRecord::new(MOST_SPECIFIC);
    record.open(&Methods::any(), "/open");
    crate::assert_all_guarded!(App(record));
}

#[test]
#[should_panic(expected = "1 exception matches no open route:\n  /x\n")]
fn the_macro_fails_for_a_stale_exception() {
    crate::assert_all_guarded!(App(RouteRecord::new(MOST_SPECIFIC)), except["/x"]);
}

#[test]
fn what_rules_ask_for_stands_beside_what_guards_ask_for() {
    let rules = RouteRules::private_by_default()
        .public(exact("/"))
        .public(prefix("/posts").methods(["GET"]))
        .require("/admin", Requirement::user().role("admin"))
        .build()
        .unwrap();
    let declared = Arc::new(Declaration::of_rules(&rules));
    let mut record = RouteRecord::new(MOST_SPECIFIC);
    record.open(&Methods::of(["GET"]), "/");
    record.open(&Methods::of(["GET", "POST"]), "/posts/{id}");
    record.guarded(&Methods::of(["GET"]), "/admin/audit", &guard(role("auditor")));
    record.guarded(&Methods::of(["GET"]), "/whoami", &guard(Access::Optional));
    record.group("/staff", &group(role("staff"), &["/"]));
    record.unseen("/files");
    record.protect(&rules, &declared);
    record.open(&Methods::any(), "/later");
    let mut whole = RouteRecord::new(MOST_SPECIFIC);
    whole.merge("", record);
    let audit = whole.audit();
    let shown: Vec<_> = audit
        .entries()
        .iter()
        .map(|entry| {
            format!("{} {} {}: {}", entry.shown_method(), entry.path(), entry.kind().name(), entry.access())
        })
        .collect();
    assert_eq!(
        shown,
        [
            "any / rule: open",
            "GET / route: open",
            "any /* rule: user",
            "any /admin/* rule: user, role admin",
            "GET /admin/audit route: user, all of (role admin), all of (role auditor)",
            "any /files/* unseen: user",
            "any /later route: open",
            "GET /posts/* rule: open",
            "GET /posts/{id} route: open",
            "POST /posts/{id} route: user",
            "GET /staff route: user, role staff",
            "any /staff/* group: user, role staff",
            "GET /whoami route: user",
        ]
    );
    let unguarded = audit.all_guarded(&["/", "GET /posts/{id}"]).unwrap_err();
    assert_eq!(unguarded.open.len(), 1, "{unguarded}");
    assert!(audit.all_guarded(&["/", "GET /posts/{id}", "/later"]).is_ok());
}
