//! What the services on the three frameworks have in common: whom they trust, and who may do what.

use fauth_core::{
    AuthProvider, BoxError, ConfigError, MandateAuth, Principal, Rejection, Requirement, RouteRules,
    store::{DEFAULT_ANCHOR_LIFETIME, check_anchor},
};
use fauth_remote::HttpFetch;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{AUDIENCE, revocations};

/// Verifies mandates of the issuer that `CARACAL_STS_URL` names, for the zone `CARACAL_ZONE_ID`.
///
/// # Errors
/// If one of the two is missing, or Redis cannot be reached.
pub async fn provider() -> Result<AuthProvider<Principal>, BoxError> {
    let auth = MandateAuth::from_env()?
        .audience(AUDIENCE)
        .fetch(HttpFetch::new()?)
        .revocations(revocations::store().await?)
        .build()?;
    // So that the first request does not wait for keys. The service starts without them too.
    if let Err(error) = auth.warm_up().await {
        tracing::warn!(%error, "there are no keys yet");
    }
    Ok(auth)
}

/// Who may do what. A rule replaces the fields that it names, so that a payout needs the scope
/// `billing:payout` and not `billing:read`.
///
/// # Errors
/// If a rule is impossible.
pub fn rules() -> Result<RouteRules, ConfigError> {
    RouteRules::private_by_default()
        .public("/healthz")
        .require("/", Requirement::user().scope("billing:read"))
        .require("/payouts", Requirement::user().scope("billing:payout").delegation())
        .require("/operator", Requirement::user().scope("billing:operate"))
        .build()
}

/// What a payout answers: for whom it was made, and by which agent.
#[must_use]
pub fn receipt(principal: &Principal) -> Value {
    json!({ "actor": principal.subject(), "agent": principal.agent_session_id() })
}

/// What an operator sends to `/operator/revocations`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Revocation {
    /// The `sid`, `root_sid`, agent session, delegation, `jti`, subject or client of mandates.
    pub anchor: String,
}

impl Revocation {
    /// Ends every mandate that has it as an anchor, and closes its sockets; earlier hops of its chain
    /// are none.
    ///
    /// # Errors
    /// If no mandate has such an anchor, or the store cannot keep it.
    pub async fn carry_out(&self, auth: &AuthProvider<Principal>) -> Result<Value, Rejection> {
        if self.anchor.is_empty() || check_anchor(&self.anchor).is_err() {
            return Err(Rejection::Unprocessable("No mandate has such an anchor".into()));
        }
        // Until every mandate that exists now has expired.
        auth.revoke_mandate_anchors(&[&self.anchor], DEFAULT_ANCHOR_LIFETIME).await?;
        Ok(json!({ "revoked": self.anchor }))
    }
}
