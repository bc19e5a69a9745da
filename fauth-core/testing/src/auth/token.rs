//! Tokens for tests, valid and invalid.

use std::{fmt, future::IntoFuture, pin::Pin, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::{
    AuthUser, OneTimePurpose, Purpose, TokenPayload, TokenRequest,
    clock::Timestamp,
    one_time::OneTimeRequest,
    token::{Algorithm, IssuedToken},
};
use serde_json::Value;

use super::{
    Subject, TestAuth,
    carrying::{Carrier, Proof},
};
use crate::{RequestHeaders, sign_with};

/// A token for a user, from [`TestAuth::token_for`]. `.await` issues it and returns a
/// [`TestToken`].
///
/// ```
/// # use std::time::Duration;
/// # use fauth_testing::{TestAuth, Users, WireRequest};
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let auth = TestAuth::new([Users::new().find("alice")]);
/// let token = auth.token_for("alice").scopes(["read"]).claim("tenant", "acme").await;
/// let request = WireRequest::get("/notes").with(token.headers());
///
/// let old = auth.token_for("alice").expired().await;
/// let forged = auth.token_for("alice").foreign_key().await;
/// # });
/// ```
///
/// The provider issues it, with its own key, issuer and format. It belongs to no session, and has
/// only the scopes and claims that are set here. For those that the application loads, see
/// [`login_as`](TestAuth::login_as).
///
/// # Panics
/// If the provider cannot issue such a token.
#[must_use = "a token is issued when it is awaited"]
pub struct TokenFor<U> {
    auth: TestAuth<U>,
    subject: Subject,
    purpose: Purpose,
    scopes: Vec<String>,
    claims: Vec<(String, Value)>,
    age: Age,
    damage: Damage,
    carrier: Carrier,
}

/// The age of the token.
#[derive(Debug, Clone, Copy)]
enum Age {
    Fresh,
    /// Issued so long ago that this much of its lifetime is left.
    Left(Duration),
    Expired,
}

/// The damage to its signature.
#[derive(Debug, Clone, Copy)]
enum Damage {
    None,
    Unsigned,
    ForeignKey,
    Tampered,
}

/// Longer than any leeway.
const LONG_AGO: i64 = 60 * 60;

impl<U: AuthUser> TokenFor<U> {
    pub(super) const fn new(auth: TestAuth<U>, subject: Subject) -> Self {
        Self {
            auth,
            subject,
            purpose: Purpose::Access,
            scopes: Vec::new(),
            claims: Vec::new(),
            age: Age::Fresh,
            damage: Damage::None,
            carrier: Carrier::Header,
        }
    }

    /// Adds a scope.
    pub fn scope(self, scope: impl Into<String>) -> Self {
        self.scopes([scope])
    }

    /// Adds scopes.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item: Into<String>>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Adds a custom claim.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.push((name.into(), value.into()));
        self
    }

    /// Sets another purpose than access: a refresh token or a one-time token, which are valid for
    /// their purpose only.
    pub const fn purpose(mut self, purpose: Purpose) -> Self {
        self.purpose = purpose;
        self
    }

    /// Makes it a token that expired an hour ago. No clock moves, so the provider may run in real
    /// time.
    pub const fn expired(mut self) -> Self {
        self.age = Age::Expired;
        self
    }

    /// Makes it a token that expires after this time, in whole seconds, and was issued in the past
    /// accordingly.
    ///
    /// # Panics
    /// When it is awaited, if the provider's tokens do not live that long.
    pub const fn expires_in(mut self, left: Duration) -> Self {
        self.age = Age::Left(left);
        self
    }

    /// Makes it a token without a signature, with the algorithm `none`.
    pub const fn unsigned(mut self) -> Self {
        self.damage = Damage::Unsigned;
        self
    }

    /// Signs it with a foreign key.
    pub const fn foreign_key(mut self) -> Self {
        self.damage = Damage::ForeignKey;
        self
    }

    /// Makes its signature invalid, as after a change of its content.
    pub const fn tampered(mut self) -> Self {
        self.damage = Damage::Tampered;
        self
    }

    /// Uses a cookie, with the proof that a page of the application sent the request; see
    /// [`LoginAs::cookie`](super::LoginAs::cookie).
    pub const fn cookie(mut self) -> Self {
        self.carrier = Carrier::Cookie(Proof::Own);
        self
    }

    pub(crate) async fn issue(&self) -> TestToken {
        let subject = self.auth.current(&self.subject).await;
        let issued = match one_time(self.purpose) {
            Some(purpose) => self.issue_one_time(&subject, purpose).await,
            None => self.issue_aged(&subject).await,
        };
        let text = self.damage.done_to(&issued);
        TestToken { headers: self.carrier.headers(&self.auth, &text), text }
    }

    async fn issue_aged(&self, subject: &Subject) -> String {
        let fresh = self.auth.issue(self.purpose, self.request(subject)).await;
        let fresh = text_of(fresh, subject);
        if let Age::Fresh = self.age {
            return fresh;
        }
        // The claims show its lifetime and the provider's current time.
        let read = self.auth.verify_signature_and_claims(&fresh, self.purpose);
        let read = read.unwrap_or_else(|error| panic!("the provider refuses its own token: {error}"));
        let at = self.age.issued_at(&read);
        text_of(self.auth.danger_issue_at(self.purpose, self.request(subject), at).await, subject)
    }

    fn request(&self, subject: &Subject) -> TokenRequest<'static> {
        let request = TokenRequest::for_user(subject).scopes(self.scopes.clone());
        self.claims.iter().fold(request, |request, (name, value)| request.claim(name.clone(), value))
    }

    async fn issue_one_time(&self, subject: &Subject, purpose: OneTimePurpose) -> String {
        let id = subject.id();
        assert!(matches!(self.age, Age::Fresh), "for an expired one-time token, advance the clock");
        assert!(self.scopes.is_empty(), "one-time tokens have no scopes");
        let user = match &self.auth.users {
            Some(users) => users.find(id),
            None => self.auth.load(subject).await,
        };
        let user = user.unwrap_or_else(|| panic!("there is no user `{id}` to issue a one-time token to"));
        let claims = self.claims.iter();
        let request = claims.fold(OneTimeRequest::for_user(&*user), |request, (name, value)| {
            request.claim(name.clone(), value)
        });
        match self.auth.issue_one_time(purpose, request).await {
            Ok(token) => token.expose().to_owned(),
            Err(rejection) => panic!("no one-time token for `{id}`: {rejection}"),
        }
    }
}

