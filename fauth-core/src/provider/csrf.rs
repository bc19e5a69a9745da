//! CSRF tokens of requests that are authenticated by a cookie: when one is required, and how it is
//! checked. Settings and values are in `csrf/`.
//!
//! The head is checked where it is read, and the result is kept as a note with the verified token.
//! It takes effect once the user is known and admitted: [`Admitted`] releases the grant only where
//! the note allows it, so there is no way around the check. Only guards can read a form.

use std::future::Future;

use super::{
    csrf_note::{CsrfNote, Standing},
    granted::{Entered, Granted},
    inner::AuthProvider,
    own_only::refuse_foreign,
    presented::{Credential, Found, Presented},
    way::Way,
};
use crate::{
    body::BodyError,
    clock::Timestamp,
    csrf::{Bound, CsrfCookie, CsrfPolicy, CsrfToken, Sent, has_form},
    rejection::{CsrfFault, Misconfigured, OriginFault, Rejection, Unavailable},
    reply::ResponseHeader,
    request::{CsrfProof, RequestHead},
    token::{CsrfValue, IssuedToken, Purpose, TokenPayload},
    transport::Transport,
    user::AuthUser,
};

/// The longest form in which a guard looks for a token, in bytes.
const MAX_FORM_BYTES: usize = 16 * 1024;

/// A user who is admitted if the CSRF token of the request is valid.
#[must_use = "somebody who was admitted has entered only once the note is settled"]
pub(super) struct Admitted<U> {
    granted: Granted<U>,
    note: Option<Box<CsrfNote>>,
}

impl<U> Admitted<U> {
    pub(super) const fn new(granted: Granted<U>, note: Option<Box<CsrfNote>>) -> Self {
        Self { granted, note }
    }

    /// Settles without a body: a token that could only be there counts as missing.
    pub(super) fn settle(self) -> Result<Granted<U>, Rejection> {
        match self.note.map(|note| note.standing) {
            None | Some(Standing::NotAsked | Standing::Proven) => Ok(self.granted),
            Some(Standing::Refused(fault)) => Err(Rejection::InvalidCsrfToken(fault)),
            Some(Standing::InForm) => Err(Rejection::InvalidCsrfToken(CsrfFault::Missing)),
        }
    }
}

/// A user who was admitted.
pub(super) struct Settled<U> {
    pub(super) granted: Granted<U>,
    is_proven: bool,
    lacks_cookie: Option<usize>,
}

/// The CSRF token of a body.
pub(crate) type Brought = Result<Box<str>, CsrfFault>;

fn sent(brought: Option<&Brought>) -> Option<Sent<'_>> {
    brought.map(|brought| brought.as_deref().map(str::as_bytes).map_err(|fault| *fault))
}

/// Reading the head.
impl<U: AuthUser> AuthProvider<U> {
    /// Must a request with a cookie have a token? A request of another origin is refused, and so is
    /// one without an origin if the provider has no CSRF tokens.
    pub(super) fn asks_token(&self, head: &dyn RequestHead) -> Result<bool, Rejection> {
        let Some(policy) = &self.inner.csrf else { return self.check_origin(head).map(|()| false) };
        match self.check_origin(head) {
            Ok(()) => Ok(policy.asks_own(head, self.allowed_in_path())),
            Err(Rejection::CrossSiteRequest(OriginFault::Missing)) => Ok(true),
            Err(rejection) => Err(rejection),
        }
    }

    /// As [`read`](Self::read), with the token of a body.
    pub(crate) fn read_with(&self, head: &dyn RequestHead, brought: Option<&Brought>) -> Presented<U> {
        self.read_sent(head, sent(brought))
    }

