//! The users of another issuer and their rights: a user is an issuer and a subject, and has nothing
//! in common with a user of another issuer.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fauth_core::{
    Requirement, ResourceMetadata, RouteRules, TokenPayload,
    api_key::ApiKeyRequest,
    clock::Timestamp,
    token::Algorithm,
    trusted_issuer::{AccessTokenProfile, ClaimMapping, TrustedIssuer},
};
use serde_json::{Value, json};

use super::{
    Harness, Placement, Probe, Ruled, Sending, cases,
    issuers::{
        ISSUER, OTHER_ISSUER, Trusting, beside_own, beside_own_with, block_on, described, keys_of, of,
        second_issuer, service, service_with, sites, trusted, with_two,
    },
};
use crate::{FOREIGN_AUDIENCE, ForeignIssuer, ManualClock, TestUser, Users, memory_store};

const NOW: i64 = ManualClock::START.unix_seconds();
const CLIENT: [u8; 3] = [192, 0, 2];

/// A service that makes its users from claims.
fn describing<H: Harness>(t: &Probe<H>) -> Trusting<H> {
    let mapping = ClaimMapping::new().roles("roles").permissions("permissions");
    service_with(t, |issuer| issuer.claims(mapping), |builder| builder.user_from_claims(described))
}

cases! { $ __issuer_users_tests in issuer_users;
    fn somebody_is_an_issuer_and_a_subject(t) {
        let (other, trust) = second_issuer();
        let s = beside_own_with(&t, |builder| trust(builder).user_from_claims(described));
        s.opens(s.token("alice").sign()).says("Hello alice of https://login.example.com");
        s.opens(of(&other, "alice")).says("Hello alice of https://login.example.org");
        s.opens(s.app.access("alice")).says("Hello alice");
    }

    /// The loader of own users is not called for foreign subjects.
    fn own_users_are_no_users_of_another_issuer(t) {
        let partner = Users::new();
        partner.remove("alice");
        let s = beside_own_with(&t, |builder| builder.foreign_user_loader(partner.user_loader()));
        assert_eq!(s.opens(s.app.access("alice")).user_loads, 1);
        s.refuses(s.token("alice").sign(), "unknown_user");
        assert_eq!(s.opens(s.token("bob").sign()).user_loads, 0);
        t.users.remove("bob");
        s.opens(s.token("bob").sign());
        s.refuses(s.app.access("bob"), "unknown_user");
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

    /// It still is for own tokens.
    fn users_of_own_tokens_are_loaded_beside_those_made_of_claims(t) {
        let s = beside_own_with(&t, |builder| builder.user_from_claims(described));
        assert_eq!(s.opens(s.app.access("alice")).user_loads, 1);
        assert_eq!(s.opens(s.token("nobody").sign()).user_loads, 0);
        s.refuses(s.app.access("nobody"), "unknown_user");
    }

    fn an_inactive_user_made_of_claims_is_refused(t) {
        let locked = |token: &TokenPayload| TestUser {
            active: token.claim::<bool>("locked").ok().flatten() != Some(true),
            ..described(token)
        };
        let s = service_with(&t, |issuer| issuer, |builder| builder.user_from_claims(locked));
        s.opens(s.token("alice").sign());
        s.refuses(s.token("alice").claim("locked", true).sign(), "inactive_user");
        let inactive =
            s.app.get("/guards/inactive").bearer(s.token("alice").claim("locked", true).sign()).send();
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
        let s =
            service_with(&t, |issuer| issuer, |builder| builder.loader_timeout(Duration::from_millis(20)));
        s.opens(s.token("alice").sign());
        t.users.fail();
        s.cannot_tell(s.token("alice").sign());
        s.refuses(s.token("alice").forge(), "bad_signature");
        t.users.delay(Duration::from_secs(60));
        s.cannot_tell(s.token("alice").sign());
    }

    /// The rights are those of the loaded user, whatever the token says: a demotion takes effect at
    /// once.
    fn rights_of_a_loaded_user_are_not_those_of_the_token(t) {
        let mapping = ClaimMapping::new().roles("roles").permissions("permissions");
        let s = service_with(&t, |issuer| issuer.claims(mapping), |builder| builder);
        let token = |subject: &str| {
            s.token(subject)
                .claim("roles", json!(["admin", "user"]))
                .claim("permissions", json!(["write"]))
                .sign()
        };
        s.app.get("/guards/roles").bearer(token("alice")).send().is(200);
        s.app.get("/guards/roles").bearer(token("bob")).send().refused(403, "missing_role");
        s.app.get("/guards/permission").bearer(token("bob")).send().refused(403, "missing_permission");
        t.users.change("alice", |user| user.roles.clear());
        s.app.get("/guards/roles").bearer(token("alice")).send().refused(403, "missing_role");
    }

    fn roles_of_the_token_open_what_asks_for_them(t) {
        let s = describing(&t);
        let with = |roles: Value| s.token("alice").claim("roles", roles).sign();
        for path in [
            "/guards/roles", "/guards/vector", "/guards/role", "/guards/any-role", "/guards/twice",
            "/admins/panel", "/all-roles/panel", "/group/admin",
        ] {
            s.app
                .get(path)
                .bearer(with(json!(["admin", "user"])))
                .send()
                .is(200)
                .says("Hello alice of https://login.example.com");
            s.app.get(path).bearer(with(json!(["user"]))).send().is(403);
            s.app.get(path).bearer(with(json!([]))).send().is(403);
            s.app.get(path).bearer(s.token("alice").sign()).send().is(403);
            s.app
                .get(path)
                .bearer(s.token("alice").claim("roles", json!(["admin", "user"])).forge())
                .send()
                .refused(401, "invalid_token");
            s.app.get(path).send().refused(401, "missing_credential");
        }
        s.app.get("/guards/role").bearer(with(json!("user admin"))).send().is(200);
        s.app.get("/guards/role").bearer(with(json!(["user"]))).send().refused(403, "missing_role");
        s.app
            .get("/guards/role")
            .bearer(with(json!(["Admin", "admin ", "xadmin"])))
            .send()
            .refused(403, "missing_role");
    }

    fn permissions_of_the_token_open_what_asks_for_them(t) {
        let s = describing(&t);
        let with = |permissions: Value| s.token("alice").claim("permissions", permissions).sign();
        for path in ["/guards/permissions", "/all-permissions/panel"] {
            s.app.get(path).bearer(with(json!(["read", "write"]))).send().is(200);
            s.app.get(path).bearer(with(json!(["read"]))).send().refused(403, "missing_permission");
            s.app
                .get(path)
                .bearer(s.token("alice").claim("roles", json!(["admin", "read", "write"])).sign())
                .send()
                .refused(403, "missing_permission");
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
                seen.refused(403, "missing_scope")
                    .has("www-authenticate", &format!("{challenge}, scope=\"{missing}\""));
            }
            s.app.get(path).bearer(s.token("alice").sign()).send().refused(403, "missing_scope");
            // The corresponding claim of own tokens.
            s.app
                .get(path)
                .bearer(s.token("alice").claim("scopes", json!(["read", "write"])).sign())
                .send()
                .refused(403, "missing_scope");
        }
    }

    fn scopes_may_stand_in_another_claim(t) {
        let s =
            service_with(&t, |issuer| issuer.claims(ClaimMapping::new().scopes("scp")), |builder| builder);
        for scp in [json!("read write"), json!(["read", "write"])] {
            s.app.get("/guards/scopes").bearer(s.token("alice").claim("scp", scp).sign()).send().is(200);
        }
        s.app
            .get("/guards/scopes")
            .bearer(s.token("alice").claim("scope", "read write").sign())
            .send()
            .refused(403, "missing_scope");
    }

    /// An admin of one issuer is not an admin of another.
    fn roles_of_one_issuer_are_not_those_of_another(t) {
        let other = ForeignIssuer::new(OTHER_ISSUER);
        let partner = ClaimMapping::new().roles("roles").only_roles(["user"]);
        let s = service_with(
            &t,
            |issuer| issuer.claims(ClaimMapping::new().roles("roles")),
            |builder| {
                let partner = trusted(&other, keys_of(&other)).claims(partner);
                builder.user_from_claims(described).trusted_issuer(partner)
            },
        );
        let roles = json!(["admin", "user"]);
        s.app
            .get("/guards/roles")
            .bearer(s.token("alice").claim("roles", roles.clone()).sign())
            .send()
            .is(200);
        let of_partner = other.token("alice", ManualClock::START).claim("roles", roles).sign();
        s.opens(&of_partner);
        s.app.get("/guards/roles").bearer(&of_partner).send().refused(403, "missing_role");
    }

    fn roles_in_an_object_are_found_by_their_path(t) {
        let mapping = ClaimMapping::new().roles("realm_access.roles").roles_of_client("shop.web");
        let s =
            service_with(&t, |issuer| issuer.claims(mapping), |builder| builder.user_from_claims(described));
        let with = |realm: Value, client: Value| {
            let clients = json!({ "shop.web": { "roles": client }, "other": { "roles": ["admin"] } });
            let token = s.token("alice").claim("realm_access", json!({ "roles": realm }));
            token.claim("resource_access", clients).sign()
        };
        s.app.get("/guards/roles").bearer(with(json!(["admin"]), json!(["user"]))).send().is(200);
        s.app
            .get("/guards/roles")
            .bearer(with(json!(["user"]), json!(["user"])))
            .send()
            .refused(403, "missing_role");
        let elsewhere = s
            .token("alice")
            .claim("roles", json!(["admin", "user"]))
            .claim("realm_access.roles", json!(["admin", "user"]))
            .sign();
        s.app.get("/guards/roles").bearer(elsewhere).send().refused(403, "missing_role");
    }

    fn the_handler_reads_what_the_token_says(t) {
        let s = service(&t);
        let token = s.token("alice").claim("scope", "read write").claim("tenant", "acme").sign();
        s.app.get("/guards/token").bearer(&token).send().is(200).says("access alice [read write] acme");
        s.app.get("/guards/token").bearer(s.token("bob").sign()).send().is(200).says("access bob [] -");
        // Without a guard, nothing has checked it.
        s.app.get("/token").bearer(&token).send().refused(500, "misconfigured");
    }

    fn challenges_are_those_of_bearer_tokens(t) {
        let s = service(&t);
        let challenge = |path: &str, token: Option<String>| {
            let sending = s.app.get(path);
            let sending = token.into_iter().fold(sending, Sending::bearer);
            sending.send().response.header("www-authenticate").join(" | ")
        };
        assert_eq!(challenge("/guards/user", None), "Bearer realm=\"fauth\"");
        let invalid = "Bearer realm=\"fauth\", error=\"invalid_token\", error_description=\"The token is invalid or has expired\"";
        for bad in [
            s.token("alice").forge(), s.token("alice").claim("exp", 1).sign(), s.token("nobody").sign(),
            "x".to_owned(),
        ] {
            assert_eq!(challenge("/guards/user", Some(bad)), invalid);
        }
        assert_eq!(
            challenge("/guards/roles", Some(s.token("bob").sign())),
            "Bearer realm=\"fauth\", error=\"insufficient_scope\", \
             error_description=\"The request needs more rights than the token gives\""
        );
        assert_eq!(challenge("/guards/user", Some(s.token("bob").sign())), "");
    }

    fn a_bare_token_is_judged_as_that_of_a_request(t) {
        let s = service(&t);
        let auth = &s.app.app.auth;
        let ask = |token: &str| {
            block_on(auth.authenticate_token(token, &Requirement::user()))
                .map_err(|rejection| rejection.reason())
        };
        let granted = ask(&s.token("alice").sign()).unwrap();
        assert_eq!((granted.payload().issuer(), granted.payload().subject()), (Some(ISSUER), "alice"));
        assert_eq!(ask(&s.token("alice").forge()).map(drop), Err("bad_signature"));
        assert_eq!(ask(&s.token("carol").sign()).map(drop), Err("inactive_user"));
        assert_eq!(ask("").map(drop), Err("missing_credential"));
    }

    /// The issuer may say how recent the login is.
    fn a_recent_login_is_one_that_the_issuer_dates(t) {
        let s = service(&t);
        let at = |auth_time: Value| {
            s.app.get("/guards/recent").bearer(s.token("alice").claim("auth_time", auth_time).sign()).send()
        };
        at(json!(NOW)).is(200).says("Hello alice");
        at(json!(NOW - 899)).is(200);
        let seen = at(json!(NOW - 901));
        seen.refused(401, "insufficient_user_authentication");
        for bad in [json!(null), json!("now"), json!(-1), json!(true), json!([NOW])] {
            at(bad).refused(401, "insufficient_user_authentication");
        }
        s.app
            .get("/guards/recent")
            .bearer(s.token("alice").sign())
            .send()
            .refused(401, "insufficient_user_authentication");
        // Not younger than the token itself.
        let old = s.token("alice").claim("iat", NOW - 901).claim("auth_time", NOW).sign();
        s.app.get("/guards/recent").bearer(old).send().refused(401, "insufficient_user_authentication");
    }

    /// A credential sent on purpose takes precedence over one attached unasked.
    fn a_token_of_another_issuer_wins_against_a_cookie(t) {
        let s = beside_own_with(&t, |builder| sites(builder).user_from_claims(described));
        let cookie = format!("__Host-session={}", s.app.access("bob"));
        let sending = || s.app.get("/me").header("cookie", &cookie);
        sending().send().is(200).says("Hello bob");
        sending()
            .bearer(s.token("alice").sign())
            .send()
            .is(200)
            .says("Hello alice of https://login.example.com");
        sending().bearer(s.token("alice").forge()).send().refused(401, "invalid_token").lacks("set-cookie");
        // It needs no proof of origin.
        s.app.post("/me").header("cookie", &cookie).bearer(s.token("alice").sign()).send().is(200);
        s.app.post("/me").header("cookie", &cookie).send().refused(403, "cross_site_request");
    }

    fn a_query_parameter_carries_it_where_that_is_allowed(t) {
        let s = service_with(&t, |issuer| issuer, |builder| builder.danger_query_token("token"));
        let target = |token: &str| format!("/guards/user?token={token}");
        s.app
            .get(&target(&s.token("alice").sign()))
            .send()
            .is(200)
            .says("Hello alice")
            .has("cache-control", "no-store");
        s.app.get(&target(&s.token("alice").forge())).send().refused(401, "invalid_token");
        let s = service(&t);
        s.app.get(&target(&s.token("alice").sign())).send().refused(401, "missing_credential");
    }

    fn a_password_of_basic_authentication_is_no_token(t) {
        let s = beside_own_with(&t, |builder| builder.api_key_store(memory_store()));
        let basic = |password: &str| format!("Basic {}", STANDARD.encode(format!("__token__:{password}")));
        let key = block_on(s.app.app.auth.danger_create_api_key_for("alice", ApiKeyRequest::new("deploy")))
            .unwrap();
        s.app.get("/guards/keys").header("authorization", basic(key.expose())).send().is(200);
        s.app
            .get("/guards/keys")
            .header("authorization", basic(&s.token("alice").sign()))
            .send()
            .refused(401, "invalid_token");
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
            let rules = RouteRules::private_by_default()
                .public(at("/open"))
                .guests(at("/signin"))
                .require(at("/admin"), Requirement::user().role("admin"));
            let site = s.app.with_rules(Ruled { rules: rules.build().unwrap(), placement });
            let (admin, user) =
                (s.token("alice").claim("roles", json!(["admin"])).sign(), s.token("bob").sign());
            for path in ["/admin", "/admin/users"] {
                site
                    .get(&at(path))
                    .bearer(&admin)
                    .send()
                    .is(200)
                    .says("Hello alice of https://login.example.com");
                site.get(&at(path)).bearer(&user).send().refused(403, "missing_role");
                site.get(&at(path)).send().refused(401, "missing_credential");
            }
            site.get(&at("/me")).bearer(&user).send().is(200).says("Hello bob of https://login.example.com");
            site.get(&at("/me")).bearer(s.token("bob").forge()).send().refused(401, "invalid_token");
            site.get(&at("/open")).send().is(200);
            site.get(&at("/signin")).bearer(&user).send().refused(403, "guests_only");
        }
    }

    /// RFC 9728: a refusal says where tokens come from.
    fn the_metadata_name_the_issuers_that_are_trusted(t) {
        const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
        let (_, trust) = second_issuer();
        let metadata = ResourceMetadata::new(FOREIGN_AUDIENCE);
        let s = service_with(&t, |issuer| issuer, |builder| trust(builder).resource_metadata(metadata));
        let seen = s.app.get(WELL_KNOWN).send();
        assert_eq!(seen.is(200).response.json()["authorization_servers"], json!([ISSUER, OTHER_ISSUER]));
        let space = format!("Bearer realm=\"fauth\", resource_metadata=\"{FOREIGN_AUDIENCE}{WELL_KNOWN}\"");
        let challenge = |sending: Sending<'_, H>| sending.send().response.header("www-authenticate").join(" | ");
        assert_eq!(challenge(s.app.get("/guards/user")), space);
        for bad in [
            s.app.get("/guards/user").bearer(s.token("alice").forge()),
            s.app.get("/guards/roles").bearer(s.token("bob").sign()),
        ] {
            let given = challenge(bad);
            assert!(given.starts_with(&format!("{space}, error=\"")), "{given}");
        }
        s.opens(s.token("alice").sign());
    }

    /// Subjects of different issuers are different users, also for limits.
    fn each_issuer_has_users_of_its_own_to_limit(t) {
        let (s, other) = with_two(&t);
        for path in ["/limits/user", "/limits/user-inside", "/limited/panel"] {
            let send = |token: &str, peer: u8| {
                s.app.get(path).from_peer([CLIENT[0], CLIENT[1], CLIENT[2], peer]).bearer(token).once()
            };
            let users =
                [s.app.access("alice"), s.token("alice").sign(), of(&other, "alice"), s.token("bob").sign()];
            for (peer, token) in (0..).zip(&users) {
                send(token, peer).is(200);
                send(token, peer).is(200);
                send(token, peer).refused(429, "too_many_requests");
            }
            // Another token of the same user counts with it.
            let again = s.token("alice").claim("jti", "another").sign();
            send(&again, 9).refused(429, "too_many_requests");
        }
    }

    fn who_is_signed_in_elsewhere_is_no_guest(t) {
        let s = beside_own(&t);
        let (own, foreign) = (s.app.access("alice"), s.token("alice").sign());
        for path in [
            "/guests/signin", "/guests/default", "/visitors/show", "/visitors/guarded", "/visitor",
            "/visitors/maybe", "/pages/dashboard", "/browser/user/session",
        ] {
            let seen = [&own, &foreign].map(|token| s.app.get(path).bearer(token).send().response);
            assert_eq!(seen[0], seen[1], "{path}");
        }
        s.app.get("/guests/signin").bearer(&foreign).send().refused(403, "guests_only");
        s.app.get("/guests/signin").bearer(s.token("alice").forge()).send().refused(401, "invalid_token");
        s.app.get("/guests/signin").send().is(200).says("sign in");
    }

    fn the_settings_of_each_issuer_are_its_own(t) {
        let other = ForeignIssuer::new(OTHER_ISSUER);
        let plain = || {
            let keys = TrustedIssuer::new(other.issuer(), keys_of(&other));
            let keys = keys.audience("api://other").algorithms([Algorithm::ES256]);
            keys.profile(AccessTokenProfile::Plain).expiry_leeway(Duration::ZERO)
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

    /// It only selects the issuer by which the token is verified.
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
