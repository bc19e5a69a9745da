//! What an audit says, held against what actix-web does: each line of it is proven by requests.
#![expect(clippy::unwrap_used, reason = "a test that fails is meant to panic")]

use actix_web::{
    App,
    http::Method,
    test::{TestRequest, call_service, init_service, read_body},
    web::{self, delete, get, post, put, resource, scope},
};
use fauth_actix::{
    AuditedScope, AuthRoutes, SecureScope, assert_all_guarded, limit, protect, require_roles, require_user,
    visitor,
};
use fauth_core::{
    AuthProvider, Purpose, Requirement, RouteRules,
    audit::{Audit, Audited as _, Entry, EntryKind, FindingKind},
    routes::Endpoint,
    rules::exact,
};
use fauth_testing::{Log, TestUser, Users, at_once, config_builder, provider_with};

type Auth = AuthProvider<TestUser>;

fn provider() -> Auth {
    fauth_testing::provider().build().unwrap()
}

/// Of an application whose users are others, whatever their names and roles.
fn of_another_application() -> Auth {
    let config = config_builder().application("another").build().unwrap();
    provider_with(config, &Users::new()).build().unwrap()
}

/// Status and body of the answer that an application with this service gives.
macro_rules! send {
    ($app:expr, $method:expr, $target:expr, $token:expr) => {{
        let mut request =
            TestRequest::with_uri($target).method(Method::from_bytes($method.as_bytes()).unwrap());
        let token: Option<&str> = $token;
        if let Some(token) = token {
            request = request.insert_header(("authorization", format!("Bearer {token}")));
        }
        let response = call_service($app, request.to_request()).await;
        let status = response.status().as_u16();
        (status, String::from_utf8(read_body(response).await.to_vec()).unwrap())
    }};
}

/// The application of one service.
macro_rules! serve {
    ($service:expr) => {
        &init_service(App::new().service($service)).await
    };
}

/// A path that the path of an entry stands for.
fn example(path: &str) -> String {
    let mut example = path.replace("/*", "/some/thing").replace("{rest:.*}", "a/b");
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

async fn text() -> &'static str {
    "group"
}

async fn beside() -> &'static str {
    "beside"
}

fn application(auth: &Auth) -> AuditedScope {
    let boss = SecureScope::new("/boss", auth).require_permission("write").route("/x", get().to(text));
    let admins = SecureScope::new("/admin", auth)
        .require_roles(["admin"])
        .resource("", get().to(text))
        .resource("/users/{id}", [get().to(text), delete().to(text)])
        .service(boss)
        .service(scope("/old").route("/x", get().to(text)));
    let team =
        SecureScope::new("/team", auth).route("/{rest:.*}", web::to(text)).default_service(get().to(text));
    let api = AuditedScope::new("/api")
        .resource("/status", get().to(text))
        .guarded("/own", require_user(auth), [post().to(text), put().to(text)])
        .service(team);
    AuditedScope::new("")
        .resource("/", get().to(text))
        .route("/items/{id}", delete().to(text))
        .route("/items/{id}", get().to(text))
        .guarded("/me", require_user(auth), get().to(text))
        .guarded("/hello", visitor(auth), get().to(text))
        .auth_routes(auth)
        .service(admins)
        .service(api)
        .resource("/merged", web::to(text))
        .service_unseen("/files", resource("/{rest:.*}").to(text))
        .default_service(web::to(text))
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
            "DELETE /admin/users/{id}: user, role admin (route)",
            "GET /admin/users/{id}: user, role admin (route)",
            "POST /api/own: user (route)",
            "PUT /api/own: user (route)",
            "GET /api/status: open (route)",
            "any /api/team/*: user (group)",
            "any /api/team/{rest:.*}: user (route)",
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
    let (group, line) = (SecureScope::new("/admin", &auth).require_roles(["admin"]), line!());
    let app = AuditedScope::new("")
        .service(group.resource("", get().to(text)))
        .guarded("/me", require_user(&auth), get().to(text))
        .auth_routes(&auth);
    let audit = app.audit();
    assert!(audit.entries().iter().all(|entry| entry.location().file() == file!()));
    let at =
        |path: &str| audit.entries().iter().find(|entry| entry.path() == path).unwrap().location().line();
    assert_eq!([at("/admin/*"), at("/admin"), at("/me"), at("/login")], [line, line + 2, line + 3, line + 4]);
}

