//! What an audit says, held against what axum does: each line of it is proven by requests.
#![expect(clippy::unwrap_used, reason = "a test that fails is meant to panic")]

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    routing::{any, delete, get, post},
};
use fauth_axum::{
    AuditedRouter, AuthRoutes, SecureRouter, assert_all_guarded, limit, protect, require_roles, require_user,
    visitor,
};
use fauth_core::{
    AuthProvider, Purpose, Requirement, RouteRules,
    audit::{Audit, Audited as _, Entry, EntryKind, FindingKind},
    routes::Endpoint,
    rules::exact,
};
use fauth_testing::{Log, TestUser, Users, at_once, config_builder, provider_with};
use tower::ServiceExt as _;

type Auth = AuthProvider<TestUser>;

fn provider() -> Auth {
    fauth_testing::provider().build().unwrap()
}

/// Of an application whose users are others, whatever their names and roles.
fn of_another_application() -> Auth {
    let config = config_builder().application("another").build().unwrap();
    provider_with(config, &Users::new()).build().unwrap()
}

/// Status and body of the answer.
async fn send(app: &Router, method: &str, target: &str, token: Option<&str>) -> (u16, String) {
    let mut request = Request::builder().method(method).uri(target);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let (head, body) = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (head.status.as_u16(), String::from_utf8(body.into()).unwrap())
}

async fn anonymous(app: &Router, method: &str, target: &str) -> u16 {
    send(app, method, target, None).await.0
}

/// A path that the path of an entry stands for.
fn example(path: &str) -> String {
    let mut example = path.replace("/*", "/some/thing").replace("{*rest}", "a/b");
    while let Some((start, (_, end))) =
        example.split_once('{').and_then(|(start, rest)| Some((start, rest.split_once('}')?)))
    {
        example = format!("{start}1{end}");
    }
    example
}

/// Method, path, access and kind of each line.
fn lines(audit: &Audit) -> Vec<String> {
    let line = |entry: &Entry| {
        let (method, kind) = (entry.method().unwrap_or("any"), entry.kind().name());
        format!("{method} {}: {} ({kind})", entry.path(), entry.access())
    };
    audit.entries().iter().map(line).collect()
}

fn findings(audit: &Audit) -> Vec<(FindingKind, &str)> {
    audit.findings().iter().map(|finding| (finding.kind(), finding.path().unwrap())).collect()
}

fn application(auth: &Auth) -> AuditedRouter {
    let boss = SecureRouter::new(auth).require_permission("write").route("/x", get(async || "boss"));
    let admins = SecureRouter::new(auth)
        .require_roles(["admin"])
        .route("/", get(async || "admin"))
        .route("/users/{id}", get(async || "user").delete(async || "gone"))
        .nest("/old", Router::new().route("/", get(async || "old")))
        .nest_service("/boss", boss)
        .nest_service("/service", any(async || "service"));
    let team = SecureRouter::new(auth).route("/{*rest}", any(async || "team")).fallback(async || "nothing");
    let api = AuditedRouter::new()
        .route("/status", get(async || "fine"))
        .guarded("/own", require_user(auth), post(async || "own").put(async || "own"))
        .nest_service("/team", team);
    AuditedRouter::new()
        .route("/", get(async || "home"))
        .route("/items/{id}", delete(async || "deleted").get(async || "item").head(async || ""))
        .guarded("/me", require_user(auth), get(async || "me"))
        .guarded("/hello", visitor(auth), get(async || "hello"))
        .auth_routes(auth)
        .nest_service("/admin", admins)
        .nest("/api", api)
        .merge(AuditedRouter::new().route("/merged", any(async || "merged")))
        .nest_service_unseen("/files", any(async || "file"))
        .fallback(async || "nothing")
}

