//! The suite's application without a framework, with which adapters are compared.

use std::net::SocketAddr;

use fauth_core::{
    AuthProvider, Granted, Guard, Limiter, Protection, Rejection, Requirement,
    demands::Demands,
    limit::Limit,
    mounts::{Mount, Mounts},
    rejection::{CaspianRpc, DetailJson, FastPluggyJson, FastwareJson, ProblemJson},
    reply::{Reply, ResponseHeader},
    request::{CsrfProof, HeaderValues, RequestHead},
    routes::Endpoint,
    visitor::Visitor,
};

use super::{
    TestUser, WireRequest, WireResponse,
    suite::{
        App, Harness, PUBLIC, Ruled, browser_reply, csrf_text, custom_requirement, failing_pages, greeting,
        keys_or_admins, keys_requirement, locked_pages, moved_mounts, own_reply, recent_requirement, refusal,
        session_page_reply, session_reply, shared_limit, site_pages, small_site_pages, tenant_limit,
        token_text, visitor_text,
    },
};

/// The core alone. If the suite runs on it, cases are checked against their own expectations only.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Direct;

impl Harness for Direct {
    fn exchange(app: &App, request: WireRequest) -> WireResponse {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(answer(app, &request))
    }
}

/// The handler of a path.
#[derive(Clone, Copy)]
enum Handler {
    Text(&'static str),
    Greet,
    GreetMaybe,
    ShowToken,
    /// Returns the refusal that the query names.
    Refuse,
    /// Changes the session as the query demands.
    Session,
    /// Logs in or out.
    Browser,
    /// A page of the small site.
    SessionPage,
    /// A text that shared caches may keep.
    Public,
    ShowVisitor,
    /// Shows the visitor that a guard has stored with the request.
    Template,
    /// Shows a CSRF token, or echoes the body.
    Csrf,
}

async fn answer(app: &App, request: &WireRequest) -> WireResponse {
    let app = &App { auth: app.auth.current(), ..app.clone() };
    if let Some(ruled) = &app.ruled {
        return answer_behind_rules(app, ruled, request).await;
    }
    let path = request.path().to_owned();
    let mount =
        Mounts::of(&app.auth).iter().find(|mount| is_at(mount.path(), &path)).cloned().or_else(|| {
            let path = path.strip_prefix("/moved")?;
            moved_mounts(&app.auth).iter().find(|mount| is_at(mount.path(), path)).cloned()
        });
    if path == "/limits/signin" && !matches!(request.method(), "GET" | "HEAD") {
        return limited_sign_in(app, request).await;
    }
    if let Some(mount) = mount {
        if mount.has_page() && matches!(request.method(), "GET" | "HEAD") {
            let page = Reply::new(200).body("text/plain; charset=utf-8", "page");
            return sent(page, &[], request.method());
        }
        return call(app, request, &mount).await.into();
    }
    if path.starts_with("/own/") {
        let reply = own_reply(&app.auth, request).await;
        return reply.unwrap_or_else(|rejection| app.auth.refuse_in_handler(&rejection, request)).into();
    }
    let (guards, handler) = route(app, &path);
    behind(app, request, guards, handler, None).await
}

async fn answer_behind_rules(app: &App, ruled: &Ruled, request: &WireRequest) -> WireResponse {
    let Some(path) = request.path().strip_prefix(ruled.placement.prefix()) else {
        return Reply::new(404).into();
    };
    let protection = Protection::new(&app.auth, ruled.rules.clone()).home("/dashboard");
    let guard = |requirement| Guard::new(&app.auth, requirement);
    let user = Requirement::user;
    let (inner, handler) = match path {
        "/" => (None, Some(Handler::Text("home"))),
        "/open" | "/administrator" | "/admin.json" => (None, Some(Handler::Text("open"))),
        "/signin" => (None, Some(Handler::Text("sign in"))),
        "/me" | "/admin" | "/admin/users" | "/admin/audit" | "/admin/reports" | "/admin/help" => {
            (None, Some(Handler::Greet))
        }
        "/maybe" => (None, Some(Handler::GreetMaybe)),
        "/visitor" => (None, Some(Handler::ShowVisitor)),
        "/token" => (None, Some(Handler::ShowToken)),
        "/refuse" => (None, Some(Handler::Refuse)),
        "/assets/style.css" => (None, Some(Handler::Public)),
        "/guarded" => (Some(guard(user().roles(["admin"]))), Some(Handler::Greet)),
        "/group/dashboard" => (Some(guard(user())), Some(Handler::Greet)),
        group if group.starts_with("/group/") => (Some(guard(user())), None),
        raw if raw.starts_with("/raw/") => (None, Some(Handler::Text("raw"))),
        _ => (None, None),
    };
    let guards = std::iter::once(protection.guard(request, || None).into_owned()).chain(inner).collect();
    behind(app, request, guards, handler, None).await
}

/// Whether this path is that of the mounted endpoint.
fn is_at(mounted: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (mounted.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(name), Some(segment)) if name.starts_with('{') => {
                if segment.is_empty() {
                    return false;
                }
            }
            (Some(name), Some(segment)) if name == segment => {}
            _ => return false,
        }
    }
}

