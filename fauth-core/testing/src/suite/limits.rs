//! Rate limits: how many requests pass, which are counted together, and the response to refused
//! ones.
//!
//! Each response shows a different state of its limit, so cases send each request once.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use fauth_core::{
    AuthProviderBuilder, WhenLimitStoreFails,
    api_key::ApiKeyRequest,
    async_trait,
    client::TrustedProxies,
    clock::Timestamp,
    store::{CounterKey, LimitStore, LimitWindow, MemoryLimits, StoreError, StoreLocation, Taken},
};

use super::{Harness, Probe, Seen, Sending, cases};
use crate::{FaultyStore, ManualClock, TestUser, config_builder};

const SECOND: Duration = Duration::from_secs(1);
const JSON: &str = "application/json";
const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 8);
const PROXY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// A store that is down.
#[derive(Debug, Clone, Copy)]
struct Down;

#[async_trait]
impl LimitStore for Down {
    fn location(&self) -> StoreLocation {
        StoreLocation::shared("a store that is down")
    }

    async fn take(&self, _: &CounterKey<'_>, _: &[LimitWindow], _: Duration) -> Result<Taken, StoreError> {
        Err(StoreError::new("connection refused"))
    }
}

type Builder = AuthProviderBuilder<TestUser>;

/// An application behind a proxy.
fn behind_a_proxy<H: Harness>() -> Probe<H> {
    let proxies = TrustedProxies::new(["10.0.0.0/8"]).unwrap();
    Probe::with(config_builder().trusted_proxies(proxies).build().unwrap(), |builder| builder)
}

fn from<H: Harness>(t: &Probe<H>, path: &str, peer: impl Into<IpAddr>) -> Seen {
    t.get(path).from_peer(peer).once()
}

/// Sends it until the limit is reached, after this many requests.
#[track_caller]
fn exhaust<H: Harness>(sending: &Sending<'_, H>, passing: usize) {
    for _ in 0..passing {
        let status = sending.clone().once().response.status;
        assert_ne!(status, 429);
    }
    sending.clone().once().refused(429, "too_many_requests");
}

fn wrong_login<H: Harness>(t: &Probe<H>, password: &str) -> Seen {
    let body = serde_json::json!({ "username": "alice", "password": password }).to_string();
    t.post("/limits/signin").from_peer(CLIENT).body(JSON, body).once()
}

/// Creates an API key of alice.
fn key_of<H: Harness>(t: &Probe<H>, name: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let making = t.app.auth.danger_create_api_key_for("alice", ApiKeyRequest::new(name));
    runtime.block_on(making).unwrap().expose().to_owned()
}

