//! An issuer of mandates: delegated authority as Caracal issues it, with any claims.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use fauth_core::{clock::Timestamp, remote::JwksSource};
use serde_json::json;

use crate::{ForeignIssuer, ForeignToken, PublishedKeys};

/// The default audience of mandates of a [`MandateIssuer`].
pub const MANDATE_AUDIENCE: &str = "resource://billing-api";

/// An issuer of mandates (RFC 8693 token exchange with Caracal's claims), with keys for tests.
///
/// ```
/// use fauth_core::clock::Timestamp;
/// use fauth_testing::MandateIssuer;
///
/// let issuer = MandateIssuer::new("https://sts.example.com", "zone_prod");
/// let now = Timestamp::from_unix_seconds(1_800_000_000);
/// let read_only = issuer.mandate("user_1", now).claim("scope", "billing:read").sign();
/// let without_sid = issuer.delegated("user_1", now).without_claim("sid").sign();
/// assert!(read_only != without_sid);
/// assert_eq!(
///     issuer.jwks_url(),
///     "https://sts.example.com/.well-known/jwks.json?zone_id=zone_prod"
/// );
/// ```
#[derive(Debug, Clone)]
pub struct MandateIssuer {
    issuer: ForeignIssuer,
    zone: String,
    /// The number of mandates so far: each has an id of its own.
    minted: Arc<AtomicU64>,
}

impl MandateIssuer {
    /// The application that holds the mandates: the last of a delegation chain.
    pub const CLIENT: &str = "app_1";
    /// The application at the root of a delegation chain.
    pub const ROOT_CLIENT: &str = "app_root";
    /// The target of a delegated mandate.
    pub const TARGET: &str = "https://api.example.com/x";
    /// The epoch of the zone's delegations in which a delegated mandate is issued.
    pub const EPOCH: u64 = 5;
    /// The lifetime of a mandate in seconds, as Caracal documents it for resources.
    pub const LIFETIME: i64 = 15 * 60;

    /// Creates an issuer with this name (`iss`) for this zone, with one key, `key-1`.
    pub fn new(issuer: impl Into<String>, zone: impl Into<String>) -> Self {
        Self { issuer: ForeignIssuer::new(issuer), zone: zone.into(), minted: Arc::default() }
    }

    /// Returns its name (`iss`).
    pub fn issuer(&self) -> &str {
        self.issuer.issuer()
    }

    /// Returns its zone.
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// Returns the URL of its keys.
    pub fn jwks_url(&self) -> String {
        let issuer = self.issuer().trim_end_matches('/');
        format!("{issuer}/.well-known/jwks.json?zone_id={}", self.zone)
    }

    /// Signs with a new key from now on. Earlier keys stay in the published set.
    pub fn rotate(&mut self, id: &str) {
        self.issuer.rotate(id);
    }

    /// Removes a key from the published set.
    pub fn withdraw(&mut self, id: &str) {
        self.issuer.withdraw(id);
    }

    /// Returns the set of its public keys ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)).
    pub fn jwks(&self) -> String {
        self.issuer.jwks()
    }

    /// Returns its current keys, which need not be fetched.
    pub fn keys(&self) -> JwksSource {
        JwksSource::fixed(self.jwks()).unwrap()
    }

    /// Returns a server that publishes its keys at [`jwks_url`](Self::jwks_url).
    pub fn server(&self) -> PublishedKeys {
        let server = PublishedKeys::new();
        self.publish_to(&server);
        server
    }

    /// Publishes its current keys at this server.
    pub fn publish_to(&self, server: &PublishedKeys) {
        server.answer_at(self.jwks_url(), 200, self.jwks());
    }

    /// Returns a valid mandate of a user for a resource, without an agent session or delegation,
    /// from `now` on and not signed yet: change what the test is about, then sign it.
    ///
    /// The scopes are `billing:read` and `billing:payout`; the session is `sid_1`, its root
    /// `root_1`. Each mandate has a new `jti`.
    ///
    /// # Panics
    /// If all keys were withdrawn.
    pub fn mandate(&self, subject: &str, now: Timestamp) -> ForeignToken {
        let number = self.minted.fetch_add(1, Ordering::Relaxed) + 1;
        self.issuer
            .token(subject, now)
            .header("typ", "JWT")
            .claim("aud", MANDATE_AUDIENCE)
            .claim("exp", now.unix_seconds() + Self::LIFETIME)
            .claim("jti", format!("mandate_{number}"))
            .claim("client_id", Self::CLIENT)
            .claim("sid", "sid_1")
            .claim("root_sid", "root_1")
            .claim("use", "resource")
            .claim("sub_type", "user")
            .claim("zone_id", &*self.zone)
            .claim("scope", "billing:read billing:payout")
    }

    /// Like [`mandate`](Self::mandate), with every optional claim: in the agent session `ags_1`,
    /// over the delegation `edge_1`, for one [`TARGET`](Self::TARGET).
    ///
    /// # Panics
    /// If all keys were withdrawn.
    pub fn delegated(&self, subject: &str, now: Timestamp) -> ForeignToken {
        let root = json!({ "application_id": Self::ROOT_CLIENT, "agent_session_id": "ags_0" });
        let holder = json!({
            "application_id": Self::CLIENT,
            "agent_session_id": "ags_1",
            "delegation_edge_id": "edge_1",
        });
        self.mandate(subject, now)
            .claim("nbf", now.unix_seconds())
            .claim("target", json!([Self::TARGET]))
            .claim("agent_session_id", "ags_1")
            .claim("delegation_edge_id", "edge_1")
            .claim("source_session_id", "ags_0")
            .claim("target_session_id", "ags_1")
            .claim("delegation_path", json!(["edge_1"]))
            .claim("delegation_chain", json!([root, holder]))
            .claim("hop_count", 1)
            .claim("delegation_graph_epoch", Self::EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mandate_has_the_id_of_another() {
        let issuer = MandateIssuer::new("https://sts.example.com/", "zone_prod");
        let now = Timestamp::from_unix_seconds(1_800_000_000);
        let mandates = [issuer.mandate("a", now), issuer.clone().mandate("a", now)];
        assert_ne!(mandates[0].claims(), mandates[1].claims());
        assert_eq!(issuer.jwks_url(), "https://sts.example.com/.well-known/jwks.json?zone_id=zone_prod");
    }
}
