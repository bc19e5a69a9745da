//! The login throttle: counted failures, spared addresses, and ways in.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use fauth_core::{OneTimePurpose, client::TrustedProxies, one_time::OneTimeRequest, throttle::LoginThrottle};

use super::{Harness, Probe, Seen, Sending, cases};
use crate::{WireResponse, config_builder, memory_store};

const JSON: &str = "application/json";
const HOME: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// An application with the default throttle.
fn throttled<H: Harness>() -> Probe<H> {
    with(LoginThrottle::new())
}

fn with<H: Harness>(throttle: LoginThrottle) -> Probe<H> {
    Probe::build(|builder| builder.store(memory_store()).login_throttle(throttle))
}

/// An unused address.
fn stranger(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, number)
}

fn log_in<H: Harness>(t: &Probe<H>, name: &str, password: &str, from: impl Into<IpAddr>) -> Seen {
    t.login(name, password).from_peer(from).once()
}

fn fail<H: Harness>(t: &Probe<H>, name: &str, from: impl Into<IpAddr>) -> Seen {
    log_in(t, name, "wrong", from)
}

/// Fails this often from one address; each attempt is checked.
#[track_caller]
fn use_up<H: Harness>(t: &Probe<H>, name: &str, from: Ipv4Addr, failures: u32) {
    for _ in 0..failures {
        fail(t, name, from).refused(401, "invalid_credentials");
    }
}

/// Fails once from each of this many addresses, and waits as told.
#[track_caller]
fn fail_from_everywhere<H: Harness>(t: &Probe<H>, name: &str, failures: u8) {
    for number in 0..failures {
        let mut seen = fail(t, name, stranger(number));
        if seen.response.status == 429 {
            pass(t, retry_after(&seen));
            seen = fail(t, name, stranger(number));
        }
        seen.refused(401, "invalid_credentials");
    }
}

fn pass<H: Harness>(t: &Probe<H>, seconds: u64) {
    t.clock.advance(Duration::from_secs(seconds));
}

fn retry_after(seen: &Seen) -> u64 {
    seen.response.header("retry-after").concat().parse().unwrap()
}

#[track_caller]
fn is_limited(seen: &Seen, seconds: u64) {
    seen.refused(429, "too_many_requests").has("retry-after", &seconds.to_string());
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn unlock_token<H: Harness>(t: &Probe<H>, name: &str) -> String {
    let user = t.users.find(name);
    let request = OneTimeRequest::for_user(&user);
    let token = block_on(t.app.auth.issue_one_time(OneTimePurpose::LoginUnlock, request)).unwrap();
    token.expose().to_owned()
}

fn log_in_unlocked<H: Harness>(t: &Probe<H>, name: &str, password: &str, token: &str) -> Seen {
    let body = serde_json::json!({ "username": name, "password": password, "unlock_token": token });
    t.post("/login").body(JSON, body.to_string()).from_peer(ELSEWHERE).once()
}

fn refresh<'a, H: Harness>(t: &'a Probe<H>, token: &str, from: Ipv4Addr) -> Sending<'a, H> {
    let body = serde_json::json!({ "refresh_token": token });
    t.post("/refresh").body(JSON, body.to_string()).from_peer(from)
}

/// What an attacker sees of an account, whether it exists or not.
fn seen_of<H: Harness>(name: &str) -> Vec<WireResponse> {
    let t = with::<H>(LoginThrottle::new().unlock_after(12));
    let mut seen = Vec::new();
    for _ in 0..7 {
        seen.push(fail(&t, name, HOME).response);
    }
    for number in 0..12 {
        seen.push(fail(&t, name, stranger(number)).response);
        pass(&t, 5 * u64::from(number));
    }
    pass(&t, 4000);
    seen.push(fail(&t, name, ELSEWHERE).response);
    seen
}