async fn call(app: &App, request: &WireRequest, mount: &Mount) -> Reply {
    let call = mount.read(&app.auth, request, Ok(&request.body));
    let token_in_body = call.has_token_in_body();
    match call.answer(&app.auth).await {
        Ok(reply) => reply,
        Err(rejection) => mount.refuse(&app.auth, &rejection, request, token_in_body),
    }
}

async fn limited_sign_in(app: &App, request: &WireRequest) -> WireResponse {
    let mounts = Mounts::of(&app.auth).limit(Endpoint::Login, "2/minute");
    let login = mounts.iter().find(|mount| mount.endpoint() == Endpoint::Login).unwrap();
    let limiter = login.limiter(&app.auth).unwrap();
    match limiter.ask(request, None).answer().await {
        Ok(demands) => sent(call(app, request, login).await, &[demands], request.method()),
        Err(refusal) => sent(limiter.refuse(&refusal, request), &[], request.method()),
    }
}

/// Returns the limits of a path, outside and inside its guards.
fn limiter(app: &App, path: &str) -> (Option<Limiter<TestUser>>, Option<Limiter<TestUser>>) {
    let outside = match path {
        "/limits/open" => Limiter::new(&app.auth, "2/minute"),
        "/limits/windows" => Limiter::new(&app.auth, "2/10 seconds, 3/minute"),
        "/limits/tenant" => Limiter::new(&app.auth, tenant_limit()),
        "/limits/two" => Limiter::new(&app.auth, "2/minute").and(tenant_limit()),
        "/limits/shared" | "/limits/shared-too" => Limiter::new(&app.auth, shared_limit()),
        "/limits/broken" => Limiter::new(&app.auth, "0/minute"),
        "/limits/fastware" => Limiter::new(&app.auth, "1/minute").renderer(FastwareJson::new()),
        "/limits/me" => Limiter::new(&app.auth, "2/minute"),
        "/limits/user-inside" => {
            return (None, Some(Limiter::new(&app.auth, Limit::per_user("2/minute"))));
        }
        _ => return (None, None),
    };
    (Some(outside), None)
}

/// The same for limited paths.
fn limited(app: &App, path: &str) -> Option<(Vec<Guard<TestUser>>, Option<Handler>)> {
    let user = || Guard::new(&app.auth, Requirement::user());
    let guards = match path {
        "/limits/open" | "/limits/windows" | "/limits/tenant" | "/limits/two" | "/limits/shared"
        | "/limits/shared-too" | "/limits/broken" | "/limits/fastware" => {
            return Some((vec![], Some(Handler::Text("open"))));
        }
        "/limits/signin" => return Some((vec![], Some(Handler::Text("page")))),
        "/limits/me" => vec![],
        "/limits/address" => vec![user().limit("2/minute")],
        "/limits/user" => vec![user().limit(Limit::per_user("2/minute"))],
        "/limits/user-inside" => vec![user()],
        "/limits/key" => {
            let guard = Guard::new(&app.auth, keys_requirement());
            vec![guard.limit(Limit::per_api_key("1/minute"))]
        }
        "/limits/python" => vec![user().limit("1/minute").renderer(DetailJson::new())],
        inside if inside.starts_with("/limited/") => {
            let group = user().limit(Limit::per_user("2/minute")).limit("3/minute");
            return Some((vec![group], (inside == "/limited/panel").then_some(Handler::Greet)));
        }
        _ => return None,
    };
    Some((guards, Some(Handler::Greet)))
}