fn text_of<E: fmt::Display>(issued: Result<IssuedToken, E>, subject: &Subject) -> String {
    match issued {
        Ok(token) => token.expose().to_owned(),
        Err(error) => panic!("no token for `{}`: {error}", subject.id()),
    }
}

const fn one_time(purpose: Purpose) -> Option<OneTimePurpose> {
    match purpose {
        Purpose::PasswordReset => Some(OneTimePurpose::PasswordReset),
        Purpose::EmailVerification => Some(OneTimePurpose::EmailVerification),
        Purpose::MagicLink => Some(OneTimePurpose::MagicLink),
        Purpose::LoginUnlock => Some(OneTimePurpose::LoginUnlock),
        _ => None,
    }
}

impl Age {
    /// Returns when a token of this age was issued, if `fresh` was issued now.
    fn issued_at(self, fresh: &TokenPayload) -> Timestamp {
        let (now, end) = (fresh.issued_at().unix_seconds(), fresh.expires_at().unix_seconds());
        let lifetime = end - now;
        let ago = match self {
            Self::Fresh => 0,
            Self::Expired => lifetime + LONG_AGO,
            Self::Left(left) => {
                let left = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
                assert!(left <= lifetime, "tokens of this provider live for {lifetime} s, not for {left} s");
                lifetime - left
            }
        };
        Timestamp::from_unix_seconds(now - ago)
    }
}

impl Damage {
    fn done_to(self, token: &str) -> String {
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(signature)) = (parts.next(), parts.next(), parts.next()) else {
            panic!("the provider issues tokens of another form")
        };
        match self {
            Self::None => token.to_owned(),
            Self::Unsigned => {
                let mut header: Value = serde_json::from_slice(&decoded(header)).unwrap();
                header["alg"] = "none".into();
                format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(header.to_string()))
            }
            Self::ForeignKey => {
                let (header, claims) = (decoded(header), decoded(claims));
                let said: Value = serde_json::from_slice(&header).unwrap();
                let algorithm = match said["alg"].as_str() {
                    Some("HS384") => Algorithm::HS384,
                    Some("HS512") => Algorithm::HS512,
                    _ => Algorithm::HS256,
                };
                let foreign = b"of somebody else: 7d1f0c5a92e84b36a5f3c8e1d06b2794-83b6f1d2c9e7405a";
                sign_with(algorithm, foreign, header, claims)
            }
            Self::Tampered => {
                let other = if signature.starts_with('A') { "B" } else { "A" };
                format!("{header}.{claims}.{other}{}", &signature[1..])
            }
        }
    }
}

fn decoded(segment: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(segment).unwrap()
}

impl<U: AuthUser> IntoFuture for TokenFor<U> {
    type Output = TestToken;
    type IntoFuture = Pin<Box<dyn Future<Output = TestToken> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.issue().await })
    }
}

impl<U> Clone for TokenFor<U> {
    fn clone(&self) -> Self {
        Self {
            auth: self.auth.clone(),
            subject: self.subject.clone(),
            scopes: self.scopes.clone(),
            claims: self.claims.clone(),
            ..*self
        }
    }
}

impl<U> fmt::Debug for TokenFor<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFor")
            .field("subject", &self.subject)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// A token issued for a test, with the headers of a request that presents it.
#[derive(Clone)]
pub struct TestToken {
    pub(super) text: String,
    pub(super) headers: RequestHeaders,
}

impl TestToken {
    /// Returns the text of the token.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Returns the headers of a request that presents it.
    pub const fn headers(&self) -> &RequestHeaders {
        &self.headers
    }
}

impl fmt::Debug for TestToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TestToken(..)")
    }
}
