//! Own tokens and those of others in one provider: what the one does, the other cannot.

use fauth_core::{
    AuthProvider, ClientInfo, Missing, Purpose, Rejection, Requirement,
    api_key::{ApiKeyError, ApiKeyRequest},
    clock::Clock as _,
    routes::Endpoint,
    token::TokenError,
    transport::CookieTransport,
};
use fauth_testing::{
    ForeignIssuer, ManualClock, PublishedKeys, TestUser, Users, WireRequest, config, memory_store,
    provider_with, sign,
};

use crate::support::{ISSUER, World, enter, trusted, user};

const FOREIGN: Rejection = Rejection::Forbidden(Missing::ForeignTokenNotAllowed);

struct Both {
    clock: ManualClock,
    issuer: ForeignIssuer,
    keys: PublishedKeys,
    auth: AuthProvider<TestUser>,
}

impl Both {
    fn new() -> Self {
        let (clock, issuer) = (ManualClock::new(), ForeignIssuer::new(ISSUER));
        let keys = PublishedKeys::of(&issuer);
        let store = memory_store();
        let auth = provider_with(config(), &Users::new())
            .trusted_issuer(trusted(&keys, &issuer))
            .user_from_claims(user)
            .api_key_store(store.clone())
            .one_time_store(store)
            .transport(fauth_core::transport::BearerTransport::new())
            .transport(CookieTransport::new())
            .clock(clock.clone())
            .build()
            .unwrap();
        Self { clock, issuer, keys, auth }
    }

    fn foreign(&self, subject: &str) -> fauth_testing::ForeignToken {
        self.issuer.token(subject, self.clock.now().unwrap())
    }

    async fn call(&self, endpoint: Endpoint, request: &WireRequest) -> Result<u16, Rejection> {
        let call = endpoint.read(&self.auth, request, Ok(&request.body));
        call.answer(&self.auth).await.map(|reply| reply.status())
    }
}

#[tokio::test]
async fn both_open_the_same_guard_for_different_people() {
    let both = Both::new();
    let own = both.auth.login("alice").await.unwrap();
    let own = enter(&both.auth, own.access_token().expose()).await.unwrap();
    let other = enter(&both.auth, &both.foreign("alice").sign()).await.unwrap();
    assert_eq!((own.payload().issuer(), other.payload().issuer()), (None, Some(ISSUER)));
    assert_eq!(own.user().name, "alice");
    assert_eq!(other.user().name, "alice of https://login.example.com");
    assert_eq!(both.auth.owner_of(own.payload()), both.auth.owner("alice"));
    assert_ne!(both.auth.owner_of(other.payload()), both.auth.owner("alice"));
}

/// Whoever finds own users is never asked about a subject of others, and the other way round.
#[tokio::test]
async fn no_loader_is_asked_about_the_subjects_of_the_other() {
    let (clock, issuer) = (ManualClock::new(), ForeignIssuer::new(ISSUER));
    let (own, others) = (Users::new(), Users::new());
    others.change("alice", |user| user.name = "alice of the partner".into());
    let auth = provider_with(config(), &own)
        .trusted_issuer(trusted(&PublishedKeys::of(&issuer), &issuer))
        .foreign_user_loader(others.user_loader())
        .clock(clock.clone())
        .build()
        .unwrap();
    let token = issuer.token("alice", clock.now().unwrap()).sign();
    assert_eq!(enter(&auth, &token).await.unwrap().user().name, "alice of the partner");
    let pair = auth.login("alice").await.unwrap();
    let granted = enter(&auth, pair.access_token().expose()).await.unwrap();
    assert_eq!(granted.user().name, "alice");
    own.fail();
    assert!(enter(&auth, &token).await.is_ok());
    assert!(matches!(enter(&auth, pair.access_token().expose()).await, Err(Rejection::Unavailable(_))));
}