/// Returns the guards of a path, outermost first, and its handler.
fn route(app: &App, path: &str) -> (Vec<Guard<TestUser>>, Option<Handler>) {
    let guard = |requirement| Guard::new(&app.auth, requirement);
    let user = Requirement::user;
    let other = || Guard::new(&app.other, user());
    let admin = || user().roles(["admin"]);
    let python = |requirement| guard(requirement).renderer(DetailJson::new());
    let visitor = || Guard::visitor(&app.auth);
    if let Some(limited) = limited(app, path) {
        return limited;
    }
    let (guards, handler) = match path {
        "/open" => (vec![], Handler::Text("open")),
        "/me" | "/forged" | "/grant" => (vec![], Handler::Greet),
        "/maybe" => (vec![], Handler::GreetMaybe),
        "/token" => (vec![], Handler::ShowToken),
        "/refuse" | "/rendered/refuse" => (vec![], Handler::Refuse),
        "/guards/refuse" => (vec![guard(user())], Handler::Refuse),
        "/guards/refuse-python" => (vec![python(user())], Handler::Refuse),
        "/guards/refuse-twice" => (vec![guard(user()), python(user())], Handler::Refuse),
        "/python/refuse" => (group(app, path), Handler::Refuse),
        "/guards/user" | "/guards/active" | "/guards/grant" => (vec![guard(user())], Handler::Greet),
        "/guards/roles" => (vec![guard(user().roles(["admin", "user"]))], Handler::Greet),
        "/guards/vector" => {
            (vec![guard(user().roles(vec!["admin".to_owned(), "user".to_owned()]))], Handler::Greet)
        }
        "/guards/no-roles" => (vec![guard(user().roles(Vec::<String>::new()))], Handler::Greet),
        "/guards/role" => (vec![guard(user().role("admin"))], Handler::Greet),
        "/guards/permission" => (vec![guard(user().permission("write"))], Handler::Greet),
        "/guards/scope" => (vec![guard(user().scope("read"))], Handler::Greet),
        "/each/panel" => {
            let each = user().role("admin").and(user().permission("write")).and(user().scope("read"));
            (vec![guard(each)], Handler::Greet)
        }
        "/guards/any-role" => (vec![guard(user().any_role(["admin", "auditor"]))], Handler::Greet),
        "/guards/permissions" => (vec![guard(user().permissions(["read", "write"]))], Handler::Greet),
        "/guards/scopes" => (vec![guard(user().scopes(["read", "write"]))], Handler::Greet),
        "/guards/custom" => (vec![guard(custom_requirement())], Handler::Greet),
        "/guards/inactive" => (vec![guard(user().danger_allow_inactive())], Handler::Greet),
        "/guards/impossible" => (vec![guard(user().roles([""]))], Handler::Greet),
        "/guards/python" => (vec![guard(admin()).renderer(DetailJson::new())], Handler::Greet),
        "/guards/token" => (vec![guard(user())], Handler::ShowToken),
        "/guards/twice" => (vec![guard(user()), guard(admin())], Handler::Greet),
        "/guards/keys" | "/keys/panel" => (vec![guard(keys_requirement())], Handler::Greet),
        "/guards/keys-token" => (vec![guard(keys_requirement())], Handler::ShowToken),
        "/guards/keys-maybe" => (vec![guard(keys_requirement())], Handler::GreetMaybe),
        "/guards/keys-or-admins" => (vec![guard(keys_or_admins())], Handler::Greet),
        "/guards/keys-and-admins" => (vec![guard(admin().scopes(["read"]))], Handler::Greet),
        "/guards/keys-twice" => {
            (vec![guard(keys_requirement()), guard(user().scopes(["read"]))], Handler::Greet)
        }
        "/guards/keys-outside" => (vec![guard(keys_requirement()), guard(user())], Handler::Greet),
        "/guards/keys-inside" => (vec![guard(user()), guard(keys_requirement())], Handler::Greet),
        "/guards/recent" | "/recent/panel" => (vec![guard(recent_requirement())], Handler::Greet),
        "/scoped/panel" => (vec![guard(user().scopes(["read"]))], Handler::Greet),
        "/scoped-admins/panel" => (vec![guard(admin().and(user().scopes(["read"])))], Handler::Greet),
        "/guards/other" => (vec![other()], Handler::Greet),
        "/guards/other-outside" => (vec![other(), guard(user())], Handler::ShowToken),
        "/guards/other-inside" => (vec![guard(user()), other()], Handler::ShowToken),
        "/guards/public" | "/group/public" => (vec![guard(user())], Handler::Public),
        "/visitors/maybe" => (vec![visitor()], Handler::GreetMaybe),
        "/visitors/public" => (vec![visitor()], Handler::Public),
        "/foreign/panel" => (vec![other()], Handler::Greet),
        "/foreign/token" => (vec![other()], Handler::ShowToken),
        "/admins/panel"
        | "/python/panel"
        | "/all-roles/panel"
        | "/one-role/panel"
        | "/all-permissions/panel"
        | "/all-scopes/panel"
        | "/added/panel" => (group(app, path), Handler::Greet),
        "/group/admin" => (vec![guard(user()), guard(admin())], Handler::Greet),
        "/group/dashboard" | "/group/echo" | "/group/nested/leaf" | "/group/merged" | "/group/late" => {
            (vec![guard(user())], Handler::Greet)
        }
        "/csrf/form" | "/csrf/exempt" | "/csrf/exempt/" | "/csrf/exempt-not" => {
            (vec![guard(user())], Handler::Csrf)
        }
        "/csrf/twice" => (vec![guard(user()), guard(user())], Handler::Csrf),
        "/csrf/admin" => (vec![guard(admin())], Handler::Csrf),
        "/csrf/visitor" => (vec![visitor()], Handler::Csrf),
        "/csrf/open" => (vec![], Handler::Csrf),
        "/browser/session" => (vec![], Handler::Session),
        "/browser/user/session" => (vec![guard(user())], Handler::Session),
        "/browser/admin/session" => (vec![guard(admin())], Handler::Session),
        "/browser/twice/session" => (vec![guard(user()), guard(user())], Handler::Session),
        "/browser/visitor/session" => (vec![Guard::visitor(&app.auth)], Handler::Session),
        own if own.starts_with("/browser/own/") => (vec![], Handler::Browser),
        own if own.starts_with("/browser/user/own/") => (vec![guard(user())], Handler::Browser),
        own if own.starts_with("/browser/visitor/own/") => {
            (vec![Guard::visitor(&app.auth)], Handler::Browser)
        }
        mounted if mounted.starts_with("/group/mounted/") => (vec![guard(user())], Handler::Text("raw")),
        // Every path of a group is behind its guard, whether a route exists or not.
        other => {
            return match page(app, other) {
                Some((guards, handler)) => (guards, Some(handler)),
                None => (group(app, other), None),
            };
        }
    };
    (guards, Some(handler))
}