    /// Keeps the result for the token in the head beside the credential.
    pub(super) fn note_csrf(
        &self,
        head: &dyn RequestHead,
        credential: &Credential<'_>,
        found: &mut Result<Found<U>, Rejection>,
        sent: Option<Sent<'_>>,
    ) {
        let (Some(policy), Way::Ambient(place)) = (&self.inner.csrf, credential.way) else { return };
        let Ok(Found::Token(verified)) = found else { return };
        let bound = Bound::to(&verified.payload);
        let standing =
            if credential.asks_token { standing(policy, head, &bound, sent) } else { Standing::NotAsked };
        let lacks_cookie = (!policy.has_good_cookie(head, place, &bound)).then_some(place);
        if lacks_cookie.is_some() || !matches!(standing, Standing::NotAsked) {
            verified.csrf = Some(Box::new(CsrfNote { standing, lacks_cookie }));
        }
    }

    /// Refuses a request that acts by cookies alone, whatever its method, unless its origin and,
    /// where one is required, its token show that it was sent by a page of this application.
    /// `logins` are those of the cookies. Returns the logins that the request may act on: all of
    /// them, or, where a token is required, those for which it is valid. Where no cookie is valid,
    /// there is no login for a token to belong to, and the origin decides.
    pub(super) fn prove_cookies(
        &self,
        head: &dyn RequestHead,
        brought: Option<&Brought>,
        logins: impl FnOnce() -> Result<Vec<TokenPayload>, Rejection>,
    ) -> Result<Vec<TokenPayload>, Rejection> {
        let asks_token = self.asks_token(head)?;
        let mut logins = logins()?;
        let Some(policy) = self.inner.csrf.as_ref().filter(|_| asks_token) else { return Ok(logins) };
        if logins.is_empty() {
            return self.check_origin(head).map(|()| logins);
        }
        let proof = head.csrf_proof();
        let proven = proof.as_ref().and_then(|proof| proof.login_of(self.inner.id));
        let sent = policy.in_header(head).or(sent(brought)).unwrap_or(Err(CsrfFault::Missing));
        let mut fault = CsrfFault::Mismatch;
        logins.retain(|login| {
            let bound = Bound::to(login);
            let outcome = sent.and_then(|value| policy.keys().check(&bound, value));
            fault = outcome.err().unwrap_or(fault);
            outcome.is_ok() || proven.is_some_and(|login| login == bound.key())
        });
        if logins.is_empty() { Err(Rejection::InvalidCsrfToken(fault)) } else { Ok(logins) }
    }

    /// Must a refresh by the cookie of the transport in this place have a token? Not if it comes
    /// from an own page that cannot get one: the cookie of the token is gone, and without a valid
    /// access token no guard sets it again.
    pub(super) fn asks_token_to_refresh(
        &self,
        head: &dyn RequestHead,
        brought: Option<&Brought>,
        place: usize,
    ) -> Result<bool, Rejection> {
        if !self.asks_token(head)? {
            return Ok(false);
        }
        let finds_nothing = brought.is_none()
            && self.inner.csrf.as_ref().is_some_and(|policy| policy.finds_nothing(head, place));
        Ok(!(finds_nothing && self.check_origin(head).is_ok()))
    }

    /// The field of request bodies for the token, if there are tokens.
    pub(crate) fn csrf_field(&self) -> Option<&str> {
        self.inner.csrf.as_ref().map(|policy| policy.field())
    }
}

/// The header decides if it is there; otherwise the token of a body that was read already.
fn standing(
    policy: &CsrfPolicy,
    head: &dyn RequestHead,
    bound: &Bound<'_>,
    brought: Option<Sent<'_>>,
) -> Standing {
    match policy.in_header(head).or(brought) {
        Some(sent) => match sent.and_then(|value| policy.keys().check(bound, value)) {
            Ok(()) => Standing::Proven,
            Err(fault) => Standing::Refused(fault),
        },
        None if has_form(head) => Standing::InForm,
        None => Standing::Refused(CsrfFault::Missing),
    }
}

