//! Three services, one Redis, and an issuer that announces in it what has ended.

use servers::Redis;

use crate::{program::Program, script, shell::Shell};

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Runs a command, and compares what it writes with these lines.
fn check(shell: &mut Shell, command: &str, expected: &[&str]) {
    let lines = shell.run(command, expected.len());
    script::compare(command, expected, lines);
}

#[test]
fn what_the_issuer_announces_closes_sockets_at_every_service() {
    let redis = Redis::start();
    let url = redis.url();
    let shared = [("CARACAL_ZONE_ID", "zone_demo"), ("FAUTH_REDIS_URL", &*url), ("STREAMS_HMAC_KEY", KEY)];
    let issuer = Program::start(env!("CARGO_BIN_EXE_payouts-issuer"), &shared);
    let issuer_url = format!("http://{}", issuer.address());
    let environment = [&shared[..], &[("CARACAL_STS_URL", &issuer_url)]].concat();
    let programs = [
        env!("CARGO_BIN_EXE_payouts-axum"),
        env!("CARGO_BIN_EXE_payouts-actix"),
        env!("CARGO_BIN_EXE_payouts-poem"),
    ];
    let services = programs.map(|program| Program::start(program, &environment));

    let mut shell = Shell::start();
    let mint = |claims: &str| format!("$(curl -s -d '{claims}' {issuer_url}/mandates/delegated)");
    check(&mut shell, &format!("AGENT={}", mint(r#"{"sid": "authority_7"}"#)), &[]);
    check(&mut shell, &format!("OTHER={}", mint(r#"{"sid": "authority_8"}"#)), &[]);
    let watch = env!("CARGO_BIN_EXE_payouts-watch");
    for service in &services {
        let live = format!("ws://{}/payouts/live", service.address());
        for mandate in ["$AGENT", "$OTHER"] {
            check(&mut shell, &format!("MANDATE={mandate} {watch} {live} &"), &["watching"]);
        }
    }

    let revoke = format!("curl -s -d '{{\"session_id\": \"authority_7\"}}' {issuer_url}/revocations");
    let closed = "closed with 1008: …";
    check(&mut shell, &revoke, &["announced", closed, closed, closed]);
    for service in &services {
        let ask = |mandate: &str| {
            let create = format!("http://{}/payouts/create", service.address());
            format!("printf '%s\n' \"$(curl -s -X POST -H \"Authorization: Bearer {mandate}\" {create})\"")
        };
        check(&mut shell, &ask("$AGENT"), &["{\"error\": \"session_revoked\", …"]);
        let receipt = "{\"actor\":\"user_1\",…";
        check(&mut shell, &ask("$OTHER"), &[receipt, "a payout for user_1"]);
    }
}
