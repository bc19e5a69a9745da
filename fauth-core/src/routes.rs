//! The ready-made endpoints, written once for all frameworks. Adapters only mount them.
//!
//! | endpoint | reads | answers |
//! |---|---|---|
//! | `POST /login` | `username` and `password`, as JSON or as a form | 200 with the pair of tokens |
//! | `POST /refresh` | `refresh_token`, as JSON, as a form, or from its cookie | 200 with a new pair |
//! | `POST /logout` | the access token, if there is one | 200; see [`Endpoint::Logout`] |
//!
//! The pair is the body of the answer, `{"access_token","refresh_token","token_type","expires_in"}`, unless a transport of the provider delivers
//! tokens itself, as cookies do: then they are in its headers and nowhere else. Every answer carries `Cache-Control: no-store`, every refusal has the form of
//! the provider's renderer.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    event::{Event, EventKind, Sender},
    provider::AuthProvider,
    rejection::{Misconfigured, Rejection, Reply, ResponseHeader, to_json},
    request::RequestHead,
    token::{Purpose, TokenPair, TokenPayload, TokenRequest},
    transport::{SetTokenError, Transport},
    user::AuthUser,
};

/// The longest body that an endpoint reads, in bytes. An adapter stops reading there.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// Why an adapter has no body to hand over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyError {
    /// It is longer than [`MAX_BODY_BYTES`].
    TooLarge,
    /// It broke off.
    Incomplete,
}

/// One ready-made endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /login`.
    Login,
    /// `POST /refresh`.
    Refresh,
    /// `POST /logout`.
    ///
    /// # Security
    /// For now it ends nothing on the server, and says so (`"revoked": false`): the tokens stay good until they expire. Cookies are cleared, with a good access
    /// token or without; a client with bearer tokens needs a good one.
    Logout,
}

impl Endpoint {
    /// The endpoints of a provider: all of them, without the login if it has no password login.
    pub fn of<U: AuthUser>(auth: &AuthProvider<U>) -> impl Iterator<Item = Self> + use<U> {
        let has_login = auth.has_password_login();
        [Self::Login, Self::Refresh, Self::Logout]
            .into_iter()
            .filter(move |endpoint| has_login || *endpoint != Self::Login)
    }

    /// Where it is mounted.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Login => "/login",
            Self::Refresh => "/refresh",
            Self::Logout => "/logout",
        }
    }

    /// Reads a request to this endpoint. This is the synchronous half; [`Call::answer`] is the other.
    pub fn read<U: AuthUser>(
        self,
        auth: &AuthProvider<U>,
        head: &dyn RequestHead,
        body: Result<&[u8], BodyError>,
    ) -> Call {
        let parsed = match head.method() {
            "POST" => self.parse(auth, head, body),
            _ => Err(Rejection::MethodNotAllowed { allow: "POST" }),
        };
        Call { parsed, sender: Sender::of(head) }
    }

    fn parse<U: AuthUser>(
        self,
        auth: &AuthProvider<U>,
        head: &dyn RequestHead,
        body: Result<&[u8], BodyError>,
    ) -> Result<Parsed, Rejection> {
        let body = body
            .and_then(|body| if body.len() > MAX_BODY_BYTES { Err(BodyError::TooLarge) } else { Ok(body) });
        let body = body.map_err(|error| match error {
            BodyError::TooLarge => Rejection::PayloadTooLarge,
            BodyError::Incomplete => Rejection::InvalidRequest,
        })?;
        match self {
            Self::Login => parse_login(auth, head, body),
            Self::Refresh => parse_refresh(auth, head, body),
            Self::Logout => parse_logout(auth, head),
        }
    }
}

/// A request to an endpoint, read and not yet answered. Owns all it needs.
#[must_use = "a call has to be answered"]
#[derive(Debug)]
pub struct Call {
    parsed: Result<Parsed, Rejection>,
    sender: Sender,
}

enum Parsed {
    Login { identifier: String, password: Zeroizing<String> },
    Refresh(Zeroizing<String>),
    Logout(Option<Arc<TokenPayload>>),
}

impl std::fmt::Debug for Parsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Login { .. } => "Login(..)",
            Self::Refresh(_) => "Refresh(..)",
            Self::Logout(_) => "Logout(..)",
        })
    }
}

impl Call {
    /// The answer.
    ///
    /// # Errors
    /// The [`Rejection`] to answer with; [`AuthProvider::refuse`] makes the answer.
    pub async fn answer<U: AuthUser>(self, auth: &AuthProvider<U>) -> Result<Reply, Rejection> {
        let sender = &self.sender;
        match self.parsed? {
            Parsed::Login { identifier, password } => {
                let user = auth.authenticate_sender(&identifier, &password, sender).await?;
                let request = TokenRequest::new(user.subject().as_ref().to_owned());
                deliver(auth, &auth.login_sender(request, sender).await?)
            }
            Parsed::Refresh(token) => deliver(auth, &auth.refresh_sender(&token, sender).await?),
            Parsed::Logout(payload) => Ok(log_out(auth, payload.as_deref(), sender)),
        }
    }
}

fn parse_login<U: AuthUser>(
    auth: &AuthProvider<U>,
    head: &dyn RequestHead,
    body: &[u8],
) -> Result<Parsed, Rejection> {
    refuse_foreign_login(auth, head)?;
    let LoginForm { username, password } = parse_body(head, body)?;
    Ok(Parsed::Login { identifier: username, password: Zeroizing::new(password) })
}

