//! Who the users of another issuer are and what they may do: somebody is an issuer and a subject,
//! and nothing of one is another's.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fauth_core::{
    ClientInfo, MemoryStore, OneTimePurpose, Purpose, Rejection, Requirement, RouteRules, TokenRequest,
    api_key::ApiKeyRequest,
    clock::Timestamp,
    rejection::{Misconfigured, Unavailable},
    store::RevocationTarget,
    token::Algorithm,
    transport::{BearerTransport, CookieTransport, SessionCookie},
    trusted_issuer::{AccessTokenProfile, ClaimMapping},
};
use serde_json::{Value, json};

use super::{
    Harness, Placement, Probe, Ruled, cases,
    issuers::{
        Builder, ISSUER, OTHER_ISSUER, Trusting, beside_own, beside_own_with, described, keys_of,
        second_issuer, service, service_with, trusted,
    },
};
use crate::{
    FOREIGN_AUDIENCE, Fault, FaultyStore, ForeignIssuer, ManualClock, PublishedKeys, SECRET, at_once,
    memory_store, sign_with,
};

const JSON: &str = "application/json";
const NOW: i64 = ManualClock::START.unix_seconds();
const FOREIGN_REFUSED: &str = "foreign_token_not_allowed";
const CLIENT: [u8; 4] = [192, 0, 2, 7];

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A service that makes its users of claims.
fn describing<H: Harness>(t: &Probe<H>) -> Trusting<H> {
    let mapping = ClaimMapping::new().roles("roles").permissions("permissions");
    service_with(t, |issuer| issuer.claims(mapping), |builder| builder.user_from_claims(described))
}

/// An application with own tokens, and two issuers beside.
fn with_two<H: Harness>(t: &Probe<H>) -> (Trusting<H>, ForeignIssuer) {
    let (other, trust) = second_issuer();
    (beside_own_with(t, trust), other)
}

/// A good token of any issuer.
fn of(issuer: &ForeignIssuer, subject: &str) -> String {
    issuer.token(subject, ManualClock::START).sign()
}

/// Revokes something of a subject of an issuer.
fn revoke<H: Harness>(s: &Trusting<H>, issuer: &str, subject: &str, target: RevocationTarget<'_>) {
    block_on(s.app.app.auth.revoke_of_issuer(issuer, subject, &[target])).unwrap();
}

/// Revokes something of an own subject.
fn revoke_own<H: Harness>(s: &Trusting<H>, subject: &str, target: RevocationTarget<'_>) {
    block_on(s.app.app.auth.revoke(subject, &[target])).unwrap();
}

/// The id of an own token, and of its session.
fn ids_of<H: Harness>(s: &Trusting<H>, token: &str) -> (String, Option<String>) {
    let payload = s.app.app.auth.verify_signature_and_claims(token, Purpose::Access).unwrap();
    (payload.token_id().to_owned(), payload.session_id().map(str::to_owned))
}

fn refreshing<'a, H: Harness>(t: &'a Probe<H>, token: &str) -> super::Sending<'a, H> {
    t.post("/refresh").body(JSON, json!({ "refresh_token": token }).to_string())
}

fn sites(builder: Builder) -> Builder {
    builder.transport(BearerTransport::new()).transport(CookieTransport::new())
}

