//! The issuer, in place of the security token service of a Caracal deployment. It generates a key
//! at start, publishes the public half, and signs any mandate it is asked for.
//!
//! # Security
//! It authenticates nobody. It is for this example only, and listens on this machine only.

#[cfg(feature = "redis")]
mod announce;
mod claims;

use std::{collections::HashMap, sync::Arc};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use axum::{
    Router,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::{
    BoxError,
    clock::{Clock as _, SystemClock},
    token::{Algorithm, Key},
};
use serde_json::{Map, Value, json};

/// An issuer of one zone.
#[derive(Debug)]
pub struct Issuer {
    url: String,
    zone: String,
    key: EcdsaKeyPair,
    key_id: String,
    jwks: String,
    #[cfg(feature = "redis")]
    announcer: Option<announce::Announcer>,
}

impl Issuer {
    /// Generates a key for the issuer at this URL, which is also its name.
    ///
    /// # Errors
    /// If the random number generator fails.
    pub fn new(url: &str, zone: &str) -> Result<Self, BoxError> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new())?;
        let public = Key::from_der(Algorithm::ES256, document.as_ref())?;
        Ok(Self {
            url: url.to_owned(),
            zone: zone.to_owned(),
            key: EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref())?,
            key_id: public.id().unwrap_or_default().to_owned(),
            jwks: format!("{{\"keys\":[{}]}}", public.public_jwk().unwrap_or_default()),
            #[cfg(feature = "redis")]
            announcer: None,
        })
    }

    /// Announces revocations in the Redis at `FAUTH_REDIS_URL`, if that is set.
    ///
    /// # Errors
    /// If Redis cannot be reached, or `STREAMS_HMAC_KEY` is missing.
    #[cfg(feature = "redis")]
    pub async fn announcing(self) -> Result<Self, BoxError> {
        Ok(Self { announcer: announce::Announcer::from_env().await?, ..self })
    }

    /// Returns its routes.
    pub fn routes(self) -> Router {
        let routes = Router::new()
            .route("/.well-known/jwks.json", get(jwks))
            .route("/mandates", post(direct))
            .route("/mandates/delegated", post(delegated));
        #[cfg(feature = "redis")]
        let routes = announce::routes(routes);
        routes.with_state(Arc::new(self))
    }

    /// Signs a mandate with these claims. They replace the usual ones; those that are `null` are
    /// left out.
    fn mint(&self, mut claims: Map<String, Value>, given: &str) -> Result<String, BoxError> {
        let now = SystemClock.now()?.unix_seconds();
        claims.extend(claims::of_issuer(&self.url, &self.zone, now)?);
        if !given.trim().is_empty() {
            let given: Map<String, Value> = serde_json::from_str(given)?;
            claims.extend(given);
        }
        claims.retain(|_, value| !value.is_null());
        self.sign(&Value::Object(claims))
    }

    fn sign(&self, claims: &Value) -> Result<String, BoxError> {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let header = json!({ "alg": "ES256", "kid": self.key_id, "typ": "JWT" });
        let message = format!("{}.{}", part(&header), part(claims));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes())?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The public keys of a zone.
async fn jwks(State(issuer): State<Arc<Issuer>>, Query(query): Query<HashMap<String, String>>) -> Response {
    if query.get("zone_id") == Some(&issuer.zone) {
        ([(header::CONTENT_TYPE, "application/json")], issuer.jwks.clone()).into_response()
    } else {
        (StatusCode::NOT_FOUND, "no such zone\n").into_response()
    }
}

/// A mandate of an application that acts for a user itself.
async fn direct(State(issuer): State<Arc<Issuer>>, given: String) -> Response {
    answer(claims::direct().and_then(|claims| issuer.mint(claims, &given)))
}

/// A mandate of an application to which another one delegated.
async fn delegated(State(issuer): State<Arc<Issuer>>, given: String) -> Response {
    answer(claims::delegated().and_then(|claims| issuer.mint(claims, &given)))
}

fn answer(outcome: Result<String, BoxError>) -> Response {
    match outcome {
        Ok(text) => format!("{text}\n").into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}
