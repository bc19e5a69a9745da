//! The ready-made endpoints, written once for all frameworks. Adapters only mount them.
//!
//! | endpoint | reads | answers |
//! |---|---|---|
//! | `POST /login` | `username`, `password` and, if wanted, `remember`, as JSON or as a form | 200 with the pair of tokens |
//! | `POST /refresh` | `refresh_token`, as JSON, as a form, or from its cookie | 200 with a new pair |
//! | `POST /logout` | the access token; with cookies, also the refresh token | 200; see [`Endpoint::Logout`] |
//! | `POST /logout/all` | the access token of an active user | 200: all of his sessions have ended |
//! | `GET /sessions` | the same | 200 with his live sessions |
//! | `DELETE /sessions/{sid}` | the same | 200: this one has ended; 404 if it is not his |
//!
//! The pair is the body of the answer, `{"access_token","refresh_token","token_type","expires_in"}`, unless a transport of the provider delivers
//! tokens itself, as cookies do: then they are in its headers and nowhere else. Every answer carries `Cache-Control: no-store`, every refusal has the form of
//! the provider's renderer.

use std::{fmt, net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    client::ClientInfo,
    provider::{AuthProvider, Authenticated, Ended, Presented},
    rejection::{Misconfigured, Rejection, to_json},
    reply::{Reply, ResponseHeader},
    request::RequestHead,
    session::LoginRequest,
    store::{Session, SessionId},
    token::{Purpose, TokenPair, TokenPayload},
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
    /// It ends the session of the token, and says what that is worth: `"revoked": true` if nothing that was issued in it opens anything any more,
    /// `false` if the provider was built so that (some of) it lives on until it expires. Cookies are cleared, with a good token or without; a client with bearer
    /// tokens needs a good one.
    Logout,
    /// `POST /logout/all`.
    LogoutAll,
    /// `GET /sessions`.
    Sessions,
    /// `DELETE /sessions/{sid}`.
    Session,
}

impl Endpoint {
    /// The endpoints of a provider: those that it can answer.
    pub fn of<U: AuthUser>(auth: &AuthProvider<U>) -> impl Iterator<Item = Self> + use<U> {
        let has_login = auth.has_password_login();
        let (can_end_all, has_sessions) = (auth.can_end_all(), auth.has_sessions());
        let all = [
            (Self::Login, has_login),
            (Self::Refresh, true),
            (Self::Logout, true),
            (Self::LogoutAll, can_end_all),
            (Self::Sessions, has_sessions),
            (Self::Session, has_sessions),
        ];
        all.into_iter().filter_map(|(endpoint, is_there)| is_there.then_some(endpoint))
    }

    /// Where it is mounted. A name in braces stands for one segment of whatever text.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Login => "/login",
            Self::Refresh => "/refresh",
            Self::Logout => "/logout",
            Self::LogoutAll => "/logout/all",
            Self::Sessions => "/sessions",
            Self::Session => "/sessions/{sid}",
        }
    }

    /// The methods that it answers, as the `Allow` header lists them.
    const fn methods(self) -> &'static str {
        match self {
            Self::Login | Self::Refresh | Self::Logout | Self::LogoutAll => "POST",
            Self::Sessions => "GET, HEAD",
            Self::Session => "DELETE",
        }
    }

    /// Reads a request to this endpoint. This is the synchronous half; [`Call::answer`] is the other.
    pub fn read<U: AuthUser>(
        self,
        auth: &AuthProvider<U>,
        head: &dyn RequestHead,
        body: Result<&[u8], BodyError>,
    ) -> Call<U> {
        let allow = self.methods();
        let parsed = if allow.split(", ").any(|method| method == head.method()) {
            self.parse(auth, head, body)
        } else {
            Err(Rejection::MethodNotAllowed { allow })
        };
        Call { parsed, client: auth.client(head), is_head: head.method() == "HEAD" }
    }

    fn parse<U: AuthUser>(
        self,
        auth: &AuthProvider<U>,
        head: &dyn RequestHead,
        body: Result<&[u8], BodyError>,
    ) -> Result<Parsed<U>, Rejection> {
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
            Self::LogoutAll => Ok(Parsed::LogoutAll(auth.read(head))),
            Self::Sessions => Ok(Parsed::Sessions(auth.read(head))),
            Self::Session => Ok(Parsed::Session(auth.read(head), named_session(head.path()))),
        }
    }
}