/// Admitting requests.
impl<U: AuthUser> AuthProvider<U> {
    /// Settles the note, by reading the form if the token can only be there. `read` gets the limit.
    pub(super) async fn settle_reading<F, B>(
        &self,
        admitted: Admitted<U>,
        read: impl FnOnce(usize) -> F,
    ) -> Result<Settled<U>, Rejection>
    where
        F: Future<Output = Result<B, BodyError>>,
        B: AsRef<[u8]>,
    {
        let Admitted { granted, note } = admitted;
        let Some(note) = note else { return Ok(Settled { granted, is_proven: false, lacks_cookie: None }) };
        let CsrfNote { standing, lacks_cookie } = *note;
        let is_proven = match standing {
            Standing::NotAsked => false,
            Standing::Proven => true,
            Standing::Refused(fault) => return Err(Rejection::InvalidCsrfToken(fault)),
            Standing::InForm => {
                // Boxed, so that requests without a form do not carry the space for one.
                Box::pin(self.check_form(granted.payload(), read(MAX_FORM_BYTES))).await?;
                true
            }
        };
        Ok(Settled { granted, is_proven, lacks_cookie })
    }

    async fn check_form<B: AsRef<[u8]>>(
        &self,
        payload: &TokenPayload,
        reading: impl Future<Output = Result<B, BodyError>>,
    ) -> Result<(), Rejection> {
        let body = self.in_body_time(reading).await.unwrap_or(Err(BodyError::TooSlow))?;
        let form = body.as_ref();
        if form.len() > MAX_FORM_BYTES {
            return Err(Rejection::PayloadTooLarge);
        }
        let policy = self.csrf_policy()?;
        policy.check_form(form, &Bound::to(payload)).map_err(Rejection::InvalidCsrfToken)
    }

    /// The admitted request, with what the response must contain because of the token.
    pub(super) fn entered(
        &self,
        settled: Settled<U>,
        enter: impl FnOnce(Granted<U>) -> Entered<U>,
    ) -> Result<Entered<U>, Rejection> {
        let Settled { granted, is_proven, lacks_cookie } = settled;
        let cookie = match lacks_cookie {
            None => None,
            Some(place) => self.missing_cookie(place, granted.payload())?,
        };
        let proof = is_proven.then(|| CsrfProof::new(self.inner.id, Bound::to(granted.payload()).key()));
        Ok(enter(granted).with_csrf(proof, cookie))
    }

    fn missing_cookie(
        &self,
        place: usize,
        payload: &TokenPayload,
    ) -> Result<Option<ResponseHeader>, Rejection> {
        let policy = self.csrf_policy()?;
        let Some(cookie) = policy.cookie(place) else { return Ok(None) };
        // The CSRF cookie of a session lives as long as the session's; after an access token, the
        // login can be refreshed.
        let lifetime = match payload.purpose() {
            Purpose::Session => payload.expires_at().since(self.now()?),
            _ => self.inner.session_policy.usual_idle(),
        };
        Ok(Some(cookie.set_for(&self.new_value(policy, payload)?, lifetime)))
    }
}

/// Creating tokens.
impl<U: AuthUser> AuthProvider<U> {
    /// Returns a new CSRF token for the session of a request. For guests, and for clients with a
    /// token in a header, the result says that none is needed. An invalid credential is refused, as
    /// by [`check_optional`](Self::check_optional). Behind a guard, the credential is the one that
    /// the guard has accepted.
    ///
    /// # Errors
    /// As [`check_optional`](Self::check_optional), and [`Rejection::Misconfigured`] if the
    /// provider was built without [`csrf_tokens`](crate::AuthProviderBuilder::csrf_tokens).
    pub async fn csrf_token(&self, presented: Presented<U>) -> Result<CsrfToken, Rejection> {
        self.csrf_policy()?;
        let granted = self.check_optional(presented).await?;
        self.csrf_token_of(granted.as_ref())
    }

    pub(super) fn csrf_token_of(&self, granted: Option<&Granted<U>>) -> Result<CsrfToken, Rejection> {
        let policy = self.csrf_policy()?;
        match granted.map(|granted| (granted.way(), granted.payload())) {
            Some((Way::Ambient(place), payload)) => {
                let value = self.new_value(policy, payload)?;
                Ok(page_token(policy, Some(place), Some(value)))
            }
            _ => Ok(page_token(policy, None, None)),
        }
    }