#[test]
fn an_audit_lists_what_was_mounted() {
    let audit = application(&provider()).audit();
    assert_eq!(
        lines(&audit),
        [
            "GET /: open (route)",
            "any /*: open (fallback)",
            "GET /admin: user, role admin (route)",
            "any /admin/*: user, role admin (group)",
            "any /admin/boss/*: user, all of (role admin), all of (permission write) (group)",
            "GET /admin/boss/x: user, all of (role admin), all of (permission write) (route)",
            "any /admin/old/*: user, role admin (route)",
            "any /admin/service/*: user, role admin (route)",
            "DELETE /admin/users/{id}: user, role admin (route)",
            "GET /admin/users/{id}: user, role admin (route)",
            "POST /api/own: user (route)",
            "PUT /api/own: user (route)",
            "GET /api/status: open (route)",
            "any /api/team/*: user (group)",
            "any /api/team/{*rest}: user (route)",
            "any /files/*: open (unseen)",
            "GET /hello: visitor (route)",
            "DELETE /items/{id}: open (route)",
            "GET /items/{id}: open (route)",
            "POST /login: open (endpoint)",
            "POST /logout: open (endpoint)",
            "POST /logout/all: user (endpoint)",
            "GET /me: user (route)",
            "any /merged: open (route)",
            "POST /refresh: open (endpoint)",
            "GET /sessions: user (endpoint)",
            "DELETE /sessions/{sid}: user (endpoint)",
        ]
    );
    assert_eq!(findings(&audit), []);
}

#[test]
fn what_was_declared_names_the_line_of_the_application() {
    let auth = provider();
    let (group, line) = (SecureRouter::new(&auth).require_roles(["admin"]), line!());
    let app = AuditedRouter::<()>::new()
        .nest_service("/admin", group.route("/", get(async || "")))
        .guarded("/me", require_user(&auth), get(async || ""))
        .auth_routes(&auth);
    let audit = app.audit();
    assert!(audit.entries().iter().all(|entry| entry.location().file() == file!()));
    let at =
        |path: &str| audit.entries().iter().find(|entry| entry.path() == path).unwrap().location().line();
    assert_eq!([at("/admin/*"), at("/admin"), at("/me"), at("/login")], [line, line + 2, line + 3, line + 4]);
}

#[tokio::test]
async fn each_line_is_what_a_request_meets() {
    let auth = provider();
    let app = application(&auth);
    let audit = app.audit();
    let app = app.into_router();
    let alice = at_once(auth.issue(Purpose::Access, "alice")).unwrap();
    let bob = at_once(auth.issue(Purpose::Access, "bob")).unwrap();
    for entry in audit.entries() {
        let (method, target) = (entry.method().unwrap_or("GET"), example(entry.path()));
        let (status, _) = send(&app, method, &target, None).await;
        match entry.kind() {
            EntryKind::Endpoint if entry.access().admits_anonymous() => {
                assert!([400, 401, 415].contains(&status), "{method} {target}: {status}");
                continue;
            }
            _ if entry.is_open() => assert_eq!(status, 200, "{method} {target}"),
            _ => assert_eq!(status, 401, "{method} {target}"),
        }
        if entry.path() == "/logout/all" {
            continue; // it would end what alice presents
        }
        let good = send(&app, method, &target, Some(alice.expose())).await.0;
        assert!([200, 404].contains(&good), "{method} {target}: {good}");
        if entry.access().has_conditions() {
            assert_eq!(send(&app, method, &target, Some(bob.expose())).await.0, 403, "{method} {target}");
        }
    }
}

#[tokio::test]
async fn a_guard_covers_head_and_the_methods_that_a_route_does_not_answer() {
    let app = application(&provider()).into_router();
    for (method, target, status) in [
        ("HEAD", "/", 200),
        ("HEAD", "/me", 401),
        ("HEAD", "/admin", 401),
        ("DELETE", "/me", 401),
        ("DELETE", "/api/own", 401),
        ("OPTIONS", "/admin/users/1", 401),
        ("POST", "/", 405),
    ] {
        assert_eq!(anonymous(&app, method, target).await, status, "{method} {target}");
    }
}

