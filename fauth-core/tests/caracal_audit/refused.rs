//! What does not start.

use fauth_core::ConfigError;
use servers::Folder;

use super::*;

const URL: &str = "redis://127.0.0.1:1/";

/// What is wrong, in words.
fn problem(builder: AuditStreamBuilder) -> String {
    let error: ConfigError = builder.start().expect_err("it must not start");
    error.to_string()
}

#[tokio::test]
async fn each_setting_that_cannot_work_is_named() {
    assert!(builder(URL).start().is_ok(), "the positive beside the negative");
    let without_key = AuditStream::builder(URL, "zone_prod");
    for (refused, named) in [
        (without_key, "signing_key"),
        (builder(URL).danger_unsigned(), "danger_unsigned"),
        (builder("http://127.0.0.1/"), "url"),
        (AuditStream::builder(URL, "").danger_unsigned(), "zone"),
        (builder(URL).stream(""), "stream"),
        (builder(URL).max_length(0), "max_length"),
        (builder(URL).command_timeout(ms(9)), "command_timeout"),
        (builder(URL).command_timeout(ms(60_001)), "command_timeout"),
        (builder(URL).spill_limits(0, 1), "spill_limits"),
        (builder(URL).spill_limits(1, 0), "spill_limits"),
    ] {
        let problem = problem(refused);
        assert!(problem.contains(named), "{named}: {problem}");
    }
    assert!(StreamKey::new([7; 31]).is_err());
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_named() {
    let folder = Folder::new("audit");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let problem = problem(builder(URL).spill_to(&file));
    assert!(problem.contains("spill_to") && problem.contains("file"), "{problem}");
}

#[test]
fn outside_a_runtime_nothing_starts() {
    assert!(problem(builder(URL)).contains("Tokio"));
}

#[tokio::test]
async fn nothing_shows_the_key_or_the_password_of_the_server() {
    let builder = AuditStream::builder("redis://:hunter2@127.0.0.1:1/", "zone_prod")
        .signing_key(StreamKey::new(KEY).unwrap());
    let shown = format!("{builder:?}");
    let audit = builder.start().unwrap();
    let shown = format!("{shown} {audit:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("kkk") && !shown.contains("107"), "{shown}");
}
