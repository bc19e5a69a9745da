//! Schemes of the application's own.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use fauth_core::{
    BoxError,
    password::{PasswordConfig, PasswordError, PasswordScheme},
};

use crate::support::{Log, MATCH, MATCH_NEEDS_REHASH, MISMATCH, field, hasher, weak};

/// `reversed$drowssap`, or nothing that it could verify.
#[derive(Clone, Default)]
struct Reversed(Arc<AtomicUsize>);

impl PasswordScheme for Reversed {
    fn name(&self) -> &'static str {
        "reversed"
    }

    fn recognizes(&self, stored: &str) -> bool {
        stored.starts_with("reversed$") || stored.starts_with("$2y$")
    }

    fn verify(&self, password: &[u8], stored: &str) -> Result<bool, BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let reversed = stored.strip_prefix("reversed$").ok_or("not mine\nafter all")?;
        assert!(reversed != "panic", "on purpose");
        Ok(reversed.bytes().rev().eq(password.iter().copied()))
    }
}

fn config() -> PasswordConfig {
    weak().foreign_scheme(Reversed::default())
}

#[tokio::test]
async fn the_applications_own_scheme_verifies_and_its_hashes_are_replaced() {
    let (with, without) = (hasher(config()), hasher(weak()));
    let stored = "reversed$terc3s";
    assert_eq!(with.verify("s3cret", Some(stored)).await, MATCH_NEEDS_REHASH);
    assert_eq!(with.verify("s3cre7", Some(stored)).await, MISMATCH);
    assert_eq!(without.verify("s3cret", Some(stored)).await, MISMATCH);
    assert!(with.needs_rehash(stored));
    // New hashes are not of it, and those of fauth are read as ever.
    let new = with.hash("s3cret").await.unwrap();
    assert!(new.starts_with("$argon2id$"));
    assert_eq!(with.verify("s3cret", Some(&new)).await, MATCH);
}

#[tokio::test]
async fn it_is_asked_first_and_about_nothing_else() {
    let own = Reversed::default();
    let hasher = hasher(weak().foreign_scheme(own.clone()));
    let calls = || own.0.swap(0, Ordering::Relaxed);
    for stored in
        [None, Some("$2b$04$Qm3Zt7KfYb1uWc9xLd5eR.fjE5tEEGbgo/9BR2/.Eqk1Ktll9hLY2"), Some("garbage")]
    {
        let _ = hasher.verify("password", stored).await;
        assert_eq!(calls(), 0, "{stored:?}");
    }
    let taken = "$2y$04$Qm3Zt7KfYb1uWc9xLd5eR.fjE5tEEGbgo/9BR2/.Eqk1Ktll9hLY2";
    assert_eq!(hasher.verify("password", Some(taken)).await, MISMATCH);
    assert_eq!(calls(), 1);
    // What the first check refuses, and what is longer than any hash.
    for (password, stored) in
        [("", "reversed$".to_owned()), ("\0", "reversed$\0".to_owned()), ("x", "reversed$".repeat(57))]
    {
        assert_eq!(hasher.verify(password, Some(&stored)).await, MISMATCH);
        assert_eq!(calls(), 0);
    }
}

#[tokio::test]
async fn an_error_is_a_mismatch_that_is_named_once() {
    let log = Log::default();
    let _guard = log.listen();
    let hasher = hasher(config());
    let stored = "$2y$04$Qm3Zt7KfYb1uWc9xLd5eR.fjE5tEEGbgo/9BR2/.Eqk1Ktll9hLY2";
    for _ in 0..3 {
        assert_eq!(hasher.verify("password", Some(stored)).await, MISMATCH);
    }
    let expected = "WARN message=a stored password hash cannot be used scheme=\"reversed\" \
                    problem=\"the scheme of the application cannot use it\" detail=not mine\\u{a}after all";
    assert_eq!(log.unusable(), [expected]);
}

#[tokio::test]
async fn a_panic_is_a_failure_of_this_one_verification() {
    let hasher = hasher(config().concurrency(1).queue_limit(0));
    assert_eq!(hasher.verify("s3cret", Some("reversed$panic")).await, Err(PasswordError::Failed));
    assert_eq!(hasher.verify("s3cret", Some("reversed$terc3s")).await, MATCH_NEEDS_REHASH);
}

#[test]
fn a_sample_must_be_of_a_scheme_whose_work_is_known() {
    let bcrypt = "$2b$04$Qm3Zt7KfYb1uWc9xLd5eR.fjE5tEEGbgo/9BR2/.Eqk1Ktll9hLY2";
    assert_eq!(field(config().equalise_with(bcrypt)), None);
    for sample in [
        "reversed$terc3s",
        "",
        "!",
        "garbage",
        "$2b$31$Qm3Zt7KfYb1uWc9xLd5eR.fjE5tEEGbgo/9BR2/.Eqk1Ktll9hLY2",
    ] {
        assert_eq!(field(config().equalise_with(sample)), Some("equalise_with"), "{sample}");
    }
}

#[tokio::test]
async fn the_log_names_so_many_and_falls_silent() {
    let log = Log::default();
    let _guard = log.listen();
    let hasher = hasher(weak());
    for number in 0..4200 {
        assert_eq!(hasher.verify("s3cret", Some(&format!("garbage {number}"))).await, MISMATCH);
    }
    let lines = log.unusable();
    assert_eq!(lines.len(), 4097);
    assert!(lines[4096].contains("no more of them are logged") && lines[4096].contains("named=4096"));
}