/// The same for pages.
fn page(app: &App, path: &str) -> Option<(Vec<Guard<TestUser>>, Handler)> {
    let guard = |requirement| Guard::new(&app.auth, requirement);
    let user = Requirement::user;
    let admin = || user().roles(["admin"]);
    let guests = || Guard::guests(&app.auth);
    let visitor = || Guard::visitor(&app.auth);
    let sign_in = Handler::Text("sign in");
    Some(match path {
        "/visitor" => (vec![], Handler::ShowVisitor),
        "/visitors/show" => (vec![visitor()], Handler::ShowVisitor),
        "/visitors/guarded" => (vec![visitor(), guard(user())], Handler::ShowVisitor),
        "/visitors/other" => (vec![Guard::visitor(&app.other)], Handler::ShowVisitor),
        "/visitors/template" => (vec![visitor()], Handler::Template),
        "/template" => (vec![], Handler::Template),
        "/guests/signin" => (vec![guests().home("/dashboard")], sign_in),
        "/guests/default" => (vec![guests()], sign_in),
        "/guests/home" => (vec![guests().home("/guests/home")], sign_in),
        "/guests/broken" => (vec![guests().home("//evil.example")], sign_in),
        "/guests/other" => (vec![Guard::guests(&app.other)], sign_in),
        "/pages/dashboard" => (vec![guard(user()).pages("/signin")], Handler::Greet),
        "/pages/admin" => (vec![guard(admin()).pages("/signin")], Handler::Greet),
        "/pages/own-admin" => (vec![guard(admin()).pages(site_pages())], Handler::Greet),
        "/pages/unauthorized" => (vec![guard(user()).pages(site_pages())], Handler::Greet),
        "/pages/locked" => (vec![guard(admin()).pages(locked_pages())], Handler::Greet),
        "/pages/recent" | "/pages/confirm" => {
            (vec![guard(recent_requirement()).pages(site_pages())], Handler::Greet)
        }
        "/pages/recent-plain" => (vec![guard(recent_requirement()).pages("/signin")], Handler::Greet),
        "/pages/action" => (vec![guard(admin()).renderer(ProblemJson::new())], Handler::Greet),
        "/pages/signin" => (vec![guard(user()).pages("/pages/signin")], Handler::Greet),
        "/pages/broken" => (vec![guard(user()).pages("https://evil.example/signin")], Handler::Greet),
        "/pages/failing" => (vec![guard(admin()).pages(failing_pages())], Handler::Greet),
        "/pages/refuse" => (vec![guard(user()).pages("/signin")], Handler::Refuse),
        "/pages/caspian" => (vec![guard(admin()).renderer(CaspianRpc::new())], Handler::Greet),
        "/pages/fastpluggy" => (vec![guard(admin()).renderer(FastPluggyJson::new())], Handler::Greet),
        "/pages/fastware" => (vec![guard(admin()).renderer(FastwareJson::new())], Handler::Greet),
        "/site/panel" => (group(app, path), Handler::Greet),
        "/session/sign-in" => {
            (vec![guests().home("/session/dashboard").pages(small_site_pages())], Handler::SessionPage)
        }
        "/session/dashboard" | "/session/sign-out" => {
            (vec![guard(user()).pages(small_site_pages())], Handler::SessionPage)
        }
        "/session/admin" => (vec![guard(admin()).pages(small_site_pages())], Handler::SessionPage),
        "/session/about" => (vec![visitor().pages(small_site_pages())], Handler::SessionPage),
        "/session/notes" => (vec![guard(user().permission("write"))], Handler::SessionPage),
        _ => return None,
    })
}

