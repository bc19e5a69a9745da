//! The paths of the ready-made endpoints, and which of them are shared with a page of the
//! application.
//!
//! This is plain data: an adapter iterates over it and mounts each endpoint.

use std::{borrow::Cow, panic::Location, sync::Arc};

use crate::{
    audit::Declaration,
    error::ConfigError,
    limit::{IntoLimit, Limit},
    limiter::Limiter,
    provider::AuthProvider,
    rejection::Rejection,
    reply::Reply,
    request::RequestHead,
    routes::{BodyError, Call, Endpoint},
    rules::{self, RulePath, exact},
    token::Purpose,
    user::AuthUser,
};

/// The mounted ready-made endpoints and their paths.
///
/// ```
/// use fauth_core::{mounts::Mounts, routes::Endpoint};
/// # let auth = fauth_testing::provider().build().unwrap();
///
/// let mounts = Mounts::of(&auth)
///     .without(Endpoint::LogoutAll)
///     .at(Endpoint::Login, "/signin")
///     .at(Endpoint::Session, "/devices/{sid}");
/// assert!(mounts.iter().any(|mount| mount.path() == "/signin"));
/// ```
#[derive(Debug, Clone)]
pub struct Mounts {
    mounts: Vec<Mount>,
    declaration: Arc<Declaration>,
}

/// One endpoint at its path.
#[derive(Debug, Clone)]
pub struct Mount {
    endpoint: Endpoint,
    path: Cow<'static, str>,
    has_page: bool,
    /// Each with the code location that added it.
    limits: Vec<(Result<Limit, ConfigError>, &'static Location<'static>)>,
    /// Keeps the endpoints in the provider's audit list for as long as one of them is mounted.
    #[expect(dead_code, reason = "it is there to be held")]
    declaration: Arc<Declaration>,
}

impl Mounts {
    /// All endpoints that this provider can answer, each at its default path.
    #[must_use]
    #[track_caller]
    pub fn of<U: AuthUser>(auth: &AuthProvider<U>) -> Self {
        let declaration = auth.declare(Declaration::of_endpoints());
        let mount = |endpoint: Endpoint| {
            let path = match auth.resource_metadata() {
                Some(metadata) if endpoint == Endpoint::ResourceMetadata => metadata.path().to_owned().into(),
                _ => endpoint.path().into(),
            };
            let declaration = Arc::clone(&declaration);
            Mount { endpoint, path, has_page: false, limits: Vec::new(), declaration }
        };
        let mounts = Endpoint::of(auth).map(mount).collect();
        Self { mounts, declaration }.declared()
    }

    /// Updates the audit list with the current endpoints.
    fn declared(self) -> Self {
        let endpoint = |mount: &Mount| {
            let limits = mount.limits().map(Limit::in_words).collect();
            (mount.path.to_string(), mount.endpoint.methods(), mount.endpoint.access(), limits)
        };
        let pages = self.mounts.iter().filter(|mount| mount.has_page).map(Mount::path);
        self.declaration.set_endpoints(self.mounts.iter().map(endpoint), pages);
        self
    }

    /// Keeps only these endpoints.
    #[must_use]
    pub fn only(mut self, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        let kept: Vec<_> = endpoints.into_iter().collect();
        self.mounts.retain(|mount| kept.contains(&mount.endpoint));
        self.declared()
    }

    /// Removes this endpoint.
    #[must_use]
    pub fn without(mut self, endpoint: Endpoint) -> Self {
        self.mounts.retain(|mount| mount.endpoint != endpoint);
        self.declared()
    }

    /// Mounts an endpoint at another path. A name in braces stands for one segment of any text; the
    /// last segment of [`Endpoint::Session`] is the session id.
    ///
    /// If the endpoint does not exist, because the provider cannot answer it or it was removed, an
    /// error is logged.
    #[must_use]
    pub fn at(mut self, endpoint: Endpoint, path: impl Into<String>) -> Self {
        if let Some(mount) = self.find(endpoint) {
            mount.path = Cow::Owned(path.into());
        }
        self.declared()
    }

