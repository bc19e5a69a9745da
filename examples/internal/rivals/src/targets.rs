//! The lines of the table: what has to hold. Nothing in here is softened because a machine cannot
//! do it.

/// One line of the table, before it is measured.
#[derive(Debug)]
pub(crate) struct Target {
    /// The part of the program that measures it.
    pub(crate) part: &'static str,
    /// What the part calls it.
    pub(crate) key: &'static str,
    /// What the table calls it.
    pub(crate) name: &'static str,
    /// What has to hold.
    pub(crate) bound: &'static str,
}

const fn line(part: &'static str, key: &'static str, name: &'static str, bound: &'static str) -> Target {
    Target { part, key, name, bound }
}

/// Every line, in the order of the table.
pub(crate) const TARGETS: &[Target] = &[
    line("token", "verify-time", "HS256 verification: time", "<= 0.33 x jsonwebtoken::decode"),
    line("token", "verify-instructions", "HS256 verification: instructions", "<= 10 000"),
    line("token", "verify-allocations", "HS256 verification: allocations", "<= 2"),
    line("token", "issue-time", "HS256 issue: time", "<= 0.60 x jsonwebtoken::encode"),
    line("token", "issue-allocations", "HS256 issue: allocations", "<= 2"),
    line("token", "refuse-malformed", "refusing a malformed token", "<= 1.5 x accepting a good one"),
    line("token", "refuse-forged", "refusing a forged token", "<= 1.5 x accepting a good one"),
    line("token", "refuse-oversized", "refusing an oversized token", "<= 1.5 x accepting a good one"),
    line("token", "refuse-members", "refusing 2 000 header members", "<= 1.5 x accepting a good one"),
    line("asymmetric", "ES256-raw", "ES256 verification: time", "<= 1.06 x aws-lc-rs + 1 us"),
    line("asymmetric", "ES256-decode", "ES256: to jsonwebtoken on aws-lc-rs", "below it"),
    line("asymmetric-rust", "ES256-decode", "ES256: to jsonwebtoken on RustCrypto", "below it"),
    line("asymmetric", "EdDSA-raw", "EdDSA verification: time", "<= 1.06 x aws-lc-rs + 1 us"),
    line("asymmetric", "EdDSA-decode", "EdDSA: to jsonwebtoken on aws-lc-rs", "below it"),
    line("asymmetric-rust", "EdDSA-decode", "EdDSA: to jsonwebtoken on RustCrypto", "below it"),
    line("asymmetric", "RS256-raw", "RS256 verification: time", "<= 1.06 x aws-lc-rs + 1 us"),
    line("asymmetric", "RS256-decode", "RS256: to jsonwebtoken on aws-lc-rs", "below it"),
    line("asymmetric-rust", "RS256-decode", "RS256: to jsonwebtoken on RustCrypto", "below it"),
    line(
        "asymmetric-foreign",
        "ES256-foreign",
        "ES256, token of another issuer: time",
        "<= 1.06 x aws-lc-rs + 1 us",
    ),
    line(
        "asymmetric-foreign",
        "EdDSA-foreign",
        "EdDSA, token of another issuer: time",
        "<= 1.06 x aws-lc-rs + 1 us",
    ),
    line(
        "asymmetric-foreign",
        "RS256-foreign",
        "RS256, token of another issuer: time",
        "<= 1.06 x aws-lc-rs + 1 us",
    ),
    line("asymmetric-mandate", "mandate", "mandate, whole check: time", "<= 1.06 x aws-lc-rs + 5 us"),
    line(
        "asymmetric-mandate",
        "delegated mandate",
        "delegated mandate, whole check: time",
        "<= 1.06 x aws-lc-rs + 5 us",
    ),
    line("axum", "added", "axum: guarded request minus open", "<= 1.0 us"),
    line("axum", "to-hand", "axum: the same, to hand-written", "<= 0.40 x"),
    line("axum", "to-rivals", "axum: the same, to rivals", "below every rival"),
    line("actix", "added", "actix-web: guarded request minus open", "<= 1.0 us"),
    line("actix", "to-hand", "actix-web: the same, to hand-written", "<= 0.40 x"),
    line("actix", "to-rivals", "actix-web: the same, to rivals", "below every rival"),
    line("poem", "added", "poem: guarded request minus open", "<= 1.0 us"),
    line("poem", "to-hand", "poem: the same, to hand-written", "<= 0.40 x"),
    line("poem", "to-rivals", "poem: the same, to rivals", "below every rival"),
    line("sockets", "axum", "axum: requests per second, guarded / open", ">= 0.90"),
    line("sockets", "actix", "actix-web: requests per second, guarded / open", ">= 0.90"),
    line("sockets", "poem", "poem: requests per second, guarded / open", ">= 0.90"),
    line("flood", "p99", "50 logins in flight: p99 of a cheap route", "<= 3 x idle p99 + 3 ms"),
    line(
        "flood",
        "throughput",
        "50 logins in flight: logins per second",
        "within 5 % of unbounded spawn_blocking",
    ),
    line("axum", "once", "axum: CurrentUser inside a guard", "no second verification, no second load"),
    line("actix", "once", "actix-web: CurrentUser inside a guard", "no second verification, no second load"),
    line("poem", "once", "poem: CurrentUser inside a guard", "no second verification, no second load"),
];