#[actix_web::test]
async fn each_line_is_what_a_request_meets() {
    let auth = provider();
    let app = application(&auth);
    let audit = app.audit();
    let app = serve!(app);
    let alice = at_once(auth.issue(Purpose::Access, "alice")).unwrap();
    let bob = at_once(auth.issue(Purpose::Access, "bob")).unwrap();
    for entry in audit.entries() {
        let (method, target) = (entry.method().unwrap_or("GET"), example(entry.path()));
        let (status, _) = send!(app, method, &target, None);
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
        let good = send!(app, method, &target, Some(alice.expose())).0;
        assert!([200, 404].contains(&good), "{method} {target}: {good}");
        if entry.access().has_conditions() {
            assert_eq!(send!(app, method, &target, Some(bob.expose())).0, 403, "{method} {target}");
        }
    }
}

#[actix_web::test]
async fn a_guard_covers_head_and_the_methods_that_a_route_does_not_answer() {
    let app = serve!(application(&provider()));
    for (method, target, status) in [
        ("HEAD", "/", 405),
        ("HEAD", "/me", 401),
        ("HEAD", "/admin", 401),
        ("DELETE", "/me", 401),
        ("DELETE", "/api/own", 401),
        ("OPTIONS", "/admin/users/1", 401),
        ("POST", "/", 405),
    ] {
        assert_eq!(send!(app, method, target, None).0, status, "{method} {target}");
    }
}

#[actix_web::test]
async fn what_is_beside_a_group_is_reported_and_nothing_else_is() {
    let auth = provider();
    let group = || SecureScope::new("/admin", &auth).require_roles(["admin"]).resource("/x", get().to(text));
    // A route beside a group at /admin, a request, whether it gets past the guard if the route
    // comes first, and whether the route is ever reached if it comes second.
    for (path, target, is_past, is_reached) in [
        ("/admin/health", "/admin/health", true, false),
        ("/admin", "/admin", true, false),
        ("/admin/x", "/admin/x", true, false),
        ("/admin/{id}", "/admin/health", true, false),
        ("/admin/{rest:.*}", "/admin/a/b/c", true, false),
        ("/{any}/health", "/admin/health", true, true),
        ("/{any}", "/admin", true, true),
        ("/{rest:.*}", "/admin/health", true, true),
        ("/adm{any}/health", "/admin/health", true, true),
        ("/administration", "/admin/health", false, true),
        ("/b{any}/health", "/admin/health", false, true),
    ] {
        let app = AuditedScope::new("").resource(path, get().to(beside)).service(group());
        let audit = app.audit();
        let mut found = findings(&audit);
        assert_eq!(found.contains(&(FindingKind::BesideGroup, path)), is_past, "{path}");
        found.retain(|finding| *finding != (FindingKind::BesideGroup, path));
        // Nothing is left for the group.
        let nothing_left = (path == "/{rest:.*}").then_some((FindingKind::Unreachable, "/admin/*"));
        assert_eq!(found, nothing_left.as_slice(), "{path}");
        let (_, answer) = send!(serve!(app), "GET", target, None);
        assert_eq!(answer == "beside", is_past, "{path}: {answer}");

        let app = AuditedScope::new("").service(group()).resource(path, get().to(beside));
        let audit = app.audit();
        let expected = if is_reached { vec![] } else { vec![(FindingKind::Unreachable, path)] };
        assert_eq!(findings(&audit), expected);
        let entry = audit.entries().iter().find(|entry| entry.path() == path).unwrap();
        assert_eq!(entry.is_open(), is_reached);
        assert_eq!(
            send!(serve!(app), "GET", target, None).0,
            if target == "/admin/health" || is_past { 401 } else { 200 }
        );
    }
}

