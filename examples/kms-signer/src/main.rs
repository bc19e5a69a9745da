//! Tokens signed by a key management service: the private key is never in this process. The service
//! here is a fake, with a key that it generates at start; put the client of yours in its place.
//!
//! ```sh
//! FAUTH_SECRET_KEY=$(openssl rand -hex 32) cargo run -p kms-signer
//!
//! curl http://127.0.0.1:3000/login -d username=alice -d password='correct horse battery'
//! curl http://127.0.0.1:3000/me -H "Authorization: Bearer $ACCESS_TOKEN"
//! curl -i http://127.0.0.1:3000/.well-known/jwks.json     # what others verify with
//! ```
//!
//! `FAUTH_SECRET_KEY` is still needed: hashes in stores and CSRF tokens depend on it, tokens do
//! not.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_axum::{CurrentUser, auth_routes};
use fauth_core::{
    AuthConfig, AuthProvider, AuthProviderBuilder, AuthUser, BoxError, MemoryStore, TokenPayload,
    async_trait,
    token::{Algorithm, Key, Signer},
};
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use tokio::net::TcpListener;

const ADDRESS: &str = "127.0.0.1:3000";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let key = Key::from_signer(KmsSigner::connect(FakeKms::new()?).await?)?;
    let auth = provider(AuthConfig::builder_from_env()?.signing_key(key).build()?).build()?;
    let listener = TcpListener::bind(ADDRESS).await?;
    eprintln!("kms-signer listens on http://{ADDRESS}");
    axum::serve(listener, routes(&auth).into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

/// What fauth needs: the public key, and a function that signs a message.
struct KmsSigner {
    kms: FakeKms,
    public_key: Key,
}

impl KmsSigner {
    /// The public key is fetched once. Its id is the thumbprint, which is the same on every
    /// instance.
    async fn connect(kms: FakeKms) -> Result<Self, BoxError> {
        let public_key = Key::from_jwk(&kms.public_jwk().await, Algorithm::ES256)?;
        Ok(Self { kms, public_key })
    }
}

#[async_trait]
impl Signer for KmsSigner {
    fn public_key(&self) -> Key {
        self.public_key.clone()
    }

    /// Key management services return DER; a token has `r` and `s` concatenated.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BoxError> {
        let der = self.kms.sign(message).await?;
        Ok(Signature::from_der(&der)?.to_bytes().to_vec())
    }

    /// A login waits at most this long, and is then answered with 503.
    fn timeout(&self) -> Duration {
        Duration::from_secs(2)
    }
}

// --- The key management service, in place of yours
// ------------------------------------------------

struct FakeKms(SigningKey);

impl FakeKms {
    fn new() -> Result<Self, BoxError> {
        let mut number = [0; 32];
        getrandom::fill(&mut number)?;
        Ok(Self(SigningKey::from_slice(&number)?))
    }

    async fn public_jwk(&self) -> String {
        answer_takes_its_time().await;
        let point = self.0.verifying_key().to_encoded_point(false);
        let text = |number: Option<&p256::FieldBytes>| {
            number.map(|number| URL_SAFE_NO_PAD.encode(number)).unwrap_or_default()
        };
        let (x, y) = (text(point.x()), text(point.y()));
        format!("{{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"{x}\",\"y\":\"{y}\"}}")
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BoxError> {
        answer_takes_its_time().await;
        let signature: Signature = self.0.try_sign(message)?;
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

async fn answer_takes_its_time() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

// --- The rest is as in every service ------------------------------------------------------------

fn provider(config: AuthConfig) -> AuthProviderBuilder<User> {
    AuthProvider::builder(config)
        .user_loader(async |token: Arc<TokenPayload>| Ok::<_, Infallible>(find(token.subject())))
        .identity_loader(async |name: String| Ok::<_, Infallible>(find(&name)))
        .store(MemoryStore::new())
}

fn routes(auth: &AuthProvider<User>) -> Router {
    Router::new().merge(auth_routes(auth)).route("/me", get(me)).with_state(auth.clone())
}

async fn me(CurrentUser(user): CurrentUser<User>) -> String {
    format!("Hello {}\n", user.name)
}

struct User {
    name: String,
}

/// The hash of `correct horse battery`, made by `AuthProvider::hash_password`.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$R/t1S8eMVgtoTDz2x5xtdg$SHRClXfDN0NQ/4BUckZkgyt4w8e8SIR16+CEb5WCFuU";

impl AuthUser for User {
    fn subject(&self) -> impl AsRef<str> {
        &self.name
    }

    fn password_hash(&self) -> Option<&str> {
        Some(PASSWORD_HASH)
    }

    fn is_active(&self) -> bool {
        true
    }
}

fn find(name: &str) -> Option<User> {
    (name == "alice").then(|| User { name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use fauth_core::token::verify_jws;
    use fauth_testing::{RequestBody, TestClient as _, WireRequest};

    use super::*;

    #[tokio::test]
    async fn the_service_signs_and_others_verify() {
        let key = Key::from_signer(KmsSigner::connect(FakeKms::new().unwrap()).await.unwrap()).unwrap();
        let config = fauth_testing::config_builder().signing_key(key).build().unwrap();
        let app = routes(&provider(config).build().unwrap());
        let form = RequestBody::form([("username", "alice"), ("password", "correct horse battery")]);
        let login = app.send(WireRequest::post("/login").with_body(form)).await.json();
        let token = login["access_token"].as_str().unwrap();
        let bearer = format!("Bearer {token}");
        let me = app.send(WireRequest::get("/me").header("authorization", bearer)).await;
        assert_eq!(me.text(), "Hello alice\n");

        let published = app.send(WireRequest::get("/.well-known/jwks.json")).await.json();
        let key = Key::from_jwk(&published["keys"][0].to_string(), Algorithm::ES256).unwrap();
        assert!(verify_jws(token, &key).is_ok());
    }
}