cases! { $ __throttle_tests in throttle;
    fn five_failures_are_checked_and_the_sixth_is_not(t) {
        t = throttled();
        use_up(&t, "alice", HOME, 5);
        let loads = t.users.identity_loads();
        is_limited(&fail(&t, "alice", HOME), 12);
        assert_eq!(t.users.identity_loads(), loads, "nobody was looked up");
    }

    fn the_right_password_is_refused_too_and_with_the_same_answer(t) {
        t = throttled();
        use_up(&t, "alice", HOME, 5);
        let wrong = fail(&t, "alice", HOME);
        let right = log_in(&t, "alice", "s3cret", HOME);
        is_limited(&right, 12);
        assert_eq!(right.response, wrong.response);
    }

    fn after_the_delay_one_more_is_checked(t) {
        t = throttled();
        use_up(&t, "alice", HOME, 5);
        pass(&t, 11);
        is_limited(&fail(&t, "alice", HOME), 1);
        pass(&t, 1);
        fail(&t, "alice", HOME).refused(401, "invalid_credentials");
        is_limited(&fail(&t, "alice", HOME), 12);
        pass(&t, 12);
        log_in(&t, "alice", "s3cret", HOME).is(200);
    }

    /// Waiting as told is enough: refused attempts do not count.
    fn who_asks_all_the_time_waits_no_longer(t) {
        t = throttled();
        use_up(&t, "alice", HOME, 5);
        for _ in 0..12 {
            fail(&t, "alice", HOME).refused(429, "too_many_requests");
            pass(&t, 1);
        }
        fail(&t, "alice", HOME).refused(401, "invalid_credentials");
    }

    fn a_success_forgets_the_failures_of_its_address(t) {
        t = throttled();
        use_up(&t, "alice", HOME, 4);
        log_in(&t, "alice", "s3cret", HOME).is(200);
        use_up(&t, "alice", HOME, 5);
        is_limited(&fail(&t, "alice", HOME), 12);
    }

    fn delays_of_an_account_double(t) {
        t = throttled();
        fail_from_everywhere(&t, "alice", 5);
        for (number, delay) in (100..).zip([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]) {
            is_limited(&log_in(&t, "alice", "s3cret", stranger(number)), delay);
            pass(&t, delay);
            fail(&t, "alice", stranger(number)).refused(401, "invalid_credentials");
        }
    }

    /// ASVS 6.1.1, P-11: a stranger's failures do not lock out a known address.
    fn a_familiar_address_is_spared(t) {
        t = throttled();
        log_in(&t, "alice", "s3cret", HOME).is(200);
        fail_from_everywhere(&t, "alice", 15);
        is_limited(&log_in(&t, "alice", "s3cret", ELSEWHERE), 900);
        log_in(&t, "alice", "wrong", HOME).refused(401, "invalid_credentials");
        log_in(&t, "alice", "s3cret", HOME).is(200);
        is_limited(&log_in(&t, "alice", "s3cret", ELSEWHERE), 900);
    }

    /// P-11, for an owner at a new address: one way in is to wait as told, 15 minutes at most, the
    /// other is a mail.
    fn fifteen_failures_of_a_stranger_leave_the_owner_two_ways_in(t) {
        for by_mail in [true, false] {
            t = throttled();
            fail_from_everywhere(&t, "alice", 15);
            let refused = log_in(&t, "alice", "s3cret", ELSEWHERE);
            refused.refused(429, "too_many_requests");
            assert!(retry_after(&refused) <= 900);
            if by_mail {
                log_in_unlocked(&t, "alice", "s3cret", &unlock_token(&t, "alice")).is(200);
            } else {
                pass(&t, retry_after(&refused));
                log_in(&t, "alice", "s3cret", ELSEWHERE).is(200);
            }
        }
    }

    /// P-11: of a stranger at one address, only five failures count.
    fn failures_from_one_address_hold_up_another_for_a_second(t) {
        t = throttled();
        use_up(&t, "alice", HOME, 5);
        for _ in 0..10 {
            fail(&t, "alice", HOME).refused(429, "too_many_requests");
        }
        pass(&t, 1);
        log_in(&t, "alice", "s3cret", ELSEWHERE).is(200);
    }

    /// P-10: a client can write headers, so it is counted by its socket.
    fn without_a_trusted_proxy_no_header_changes_whose_failures_are_counted(t) {
        t = throttled();
        for number in 0..6 {
            let address = format!("203.0.113.{number}");
            let sending = t.login("alice", "wrong").from_peer(HOME).header("x-forwarded-for", &address);
            let sending = sending.header("forwarded", format!("for={address}")).header("x-real-ip", &address);
            let seen = sending.once();
            if number < 5 {
                seen.refused(401, "invalid_credentials");
            } else {
                is_limited(&seen, 12);
            }
        }
    }

    /// P-10: a trusted proxy is believed.
    fn behind_a_trusted_proxy_failures_are_counted_apart(t) {
        let proxies = TrustedProxies::new(["10.0.0.0/8"]).unwrap();
        let config = config_builder().trusted_proxies(proxies).build().unwrap();
        t = Probe::with(config, |builder| builder.store(memory_store()).login_throttle(LoginThrottle::new()));
        let from = |client: &str, password: &str| {
            let sending = t.login("alice", password).from_peer(Ipv4Addr::new(10, 0, 0, 1));
            sending.header("x-forwarded-for", client).once()
        };
        for _ in 0..5 {
            from("203.0.113.7", "wrong").refused(401, "invalid_credentials");
        }
        is_limited(&from("203.0.113.7", "s3cret"), 12);
        pass(&t, 1);
        from("203.0.113.8", "s3cret").is(200);
    }

    fn a_familiar_address_is_counted_by_itself(t) {
        t = throttled();
        log_in(&t, "alice", "s3cret", HOME).is(200);
        use_up(&t, "alice", HOME, 5);
        is_limited(&log_in(&t, "alice", "s3cret", HOME), 12);
        log_in(&t, "alice", "s3cret", ELSEWHERE).is(200);
    }

    fn an_address_is_familiar_to_one_account(t) {
        t = throttled();
        log_in(&t, "alice", "s3cret", HOME).is(200);
        fail_from_everywhere(&t, "bob", 15);
        is_limited(&log_in(&t, "bob", "hunter2", HOME), 900);
        log_in(&t, "alice", "s3cret", HOME).is(200);
    }

    fn an_address_is_familiar_for_thirty_days(t) {
        t = with(LoginThrottle::new().delays_after(1).unlock_after(1));
        log_in(&t, "alice", "s3cret", HOME).is(200);
        pass(&t, 30 * 86_400 - 1);
        fail(&t, "alice", ELSEWHERE).refused(401, "invalid_credentials");
        log_in(&t, "alice", "s3cret", HOME).is(200);
        pass(&t, 30 * 86_400);
        fail(&t, "alice", ELSEWHERE).refused(401, "invalid_credentials");
        is_limited(&log_in(&t, "alice", "s3cret", HOME), 900);
    }

    /// Whether the account exists, and whether it is active, does not change a byte.
    fn known_and_unknown_accounts_are_alike(_probe) {
        let known = seen_of::<H>("alice");
        let limited = known.iter().filter(|response| response.status == 429).count();
        assert!((3..19).contains(&limited), "{limited} of 20");
        for name in ["nobody", "carol", "dora", "frank"] {
            assert_eq!(seen_of::<H>(name), known, "{name}");
        }
    }

    fn an_address_may_fail_twenty_times(t) {
        t = throttled();
        for number in 0..20 {
            fail(&t, &format!("name {number}"), HOME).refused(401, "invalid_credentials");
        }
        is_limited(&log_in(&t, "alice", "s3cret", HOME), 3);
        fail(&t, "bob", ELSEWHERE).refused(401, "invalid_credentials");
        pass(&t, 3);
        log_in(&t, "alice", "s3cret", HOME).is(200);
    }

    /// One client behind the shared address of an office does not lock out the others.
    fn neighbours_who_have_logged_in_before_are_spared(t) {
        t = throttled();
        log_in(&t, "alice", "s3cret", HOME).is(200);
        for number in 0..20 {
            fail(&t, &format!("name {number}"), HOME).refused(401, "invalid_credentials");
        }
        is_limited(&log_in(&t, "bob", "hunter2", HOME), 3);
        log_in(&t, "alice", "s3cret", HOME).is(200);
    }

    fn successes_are_not_counted(t) {
        t = throttled();
        for _ in 0..25 {
            log_in(&t, "alice", "s3cret", HOME).is(200);
            log_in(&t, "bob", "hunter2", HOME).is(200);
        }
    }

    /// A successful login does not reset the counters of others.
    fn a_success_with_one_account_helps_with_no_other(t) {
        t = throttled();
        use_up(&t, "alice", HOME, 5);
        log_in(&t, "bob", "hunter2", HOME).is(200);
        is_limited(&fail(&t, "alice", HOME), 12);
        for number in 0..15 {
            fail(&t, &format!("name {number}"), HOME).refused(401, "invalid_credentials");
        }
        log_in(&t, "bob", "hunter2", HOME).is(200);
        is_limited(&fail(&t, "carol", HOME), 3);
    }

    fn neighbours_in_ipv6_are_one_address(t) {
        t = throttled();
        let of = |network, host| Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, host);
        for number in 0..20 {
            fail(&t, &format!("name {number}"), of(0, number)).refused(401, "invalid_credentials");
        }
        is_limited(&fail(&t, "alice", of(0, 999)), 3);
        fail(&t, "alice", of(1, 999)).refused(401, "invalid_credentials");
    }

    fn a_mapped_address_is_the_ipv4_address(t) {
        t = throttled();
        use_up(&t, "alice", HOME, 5);
        is_limited(&fail(&t, "alice", HOME.to_ipv6_mapped()), 12);
        is_limited(&fail(&t, "alice", ELSEWHERE.to_ipv6_mapped()), 1);
    }

    fn clients_without_an_address_are_one(t) {
        t = throttled();
        for number in 0..20 {
            t.login(&format!("name {number}"), "wrong").once().refused(401, "invalid_credentials");
        }
        is_limited(&t.login("alice", "s3cret").once(), 3);
        log_in(&t, "alice", "s3cret", HOME).is(200);
    }

    fn an_account_is_one_however_it_is_written(t) {
        t = throttled();
        for (number, name) in (0..).zip(["alice", "Alice", "ALICE", " alice", "alice\t"]) {
            fail(&t, name, stranger(number)).refused(401, "invalid_credentials");
        }
        is_limited(&fail(&t, "alice", ELSEWHERE), 1);
    }

    fn what_cannot_be_a_password_is_not_counted(t) {
        t = throttled();
        for _ in 0..10 {
            log_in(&t, "alice", "", HOME).refused(401, "invalid_credentials");
        }
        use_up(&t, "alice", HOME, 5);
    }

    fn a_hundred_failures_need_a_mailed_token(t) {
        t = throttled();
        let mut failures = 0;
        while failures < 100 {
            let number = u8::try_from(failures % 200).unwrap();
            let seen = fail(&t, "alice", stranger(number));
            if seen.response.status == 401 {
                failures += 1;
            } else {
                assert!(retry_after(&seen) <= 900);
                pass(&t, retry_after(&seen));
            }
        }
        for _ in 0..3 {
            is_limited(&log_in(&t, "alice", "s3cret", ELSEWHERE), 900);
            pass(&t, 86_400);
        }
        log_in_unlocked(&t, "alice", "s3cret", &unlock_token(&t, "alice")).is(200);
        log_in(&t, "alice", "s3cret", ELSEWHERE).is(200);
        is_limited(&log_in(&t, "alice", "s3cret", HOME), 900);
    }

    /// P-11
    fn a_mailed_token_lets_one_attempt_through(t) {
        t = throttled();
        use_up(&t, "alice", ELSEWHERE, 5);
        let token = unlock_token(&t, "alice");
        log_in_unlocked(&t, "alice", "wrong", &token).refused(401, "invalid_credentials");
        log_in_unlocked(&t, "alice", "s3cret", &token).refused(401, "invalid_token");
        is_limited(&log_in(&t, "alice", "s3cret", ELSEWHERE), 12);
        log_in_unlocked(&t, "alice", "s3cret", &unlock_token(&t, "alice")).is(200);
    }

    /// Another user's password logs nobody in, and only the attempt is counted.
    fn a_token_of_ones_own_helps_with_no_other_account(t) {
        t = throttled();
        fail_from_everywhere(&t, "alice", 5);
        let of_bob = unlock_token(&t, "bob");
        for _ in 0..10 {
            is_limited(&log_in_unlocked(&t, "alice", "wrong", &of_bob), 1);
        }
        assert_eq!(block_on(t.app.auth.throttle_state("alice")).unwrap().failures, 5);
    }

    fn a_token_is_used_up_by_a_password_that_is_checked_only(t) {
        t = throttled();
        use_up(&t, "alice", ELSEWHERE, 5);
        let token = unlock_token(&t, "alice");
        log_in_unlocked(&t, "alice", "", &token).refused(401, "invalid_credentials");
        log_in_unlocked(&t, "nobody", "s3cret", &token).refused(401, "invalid_credentials");
        log_in_unlocked(&t, "alice", "s3cret", &token).is(200);
    }

    fn an_empty_token_is_none(t) {
        t = throttled();
        log_in_unlocked(&t, "alice", "s3cret", "").is(200);
        use_up(&t, "bob", ELSEWHERE, 5);
        is_limited(&log_in_unlocked(&t, "bob", "hunter2", ""), 12);
    }

    fn a_mailed_token_is_good_for_its_user_only(t) {
        t = throttled();
        use_up(&t, "alice", ELSEWHERE, 5);
        let of_bob = unlock_token(&t, "bob");
        // The token is ignored, and not used up.
        is_limited(&log_in_unlocked(&t, "alice", "s3cret", &of_bob), 12);
        is_limited(&log_in(&t, "alice", "s3cret", ELSEWHERE), 12);
        use_up(&t, "bob", ELSEWHERE, 5);
        log_in_unlocked(&t, "bob", "hunter2", &of_bob).is(200);
        for purpose in [OneTimePurpose::MagicLink, OneTimePurpose::PasswordReset] {
            let user = t.users.find("alice");
            let token = block_on(t.app.auth.issue_one_time(purpose, OneTimeRequest::for_user(&user))).unwrap();
            log_in_unlocked(&t, "alice", "s3cret", token.expose()).refused(401, "invalid_token");
        }
    }

    fn a_reset_lets_everybody_try_again(t) {
        t = throttled();
        log_in(&t, "alice", "s3cret", HOME).is(200);
        use_up(&t, "alice", HOME, 5);
        fail_from_everywhere(&t, "alice", 10);
        fail(&t, "alice", ELSEWHERE).refused(429, "too_many_requests");
        block_on(t.app.auth.reset_throttle("Alice")).unwrap();
        fail(&t, "alice", ELSEWHERE).refused(401, "invalid_credentials");
        let state = block_on(t.app.auth.throttle_state("alice")).unwrap();
        assert_eq!((state.failures, state.retry_after, state.needs_unlock), (1, Duration::ZERO, false));
    }

    fn wrong_refresh_tokens_are_counted(t) {
        t = throttled();
        let good = t.refresh_token("alice");
        let mut bent = good.clone();
        let last = if bent.ends_with('A') { "Q" } else { "A" };
        bent.replace_range(bent.len() - 1.., last);
        for _ in 0..20 {
            refresh(&t, &bent, HOME).once().refused(401, "invalid_token");
        }
        is_limited(&refresh(&t, &bent, HOME).once(), 3);
        refresh(&t, &bent, ELSEWHERE).once().refused(401, "invalid_token");
        // It does not lock out users with a valid one.
        refresh(&t, &good, HOME).once().is(200);
        log_in(&t, "alice", "s3cret", HOME).is(200);
        pass(&t, 3);
        refresh(&t, &bent, HOME).once().refused(401, "invalid_token");
    }

    /// Every browser has an expired one in the morning, and many may share an address.
    fn tokens_that_were_issued_and_have_expired_are_not_counted(t) {
        t = throttled();
        let token = t.refresh_token("alice");
        pass(&t, 31 * 86_400);
        for _ in 0..30 {
            refresh(&t, &token, HOME).once().refused(401, "invalid_token");
        }
    }

    fn wrong_api_keys_are_counted(t) {
        t = throttled();
        let request = fauth_core::api_key::ApiKeyRequest::new("deploy");
        let good = block_on(t.app.auth.danger_create_api_key_for("alice", request)).unwrap();
        let get = |key: &str| t.get("/guards/keys").bearer(key).from_peer(HOME).once();
        let removed = {
            let request = fauth_core::api_key::ApiKeyRequest::new("gone");
            let key = block_on(t.app.auth.danger_create_api_key_for("alice", request)).unwrap();
            block_on(t.app.auth.revoke_api_key("alice", &key.key().id)).unwrap();
            key.expose().to_owned()
        };
        for _ in 0..10 {
            get("fauth_made-up").refused(401, "invalid_token");
            get(&removed).refused(401, "invalid_token");
        }
        is_limited(&get(&removed), 3);
        is_limited(&get("fauth_made-up"), 3);
        get(good.expose()).is(200).says("Hello alice");
    }

    fn access_tokens_are_not_counted(t) {
        t = throttled();
        for _ in 0..30 {
            t.get("/me").bearer("a.b.c").from_peer(HOME).once().refused(401, "invalid_token");
        }
        fail(&t, "alice", HOME).refused(401, "invalid_credentials");
    }

    fn without_a_throttle_everything_is_checked(t) {
        t = Probe::build(|builder| builder.login_throttle(LoginThrottle::new()).danger_without_login_throttle());
        use_up(&t, "alice", HOME, 30);
        log_in(&t, "alice", "s3cret", HOME).is(200);
    }
}