/// A request to an endpoint, read and not yet answered. Owns all it needs.
#[must_use = "a call has to be answered"]
#[derive(Debug)]
pub struct Call<U> {
    parsed: Result<Parsed<U>, Rejection>,
    client: ClientInfo,
    is_head: bool,
}

enum Parsed<U> {
    Login {
        identifier: String,
        password: Zeroizing<String>,
        remember: bool,
        /// The session whose cookies this login replaces.
        before: Option<Arc<TokenPayload>>,
    },
    Refresh(Zeroizing<String>),
    Logout(Option<Arc<TokenPayload>>),
    LogoutAll(Presented<U>),
    Sessions(Presented<U>),
    /// `None` for a name that no session has.
    Session(Presented<U>, Option<SessionId>),
}

impl<U> fmt::Debug for Parsed<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login { .. } => "Login(..)",
            Self::Refresh(_) => "Refresh(..)",
            Self::Logout(_) => "Logout(..)",
            Self::LogoutAll(_) => "LogoutAll(..)",
            Self::Sessions(_) => "Sessions(..)",
            Self::Session(..) => "Session(..)",
        })
    }
}

impl<U: AuthUser> Call<U> {
    /// The answer.
    ///
    /// # Errors
    /// The [`Rejection`] to answer with; [`AuthProvider::refuse`] makes the answer.
    pub async fn answer(self, auth: &AuthProvider<U>) -> Result<Reply, Rejection> {
        let client = &self.client;
        match self.parsed? {
            Parsed::Login { identifier, password, remember, before } => {
                let Authenticated { user, epoch } =
                    auth.check_password(&identifier, &password, client).await?;
                auth.end_replaced(before.as_deref(), client).await?;
                let mut request = LoginRequest::for_user(&*user).remember(remember).client(client.clone());
                request.epoch = Some(epoch);
                deliver(auth, &auth.login(request).await?)
            }
            Parsed::Refresh(token) => deliver(auth, &auth.refresh(&token, client).await?),
            Parsed::Logout(payload) => {
                let ended = auth.end_presented(payload.as_deref(), client).await?;
                Ok(forget(auth, answer(&outcome(ended))))
            }
            Parsed::LogoutAll(presented) => {
                let granted = auth.check_session(presented).await?;
                auth.logout_all(granted.payload().subject(), client).await?;
                Ok(forget(auth, answer(&outcome_everywhere(auth.worth_of_logout()))))
            }
            Parsed::Sessions(presented) => {
                let granted = auth.check_session(presented).await?;
                let sessions = auth.sessions(granted.payload().subject()).await?;
                let reply = answer(&listed(&sessions, granted.payload().session_id()));
                Ok(if self.is_head { reply.for_method("HEAD") } else { reply })
            }
            Parsed::Session(presented, named) => {
                let granted = auth.check_session(presented).await?;
                let named = named.ok_or(Rejection::NotFound)?;
                let subject = granted.payload().subject();
                if !auth.revoke_session(subject, &named, client).await? {
                    return Err(Rejection::NotFound);
                }
                let is_current = granted.payload().session_id() == Some(named.as_str());
                let reply = answer(&outcome(auth.worth_of_logout()));
                Ok(if is_current { forget(auth, reply) } else { reply })
            }
        }
    }
}

/// The last segment. The router has matched the path already, and a session id needs no decoding.
fn named_session(path: &str) -> Option<SessionId> {
    path.rsplit('/').next().and_then(SessionId::parse)
}

