//! Clients: they log in, send requests to the services, and refresh their tokens in time.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use axum::{
    body::Bytes,
    http::{Request, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::BoxError;
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client as Connections, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Deserialize;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{Issuer, Timing, service::Service};

/// The outcome of the requests.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Tally {
    /// How many requests each service answered, by its name.
    pub requests: BTreeMap<&'static str, u64>,
    /// How many were refused (401 and 403), by their message.
    pub refused: BTreeMap<String, u64>,
    /// How many had no response, or another status than 200, by their outcome.
    pub failed: BTreeMap<String, u64>,
    /// The ids of the keys that signed the sent tokens.
    pub keys: BTreeSet<String>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        let count = |into: &mut BTreeMap<String, u64>, from: BTreeMap<String, u64>| {
            for (what, times) in from {
                *into.entry(what).or_default() += times;
            }
        };
        for (name, times) in other.requests {
            *self.requests.entry(name).or_default() += times;
        }
        count(&mut self.refused, other.refused);
        count(&mut self.failed, other.failed);
        self.keys.extend(other.keys);
    }

    /// How many there were in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.requests.values().sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
        let by_name: Vec<_> = self.requests.iter().map(|(name, times)| format!("{name} {times}")).collect();
        write!(
            f,
            "{} requests ({}) with tokens of {} keys: {} refused, {} failed",
            self.total(),
            by_name.join(", "),
            self.keys.len(),
            total(&self.refused),
            total(&self.failed),
        )?;
        let reasons = self.refused.iter().chain(&self.failed);
        reasons.into_iter().try_for_each(|(what, times)| write!(f, "\n  {times} x {what}"))
    }
}

/// Sends requests to every service as fast as it answers, from `clients` clients each, and returns
/// their outcome. Ends after `span`.
///
/// # Errors
/// If a client cannot log in.
pub async fn load(
    issuer: &Issuer,
    services: &[Service],
    clients: usize,
    (timing, span): (Timing, Duration),
) -> Result<Tally, BoxError> {
    let mut tasks = JoinSet::new();
    for service in services.iter().flat_map(|service| std::iter::repeat_n(service, clients)) {
        let client = Client::log_in(issuer.url()).await?;
        tasks.spawn(client.ask_until(Instant::now() + span, service.clone(), timing.token / 2));
    }
    let mut tally = Tally::default();
    while let Some(part) = tasks.join_next().await {
        tally.add(part??);
    }
    Ok(tally)
}

/// A logged-in user.
#[derive(Debug)]
pub struct Client {
    issuer: String,
    connections: Connections<HttpConnector, Full<Bytes>>,
    tokens: Tokens,
}

#[derive(Debug, Deserialize)]
struct Tokens {
    access_token: String,
    refresh_token: String,
}

impl Client {
    /// Logs alice in.
    ///
    /// # Errors
    /// If the issuer does not answer as it should.
    pub async fn log_in(issuer: &str) -> Result<Self, BoxError> {
        let connections = Connections::builder(TokioExecutor::new()).build_http();
        let tokens =
            form(&connections, &format!("{issuer}/login"), "username=alice&password=green-ideas-sleep")
                .await?;
        Ok(Self { issuer: issuer.to_owned(), connections, tokens })
    }

    /// Exchanges the refresh token for new tokens.
    ///
    /// # Errors
    /// If the issuer does not answer as it should.
    pub async fn refresh(&mut self) -> Result<(), BoxError> {
        let fields = format!("refresh_token={}", self.tokens.refresh_token);
        self.tokens = form(&self.connections, &format!("{}/refresh", self.issuer), &fields).await?;
        Ok(())
    }

    /// Requests the orders from a service. Returns the status and the body of its response.
    ///
    /// # Errors
    /// If there is no response.
    pub async fn ask(&self, service: &Service) -> Result<(StatusCode, String), BoxError> {
        let request = Request::get(format!("http://{}/orders", service.address))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.tokens.access_token))
            .body(Full::default())?;
        let answer = self.connections.request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    async fn ask_until(
        mut self,
        end: Instant,
        service: Service,
        refresh_after: Duration,
    ) -> Result<Tally, BoxError> {
        let mut tally = Tally::default();
        let mut refresh_at = Instant::now() + refresh_after;
        tally.keys.insert(self.key()?);
        while Instant::now() < end {
            if Instant::now() >= refresh_at {
                self.refresh().await?;
                refresh_at = Instant::now() + refresh_after;
                tally.keys.insert(self.key()?);
            }
            *tally.requests.entry(service.name).or_default() += 1;
            match self.ask(&service).await {
                Ok((StatusCode::OK, _)) => {}
                Ok((status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN), body)) => {
                    let what = format!("{} by {}: {body}", status.as_u16(), service.name);
                    *tally.refused.entry(what).or_default() += 1;
                }
                Ok((status, body)) => {
                    let what = format!("{} by {}: {body}", status.as_u16(), service.name);
                    *tally.failed.entry(what).or_default() += 1;
                }
                Err(error) => {
                    *tally.failed.entry(format!("{}: {error}", service.name)).or_default() += 1;
                    sleep_until(Instant::now() + Duration::from_millis(50)).await;
                }
            }
        }
        Ok(tally)
    }

    /// The id of the key that signed the access token. For counting only: unverified claims prove
    /// nothing.
    fn key(&self) -> Result<String, BoxError> {
        let header = self.tokens.access_token.split('.').next().unwrap_or_default();
        let Header { kid } = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header)?)?;
        Ok(kid)
    }
}

#[derive(Deserialize)]
struct Header {
    kid: String,
}

async fn form(
    connections: &Connections<HttpConnector, Full<Bytes>>,
    url: &str,
    fields: &str,
) -> Result<Tokens, BoxError> {
    let request = Request::post(url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::from(fields.to_owned()))?;
    let answer = connections.request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    if status != StatusCode::OK {
        return Err(format!("{url} answered {status}: {}", String::from_utf8_lossy(&body)).into());
    }
    Ok(serde_json::from_slice(&body)?)
}