#[tokio::test]
async fn what_is_beside_a_group_is_reported_and_nothing_else_is() {
    let auth = provider();
    let group = || SecureRouter::new(&auth).require_roles(["admin"]).route("/x", get(async || "group"));
    let beside = || get(async || "beside");
    // A route beside a group at /admin, a request, and whether it gets past the guard.
    for (path, target, is_past) in [
        ("/admin/health", "/admin/health", true),
        ("/admin/x/", "/admin/x/", true),
        ("/admin/x/{*rest}", "/admin/x/b/c", true),
        ("/admin/x{id}", "/admin/x1", true),
        ("/{any}/health", "/admin/health", false),
        ("/{*rest}", "/admin/health", false),
        ("/adm{any}/health", "/admin/health", false),
        ("/administration", "/admin/health", false),
    ] {
        for is_first in [true, false] {
            let router = AuditedRouter::new();
            let app = if is_first {
                router.route(path, beside()).nest_service("/admin", group())
            } else {
                router.nest_service("/admin", group()).route(path, beside())
            };
            let found = findings(&app.audit()).contains(&(FindingKind::BesideGroup, path));
            let answer = send(&app.into_router(), "GET", target, None).await;
            assert_eq!(answer.1 == "beside", is_past, "{path}: {answer:?}");
            assert_eq!(found, is_past, "{path}");
        }
    }
}

#[tokio::test]
async fn a_route_for_the_users_of_another_application_is_beside_a_group() {
    let (auth, another) = (provider(), of_another_application());
    let app = |of_route: &Auth| {
        let admins = SecureRouter::new(&auth).require_roles(["admin"]).route("/x", get(async || "group"));
        AuditedRouter::new().nest_service("/admin", admins).guarded(
            "/admin/health",
            require_roles(of_route, ["admin"]),
            get(async || "beside"),
        )
    };
    // The same demand, of other users.
    assert_all_guarded!(app(&auth));
    let of_another = app(&another);
    let audit = of_another.audit();
    assert_eq!(
        lines(&audit),
        [
            "any /admin/*: user, role admin (group)",
            "GET /admin/health: user, role admin (route)",
            "GET /admin/x: user, role admin (route)",
        ]
    );
    assert_eq!(findings(&audit), [(FindingKind::BesideGroup, "/admin/health")]);
    let unguarded = audit.all_guarded(&[]).unwrap_err();
    assert!(unguarded.open.is_empty() && unguarded.stale.is_empty());
    assert_eq!(unguarded.findings, audit.findings());
    assert_all_guarded!(of_another, except["/admin/health"]);
    let served = of_another.into_router();
    let own = at_once(auth.issue(Purpose::Access, "alice")).unwrap();
    let foreign = at_once(another.issue(Purpose::Access, "alice")).unwrap();
    for (token, in_group, beside) in
        [(None, 401, 401), (Some(own.expose()), 200, 401), (Some(foreign.expose()), 401, 200)]
    {
        assert_eq!(send(&served, "GET", "/admin/x", token).await.0, in_group);
        assert_eq!(send(&served, "GET", "/admin/health", token).await.0, beside);
    }
}

#[tokio::test]
async fn a_group_of_another_application_within_a_group_asks_for_both() {
    let (auth, another) = (provider(), of_another_application());
    let inner = SecureRouter::new(&another).require_permission("write").route("/x", get(async || "inner"));
    let app = AuditedRouter::new().nest_service(
        "/admin",
        SecureRouter::new(&auth).require_roles(["admin"]).nest_service("/inner", inner),
    );
    let audit = app.audit();
    assert_eq!(
        lines(&audit),
        [
            "any /admin/*: user, role admin (group)",
            "any /admin/inner/*: user, all of (role admin), all of (permission write) (group)",
            "GET /admin/inner/x: user, all of (role admin), all of (permission write) (route)",
        ]
    );
    assert_all_guarded!(app);
    let served = app.into_router();
    // Nobody has both with one token.
    for provider in [&auth, &another] {
        let token = at_once(provider.issue(Purpose::Access, "alice")).unwrap();
        let status = send(&served, "GET", "/admin/inner/x", Some(token.expose())).await.0;
        assert_eq!(status, 401);
    }
}