cases! { $ __limits_tests in limits;
    /// W-15: the response says when to retry.
    fn the_limit_lets_through_what_it_says_and_refuses_one_more(t) {
        from(&t, "/limits/open", CLIENT).is(200).says("open");
        from(&t, "/limits/open", CLIENT).is(200).says("open");
        from(&t, "/limits/open", CLIENT).refused(429, "too_many_requests").has("retry-after", "30");
    }

    fn without_a_limit_nothing_is_refused_or_said(t) {
        for _ in 0..20 {
            from(&t, "/open", CLIENT).is(200).lacks("ratelimit").lacks("ratelimit-policy");
        }
    }

    fn one_request_comes_back_at_a_time(t) {
        exhaust(&t.get("/limits/open").from_peer(CLIENT), 2);
        t.clock.advance(29 * SECOND);
        from(&t, "/limits/open", CLIENT).refused(429, "too_many_requests").has("retry-after", "1");
        t.clock.advance(SECOND);
        from(&t, "/limits/open", CLIENT).is(200);
        from(&t, "/limits/open", CLIENT).is(429).has("retry-after", "30");
    }

    fn after_the_whole_window_the_whole_quota_is_back_and_no_more(t) {
        exhaust(&t.get("/limits/open").from_peer(CLIENT), 2);
        t.clock.advance(60 * SECOND);
        exhaust(&t.get("/limits/open").from_peer(CLIENT), 2);
        t.clock.advance(3600 * SECOND);
        exhaust(&t.get("/limits/open").from_peer(CLIENT), 2);
    }

    fn whoever_goes_on_while_refused_does_not_wait_longer(t) {
        exhaust(&t.get("/limits/open").from_peer(CLIENT), 2);
        for _ in 0..10 {
            t.clock.advance(SECOND);
            from(&t, "/limits/open", CLIENT).is(429);
        }
        from(&t, "/limits/open", CLIENT).has("retry-after", "20");
        t.clock.advance(20 * SECOND);
        from(&t, "/limits/open", CLIENT).is(200);
    }

    fn every_answer_says_what_is_allowed_and_what_is_left(t) {
        let policy = "\"2/minute\";q=2;w=60";
        let seen = from(&t, "/limits/open", CLIENT);
        seen.is(200).has("ratelimit-policy", policy).has("ratelimit", "\"2/minute\";r=1;t=30").lacks("retry-after");
        t.clock.advance(10 * SECOND);
        let seen = from(&t, "/limits/open", CLIENT);
        seen.is(200).has("ratelimit-policy", policy).has("ratelimit", "\"2/minute\";r=0;t=20");
        let seen = from(&t, "/limits/open", CLIENT);
        seen.is(429).has("ratelimit-policy", policy).has("ratelimit", "\"2/minute\";r=0;t=20").has("retry-after", "20");
    }

    fn all_windows_of_a_limit_hold(t) {
        let policy = "\"2/10 seconds\";q=2;w=10, \"3/minute\";q=3;w=60";
        let seen = from(&t, "/limits/windows", CLIENT);
        seen.is(200).has("ratelimit-policy", policy).has("ratelimit", "\"2/10 seconds\";r=1;t=5, \"3/minute\";r=2;t=20");
        from(&t, "/limits/windows", CLIENT).is(200);
        let seen = from(&t, "/limits/windows", CLIENT);
        seen.is(429).has("retry-after", "5").has("ratelimit", "\"2/10 seconds\";r=0;t=5, \"3/minute\";r=1;t=20");
        t.clock.advance(10 * SECOND);
        from(&t, "/limits/windows", CLIENT).is(200);
        let seen = from(&t, "/limits/windows", CLIENT);
        seen.is(429).has("retry-after", "10").has("ratelimit", "\"2/10 seconds\";r=1;t=5, \"3/minute\";r=0;t=10");
    }

    fn a_request_that_one_window_refuses_takes_nothing_from_another(t) {
        from(&t, "/limits/windows", CLIENT).is(200);
        from(&t, "/limits/windows", CLIENT).is(200);
        for _ in 0..10 {
            from(&t, "/limits/windows", CLIENT).is(429).has("retry-after", "5");
        }
        t.clock.advance(5 * SECOND);
        from(&t, "/limits/windows", CLIENT).is(200);
    }

    fn clients_are_counted_apart(t) {
        exhaust(&t.get("/limits/open").from_peer(CLIENT), 2);
        exhaust(&t.get("/limits/open").from_peer(OTHER), 2);
        from(&t, "/limits/open", CLIENT).is(429);
    }

    /// P-10
    fn without_a_trusted_proxy_no_header_changes_who_is_counted(t) {
        for number in 0..3 {
            let address = format!("203.0.113.{number}");
            let sending = t.get("/limits/open").from_peer(CLIENT).header("x-forwarded-for", &address);
            let sending = sending.header("forwarded", format!("for={address}")).header("x-real-ip", &address);
            sending.once().is(if number < 2 { 200 } else { 429 });
        }
    }

    /// P-10
    fn behind_a_trusted_proxy_clients_are_counted_apart(t) {
        t = behind_a_proxy();
        let get = |client: &str| t.get("/limits/open").from_peer(PROXY).header("x-forwarded-for", client);
        exhaust(&get("203.0.113.7"), 2);
        exhaust(&get("203.0.113.8"), 2);
        // Headers of a request that does not come from the proxy are ignored.
        for number in 0..3 {
            let sending = t.get("/limits/open").from_peer(CLIENT);
            let sending = sending.header("x-forwarded-for", format!("203.0.113.1{number}"));
            sending.once().is(if number < 2 { 200 } else { 429 });
        }
    }

    /// P-10
    fn what_a_client_puts_before_its_own_address_does_not_count(t) {
        t = behind_a_proxy();
        for number in 0..3 {
            let line = format!("198.51.100.{number}, 203.0.113.7");
            let sending = t.get("/limits/open").from_peer(PROXY).header("x-forwarded-for", line);
            sending.once().is(if number < 2 { 200 } else { 429 });
        }
    }

    fn neighbours_in_64_bits_of_ipv6_are_one_client(t) {
        let address = |network: u16, host: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, host);
        from(&t, "/limits/open", address(1, 1)).is(200);
        from(&t, "/limits/open", address(1, 2)).is(200);
        from(&t, "/limits/open", address(1, 3)).is(429);
        from(&t, "/limits/open", address(2, 1)).is(200);
    }

    /// CVE-2026-30827: not one counter for all of IPv4.
    fn a_mapped_address_is_the_ipv4_address(t) {
        from(&t, "/limits/open", CLIENT).is(200);
        from(&t, "/limits/open", CLIENT.to_ipv6_mapped()).is(200);
        from(&t, "/limits/open", CLIENT).is(429);
        from(&t, "/limits/open", OTHER.to_ipv6_mapped()).is(200);
    }

    fn clients_without_a_known_address_are_one(t) {
        exhaust(&t.get("/limits/open"), 2);
        from(&t, "/limits/open", CLIENT).is(200);
    }

    fn users_are_counted_apart_and_wherever_they_are(t) {
        let get = |user: &str, peer| t.get("/limits/user").from_peer(peer).bearer(t.access(user));
        get("alice", CLIENT).once().is(200).says("Hello alice").has("ratelimit", "\"2/minute\";r=1;t=30");
        get("alice", OTHER).once().is(200);
        get("alice", CLIENT).once().refused(429, "too_many_requests").has("retry-after", "30");
        exhaust(&get("bob", CLIENT), 2);
    }

    fn whom_a_guard_refuses_is_no_user_to_count(t) {
        for _ in 0..5 {
            from(&t, "/limits/user", CLIENT).refused(401, "missing_credential").lacks("ratelimit");
            t.get("/limits/user").bearer("x").once().refused(401, "invalid_token");
        }
        exhaust(&t.get("/limits/user").from_peer(CLIENT).bearer(t.access("alice")), 2);
    }

    fn a_limit_inside_a_guard_knows_its_user(t) {
        let get = |user: &str| t.get("/limits/user-inside").from_peer(CLIENT).bearer(t.access(user));
        from(&t, "/limits/user-inside", CLIENT).refused(401, "missing_credential");
        exhaust(&get("alice"), 2);
        exhaust(&get("bob"), 2);
    }

    fn api_keys_are_counted_apart_also_of_one_user(t) {
        let store = FaultyStore::default();
        t = Probe::build(|builder| builder.api_key_store(store));
        exhaust(&t.get("/limits/key").bearer(key_of(&t, "one")), 1);
        exhaust(&t.get("/limits/key").bearer(key_of(&t, "two")), 1);
        // A login is counted by its user.
        exhaust(&t.get("/limits/key").bearer(t.access("alice")), 1);
        exhaust(&t.get("/limits/key").bearer(t.access("bob")), 1);
    }

    fn a_key_of_the_applications_own_is_counted(t) {
        let get = |tenant: &str| t.get("/limits/tenant").from_peer(CLIENT).header("x-tenant", tenant);
        exhaust(&get("a"), 1);
        exhaust(&get("b"), 1);
        // Without a user, the address is counted.
        exhaust(&t.get("/limits/tenant").from_peer(CLIENT), 1);
        exhaust(&t.get("/limits/tenant").from_peer(OTHER), 1);
    }

    fn of_two_limits_each_refuses(t) {
        let get = |tenant: &str| t.get("/limits/two").from_peer(CLIENT).header("x-tenant", tenant).once();
        let seen = get("a");
        // Headers with the same name are sorted here.
        assert_eq!(seen.is(200).response.header("ratelimit"), ["\"1/minute\";r=0;t=60", "\"2/minute\";r=1;t=30"]);
        get("a").refused(429, "too_many_requests").has("retry-after", "60");
        // The first limit has counted the request that the second one refused.
        get("b").refused(429, "too_many_requests").has("retry-after", "30");
    }

    fn head_counts(t) {
        t.request("HEAD", "/limits/open").from_peer(CLIENT).once().is(200);
        t.request("HEAD", "/limits/open").from_peer(CLIENT).once().is(200);
        t.request("HEAD", "/limits/open").from_peer(CLIENT).once().is(429).says("").has("retry-after", "30");
        from(&t, "/limits/open", CLIENT).is(429);
    }

    fn other_methods_count(t) {
        t.post("/limits/open").from_peer(CLIENT).once().is(200);
        t.request("OPTIONS", "/limits/open").from_peer(CLIENT).once();
        t.request("OPTIONS", "/limits/open").from_peer(CLIENT).once().refused(429, "too_many_requests");
        t.request("DELETE", "/limits/open").from_peer(CLIENT).once().refused(429, "too_many_requests");
    }

    /// C-09
    fn refused_credentials_count(t) {
        from(&t, "/limits/me", CLIENT).refused(401, "missing_credential").has("ratelimit", "\"2/minute\";r=1;t=30");
        t.get("/limits/me").from_peer(CLIENT).bearer("x").once().refused(401, "invalid_token");
        t.get("/limits/me").from_peer(CLIENT).bearer(t.access("alice")).once().refused(429, "too_many_requests");
    }

    /// C-09: before authentication, so that tokens cannot be guessed without limit.
    fn a_guard_counts_addresses_before_it_looks_at_credentials(t) {
        let get = |token: &str| t.get("/limits/address").from_peer(CLIENT).bearer(token).once();
        get("x").refused(401, "invalid_token").has("ratelimit", "\"2/minute\";r=1;t=30");
        get("y").refused(401, "invalid_token");
        get("z").refused(429, "too_many_requests").lacks("www-authenticate");
        let seen = get(&t.access("alice"));
        seen.refused(429, "too_many_requests");
        assert_eq!(seen.user_loads, 0, "nobody was asked who it is");
    }

    fn the_handler_is_not_run_for_the_refused(t) {
        let get = || t.get("/limits/me").from_peer(CLIENT).bearer(t.access("alice")).once();
        assert_eq!(get().is(200).user_loads, 1);
        assert_eq!(get().is(200).user_loads, 1);
        assert_eq!(get().is(429).user_loads, 0);
    }

    /// C-09: a limit on a group also covers unknown paths.
    fn unknown_paths_of_a_group_count(t) {
        let none = t.get("/limited/none").from_peer(CLIENT).bearer(t.access("alice"));
        none.clone().once().is(404);
        none.clone().once().is(404);
        none.once().refused(429, "too_many_requests");
        let anonymous = t.get("/limited/none").from_peer(OTHER);
        anonymous.clone().once().refused(401, "missing_credential");
        exhaust(&anonymous, 2);
    }

    fn a_group_is_limited_by_user_and_by_address(t) {
        let get = |user: &str| t.get("/limited/panel").from_peer(CLIENT).bearer(t.access(user)).once();
        let seen = get("alice");
        seen.is(200).says("Hello alice");
        assert_eq!(seen.response.header("ratelimit"), ["\"2/minute\";r=1;t=30", "\"3/minute\";r=2;t=20"]);
        get("alice").is(200);
        get("alice").refused(429, "too_many_requests").has("retry-after", "30");
        // The address has used three.
        get("bob").refused(429, "too_many_requests").has("retry-after", "20");
        let elsewhere = t.get("/limited/panel").from_peer(OTHER).bearer(t.access("bob"));
        exhaust(&elsewhere, 2);
    }

    /// C-09. A request that will be refused does not wait for the password pool.
    fn failed_logins_count_before_a_password_is_queued(t) {
        wrong_login(&t, "wrong").refused(401, "invalid_credentials").has("ratelimit", "\"2/minute\";r=1;t=30");
        wrong_login(&t, "wrong").refused(401, "invalid_credentials");
        let loads = t.users.identity_loads();
        wrong_login(&t, "s3cret").refused(429, "too_many_requests").has("retry-after", "30").lacks("set-cookie");
        assert_eq!(t.users.identity_loads(), loads, "nobody was looked up");
        t.clock.advance(30 * SECOND);
        wrong_login(&t, "s3cret").is(200);
    }

    fn the_body_of_the_refused_is_not_read(t) {
        let too_long = || {
            let sending = t.post("/limits/signin").from_peer(CLIENT);
            sending.body(JSON, "x".repeat(20_000)).once()
        };
        too_long().refused(413, "payload_too_large");
        too_long().refused(413, "payload_too_large");
        too_long().refused(429, "too_many_requests");
    }

    fn the_page_beside_a_limited_login_is_not_limited(t) {
        wrong_login(&t, "wrong").is(401);
        wrong_login(&t, "wrong").is(401);
        for _ in 0..5 {
            from(&t, "/limits/signin", CLIENT).is(200).says("page").lacks("ratelimit");
        }
        wrong_login(&t, "wrong").is(429);
    }

    fn the_login_without_a_limit_has_none(t) {
        for _ in 0..5 {
            t.login("alice", "wrong").from_peer(CLIENT).once().refused(401, "invalid_credentials").lacks("ratelimit");
        }
    }

    fn limits_of_one_name_share_their_counters(t) {
        let seen = from(&t, "/limits/shared", CLIENT);
        seen.is(200).has("ratelimit-policy", "\"shared 2/minute\";q=2;w=60");
        from(&t, "/limits/shared-too", CLIENT).is(200);
        from(&t, "/limits/shared", CLIENT).is(429);
        from(&t, "/limits/shared-too", CLIENT).is(429);
    }

    fn limits_without_a_name_count_apart(t) {
        exhaust(&t.get("/limits/open").from_peer(CLIENT), 2);
        exhaust(&t.get("/limits/me").from_peer(CLIENT), 2);
    }

    /// C-08, W-15: an invalid limit does not mean unlimited.
    fn what_is_no_limit_refuses_everything(t) {
        from(&t, "/limits/broken", CLIENT).refused(500, "misconfigured").lacks("ratelimit");
        from(&t, "/limits/open", CLIENT).is(200);
    }

    fn a_refusal_has_the_form_that_it_was_given(t) {
        from(&t, "/limits/fastware", CLIENT).is(200);
        let seen = from(&t, "/limits/fastware", CLIENT);
        seen.is(429).says("{\"detail\":\"Rate limit exceeded\"}").has("retry-after", "60");
        seen.has("content-type", "application/json").has("cache-control", "no-store");
    }

    fn a_refusal_by_a_guard_has_the_form_of_the_guard(t) {
        let get = || t.get("/limits/python").from_peer(CLIENT).bearer(t.access("alice")).once();
        get().is(200);
        get().is(429).says("{\"detail\":\"Rate limit exceeded\"}").has("ratelimit", "\"1/minute\";r=0;t=60");
    }

    fn a_store_that_fails_is_503(t) {
        t = Probe::build(|builder: Builder| builder.limit_store(Down));
        for _ in 0..3 {
            from(&t, "/limits/open", CLIENT).refused(503, "unavailable").has("retry-after", "5");
        }
        t.get("/limits/user").bearer(t.access("alice")).once().refused(503, "unavailable");
        // Nothing else depends on it.
        from(&t, "/open", CLIENT).is(200);
    }

    fn where_it_is_said_so_an_instance_counts_by_itself_meanwhile(t) {
        t = Probe::build(|builder: Builder| {
            builder.limit_store(Down).when_limit_store_fails(WhenLimitStoreFails::CountHere)
        });
        exhaust(&t.get("/limits/open").from_peer(CLIENT), 2);
        exhaust(&t.get("/limits/user").bearer(t.access("alice")), 2);
    }

    fn a_store_counts_as_the_built_in_counters_do(t) {
        t = Probe::build(|builder: Builder| builder.limit_store(MemoryLimits::with_counters(1024)));
        exhaust(&t.get("/limits/open").from_peer(CLIENT), 2);
        exhaust(&t.get("/limits/open").from_peer(OTHER), 2);
        exhaust(&t.get("/limits/user").from_peer(CLIENT).bearer(t.access("alice")), 2);
        from(&t, "/limits/windows", CLIENT).is(200);
        from(&t, "/limits/windows", CLIENT).is(200);
        from(&t, "/limits/windows", CLIENT).is(429).has("retry-after", "5");
    }

    fn a_clock_that_cannot_tell_the_time_is_503(t) {
        from(&t, "/limits/open", CLIENT).is(200);
        t.clock.break_down();
        from(&t, "/limits/open", CLIENT).refused(503, "unavailable");
    }

    fn a_clock_that_jumps_back_locks_nobody_out(t) {
        exhaust(&t.get("/limits/open").from_peer(CLIENT), 2);
        let earlier = ManualClock::START.unix_seconds() - 24 * 60 * 60;
        t.clock.set(Timestamp::from_unix_seconds(earlier));
        from(&t, "/limits/open", CLIENT).is(429).has("retry-after", "30");
        t.clock.advance(30 * SECOND);
        from(&t, "/limits/open", CLIENT).is(200);
    }
}