    /// Leaves GET and HEAD at the path of this endpoint to a page of the application, such as the
    /// form that posts to `/login`.
    ///
    /// [`Endpoint::Sessions`], [`Endpoint::Jwks`] and [`Endpoint::ResourceMetadata`] answer GET
    /// themselves: they stay unchanged, and an error is logged.
    #[must_use]
    pub fn page(mut self, endpoint: Endpoint) -> Self {
        if endpoint.answers_get() {
            report(endpoint, "this endpoint answers GET itself: give the page another path");
        } else if let Some(mount) = self.find(endpoint) {
            mount.has_page = true;
        }
        self.declared()
    }

    /// Puts a limit in front of an endpoint, as `"5/minute"` or a [`Limit`]: requests beyond it are
    /// refused before their body is read. A page at the same path is not limited. If an endpoint
    /// has several limits, all of them apply.
    ///
    /// If the endpoint does not exist, because the provider cannot answer it or it was removed, an
    /// error is logged.
    #[must_use]
    #[track_caller]
    pub fn limit(mut self, endpoint: Endpoint, limit: impl IntoLimit) -> Self {
        let at = Location::caller();
        if let Some(mount) = self.find(endpoint) {
            mount.limits.push((limit.into_limit(), at));
        }
        self.declared()
    }

    /// The mounts, in the order of [`Endpoint::of`].
    pub fn iter(&self) -> impl Iterator<Item = &Mount> {
        self.mounts.iter()
    }

    /// The paths of the endpoints mounted under `prefix` (empty for none), for rules that leave
    /// them open. The endpoints check the credentials they need themselves, and a private login
    /// endpoint would lock every user out. Each path is open for the methods of its endpoint, and
    /// for GET and HEAD if it has a page. An id at the end of a path is covered by the prefix
    /// before it.
    ///
    /// A path with a name in braces elsewhere, or with an id at the end but not below the list of
    /// sessions, is left out and an error is logged, because the rule would open more than the
    /// endpoint. Write a rule for it.
    ///
    /// ```
    /// use fauth_core::{RouteRules, mounts::Mounts};
    /// # let auth = fauth_testing::provider().build().unwrap();
    ///
    /// let rules = RouteRules::private_by_default()
    ///     .public_all(Mounts::of(&auth).rule_paths(""))
    ///     .build()?;
    /// assert_eq!(rules.access("POST", "/login").unwrap().to_string(), "open");
    /// assert_eq!(rules.access("DELETE", "/sessions/7").unwrap().to_string(), "open");
    /// assert_eq!(rules.access("GET", "/sessions/7").unwrap().to_string(), "user");
    /// assert_eq!(rules.access("POST", "/login/x").unwrap().to_string(), "user");
    /// # Ok::<(), fauth_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn rule_paths(&self, prefix: &str) -> Vec<RulePath> {
        let mut paths = Vec::new();
        for mount in &self.mounts {
            let path = match mount.path.split_once("/{") {
                // Everything below a list of sessions is a session; elsewhere it could be anything.
                Some((before, name)) if name.contains('/') || !self.lists_sessions_at(before) => {
                    let problem = "no rule opens this endpoint: its path has a name in braces before its \
                        end, or is not below the list of sessions";
                    report(mount.endpoint, problem);
                    continue;
                }
                Some((before, _)) => rules::prefix(format!("{prefix}{before}")),
                None => exact(format!("{prefix}{}", mount.path)),
            };
            let (endpoint, has_page) = (mount.endpoint, mount.has_page);
            let methods = if has_page { endpoint.methods_beside_a_page() } else { endpoint.methods() };
            // HEAD counts as GET.
            let path = path.methods(methods.split(", ").filter(|method| *method != "HEAD"));
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths
    }

    fn lists_sessions_at(&self, path: &str) -> bool {
        self.mounts.iter().any(|mount| mount.endpoint == Endpoint::Sessions && &*mount.path == path)
    }