fn parse_login<U: AuthUser>(
    auth: &AuthProvider<U>,
    head: &dyn RequestHead,
    body: &[u8],
) -> Result<Parsed<U>, Rejection> {
    refuse_foreign_login(auth, head)?;
    let LoginForm { username, password, remember } = parse_body(head, body)?;
    let before = if auth.has_ambient_transport() { auth.verify_refresh_presented(head)? } else { None };
    let password = Zeroizing::new(password);
    Ok(Parsed::Login { identifier: username, password, remember, before: before.map(Arc::new) })
}

fn parse_refresh<U: AuthUser>(
    auth: &AuthProvider<U>,
    head: &dyn RequestHead,
    body: &[u8],
) -> Result<Parsed<U>, Rejection> {
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
/// The refresh token will do then, which lives longer and is what has to be ended.
fn parse_logout<U: AuthUser>(auth: &AuthProvider<U>, head: &dyn RequestHead) -> Result<Parsed<U>, Rejection> {
    let presented = auth.verify_presented(head).and_then(|token| token.ok_or(Rejection::MissingCredential));
    match presented {
        Ok(token) => Ok(Parsed::Logout(Some(token.payload))),
        // Nothing is known then, least of all that there is nothing to end.
        Err(unknown @ Rejection::Unavailable(_)) => Err(unknown),
        Err(_) if auth.has_ambient_transport() => {
            auth.refuse_cross_site(head)?;
            Ok(Parsed::Logout(auth.verify_refresh_presented(head)?.map(Arc::new)))
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

/// Whatever a client keeps by itself, it is told to forget.
fn forget<U: AuthUser>(auth: &AuthProvider<U>, reply: Reply) -> Reply {
    auth.transports().flat_map(Transport::clear).fold(reply, Reply::header)
}

const fn outcome(ended: Ended) -> LoggedOut<'static> {
    let (revoked, detail) = match ended {
        Ended::Tokens => (true, "Nothing that was issued in the session opens anything any more"),
        Ended::Session => (false, "The session has ended; its access tokens stay good until they expire"),
        Ended::Token => (
            false,
            "The token has ended; a refresh token that was issued with it stays good until it expires",
        ),
        Ended::Nothing => {
            (false, "Forget the tokens: they are not kept on the server and stay good until they expire")
        }
        Ended::Unknown => (false, "No good token was sent, so no session could be ended"),
    };
    LoggedOut { revoked, detail }
}

const fn outcome_everywhere(ended: Ended) -> LoggedOut<'static> {
    let (revoked, detail) = match ended {
        Ended::Tokens => (true, "Nothing that was issued before opens anything any more"),
        Ended::Session | Ended::Token | Ended::Nothing | Ended::Unknown => {
            (false, "All sessions have ended; their access tokens stay good until they expire")
        }
    };
    LoggedOut { revoked, detail }
}

fn listed<'a>(sessions: &'a [Session], current: Option<&str>) -> Listed<'a> {
    let entry = |session: &'a Session| Entry {
        id: session.id.as_str(),
        current: current == Some(session.id.as_str()),
        created_at: session.created_at.unix_seconds(),
        last_seen_at: session.last_seen_at.unix_seconds(),
        expires_at: session.ends_at().unix_seconds(),
        remembered: session.remembered,
        client: session.client.as_deref(),
        address: session.address,
    };
    Listed { sessions: sessions.iter().map(entry).collect() }
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
    #[serde(default)]
    remember: bool,
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

#[derive(Serialize)]
struct Listed<'a> {
    sessions: Vec<Entry<'a>>,
}

/// A session in the list of its user. Times are seconds since 1970.
#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    current: bool,
    created_at: i64,
    last_seen_at: i64,
    expires_at: i64,
    remembered: bool,
    client: Option<&'a str>,
    address: Option<IpAddr>,
}

/// What a form must hold, whichever way it is written.
trait Form: Sized + for<'de> Deserialize<'de> {
    fn from_fields(field: impl FnMut(&str) -> Option<String>) -> Option<Self>;
}

impl Form for LoginForm {
    fn from_fields(mut field: impl FnMut(&str) -> Option<String>) -> Option<Self> {
        let remember = field("remember").is_some_and(|value| matches!(&*value, "on" | "true" | "1"));
        Some(Self { username: field("username")?, password: field("password")?, remember })
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