/// The users of a store are own ones.
#[cfg(feature = "user-store")]
#[tokio::test]
async fn a_user_store_has_no_user_of_another_issuer() {
    use fauth_core::{
        rejection::InvalidToken,
        user_store::{MemoryUserStore, NewUser, StoredUser, UserStore as _},
    };
    let (clock, issuer) = (ManualClock::new(), ForeignIssuer::new(ISSUER));
    let store = MemoryUserStore::new().clock(clock.clone());
    store.create(NewUser::new("alice", "")).await.unwrap();
    let keys = PublishedKeys::of(&issuer);
    let auth = AuthProvider::<StoredUser>::builder(config())
        .trusted_issuer(trusted(&keys, &issuer))
        .user_loader(store.clone())
        .foreign_user_loader(store)
        .without_password_login()
        .store(memory_store())
        .danger_share_application()
        .clock(clock.clone())
        .build()
        .unwrap();
    let now = clock.now().unwrap();
    let enter = async |token: &str| {
        let head = WireRequest::get("/").bearer(token);
        let granted = auth.check(auth.read(&head), &Requirement::user()).await;
        granted.map(|granted| granted.user().username().to_owned())
    };
    let foreign = enter(&issuer.token("alice", now).sign()).await;
    assert_eq!(foreign, Err(Rejection::InvalidToken(InvalidToken::UnknownUser)));
    let own = auth.login("alice").await.unwrap();
    assert_eq!(enter(own.access_token().expose()).await, Ok("alice".to_owned()));
}

