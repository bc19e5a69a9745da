//! Names and contents of the members of operations.

use std::collections::BTreeMap;

/// One alternative of a `security` requirement: the names of security schemes, all of which are
/// needed, with scopes.
pub type Alternative = BTreeMap<String, Vec<String>>;

/// The member of an operation that holds the requirement, as
/// [`Access::to_json`](crate::access::Access::to_json) writes it.
pub const REQUIREMENT: &str = "x-requirement";

/// The member of an operation that lists the limits in front of it. Each has the rate it allows
/// (`limit`), the key by which requests are counted (`per`: `address`, `user`, `api_key` or `key`),
/// and its `name` if it has one.
pub const RATE_LIMIT: &str = "x-rate-limit";

/// The members of a path item that are operations.
pub(super) const METHODS: [&str; 9] =
    ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];