fn group(app: &App, path: &str) -> Vec<Guard<TestUser>> {
    let in_group =
        |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let user = Requirement::user();
    let guard = |requirement| vec![Guard::new(&app.auth, requirement)];
    if in_group("/admins") {
        guard(user.roles(["admin"]))
    } else if in_group("/all-roles") {
        guard(user.roles(["admin", "user"]))
    } else if in_group("/one-role") {
        guard(user.any_role(["admin", "auditor"]))
    } else if in_group("/all-permissions") {
        guard(user.permissions(["read", "write"]))
    } else if in_group("/all-scopes") {
        guard(user.scopes(["read", "write"]))
    } else if in_group("/added") {
        let all = user.any_role(["user", "auditor"]).permissions(["read"]).scopes(["read"]).roles(["admin"]);
        vec![Guard::new(&app.auth, all).renderer(DetailJson::new())]
    } else if in_group("/foreign") {
        vec![Guard::new(&app.other, user)]
    } else if in_group("/python") {
        vec![Guard::new(&app.auth, user).renderer(DetailJson::new())]
    } else if in_group("/site") {
        vec![Guard::new(&app.auth, user).pages("/signin")]
    } else if in_group("/group") || in_group("/empty") {
        vec![Guard::new(&app.auth, user)]
    } else {
        vec![]
    }
}

