//! Refusals for browsers, guests and visitors: what is found out at start, and what the log says.

use fauth_core::{
    AuthProvider, ConfigError, Guard, Rejection, Requirement,
    access::Access,
    redirect::LocalTarget,
    rejection::{CaspianRpc, Misconfigured, Pages, ProblemJson, Renderer as _},
    reply::{Reply, ResponseHeader},
    request::RequestHead,
    transport::CookieTransport,
    visitor::Visitor,
};
use fauth_testing::{Log, TestUser, Users, WireRequest};

use crate::support::{World, get, header, post};

fn browser(target: &str) -> WireRequest {
    get(target).header("accept", "text/html,*/*;q=0.8")
}

#[track_caller]
fn refused(built: Result<AuthProvider<TestUser>, ConfigError>, field: &str) {
    let Err(error) = built else { panic!("built in spite of its {field}") };
    assert_eq!(error.field(), field, "{error}");
}

#[test]
fn pages_elsewhere_do_not_build() {
    let build = |pages: Pages| fauth_testing::provider().pages(pages).build();
    for path in ["", "signin", "//evil.example", "https://evil.example/", "/a b", "/../x", "/\\evil.example"]
    {
        refused(build(Pages::new(path)), "pages");
        refused(build(Pages::new("/signin").forbidden_at(path)), "forbidden_at");
        refused(build(Pages::new("/signin").sign_in_again_at(path)), "sign_in_again_at");
    }
    // The first mistake is told, and a later good setting does not hide it.
    refused(build(Pages::new("signin").forbidden_at("//x").sign_in_again_at("/confirm")), "pages");
    refused(build(Pages::new("/signin").scripts(Pages::new("signin"))), "pages");
    assert!(build(Pages::new("/signin").forbidden_at("/no").sign_in_again_at("/confirm?x=1#y")).is_ok());
    let error = build(Pages::new("//evil.example")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "pages: `//evil.example`: a redirect target must start with exactly one `/`; give the path of a page \
         of this application, such as `/signin`"
    );
    assert!(ProblemJson::new().validate().is_ok() && Pages::new("/signin").validate().is_ok());
}

#[test]
fn guests_have_a_name() {
    for blank in ["", " ", "\t\n"] {
        refused(fauth_testing::provider().guest_name(blank).build(), "guest_name");
    }
    let auth = fauth_testing::provider().guest_name("Gast").build().unwrap();
    assert_eq!(auth.visitor(None).display_name(), "Gast");
    assert_eq!(Visitor::<TestUser>::guest().display_name(), "Guest");
}

#[test]
fn what_an_application_makes_is_nobodys_finding() {
    let auth = fauth_testing::provider().build().unwrap();
    let other = fauth_testing::provider().build().unwrap();
    let guest = auth.visitor(None);
    assert!(auth.guest_again(Some(&guest)).is_some());
    assert!(other.guest_again(Some(&guest)).is_none());
    assert!(auth.guest_again(Some(&Visitor::guest())).is_none());
    assert!(auth.guest_again(Some(&Visitor::known(Users::new().find("alice")))).is_none());
    assert!(auth.guest_again(None).is_none());
    assert_eq!(format!("{guest:?}"), "Visitor(guest)");
    assert_eq!(format!("{:?}", Visitor::known(Users::new().find("alice"))), "Visitor(a user)");
}

#[test]
fn a_renderer_that_fails_is_told_to_the_log() {
    let log = Log::of_process();
    let auth = fauth_testing::provider()
        .renderer(|_: &Rejection, _: &dyn RequestHead| Err::<Reply, _>("the template of this test is broken"))
        .build()
        .unwrap();
    let reply = auth.refuse(&Rejection::MissingCredential, &get("/x"));
    assert_eq!((reply.status(), header(&reply, "www-authenticate")), (500, vec![]));
    let records = log.with("the template of this test is broken");
    assert_eq!(records.len(), 1);
    let field = |name| records.first().and_then(|record| record.field(name)).map(str::to_owned);
    assert_eq!(field("event").as_deref(), Some("renderer_failed"));
    assert_eq!(field("reason").as_deref(), Some("missing_credential"));
}

#[test]
fn a_guard_tells_what_its_pages_lack() {
    let log = Log::of_process();
    let world = World::new();
    let guard = Guard::new(&world.auth, Requirement::user()).pages("//told.example");
    assert_eq!(log.with("`//told.example`").len(), 1);
    let reply = guard.refuse(&Rejection::MissingCredential, &browser("/x"));
    assert_eq!((reply.status(), header(&reply, "location")), (500, vec![]));
    let _ = Guard::guests(&world.auth).home("//home.example");
    assert_eq!(log.with("`//home.example`").len(), 1);
    let _ = Guard::new(&world.auth, Requirement::user()).home("/x");
    assert!(log.with("no effect on a guard that admits users").iter().any(|record| {
        record.field("event") == Some("setting_without_effect") && record.level == tracing::Level::ERROR
    }));
}