cases! { $ __issuer_users_tests in issuer_users;
    fn somebody_is_an_issuer_and_a_subject(t) {
        let (other, trust) = second_issuer();
        let s = beside_own_with(&t, |builder| trust(builder).user_from_claims(described));
        s.opens(s.token("alice").sign()).says("Hello alice of https://login.example.com");
        s.opens(of(&other, "alice")).says("Hello alice of https://login.example.org");
        s.opens(s.app.access("alice")).says("Hello alice");
    }

    fn users_made_of_claims_are_loaded_from_nowhere(t) {
        let s = describing(&t);
        t.users.fail();
        for subject in ["alice", "nobody", "carol"] {
            let seen = s.opens(s.token(subject).sign());
            assert_eq!(seen.user_loads, 0);
            seen.says(&format!("Hello {subject} of {ISSUER}"));
        }
        s.refuses(s.token("alice").forge(), "bad_signature");
    }

    /// Own tokens still are.
    fn users_of_own_tokens_are_loaded_beside_those_made_of_claims(t) {
        let s = beside_own_with(&t, |builder| builder.user_from_claims(described));
        assert_eq!(s.opens(s.app.access("alice")).user_loads, 1);
        assert_eq!(s.opens(s.token("nobody").sign()).user_loads, 0);
        s.refuses(s.app.access("nobody"), "unknown_user");
    }

    fn an_inactive_user_made_of_claims_is_refused(t) {
        let locked = |token: &fauth_core::TokenPayload| crate::TestUser {
            active: token.claim::<bool>("locked").ok().flatten() != Some(true),
            ..described(token)
        };
        let s = service_with(&t, |issuer| issuer, |builder| builder.user_from_claims(locked));
        s.opens(s.token("alice").sign());
        s.refuses(s.token("alice").claim("locked", true).sign(), "inactive_user");
        let inactive = s.app.get("/guards/inactive").bearer(s.token("alice").claim("locked", true).sign()).send();
        inactive.is(200);
    }

    fn a_user_whom_nobody_knows_is_refused(t) {
        let s = service(&t);
        s.opens(s.token("alice").sign());
        s.refuses(s.token("nobody").sign(), "unknown_user");
        s.refuses(s.token("carol").sign(), "inactive_user");
        t.users.remove("alice");
        s.refuses(s.token("alice").sign(), "unknown_user");
    }

    fn a_loader_that_fails_or_hangs_is_503(t) {
        let s = service_with(&t, |issuer| issuer, |builder| builder.loader_timeout(Duration::from_millis(20)));
        s.opens(s.token("alice").sign());
        t.users.fail();
        s.cannot_tell(s.token("alice").sign());
        s.refuses(s.token("alice").forge(), "bad_signature");
        t.users.delay(Duration::from_secs(60));
        s.cannot_tell(s.token("alice").sign());
    }

    /// The rights are those of the loaded user, whatever the token says: a demotion counts at once.
    fn rights_of_a_loaded_user_are_not_those_of_the_token(t) {
        let mapping = ClaimMapping::new().roles("roles").permissions("permissions");
        let s = service_with(&t, |issuer| issuer.claims(mapping), |builder| builder);
        let token = |subject: &str| s.token(subject).claim("roles", json!(["admin", "user"])).claim("permissions", json!(["write"])).sign();
        s.app.get("/guards/roles").bearer(token("alice")).send().is(200);
        s.app.get("/guards/roles").bearer(token("bob")).send().refused(403, "missing_role");
        s.app.get("/guards/permission").bearer(token("bob")).send().refused(403, "missing_permission");
        t.users.change("alice", |user| user.roles.clear());
        s.app.get("/guards/roles").bearer(token("alice")).send().refused(403, "missing_role");
    }

    fn roles_of_the_token_open_what_asks_for_them(t) {
        let s = describing(&t);
        let with = |roles: Value| s.token("alice").claim("roles", roles).sign();
        for path in ["/guards/roles", "/guards/vector", "/guards/role", "/guards/any-role", "/guards/twice", "/admins/panel", "/all-roles/panel", "/group/admin"] {
            s.app.get(path).bearer(with(json!(["admin", "user"]))).send().is(200).says("Hello alice of https://login.example.com");
            s.app.get(path).bearer(with(json!(["user"]))).send().is(403);
            s.app.get(path).bearer(with(json!([]))).send().is(403);
            s.app.get(path).bearer(s.token("alice").sign()).send().is(403);
            s.app.get(path).bearer(s.token("alice").claim("roles", json!(["admin", "user"])).forge()).send().refused(401, "invalid_token");
            s.app.get(path).send().refused(401, "missing_credential");
        }
        s.app.get("/guards/role").bearer(with(json!("user admin"))).send().is(200);
        s.app.get("/guards/role").bearer(with(json!(["user"]))).send().refused(403, "missing_role");
        s.app.get("/guards/role").bearer(with(json!(["Admin", "admin ", "xadmin"]))).send().refused(403, "missing_role");
    }

    fn permissions_of_the_token_open_what_asks_for_them(t) {
        let s = describing(&t);
        let with = |permissions: Value| s.token("alice").claim("permissions", permissions).sign();
        for path in ["/guards/permissions", "/all-permissions/panel"] {
            s.app.get(path).bearer(with(json!(["read", "write"]))).send().is(200);
            s.app.get(path).bearer(with(json!(["read"]))).send().refused(403, "missing_permission");
            s.app.get(path).bearer(s.token("alice").claim("roles", json!(["admin", "read", "write"])).sign()).send().refused(403, "missing_permission");
        }
    }

    fn scopes_of_the_token_open_what_asks_for_them(t) {
        let s = service(&t);
        let with = |scope: &str| s.token("alice").claim("scope", scope).sign();
        for path in ["/guards/scopes", "/all-scopes/panel"] {
            s.app.get(path).bearer(with("write read")).send().is(200).says("Hello alice");
            for (scope, missing) in [("read", "write"), ("", "read write"), ("READ WRITE", "read write")] {
                let seen = s.app.get(path).bearer(with(scope)).send();
                let challenge = "Bearer realm=\"fauth\", error=\"insufficient_scope\", \
                    error_description=\"The request needs more rights than the token gives\"";
                seen.refused(403, "missing_scope").has("www-authenticate", &format!("{challenge}, scope=\"{missing}\""));
            }
            s.app.get(path).bearer(s.token("alice").sign()).send().refused(403, "missing_scope");
            // What own tokens have in place of it.
            s.app.get(path).bearer(s.token("alice").claim("scopes", json!(["read", "write"])).sign()).send().refused(403, "missing_scope");
        }
    }

    fn scopes_may_stand_in_another_claim(t) {
        let s = service_with(&t, |issuer| issuer.claims(ClaimMapping::new().scopes("scp")), |builder| builder);
        for scp in [json!("read write"), json!(["read", "write"])] {
            s.app.get("/guards/scopes").bearer(s.token("alice").claim("scp", scp).sign()).send().is(200);
        }
        s.app.get("/guards/scopes").bearer(s.token("alice").claim("scope", "read write").sign()).send().refused(403, "missing_scope");
    }

    /// The admin of one is not that of another.
    fn roles_of_one_issuer_are_not_those_of_another(t) {
        let other = ForeignIssuer::new(OTHER_ISSUER);
        let partner = ClaimMapping::new().roles("roles").only_roles(["user"]);
        let s = service_with(
            &t,
            |issuer| issuer.claims(ClaimMapping::new().roles("roles")),
            |builder| builder.user_from_claims(described).trusted_issuer(trusted(&other, keys_of(&other)).claims(partner)),
        );
        let roles = json!(["admin", "user"]);
        s.app.get("/guards/roles").bearer(s.token("alice").claim("roles", roles.clone()).sign()).send().is(200);
        let of_partner = other.token("alice", ManualClock::START).claim("roles", roles).sign();
        s.opens(&of_partner);
        s.app.get("/guards/roles").bearer(&of_partner).send().refused(403, "missing_role");
    }

    fn roles_in_an_object_are_found_by_their_path(t) {
        let mapping = ClaimMapping::new().roles("realm_access.roles").roles_of_client("shop.web");
        let s = service_with(&t, |issuer| issuer.claims(mapping), |builder| builder.user_from_claims(described));
        let with = |realm: Value, client: Value| {
            s.token("alice").claim("realm_access", json!({ "roles": realm })).claim("resource_access", json!({ "shop.web": { "roles": client }, "other": { "roles": ["admin"] } })).sign()
        };
        s.app.get("/guards/roles").bearer(with(json!(["admin"]), json!(["user"]))).send().is(200);
        s.app.get("/guards/roles").bearer(with(json!(["user"]), json!(["user"]))).send().refused(403, "missing_role");
        let elsewhere = s.token("alice").claim("roles", json!(["admin", "user"])).claim("realm_access.roles", json!(["admin", "user"])).sign();
        s.app.get("/guards/roles").bearer(elsewhere).send().refused(403, "missing_role");
    }

    fn the_handler_reads_what_the_token_says(t) {
        let s = service(&t);
        let token = s.token("alice").claim("scope", "read write").claim("tenant", "acme").sign();
        s.app.get("/guards/token").bearer(&token).send().is(200).says("access alice [read write] acme");
        s.app.get("/guards/token").bearer(s.token("bob").sign()).send().is(200).says("access bob [] -");
        // Without a guard nobody has looked at it.
        s.app.get("/token").bearer(&token).send().refused(500, "misconfigured");
    }

    fn challenges_are_those_of_bearer_tokens(t) {
        let s = service(&t);
        let challenge = |path: &str, token: Option<String>| {
            let sending = s.app.get(path);
            let sending = token.into_iter().fold(sending, super::Sending::bearer);
            sending.send().response.header("www-authenticate").join(" | ")
        };
        assert_eq!(challenge("/guards/user", None), "Bearer realm=\"fauth\"");
        let invalid = "Bearer realm=\"fauth\", error=\"invalid_token\", error_description=\"The token is invalid or has expired\"";
        for bad in [s.token("alice").forge(), s.token("alice").claim("exp", 1).sign(), s.token("nobody").sign(), "x".to_owned()] {
            assert_eq!(challenge("/guards/user", Some(bad)), invalid);
        }
        assert_eq!(
            challenge("/guards/roles", Some(s.token("bob").sign())),
            "Bearer realm=\"fauth\", error=\"insufficient_scope\", error_description=\"The request needs more rights than the token gives\""
        );
        assert_eq!(challenge("/guards/user", Some(s.token("bob").sign())), "");
    }

    fn a_service_without_own_tokens_has_no_endpoints_for_them(t) {
        let s = service(&t);
        for path in ["/login", "/refresh", "/logout", "/logout/all", "/moved/signin", "/moved/logout"] {
            s.app.post(path).body(JSON, "{}").send_to_framework().is(404);
            t.post(path).body(JSON, "{}").send_to_framework();
        }
        s.app.get("/sessions").bearer(s.token("alice").sign()).send_to_framework().is(404);
        let listed = t.get("/sessions").bearer(t.access("alice")).send();
        listed.is(200);
    }

    fn a_service_without_own_tokens_issues_none(t) {
        let s = service(&t);
        s.app.post("/own/login").send().refused(500, "misconfigured");
        s.app.post("/own/refresh").send().refused(401, "missing_credential");
        s.app.post("/own/logout").send().refused(401, "missing_credential");
        s.app.post("/own/logout").bearer(s.token("alice").sign()).send().refused(403, FOREIGN_REFUSED);
        assert!(at_once(s.app.app.auth.issue(Purpose::Access, "alice")).is_err());
        t.post("/own/login").send().is(200);
    }

    /// Of whatever kind.
    fn own_tokens_of_somebody_open_nothing_where_others_are_trusted(t) {
        let s = service(&t);
        s.opens(s.token("alice").sign());
        s.refuses(t.access("alice"), "missing_claim");
        s.refuses(t.token(Purpose::Refresh, "alice"), "missing_claim");
        s.refuses(t.refresh_token("alice"), "missing_claim");
        for purpose in [OneTimePurpose::PasswordReset, OneTimePurpose::EmailVerification, OneTimePurpose::MagicLink] {
            s.refuses(t.one_time_token(purpose, "alice"), "missing_claim");
        }
        // Also with the names of the issuer and of the service.
        let claims = s.token("alice").claim("app", "default").claim("token_type", "access").claim("scopes", json!([])).claims();
        for header in [r#"{"alg":"HS256","typ":"at+jwt"}"#, r#"{"alg":"HS256","typ":"refresh+jwt"}"#] {
            s.refuses(sign_with(Algorithm::HS256, SECRET.as_bytes(), header, &claims), "wrong_algorithm");
        }
    }

    fn a_refresh_token_opens_nothing_beside_another_issuer(t) {
        let s = beside_own(&t);
        s.opens(s.app.access("alice"));
        s.refuses(s.app.token(Purpose::Refresh, "alice"), "wrong_purpose");
        s.refuses(s.app.refresh_token("alice"), "wrong_purpose");
        s.refuses(s.app.one_time_token(OneTimePurpose::PasswordReset, "alice"), "wrong_purpose");
        s.refuses(s.token("alice").header("typ", "refresh+jwt").sign(), "wrong_purpose");
    }

    fn sessions_are_not_for_tokens_of_another_issuer(t) {
        let s = beside_own(&t);
        let pair = s.app.session("alice");
        let own = pair.access_token().expose();
        let sid = ids_of(&s, own).1.unwrap();
        let foreign = s.token("alice").claim("sid", &*sid).sign();
        s.opens(&foreign);
        s.app.get("/sessions").bearer(&foreign).send().refused(403, FOREIGN_REFUSED);
        s.app.request("DELETE", &format!("/sessions/{sid}")).bearer(&foreign).send().refused(403, FOREIGN_REFUSED);
        s.app.post("/logout/all").bearer(&foreign).send().refused(403, FOREIGN_REFUSED);
        s.app.get("/sessions").bearer(s.token("alice").forge()).send().refused(401, "invalid_token");
        // Nothing of own alice has ended.
        let listed = s.app.get("/sessions").bearer(own).send();
        assert_eq!(listed.is(200).response.json()["sessions"].as_array().unwrap().len(), 1);
        refreshing(&s.app, pair.refresh_token().expose()).once().is(200);
    }

    fn a_logout_is_not_for_tokens_of_another_issuer(t) {
        let s = beside_own(&t);
        let pair = s.app.session("alice");
        let own = pair.access_token().expose();
        let foreign = s.token("alice").claim("sid", ids_of(&s, own).1.unwrap()).sign();
        for path in ["/logout", "/moved/logout"] {
            let seen = s.app.post(path).bearer(&foreign).send();
            seen.refused(403, FOREIGN_REFUSED);
            assert_eq!(seen.response.json()["detail"], "A token of another issuer is not accepted here");
        }
        for field in ["refresh_token", "token"] {
            let body = json!({ field: foreign }).to_string();
            s.app.post("/logout").body(JSON, body).send().refused(401, "invalid_token");
        }
        s.opens(own);
        s.opens(&foreign);
        s.app.post("/logout").bearer(own).once().is(200);
        s.refuses(own, "token_revoked");
        s.opens(&foreign);
    }

    fn a_refresh_is_not_for_tokens_of_another_issuer(t) {
        let s = beside_own(&t);
        let token = s.token("alice");
        for foreign in [token.sign(), token.clone().header("typ", "refresh+jwt").sign(), token.claim("typ", "Refresh").claim("token_type", "refresh").sign()] {
            refreshing(&s.app, &foreign).send().refused(401, "invalid_token");
        }
        s.app.post("/refresh").bearer(s.token("alice").sign()).send().refused(401, "missing_credential");
        refreshing(&s.app, &s.app.refresh_token("alice")).once().is(200);
    }

    fn a_login_does_not_mind_a_token_of_another_issuer(t) {
        let s = beside_own(&t);
        for token in [s.token("bob").sign(), s.token("bob").forge()] {
            let seen = s.app.login("alice", "s3cret").bearer(token).once();
            s.opens(seen.is(200).token("access_token")).says("Hello alice");
        }
        s.app.login("alice", "wrong").bearer(s.token("alice").sign()).once().refused(401, "invalid_credentials");
    }

    /// Whoever only wants to log out waits for nobody.
    fn a_logout_fetches_no_keys(t) {
        let server = PublishedKeys::of(&ForeignIssuer::new(OTHER_ISSUER));
        let other = ForeignIssuer::new(OTHER_ISSUER);
        let s = beside_own_with(&t, |builder| builder.trusted_issuer(server.trusted(&other)));
        s.app.post("/logout").bearer(of(&other, "alice")).send().refused(403, FOREIGN_REFUSED);
        assert_eq!(server.fetches(), 0);
        s.app.post("/logout/all").bearer(of(&other, "alice")).send().refused(403, FOREIGN_REFUSED);
        assert_eq!(server.fetches(), 1);
    }

    fn what_is_of_own_logins_is_refused_to_granted_tokens_of_another_issuer(t) {
        let s = beside_own_with(&t, |builder| builder.api_key_store(memory_store()));
        let auth = &s.app.app.auth;
        let requirement = Requirement::user();
        let refused = Rejection::Forbidden(fauth_core::Missing::ForeignTokenNotAllowed);
        let client = ClientInfo::unknown();
        let token = s.token("alice").claim("auth_time", NOW).sign();
        let granted = block_on(auth.authenticate_token(&token, &requirement)).unwrap();
        let made = block_on(auth.create_api_key(&granted, ApiKeyRequest::new("mine")));
        assert_eq!(made.map(drop).map_err(Rejection::from), Err(refused.clone()));
        assert_eq!(block_on(auth.logout_others(granted.payload(), &client)), Err(refused.clone()));
        assert_eq!(block_on(auth.reauthenticate(&granted, "alice", "s3cret", &client)).map(drop), Err(refused));
        assert_eq!(block_on(auth.api_keys("alice")).unwrap(), []);
        // The same with the token of an own login.
        let own = s.app.session("alice");
        let granted = block_on(auth.authenticate_token(own.access_token().expose(), &requirement)).unwrap();
        block_on(auth.create_api_key(&granted, ApiKeyRequest::new("mine"))).unwrap();
        assert_eq!(block_on(auth.logout_others(granted.payload(), &client)), Ok(0));
        block_on(auth.reauthenticate(&granted, "alice", "s3cret", &client)).unwrap();
    }

    fn a_bare_token_is_judged_as_that_of_a_request(t) {
        let s = service(&t);
        let auth = &s.app.app.auth;
        let ask = |token: &str| block_on(auth.authenticate_token(token, &Requirement::user())).map_err(|rejection| rejection.reason());
        let granted = ask(&s.token("alice").sign()).unwrap();
        assert_eq!((granted.payload().issuer(), granted.payload().subject()), (Some(ISSUER), "alice"));
        assert_eq!(ask(&s.token("alice").forge()).map(drop), Err("bad_signature"));
        assert_eq!(ask(&s.token("carol").sign()).map(drop), Err("inactive_user"));
        assert_eq!(ask("").map(drop), Err("missing_credential"));
    }

    fn to_revoke_a_subject_concerns_one_issuer(t) {
        for revoked in 0..3 {
            let (s, other) = with_two(&t);
            let tokens = [s.app.access("alice"), s.token("alice").sign(), of(&other, "alice")];
            for token in &tokens {
                s.opens(token);
            }
            match revoked {
                0 => revoke_own(&s, "alice", RevocationTarget::Subject),
                1 => revoke(&s, ISSUER, "alice", RevocationTarget::Subject),
                _ => revoke(&s, OTHER_ISSUER, "alice", RevocationTarget::Subject),
            }
            for (place, token) in tokens.iter().enumerate() {
                if place == revoked {
                    s.refuses(token, "token_revoked");
                } else {
                    s.opens(token);
                }
            }
            s.opens(s.token("bob").sign());
        }
    }

    fn to_revoke_a_token_concerns_one_issuer(t) {
        let (s, other) = with_two(&t);
        let own = s.app.access("alice");
        let (id, _) = ids_of(&s, &own);
        let foreign = s.token("alice").claim("jti", &*id).sign();
        let third = other.token("alice", ManualClock::START).claim("jti", &*id).sign();
        revoke(&s, ISSUER, "alice", RevocationTarget::TokenId(&id));
        s.refuses(&foreign, "token_revoked");
        s.opens(&own);
        s.opens(&third);
        // Another token of the same subject, and the same id of another subject.
        s.opens(s.token("alice").claim("jti", "another").sign());
        s.opens(s.token("bob").claim("jti", &*id).sign());
        revoke_own(&s, "alice", RevocationTarget::TokenId(&id));
        s.refuses(&own, "token_revoked");
        s.opens(&third);
    }

    fn to_revoke_a_session_concerns_one_issuer(t) {
        let (s, other) = with_two(&t);
        let pair = s.app.session("alice");
        let own = pair.access_token().expose();
        let sid = ids_of(&s, own).1.unwrap();
        let of_session = |issuer: &ForeignIssuer, id: &str| issuer.token("alice", ManualClock::START).claim("jti", id).claim("sid", &*sid).sign();
        revoke(&s, ISSUER, "alice", RevocationTarget::Session(&sid));
        s.refuses(of_session(&s.issuer, "one"), "token_revoked");
        s.refuses(of_session(&s.issuer, "two"), "token_revoked");
        s.opens(s.token("alice").claim("sid", "another").sign());
        s.opens(s.token("alice").sign());
        s.opens(of_session(&other, "one"));
        s.opens(own);
        refreshing(&s.app, pair.refresh_token().expose()).once().is(200);
        // The other way round.
        revoke_own(&s, "alice", RevocationTarget::Session(&sid));
        s.refuses(own, "token_revoked");
        s.opens(of_session(&other, "one"));
    }

    /// Its id is made of what is signed.
    fn a_token_without_id_is_revoked_by_what_it_is(t) {
        let s = service_with(&t, |issuer| issuer.profile(AccessTokenProfile::Plain), |builder| builder.revocation_store(memory_store()));
        let token = s.token("alice").header("typ", "JWT").without_claim("jti");
        let granted = block_on(s.app.app.auth.authenticate_token(&token.sign(), &Requirement::user())).unwrap();
        let id = granted.payload().token_id().to_owned();
        assert_eq!(id.len(), 43);
        revoke(&s, ISSUER, "alice", RevocationTarget::TokenId(&id));
        s.refuses(token.sign(), "token_revoked");
        s.opens(token.claim("x", 1).sign());
    }

    fn to_revoke_a_claim_concerns_one_issuer(t) {
        let (other, trust) = second_issuer();
        let s = beside_own_with(&t, |builder| trust(builder).revocable_claim("tenant"));
        let of_tenant = |issuer: &ForeignIssuer, tenant: &str| issuer.token("alice", ManualClock::START).claim("tenant", tenant).sign();
        let own = |tenant: &str| s.app.access(TokenRequest::for_subject("alice").claim("tenant", tenant));
        revoke(&s, ISSUER, "anybody", RevocationTarget::Claim { name: "tenant", value: "acme" });
        s.refuses(of_tenant(&s.issuer, "acme"), "token_revoked");
        s.opens(of_tenant(&s.issuer, "other"));
        s.opens(of_tenant(&other, "acme"));
        s.opens(own("acme"));
        // One that could not be revoked is not accepted.
        s.refuses(s.token("alice").claim("tenant", 1).sign(), "invalid_claim");
        block_on(s.app.app.auth.revoke_claim("tenant", "acme")).unwrap();
        s.refuses(own("acme"), "token_revoked");
        s.opens(of_tenant(&other, "acme"));
    }

    fn only_what_a_trusted_issuer_has_issued_is_revoked(t) {
        let s = beside_own(&t);
        let revoke = |issuer: &str| block_on(s.app.app.auth.revoke_of_issuer(issuer, "alice", &[RevocationTarget::Subject]));
        for issuer in ["", "https://evil.example", OTHER_ISSUER, "https://login.example.com/"] {
            assert_eq!(revoke(issuer), Err(Rejection::Misconfigured(Misconfigured::UnknownIssuer)));
        }
        s.opens(s.app.access("alice"));
        s.opens(s.token("alice").sign());
        assert_eq!(revoke(ISSUER), Ok(()));
        s.refuses(s.token("alice").sign(), "token_revoked");
        // Without a store there is nothing that could remember it.
        let s = service(&t);
        let revoked = block_on(s.app.app.auth.revoke_of_issuer(ISSUER, "alice", &[RevocationTarget::Subject]));
        assert_eq!(revoked, Err(Rejection::Misconfigured(Misconfigured::NoStore)));
    }

    fn to_end_everything_of_an_own_user_ends_nothing_of_another_issuer(t) {
        let s = beside_own(&t);
        let pair = s.app.session("alice");
        let foreign = s.token("alice").sign();
        s.app.post("/logout/all").bearer(pair.access_token().expose()).once().is(200);
        s.refuses(pair.access_token().expose(), "old_epoch");
        s.opens(&foreign);
        block_on(s.app.app.auth.password_changed("alice", &ClientInfo::unknown())).unwrap();
        s.opens(&foreign);
    }

    fn the_epoch_of_an_own_user_is_none_of_another_issuer(t) {
        let s = beside_own(&t);
        let own = s.app.access("alice");
        s.opens(&own);
        t.users.change("alice", |user| user.token_epoch = 1);
        s.refuses(&own, "old_epoch");
        s.opens(s.token("alice").sign());
        s.opens(s.token("alice").claim("user_epoch", 0).sign());
    }

    fn api_keys_of_an_own_user_are_none_of_another_issuer(t) {
        let s = beside_own_with(&t, |builder| builder.api_key_store(memory_store()));
        let key = block_on(s.app.app.auth.danger_create_api_key_for("alice", ApiKeyRequest::new("deploy"))).unwrap();
        let id = key.key().id.as_str().to_owned();
        let opens = |credential: &str| s.app.get("/guards/keys").bearer(credential).send().response.status;
        assert_eq!((opens(key.expose()), opens(&s.token("alice").sign())), (200, 200));
        revoke(&s, ISSUER, "alice", RevocationTarget::Subject);
        revoke(&s, ISSUER, "alice", RevocationTarget::TokenId(&id));
        assert_eq!((opens(key.expose()), opens(&s.token("alice").sign())), (200, 401));
        assert_eq!(block_on(s.app.app.auth.api_keys("alice")).unwrap().len(), 1);
        revoke_own(&s, "alice", RevocationTarget::Subject);
        assert_eq!(opens(key.expose()), 401);
    }

    fn a_revocation_store_that_fails_is_503(t) {
        for fault in Fault::ALL {
            let store = FaultyStore::default();
            let s = service_with(
                &t,
                |issuer| issuer,
                |builder| builder.revocation_store(store.clone()).store_timeout(Duration::from_millis(20)),
            );
            s.opens(s.token("alice").sign());
            store.fault_at("check", fault);
            s.cannot_tell(s.token("alice").sign());
            s.refuses(s.token("alice").forge(), "bad_signature");
            let revoked = block_on(s.app.app.auth.authenticate_token(&s.token("alice").sign(), &Requirement::user()));
            assert!(matches!(revoked, Err(Rejection::Unavailable(Unavailable::Store | Unavailable::StoreTimeout))));
            store.recover();
            s.opens(s.token("alice").sign());
        }
    }

    /// A store that may have forgotten refuses.
    fn a_token_from_before_the_memory_of_the_store_is_refused(t) {
        let store = MemoryStore::builder().remembers_since(ManualClock::START).build();
        let s = service_with(&t, |issuer| issuer, |builder| builder.revocation_store(store));
        s.opens(s.token("alice").sign());
        s.refuses(s.token("alice").claim("iat", NOW - 1).sign(), "before_memory");
    }

    fn without_a_revocation_store_nobody_is_asked(t) {
        let s = service(&t);
        s.opens(s.token("alice").sign());
        s.opens(s.token("alice").claim("iat", NOW - 1).sign());
        s.refuses(s.token("alice").forge(), "bad_signature");
    }

    /// How recent a login is says the issuer, if it does.
    fn a_recent_login_is_one_that_the_issuer_dates(t) {
        let s = service(&t);
        let at = |auth_time: Value| s.app.get("/guards/recent").bearer(s.token("alice").claim("auth_time", auth_time).sign()).send();
        at(json!(NOW)).is(200).says("Hello alice");
        at(json!(NOW - 899)).is(200);
        let seen = at(json!(NOW - 901));
        seen.refused(401, "insufficient_user_authentication");
        for bad in [json!(null), json!("now"), json!(-1), json!(true), json!([NOW])] {
            at(bad).refused(401, "insufficient_user_authentication");
        }
        s.app.get("/guards/recent").bearer(s.token("alice").sign()).send().refused(401, "insufficient_user_authentication");
        // Not younger than the token that says it.
        let old = s.token("alice").claim("iat", NOW - 901).claim("auth_time", NOW).sign();
        s.app.get("/guards/recent").bearer(old).send().refused(401, "insufficient_user_authentication");
    }

    /// What a browser attaches unasked is an own token.
    fn a_cookie_carries_no_token_of_another_issuer(t) {
        let s = beside_own_with(&t, sites);
        let cookie = |token: &str| format!("__Host-session={token}");
        let foreign = s.token("alice").sign();
        s.opens(&foreign);
        s.app.get("/me").header("cookie", cookie(&s.app.access("alice"))).send().is(200).says("Hello alice");
        for path in ["/me", "/maybe", "/guards/user"] {
            let seen = s.app.get(path).header("cookie", cookie(&foreign)).send();
            seen.refused(401, "invalid_token");
        }
        for path in ["/refresh", "/logout"] {
            let own_page = s.app.post(path).header("sec-fetch-site", "same-origin");
            let seen = own_page.header("cookie", format!("__Host-refresh={foreign}; {}", cookie(&foreign))).once();
            assert!(seen.response.status != 200 || seen.response.json()["revoked"] == false, "{:?}", seen.response);
        }
        s.opens(&foreign);
    }

    fn a_session_cookie_carries_no_token_of_another_issuer(t) {
        let s = beside_own_with(&t, |builder| builder.transport(BearerTransport::new()).transport(SessionCookie::new()));
        let foreign = s.token("alice").sign();
        s.opens(&foreign);
        for cookie in [foreign.clone(), s.token("alice").header("typ", "session+jwt").sign()] {
            for name in ["__Host-session", "__Host-refresh"] {
                let seen = s.app.get("/guards/user").header("cookie", format!("{name}={cookie}")).send();
                seen.is(401);
            }
        }
    }

    /// On purpose wins against unasked.
    fn a_token_of_another_issuer_wins_against_a_cookie(t) {
        let s = beside_own_with(&t, |builder| sites(builder).user_from_claims(described));
        let cookie = format!("__Host-session={}", s.app.access("bob"));
        let sending = || s.app.get("/me").header("cookie", &cookie);
        sending().send().is(200).says("Hello bob");
        sending().bearer(s.token("alice").sign()).send().is(200).says("Hello alice of https://login.example.com");
        sending().bearer(s.token("alice").forge()).send().refused(401, "invalid_token").lacks("set-cookie");
        // And needs no proof of origin.
        s.app.post("/me").header("cookie", &cookie).bearer(s.token("alice").sign()).send().is(200);
        s.app.post("/me").header("cookie", &cookie).send().refused(403, "cross_site_request");
    }

    fn a_query_parameter_carries_it_where_that_is_allowed(t) {
        let s = service_with(&t, |issuer| issuer, |builder| builder.danger_query_token("token"));
        let target = |token: &str| format!("/guards/user?token={token}");
        s.app.get(&target(&s.token("alice").sign())).send().is(200).says("Hello alice").has("cache-control", "no-store");
        s.app.get(&target(&s.token("alice").forge())).send().refused(401, "invalid_token");
        let s = service(&t);
        s.app.get(&target(&s.token("alice").sign())).send().refused(401, "missing_credential");
    }

    fn a_password_of_basic_authentication_is_no_token(t) {
        let s = beside_own_with(&t, |builder| builder.api_key_store(memory_store()));
        let basic = |password: &str| format!("Basic {}", STANDARD.encode(format!("__token__:{password}")));
        let key = block_on(s.app.app.auth.danger_create_api_key_for("alice", ApiKeyRequest::new("deploy"))).unwrap();
        s.app.get("/guards/keys").header("authorization", basic(key.expose())).send().is(200);
        s.app.get("/guards/keys").header("authorization", basic(&s.token("alice").sign())).send().refused(401, "invalid_token");
        s.opens(s.token("alice").sign());
    }

    fn another_provider_does_not_know_the_issuer(t) {
        let s = service(&t);
        let token = s.token("alice").sign();
        s.opens(&token);
        s.app.get("/guards/other").bearer(&token).send().refused(401, "invalid_token");
        s.app.get("/foreign/panel").bearer(&token).send().refused(401, "invalid_token");
        t.get("/guards/user").bearer(&token).send().refused(401, "invalid_token");
    }

    fn path_rules_know_the_users_of_another_issuer(t) {
        let s = describing(&t);
        for placement in [Placement::Around, Placement::Inside] {
            let at = |path: &str| format!("{}{path}", placement.prefix());
            let rules = RouteRules::private_by_default().public(at("/open")).guests(at("/signin")).require(at("/admin"), Requirement::user().role("admin"));
            let ruled = s.app.with_rules(Ruled { rules: rules.build().unwrap(), placement });
            let (admin, user) = (s.token("alice").claim("roles", json!(["admin"])).sign(), s.token("bob").sign());
            for path in ["/admin", "/admin/users"] {
                ruled.get(&at(path)).bearer(&admin).send().is(200).says("Hello alice of https://login.example.com");
                ruled.get(&at(path)).bearer(&user).send().refused(403, "missing_role");
                ruled.get(&at(path)).send().refused(401, "missing_credential");
            }
            ruled.get(&at("/me")).bearer(&user).send().is(200).says("Hello bob of https://login.example.com");
            ruled.get(&at("/me")).bearer(s.token("bob").forge()).send().refused(401, "invalid_token");
            ruled.get(&at("/open")).send().is(200);
            ruled.get(&at("/signin")).bearer(&user).send().refused(403, "guests_only");
        }
    }

    /// Beside own tokens each is somebody else, also for who counts.
    fn each_issuer_has_users_of_its_own_to_limit(t) {
        let (s, other) = with_two(&t);
        for path in ["/limits/user", "/limits/user-inside", "/limited/panel"] {
            let send = |token: &str, peer: u8| s.app.get(path).from_peer([CLIENT[0], CLIENT[1], CLIENT[2], peer]).bearer(token).once();
            for (peer, token) in [s.app.access("alice"), s.token("alice").sign(), of(&other, "alice"), s.token("bob").sign()].iter().enumerate() {
                let peer = u8::try_from(peer).unwrap();
                send(token, peer).is(200);
                send(token, peer).is(200);
                send(token, peer).refused(429, "too_many_requests");
            }
            // Another token of the same user is counted with it.
            let again = s.token("alice").claim("jti", "another").sign();
            send(&again, 9).refused(429, "too_many_requests");
        }
    }

    fn who_is_signed_in_elsewhere_is_no_guest(t) {
        let s = beside_own(&t);
        let (own, foreign) = (s.app.access("alice"), s.token("alice").sign());
        for path in ["/guests/signin", "/guests/default", "/visitors/show", "/visitors/guarded", "/visitor", "/visitors/maybe", "/pages/dashboard", "/browser/user/session"] {
            let seen = [&own, &foreign].map(|token| s.app.get(path).bearer(token).send().response);
            assert_eq!(seen[0], seen[1], "{path}");
        }
        s.app.get("/guests/signin").bearer(&foreign).send().refused(403, "guests_only");
        s.app.get("/guests/signin").bearer(s.token("alice").forge()).send().refused(401, "invalid_token");
        s.app.get("/guests/signin").send().is(200).says("sign in");
    }

    /// Its `sid` is none of a session that is kept here.
    fn the_session_of_a_token_of_another_issuer_is_none_of_the_application(t) {
        let s = beside_own(&t);
        let pair = s.app.session("alice");
        let own = pair.access_token().expose();
        let foreign = s.token("alice").claim("sid", ids_of(&s, own).1.unwrap()).sign();
        for path in ["/browser/session", "/browser/user/session", "/browser/visitor/session"] {
            s.app.get(path).bearer(&foreign).send().is(200).says("alice: nothing, no times");
            let seen = s.app.get(path).bearer(own).send();
            assert_ne!(seen.is(200).response.text(), "alice: nothing, no times");
        }
    }

    fn the_settings_of_each_issuer_are_its_own(t) {
        let other = ForeignIssuer::new(OTHER_ISSUER);
        let plain = || {
            let keys = fauth_core::trusted_issuer::TrustedIssuer::new(other.issuer(), keys_of(&other));
            keys.audience("api://other").algorithms([Algorithm::ES256]).profile(AccessTokenProfile::Plain).expiry_leeway(Duration::ZERO)
        };
        let s = service_with(&t, |issuer| issuer, |builder| builder.trusted_issuer(plain()));
        let of_other = other.token("alice", ManualClock::START).claim("aud", "api://other");
        s.opens(s.token("alice").sign());
        s.opens(of_other.sign());
        s.refuses(s.token("alice").claim("aud", "api://other").sign(), "wrong_audience");
        s.refuses(of_other.clone().claim("aud", FOREIGN_AUDIENCE).sign(), "wrong_audience");
        s.refuses(s.token("alice").header("typ", "JWT").sign(), "wrong_purpose");
        s.opens(of_other.clone().header("typ", "JWT").sign());
        s.opens(s.token("alice").claim("iat", NOW - 9).claim("exp", NOW - 1).sign());
        s.refuses(of_other.claim("iat", NOW - 9).claim("exp", NOW - 1).sign(), "token_expired");
    }

    /// It selects, and does nothing else: what it names is whom the token is judged by.
    fn the_name_of_the_issuer_only_selects(t) {
        let (s, other) = with_two(&t);
        let evil = ForeignIssuer::new("https://evil.example");
        for issuer in [ISSUER, OTHER_ISSUER] {
            s.refuses(evil.token("alice", ManualClock::START).claim("iss", issuer).sign(), "bad_signature");
        }
        s.refuses(of(&evil, "alice"), "unknown_key");
        s.refuses(s.token("alice").claim("iss", OTHER_ISSUER).sign(), "bad_signature");
        s.refuses(other.token("alice", ManualClock::START).claim("iss", ISSUER).sign(), "bad_signature");
        s.opens(s.token("alice").sign());
        s.opens(of(&other, "alice"));
        let s = service(&t);
        s.refuses(of(&evil, "alice"), "wrong_issuer");
        t.clock.set(Timestamp::from_unix_seconds(NOW));
        s.opens(s.token("alice").sign());
    }
}
