//! What belongs to own logins, of which foreign tokens have no part; and revocations, by issuer.

use std::time::Duration;

use fauth_core::{
    ClientInfo, MemoryStore, Missing, OneTimePurpose, Purpose, Rejection, Requirement, TokenRequest,
    api_key::ApiKeyRequest,
    rejection::{Misconfigured, Unavailable},
    store::RevocationTarget,
    token::Algorithm,
    transport::{BearerTransport, SessionCookie},
    trusted_issuer::AccessTokenProfile,
};
use serde_json::json;

use super::{
    Harness, Probe, Sending, cases,
    issuers::{
        ISSUER, OTHER_ISSUER, Trusting, beside_own, beside_own_with, block_on, of, second_issuer, service,
        service_with, sites, with_two,
    },
};
use crate::{
    Fault, FaultyStore, ForeignIssuer, ManualClock, PublishedKeys, SECRET, at_once, memory_store, sign_with,
};

const JSON: &str = "application/json";
const NOW: i64 = ManualClock::START.unix_seconds();
const FOREIGN_REFUSED: &str = "foreign_token_not_allowed";

/// Revokes a target of a subject of an issuer.
fn revoke<H: Harness>(s: &Trusting<H>, issuer: &str, subject: &str, target: RevocationTarget<'_>) {
    block_on(s.app.app.auth.revoke_of_issuer(issuer, subject, &[target])).unwrap();
}

/// Revokes a target of an own subject.
fn revoke_own<H: Harness>(s: &Trusting<H>, subject: &str, target: RevocationTarget<'_>) {
    block_on(s.app.app.auth.revoke(subject, &[target])).unwrap();
}

/// Returns the ids of an own token and of its session.
fn ids_of<H: Harness>(s: &Trusting<H>, token: &str) -> (String, Option<String>) {
    let payload = s.app.app.auth.verify_signature_and_claims(token, Purpose::Access).unwrap();
    (payload.token_id().to_owned(), payload.session_id().map(str::to_owned))
}

fn refreshing<'a, H: Harness>(t: &'a Probe<H>, token: &str) -> Sending<'a, H> {
    t.post("/refresh").body(JSON, json!({ "refresh_token": token }).to_string())
}