fn parse_refresh<U: AuthUser>(
    auth: &AuthProvider<U>,
    head: &dyn RequestHead,
    body: &[u8],
) -> Result<Parsed, Rejection> {
    refuse_foreign_login(auth, head)?;
    if !body.is_empty() {
        let RefreshForm { refresh_token } = parse_body(head, body)?;
        return Ok(Parsed::Refresh(Zeroizing::new(refresh_token)));
    }
    let credential = auth.find_credential(head, Purpose::Refresh)?.ok_or(Rejection::MissingCredential)?;
    credential.token.check_grammar().map_err(Rejection::MalformedCredential)?;
    Ok(Parsed::Refresh(credential.token.into_owned()))
}

/// With cookies, a good token is not needed: that one has run out is no reason to keep the cookies.
fn parse_logout<U: AuthUser>(auth: &AuthProvider<U>, head: &dyn RequestHead) -> Result<Parsed, Rejection> {
    let presented = auth.verify_presented(head).and_then(|token| token.ok_or(Rejection::MissingCredential));
    match presented {
        Ok(token) => Ok(Parsed::Logout(Some(token.payload))),
        Err(_) if auth.has_ambient_transport() => {
            auth.refuse_cross_site(head)?;
            Ok(Parsed::Logout(None))
        }
        Err(rejection) => Err(rejection),
    }
}

/// Whoever can make a browser log in as somebody else sees what its user does there. Where the answer sets cookies, only own pages may ask for it; bearer
/// tokens are safe from that, since nothing attaches them.
fn refuse_foreign_login<U: AuthUser>(
    auth: &AuthProvider<U>,
    head: &dyn RequestHead,
) -> Result<(), Rejection> {
    if auth.has_ambient_transport() { auth.refuse_cross_site(head) } else { Ok(()) }
}

/// The pair, by the first transport that delivers tokens itself, otherwise in the body.
fn deliver<U: AuthUser>(auth: &AuthProvider<U>, pair: &TokenPair) -> Result<Reply, Rejection> {
    for transport in auth.transports() {
        let access = transport.set(&pair.access, Purpose::Access, pair.access_lifetime).map_err(too_long)?;
        if access.is_empty() {
            continue;
        }
        let refresh =
            transport.set(&pair.refresh, Purpose::Refresh, pair.refresh_lifetime).map_err(too_long)?;
        let body = Delivered {
            refresh_token: refresh.is_empty().then(|| pair.refresh.expose()),
            expires_in: pair.access_lifetime.as_secs(),
        };
        return Ok(access.into_iter().chain(refresh).fold(answer(&body), Reply::header));
    }
    Ok(answer(pair))
}

fn too_long(_: SetTokenError) -> Rejection {
    Rejection::Misconfigured(Misconfigured::TokenTooLongForCookie)
}

fn log_out<U: AuthUser>(auth: &AuthProvider<U>, payload: Option<&TokenPayload>, sender: &Sender) -> Reply {
    let mut event = Event::new(EventKind::LoggedOut).sender(sender);
    event.subject = payload.map(TokenPayload::subject);
    auth.raise(&event);
    let body = LoggedOut {
        revoked: false,
        detail: "Forget the tokens: they are not kept on the server and stay good until they expire",
    };
    auth.transports().flat_map(Transport::clear).fold(answer(&body), Reply::header)
}

fn answer(body: &impl Serialize) -> Reply {
    Reply::new(OK)
        .body("application/json", to_json(body))
        .header(ResponseHeader::new("cache-control", "no-store"))
}

/// The one status that is no refusal.
const OK: u16 = 200;

#[derive(Deserialize)]
struct LoginForm {
    username: String,
    password: String,
}

#[derive(Deserialize)]
struct RefreshForm {
    refresh_token: String,
}

#[derive(Serialize)]
struct Delivered<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    expires_in: u64,
}

#[derive(Serialize)]
struct LoggedOut<'a> {
    revoked: bool,
    detail: &'a str,
}

/// What a form must hold, whichever way it is written.
trait Form: Sized + for<'de> Deserialize<'de> {
    fn from_fields(field: impl FnMut(&str) -> Option<String>) -> Option<Self>;
}

impl Form for LoginForm {
    fn from_fields(mut field: impl FnMut(&str) -> Option<String>) -> Option<Self> {
        Some(Self { username: field("username")?, password: field("password")? })
    }
}

impl Form for RefreshForm {
    fn from_fields(mut field: impl FnMut(&str) -> Option<String>) -> Option<Self> {
        Some(Self { refresh_token: field("refresh_token")? })
    }
}

fn parse_body<F: Form>(head: &dyn RequestHead, body: &[u8]) -> Result<F, Rejection> {
    let content_type = head.header("content-type");
    let media_type =
        content_type.single().and_then(|value| value.split(|b| *b == b';').next()).unwrap_or_default();
    let media_type = media_type.trim_ascii();
    if media_type.eq_ignore_ascii_case(b"application/json") {
        return parse_json(body).ok_or(Rejection::InvalidRequest);
    }
    if media_type.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        return parse_form(body).ok_or(Rejection::InvalidRequest);
    }
    Err(Rejection::UnsupportedMediaType)
}

/// An object: serde would take an array for a form too. It refuses members that occur twice by itself.
fn parse_json<F: Form>(body: &[u8]) -> Option<F> {
    body.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(body).ok())?
}

/// A field may occur once. What is not UTF-8 is refused: decoded with replacement characters, different passwords would become equal.
fn parse_form<F: Form>(body: &[u8]) -> Option<F> {
    F::from_fields(|name| {
        let mut values = form_urlencoded::parse(body).filter(|(key, _)| key == name);
        let (_, value) = values.next()?;
        let is_exact = values.next().is_none() && !value.contains(char::REPLACEMENT_CHARACTER);
        is_exact.then(|| value.into_owned())
    })
}
