//! Two applications on one store, or with one secret: neither accepts anything of the other.

use fauth_core::{AuthConfig, Purpose, api_key::ApiKeyRequest};
use serde_json::{Value, json};

use super::{Harness, Probe, Sending, cases};
use crate::{SECRET, memory_store};

const OTHER_SECRET: &str = "another-secret-of-staff-1f84b2d09c6e-5a7730c1";

fn named(name: &str, secret: &str) -> AuthConfig {
    AuthConfig::builder().application(name).secret(secret).build().unwrap()
}

/// The result must not depend on whether the two applications share a secret.
const SECRETS_OF_STAFF: [&str; 2] = [OTHER_SECRET, SECRET];

/// Customers and staff on one store. Both have users with the same ids.
fn on_one_store<H: Harness>(secret_of_staff: &str) -> (Probe<H>, Probe<H>) {
    let store = memory_store();
    let of = |name, secret| Probe::with(named(name, secret), |builder| builder.store(store.clone()));
    (of("shop", SECRET), of("back-office", secret_of_staff))
}

/// Two applications with one secret, a store each, and these names.
fn with_one_secret<H: Harness>(names: [&str; 2]) -> (Probe<H>, Probe<H>) {
    let [customers, staff] = names.map(|name| Probe::with(named(name, SECRET), |builder| builder));
    (customers, staff)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Logs in and returns the two tokens.
fn log_in<H: Harness>(t: &Probe<H>, subject: &'static str) -> (String, String) {
    let pair = t.session(subject);
    (pair.access_token().expose().to_owned(), pair.refresh_token().expose().to_owned())
}

fn refreshing<'a, H: Harness>(t: &'a Probe<H>, token: &str) -> Sending<'a, H> {
    t.post("/refresh").body("application/json", json!({ "refresh_token": token }).to_string())
}

/// Returns the ids of the sessions.
fn listed<H: Harness>(t: &Probe<H>, access: &str) -> Vec<Value> {
    let seen = t.get("/sessions").bearer(access).send();
    let sessions = seen.is(200).response.json()["sessions"].clone();
    sessions.as_array().unwrap().iter().map(|session| session["id"].clone()).collect()
}

cases! { $ __applications_tests in applications;
    fn the_api_key_of_another_application_opens_nothing(t) {
        for secret in SECRETS_OF_STAFF {
            let staff;
            (t, staff) = on_one_store(secret);
            let key = block_on(t.app.auth.danger_create_api_key_for("alice", ApiKeyRequest::new("deploy"))).unwrap();
            t.get("/guards/keys").bearer(key.expose()).send().is(200).says("Hello alice");
            staff.get("/guards/keys").bearer(key.expose()).send().refused(401, "invalid_token");
        }
    }

    fn api_keys_of_another_application_are_neither_listed_nor_revoked(t) {
        for secret in SECRETS_OF_STAFF {
            let staff;
            (t, staff) = on_one_store(secret);
            let key = block_on(t.app.auth.danger_create_api_key_for("alice", ApiKeyRequest::new("deploy"))).unwrap();
            let id = &key.key().id;
            assert_eq!(block_on(t.app.auth.api_keys("alice")).unwrap().len(), 1);
            assert_eq!(block_on(staff.app.auth.api_keys("alice")).unwrap(), []);
            assert_eq!(block_on(staff.app.auth.revoke_api_key("alice", id)), Ok(false));
            assert_eq!(block_on(staff.app.auth.revoke_any_api_key(id)), Ok(false));
            t.get("/guards/keys").bearer(key.expose()).send().is(200);
        }
    }

    fn sessions_of_another_application_are_not_listed(t) {
        for secret in SECRETS_OF_STAFF {
            let staff;
            (t, staff) = on_one_store(secret);
            let ((customer, _), (member, _)) = (log_in(&t, "alice"), log_in(&staff, "alice"));
            let (of_customers, of_staff) = (listed(&t, &customer), listed(&staff, &member));
            assert_eq!((of_customers.len(), of_staff.len()), (1, 1));
            assert_ne!(of_customers, of_staff);
        }
    }

    fn sessions_of_another_application_are_not_ended(t) {
        for secret in SECRETS_OF_STAFF {
            let staff;
            (t, staff) = on_one_store(secret);
            let (member, refresh) = log_in(&staff, "alice");
            let [id] = &*listed(&staff, &member) else { panic!("one session") };
            let (customer, _) = log_in(&t, "alice");
            let target = format!("/sessions/{}", id.as_str().unwrap());
            t.request("DELETE", &target).bearer(&customer).once().refused(404, "not_found");
            t.post("/logout/all").bearer(&customer).once();
            t.get("/me").bearer(&customer).send().refused(401, "invalid_token");
            staff.get("/me").bearer(&member).send().is(200);
            refreshing(&staff, &refresh).once().is(200);
        }
    }

    /// One secret for both, whether by mistake or not.
    fn tokens_of_another_application_are_refused(t) {
        for names in [["shop", "back-office"], ["shop", "Shop"], ["shop", "shop2"], ["default", "shop"]] {
            let staff;
            (t, staff) = with_one_secret(names);
            let (access, refresh) = log_in(&t, "alice");
            t.get("/me").bearer(&access).send().is(200);
            for target in ["/me", "/maybe", "/guards/user", "/group/dashboard", "/admins/panel", "/sessions"] {
                staff.get(target).bearer(&access).send().refused(401, "invalid_token");
            }
            refreshing(&staff, &refresh).once().refused(401, "invalid_token");
            refreshing(&t, &refresh).once().is(200);
        }
    }

    fn all_instances_of_one_application_know_its_tokens(t) {
        let instance;
        (t, instance) = with_one_secret(["shop", "shop"]);
        let (access, _) = log_in(&t, "alice");
        instance.get("/me").bearer(&access).send().is(200).says("Hello alice");
    }

    /// Without a name, an application is called `default`, and that is required too.
    fn a_token_says_of_which_application_it_is(t) {
        let (access, _) = log_in(&t, "alice");
        let payload = t.app.auth.verify_signature_and_claims(&access, Purpose::Access).unwrap();
        assert_eq!(payload.claim::<String>("app").unwrap().as_deref(), Some("default"));
        t = Probe::with(named("shop", SECRET), |builder| builder);
        t.get("/me").bearer(&access).send().refused(401, "invalid_token");
        let (access, _) = log_in(&t, "alice");
        let payload = t.app.auth.verify_signature_and_claims(&access, Purpose::Access).unwrap();
        assert_eq!(payload.claim::<String>("app").unwrap().as_deref(), Some("shop"));
    }
}