cases! { $ __issuer_logins_tests in issuer_logins;
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

    /// Of any kind.
    fn own_tokens_of_somebody_open_nothing_where_others_are_trusted(t) {
        let s = service(&t);
        s.opens(s.token("alice").sign());
        s.refuses(t.access("alice"), "missing_claim");
        s.refuses(t.token(Purpose::Refresh, "alice"), "missing_claim");
        s.refuses(t.refresh_token("alice"), "missing_claim");
        for purpose in [
            OneTimePurpose::PasswordReset, OneTimePurpose::EmailVerification, OneTimePurpose::MagicLink,
        ] {
            s.refuses(t.one_time_token(purpose, "alice"), "missing_claim");
        }
        // Also with the names of the issuer and of the service.
        let claims = s
            .token("alice")
            .claim("app", "default")
            .claim("token_type", "access")
            .claim("scopes", json!([]))
            .claims();
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
        s.app
            .request("DELETE", &format!("/sessions/{sid}"))
            .bearer(&foreign)
            .send()
            .refused(403, FOREIGN_REFUSED);
        s.app.post("/logout/all").bearer(&foreign).send().refused(403, FOREIGN_REFUSED);
        s.app.get("/sessions").bearer(s.token("alice").forge()).send().refused(401, "invalid_token");
        // Nothing of the own alice has ended.
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
        for foreign in [
            token.sign(), token.clone().header("typ", "refresh+jwt").sign(),
            token.claim("typ", "Refresh").claim("token_type", "refresh").sign(),
        ] {
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
        s.app
            .login("alice", "wrong")
            .bearer(s.token("alice").sign())
            .once()
            .refused(401, "invalid_credentials");
    }

    /// A logout does not wait for the issuer.
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
        let refused = Rejection::Forbidden(Missing::ForeignTokenNotAllowed);
        let client = ClientInfo::unknown();
        let token = s.token("alice").claim("auth_time", NOW).sign();
        let granted = block_on(auth.authenticate_token(&token, &requirement)).unwrap();
        let made = block_on(auth.create_api_key(&granted, ApiKeyRequest::new("mine")));
        assert_eq!(made.map(drop).map_err(Rejection::from), Err(refused.clone()));
        assert_eq!(block_on(auth.logout_others(granted.payload(), &client)), Err(refused.clone()));
        assert_eq!(
            block_on(auth.reauthenticate(&granted, "alice", "s3cret", &client)).map(drop),
            Err(refused)
        );
        assert_eq!(block_on(auth.api_keys("alice")).unwrap(), []);
        // The same with the token of an own login.
        let own = s.app.session("alice");
        let granted = block_on(auth.authenticate_token(own.access_token().expose(), &requirement)).unwrap();
        block_on(auth.create_api_key(&granted, ApiKeyRequest::new("mine"))).unwrap();
        assert_eq!(block_on(auth.logout_others(granted.payload(), &client)), Ok(0));
        block_on(auth.reauthenticate(&granted, "alice", "s3cret", &client)).unwrap();
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
        let of_session = |issuer: &ForeignIssuer, id: &str| {
            issuer.token("alice", ManualClock::START).claim("jti", id).claim("sid", &*sid).sign()
        };
        revoke(&s, ISSUER, "alice", RevocationTarget::Session(&sid));
        s.refuses(of_session(&s.issuer, "one"), "token_revoked");
        s.refuses(of_session(&s.issuer, "two"), "token_revoked");
        s.opens(s.token("alice").claim("sid", "another").sign());
        s.opens(s.token("alice").sign());
        s.opens(of_session(&other, "one"));
        s.opens(own);
        refreshing(&s.app, pair.refresh_token().expose()).once().is(200);
        // The reverse.
        revoke_own(&s, "alice", RevocationTarget::Session(&sid));
        s.refuses(own, "token_revoked");
        s.opens(of_session(&other, "one"));
    }

    /// Its id is derived from the signed part.
    fn a_token_without_id_is_revoked_by_what_it_is(t) {
        let s = service_with(
            &t,
            |issuer| issuer.profile(AccessTokenProfile::Plain),
            |builder| builder.revocation_store(memory_store()),
        );
        let token = s.token("alice").header("typ", "JWT").without_claim("jti");
        let granted =
            block_on(s.app.app.auth.authenticate_token(&token.sign(), &Requirement::user())).unwrap();
        let id = granted.payload().token_id().to_owned();
        assert_eq!(id.len(), 43);
        revoke(&s, ISSUER, "alice", RevocationTarget::TokenId(&id));
        s.refuses(token.sign(), "token_revoked");
        s.opens(token.claim("x", 1).sign());
    }

    fn to_revoke_a_claim_concerns_one_issuer(t) {
        let (other, trust) = second_issuer();
        let s = beside_own_with(&t, |builder| trust(builder).revocable_claim("tenant"));
        let of_tenant = |issuer: &ForeignIssuer, tenant: &str| {
            issuer.token("alice", ManualClock::START).claim("tenant", tenant).sign()
        };
        let own = |tenant: &str| s.app.access(TokenRequest::for_subject("alice").claim("tenant", tenant));
        revoke(&s, ISSUER, "anybody", RevocationTarget::Claim { name: "tenant", value: "acme" });
        s.refuses(of_tenant(&s.issuer, "acme"), "token_revoked");
        s.opens(of_tenant(&s.issuer, "other"));
        s.opens(of_tenant(&other, "acme"));
        s.opens(own("acme"));
        // A token that could not be revoked is not accepted.
        s.refuses(s.token("alice").claim("tenant", 1).sign(), "invalid_claim");
        block_on(s.app.app.auth.revoke_claim("tenant", "acme")).unwrap();
        s.refuses(own("acme"), "token_revoked");
        s.opens(of_tenant(&other, "acme"));
    }

    fn only_what_a_trusted_issuer_has_issued_is_revoked(t) {
        let s = beside_own(&t);
        let revoke = |issuer: &str| {
            block_on(s.app.app.auth.revoke_of_issuer(issuer, "alice", &[RevocationTarget::Subject]))
        };
        for issuer in ["", "https://evil.example", OTHER_ISSUER, "https://login.example.com/"] {
            assert_eq!(revoke(issuer), Err(Rejection::Misconfigured(Misconfigured::UnknownIssuer)));
        }
        s.opens(s.app.access("alice"));
        s.opens(s.token("alice").sign());
        assert_eq!(revoke(ISSUER), Ok(()));
        s.refuses(s.token("alice").sign(), "token_revoked");
        // Without a store, nothing could remember the revocation.
        let s = service(&t);
        let revoked =
            block_on(s.app.app.auth.revoke_of_issuer(ISSUER, "alice", &[RevocationTarget::Subject]));
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
        let key = block_on(s.app.app.auth.danger_create_api_key_for("alice", ApiKeyRequest::new("deploy")))
            .unwrap();
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
            let revoked =
                block_on(s.app.app.auth.authenticate_token(&s.token("alice").sign(), &Requirement::user()));
            assert!(matches!(
                revoked,
                Err(Rejection::Unavailable(Unavailable::Store | Unavailable::StoreTimeout))
            ));
            store.recover();
            s.opens(s.token("alice").sign());
        }
    }

    /// A store that may have forgotten revocations refuses.
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

    /// Only own tokens travel in cookies, which browsers attach unasked.
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
            let seen =
                own_page.header("cookie", format!("__Host-refresh={foreign}; {}", cookie(&foreign))).once();
            assert!(
                seen.response.status != 200 || seen.response.json()["revoked"] == false,
                "{:?}",
                seen.response
            );
        }
        s.opens(&foreign);
    }

    fn a_session_cookie_carries_no_token_of_another_issuer(t) {
        let s = beside_own_with(&t, |builder| {
            builder.transport(BearerTransport::new()).transport(SessionCookie::new())
        });
        let foreign = s.token("alice").sign();
        s.opens(&foreign);
        for cookie in [foreign.clone(), s.token("alice").header("typ", "session+jwt").sign()] {
            for name in ["__Host-session", "__Host-refresh"] {
                let seen = s.app.get("/guards/user").header("cookie", format!("{name}={cookie}")).send();
                seen.is(401);
            }
        }
    }

    /// Its `sid` is not a session of this application.
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
}
