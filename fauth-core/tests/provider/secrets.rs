//! No secret in any message: every flow with marked secrets, and then a search of everything that
//! was said.

use std::{
    collections::BTreeSet,
    error::Error,
    fmt::{Debug, Write as _},
    sync::Arc,
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use fauth_core::{
    AuthConfig, AuthProvider, ClientInfo, Guard, LoginRequest, NewPasswordHash, OneTimePurpose, Purpose,
    Rejection, Requirement, TokenPair, TokenRequest,
    api_key::ApiKeyRequest,
    one_time::{LinkBase, OneTimeRequest, Redemption},
    password::{PasswordConfig, PasswordHasher},
    rejection::{DetailJson, ErrorJson, ProblemJson, Renderer},
    reply::{Reply, ResponseHeader},
    request::{HeaderValues, RequestHead},
    routes::Endpoint,
    store::{RevocationTarget, SessionId},
    token::{Algorithm, Key},
    transport::{BearerTransport, CookieTransport, Extracted, Keep, Transport as _},
};
use fauth_testing::{Log, ManualClock, TestUser, Users, WireRequest, at_once, memory_store, weak_passwords};

use crate::support::{Sink, get, login_request, post};

const KEY: &str = "MARK-secret-key-7c1f0e5d9a3b48260f1e2d3c4b5a6978";
const PREVIOUS_KEY: &str = "MARK-previous-key-60f1e2d3c4b5a69787c1f0e5d9a3b482";
const PASSWORD: &str = "MARK-password-5d9a3b48";
const WRONG_PASSWORD: &str = "MARK-wrong-password-2d3c4b5a";
const COOKIE: &str = "MARK-neighbour-cookie-0e5d9a3b";

/// What must not be found, and where it was looked for.
struct Search {
    marks: Vec<(String, Vec<u8>)>,
    texts: BTreeSet<(String, String)>,
}

impl Search {
    fn new() -> Self {
        let mut search = Self { marks: Vec::new(), texts: BTreeSet::new() };
        for (name, mark) in [
            ("key", KEY),
            ("previous key", PREVIOUS_KEY),
            ("password", PASSWORD),
            ("wrong password", WRONG_PASSWORD),
            ("cookie", COOKIE),
        ] {
            search.mark(name, mark);
        }
        search
    }

    fn mark(&mut self, name: &str, secret: &str) {
        self.marks.push((name.to_owned(), secret.as_bytes().to_vec()));
    }

    /// A token is good for something only with its signature; that part is what must not be seen.
    fn mark_token(&mut self, name: &str, token: &str) {
        self.mark(name, token.rsplit('.').next().unwrap());
        self.mark(name, token);
    }

    fn see(&mut self, place: &str, text: impl Into<String>) {
        self.texts.insert((place.to_owned(), text.into()));
    }

    fn see_debug(&mut self, place: &str, value: &impl Debug) {
        self.see(place, format!("{value:?}"));
        self.see(place, format!("{value:#?}"));
    }

    fn see_error(&mut self, place: &str, error: &(dyn Error + 'static)) {
        self.see_debug(place, &error);
        let mut next = Some(error);
        while let Some(error) = next {
            self.see(place, error.to_string());
            next = error.source();
        }
    }

    /// Headers and body of a refusal, as they go out.
    fn see_refusal(&mut self, place: &str, reply: &Reply) {
        self.see_debug(place, reply);
        for header in reply.headers() {
            self.see(place, header.value());
        }
        self.see(place, String::from_utf8_lossy(reply.body_bytes()));
    }

    /// Secrets as text, in the usual encodings, and as the list of numbers that `Debug` makes of
    /// bytes.
    fn find(&self) -> Vec<(String, String, String)> {
        // `{:#?}` puts each number on a line of its own.
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let texts: Vec<_> = self.texts.iter().map(|(place, text)| (place, text, flat(text))).collect();
        let mut found = Vec::new();
        for (name, secret) in &self.marks {
            let hex = secret.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").unwrap();
                hex
            });
            let numbers: Vec<String> = secret.iter().map(u8::to_string).collect();
            let forms = [
                String::from_utf8(secret.clone()).unwrap(),
                STANDARD.encode(secret).trim_end_matches('=').to_owned(),
                URL_SAFE_NO_PAD.encode(secret),
                hex,
                numbers.join(", "),
                numbers.join(","),
            ];
            for (place, text, flat) in &texts {
                if forms.iter().any(|form| text.contains(form) || flat.contains(form)) {
                    let beginning = text.chars().take(200).collect();
                    found.push((name.clone(), (*place).clone(), beginning));
                }
            }
        }
        found
    }
}