#[tokio::test]
async fn routes_of_nested_routers_are_beside_a_group_too() {
    let auth = provider();
    let group = || SecureRouter::new(&auth).route("/x", get(async || "group"));
    let inner = AuditedRouter::new().route("/admin/health", get(async || "beside"));
    let app = AuditedRouter::new().nest_service("/api/admin", group()).nest("/api", inner);
    assert_eq!(findings(&app.audit()), [(FindingKind::BesideGroup, "/api/admin/health")]);
    let app = app.into_router();
    assert_eq!(anonymous(&app, "GET", "/api/admin/health").await, 200);
    assert_eq!(anonymous(&app, "GET", "/api/admin/x").await, 401);

    let tenants = AuditedRouter::new()
        .nest_service("/{tenant}/admin", group())
        .route("/acme/{*rest}", get(async || "beside"));
    assert_eq!(findings(&tenants.audit()), [(FindingKind::BesideGroup, "/acme/{*rest}")]);
    let tenants = tenants.into_router();
    assert_eq!(anonymous(&tenants, "GET", "/acme/admin/x").await, 200);
    assert_eq!(anonymous(&tenants, "GET", "/other/admin/x").await, 401);
}

#[tokio::test]
async fn fallbacks_are_asked_last() {
    let auth = provider();
    let group = SecureRouter::new(&auth).route("/x", get(async || "group"));
    let inner = AuditedRouter::new().fallback(async || "fallback");
    let app = AuditedRouter::new().nest_service("/{any}/admin", group).nest("/api", inner);
    let audit = app.audit();
    assert_eq!(lines(&audit)[0], "any /api/*: open (fallback)");
    assert_eq!(findings(&audit), []);
    let app = app.into_router();
    assert_eq!(anonymous(&app, "GET", "/api/nowhere").await, 200);
    assert_eq!(anonymous(&app, "GET", "/api/admin/nowhere").await, 401);
}

#[tokio::test]
async fn what_is_merged_unseen_may_be_beside_a_group() {
    let auth = provider();
    let group = SecureRouter::new(&auth).route("/x", get(async || "group"));
    let router = Router::new().route("/admin/health", get(async || "beside"));
    let app = AuditedRouter::new().nest_service("/admin", group).merge_unseen(router);
    assert_eq!(findings(&app.audit()), [(FindingKind::MayLieBesideGroup, "/*")]);
    assert_eq!(anonymous(&app.into_router(), "GET", "/admin/health").await, 200);
}

#[tokio::test]
async fn a_page_beside_an_endpoint_is_a_route() {
    let auth = provider();
    let routes = AuthRoutes::new(&auth)
        .at(Endpoint::Login, "/signin")
        .page(Endpoint::Login, async || "form")
        .only([Endpoint::Login, Endpoint::Session]);
    let app = AuditedRouter::new().nest("/auth", routes);
    let audit = app.audit();
    assert_eq!(
        lines(&audit),
        [
            "DELETE /auth/sessions/{sid}: user (endpoint)",
            "GET /auth/signin: open (route)",
            "POST /auth/signin: open (endpoint)",
        ]
    );
    assert_eq!(findings(&audit), []);
    assert_all_guarded!(app, except["GET /auth/signin"]);
    assert!(audit.all_guarded(&[]).is_err());
    let app = app.into_router();
    assert_eq!(send(&app, "GET", "/auth/signin", None).await, (200, "form".to_owned()));
    assert_eq!(anonymous(&app, "DELETE", "/auth/sessions/1").await, 401);
}

