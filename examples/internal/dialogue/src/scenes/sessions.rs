//! Logins that are kept: listed, ended, stolen, and shared by several instances.

use std::{
    env, fs, process, thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use servers::{Postgres, Redis};

use super::{
    Pair, SECRET, alice, bob, is_anonymous, is_bad_token, is_ok, is_refused, play, play_with, refresh,
};
use crate::{http::Request, server::Server};

/// How long it may take until another instance knows, on a busy machine.
const SPREAD: Duration = Duration::from_secs(10);

fn hello(name: &str) -> Value {
    json!({ "message": format!("Hello {name}") })
}

fn sessions(server: &Server, token: &str) -> Vec<Value> {
    let response = server.get_with("/sessions", token);
    assert_eq!((response.status, response.header("cache-control")), (200, Some("no-store")));
    response.json()["sessions"].as_array().unwrap().clone()
}

fn log_out(server: &Server, token: &str) {
    let response = server.send(Request::post("/logout").bearer(token));
    let detail = "All tokens of the session are revoked";
    assert_eq!((response.status, response.json()), (200, json!({ "revoked": true, "detail": detail })));
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

/// After it, no token of the login opens anything.
pub fn logout_ends_the_session(program: &str) {
    play(program, |server| {
        is_anonymous(&server.send(Request::post("/logout")));
        let (first, second) = (alice(server), alice(server));
        log_out(server, &first.access);
        is_bad_token(&server.get_with("/me", &first.access));
        is_bad_token(&server.get_with("/internal/dashboard", &first.access));
        is_bad_token(&refresh(server, &first.refresh));
        is_ok(&server.get_with("/me", &second.access), &hello("alice"));
        Pair::of(&refresh(server, &second.refresh));
    });
}

/// A user sees where the account is logged in, and ends what is not known.
pub fn sessions_are_listed_and_ended(program: &str) {
    play(program, |server| {
        is_anonymous(&server.get("/sessions"));
        let login = Request::post("/login").header("user-agent", "Phone/1.0");
        let phone = Pair::of(&server.send(login.json(&super::credentials("alice", "green-ideas-sleep"))));
        let (laptop, stranger) = (alice(server), bob(server));
        let listed = sessions(server, &laptop.access);
        assert_eq!(listed.len(), 2, "{listed:?}");
        let lost = listed.iter().find(|session| session["client"] == "Phone/1.0").unwrap();
        assert_eq!((&lost["current"], &lost["address"]), (&json!(false), &json!("127.0.0.1")));

        let path = format!("/sessions/{}", lost["id"].as_str().unwrap());
        let end = |token: &str| server.send(Request::new("DELETE", &path).bearer(token));
        is_refused(&end(&stranger.access), 404, "Not Found", "Not found", "not_found");
        is_ok(&server.get_with("/me", &phone.access), &hello("alice"));
        assert_eq!(end(&laptop.access).status, 200);
        is_bad_token(&server.get_with("/me", &phone.access));
        is_bad_token(&refresh(server, &phone.refresh));
        assert_eq!(end(&laptop.access).status, 404);
        assert_eq!(sessions(server, &laptop.access).len(), 1);
    });
}

/// Behind a proxy that is named, the list shows the client; the word of others counts for nothing.
pub fn sessions_show_the_client_behind_a_trusted_proxy(program: &str) {
    for (variable, shown) in [("127.0.0.0/8", "203.0.113.7"), ("10.0.0.0/8", "127.0.0.1")] {
        play_with(program, &[("FAUTH_TRUSTED_PROXIES", variable)], |server| {
            let login = Request::post("/login").header("x-forwarded-for", "6.6.6.6, 203.0.113.7");
            let pair = Pair::of(&server.send(login.json(&super::credentials("alice", "green-ideas-sleep"))));
            assert_eq!(sessions(server, &pair.access)[0]["address"], json!(shown), "{variable}");
        });
    }
}

/// Everything of one user, nothing of another.
pub fn logout_everywhere_ends_all_sessions(program: &str) {
    play(program, |server| {
        let (first, second, other) = (alice(server), alice(server), bob(server));
        is_anonymous(&server.send(Request::post("/logout/all")));
        let response = server.send(Request::post("/logout/all").bearer(&first.access));
        assert_eq!((response.status, &response.json()["revoked"]), (200, &json!(true)));
        for pair in [&first, &second] {
            is_bad_token(&server.get_with("/me", &pair.access));
            is_bad_token(&refresh(server, &pair.refresh));
        }
        is_ok(&server.get_with("/me", &other.access), &hello("bob"));
        is_ok(&server.get_with("/me", &alice(server).access), &hello("alice"));
    });
}

/// A refresh token works once. A lost answer can be asked for again; a copy ends the session.
pub fn a_stolen_refresh_token_ends_its_session(program: &str) {
    play(program, |server| {
        let first = alice(server);
        let second = Pair::of(&refresh(server, &first.refresh));
        let again = Pair::of(&refresh(server, &first.refresh));
        assert_eq!(again.refresh, second.refresh, "the same successor");
        let third = Pair::of(&refresh(server, &second.refresh));
        is_ok(&server.get_with("/me", &third.access), &hello("alice"));

        is_bad_token(&refresh(server, &first.refresh));
        is_bad_token(&refresh(server, &third.refresh));
        for pair in [&first, &second, &third] {
            is_bad_token(&server.get_with("/me", &pair.access));
        }
    });
}

/// A restart logs nobody out, and brings nobody back.
pub fn logins_outlive_the_program_in_a_database(program: &str) {
    let (_, name) = program.rsplit_once('/').unwrap();
    let folder = env::temp_dir().join(format!("{name}-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let url = format!("sqlite:{}", folder.join("sessions.db").display());
    let environment = [("FAUTH_SECRET_KEY", SECRET), ("FAUTH_DATABASE_URL", &*url)];

    let server = Server::start(program, &environment);
    let (kept, ended) = (alice(&server), alice(&server));
    log_out(&server, &ended.access);
    server.stop();

    let server = Server::start(program, &environment);
    is_ok(&server.get_with("/me", &kept.access), &hello("alice"));
    is_bad_token(&server.get_with("/me", &ended.access));
    is_bad_token(&refresh(&server, &ended.refresh));
    Pair::of(&refresh(&server, &kept.refresh));
    server.stop();
    fs::remove_dir_all(folder).unwrap();
}

/// Waits until every instance refuses this token, for no longer than it may take.
fn is_refused_everywhere(instances: &[Server], token: &str) {
    let begun = Instant::now();
    for server in instances {
        while server.get_with("/me", token).status == 200 {
            assert!(begun.elapsed() < SPREAD, "still accepted");
            thread::sleep(Duration::from_millis(5));
        }
        is_bad_token(&server.get_with("/me", token));
    }
}

/// What one instance has issued, all accept; what one has ended, none does.
fn three_instances_are_one_service(program: &str, environment: &[(&str, &str)]) {
    let environment = [&[("FAUTH_SECRET_KEY", SECRET)], environment].concat();
    let instances = [(); 3].map(|()| Server::start(program, &environment));
    let [first, second, third] = &instances;

    let pair = alice(first);
    for server in &instances {
        is_ok(&server.get_with("/me", &pair.access), &hello("alice"));
    }
    let carried_on = Pair::of(&refresh(second, &pair.refresh));
    let again = Pair::of(&refresh(third, &pair.refresh));
    assert_eq!(again.refresh, carried_on.refresh, "two instances, one successor");
    log_out(third, &carried_on.access);
    is_refused_everywhere(&instances, &pair.access);
    is_refused_everywhere(&instances, &carried_on.access);
    is_bad_token(&refresh(first, &carried_on.refresh));

    let (one, other) = (alice(first), alice(second));
    assert_eq!(sessions(third, &one.access).len(), 2);
    assert_eq!(first.send(Request::post("/logout/all").bearer(&one.access)).status, 200);
    is_refused_everywhere(&instances, &other.access);
    is_bad_token(&refresh(third, &other.refresh));
    for server in instances {
        server.stop();
    }
}

/// With Redis for everything.
pub fn three_instances_share_redis(program: &str) {
    let redis = Redis::start();
    three_instances_are_one_service(program, &[("FAUTH_REDIS_URL", &redis.url())]);
}

/// With sessions in PostgreSQL and revocations in Redis; then Redis forgets everything.
pub fn sessions_in_postgres_outlive_the_revocations_in_redis(program: &str) {
    let (postgres, mut redis) = (Postgres::start(), Redis::start());
    let urls = [("FAUTH_DATABASE_URL", postgres.url()), ("FAUTH_REDIS_URL", redis.url())];
    let urls: Vec<_> = urls.iter().map(|(name, url)| (*name, url.as_str())).collect();
    three_instances_are_one_service(program, &urls);

    let environment = [&[("FAUTH_SECRET_KEY", SECRET)], &urls[..]].concat();
    let server = Server::start(program, &environment);
    let (kept, ended) = (alice(&server), alice(&server));
    log_out(&server, &ended.access);
    redis.restart_empty();
    let begun = Instant::now();
    // First nothing is known, then that nothing is known of before.
    while server.get_with("/me", &kept.access).status != 401 {
        assert!(begun.elapsed() < SPREAD, "accepted though nobody can know");
        thread::sleep(Duration::from_millis(50));
    }
    is_bad_token(&server.get_with("/me", &ended.access));
    is_bad_token(&refresh(&server, &ended.refresh));
    let carried_on = Pair::of(&refresh(&server, &kept.refresh));
    is_ok(&server.get_with("/me", &carried_on.access), &hello("alice"));
    server.stop();
}