#[test]
fn the_search_finds_what_is_there() {
    for leak in [
        format!("user typed {PASSWORD}"),
        format!("{:?}", PASSWORD.as_bytes()),
        format!("{:#?}", PASSWORD.as_bytes()),
        STANDARD.encode(PASSWORD),
    ] {
        let mut search = Search::new();
        search.see("a leak", leak);
        assert_eq!(search.find().len(), 1, "{:?}", search.texts);
    }
}

struct Marked {
    auth: AuthProvider<TestUser>,
    users: Users,
    clock: ManualClock,
}

fn config(search: &mut Search) -> AuthConfig {
    let previous = Key::hmac(Algorithm::HS256, PREVIOUS_KEY.as_bytes()).unwrap().with_id("old").unwrap();
    search.see_debug("Key", &previous);
    let builder = AuthConfig::builder().secret(KEY).secret_id("new").verification_key(previous);
    search.see_debug("AuthConfigBuilder", &builder);
    let config = builder.build().unwrap();
    search.see_debug("AuthConfig", &config);
    config
}

async fn marked(search: &mut Search) -> Marked {
    let (users, clock, sink) = (Users::new(), ManualClock::new(), Sink::default());
    let old = PasswordHasher::new(weak_passwords()).unwrap().hash(PASSWORD).await.unwrap();
    search.mark("stored hash", &old);
    users.change("alice", |alice| alice.password_hash = Some(old.clone()));
    users.change("carol", |carol| carol.password_hash = Some(old.clone()));
    let broken = format!("$argon2id$v=19$m=8,t=1,p=1$MARKbrokenhash${}", "A".repeat(9));
    search.mark("broken hash", &broken);
    users.change("frank", |frank| frank.password_hash = Some(broken));
    let builder = AuthProvider::builder(config(search))
        .user_loader(users.user_loader())
        .identity_loader(users.identity_loader())
        .password(PasswordConfig::danger_weak_argon2id(16, 2, 1))
        .password_updater(|_: Arc<TestUser>, _: NewPasswordHash| async {
            Err::<(), _>("the replica is read-only")
        })
        .transport(BearerTransport::new())
        .transport(CookieTransport::new())
        .danger_query_token("token")
        .events(sink)
        .store(memory_store())
        .revocable_claim("device")
        .clock(clock.clone());
    search.see_debug("AuthProviderBuilder", &builder);
    let auth = builder.build().unwrap();
    search.see_debug("AuthProvider", &auth);
    Marked { auth, users, clock }
}

fn own(request: WireRequest) -> WireRequest {
    request.header("sec-fetch-site", "same-origin").header("cookie", format!("other={COOKIE}"))
}

fn see_refused(
    search: &mut Search,
    place: &str,
    auth: &AuthProvider<TestUser>,
    refused: &Rejection,
    head: &WireRequest,
) {
    search.see_error(place, refused);
    search.see(place, refused.detail());
    let renderers: [&dyn Renderer; 3] = [&ProblemJson::new(), &DetailJson::new(), &ErrorJson::new()];
    for renderer in renderers {
        search.see_refusal(place, &renderer.render(refused, head));
    }
    search.see_refusal(place, &auth.refuse(refused, head));
}

async fn log_in_every_way(search: &mut Search, world: &Marked) {
    let auth = &world.auth;
    for (identifier, password) in [
        ("alice", PASSWORD),
        ("alice", WRONG_PASSWORD),
        ("nobody", WRONG_PASSWORD),
        // Typed into the wrong field: what stands there may be a password too.
        (PASSWORD, PASSWORD),
        ("carol", PASSWORD),
        ("dora", PASSWORD),
        ("frank", PASSWORD),
        ("alice", &format!("{PASSWORD}\0")),
        ("alice", &PASSWORD.repeat(60)),
        ("", PASSWORD),
    ] {
        let request = own(login_request(identifier, password));
        let call = Endpoint::Login.read(auth, &request, Ok(&request.body));
        search.see_debug("Call", &call);
        match call.answer(auth).await {
            Ok(reply) => {
                for header in reply.headers().iter().filter(|header| header.name() == "set-cookie") {
                    let value = header.value().split(['=', ';']).nth(1).unwrap();
                    search.mark_token("cookie of a login", value);
                }
                search.see_debug("Reply of a login", &reply);
            }
            Err(refused) => see_refused(search, "login", auth, &refused, &request),
        }
    }
    for broken in
        [format!("{{\"username\":\"alice\",\"password\":\"{PASSWORD}\""), format!("[\"{PASSWORD}\"]")]
    {
        let request = own(post("/login")).body("application/json", broken);
        let refused = Endpoint::Login.read(auth, &request, Ok(&request.body)).answer(auth).await.unwrap_err();
        see_refused(search, "broken login", auth, &refused, &request);
    }
    search.see_debug("PasswordError", &auth.hash_password(&PASSWORD.repeat(60)).await.unwrap_err());
}

