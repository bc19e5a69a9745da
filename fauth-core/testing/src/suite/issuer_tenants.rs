//! Issuers that are found at run time: those of tenants.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use fauth_core::{
    AuthConfig, AuthProvider, BoxError, async_trait,
    store::RevocationTarget,
    trusted_issuer::{IssuerResolver, TrustedIssuer},
};
use serde_json::json;

use super::{
    Harness, Probe, cases,
    issuers::{ISSUER, OTHER_ISSUER, Trusting, beside_own_with, block_on, described, keys_of, of, trusted},
};
use crate::{ForeignIssuer, ManualClock, PublishedKeys, memory_store};

/// A directory of tenants that a case changes. Clones share everything.
#[derive(Clone, Default)]
struct Tenants(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    issuers: HashMap<String, TrustedIssuer>,
    asked: Vec<String>,
    is_failing: bool,
    hangs: bool,
}

impl Tenants {
    fn of(issuers: &[&ForeignIssuer]) -> Self {
        let tenants = Self::default();
        for issuer in issuers {
            tenants.add(trusted(issuer, keys_of(issuer)));
        }
        tenants
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn add(&self, issuer: TrustedIssuer) {
        self.state().issuers.insert(issuer.issuer().to_owned(), issuer);
    }

    fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }
}