async fn behind(
    app: &App,
    request: &WireRequest,
    guards: Vec<Guard<TestUser>>,
    handler: Option<Handler>,
    mut granted: Option<Granted<TestUser>>,
) -> WireResponse {
    let mut added = Vec::new();
    let (mut visitor, mut proof) = (None, None);
    let innermost = guards.last().cloned();
    let (outside, inside) = limiter(app, request.path());
    if let Some(limiter) = outside {
        match limiter.ask(request, None).answer().await {
            Ok(demands) => added.push(demands),
            Err(limited) => return sent(limiter.refuse(&limited, request), &added, request.method()),
        }
    }
    for guard in guards {
        let guard = guard.for_request(|| None).into_owned();
        match guard.ask_before(request).answer().await {
            Ok(demands) => added.push(demands),
            Err(limited) => {
                return sent(guard.refuse_limited(&limited, request), &added, request.method());
            }
        }
        let presented = guard.read(request, granted.as_ref());
        match guard.enter_reading(presented, async |_| Ok(&request.body)).await {
            Ok(entered) => {
                let earlier = proof.take();
                proof = entered.csrf_proof().map(|new: CsrfProof| new.beside(earlier.as_ref())).or(earlier);
                visitor = guard.greet(&entered).or(visitor);
                let (passed, demands) = entered.into_parts();
                added.push(demands);
                granted = passed.or(granted);
            }
            Err(rejection) => return sent(guard.refuse(&rejection, request), &added, request.method()),
        }
        match guard.ask_after(request, granted.as_ref()).answer().await {
            Ok(demands) => added.push(demands),
            Err(limited) => {
                return sent(guard.refuse_limited(&limited, request), &added, request.method());
            }
        }
    }
    if let Some(limiter) = inside {
        match limiter.ask(request, granted.as_ref()).answer().await {
            Ok(demands) => added.push(demands),
            Err(limited) => return sent(limiter.refuse(&limited, request), &added, request.method()),
        }
    }
    let Some(handler) = handler else { return sent(Reply::new(404), &added, request.method()) };
    // A service without a handler answers every request.
    let is_raw = matches!(handler, Handler::Text("raw"));
    if !matches!(request.method(), "GET" | "HEAD" | "POST") && !is_raw {
        return sent(Reply::new(405), &added, request.method());
    }
    // The handlers of a group use the group's provider.
    let auth = if request.path().starts_with("/foreign/") { &app.other } else { &app.auth };
    let passed =
        Passed { granted: granted.as_ref(), visitor: visitor.as_ref(), innermost: innermost.as_ref(), proof };
    let reply = match run(auth, request, handler, passed).await {
        Ok(text) => {
            let reply = Reply::new(200).body("text/plain; charset=utf-8", text);
            match handler {
                Handler::Public => reply.header(ResponseHeader::new("cache-control", PUBLIC)),
                _ => reply,
            }
        }
        Err(reply) => reply,
    };
    sent(reply, &added, request.method())
}

/// Returns the reply as a server sends it: with the headers that the guards demand, and without a
/// body for HEAD.
fn sent(reply: Reply, added: &[Demands], method: &str) -> WireResponse {
    // The innermost guard sees the response first.
    let (status, headers, body) = added.iter().rev().fold(reply, Reply::amend).into_parts();
    let headers = headers.iter().map(|header| (header.name(), header.value()));
    WireResponse::new(status, headers, if method == "HEAD" { Vec::new() } else { body })
}

/// What the guards have stored with a request.
struct Passed<'a> {
    granted: Option<&'a Granted<TestUser>>,
    visitor: Option<&'a Visitor<TestUser>>,
    innermost: Option<&'a Guard<TestUser>>,
    proof: Option<CsrfProof>,
}