async fn present_every_way(search: &mut Search, world: &Marked) {
    let auth = &world.auth;
    let pair = auth.login(TokenRequest::for_subject("alice").scope("read")).await.unwrap();
    let (access, refresh) = (pair.access_token().expose(), pair.refresh_token().expose());
    search.mark_token("access token", access);
    search.mark_token("refresh token", refresh);
    search.see_debug("TokenPair", &pair);
    search.see_debug("IssuedToken", pair.access_token());
    let bent = format!("{}x", &access[..access.len() - 2]);
    search.mark("bent token", &bent);
    let carol = at_once(auth.issue(Purpose::Access, "carol")).unwrap();
    search.mark_token("token of an inactive user", carol.expose());

    let guard = Guard::new(auth, Requirement::user().roles(["admin"]).scopes(["read", "write"]));
    search.see_debug("Guard", &guard);
    for token in [access, refresh, &bent, carol.expose(), &access.repeat(40), "not a token MARK"] {
        for head in [
            get("/").bearer(token),
            get("/").bearer(token).bearer(token),
            own(get("/")).header("cookie", format!("__Host-session={token}")),
            own(post("/")).header("cookie", format!("__Host-session={token}; __Host-session={token}")),
            post("/").header("cookie", format!("__Host-session={token}")),
            get(&format!("/?token={token}")),
            get(&format!("/?token={token}")).bearer(token),
        ] {
            let presented = guard.read(&head, None);
            search.see_debug("Presented", &presented);
            match guard.check(presented).await {
                Ok(granted) => search.see_debug("Granted", &granted),
                Err(refused) => see_refused(search, "guard", auth, &refused, &head),
            }
            if let Ok(granted) = auth.check_current(auth.read(&head)).await {
                search.see_debug("Granted", &granted);
                search.see_debug("TokenPayload", granted.payload());
                search.see_debug("Presented", &auth.read_again(&head, Some(&granted)));
            }
        }
        for purpose in Purpose::ALL {
            if let Err(error) = auth.verify_signature_and_claims(token, purpose) {
                search.see_error("verify", &error);
            }
        }
        let body = serde_json::json!({ "refresh_token": token }).to_string();
        for request in [
            own(post("/refresh")).body("application/json", body),
            own(post("/refresh")).header("cookie", format!("__Host-refresh={token}")),
        ] {
            let call = Endpoint::Refresh.read(auth, &request, Ok(&request.body));
            search.see_debug("Call", &call);
            match call.answer(auth).await {
                Ok(reply) => search.see_debug("Reply of a refresh", &reply),
                Err(refused) => see_refused(search, "refresh", auth, &refused, &request),
            }
        }
        let request = own(post("/logout")).bearer(token);
        let call = Endpoint::Logout.read(auth, &request, Ok(&[]));
        search.see_debug("Call", &call);
        if let Err(refused) = call.answer(auth).await {
            see_refused(search, "logout", auth, &refused, &request);
        }
        let (refused, reply) = AuthProvider::<TestUser>::missing(
            &get(&format!("/?token={token}")).bearer(token),
            None,
            "add it",
        );
        search.see_refusal("no provider", &reply);
        search.see_error("no provider", &refused);
    }

    let head = get("/").bearer(access);
    search.see_debug("Extracted", &BearerTransport::new().extract(&head, Purpose::Access));
    search.see_debug("Extracted", &Extracted::token(access));
    search.see_debug("HeaderValues", &RequestHead::header(&head, "authorization"));
    search.see_debug("HeaderValues", &[access.as_bytes()].into_iter().collect::<HeaderValues<'_>>());
    search.see_debug("ResponseHeader", &ResponseHeader::new("set-cookie", format!("s={access}")));
    search.see_debug("Reply", &Reply::new(200).body("text/plain", access));
    let cookie = CookieTransport::new().set(
        pair.access_token(),
        Purpose::Access,
        Keep::for_lifetime(std::time::Duration::MAX),
    );
    search.see_debug("cookie headers", &cookie.unwrap());
}

async fn use_keys_and_one_time_tokens(search: &mut Search, world: &Marked) {
    let auth = &world.auth;
    let new = auth.danger_create_api_key_for("alice", ApiKeyRequest::new("deploy")).await.unwrap();
    let key = new.expose();
    search.mark("API key", key);
    search.mark("secret of an API key", &key[key.len() - 72..key.len() - 8]);
    search.see_debug("NewApiKey", &new);
    let bent = format!("{}0{}", &key[..60], &key[61..]);
    search.mark("bent API key", &bent);
    let guard = Guard::new(auth, Requirement::user().scopes(["read"]));
    for key in [key, &bent, &format!("{key},"), &key.repeat(100)] {
        for head in [
            get("/").bearer(key),
            get("/")
                .header("authorization", format!("Basic {}", STANDARD.encode(format!("__token__:{key}")))),
            get("/").bearer(key).bearer(key),
            own(get("/")).header("cookie", format!("__Host-session={key}")),
            get(&format!("/?token={key}")),
        ] {
            let presented = guard.read(&head, None);
            search.see_debug("Presented", &presented);
            let refused = guard.check(presented).await.unwrap_err();
            see_refused(search, "guard, API key", auth, &refused, &head);
            if let Ok(granted) = auth.check(auth.read(&head), &Requirement::user().allow_api_keys()).await {
                search.see_debug("Granted by a key", &granted);
                let refused = auth.create_api_key(&granted, ApiKeyRequest::new("another")).await.unwrap_err();
                search.see_error("create_api_key", &refused);
            }
        }
        if let Err(refused) = auth.authenticate_token(key, &Requirement::user()).await {
            search.see_error("authenticate_token", &refused);
        }
    }
    search.see_debug("ApiKey", &auth.api_keys("alice").await.unwrap());

    let user = world.users.find("alice");
    let base = LinkBase::new("https://app.example/reset").unwrap();
    for purpose in [OneTimePurpose::PasswordReset, OneTimePurpose::MagicLink] {
        let request = OneTimeRequest::for_user(&user).browser(COOKIE);
        search.see_debug("OneTimeRequest", &request);
        let token = auth.issue_one_time(purpose, request).await.unwrap();
        search.mark_token("one-time token", token.expose());
        search.see_debug("OneTimeToken", &token);
        search.see_debug("OneTimeLink", &token.link(&base));
        for redemption in [
            Redemption::new(token.expose()),
            Redemption::new(token.expose()).browser(COOKIE),
            Redemption::new(token.expose()).browser(COOKIE),
        ] {
            search.see_debug("Redemption", &redemption);
            match auth.redeem(redemption, purpose).await {
                Ok(redeemed) => search.see_debug("Redeemed", &redeemed),
                Err(refused) => see_refused(search, "redeem", auth, &refused, &post("/reset")),
            }
        }
    }
}

/// Everything that can happen to a session, with all ids marked that could name it or its tokens.
async fn live_through_sessions(search: &mut Search, world: &Marked) {
    let auth = &world.auth;
    let mut mark = |pair: &TokenPair| {
        let (access, refresh) = (pair.access_token().expose(), pair.refresh_token().expose());
        let tokens = [(access, Purpose::Access), (refresh, Purpose::Refresh)].map(|(token, purpose)| {
            search.mark_token("token of a session", token);
            let payload = auth.verify_signature_and_claims(token, purpose).unwrap();
            search.mark("jti", payload.token_id());
            search.mark("sid", payload.session_id().unwrap());
            payload
        });
        (refresh.to_owned(), tokens)
    };
    let log_in =
        async || auth.login(TokenRequest::for_subject("alice").claim("device", "phone")).await.unwrap();
    let (first, [payload, _]) = mark(&log_in().await);
    let (second, _) = mark(&auth.refresh(&first, &ClientInfo::unknown()).await.unwrap());
    mark(&auth.refresh(&first, &ClientInfo::unknown()).await.unwrap());
    let id = SessionId::parse(payload.session_id().unwrap()).unwrap();
    world.clock.advance(std::time::Duration::from_secs(60));
    let mut refused = vec![
        auth.refresh(&first, &ClientInfo::unknown()).await.unwrap_err(),
        auth.refresh(&second, &ClientInfo::unknown()).await.unwrap_err(),
    ];
    let (_, [payload, _]) = mark(&log_in().await);
    let (_, [other, _]) = mark(&log_in().await);
    auth.logout_others(&payload, &ClientInfo::unknown()).await.unwrap();
    let listed = auth.sessions("alice").await.unwrap();
    assert!(!auth.revoke_session("bob", &listed[0].id, &ClientInfo::unknown()).await.unwrap());
    auth.revoke_session("alice", &listed[0].id, &ClientInfo::unknown()).await.unwrap();
    assert!(!auth.revoke_session("alice", &id, &ClientInfo::unknown()).await.unwrap());
    auth.revoke(
        "alice",
        &[
            RevocationTarget::TokenId(other.token_id()),
            RevocationTarget::Session(id.as_str()),
            RevocationTarget::Claim { name: "device", value: "tablet" },
        ],
    )
    .await
    .unwrap();
    refused.push(auth.revoke_claim("x", other.token_id()).await.unwrap_err());
    let last = log_in().await;
    mark(&last);
    auth.logout(last.access_token().expose(), &ClientInfo::unknown()).await.unwrap();
    refused.push(auth.refresh(last.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap_err());
    let old = log_in().await;
    mark(&old);
    auth.logout_all("alice", &ClientInfo::unknown()).await.unwrap();
    refused.push(auth.refresh(old.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap_err());

    search.see_debug("Session", &listed);
    search.see_debug("SessionId", &id);
    search.see_debug("TokenPayload", &payload);
    search.see_debug(
        "LoginRequest",
        &LoginRequest::for_subject("alice").client(ClientInfo::unknown().with_user_agent("MARK-client")),
    );
    for refused in &refused {
        see_refused(search, "session", auth, refused, &get("/"));
    }
}

#[tokio::test]
async fn no_id_of_a_session_or_token_in_any_message() {
    let log = Log::of_process();
    let mut search = Search::new();
    let world = marked(&mut search).await;
    live_through_sessions(&mut search, &world).await;
    let records = log.all();
    for kind in
        ["token_theft", "session_ended", "revoked", "logged_out", "logged_out_everywhere", "refreshed"]
    {
        assert!(records.iter().any(|record| record.field("event") == Some(kind)), "{kind} was run");
    }
    for record in records {
        search.see("log", format!("{record:?}"));
        for value in record.fields.values() {
            search.see("log", value);
        }
    }
    let found = search.find();
    assert!(found.is_empty(), "{} secrets shown: {found:#?}", found.len());
    assert!(search.marks.len() > 50, "{}", search.marks.len());
}

#[tokio::test]
async fn no_secret_in_any_message() {
    let log = Log::of_process();
    let mut search = Search::new();
    let world = marked(&mut search).await;
    log_in_every_way(&mut search, &world).await;
    present_every_way(&mut search, &world).await;
    use_keys_and_one_time_tokens(&mut search, &world).await;

    let error = AuthConfig::builder().secret(&KEY[..20]).build().unwrap_err();
    search.mark("short key", &KEY[..20]);
    search.see_error("ConfigError", &error);
    search.see_debug("PasswordHasher", &PasswordHasher::new(weak_passwords()).unwrap());
    let reserved =
        at_once(world.auth.issue(Purpose::Access, TokenRequest::for_subject("alice").claim("sub", PASSWORD)))
            .unwrap_err();
    search.see_error("IssueError", &reserved);

    world.clock.break_down();
    world.users.fail();
    log_in_every_way(&mut search, &world).await;

    let records = log.all();
    assert!(
        records.iter().any(|record| record.field("reason") == Some("rehash_failed")),
        "the flows were run"
    );
    assert!(records.iter().any(|record| record.field("problem").is_some()), "the broken hash was met");
    for record in records {
        search.see("log", format!("{record:?}"));
        for value in record.fields.values() {
            search.see("log", value);
        }
    }
    let found = search.find();
    assert!(found.is_empty(), "{} secrets shown: {found:#?}", found.len());
    assert!(
        search.marks.len() > 12 && search.texts.len() > 300,
        "{} {}",
        search.marks.len(),
        search.texts.len()
    );
}