#[test]
fn all_are_guarded_except_these() {
    let app = application(&provider());
    assert_all_guarded!(&app, except ["/", "/*", "/api/status", "unseen /files/*", "/hello", "/items/{id}", "/merged"]);
    assert_all_guarded!(app, except ["/", "/*", "/api/status", "unseen /files/*", "/hello", "DELETE /items/{id}",
        "GET /items/{id}", "/merged", "/login"]);
}

#[test]
#[should_panic(expected = "GET /admin/health  fauth-axum/tests/audit.rs:")]
fn a_forgotten_guard_is_found() {
    let auth = provider();
    let app = AuditedRouter::new()
        .nest_service("/admin", SecureRouter::new(&auth))
        .route("/admin/health", get(async || "beside"));
    assert_all_guarded!(app.with_state::<()>(()), except []);
}

#[test]
fn the_provider_lists_what_is_in_use() {
    let auth = provider();
    assert!(auth.audit().entries().is_empty());
    let guard = require_roles(&auth, ["admin"]);
    let plain: Router = Router::new()
        .nest_service("/internal", SecureRouter::new(&auth).route("/dashboard", get(async || "")))
        .route("/reports", get(async || "").layer(guard));
    let audit = auth.audit();
    assert_eq!(
        lines(&audit),
        ["any : user, role admin (guard)", "any /*: user (group)", "GET /dashboard: user (route)"]
    );
    assert!(audit.entries().iter().all(Entry::is_relative));
    drop(plain);
    assert!(auth.audit().entries().is_empty());
}

#[test]
fn an_audited_router_tells_the_provider_where_things_lie() {
    let auth = provider();
    let app = || {
        let api = AuditedRouter::new()
            .guarded("/own", require_user(&auth), get(async || ""))
            .nest_service("/team", SecureRouter::new(&auth).route("/", get(async || "")));
        let routes = AuthRoutes::new(&auth).only([Endpoint::Login]);
        AuditedRouter::new().nest("/api", api).nest("/auth", routes)
    };
    let apps: [Router; 2] = [app().into_router(), app().into()];
    assert_eq!(
        lines(&auth.audit()),
        [
            "GET /api/own: user (route)",
            "GET /api/team: user (route)",
            "any /api/team/*: user (group)",
            "POST /auth/login: open (endpoint)",
        ]
    );
    drop(apps);
    assert!(auth.audit().entries().is_empty());
}

#[test]
fn groups_keep_their_routes_whatever_is_asked_for_later() {
    let auth = provider();
    let group = SecureRouter::new(&auth)
        .route("/x", get(async || ""))
        .require(Requirement::user().role("a"))
        .require_scope("s");
    assert_eq!(group.declaration().access(), auth.audit().entries()[0].access());
    assert_eq!(lines(&auth.audit()).len(), 2);
}

#[test]
fn the_log_shows_the_audit_in_debug_builds() {
    let log = Log::of_process();
    let auth = provider();
    let app = AuditedRouter::<()>::new()
        .nest_service("/logged", SecureRouter::new(&auth))
        .route("/logged/beside", get(async || "beside"))
        .log_audit();
    assert_eq!(app.audit().entries().len(), 2);
    let records = log.with("/logged/beside");
    let events: Vec<_> = records.iter().map(|record| record.field("event").unwrap()).collect();
    let expected: &[_] = if cfg!(debug_assertions) { &["route_audit", "route_audit_finding"] } else { &[] };
    assert_eq!(events, expected);
    assert!(records.iter().all(|record| record.target == "fauth"));
}

/// The rules ask for an admin below `/admin`, and for a user elsewhere, but for the front page.
fn rules() -> RouteRules {
    RouteRules::private_by_default()
        .public(exact("/"))
        .require("/admin", Requirement::user().role("admin"))
        .build()
        .unwrap()
}

