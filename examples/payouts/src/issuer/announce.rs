//! Announces to other services that an authority has ended: through a stream in Redis, as Caracal
//! does.

use std::{collections::BTreeMap, env, fmt, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use fauth_core::{BoxError, store::StreamKey};
use redis::{AsyncTypedCommands as _, aio::ConnectionManager};

use super::Issuer;

const STREAM: &str = "caracal.sessions.revoke";

/// Writes to the stream, signed with the shared key.
pub(super) struct Announcer {
    redis: ConnectionManager,
    key: StreamKey,
}

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcer").finish_non_exhaustive()
    }
}

impl Announcer {
    /// To the Redis at `FAUTH_REDIS_URL`, if that is set, with the key `STREAMS_HMAC_KEY`.
    pub(super) async fn from_env() -> Result<Option<Self>, BoxError> {
        let Ok(url) = env::var("FAUTH_REDIS_URL") else { return Ok(None) };
        let digits = env::var("STREAMS_HMAC_KEY").map_err(|error| format!("STREAMS_HMAC_KEY: {error}"))?;
        let redis = redis::Client::open(url)?.get_connection_manager().await?;
        Ok(Some(Self { redis, key: StreamKey::from_hex(digits)? }))
    }

    async fn announce(&self, mut fields: BTreeMap<String, String>) -> Result<(), BoxError> {
        let signed = fields.iter().map(|(name, value)| (&**name, Some(&**value)));
        let signature = self.key.sign(STREAM, signed)?;
        fields.insert("_sig".to_owned(), signature);
        let fields: Vec<_> = fields.into_iter().collect();
        self.redis.clone().xadd(STREAM, "*", &fields).await?;
        Ok(())
    }
}

pub(super) fn routes(routes: Router<Arc<Issuer>>) -> Router<Arc<Issuer>> {
    routes.route("/revocations", post(revoke))
}

/// Announces that an authority has ended. The fields are those of Caracal: `session_id` is the
/// authority record.
async fn revoke(State(issuer): State<Arc<Issuer>>, given: String) -> Response {
    let outcome = async {
        let announcer = issuer.announcer.as_ref().ok_or("FAUTH_REDIS_URL is not set")?;
        let mut fields: BTreeMap<String, String> = serde_json::from_str(&given)?;
        fields.insert("zone_id".to_owned(), issuer.zone.clone());
        announcer.announce(fields).await
    };
    match outcome.await {
        Ok(()) => "announced\n".into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}
