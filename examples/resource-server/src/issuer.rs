//! The issuer: it logs users in, signs their tokens with a key that it rotates while it runs, and
//! publishes the public half.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use axum::{Json, Router, extract::State, routing::get};
use fauth_axum::auth_routes;
use fauth_core::{
    AuthConfig, AuthProvider, AuthUser, BoxError, MemoryStore, Purpose, TokenClaims, TokenPayload,
    password::{PasswordConfig, PasswordHasher},
    token::{Algorithm, Key, KeyRing, Rotation, ScopeClaim},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{AUDIENCE, Timing};

/// An issuer that runs on a free port of this machine until it is dropped. `alice` can log in with
/// the password `green-ideas-sleep`.
#[derive(Debug)]
pub struct Issuer {
    url: String,
    ring: KeyRing,
    timing: Timing,
    server: JoinHandle<()>,
}

impl Issuer {
    /// Starts it.
    ///
    /// # Errors
    /// If there is no free port, the random number generator fails, or a setting is out of bounds.
    pub async fn start(timing: Timing) -> Result<Self, BoxError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let ring = KeyRing::new(new_key()?)?.max_age(timing.max_age)?;
        let auth = provider(&url, &ring, timing).await?;
        let routes = Router::new()
            .merge(auth_routes(&auth)) // login, refresh, logout, sessions, and the public keys
            .route("/.well-known/openid-configuration", get(discovery))
            .with_state(Arc::from(url.as_str()))
            .into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                eprintln!("the issuer has ended: {error}");
            }
        });
        Ok(Self { url, ring, timing, server })
    }

    /// Its name, which is also its URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Publishes a new key, which signs after the [lead](Timing::lead), and returns its id. By then
    /// every service has fetched it, so that none receives a token that it cannot verify.
    ///
    /// # Errors
    /// If the last published key does not sign yet.
    pub fn rotate(&self) -> Result<String, BoxError> {
        // `danger_short_lead` and `retire_old_after` are only for the short times of this example:
        // the services here fetch as often, and by default an old key verifies for as long as any
        // of its tokens may live.
        let rotation = Rotation::after(self.timing.lead).danger_short_lead();
        self.take_in(rotation.retire_old_after(self.timing.login))
    }

    /// What to do when a private key has leaked: another one signs at once, and the tokens of the
    /// old one are refused, here at once and elsewhere as soon as the keys are fetched again.
    ///
    /// # Errors
    /// If the key ring cannot be changed.
    pub fn replace_key(&self) -> Result<(), BoxError> {
        let stolen = self.signing_key()?;
        self.take_in(Rotation::danger_at_once())?;
        Ok(self.ring.remove(&stolen)?)
    }

    fn take_in(&self, rotation: Rotation) -> Result<String, BoxError> {
        let key = new_key()?;
        let id = key.id().unwrap_or_default().to_owned();
        self.ring.rotate(key, rotation)?;
        Ok(id)
    }

    /// Returns the id of the current signing key.
    ///
    /// # Errors
    /// If the time is unknown.
    pub fn signing_key(&self) -> Result<String, BoxError> {
        Ok(self.ring.signing_id()?.unwrap_or_default())
    }

    /// Returns how many keys are published.
    ///
    /// # Errors
    /// If the time is unknown.
    pub fn published(&self) -> Result<usize, BoxError> {
        Ok(self.ring.ids()?.len())
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem` generates one for
/// `Key::from_file`.
fn new_key() -> Result<Key, BoxError> {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
    Ok(Key::from_der(Algorithm::ES256, document.as_ref())?)
}

async fn provider(url: &str, ring: &KeyRing, timing: Timing) -> Result<AuthProvider<Person>, BoxError> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    let config = AuthConfig::builder()
        .application("issuer")
        .secret(secret) // for what nobody else verifies; tokens are signed by the ring
        .key_ring(ring.clone())
        .issuer(url)
        .audience(AUDIENCE)
        .scope_claim(ScopeClaim::Scope) // as RFC 9068 has it, for services that are not fauth
        .lifetime(Purpose::Access, timing.token)
        .lifetime(Purpose::Refresh, timing.login)
        .build()?;
    let alice = Arc::new(Person::alice().await?);
    let (by_id, by_name) = (Arc::clone(&alice), alice);
    Ok(AuthProvider::builder(config)
        .user_loader(move |token: Arc<TokenPayload>| {
            let found = (token.subject() == by_id.id).then(|| Arc::clone(&by_id));
            async move { io::Result::Ok(found) }
        })
        .identity_loader(move |name: String| {
            let found = (name == "alice").then(|| Arc::clone(&by_name));
            async move { io::Result::Ok(found) }
        })
        .token_claims(claims)
        .store(MemoryStore::new())
        .build()?)
}

/// What the services learn of a user.
async fn claims(person: Arc<Person>) -> io::Result<TokenClaims> {
    Ok(TokenClaims::new().scope("orders").claim("roles", &person.roles))
}

/// The URL of the keys: all that a service needs of OpenID Connect Discovery.
async fn discovery(State(url): State<Arc<str>>) -> Json<Value> {
    Json(json!({ "issuer": *url, "jwks_uri": format!("{url}/.well-known/jwks.json") }))
}

/// A user of the issuer. The services have a type of their own.
struct Person {
    id: String,
    password_hash: String,
    roles: Vec<String>,
}

impl Person {
    async fn alice() -> Result<Self, BoxError> {
        let password_hash = PasswordHasher::new(PasswordConfig::default())?.hash("green-ideas-sleep").await?;
        Ok(Self { id: "17".to_owned(), password_hash, roles: vec!["clerk".to_owned()] })
    }
}

impl AuthUser for Person {
    fn subject(&self) -> impl AsRef<str> {
        &self.id
    }

    fn password_hash(&self) -> Option<&str> {
        Some(&self.password_hash)
    }

    fn is_active(&self) -> bool {
        true
    }
}
