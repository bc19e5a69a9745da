//! Checks of the server when a store connects: eviction policy, cluster mode, layout of the keys.
//!
//! The checks only read. They refuse a server on which the store would lose or miss keys. Managed
//! servers forbid some of these commands. If the server refuses a command, or its answer is not
//! understood, the check passes; if the server cannot be reached, connecting fails.

use redis::{Cmd, Value};

use super::{
    fault::{Fault, RedisConnectError},
    link::Link,
    names::Names,
};
use crate::error::ConfigError;

/// Refuses a server that evicts keys when its memory is full: evicted revocations would let
/// revoked tokens work again.
pub(super) async fn refuse_eviction(link: &Link) -> Result<(), RedisConnectError> {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg("maxmemory-policy");
    let Some(answer) = answer_of(link, &command).await? else {
        tracing::info!(target: "fauth", "redis does not tell its maxmemory-policy: make sure that it is `noeviction`");
        return Ok(());
    };
    match policy_in(&answer) {
        Some(policy) if policy != "noeviction" => Err(ConfigError::new(
            "maxmemory-policy",
            format!("is `{}` on the server: it throws revocations away", policy.escape_default()),
            "set it to `noeviction`, or give fauth a server of its own",
        )
        .into()),
        _ => Ok(()),
    }
}

/// Refuses a cluster of several masters: the store talks to one node only, and the keys of some
/// owners would belong on another.
pub(super) async fn refuse_cluster(link: &Link) -> Result<(), RedisConnectError> {
    let mut command = redis::cmd("CLUSTER");
    command.arg("INFO");
    let Some(answer) = answer_of(link, &command).await? else { return Ok(()) };
    let text: String = redis::from_redis_value(answer).unwrap_or_default();
    let masters = text.lines().find_map(|line| line.strip_prefix("cluster_size:"));
    match masters.and_then(|masters| masters.trim().parse::<u32>().ok()) {
        Some(masters @ 2..) => Err(ConfigError::new(
            "url",
            format!("is a node of a cluster of {masters} masters: the store talks to one node only"),
            "use a server without cluster mode, or a cluster of one master",
        )
        .into()),
        _ => Ok(()),
    }
}

/// Refuses a namespace with keys of an older version of fauth, whose names did not contain the
/// owner. This version does not read them.
pub(super) async fn refuse_old_layout(link: &Link, names: &Names) -> Result<(), RedisConnectError> {
    let mut command = redis::cmd("EXISTS");
    command.arg(names.old_generation());
    match answer_of(link, &command).await? {
        Some(Value::Int(1..)) => Err(ConfigError::new(
            "namespace",
            format!("`{}` has keys of an older version of fauth, which are not migrated", names.namespace),
            format!(
                "use another namespace, or delete all keys that begin with `{{{}}}:` first",
                names.namespace
            ),
        )
        .into()),
        _ => Ok(()),
    }
}

/// The answer to a command. `None` if the server refuses the command; an error if the server
/// cannot be reached.
async fn answer_of(link: &Link, command: &Cmd) -> Result<Option<Value>, Fault> {
    match link.command(command).await {
        Ok(answer) => Ok(Some(answer)),
        Err(Fault::Redis(error)) if !error.is_io_error() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The policy in the answer to `CONFIG GET`: a map in RESP3, an array of name and value in RESP2.
fn policy_in(answer: &Value) -> Option<String> {
    let value = match answer {
        Value::Map(pairs) => pairs.first().map(|(_, value)| value),
        Value::Array(values) => values.get(1),
        _ => None,
    };
    value.and_then(|value| redis::from_redis_value_ref(value).ok())
}
