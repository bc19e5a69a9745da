//! Checks made when a store connects: eviction policy, cluster mode, layout of the keys.
//!
//! The checks only read. They refuse a server on which the store would lose or miss keys. Managed
//! servers forbid some of these commands: if a server does not report its eviction policy,
//! connecting fails; the other checks pass if the server refuses the command or its answer is not
//! understood. If the server cannot be reached, connecting fails.

use std::time::Duration;

use redis::{Client, Cmd, Value};

use super::{
    fault::{Fault, RedisConnectError},
    link::Link,
    names::Names,
};
use crate::error::ConfigError;

/// Connects to a server with one master that does not evict keys, unless eviction is allowed.
pub(super) async fn open(
    client: Client,
    limit: Duration,
    may_evict: bool,
) -> Result<Link, RedisConnectError> {
    let link = Link::open(client, limit, may_evict).await?;
    refuse_eviction(&link).await?;
    refuse_cluster(&link).await?;
    Ok(link)
}

/// Fails if the server evicts keys when its memory is full, or does not report its policy: after an
/// eviction, revoked tokens would be accepted again.
async fn refuse_eviction(link: &Link) -> Result<(), RedisConnectError> {
    let (problem, fix) = match link.ask_for_eviction().await {
        Ok(()) => return Ok(()),
        Err(Fault::Evicts(policy)) => (
            format!("is `{}` on the server, which can evict revocations", policy.escape_default()),
            "set it to `noeviction`, or use a separate server for fauth",
        ),
        Err(Fault::MayEvict) => (
            "is not reported by the server, neither by `CONFIG GET` nor by `INFO`".to_owned(),
            "allow one of them to this user; if you know that the policy is `noeviction`, \
             call `danger_allow_eviction()`",
        ),
        Err(fault) => return Err(fault.into()),
    };
    Err(ConfigError::new("maxmemory-policy", problem, fix).into())
}

/// Fails for a cluster with more than one master: the store talks to one node only, and the keys of
/// some owners would belong on another.
async fn refuse_cluster(link: &Link) -> Result<(), RedisConnectError> {
    let mut command = redis::cmd("CLUSTER");
    command.arg("INFO");
    let Some(answer) = answer_of(link, &command).await? else { return Ok(()) };
    let text: String = redis::from_redis_value(answer).unwrap_or_default();
    let masters = text.lines().find_map(|line| line.strip_prefix("cluster_size:"));
    match masters.and_then(|masters| masters.trim().parse::<u32>().ok()) {
        Some(masters @ 2..) => Err(ConfigError::new(
            "url",
            format!("is a node of a cluster with {masters} masters, but the store talks to one node only"),
            "use a server without cluster mode, or a cluster with one master",
        )
        .into()),
        _ => Ok(()),
    }
}

/// Fails for a namespace with keys of an older version of fauth. In older layouts, key names did
/// not contain the owner, or the revocation keys had no markers for detecting loss. This version
/// does not read them.
pub(super) async fn refuse_old_layout(link: &Link, names: &Names) -> Result<(), RedisConnectError> {
    // One command for each key: a Redis user may have access to one and not the other.
    for key in names.of_old_layouts() {
        let mut command = redis::cmd("EXISTS");
        command.arg(key);
        if let Some(Value::Int(1..)) = answer_of(link, &command).await? {
            return Err(old_layout(names).into());
        }
    }
    Ok(())
}

fn old_layout(names: &Names) -> ConfigError {
    let namespace = &names.namespace;
    ConfigError::new(
        "namespace",
        format!("`{namespace}` has keys of an older version of fauth, which this version does not read"),
        format!(
            "use another namespace, or delete all keys that begin with `{{{namespace}}}:` or \
             `{{{namespace}:` first"
        ),
    )
}

/// Returns the answer to a command, or `None` if the server refuses the command. Fails if the
/// server cannot be reached.
async fn answer_of(link: &Link, command: &Cmd) -> Result<Option<Value>, Fault> {
    match link.command(command).await {
        Ok(answer) => Ok(Some(answer)),
        Err(Fault::Redis(error)) if !error.is_io_error() => Ok(None),
        Err(fault) => Err(fault),
    }
}