#[actix_web::test]
async fn a_route_for_the_users_of_another_application_is_beside_a_group() {
    let (auth, another) = (provider(), of_another_application());
    let group = || SecureScope::new("/admin", &auth).require_roles(["admin"]).resource("/x", get().to(text));
    let admins_of = |of_route: &Auth| require_roles(of_route, ["admin"]);
    let app = |of_route: &Auth| {
        AuditedScope::new("").guarded("/admin/health", admins_of(of_route), get().to(beside)).service(group())
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
    let served = serve!(of_another);
    let own = at_once(auth.issue(Purpose::Access, "alice")).unwrap();
    let foreign = at_once(another.issue(Purpose::Access, "alice")).unwrap();
    for (token, in_group, beside) in
        [(None, 401, 401), (Some(own.expose()), 200, 401), (Some(foreign.expose()), 401, 200)]
    {
        assert_eq!(send!(served, "GET", "/admin/x", token).0, in_group);
        assert_eq!(send!(served, "GET", "/admin/health", token).0, beside);
    }

    // After the group it is never reached, by nobody's users.
    let app = AuditedScope::new("").service(group()).guarded(
        "/admin/health",
        admins_of(&another),
        get().to(beside),
    );
    assert_eq!(findings(&app.audit()), [(FindingKind::Unreachable, "/admin/health")]);
    assert_eq!(send!(serve!(app), "GET", "/admin/health", Some(foreign.expose())).0, 401);
}

#[actix_web::test]
async fn a_group_of_another_application_within_a_group_asks_for_both() {
    let (auth, another) = (provider(), of_another_application());
    let inner =
        SecureScope::new("/inner", &another).require_permission("write").resource("/x", get().to(text));
    let app = AuditedScope::new("")
        .service(SecureScope::new("/admin", &auth).require_roles(["admin"]).service(inner));
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
    let served = serve!(app);
    // Nobody has both with one token.
    for provider in [&auth, &another] {
        let token = at_once(provider.issue(Purpose::Access, "alice")).unwrap();
        let status = send!(served, "GET", "/admin/inner/x", Some(token.expose())).0;
        assert_eq!(status, 401);
    }
}

/// A prefix with a slash at its end does not answer what lies under it.
#[actix_web::test]
async fn a_slash_at_the_end_of_a_prefix_guards_nothing() {
    let auth = provider();
    for prefix in ["/admin/", "/"] {
        let group = SecureScope::new(prefix, &auth).resource("/users", get().to(text));
        let app = AuditedScope::new("").service(group).resource("/admin/users", get().to(beside));
        let audit = app.audit();
        let open: Vec<_> = audit.all_guarded(&[]).unwrap_err().open;
        assert_eq!(open.iter().map(Entry::path).collect::<Vec<_>>(), ["/admin/users"], "{prefix}");
        let app = serve!(app);
        assert_eq!(send!(app, "GET", "/admin/users", None), (200, "beside".to_owned()), "{prefix}");
    }
    let inner = AuditedScope::new("/api/").resource("/x", get().to(text));
    let app = AuditedScope::new("").service(inner).resource("/api/x", get().to(beside));
    assert_eq!(findings(&app.audit()), []);
    let app = serve!(app);
    assert_eq!(send!(app, "GET", "/api/x", None).1, "beside");
}

/// What follows a text is no rest of the path.
#[actix_web::test]
async fn the_rest_of_a_segment_covers_nothing() {
    let auth = provider();
    let app = AuditedScope::new("")
        .guarded("/v{tail}*", require_user(&auth), get().to(text))
        .resource("/open", get().to(beside));
    assert_eq!(findings(&app.audit()), []);
    assert!(app.audit().all_guarded(&[]).is_err());
    let app = serve!(app);
    assert_eq!(send!(app, "GET", "/open", None).1, "beside");
    assert_eq!(send!(app, "GET", "/v1/x", None).0, 401);
}

#[actix_web::test]
async fn of_two_with_one_path_the_first_answers() {
    let auth = provider();
    let app = AuditedScope::new("")
        .route("/x", get().to(text))
        .guarded("/x", require_user(&auth), post().to(text))
        .route("/x", put().to(text));
    let audit = app.audit();
    assert_eq!(findings(&audit), [(FindingKind::Unreachable, "/x")]);
    let app = serve!(app);
    for (method, status) in [("GET", 200), ("POST", 401), ("PUT", 401)] {
        assert_eq!(send!(app, method, "/x", None).0, status, "{method}");
    }
}

#[actix_web::test]
async fn a_scope_takes_everything_under_its_prefix() {
    let auth = provider();
    let group = || SecureScope::new("/api/admin", &auth).resource("/x", get().to(text));
    let inner = || AuditedScope::new("/api").resource("/admin/health", get().to(beside));
    let app = AuditedScope::new("").service(inner()).service(group());
    assert_eq!(
        findings(&app.audit()),
        [(FindingKind::Unreachable, "/api/admin/*"), (FindingKind::BesideGroup, "/api/admin/health")]
    );
    let app = serve!(app);
    assert_eq!(send!(app, "GET", "/api/admin/health", None).0, 200);
    assert_eq!(send!(app, "GET", "/api/admin/x", None).0, 404);

    let app = AuditedScope::new("").service(group()).service(inner());
    assert_eq!(findings(&app.audit()), [(FindingKind::Unreachable, "/api/admin/health")]);
    assert_eq!(send!(serve!(app), "GET", "/api/admin/health", None).0, 401);
}

#[actix_web::test]
async fn fallbacks_are_asked_last() {
    let auth = provider();
    let group = SecureScope::new("/api/admin", &auth).resource("/x", get().to(text));
    let app = AuditedScope::new("").default_service(web::to(beside)).service(group);
    let audit = app.audit();
    assert_eq!(lines(&audit)[0], "any /*: open (fallback)");
    assert_eq!(findings(&audit), []);
    let app = serve!(app);
    assert_eq!(send!(app, "GET", "/api/nowhere", None).0, 200);
    assert_eq!(send!(app, "GET", "/api/admin/nowhere", None).0, 401);
}

#[actix_web::test]
async fn what_is_mounted_unseen_may_be_beside_a_group() {
    let auth = provider();
    let group = || SecureScope::new("/admin", &auth).resource("/x", get().to(text));
    let unseen = || resource("/admin/health").to(beside);
    let app = AuditedScope::new("").service_unseen("", unseen()).service(group());
    assert_eq!(findings(&app.audit()), [(FindingKind::MayLieBesideGroup, "/*")]);
    assert_eq!(send!(serve!(app), "GET", "/admin/health", None).0, 200);

    let app = AuditedScope::new("").service(group()).service_unseen("", unseen());
    assert_eq!(findings(&app.audit()), []);
    assert_eq!(send!(serve!(app), "GET", "/admin/health", None).0, 401);

    let app = AuditedScope::new("").service_unseen("/admin", resource("/health").to(beside)).service(group());
    assert_eq!(
        findings(&app.audit()),
        [(FindingKind::BesideGroup, "/admin/*"), (FindingKind::Unreachable, "/admin/*")]
    );
    assert_eq!(send!(serve!(app), "GET", "/admin/health", None).0, 200);
}

#[actix_web::test]
async fn a_page_beside_an_endpoint_is_a_route() {
    let auth = provider();
    let routes = AuthRoutes::new(&auth)
        .at(Endpoint::Login, "/signin")
        .page(Endpoint::Login, async || "form")
        .only([Endpoint::Login, Endpoint::Session]);
    let app = AuditedScope::new("/auth").service(routes);
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
    let app = serve!(app);
    assert_eq!(send!(app, "GET", "/auth/signin", None), (200, "form".to_owned()));
    assert_eq!(send!(app, "DELETE", "/auth/sessions/1", None).0, 401);
}

#[test]
fn all_are_guarded_except_these() {
    let app = application(&provider());
    assert_all_guarded!(&app, except ["/", "/*", "/api/status", "unseen /files/*", "/hello", "/items/{id}", "/merged"]);
    assert_all_guarded!(app, except ["/", "/*", "/api/status", "unseen /files/*", "/hello", "DELETE /items/{id}",
        "GET /items/{id}", "/merged", "/login"]);
}

#[test]
#[should_panic(expected = "GET /admin/health  fauth-actix/tests/audit.rs:")]
fn a_forgotten_guard_is_found() {
    let auth = provider();
    let app = AuditedScope::new("")
        .resource("/admin/health", get().to(beside))
        .service(SecureScope::new("/admin", &auth));
    assert_all_guarded!(app);
}

#[actix_web::test]
async fn the_provider_lists_what_is_in_use() {
    let auth = provider();
    assert!(auth.audit().entries().is_empty());
    let factory = || {
        App::new()
            .service(SecureScope::new("/internal", &auth).route("/dashboard", get().to(text)))
            .service(resource("/reports").to(text).wrap(require_roles(&auth, ["admin"])))
    };
    // One for each worker.
    let apps = [init_service(factory()).await, init_service(factory()).await];
    let audit = auth.audit();
    assert_eq!(
        lines(&audit),
        [
            "any /internal/*: user (group)",
            "GET /internal/dashboard: user (route)",
            "any : user, role admin (guard)"
        ]
    );
    drop(apps);
    assert!(auth.audit().entries().is_empty());
}

#[actix_web::test]
async fn an_audited_scope_tells_the_provider_where_things_lie() {
    let auth = provider();
    let app = || {
        let api = AuditedScope::new("/api")
            .guarded("/own", require_user(&auth), get().to(text))
            .service(SecureScope::new("/team", &auth).resource("", get().to(text)));
        let routes = AuthRoutes::new(&auth).only([Endpoint::Login]);
        App::new()
            .service(AuditedScope::new("").service(api).service(AuditedScope::new("/auth").service(routes)))
    };
    let apps = [init_service(app()).await, init_service(app()).await];
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
    let group = SecureScope::new("/g", &auth)
        .route("/x", get().to(text))
        .require(Requirement::user().role("a"))
        .require_scope("s");
    assert_eq!(group.declaration().access(), auth.audit().entries()[0].access());
    assert_eq!(lines(&auth.audit()).len(), 2);
}

#[test]
fn methods_that_a_guard_hides_are_any() {
    let with_header = || get().guard(actix_web::guard::Header("x-a", "b")).to(text);
    let app = AuditedScope::new("")
        .route("/header", with_header())
        .resource("/none", Vec::new())
        .resource("/both", [get().to(text), with_header()])
        .resource("/all", [get().to(text), web::head().to(text)]);
    assert_eq!(
        lines(&app.audit()),
        [
            "GET /all: open (route)",
            "any /both: open (route)",
            "any /header: open (route)",
            "any /none: open (route)",
        ]
    );
}

#[test]
fn the_log_shows_the_audit_in_debug_builds() {
    let log = Log::of_process();
    let auth = provider();
    let app = AuditedScope::new("")
        .resource("/logged/beside", get().to(beside))
        .service(SecureScope::new("/logged", &auth))
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

#[actix_web::test]
async fn rules_around_a_scope_are_in_its_audit() {
    let auth = provider();
    let app = AuditedScope::new("")
        .resource("/", get().to(async || "home"))
        .resource("/me", get().to(async || "me"))
        .resource("/admin/users", get().to(async || "users"))
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
    let app = serve!(app);
    for (path, status) in [("/", 200), ("/me", 401), ("/admin/users", 401), ("/unknown", 401)] {
        assert_eq!(send!(app, "GET", path, None).0, status, "{path}");
    }
    let bob = at_once(auth.issue(Purpose::Access, "bob")).unwrap();
    for (path, status) in [("/", 200), ("/me", 200), ("/admin/users", 403), ("/unknown", 404)] {
        assert_eq!(send!(app, "GET", path, Some(bob.expose())).0, status, "{path}");
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

#[actix_web::test]
async fn limits_without_a_guard_are_listed_and_guard_nothing() {
    let auth = provider();
    let plain = resource("/x").to(text).wrap(limit(&auth, "5/minute").and("9/hour"));
    assert_eq!(limits(&auth.audit()), [": open, 5/minute per address and 9/hour per address (limit)"]);
    assert!(auth.audit().all_guarded(&[]).is_ok(), "a limit is no route");
    drop(plain);
    assert!(auth.audit().entries().is_empty());

    let endpoints = AuthRoutes::new(&auth).only([Endpoint::Login]).limit(Endpoint::Login, "7/minute");
    let app = AuditedScope::new("")
        .resource("/", get().to(text))
        .limited("/search", limit(&auth, "1/hour"), get().to(text))
        .guarded("/me", require_user(&auth).limit("3/minute"), get().to(text))
        .service(endpoints)
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
    let app = init_service(App::new().service(app)).await;
    for (path, status) in [("/search", 200), ("/search", 429), ("/me", 401), ("/", 200)] {
        assert_eq!(
            call_service(&app, TestRequest::get().uri(path).to_request()).await.status().as_u16(),
            status,
            "{path}"
        );
    }
    // Now the provider knows where the limit of the open route lies.
    let known = limits(&auth.audit());
    assert!(known.contains(&"/search: open, 1/hour per address (route)".to_owned()), "{known:?}");
    assert!(known.contains(&"/login: open, 7/minute per address (endpoint)".to_owned()), "{known:?}");
}