#[async_trait]
impl IssuerResolver for Tenants {
    async fn resolve(&self, issuer: &str) -> Result<Option<TrustedIssuer>, BoxError> {
        let (hangs, answer) = {
            let mut state = self.state();
            state.asked.push(issuer.to_owned());
            let found = state.issuers.get(issuer).cloned();
            (state.hangs, if state.is_failing { Err("the directory is down".into()) } else { Ok(found) })
        };
        if hangs {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        answer
    }
}

/// A service of tenants, whose users are made from claims.
fn service_of<H: Harness>(t: &Probe<H>, tenants: &Tenants) -> Trusting<H> {
    let builder = AuthProvider::builder(AuthConfig::without_own_tokens().build().unwrap())
        .issuer_resolver(tenants.clone(), 10)
        .loader_timeout(Duration::from_millis(20))
        .revocation_store(memory_store())
        .user_from_claims(described);
    Trusting::new(t, ForeignIssuer::new(ISSUER), builder)
}

cases! { $ __issuer_tenants_tests in issuer_tenants;
    fn the_token_of_a_tenant_opens_what_is_for_users(t) {
        let other = ForeignIssuer::new(OTHER_ISSUER);
        let tenants = Tenants::of(&[&ForeignIssuer::new(ISSUER), &other]);
        let s = service_of(&t, &tenants);
        s.opens(s.token("alice").sign()).says("Hello alice of https://login.example.com");
        s.opens(of(&other, "alice")).says("Hello alice of https://login.example.org");
        for path in ["/me", "/maybe", "/grant", "/group/dashboard", "/visitors/maybe"] {
            s.app.get(path).bearer(s.token("alice").sign()).send().is(200);
            s.app.get(path).bearer(s.token("alice").forge()).send().refused(401, "invalid_token");
        }
        assert_eq!(tenants.asked(), [ISSUER, OTHER_ISSUER], "once each");
    }

    fn every_way_to_ask_for_a_user_waits_for_the_tenant(t) {
        for path in ["/me", "/maybe", "/grant", "/guards/user", "/group/dashboard", "/visitors/maybe"] {
            let tenants = Tenants::of(&[&ForeignIssuer::new(ISSUER)]);
            let s = service_of(&t, &tenants);
            s.app.get(path).bearer(s.token("alice").sign()).once().is(200);
            let s = service_of(&t, &tenants);
            s.app.get(path).bearer(s.token("alice").forge()).once().refused(401, "invalid_token");
            tenants.state().is_failing = true;
            let s = service_of(&t, &tenants);
            s.app.get(path).bearer(s.token("alice").sign()).once().refused(503, "unavailable");
        }
    }

    fn a_stranger_is_asked_for_once_and_then_refused(t) {
        let tenants = Tenants::of(&[&ForeignIssuer::new(ISSUER)]);
        let s = service_of(&t, &tenants);
        let stranger = ForeignIssuer::new("https://evil.example");
        s.refuses(of(&stranger, "alice"), "wrong_issuer");
        s.refuses(of(&stranger, "alice"), "wrong_issuer");
        assert_eq!(tenants.asked(), ["https://evil.example"]);
        s.opens(s.token("alice").sign());
    }

    /// Impossible names cause no look-up.
    fn what_is_no_name_of_an_issuer_is_not_asked_for(t) {
        let tenants = Tenants::of(&[&ForeignIssuer::new(ISSUER)]);
        let s = service_of(&t, &tenants);
        for name in [
            "", "login", "http://login.example.com", "https://login.example.com?x",
            "https://login.example.com#x", "https://u@login.example.com", "file:///etc/passwd", "https://",
            "' OR 1=1 --",
        ] {
            s.refuses(s.token("alice").claim("iss", name).sign(), "wrong_issuer");
        }
        s.refuses(
            s.token("alice").claim("iss", format!("https://{}", "x".repeat(512))).sign(),
            "invalid_claim",
        );
        s.refuses(s.token("alice").claim("iss", json!([ISSUER])).sign(), "invalid_claim");
        s.refuses(s.token("alice").without_claim("iss").sign(), "missing_claim");
        assert!(tenants.asked().is_empty());
        s.opens(s.token("alice").sign());
    }

    fn tenants_come_and_go_while_the_service_runs(t) {
        let (one, tenants) = (ForeignIssuer::new(ISSUER), Tenants::default());
        let s = service_of(&t, &tenants);
        s.refuses(of(&one, "alice"), "wrong_issuer");
        tenants.add(trusted(&one, keys_of(&one)));
        s.app.app.auth.forget_issuer(ISSUER);
        s.opens(of(&one, "alice"));
        tenants.state().issuers.clear();
        s.app.app.auth.forget_issuer(ISSUER);
        s.refuses(of(&one, "alice"), "wrong_issuer");
        // Without a notification, it looks again after a while.
        tenants.add(trusted(&one, keys_of(&one)));
        t.clock.advance(Duration::from_secs(30));
        s.opens(s.token("alice").sign());
        tenants.state().issuers.clear();
        t.clock.advance(Duration::from_secs(300));
        s.refuses(s.token("alice").sign(), "wrong_issuer");
    }

    /// Neither invalid nor anonymous.
    fn a_directory_that_fails_or_hangs_is_503(t) {
        let tenants = Tenants::of(&[&ForeignIssuer::new(ISSUER)]);
        let s = service_of(&t, &tenants);
        tenants.state().is_failing = true;
        s.cannot_tell(s.token("alice").sign());
        tenants.state().is_failing = false;
        tenants.state().hangs = true;
        s.cannot_tell(s.token("alice").sign());
        s.app.get("/maybe").send().is(200).says("Hello nobody");
        tenants.state().hangs = false;
        s.opens(s.token("alice").sign());
    }

    fn a_directory_that_fails_takes_nothing_from_other_tokens(t) {
        let tenants = Tenants::default();
        tenants.state().is_failing = true;
        let s = beside_own_with(&t, |builder| builder.issuer_resolver(tenants.clone(), 10));
        s.opens(s.app.access("alice"));
        s.opens(s.token("alice").sign());
        assert!(tenants.asked().is_empty(), "both are known");
        s.cannot_tell(of(&ForeignIssuer::new(OTHER_ISSUER), "alice"));
    }

    fn the_keys_of_a_tenant_are_fetched(t) {
        let one = ForeignIssuer::new(ISSUER);
        let (server, tenants) = (PublishedKeys::of(&one), Tenants::default());
        tenants.add(server.trusted(&one));
        let s = service_of(&t, &tenants);
        s.refuses(of(&ForeignIssuer::new(OTHER_ISSUER), "alice"), "wrong_issuer");
        assert_eq!(server.fetches(), 0);
        s.opens(of(&one, "alice"));
        s.refuses(one.token("alice", ManualClock::START).forge(), "bad_signature");
        assert_eq!(server.fetches(), 1);
        let (down, tenants) = (PublishedKeys::new(), Tenants::default());
        tenants.add(down.trusted(&one));
        service_of(&t, &tenants).cannot_tell(of(&one, "alice"));
    }

    fn nothing_of_one_tenant_is_anothers(t) {
        let other = ForeignIssuer::new(OTHER_ISSUER);
        let s = service_of(&t, &Tenants::of(&[&ForeignIssuer::new(ISSUER), &other]));
        s.opens(of(&other, "alice"));
        s.refuses(other.token("alice", ManualClock::START).claim("iss", ISSUER).sign(), "bad_signature");
        s.refuses(s.token("alice").claim("iss", OTHER_ISSUER).sign(), "bad_signature");
        let everything = [RevocationTarget::Subject];
        block_on(s.app.app.auth.revoke_of_issuer(OTHER_ISSUER, "alice", &everything)).unwrap();
        s.refuses(of(&other, "alice"), "token_revoked");
        s.opens(s.token("alice").sign());
    }

    /// A logout does not wait for the issuer.
    fn own_logins_are_not_for_tenants(t) {
        let other = ForeignIssuer::new(OTHER_ISSUER);
        let tenants = Tenants::of(&[&other]);
        let s = beside_own_with(&t, |builder| builder.issuer_resolver(tenants.clone(), 10));
        s.app.post("/logout").bearer(of(&other, "alice")).send().refused(403, "foreign_token_not_allowed");
        assert!(tenants.asked().is_empty());
        for (method, path) in [("POST", "/logout/all"), ("GET", "/sessions"), ("DELETE", "/sessions/x")] {
            s.app
                .request(method, path)
                .bearer(of(&other, "alice"))
                .send()
                .refused(403, "foreign_token_not_allowed");
        }
        s.opens(of(&other, "alice"));
        s.opens(s.app.access("alice"));
    }
}
