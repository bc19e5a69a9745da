//! Cookies that Caspian has signed are read, and nothing else is.
#![cfg(feature = "starlette-cookies")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

use std::{env, fs, path::PathBuf, time::Duration};

use fauth_core::{
    clock::Timestamp,
    starlette::{StarletteCookieError, StarletteCookies},
};
use fauth_testing::WireRequest;
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(86_400);
/// A minute after the cookie of the file was signed.
const NOW: Timestamp = Timestamp::from_unix_seconds(SIGNED + 60);
const SIGNED: i64 = 1_795_294_288;

fn golden() -> Value {
    let folder = PathBuf::from(env::var_os("FAUTH_GOLDEN").expect("set FAUTH_GOLDEN to the golden data"));
    serde_json::from_slice(&fs::read(folder.join("caspian_cookies.json")).unwrap()).unwrap()
}

fn reader(file: &Value) -> StarletteCookies {
    StarletteCookies::danger_new(file["secret"].as_str().unwrap(), DAY).unwrap()
}

fn cookie(file: &Value) -> &str {
    file["cookies"][0]["session"].as_str().unwrap()
}

#[test]
fn a_cookie_of_caspian_says_what_went_in() {
    let file = golden();
    let session = reader(&file).read(cookie(&file).as_bytes(), NOW).unwrap();
    assert_eq!(session, file["cookies"][0]["payload"]);
    let payload = StarletteCookies::caspian_payload(&session, NOW).unwrap();
    assert_eq!((&payload["id"], &payload["role"]), (&json!("u1"), &json!("admin")));
    let head = WireRequest::new("GET", "/").header("cookie", format!("a=1; session={}; b=2", cookie(&file)));
    assert_eq!(reader(&file).find(&head, "session", NOW), Ok(Some(session)));
    assert_eq!(reader(&file).find(&head, "auth_token", NOW), Ok(None));
    let twice = head.header("cookie", "session=x");
    assert_eq!(reader(&file).find(&twice, "session", NOW), Err(StarletteCookieError::Malformed));
}

#[test]
fn no_other_byte_is_accepted() {
    let file = golden();
    let (reader, good) = (reader(&file), cookie(&file).as_bytes());
    assert!(reader.read(good, NOW).is_ok());
    for place in 0..good.len() {
        for other in [b'A', b'B', b'.', b'=', 0xff] {
            let mut bad = good.to_vec();
            if std::mem::replace(&mut bad[place], other) != other {
                assert!(reader.read(&bad, NOW).is_err(), "{place} {other}");
            }
        }
    }
    for bad in [&b""[..], b".", b"..", b"a.b", b"a.b.c", &good[1..], &good[..good.len() - 1], &[b'x'; 5000]] {
        assert!(reader.read(bad, NOW).is_err());
    }
    let other = StarletteCookies::danger_new("another secret", DAY).unwrap();
    assert_eq!(other.read(good, NOW), Err(StarletteCookieError::BadSignature));
}

#[test]
fn a_cookie_has_its_time() {
    let file = golden();
    let (reader, good) = (reader(&file), cookie(&file).as_bytes());
    let at = |seconds| reader.read(good, Timestamp::from_unix_seconds(SIGNED + seconds)).map(drop);
    for fine in [0, -30, 86_400] {
        assert_eq!(at(fine), Ok(()), "{fine}");
    }
    for bad in [-31, 86_401] {
        assert_eq!(at(bad), Err(StarletteCookieError::Untimely), "{bad}");
    }
}

/// C-13: a payload that never ends is none.
#[test]
fn a_payload_without_an_end_is_none() {
    let now = Timestamp::from_unix_seconds(1000);
    let of = |session: Value| {
        let session = json!({ "payload_session_key_2183A": session });
        StarletteCookies::caspian_payload(&session, now).is_some()
    };
    assert!(of(json!({ "payload_name_8639D": { "id": 1 }, "exp": 1001 })));
    for bad in [
        json!({ "payload_name_8639D": { "id": 1 } }),
        json!({ "payload_name_8639D": { "id": 1 }, "exp": null }),
        json!({ "payload_name_8639D": { "id": 1 }, "exp": "1001" }),
        json!({ "payload_name_8639D": { "id": 1 }, "exp": 1000 }),
        json!({ "payload_name_8639D": null, "exp": 1001 }),
        json!({ "exp": 1001 }),
        json!([]),
    ] {
        assert!(!of(bad.clone()), "{bad}");
    }
    assert!(StarletteCookies::caspian_payload(&json!({}), now).is_none());
}

#[test]
fn a_reader_needs_a_secret_and_an_age() {
    assert_eq!(StarletteCookies::danger_new("", DAY).unwrap_err().field(), "secret");
    for age in [Duration::ZERO, 401 * DAY] {
        assert_eq!(StarletteCookies::danger_new("x", age).unwrap_err().field(), "max_age");
    }
    let shown = format!("{:?}", StarletteCookies::danger_new("x", DAY).unwrap());
    assert_eq!(shown, "StarletteCookies { max_age: 86400s, .. }");
}