    /// Returns a new CSRF token for the login of a token, however that was sent: for tests, and for
    /// code that renders pages without access to the request.
    ///
    /// # Security
    /// Together with the user's cookies, the value allows acting as the user. Send it only to pages
    /// of this login.
    ///
    /// # Errors
    /// [`Rejection::Misconfigured`] if the provider was built without
    /// [`csrf_tokens`](crate::AuthProviderBuilder::csrf_tokens), [`Rejection::Unavailable`] if the
    /// random generator fails, and [`Rejection::Forbidden`] for a token of another issuer.
    pub fn csrf_token_for(&self, payload: &TokenPayload) -> Result<CsrfToken, Rejection> {
        refuse_foreign(payload)?;
        let policy = self.csrf_policy()?;
        let value = self.new_value(policy, payload)?;
        Ok(page_token(policy, None, Some(value)))
    }

    /// Returns whether the provider uses [CSRF tokens](crate::AuthProviderBuilder::csrf_tokens).
    #[must_use]
    pub fn has_csrf_tokens(&self) -> bool {
        self.inner.csrf.is_some()
    }

    /// The CSRF value for the session of a token that was just issued.
    pub(super) fn value_beside(
        &self,
        token: &IssuedToken,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<CsrfValue>, Rejection> {
        let Some(policy) = &self.inner.csrf else { return Ok(None) };
        let payload = self.inner.verifier.verify(token.expose().as_bytes(), purpose, now)?;
        Ok(Some(CsrfValue(self.new_value(policy, &payload)?)))
    }

    /// The cookie with this value, which lives as long as the one that is set beside it.
    pub(super) fn csrf_cookie(
        &self,
        place: usize,
        value: Option<&CsrfValue>,
        beside: &[ResponseHeader],
    ) -> Option<ResponseHeader> {
        let cookie = self.inner.csrf.as_ref()?.cookie(place)?;
        Some(cookie.set_beside(&value?.0, beside))
    }

    /// The header that deletes the CSRF cookie together with that of a token of this purpose. If an
    /// access token has ended whose login can be refreshed, the value is still valid, and needed
    /// for the refresh.
    pub(super) fn forget_csrf(
        &self,
        place: usize,
        transport: &dyn Transport,
        purpose: Purpose,
    ) -> Option<ResponseHeader> {
        let policy = self.inner.csrf.as_ref()?;
        let ends_login = purpose == Purpose::Refresh || transport.forget(Purpose::Refresh).is_empty();
        ends_login.then(|| policy.cookie(place)).flatten().map(CsrfCookie::forget)
    }

    /// The headers that delete the CSRF cookies of all transports.
    pub(super) fn forget_all_csrf(&self) -> Vec<ResponseHeader> {
        let cookies = self.inner.csrf.iter().flat_map(|policy| policy.cookies());
        cookies.map(CsrfCookie::forget).collect()
    }

    fn csrf_policy(&self) -> Result<&CsrfPolicy, Rejection> {
        let missing = Rejection::Misconfigured(Misconfigured::NoCsrfTokens);
        self.inner.csrf.as_deref().ok_or(missing)
    }

    fn new_value(&self, policy: &CsrfPolicy, payload: &TokenPayload) -> Result<Box<str>, Rejection> {
        let value = policy.keys().make(&Bound::to(payload), self.random()?);
        value.map(Into::into).ok_or(Rejection::Unavailable(Unavailable::Issuer))
    }
}

/// Without a place, the names are those of the first transport that has a cookie.
fn page_token(policy: &CsrfPolicy, place: Option<usize>, value: Option<Box<str>>) -> CsrfToken {
    let cookie = place.and_then(|place| policy.cookie(place)).or(policy.cookies().first().copied());
    CsrfToken {
        value,
        field: policy.field().into(),
        header: policy.header().into(),
        cookie: cookie.map_or("", CsrfCookie::name).into(),
    }
}
