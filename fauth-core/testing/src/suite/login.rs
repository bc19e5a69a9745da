//! `POST /login`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use fauth_core::{
    BoxError, Purpose,
    password::{PasswordConfig, PasswordHasher, PasswordScheme},
};

use super::{Harness, cases};
use crate::{suite::Probe, weak_passwords};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

const PEPPER: &[u8] = b"\x8f\x1c\xa7\x02\x5e\xd3\x99\x40\xb6\x7b\xee\x13\xc8\x24\x6d\xf1\x0a\x93\x57\xbc\x31\xe8\x4f\x76\xd2\x05\xaa\x68\x19\xfd\x82\x3b";
/// bcrypt of the keyed hash of `s3cret`.
const PEPPERED: &str = "$2b$04$PN9lFoZ3fZtT7qLYCXGGpO928c/tL2cTg4blxfGCd4zBByvc6LHiu";

/// bcrypt of 72 times `x`.
const LONGEST_OF_BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";

/// `reversed$terc3s`.
struct Reversed;

impl PasswordScheme for Reversed {
    fn name(&self) -> &'static str {
        "reversed"
    }

    fn recognizes(&self, stored: &str) -> bool {
        stored.starts_with("reversed")
    }

    fn verify(&self, password: &[u8], stored: &str) -> Result<bool, BoxError> {
        let reversed = stored.strip_prefix("reversed$").ok_or("nothing is reversed")?;
        Ok(reversed.bytes().rev().eq(password.iter().copied()))
    }
}

/// `counted$`, which is the hash of every password: counts the checks.
struct Counted(Arc<AtomicUsize>);

impl PasswordScheme for Counted {
    fn name(&self) -> &'static str {
        "counted"
    }

    fn recognizes(&self, stored: &str) -> bool {
        stored == "counted$"
    }

    fn verify(&self, _: &[u8], _: &str) -> Result<bool, BoxError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(true)
    }
}

/// Slow enough to distinguish a hash from none.
fn slow() -> PasswordConfig {
    PasswordConfig::danger_weak_bcrypt(9)
}

