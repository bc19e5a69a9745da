//! API keys: how they are presented, and which open a route.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fauth_core::{
    ClientInfo, LogoutAll, Purpose, TokenRequest,
    api_key::{ApiKeyRequest, NewApiKey},
    store::RevocationTarget,
    transport::CookieTransport,
};

use super::{Harness, cases};
use crate::{Fault, FaultyStore, suite::Probe};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const SECOND: Duration = Duration::from_secs(1);
/// One second less than a day.
const ALMOST_A_DAY: Duration = Duration::from_secs(24 * 60 * 60 - 1);
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Creates the default application with a store for API keys, and that store.
fn with_keys<H: Harness>() -> (Probe<H>, FaultyStore) {
    let store = FaultyStore::default();
    (Probe::build(|builder| builder.api_key_store(store.clone())), store)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Creates a key.
fn create<H: Harness>(t: &Probe<H>, owner: &str, request: ApiKeyRequest<'_>) -> NewApiKey {
    block_on(t.app.auth.danger_create_api_key_for(owner, request)).unwrap()
}

fn key_of<H: Harness>(t: &Probe<H>, owner: &str) -> String {
    create(t, owner, ApiKeyRequest::new("deploy")).expose().to_owned()
}

fn basic(user_name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user_name}:{password}")))
}

/// Returns the key with its last character changed.
fn bent(key: &str) -> String {
    let last = if key.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &key[..key.len() - 1])
}