#[tokio::test]
async fn rules_around_a_router_are_in_its_audit() {
    let auth = provider();
    let app = AuditedRouter::new()
        .route("/", get(async || "home"))
        .route("/me", get(async || "me"))
        .route("/admin/users", get(async || "users"))
        .protect(protect(&auth, rules()));
    let lines = lines(&app.audit());
    for line in [
        "GET /: open (route)",
        "any /*: user (rule)",
        "any /: open (rule)",
        "any /admin/*: user, role admin (rule)",
        "GET /admin/users: user, role admin (route)",
        "GET /me: user (route)",
    ] {
        assert!(lines.iter().any(|own| own == line), "{line} in {lines:?}");
    }
    assert_all_guarded!(app, except["/"]);
    let app: Router = app.into_router();
    for (path, status) in [("/", 200), ("/me", 401), ("/admin/users", 401), ("/unknown", 401)] {
        assert_eq!(anonymous(&app, "GET", path).await, status, "{path}");
    }
    let bob = at_once(auth.issue(Purpose::Access, "bob")).unwrap();
    for (path, status) in [("/", 200), ("/me", 200), ("/admin/users", 403), ("/unknown", 404)] {
        assert_eq!(send(&app, "GET", path, Some(bob.expose())).await.0, status, "{path}");
    }
}

/// Path, access, limits and kind of each line.
fn limits(audit: &Audit) -> Vec<String> {
    let line = |entry: &Entry| {
        let limits = entry.limits().collect::<Vec<_>>().join(" and ");
        format!("{}: {}, {limits} ({})", entry.path(), entry.access(), entry.kind().name())
    };
    audit.entries().iter().map(line).collect()
}

#[tokio::test]
async fn limits_without_a_guard_are_listed_and_guard_nothing() {
    let auth = provider();
    let plain: Router =
        Router::new().route("/x", get(async || "x").layer(limit(&auth, "5/minute").and("9/hour")));
    assert_eq!(limits(&auth.audit()), [": open, 5/minute per address and 9/hour per address (limit)"]);
    assert!(auth.audit().all_guarded(&[]).is_ok(), "a limit is no route");
    drop(plain);
    assert!(auth.audit().entries().is_empty());

    let endpoints = AuthRoutes::new(&auth).only([Endpoint::Login]).limit(Endpoint::Login, "7/minute");
    let app = AuditedRouter::new()
        .route("/", get(async || "home"))
        .limited("/search", limit(&auth, "1/hour"), get(async || "found"))
        .guarded("/me", require_user(&auth).limit("3/minute"), get(async || "me"))
        .merge(endpoints)
        .limit(limit(&auth, "1000/minute"));
    assert_eq!(
        limits(&app.audit()),
        [
            "/: open, 1000/minute per address (route)",
            "/login: open, 7/minute per address and 1000/minute per address (endpoint)",
            "/me: user, 3/minute per address and 1000/minute per address (route)",
            "/search: open, 1/hour per address and 1000/minute per address (route)",
        ]
    );
    assert!(app.audit().to_string().contains("open; at most 1/hour per address and 1000/minute per address"));
    let open = app.audit().all_guarded(&["/"]).unwrap_err().open;
    assert_eq!(open.iter().map(Entry::path).collect::<Vec<_>>(), ["/search"]);
    assert_all_guarded!(app, except ["/", "/search"]);
    let app = app.into_router();
    for (path, status) in [("/search", 200), ("/search", 429), ("/me", 401), ("/", 200)] {
        assert_eq!(anonymous(&app, "GET", path).await, status, "{path}");
    }
    // Now the provider knows where the limit of the open route lies.
    let known = limits(&auth.audit());
    assert!(known.contains(&"/search: open, 1/hour per address (route)".to_owned()), "{known:?}");
    assert!(known.contains(&"/login: open, 7/minute per address (endpoint)".to_owned()), "{known:?}");
}
