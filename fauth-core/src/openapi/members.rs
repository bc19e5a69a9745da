//! What the members of operations are called, and what stands in them.

use std::collections::BTreeMap;

/// One way to be let in: the names of security schemes, all of which are needed, with scopes.
pub type Alternative = BTreeMap<String, Vec<String>>;

/// The member of an operation that holds what is required, as
/// [`Access::to_json`](crate::access::Access::to_json) writes it.
pub const REQUIREMENT: &str = "x-requirement";

/// The member of an operation that lists the limits in front of it: of each what it allows
/// (`limit`), whose requests it counts together (`per`: `address`, `user`, `api_key` or `key`), and
/// its `name` if it has one.
pub const RATE_LIMIT: &str = "x-rate-limit";

/// The members of a path item that are operations.
pub(super) const METHODS: [&str; 9] =
    ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];