/// Returns a well-formed key with the id of `key` and another secret.
fn with_another_secret(key: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let (begin, _) = key.rsplit_once('_').unwrap();
    let text = format!("{begin}_{}", "5".repeat(64));
    let sum: Vec<_> = Sha256::digest(text.as_bytes())[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    text + &sum.concat()
}

cases! { $ __api_keys_tests in api_keys;
    fn a_key_opens_a_route_as_a_bearer_token(t) {
        (t, _) = with_keys();
        let key = key_of(&t, "alice");
        t.get("/guards/keys").bearer(&key).send().is(200).says("Hello alice").lacks("cache-control");
        t.post("/guards/keys").bearer(&key).send().is(200).says("Hello alice");
        t.get("/keys/panel").bearer(&key).send().is(200).says("Hello alice");
    }

    fn a_key_opens_a_route_by_basic_authentication(t) {
        (t, _) = with_keys();
        let credential = basic("__token__", &key_of(&t, "alice"));
        t.get("/guards/keys").header("authorization", &credential).send().is(200).says("Hello alice");
        t.get("/keys/panel").header("authorization", credential.replace("Basic", "bASIC")).send().is(200);
    }

    /// A guard and an extractor in one request look the key up once.
    fn a_key_is_looked_up_once_for_a_request(t) {
        let store;
        (t, store) = with_keys();
        let key = key_of(&t, "alice");
        store.calls();
        assert_eq!(t.get("/guards/keys-maybe").bearer(&key).send_to_framework().is(200).user_loads, 1);
        assert_eq!(store.calls(), ["find", "touch"]);
        let key = create(&t, "alice", ApiKeyRequest::new("deploy").scope("read")).expose().to_owned();
        store.calls();
        assert_eq!(t.get("/guards/keys-twice").bearer(&key).send_to_framework().is(200).user_loads, 1);
        assert_eq!(store.calls(), ["find", "touch"]);
    }

    fn a_handler_sees_the_key_as_a_token(t) {
        (t, _) = with_keys();
        let key = create(&t, "alice", ApiKeyRequest::new("deploy").scopes(["read", "deploy:all"]));
        t.get("/guards/keys-token").bearer(key.expose()).send().is(200).says("access alice [read deploy:all] -");
    }

    /// A key has none of its owner's rights: it opens only what names one of its scopes.
    fn a_key_opens_nothing_that_does_not_name_it(t) {
        (t, _) = with_keys();
        let key = create(&t, "alice", ApiKeyRequest::new("deploy").scopes(["read", "write", "admin", "user"]));
        for path in [
            "/me", "/maybe", "/grant", "/forged", "/guards/user", "/guards/active", "/guards/roles", "/guards/any-role",
            "/guards/permissions", "/guards/inactive", "/guards/token", "/guards/grant", "/guards/twice", "/guards/recent",
            "/group/dashboard", "/group/none", "/group/admin", "/admins/panel", "/recent/panel", "/scoped-admins/panel",
        ] {
            let seen = t.get(path).bearer(key.expose()).send();
            seen.refused(403, "api_key_not_allowed");
            assert_eq!(seen.response.json()["detail"], "An API key is not accepted here", "{path}");
        }
        t.get("/guards/scopes").bearer(key.expose()).send().is(200).says("Hello alice");
        // The same user with a login token.
        for path in ["/me", "/maybe", "/grant", "/guards/roles", "/guards/permissions", "/group/dashboard", "/admins/panel"] {
            t.get(path).bearer(t.access("alice")).send().is(200);
        }
    }

    fn a_key_is_refused_in_the_form_of_its_group(t) {
        (t, _) = with_keys();
        let key = key_of(&t, "alice");
        let seen = t.get("/python/panel").bearer(&key).send();
        seen.is(403).says(r#"{"detail":"An API key is not accepted here"}"#);
    }

    /// If a key is not admitted anyway, the response reveals nothing about the user's rights.
    fn where_no_key_enters_the_rights_of_its_owner_do_not_matter(t) {
        (t, _) = with_keys();
        for owner in ["alice", "bob", "ed"] {
            t.get("/guards/roles").bearer(key_of(&t, owner)).send().refused(403, "api_key_not_allowed");
        }
    }

    fn a_key_passes_by_an_alternative_that_names_its_scope(t) {
        (t, _) = with_keys();
        let key = |owner: &str, scope: &'static str| {
            create(&t, owner, ApiKeyRequest::new("deploy").scope(scope)).expose().to_owned()
        };
        let path = "/guards/keys-or-admins";
        t.get(path).bearer(key("alice", "read")).send().is(200).says("Hello alice");
        t.get(path).bearer(key("bob", "read")).send().is(200).says("Hello bob");
        // Her role admits her, but not her key.
        t.get(path).bearer(t.access("alice")).send().is(200);
        t.get(path).bearer(key("alice", "other")).send().refused(403, "api_key_not_allowed");
        t.get(path).bearer(key("bob", "other")).send().refused(403, "forbidden");
        t.get("/guards/custom").bearer(key("bob", "read")).send().is(200).says("Hello bob");
        t.get("/guards/custom").bearer(key("alice", "other")).send().refused(403, "api_key_not_allowed");
        t.get("/guards/custom").bearer(key("ed", "read")).send().refused(403, "forbidden");
    }

    fn a_scope_of_a_key_does_not_stand_in_for_a_right_of_its_owner(t) {
        (t, _) = with_keys();
        let key = |owner: &str, scope: &'static str| {
            create(&t, owner, ApiKeyRequest::new("deploy").scope(scope)).expose().to_owned()
        };
        let path = "/guards/keys-and-admins";
        t.get(path).bearer(key("alice", "read")).send().is(200).says("Hello alice");
        t.get(path).bearer(key("bob", "read")).send().refused(403, "missing_role");
        t.get(path).bearer(key("alice", "admin")).send().refused(403, "missing_scope");
    }

    /// Each guard decides for itself: the outer one cannot open what the inner one keeps closed.
    fn every_guard_must_let_a_key_in(t) {
        (t, _) = with_keys();
        let key = create(&t, "alice", ApiKeyRequest::new("deploy").scope("read")).expose().to_owned();
        let bare = key_of(&t, "alice");
        t.get("/guards/keys-twice").bearer(&key).send().is(200).says("Hello alice");
        t.get("/guards/keys-twice").bearer(&bare).send().refused(403, "missing_scope");
        for path in ["/guards/keys-outside", "/guards/keys-inside"] {
            t.get(path).bearer(&key).send().refused(403, "api_key_not_allowed");
            t.get(path).bearer(t.access("alice")).send().is(200).says("Hello alice");
        }
    }

    fn a_group_lets_keys_in_whom_it_names(t) {
        (t, _) = with_keys();
        let key = create(&t, "alice", ApiKeyRequest::new("deploy").scope("read")).expose().to_owned();
        t.get("/keys/panel").bearer(key_of(&t, "bob")).send().is(200).says("Hello bob");
        t.get("/scoped/panel").bearer(&key).send().is(200).says("Hello alice");
        t.get("/scoped/panel").bearer(key_of(&t, "alice")).send().refused(403, "missing_scope");
        // Each of several requirements must admit the key.
        t.get("/scoped-admins/panel").bearer(&key).send().refused(403, "api_key_not_allowed");
        let token = t.access(TokenRequest::for_subject("alice").scope("read"));
        t.get("/scoped-admins/panel").bearer(token).send().is(200).says("Hello alice");
    }

    /// Extractors behind a guard accept the key that it admitted.
    fn an_extractor_behind_a_guard_takes_its_key(t) {
        (t, _) = with_keys();
        let key = key_of(&t, "alice");
        t.get("/guards/keys").bearer(&key).send().is(200).says("Hello alice");
        t.get("/guards/keys-maybe").bearer(&key).send().is(200).says("Hello alice");
        t.get("/guards/keys-token").bearer(&key).send().is(200).says("access alice [] -");
        t.get("/me").bearer(&key).send().refused(403, "api_key_not_allowed");
        t.get("/maybe").bearer(&key).send().refused(403, "api_key_not_allowed");
    }

    fn the_scopes_of_a_key_narrow(t) {
        (t, _) = with_keys();
        let key = |scopes: &[&'static str]| create(&t, "alice", ApiKeyRequest::new("deploy").scopes(scopes.to_vec())).expose().to_owned();
        t.get("/guards/scopes").bearer(key(&["read", "write"])).send().is(200).says("Hello alice");
        t.get("/guards/scopes").bearer(key(&["read"])).send().refused(403, "missing_scope");
        t.get("/guards/scopes").bearer(key(&[])).send().refused(403, "missing_scope");
    }

    fn a_key_has_the_roles_of_its_owner_and_no_more(t) {
        (t, _) = with_keys();
        let bobs = create(&t, "bob", ApiKeyRequest::new("deploy").scopes(["admin", "read", "write"])).expose().to_owned();
        t.get("/guards/keys-and-admins").bearer(&bobs).send().refused(403, "missing_role");
        let alices = create(&t, "alice", ApiKeyRequest::new("deploy").scopes(["read"])).expose().to_owned();
        t.get("/guards/keys-and-admins").bearer(&alices).send().is(200);
        t.users.change("alice", |alice| alice.roles.clear());
        t.get("/guards/keys-and-admins").bearer(&alices).send().refused(403, "missing_role");
    }

    fn a_mistyped_key_is_refused_without_asking_anybody(t) {
        let store;
        (t, store) = with_keys();
        let key = key_of(&t, "alice");
        store.calls();
        for wrong in [bent(&key), key[..key.len() - 1].to_owned(), format!("{key}0"), key.to_uppercase().replace("FAUTH", "fauth"), "fauth_".to_owned()] {
            let seen = t.get("/guards/keys").bearer(&wrong).send();
            assert_eq!(seen.refused(401, "invalid_token").user_loads, 0);
            t.get("/maybe").bearer(&wrong).send().refused(401, "invalid_token");
            t.get("/me").bearer(&wrong).send().refused(401, "invalid_token");
            t.get("/guards/keys").header("authorization", basic("__token__", &wrong)).send().refused(401, "invalid_token");
        }
        assert!(store.calls().is_empty());
    }

    fn an_unknown_key_costs_one_look_up(t) {
        let store;
        (t, store) = with_keys();
        let (other, _) = with_keys::<H>();
        let unknown = key_of(&other, "alice");
        assert_eq!(t.get("/guards/keys").bearer(&unknown).send_to_framework().refused(401, "invalid_token").user_loads, 0);
        assert_eq!(store.calls(), ["find"]);
        t.get("/guards/keys").bearer(&unknown).send().refused(401, "invalid_token");
    }

    fn a_wrong_secret_is_401(t) {
        let store;
        (t, store) = with_keys();
        let forged = with_another_secret(&key_of(&t, "alice"));
        store.calls();
        assert_eq!(t.get("/guards/keys").bearer(&forged).send_to_framework().refused(401, "invalid_token").user_loads, 0);
        assert_eq!(store.calls(), ["find"], "it is not noted as a use");
        t.get("/guards/keys").bearer(&forged).send().refused(401, "invalid_token");
    }

    fn an_expired_key_is_401(t) {
        (t, _) = with_keys();
        let key = create(&t, "alice", ApiKeyRequest::new("deploy").lifetime(DAY)).expose().to_owned();
        t.clock.advance(ALMOST_A_DAY);
        t.get("/guards/keys").bearer(&key).send().is(200);
        t.clock.advance(SECOND);
        t.get("/guards/keys").bearer(&key).send().refused(401, "invalid_token");
    }

    /// The store may delete late.
    fn an_expired_key_is_401_whatever_the_store_says(t) {
        let store;
        (t, store) = with_keys();
        let key = create(&t, "alice", ApiKeyRequest::new("deploy").lifetime(DAY)).expose().to_owned();
        store.forget_late(DAY);
        t.clock.advance(ALMOST_A_DAY);
        t.get("/guards/keys").bearer(&key).send().is(200);
        t.clock.advance(SECOND);
        assert_eq!(t.get("/guards/keys").bearer(&key).send().refused(401, "invalid_token").user_loads, 0);
    }

    fn a_key_that_expires_while_its_owner_is_loaded_is_401(t) {
        (t, _) = with_keys();
        let key = create(&t, "alice", ApiKeyRequest::new("deploy").lifetime(DAY)).expose().to_owned();
        t.clock.advance(ALMOST_A_DAY);
        t.users.time_passes(&t.clock, SECOND);
        t.get("/guards/keys").bearer(&key).send().refused(401, "invalid_token");
    }

    fn a_key_that_never_expires_is_good_for_long(t) {
        (t, _) = with_keys();
        let key = create(&t, "alice", ApiKeyRequest::new("deploy").danger_never_expires()).expose().to_owned();
        t.clock.advance(50 * 365 * DAY);
        t.get("/guards/keys").bearer(&key).send().is(200);
    }

    fn a_revoked_key_is_401(t) {
        (t, _) = with_keys();
        let (first, second) = (create(&t, "alice", ApiKeyRequest::new("deploy")), key_of(&t, "alice"));
        let revoke = |owner: &str| block_on(t.app.auth.revoke_api_key(owner, &first.key().id)).unwrap();
        assert!(!revoke("bob"), "not bob's");
        t.get("/guards/keys").bearer(first.expose()).send().is(200);
        assert!(revoke("alice"));
        t.get("/guards/keys").bearer(first.expose()).send().refused(401, "invalid_token");
        t.get("/guards/keys").bearer(&second).send().is(200);
    }

    fn the_key_of_an_inactive_owner_is_401(t) {
        (t, _) = with_keys();
        let key = key_of(&t, "bob");
        t.get("/guards/keys").bearer(&key).send().is(200);
        t.users.change("bob", |bob| bob.active = false);
        t.get("/guards/keys").bearer(&key).send().refused(401, "invalid_token");
        t.get("/guards/user").bearer(&key).send().refused(401, "invalid_token");
        // A guard that admits inactive users does not admit their keys: each must be allowed
        // separately.
        t.get("/guards/inactive").bearer(&key).send().refused(403, "api_key_not_allowed");
        t.users.remove("bob");
        t.get("/guards/inactive").bearer(&key).send().refused(401, "invalid_token");
        t.get("/guards/keys").bearer(&key).send().refused(401, "invalid_token");
    }

    fn every_fault_of_a_key_gives_the_same_answer(t) {
        (t, _) = with_keys();
        let (key, expired) = (key_of(&t, "alice"), create(&t, "alice", ApiKeyRequest::new("deploy").lifetime(DAY)));
        let (other, _) = with_keys::<H>();
        t.clock.advance(DAY);
        let nobodys = key_of(&t, "ed");
        t.users.remove("ed");
        let answers = [
            t.get("/guards/keys").bearer("x").send().response,
            t.get("/guards/keys").bearer(bent(&key)).send().response,
            t.get("/guards/keys").bearer(with_another_secret(&key)).send().response,
            t.get("/guards/keys").bearer(key_of(&other, "alice")).send().response,
            t.get("/guards/keys").bearer(expired.expose()).send().response,
            t.get("/guards/keys").bearer(key_of(&t, "carol")).send().response,
            t.get("/guards/keys").bearer(&nobodys).send().response,
            t.get("/guards/keys").header("authorization", basic("__token__", "x")).send().response,
        ];
        for answer in &answers {
            assert_eq!(*answer, answers[0], "a stranger can tell one fault from another");
        }
    }

    fn a_key_beside_a_token_is_400(t) {
        let store = FaultyStore::default();
        t = Probe::build(|builder| builder.api_key_store(store.clone()).danger_query_token("token"));
        let (key, token) = (key_of(&t, "alice"), t.access("alice"));
        t.get("/guards/keys").bearer(&key).bearer(&token).send().refused(400, "malformed_credential");
        t.get("/guards/keys").bearer(&token).bearer(&key).send().refused(400, "malformed_credential");
        t.get("/guards/keys").bearer(&key).bearer(&key).send().refused(400, "malformed_credential");
        let basic = basic("__token__", &key);
        t.get("/guards/keys").header("authorization", &basic).bearer(&token).send().refused(400, "malformed_credential");
        t.get("/guards/keys").header("authorization", &basic).header("authorization", &basic).send().refused(400, "malformed_credential");
        let target = format!("/guards/keys?token={token}");
        t.get(&target).bearer(&key).send().refused(400, "malformed_credential");
        t.get(&target).header("authorization", &basic).send().refused(400, "malformed_credential");
        t.get(&target).send().is(200);
        t.get("/guards/keys").bearer(&key).send().is(200);
        t.get("/guards/keys").header("authorization", &basic).send().is(200);
    }

    fn a_key_in_a_cookie_or_a_url_opens_nothing(t) {
        let store = FaultyStore::default();
        t = Probe::build(|builder| {
            builder.api_key_store(store.clone()).danger_query_token("token").transport(CookieTransport::new())
        });
        let key = key_of(&t, "alice");
        store.calls();
        t.get("/guards/keys").header("cookie", format!("__Host-session={key}")).send().refused(401, "invalid_token");
        t.get(&format!("/guards/keys?token={key}")).send().refused(401, "invalid_token");
        assert!(store.calls().is_empty());
        // The same key, active again.
        t.get("/guards/keys").bearer(&key).send().is(200);
    }

    /// Like any header that is sent on purpose.
    fn a_key_beside_a_cookie_counts_alone(t) {
        let store = FaultyStore::default();
        t = Probe::build(|builder| builder.api_key_store(store.clone()).transport(CookieTransport::new()));
        let cookie = format!("__Host-session={}", t.access("bob"));
        let key = key_of(&t, "alice");
        t.post("/guards/keys").header("cookie", &cookie).bearer(&key).send().is(200).says("Hello alice");
        t.post("/guards/keys").header("cookie", &cookie).header("authorization", basic("__token__", &key)).send().is(200).says("Hello alice");
        t.get("/guards/keys").header("cookie", &cookie).bearer(bent(&key)).send().refused(401, "invalid_token");
        t.get("/guards/keys").header("cookie", &cookie).header("authorization", basic("__token__", &bent(&key))).send()
            .refused(401, "invalid_token");
    }

    /// There, tokens travel in cookies, and keys do not add another way.
    fn where_tokens_come_in_cookies_a_header_carries_keys_only(t) {
        let store = FaultyStore::default();
        t = Probe::build(|builder| builder.api_key_store(store.clone()).transport(CookieTransport::new()));
        let (key, token) = (key_of(&t, "alice"), t.access("alice"));
        t.get("/guards/keys").bearer(&key).send().is(200).says("Hello alice");
        t.get("/guards/keys").bearer(&token).send().refused(401, "missing_credential");
        t.get("/guards/keys").header("authorization", "Bearer a b").send().refused(401, "missing_credential");
        let cookie = format!("__Host-session={token}");
        t.get("/guards/keys").header("cookie", cookie).bearer("x").send().is(200).says("Hello alice");
    }

    /// These endpoints are for logins: a key must not end the sessions of its owner.
    fn a_key_is_no_login_at_the_session_endpoints(t) {
        (t, _) = with_keys();
        let key = key_of(&t, "alice");
        let access = t.session("alice").access_token().expose().to_owned();
        let session = format!("/sessions/{}", t.app.auth.verify_signature_and_claims(&access, Purpose::Access).unwrap().session_id().unwrap());
        t.get("/sessions").bearer(&key).send().refused(403, "api_key_not_allowed");
        t.post("/logout/all").bearer(&key).send().refused(403, "api_key_not_allowed");
        t.request("DELETE", &session).bearer(&key).send().refused(403, "api_key_not_allowed");
        t.post("/logout").bearer(&key).send().refused(403, "api_key_not_allowed");
        t.post("/logout").bearer(bent(&key)).send().refused(401, "invalid_token");
        t.get("/sessions").bearer(&access).send().is(200);
    }

    fn a_key_lives_on_when_its_owner_logs_out_everywhere_but_not_when_he_is_kept_out(t) {
        (t, _) = with_keys();
        let key = key_of(&t, "alice");
        block_on(t.app.auth.logout_all("alice", &ClientInfo::unknown())).unwrap();
        t.get("/guards/keys").bearer(&key).send().is(200);
        block_on(t.app.auth.revoke("bob", &[RevocationTarget::Subject])).unwrap();
        t.get("/guards/keys").bearer(&key).send().is(200);
        block_on(t.app.auth.revoke("alice", &[RevocationTarget::Subject])).unwrap();
        t.get("/guards/keys").bearer(&key).send().refused(401, "invalid_token");
    }

    fn everything_of_a_user_ends_with_his_keys_if_that_is_said(t) {
        (t, _) = with_keys();
        let survives = ApiKeyRequest::new("backup").danger_survives_password_change(true);
        let (key, bobs) = (create(&t, "alice", survives), key_of(&t, "bob"));
        let access = t.session("alice").access_token().expose().to_owned();
        let all = LogoutAll::for_subject("alice").api_keys(true);
        block_on(t.app.auth.logout_all(all, &ClientInfo::unknown())).unwrap();
        t.get("/guards/keys").bearer(key.expose()).send().refused(401, "invalid_token");
        t.get("/guards/keys").bearer(&access).send().refused(401, "invalid_token");
        t.get("/guards/keys").bearer(&bobs).send().is(200);
    }

    fn a_new_password_ends_the_keys_that_were_not_made_to_survive_it(t) {
        (t, _) = with_keys();
        let survivor = create(&t, "alice", ApiKeyRequest::new("backup").danger_survives_password_change(true));
        let (key, bobs) = (key_of(&t, "alice"), key_of(&t, "bob"));
        let access = t.session("alice").access_token().expose().to_owned();
        block_on(t.app.auth.password_changed("alice", &ClientInfo::unknown())).unwrap();
        t.get("/guards/keys").bearer(&key).send().refused(401, "invalid_token");
        t.get("/guards/keys").bearer(&access).send().refused(401, "invalid_token");
        t.get("/guards/keys").bearer(survivor.expose()).send().is(200);
        t.get("/guards/keys").bearer(&bobs).send().is(200);
        // Keys created from now on belong to the new password.
        t.get("/guards/keys").bearer(key_of(&t, "alice")).send().is(200);
    }

    /// With an epoch in the user's own record, no call is needed.
    fn a_raised_epoch_of_its_owner_ends_a_key(t) {
        (t, _) = with_keys();
        t.users.change("bob", |bob| bob.token_epoch = 7);
        let survivor = create(&t, "bob", ApiKeyRequest::new("backup").danger_survives_password_change(true));
        let key = key_of(&t, "bob");
        t.get("/guards/keys").bearer(&key).send().is(200);
        t.users.change("bob", |bob| bob.token_epoch = 8);
        t.get("/guards/keys").bearer(&key).send().refused(401, "invalid_token");
        t.get("/guards/keys").bearer(survivor.expose()).send().is(200);
        assert_eq!(block_on(t.app.auth.api_keys("bob")).unwrap().len(), 1, "it was removed");
        t.get("/guards/keys").bearer(key_of(&t, "bob")).send().is(200);
    }

    fn another_user_name_of_basic_authentication_is_no_credential(t) {
        (t, _) = with_keys();
        let key = key_of(&t, "alice");
        for user_name in ["alice", "", "__TOKEN__", "__token__ ", "token"] {
            let value = basic(user_name, &key);
            t.get("/guards/keys").header("authorization", &value).send().refused(401, "missing_credential");
            t.get("/maybe").header("authorization", &value).send().is(200).says("Hello nobody");
        }
    }

    /// RFC 6749 section 2.3.1: an OAuth2 client may identify itself in the header, beside the form
    /// with the password. The Authorize button of Swagger UI does.
    fn a_client_may_name_itself_beside_the_form_of_a_login(t) {
        (t, _) = with_keys();
        let form = "grant_type=password&username=alice&password=s3cret&scope=";
        let log_in = |form: &str, authorization: &str| {
            t.post("/login").header("authorization", authorization).body(FORM, form).send()
        };
        for (id, secret) in [("undefined", "undefined"), ("", ""), ("client", "secret"), ("__token__", "secret")] {
            let seen = log_in(form, &basic(id, secret));
            seen.is(200);
            t.get("/me").bearer(seen.token("access_token")).send().is(200).says("Hello alice");
            let wrong = "grant_type=password&username=alice&password=wrong";
            log_in(wrong, &basic(id, secret)).refused(401, "invalid_credentials");
        }
        // It logs nobody in: neither a key, nor the name and password of a user.
        let key = key_of(&t, "alice");
        for header in [basic("__token__", &key), basic("alice", "s3cret")] {
            log_in("grant_type=password", &header).refused(400, "invalid_request");
        }
        let seen = t.post("/login").body(FORM, format!("{form}&client_id=client&client_secret=secret")).send();
        seen.is(200);
    }

    /// A browser stores what was typed, and attaches it to requests caused by other sites. A
    /// program sends no origin.
    fn basic_credentials_that_a_foreign_page_brings_are_refused(t) {
        (t, _) = with_keys();
        let basic = basic("__token__", &key_of(&t, "alice"));
        let post = || t.post("/guards/keys").header("authorization", &basic);
        post().send().is(200).says("Hello alice");
        for (name, foreign) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", ""),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            post().header(name, foreign).send().refused(403, "cross_site_request");
            // Reading changes nothing.
            t.get("/guards/keys").header("authorization", &basic).header(name, foreign).send().is(200);
        }
        for (name, own) in [
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "none"),
            ("origin", "https://app.example"),
            ("origin", "http://app.example"),
        ] {
            post().header(name, own).send().is(200);
        }
        let upgrade = t.get("/guards/keys").header("authorization", &basic).header("upgrade", "websocket");
        upgrade.header("origin", "https://evil.example").send().refused(403, "cross_site_request");
        // Browsers attach no bearer tokens.
        t.post("/guards/keys").bearer(key_of(&t, "alice")).header("sec-fetch-site", "cross-site").send().is(200);
    }

    fn a_token_is_no_password_of_basic_authentication(t) {
        (t, _) = with_keys();
        for password in [t.access("alice"), "x".to_owned()] {
            t.get("/guards/keys").header("authorization", basic("__token__", &password)).send().refused(401, "invalid_token");
        }
    }

    fn a_malformed_basic_credential_is_400(t) {
        (t, _) = with_keys();
        let good = basic("__token__", &key_of(&t, "alice"));
        t.get("/guards/keys").header("authorization", &good).send().is(200);
        for bad in [
            "Basic".to_owned(), "Basic !".to_owned(), good.replace("Basic ", "Basic\t"), format!("{good}="), format!("{good}, {good}"),
            "Basic X190b2tlbl9f".to_owned(), basic("__token__", ""), basic("__token__", "a b"), basic("__token__", "ä"),
            basic("__token__", &"k".repeat(9000)),
        ] {
            t.get("/guards/keys").header("authorization", &bad).send().refused(400, "malformed_credential");
        }
    }

    fn a_key_that_names_its_kind_must_keep_to_the_grammar(t) {
        (t, _) = with_keys();
        let key = key_of(&t, "alice");
        t.get("/guards/keys").bearer(format!("{key},")).send().refused(400, "malformed_credential");
        t.get("/guards/keys").bearer(format!("fauth_{}", "a".repeat(8192 + 64 - 6))).send().refused(401, "invalid_token");
        t.get("/guards/keys").bearer(format!("fauth_{}", "a".repeat(8192 + 64 - 5))).send().refused(400, "malformed_credential");
    }

    fn without_a_store_a_key_is_just_a_bad_token(t) {
        let (other, _) = with_keys::<H>();
        let key = key_of(&other, "alice");
        t.get("/guards/keys").bearer(&key).send().refused(401, "invalid_token");
        t.get("/guards/keys").header("authorization", basic("__token__", &key)).send().refused(401, "missing_credential");
        t = Probe::build(|builder| builder.api_key_store(FaultyStore::default()).api_key_prefix("acme"));
        t.get("/guards/keys").bearer(&key).send().refused(401, "invalid_token");
        t.get("/guards/keys").bearer(key_of(&t, "bob")).send().is(200).says("Hello bob");
    }

    fn another_provider_has_other_keys(t) {
        (t, _) = with_keys();
        let key = key_of(&t, "alice");
        t.get("/guards/other").bearer(&key).send().refused(401, "invalid_token");
        t.get("/foreign/panel").bearer(&key).send().refused(401, "invalid_token");
    }

    fn a_key_neither_refreshes_nor_logs_out(t) {
        let store;
        (t, store) = with_keys();
        let key = key_of(&t, "alice");
        store.calls();
        t.post("/refresh").body(JSON, format!("{{\"refresh_token\":\"{key}\"}}")).send().refused(401, "invalid_token");
        t.post("/refresh").bearer(&key).send().refused(401, "missing_credential");
        t.post("/logout").bearer(&key).send().refused(403, "api_key_not_allowed");
        t.post("/logout").header("authorization", basic("__token__", &key)).send().refused(403, "api_key_not_allowed");
        assert!(store.calls().is_empty());
        t.get("/guards/keys").bearer(&key).send().is(200);
    }

    fn a_failing_store_is_503(t) {
        let store;
        (t, store) = with_keys();
        let key = key_of(&t, "alice");
        store.fault(Fault::Fails);
        for path in ["/me", "/maybe", "/guards/keys", "/guards/keys-maybe", "/guards/user", "/guards/inactive", "/keys/panel"] {
            t.get(path).bearer(&key).send().refused(503, "unavailable").has("retry-after", "5").lacks("www-authenticate");
        }
        t.get("/guards/keys").header("authorization", basic("__token__", &key)).send().refused(503, "unavailable");
        // Requests without a key are not affected.
        t.get("/guards/keys").bearer(t.access(TokenRequest::for_subject("alice"))).send().is(200);
        t.get("/guards/keys").bearer(t.token(Purpose::Refresh, "alice")).send().refused(401, "invalid_token");
        t.get("/guards/keys").bearer(bent(&key)).send().refused(401, "invalid_token");
        store.recover();
        t.get("/guards/keys").bearer(&key).send().is(200);
    }

    fn a_hanging_store_is_cut_off(t) {
        let store = FaultyStore::default();
        t = Probe::build(|builder| builder.api_key_store(store.clone()).store_timeout(Duration::from_millis(20)));
        let key = key_of(&t, "alice");
        store.fault(Fault::Hangs);
        t.get("/guards/keys").bearer(&key).send().refused(503, "unavailable");
    }

    fn that_a_use_cannot_be_noted_is_no_refusal(t) {
        let store;
        (t, store) = with_keys();
        let key = key_of(&t, "alice");
        store.fault_at("touch", Fault::Fails);
        t.get("/guards/keys").bearer(&key).send().is(200).says("Hello alice");
    }

    fn a_failing_loader_is_503_for_a_key_too(t) {
        (t, _) = with_keys();
        let key = key_of(&t, "alice");
        t.users.fail();
        t.get("/guards/keys").bearer(&key).send().refused(503, "unavailable");
    }

    fn a_broken_clock_is_503_for_a_key_too(t) {
        (t, _) = with_keys();
        let key = key_of(&t, "alice");
        t.clock.break_down();
        t.get("/guards/keys").bearer(&key).send().refused(503, "unavailable");
    }
}
