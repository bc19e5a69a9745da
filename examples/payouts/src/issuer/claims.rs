//! The claims of this example's mandates.

use fauth_core::BoxError;
use serde_json::{Map, Value, json};

use crate::AUDIENCE;

/// The lifetime of a mandate for a resource in a Caracal deployment.
const LIFETIME: i64 = 15 * 60;

/// The claims of every mandate.
pub(super) fn of_issuer(url: &str, zone: &str, now: i64) -> Result<Map<String, Value>, BoxError> {
    object(json!({
        "iss": url,
        "aud": AUDIENCE,
        "zone_id": zone,
        "jti": random("mandate")?,
        "iat": now,
        "exp": now + LIFETIME,
        "use": "resource",
    }))
}

/// `user_1` delegated to `app_assistant`, whose agent has a session.
pub(super) fn direct() -> Result<Map<String, Value>, BoxError> {
    let authority = random("authority")?;
    object(json!({
        "sub": "user_1",
        "sub_type": "user",
        "client_id": "app_assistant",
        "sid": authority,
        "root_sid": authority,
        "agent_session_id": random("session")?,
        "scope": "billing:read",
    }))
}

/// `app_assistant` delegated to `app_payouts`: one hop, whose authority is derived from that of the
/// assistant.
pub(super) fn delegated() -> Result<Map<String, Value>, BoxError> {
    let (source, target, edge) = (random("session")?, random("session")?, random("edge")?);
    object(json!({
        "sub": "user_1",
        "sub_type": "user",
        "client_id": "app_payouts",
        "sid": random("authority")?,
        "root_sid": random("authority")?,
        "agent_session_id": target,
        "source_session_id": source,
        "target_session_id": target,
        "delegation_edge_id": edge,
        "delegation_path": [edge],
        "delegation_chain": [
            { "application_id": "app_assistant", "agent_session_id": source },
            { "application_id": "app_payouts", "agent_session_id": target, "delegation_edge_id": edge },
        ],
        "hop_count": 1,
        "delegation_graph_epoch": 1,
        "scope": "billing:read billing:payout",
    }))
}

fn random(kind: &str) -> Result<String, BoxError> {
    Ok(format!("{kind}_{:016x}", getrandom::u64()?))
}

fn object(value: Value) -> Result<Map<String, Value>, BoxError> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err("claims are an object".into()),
    }
}