    /// The endpoints as listed in audits.
    #[must_use]
    pub const fn declaration(&self) -> &Arc<Declaration> {
        &self.declaration
    }

    fn find(&mut self, endpoint: Endpoint) -> Option<&mut Mount> {
        let found = self.mounts.iter_mut().find(|mount| mount.endpoint == endpoint);
        if found.is_none() {
            report(endpoint, "this endpoint was removed, or the provider lacks what it needs");
        }
        found
    }
}

fn report(endpoint: Endpoint, problem: &str) {
    tracing::error!(target: "fauth", event = "endpoint_not_mounted", endpoint = ?endpoint, "{problem}");
}

impl Mount {
    /// The endpoint.
    #[must_use]
    pub const fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// The path. A name in braces stands for one segment of any text.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns whether GET and HEAD belong to a page of the application. The adapter then routes
    /// those methods to the page, and all others to the endpoint.
    #[must_use]
    pub const fn has_page(&self) -> bool {
        self.has_page
    }

    /// The limiter of this endpoint, if it has limits. An adapter consults it before it reads the
    /// body. An invalid limit is logged, and every request is then refused with 500.
    #[must_use]
    pub fn limiter<U: AuthUser>(&self, auth: &AuthProvider<U>) -> Option<Limiter<U>> {
        let limiters = self.limits.iter().map(|(limit, at)| Limiter::at(auth, limit.clone(), at));
        limiters.reduce(|first, next| next.behind(Some(first)))
    }

    /// The limits, for documents and audits.
    pub(crate) fn limits(&self) -> impl Iterator<Item = &Limit> {
        self.limits.iter().filter_map(|(limit, _)| limit.as_ref().ok())
    }

    /// Waits for the body that an adapter is `reading`, at most for the provider's
    /// [`body_timeout`](crate::AuthProviderBuilder::body_timeout).
    ///
    /// # Errors
    /// [`BodyError::TooSlow`] on a timeout, otherwise the error of `reading`.
    pub async fn await_body<U: AuthUser, B>(
        &self,
        auth: &AuthProvider<U>,
        reading: impl Future<Output = Result<B, BodyError>>,
    ) -> Result<B, BodyError> {
        auth.in_body_time(reading).await.unwrap_or(Err(BodyError::TooSlow))
    }

    /// Reads a request to the endpoint, like [`Endpoint::read`]. For an unsupported method, `Allow`
    /// names the methods of the endpoint and its page.
    pub fn read<U: AuthUser>(
        &self,
        auth: &AuthProvider<U>,
        head: &dyn RequestHead,
        body: Result<&[u8], BodyError>,
    ) -> Call<U> {
        let allow =
            if self.has_page { self.endpoint.methods_beside_a_page() } else { self.endpoint.methods() };
        self.endpoint.read_allowing(allow, auth, head, body)
    }

    /// The answer to a refused request. A refused cookie is deleted: that of the refresh token if
    /// this endpoint read it, that of the access token if the endpoint requires a user.
    ///
    /// Pass the value of [`Call::has_token_in_body`] as `token_in_body`, or `false` if the request
    /// was refused before it was read.
    pub fn refuse<U: AuthUser>(
        &self,
        auth: &AuthProvider<U>,
        rejection: &Rejection,
        head: &dyn RequestHead,
        token_in_body: bool,
    ) -> Reply {
        // If the refused token came in the body, the cookie may still be valid: a page of another
        // origin must not be able to delete it.
        let purpose = match self.endpoint {
            Endpoint::Refresh if !token_in_body => Some(Purpose::Refresh),
            Endpoint::Login
            | Endpoint::Refresh
            | Endpoint::Logout
            | Endpoint::Jwks
            | Endpoint::ResourceMetadata => None,
            Endpoint::LogoutAll | Endpoint::Sessions | Endpoint::Session => Some(Purpose::Access),
        };
        auth.refuse_for(purpose, rejection, head)
    }
}