/// An application in which users with a password have a slow hash.
fn with_slow_hashes<H: Harness>() -> Probe<H> {
    let t = Probe::build(|builder| builder.password(slow()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let hash = runtime.block_on(PasswordHasher::new(slow()).unwrap().hash("s3cret")).unwrap();
    for name in ["alice", "carol"] {
        t.users.change(name, |user| user.password_hash = Some(hash.clone()));
    }
    t
}

#[expect(clippy::disallowed_methods, reason = "how long answers really take is what a stranger measures")]
fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

cases! { $ __login_tests in login;
    fn the_right_password_gives_a_pair(t) {
        let seen = t.login("alice", "s3cret").send();
        seen.is(200).has("content-type", JSON).has("cache-control", "no-store").lacks("set-cookie");
        let body = seen.response.json();
        assert_eq!((&body["token_type"], &body["expires_in"]), (&"bearer".into(), &900.into()));
        assert_eq!(body.as_object().unwrap().len(), 4);
        assert!(t.app.auth.verify_signature_and_claims(&seen.token("access_token"), Purpose::Access).is_ok());
        assert!(t.app.auth.verify_signature_and_claims(&seen.token("refresh_token"), Purpose::Refresh).is_ok());
    }

    fn the_pair_opens_routes(t) {
        let seen = t.login("alice", "s3cret").send();
        t.get("/me").bearer(seen.token("access_token")).send().is(200).says("Hello alice");
        t.get("/me").bearer(seen.token("refresh_token")).send().refused(401, "invalid_token");
    }

    fn a_form_is_read_too(t) {
        let seen = t.post("/login").body(FORM, "username=alice&password=s3cret").send();
        seen.is(200);
        t.post("/login").body(FORM, "grant_type=password&password=s%33cret&username=alic%65").send().is(200);
    }

    fn parameters_of_the_media_type_do_not_matter(t) {
        t.post("/login").body("Application/JSON; charset=utf-8", r#"{"username":"alice","password":"s3cret"}"#).send().is(200);
        t.post("/login").body("application/x-www-form-urlencoded;charset=UTF-8", "username=alice&password=s3cret").send().is(200);
    }

    fn a_wrong_password_is_401(t) {
        t.login("alice", "wrong").send().refused(401, "invalid_credentials").has("www-authenticate", "Bearer realm=\"fauth\"");
        t.login("alice", "S3CRET").send().refused(401, "invalid_credentials");
        t.login("alice", "s3cret ").send().refused(401, "invalid_credentials");
    }

    /// The response does not reveal whether a user exists.
    fn every_failure_gives_the_same_answer(t) {
        let long = "x".repeat(1025);
        let answers: Vec<_> = [
            ("alice", "wrong"), ("nobody", "s3cret"), ("carol", "pa55word"), ("carol", "wrong"), ("dora", "s3cret"),
            ("frank", "s3cret"), ("alice", ""), ("", "s3cret"), ("alice", &long), ("nobody", &long), ("alice", "s3cret\0"),
        ]
        .into_iter()
        .map(|(name, password)| t.login(name, password).send().response)
        .collect();
        for answer in &answers {
            assert_eq!(answer.status, 401);
            assert_eq!(*answer, answers[0]);
        }
    }

    /// W-09, P-09: compares the shortest of several runs, less the time of an attempt that is
    /// refused before any hash. On a busy machine, each case eventually gets an undisturbed run.
    fn every_failure_takes_the_time_of_a_wrong_password(t) {
        t = with_slow_hashes();
        t.login("alice", "s3cret").once().is(200);
        let long = "x".repeat(73);
        let cases = [
            ("alice", "wrong"), ("nobody", "s3cret"), ("carol", "s3cret"), ("dora", "s3cret"), ("frank", "s3cret"),
            ("alice", &long), ("nobody", &long), ("alice", ""),
        ];
        let mut shortest = [Duration::MAX; 8];
        for round in 1..=40 {
            for ((name, password), shortest) in cases.iter().zip(&mut shortest) {
                let time = timed(|| {
                    t.login(name, password).once().refused(401, "invalid_credentials");
                });
                *shortest = (*shortest).min(time);
            }
            let [wrong, .., without_hash] = shortest.map(|time| time.as_secs_f64());
            assert!(wrong > without_hash, "a hash would not be noticed: {shortest:?}");
            let hashing = |time: &Duration| (time.as_secs_f64() - without_hash) / (wrong - without_hash);
            let is_equal = shortest[..7].iter().map(hashing).all(|ratio| (0.5..2.0).contains(&ratio));
            if round >= 3 && is_equal {
                return;
            }
        }
        panic!("{cases:?} take {shortest:?}");
    }

    /// P-04: a login computes one hash, with a look-up before and after it; a request with its
    /// token needs neither.
    fn a_password_is_checked_once(t) {
        let hashes = Arc::new(AtomicUsize::new(0));
        let scheme = Counted(Arc::clone(&hashes));
        t = Probe::build(|builder| builder.password(weak_passwords().foreign_scheme(scheme)));
        t.users.change("alice", |user| user.password_hash = Some("counted$".to_owned()));
        let work = || (t.users.identity_loads(), hashes.load(Ordering::SeqCst));
        let seen = t.login("alice", "s3cret").once();
        seen.is(200);
        assert_eq!(work(), (2, 1));
        for path in ["/me", "/guards/user", "/guards/twice", "/admins/panel"] {
            let seen = t.get(path).bearer(seen.token("access_token")).once();
            assert_eq!(seen.is(200).user_loads, 1, "{path}");
        }
        assert_eq!(work(), (2, 1));
        t.login("alice", "").once().refused(401, "invalid_credentials");
        assert_eq!(work(), (2, 1), "what is no password is not looked at");
    }

    /// W-01, P-09
    fn a_password_over_the_limit_of_bcrypt_is_401(t) {
        t = Probe::build(|builder| builder.password(PasswordConfig::danger_weak_bcrypt(4)));
        for length in [71, 72, 73, 1024, 1025] {
            t.login("alice", &"x".repeat(length)).send().refused(401, "invalid_credentials");
            t.login("nobody", &"x".repeat(length)).send().refused(401, "invalid_credentials");
        }
        // The longest that bcrypt reads, as other systems hash it.
        let stored = Some(LONGEST_OF_BCRYPT.to_owned());
        t.users.change("alice", |user| user.password_hash = stored);
        t.login("alice", &"x".repeat(72)).send().is(200);
        t.login("alice", &"x".repeat(73)).send().refused(401, "invalid_credentials");
    }

    fn a_hash_with_a_pepper_logs_in(t) {
        t = Probe::build(|builder| builder.password(weak_passwords().pepper("2026", PEPPER)));
        let stored = |id: &str| Some(format!("$fauth-pepper$v=1,k={id}{PEPPERED}"));
        t.users.change("alice", |user| user.password_hash = stored("2026"));
        t.login("alice", "s3cret").send().is(200);
        t.login("alice", "s3cre7").send().refused(401, "invalid_credentials");
        t.users.change("alice", |user| user.password_hash = stored("2025"));
        t.login("alice", "s3cret").send().refused(401, "invalid_credentials");
    }

    fn a_hash_of_the_applications_own_scheme_logs_in(t) {
        t = Probe::build(|builder| builder.password(weak_passwords().foreign_scheme(Reversed)));
        t.users.change("alice", |user| user.password_hash = Some("reversed$terc3s".to_owned()));
        t.login("alice", "s3cret").send().is(200);
        t.login("alice", "s3cre7").send().refused(401, "invalid_credentials");
        t.users.change("alice", |user| user.password_hash = Some("reversed".to_owned()));
        t.login("alice", "s3cret").send().refused(401, "invalid_credentials");
    }

    fn a_stored_hash_that_cannot_be_used_is_a_wrong_password(t) {
        let nobody = t.login("nobody", "s3cret").send().response;
        for stored in ["", "!", "s3cret", "{noop}s3cret", "$6$salt$hash", "md5$salt$hash", "$2b$31$", "scrypt:0:0:0$$"] {
            t.users.change("alice", |user| user.password_hash = Some(stored.to_owned()));
            let seen = t.login("alice", "s3cret").send();
            seen.refused(401, "invalid_credentials");
            assert_eq!(seen.response, nobody, "{stored}");
        }
    }

    fn an_identifier_has_a_limit(t) {
        let before = t.users.identity_loads();
        t.login(&"x".repeat(255), "s3cret").send().refused(401, "invalid_credentials");
        let loads = t.users.identity_loads();
        assert!(loads > before, "255 bytes are looked up");
        t.login(&"x".repeat(256), "s3cret").send().refused(401, "invalid_credentials");
        assert_eq!(t.users.identity_loads(), loads, "256 bytes are not");
    }

    fn another_method_is_405(t) {
        for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "post"] {
            t.request(method, "/login").send().refused(405, "method_not_allowed").has("allow", "POST");
        }
        t.request("HEAD", "/login").send().is(405).says("").has("allow", "POST");
    }

    /// A password does not belong in a URL.
    fn the_query_is_not_read(t) {
        let sending = t.post("/login?username=alice&password=s3cret");
        sending.clone().send().refused(415, "unsupported_media_type");
        sending.body(FORM, "").send().refused(400, "invalid_request");
    }

    /// What a form of a foreign page can send is not accepted as JSON.
    fn another_media_type_is_415(t) {
        let body = r#"{"username":"alice","password":"s3cret"}"#;
        for media_type in ["text/plain", "multipart/form-data", "application/jsonp", "application/json, text/plain", "json", ""] {
            t.post("/login").body(media_type, body).send().refused(415, "unsupported_media_type");
        }
        let twice = t.post("/login").body(JSON, body).header("content-type", "text/plain");
        twice.send().refused(415, "unsupported_media_type");
    }

    fn a_body_that_is_no_login_is_400(t) {
        for body in [
            "", "{}", "null", "[]", r#"["alice","s3cret"]"#, r#"{"username":"alice"}"#, r#"{"username":"alice","password":1}"#,
            r#"{"username":null,"password":"s3cret"}"#, r#"{"username":"alice","password":"s3cret"} x"#, "{\"username\":\"alice\",",
            r#"{"username":"alice","password":"x","password":"s3cret"}"#, "username=alice&password=s3cret",
        ] {
            t.post("/login").body(JSON, body).send().refused(400, "invalid_request");
        }
        t.post("/login").body(JSON, b"{\"username\":\"alice\",\"password\":\"\xff\"}").send().refused(400, "invalid_request");
        t.post("/login").body(JSON, "[".repeat(10_000)).send().refused(400, "invalid_request");
    }

    fn a_form_that_is_no_login_is_400(t) {
        for body in [
            "", "username=alice", "password=s3cret", "username=alice&password=x&password=s3cret",
            "username=alice&username=bob&password=s3cret", "username=alice&password=%ff", r#"{"username":"alice","password":"s3cret"}"#,
        ] {
            t.post("/login").body(FORM, body).send().refused(400, "invalid_request");
        }
    }

    fn a_body_has_a_limit(t) {
        let padded = |size: usize| {
            let mut body = r#"{"username":"alice","password":"s3cret"}"#.to_owned();
            body.push_str(&" ".repeat(size - body.len()));
            body
        };
        t.post("/login").body(JSON, padded(16 * 1024)).send().is(200);
        t.post("/login").body(JSON, padded(16 * 1024 + 1)).send().refused(413, "payload_too_large");
        t.post("/login").body(JSON, padded(1024 * 1024)).send().refused(413, "payload_too_large");
    }

    fn a_credential_beside_it_does_not_matter(t) {
        t.login("alice", "s3cret").bearer("x").send().is(200);
        t.login("alice", "wrong").bearer(t.access("alice")).send().refused(401, "invalid_credentials");
    }

    fn a_method_override_is_not_read(t) {
        let sending = t.get("/login").header("x-http-method-override", "POST").body(JSON, r#"{"username":"alice","password":"s3cret"}"#);
        sending.send().refused(405, "method_not_allowed");
    }
}
