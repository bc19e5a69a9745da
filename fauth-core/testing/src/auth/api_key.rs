//! API keys for tests.

use std::{fmt, future::IntoFuture, pin::Pin};

use fauth_core::{AuthUser, api_key::ApiKeyRequest};

use super::{Subject, TestAuth, TestToken};
use crate::RequestHeaders;

/// An API key of a user, from [`TestAuth::api_key_for`]. `.await` creates it and returns a
/// [`TestToken`], whose headers present it as a bearer token.
///
/// # Panics
/// If the provider cannot create such a key.
#[must_use = "a key is made when it is awaited"]
pub struct ApiKeyFor<U> {
    auth: TestAuth<U>,
    subject: Subject,
    scopes: Vec<String>,
}

impl<U: AuthUser> ApiKeyFor<U> {
    pub(super) const fn new(auth: TestAuth<U>, subject: Subject) -> Self {
        Self { auth, subject, scopes: Vec::new() }
    }

    /// Adds a scope.
    pub fn scope(self, scope: impl Into<String>) -> Self {
        self.scopes([scope])
    }

    /// Adds scopes that the application knows.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item: Into<String>>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    pub(crate) async fn make(&self) -> TestToken {
        let subject = self.auth.current(&self.subject).await;
        let request = ApiKeyRequest::new("test").scopes(self.scopes.clone());
        match self.auth.danger_create_api_key_for(subject.id(), request).await {
            Ok(key) => {
                let mut headers = RequestHeaders::none();
                headers.push("authorization", format!("Bearer {}", key.expose()));
                TestToken { text: key.expose().to_owned(), headers }
            }
            Err(error) => panic!("no API key for `{}`: {error}", subject.id()),
        }
    }
}

impl<U: AuthUser> IntoFuture for ApiKeyFor<U> {
    type Output = TestToken;
    type IntoFuture = Pin<Box<dyn Future<Output = TestToken> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.make().await })
    }
}

impl<U> Clone for ApiKeyFor<U> {
    fn clone(&self) -> Self {
        let Self { auth, subject, scopes } = self;
        Self { auth: auth.clone(), subject: subject.clone(), scopes: scopes.clone() }
    }
}

impl<U> fmt::Debug for ApiKeyFor<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyFor").field("subject", &self.subject).finish_non_exhaustive()
    }
}