/// Own tokens never wait for the keys of others.
#[tokio::test]
async fn own_tokens_ask_nobody() {
    let both = Both::new();
    both.keys.go_down();
    let own = both.auth.login("alice").await.unwrap();
    enter(&both.auth, own.access_token().expose()).await.unwrap();
    // One that says that it is of the other, with the header of an own one.
    let own = both.foreign("alice").without_claim("aud").claim("app", "default");
    let claims = own.claim("token_type", "access").claims();
    let disguised = sign(r#"{"alg":"HS256","typ":"at+jwt"}"#, &claims);
    assert!(enter(&both.auth, &disguised).await.is_ok_and(|granted| granted.payload().issuer().is_none()));
    assert_eq!(both.keys.fetches(), 0);
}

/// What is signed with the own secret is no token of another issuer, whatever it says.
#[tokio::test]
async fn the_own_secret_signs_for_nobody_else() {
    let both = Both::new();
    both.auth.warm_up().await.unwrap();
    let claims = both.foreign("alice").claims();
    let forged = sign(r#"{"typ":"at+jwt","alg":"HS256","kid":"key-1"}"#, &claims);
    assert_eq!(World::reason(enter(&both.auth, &forged).await), TokenError::WrongAlgorithm);
    let stranger = ForeignIssuer::new("https://stranger.example").token("alice", both.clock.now().unwrap());
    assert!(matches!(enter(&both.auth, &stranger.sign()).await, Err(Rejection::InvalidToken(_))));
    assert_eq!(both.keys.fetches(), 1);
}

#[tokio::test]
async fn a_bound_token_is_refused_also_if_it_is_an_own_one() {
    let both = Both::new();
    let now = both.clock.now().unwrap().unix_seconds();
    let claims = |cnf: &str| {
        format!(
            r#"{{"sub":"alice","exp":{},"iat":{now},"jti":"1","token_type":"access","scopes":[],"app":"default"{cnf}}}"#,
            now + 60
        )
    };
    let header = r#"{"alg":"HS256","typ":"at+jwt"}"#;
    assert!(enter(&both.auth, &sign(header, &claims(""))).await.is_ok());
    let bound = sign(header, &claims(r#","cnf":{"jkt":"x"}"#));
    assert_eq!(World::reason(enter(&both.auth, &bound).await), TokenError::SenderConstrained);
    let request = fauth_core::TokenRequest::for_subject("alice").claim("cnf", "x");
    assert!(both.auth.issue(Purpose::Access, request).await.is_err(), "so none is issued");
}

/// Browsers attach cookies unasked; what they carry is an own token or none.
#[tokio::test]
async fn a_cookie_holds_no_token_of_others() {
    let both = Both::new();
    both.auth.warm_up().await.unwrap();
    let name = both.auth.transports().find_map(|transport| match transport.describe() {
        fauth_core::transport::SecurityScheme::Cookie { name } => Some(name),
        _ => None,
    });
    let name = name.unwrap();
    let cookie = |token: &str| WireRequest::get("/").header("cookie", format!("{name}={token}"));
    let own = both.auth.login("alice").await.unwrap();
    let check = async |head: WireRequest| both.auth.check(both.auth.read(&head), &Requirement::user()).await;
    assert!(check(cookie(own.access_token().expose())).await.is_ok());
    let outcome = check(cookie(&both.foreign("alice").sign())).await;
    assert!(matches!(outcome, Err(Rejection::InvalidToken(_))), "{outcome:?}");
}

/// Whose session ends, who refreshes, whose sessions are listed: none of it is for others.
#[tokio::test]
async fn the_endpoints_of_logins_refuse_others() {
    let both = Both::new();
    let own = both.auth.login("alice").await.unwrap();
    let sessions = both.auth.sessions("alice").await.unwrap();
    let [session] = sessions.as_slice() else { panic!("one session") };
    // Also one that names the session of the own subject of its name.
    let token = both.foreign("alice").claim("sid", session.id.as_str()).sign();
    let with = |method: &str, path: &str| WireRequest::new(method, path).bearer(&token);
    let path = format!("/sessions/{}", session.id.as_str());
    for warm in [false, true] {
        if warm {
            both.auth.warm_up().await.unwrap();
        }
        for (endpoint, request) in [
            (Endpoint::Logout, with("POST", "/logout")),
            (Endpoint::LogoutAll, with("POST", "/logout/all")),
            (Endpoint::Sessions, with("GET", "/sessions")),
            (Endpoint::Session, with("DELETE", &path)),
        ] {
            assert_eq!(both.call(endpoint, &request).await, Err(FOREIGN), "{endpoint:?}");
        }
        let mut body = WireRequest::post("/refresh").header("content-type", "application/json");
        body.body = format!(r#"{{"refresh_token":"{token}"}}"#).into_bytes();
        let outcome = both.call(Endpoint::Refresh, &body).await;
        assert!(matches!(outcome, Err(Rejection::InvalidToken(_))), "{outcome:?}");
        assert!(both.auth.logout(&token, &ClientInfo::unknown()).await.is_err());
        assert!(both.auth.refresh(&token, &ClientInfo::unknown()).await.is_err());
    }
    assert_eq!(both.auth.sessions("alice").await.unwrap().len(), 1, "it lives");
    both.auth.refresh(own.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap();
}

#[tokio::test]
async fn nothing_of_an_own_subject_is_reached_with_a_grant_of_others() {
    let both = Both::new();
    let token = both.foreign("alice").claim("auth_time", both.clock.now().unwrap().unix_seconds()).sign();
    let granted = enter(&both.auth, &token).await.unwrap();
    let key = both.auth.create_api_key(&granted, ApiKeyRequest::new("x")).await.map(|_| ());
    assert!(matches!(key, Err(ApiKeyError::Refused(FOREIGN))), "{key:?}");
    assert!(both.auth.api_keys("alice").await.unwrap().is_empty());
    let client = ClientInfo::unknown();
    assert_eq!(both.auth.logout_others(granted.payload(), &client).await, Err(FOREIGN));
    let again = both.auth.reauthenticate(&granted, "alice", "s3cret", &client).await.map(|_| ());
    assert_eq!(again, Err(FOREIGN));
    let own = both.auth.login("alice").await.unwrap();
    let own_session = both.auth.sessions("alice").await.unwrap().remove(0).id;
    let token = both.foreign("alice").claim("sid", own_session.as_str()).sign();
    let head = WireRequest::get("/").bearer(&token);
    let session = both.auth.current_session(both.auth.read(&head)).await.unwrap();
    assert!(session.is_authenticated() && session.created_at().is_none(), "nothing of that session is told");
    enter(&both.auth, own.access_token().expose()).await.unwrap();
}

/// RFC 9470: how long ago somebody has logged in says the issuer.
#[tokio::test]
async fn the_issuer_says_when_somebody_has_logged_in() {
    let both = Both::new();
    let now = both.clock.now().unwrap().unix_seconds();
    let recent = Requirement::user().login_within(std::time::Duration::from_secs(60));
    let check = async |token: String| {
        let head = WireRequest::get("/").bearer(&token);
        both.auth.check(both.auth.read(&head), &recent).await.map(|_| ())
    };
    assert_eq!(check(both.foreign("alice").claim("auth_time", now - 60).sign()).await, Ok(()));
    for token in [both.foreign("alice").claim("auth_time", now - 61), both.foreign("alice")] {
        assert!(matches!(check(token.sign()).await, Err(Rejection::StaleLogin { .. })));
    }
}