/// A request behind a guard that has stored its proof there.
struct Proven<'a>(&'a WireRequest, Option<CsrfProof>);

impl RequestHead for Proven<'_> {
    fn method(&self) -> &str {
        self.0.method()
    }

    fn path(&self) -> &str {
        self.0.path()
    }

    fn query(&self) -> Option<&str> {
        self.0.query()
    }

    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        RequestHead::header(self.0, name)
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.0.peer()
    }

    fn is_secure(&self) -> bool {
        self.0.is_secure()
    }

    fn protocol(&self) -> Option<&str> {
        RequestHead::protocol(self.0)
    }

    fn csrf_proof(&self) -> Option<CsrfProof> {
        self.1.clone()
    }
}

async fn run(
    auth: &AuthProvider<TestUser>,
    request: &WireRequest,
    handler: Handler,
    Passed { granted, visitor, innermost, proof }: Passed<'_>,
) -> Result<String, Reply> {
    let presented = auth.read_again(request, granted);
    let refuse = |rejection: Rejection| auth.refuse(&rejection, request);
    match handler {
        Handler::Text(text) => Ok(text.to_owned()),
        Handler::Public => Ok("public".to_owned()),
        Handler::Greet => {
            let granted = auth.check_current(presented).await.map_err(refuse)?;
            Ok(greeting(Some(granted.user())))
        }
        Handler::Template => Ok(visitor.map_or_else(|| "no visitor".to_owned(), visitor_text)),
        Handler::ShowVisitor => {
            if let Some(guest) = auth.guest_again(visitor) {
                return Ok(visitor_text(&guest));
            }
            let granted = auth.check_optional(presented).await.map_err(refuse)?;
            Ok(visitor_text(&auth.visitor(granted.as_ref())))
        }
        Handler::GreetMaybe => {
            if auth.guest_again(visitor).is_some() {
                return Ok(greeting(None));
            }
            let granted = auth.check_optional(presented).await.map_err(refuse)?;
            Ok(greeting(granted.as_ref().map(|granted| &**granted.user())))
        }
        Handler::ShowToken => match granted {
            Some(granted) => Ok(token_text(granted.payload())),
            None => Err(Rejection::without_guard(request, "put a guard in front of the route").1),
        },
        Handler::Browser => {
            let reply = browser_reply(auth, &Proven(request, proof)).await;
            Err(reply.unwrap_or_else(|rejection| auth.refuse_in_handler(&rejection, request)))
        }
        Handler::Csrf if request.method() == "POST" => {
            let body = request.body.clone();
            Err(Reply::new(200).body("application/octet-stream", body))
        }
        Handler::Csrf => auth.csrf_token(presented).await.map(|token| csrf_text(&token)).map_err(refuse),
        Handler::Session => {
            let mut session = auth.current_session(presented).await.map_err(refuse)?;
            session_reply(&mut session, request.query()).await.map_err(|rejection| match innermost {
                Some(guard) => guard.refuse_in_handler(&rejection, request),
                None => rejection.default_reply(),
            })
        }
        Handler::SessionPage => {
            let refuse = |rejection: Rejection| match innermost {
                Some(guard) => guard.refuse_in_handler(&rejection, request),
                None => rejection.default_reply(),
            };
            let visitor = visitor.and_then(|visitor| auth.guest_again(Some(visitor)));
            let visitor = visitor.unwrap_or_else(|| auth.visitor(granted));
            let session = auth.current_session(presented).await.map_err(refuse)?;
            let reply = session_page_reply(auth, request, visitor, session, &request.body).await;
            Err(reply.unwrap_or_else(refuse))
        }
        Handler::Refuse => refusal(request.query()).map_err(|rejection| match innermost {
            Some(guard) => guard.refuse_in_handler(&rejection, request),
            None if request.path().starts_with("/rendered/") => auth.refuse_in_handler(&rejection, request),
            None => rejection.default_reply(),
        }),
    }
}