#[tokio::test]
async fn a_guard_for_guests_grants_nothing() {
    let world = World::new();
    let guard = Guard::guests(&world.auth).home("/dashboard");
    assert_eq!(guard.access(), Access::Guests);
    assert!(!guard.is_optional());
    let alice = get("/signin").bearer(&world.access("alice"));
    assert_eq!(guard.check(guard.read(&alice, None)).await.unwrap_err(), Rejection::GuestsOnly);
    assert_eq!(guard.enter(guard.read(&alice, None)).await.unwrap_err(), Rejection::GuestsOnly);
    let nobody = guard.check(guard.read(&get("/signin"), None)).await.unwrap_err();
    assert_eq!(nobody, Rejection::MissingCredential);
    assert!(guard.enter(guard.read(&get("/signin"), None)).await.unwrap().granted().is_none());
    // Nor is whoever a guard further out has let in.
    let user = Guard::new(&world.auth, Requirement::user());
    let granted = user.check(user.read(&alice, None)).await.unwrap();
    assert_eq!(guard.enter(guard.read(&alice, Some(&granted))).await.unwrap_err(), Rejection::GuestsOnly);
    // Whoever asks for more asks for users.
    let more = guard.and(Requirement::user().role("admin"));
    assert_eq!(more.access().to_string(), "user, role admin");
    assert!(more.enter(more.read(&alice, None)).await.is_ok());
    assert_eq!(Access::Guests.to_string(), "guests");
    assert!(Access::Guests.admits_anonymous() && !Access::Guests.has_conditions());
    assert_eq!(Access::Guests.to_json().to_string(), "{\"guests\":true}");
}

#[tokio::test]
async fn a_broken_home_refuses_everybody() {
    let world = World::new();
    let guard = Guard::guests(&world.auth).home("elsewhere").home("/dashboard");
    for head in [get("/signin"), get("/signin").bearer(&world.access("alice"))] {
        let refused = guard.enter(guard.read(&head, None)).await.unwrap_err();
        assert!(matches!(refused, Rejection::Misconfigured(Misconfigured::Requirement(_))), "{refused:?}");
    }
    assert_eq!(world.users.user_loads(), 0);
}

/// What a guard keeps of a request for refusals by handlers.
#[test]
fn pages_read_headers() {
    let auth = fauth_testing::provider().build().unwrap();
    let guard = Guard::new(&auth, Requirement::user());
    assert!(!guard.refusals_read_headers());
    assert!(!guard.clone().renderer(CaspianRpc::new()).refusals_read_headers());
    assert!(guard.pages("/signin").refusals_read_headers());
}

#[test]
fn a_redirect_takes_the_form_of_caspians_actions() {
    let reply = LocalTarget::root().see_other().header(ResponseHeader::new("set-cookie", "session=x"));
    let reply = CaspianRpc::redirected(reply);
    assert_eq!((reply.status(), reply.body_bytes()), (200, &br#"{"result":null}"#[..]));
    for (name, value) in [
        ("x-pp-redirect", "/"),
        ("x-pp-redirect-status", "303"),
        ("set-cookie", "session=x"),
        ("cache-control", "no-store"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(header(&reply, name), [value], "{name}");
    }
    assert!(header(&reply, "location").is_empty());
    // What is no redirect stays as it is, and so does one that leads nowhere.
    for status in [200, 303, 401] {
        let other = Reply::new(status).body("text/plain", "x");
        assert_eq!(CaspianRpc::redirected(other.clone()), other);
    }
    let created = Reply::new(201).header(ResponseHeader::new("location", "/x"));
    assert_eq!(CaspianRpc::redirected(created.clone()), created);
}

/// Without the tokens of a form that was sent to the wrong page: it is not read at all.
#[test]
fn a_form_leaves_nothing_behind_in_the_redirect() {
    let auth = fauth_testing::provider().transport(CookieTransport::new()).pages("/signin").build().unwrap();
    let form = post("/transfer?draft=1").header("accept", "text/html").body("text/plain", "amount=1000");
    let reply = auth.refuse(&Rejection::MissingCredential, &form);
    assert_eq!((reply.status(), header(&reply, "location")), (303, vec!["/signin"]));
    assert!(reply.body_bytes().is_empty());
}
