//! A service that trusts the issuer: no secret, no passwords, no database.

mod on_actix;
mod on_axum;
mod on_poem;

use std::{net::SocketAddr, time::Duration};

use fauth_core::{
    AuthProvider, AuthUser, BoxError, TokenPayload,
    remote::JwksSource,
    token::Algorithm,
    trusted_issuer::{AccessTokenProfile, ClaimMapping, TrustedIssuer},
};
use fauth_remote::HttpFetch;

use crate::{AUDIENCE, Timing};

/// A user, made from the claims of a token.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct User {
    /// The subject alone is not unique: each issuer has its own. If more than one issuer is
    /// trusted, keep the issuer beside it.
    pub id: String,
    /// The roles that the issuer gives.
    pub roles: Vec<String>,
}

impl AuthUser for User {
    fn subject(&self) -> impl AsRef<str> {
        &self.id
    }

    /// For the lifetime of the token: the issuer issues tokens to active users only.
    fn is_active(&self) -> bool {
        true
    }

    fn roles(&self) -> impl IntoIterator<Item: AsRef<str>> {
        &self.roles
    }
}

/// One of the three services, which runs until the process ends.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Service {
    /// The name of its framework.
    pub name: &'static str,
    /// Its address.
    pub address: SocketAddr,
    /// Its provider, which knows the state of its keys.
    pub auth: AuthProvider<User>,
}

/// Starts a service on each framework.
///
/// # Errors
/// If there is no free port, or a setting is out of bounds.
pub async fn start_all(issuer: &str, timing: Timing) -> Result<[Service; 3], BoxError> {
    let [axum, actix, poem] = [(); 3].map(|()| provider(issuer, timing));
    let (axum, actix, poem) = (axum?, actix?, poem?);
    for auth in [&axum, &actix, &poem] {
        // So that no request waits for the keys. Without them a service starts all the same: the
        // first request fetches them.
        if let Err(error) = auth.warm_up().await {
            eprintln!("{error}");
        }
    }
    Ok([
        Service { name: "axum", address: on_axum::start(axum.clone()).await?, auth: axum },
        Service { name: "actix-web", address: on_actix::start(actix.clone()).await?, auth: actix },
        Service { name: "poem", address: on_poem::start(poem.clone()).await?, auth: poem },
    ])
}

fn provider(issuer: &str, timing: Timing) -> Result<AuthProvider<User>, BoxError> {
    let least = Duration::from_secs(1);
    let keys = JwksSource::discover(issuer, HttpFetch::new()?)?
        // The rest is for the short times of this example: the defaults are for real issuers.
        .fresh_between(least, timing.max_age)
        .stale_for(timing.stale_for)
        .unknown_key_interval(least);
    let issuer = TrustedIssuer::new(issuer, keys)
        .audience(AUDIENCE)
        .algorithms([Algorithm::ES256])
        // The issuer knows users but no clients, so its tokens lack the `client_id` that RFC 9068
        // requires. They have all other required claims.
        .profile(AccessTokenProfile::Plain)
        .claims(ClaimMapping::new().roles("roles").scopes("scope"));
    let auth = AuthProvider::resource_server(issuer).user_from_claims(user).build()?;
    Ok(auth)
}

fn user(token: &TokenPayload) -> User {
    User { id: token.subject().to_owned(), roles: token.roles().map(str::to_owned).collect() }
}
