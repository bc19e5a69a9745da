//! The ready-made endpoints, shared by all frameworks. Adapters only mount them, at the paths that
//! [`mounts`](crate::mounts) gives.
//!
//! | endpoint | reads | answers |
//! |---|---|---|
//! | `POST /login` | `username`, `password` and optionally `remember`, `scope` and `unlock_token` | 200 with the token pair |
//! | `POST /refresh` | `refresh_token`, from the body or from its cookie | 200 with a new pair |
//! | `POST /logout` | the access or refresh token, from a header, a cookie, or the body field `refresh_token` or `token` (RFC 7009) | 200; see [`Endpoint::Logout`] |
//! | `POST /logout/all` | the access token of an active user | 200: all sessions of the user have ended |
//! | `GET /sessions` | the same | 200 with the user's live sessions |
//! | `DELETE /sessions/{sid}` | the same | 200: this session has ended; 404 if it is not one of the user's |
//! | `GET /.well-known/jwks.json` | nothing; it is public | 200 with the public keys (RFC 7517), if tokens are signed with an asymmetric key or by a key ring; see [`Endpoint::Jwks`] |
//! | `GET /.well-known/oauth-protected-resource` | nothing; it is public | 200 with the metadata of the resource (RFC 9728), if they are published; see [`Endpoint::ResourceMetadata`] |
//!
//! Bodies are JSON objects or forms (`application/x-www-form-urlencoded`), with the same fields and
//! values in both:
//!
//! - `remember` is one of `true`, `false`, `on`, `off`, `yes`, `no`, `1` and `0`.
//! - `scope` is a space-separated list of scopes to which the login is narrowed. An empty value
//!   counts as absent (RFC 6749 section 3.1).
//! - `unlock_token` is a mailed token of the [login throttle](crate::throttle). An empty value
//!   counts as absent.
//!
//! A field that is null counts as absent. Other fields are ignored.
//!
//! The token pair is sent either in the body, as
//! `{"access_token","refresh_token","token_type","expires_in"}` and `scope`, or in cookies only;
//! [`login_reply`](crate::AuthProvider::login_reply) says which. Every answer except the public
//! documents carries `Cache-Control: no-store`. Every refusal is rendered by the provider's
//! renderer.

mod body;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

use std::{fmt, future::Future, net::IpAddr, pin::Pin};

use serde::Serialize;
use zeroize::Zeroizing;

use self::body::Fields;
pub use crate::body::BodyError;
use crate::{
    access::Access,
    client::ClientInfo,
    provider::{AuthProvider, PendingLogin, Presented, answer, outcome, outcome_everywhere},
    rejection::{MalformedCredential, Rejection, Unavailable},
    reply::{Reply, ResponseHeader},
    request::RequestHead,
    requirement::Requirement,
    resource_metadata::WELL_KNOWN,
    session::{LoginRequest, LogoutRequest, RefreshRequest},
    store::{Session, SessionId},
    token::JwksDocument,
    user::AuthUser,
};

/// The maximum length of a body that an endpoint reads, in bytes. Adapters stop reading there.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

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
    /// Ends the session of the token and reports the effect. `"revoked": true` means that nothing
    /// issued in the session is accepted any more; `false` means that the provider was built so
    /// that some or all of it stays valid until it expires. Cookies are cleared whether or not they
    /// hold a valid token. A token sent in a header or in the body must be valid; if the access
    /// token has expired, send the refresh token.
    Logout,
    /// `POST /logout/all`.
    LogoutAll,
    /// `GET /sessions`.
    Sessions,
    /// `DELETE /sessions/{sid}`.
    Session,
    /// `GET /.well-known/jwks.json`: the public keys that verify this application's tokens, without
    /// private members. It exists if an asymmetric key signs or verifies, and always with a key
    /// ring; it is empty until the ring has such a key.
    ///
    /// Answers may be cached (`Cache-Control: public, max-age=300`, or as long as the key ring
    /// says) and carry an `ETag`; a request that names it in `If-None-Match` is answered with 304.
    /// Verifiers look for the document below the issuer's URL, so mount the endpoints at the root,
    /// or this one at another path.
    Jwks,
    /// `GET /.well-known/oauth-protected-resource`, followed by the path of the resource: for
    /// `https://api.example.com/mcp` it is `/.well-known/oauth-protected-resource/mcp` (RFC 9728
    /// section 3.1). It exists if the provider publishes
    /// [metadata](crate::AuthProviderBuilder::resource_metadata), and is public.
    ///
    /// Clients look for it at the root of the host. If the other endpoints are mounted below a
    /// path, mount this one separately.
    ResourceMetadata,
}

impl Endpoint {
    /// The endpoints that this provider can answer.
    pub fn of<U: AuthUser>(auth: &AuthProvider<U>) -> impl Iterator<Item = Self> + use<U> {
        // A provider that is set later may answer any endpoint.
        let any = auth.is_switched();
        // A provider that only accepts tokens of other issuers has none to refresh or revoke.
        let has_tokens = any || auth.has_own_tokens();
        let has_login = any || auth.has_password_login();
        let (can_end_all, has_sessions) = (any || auth.can_end_all(), any || auth.has_sessions());
        let all = [
            (Self::Login, has_login),
            (Self::Refresh, has_tokens),
            (Self::Logout, has_tokens),
            (Self::LogoutAll, has_tokens && can_end_all),
            (Self::Sessions, has_sessions),
            (Self::Session, has_sessions),
            (Self::Jwks, if any { CAN_PUBLISH } else { auth.published_keys().is_some() }),
            (Self::ResourceMetadata, auth.resource_metadata().is_some()),
        ];
        all.into_iter().filter_map(|(endpoint, is_there)| is_there.then_some(endpoint))
    }

    /// The default path, unless the [mounts](crate::mounts::Mounts) set another. A name in braces
    /// stands for one segment of any text.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Login => "/login",
            Self::Refresh => "/refresh",
            Self::Logout => "/logout",
            Self::LogoutAll => "/logout/all",
            Self::Sessions => "/sessions",
            Self::Session => "/sessions/{sid}",
            Self::Jwks => "/.well-known/jwks.json",
            Self::ResourceMetadata => WELL_KNOWN,
        }
    }

    /// The access rule of this endpoint. Login, refresh and logout are open, because they check the
    /// credentials in their body or cookie themselves. Public documents are open.
    #[must_use]
    pub const fn access(self) -> Access {
        match self {
            Self::Login | Self::Refresh | Self::Logout | Self::Jwks | Self::ResourceMetadata => Access::Open,
            Self::LogoutAll | Self::Sessions | Self::Session => Access::Required(Requirement::user()),
        }
    }

    /// The methods that it answers, as the `Allow` header lists them.
    pub(crate) const fn methods(self) -> &'static str {
        match self {
            Self::Login | Self::Refresh | Self::Logout | Self::LogoutAll => "POST",
            Self::Sessions | Self::Jwks | Self::ResourceMetadata => "GET, HEAD",
            Self::Session => "DELETE",
        }
    }

    /// The same, if GET and HEAD belong to a page of the application.
    pub(crate) const fn methods_beside_a_page(self) -> &'static str {
        match self {
            Self::Login | Self::Refresh | Self::Logout | Self::LogoutAll => "GET, HEAD, POST",
            Self::Sessions | Self::Jwks | Self::ResourceMetadata => "GET, HEAD",
            Self::Session => "GET, HEAD, DELETE",
        }
    }

    /// Returns whether it answers GET itself, so that no page of the application can.
    pub(crate) const fn answers_get(self) -> bool {
        matches!(self, Self::Sessions | Self::Jwks | Self::ResourceMetadata)
    }

    /// Reads a request to this endpoint. This is the synchronous half; [`Call::answer`] completes
    /// it.
    pub fn read<U: AuthUser>(
        self,
        auth: &AuthProvider<U>,
        head: &dyn RequestHead,
        body: Result<&[u8], BodyError>,
    ) -> Call<U> {
        self.read_allowing(self.methods(), auth, head, body)
    }

    /// `allow` is the `Allow` header for requests with another method.
    pub(crate) fn read_allowing<U: AuthUser>(
        self,
        allow: &'static str,
        auth: &AuthProvider<U>,
        head: &dyn RequestHead,
        body: Result<&[u8], BodyError>,
    ) -> Call<U> {
        let parsed = if auth.is_switched() {
            Err(Rejection::Unavailable(Unavailable::NoProvider))
        } else if self.methods().split(", ").any(|method| method == head.method()) {
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
        if self == Self::ResourceMetadata {
            let metadata = auth.resource_metadata().ok_or(Rejection::NotFound)?;
            return Ok(Parsed::Document(metadata.reply()));
        }
        let body = body
            .and_then(|body| if body.len() > MAX_BODY_BYTES { Err(BodyError::TooLarge) } else { Ok(body) });
        let body = body?;
        match self {
            Self::Login => parse_login(auth, head, body),
            Self::Refresh => parse_refresh(auth, head, body),
            Self::Logout => parse_logout(auth, head, body),
            Self::LogoutAll => Ok(Parsed::LogoutAll(read_with_body(auth, head, body))),
            Self::Sessions => Ok(Parsed::Sessions(auth.read(head))),
            Self::Jwks => Ok(Parsed::Jwks { known: etags(head) }),
            Self::Session => {
                Ok(Parsed::Session(read_with_body(auth, head, body), named_session(head.path())))
            }
            Self::ResourceMetadata => Err(Rejection::NotFound),
        }
    }
}

/// A request to an endpoint, read and not yet answered. It owns all its data.
#[must_use = "a call must be answered"]
#[derive(Debug)]
pub struct Call<U> {
    parsed: Result<Parsed<U>, Rejection>,
    client: ClientInfo,
    is_head: bool,
}

enum Parsed<U> {
    Login {
        login: PendingLogin<U>,
        identifier: Zeroizing<String>,
        password: Zeroizing<String>,
        remember: bool,
        unlock_token: Option<Zeroizing<String>>,
        /// The scopes to which the client narrows the login; empty if it names none.
        scopes: Vec<String>,
    },
    /// Answered by a method of the provider.
    Whole {
        reply: Pin<Box<dyn Future<Output = Result<Reply, Rejection>> + Send>>,
        /// Whether the token came in the body.
        token_in_body: bool,
    },
    /// The same for every caller.
    Document(Reply),
    LogoutAll(Presented<U>),
    Sessions(Presented<U>),
    /// `None` if the path names no valid session id.
    Session(Presented<U>, Option<SessionId>),
    /// The entity tags that the client has cached.
    Jwks {
        known: Vec<String>,
    },
}

impl<U> fmt::Debug for Parsed<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login { .. } => "Login(..)",
            Self::Whole { .. } => "Whole(..)",
            Self::Document(_) => "Document(..)",
            Self::LogoutAll(_) => "LogoutAll(..)",
            Self::Sessions(_) => "Sessions(..)",
            Self::Session(..) => "Session(..)",
            Self::Jwks { .. } => "Jwks(..)",
        })
    }
}

impl<U: AuthUser> Call<U> {
    /// Returns whether the token came in the body. A refusal then says nothing about the cookie
    /// sent with it; adapters pass this to [`Mount::refuse`](crate::mounts::Mount::refuse).
    #[must_use]
    pub const fn has_token_in_body(&self) -> bool {
        matches!(&self.parsed, Ok(Parsed::Whole { token_in_body: true, .. }))
    }

    /// Completes the call and returns the answer.
    ///
    /// # Errors
    /// The [`Rejection`] to answer with; [`AuthProvider::refuse`] turns it into a reply.
    pub async fn answer(self, auth: &AuthProvider<U>) -> Result<Reply, Rejection> {
        let client = &self.client;
        match self.parsed? {
            Parsed::Login { login, identifier, password, remember, unlock_token, scopes } => {
                let client = login.client();
                let user = match unlock_token {
                    Some(token) => auth.authenticate_unlocked(&identifier, &password, client, &token).await?,
                    None => auth.authenticate(&identifier, &password, client).await?,
                };
                let mut request = LoginRequest::from(&user).remember(remember);
                if !scopes.is_empty() {
                    request = request.narrow_scopes(scopes);
                }
                login.finish(request).await
            }
            Parsed::Whole { reply, .. } => reply.await,
            Parsed::Document(reply) => Ok(if self.is_head { reply.for_method("HEAD") } else { reply }),
            Parsed::LogoutAll(presented) => {
                let granted = auth.check_session(presented).await?;
                auth.logout_all(granted.payload().subject(), client).await?;
                Ok(auth.forget_tokens(answer(&outcome_everywhere(auth.worth_of_logout()))))
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
                Ok(if is_current { auth.forget_tokens(reply) } else { reply })
            }
            Parsed::Jwks { known } => {
                let document = auth.published_keys().ok_or(Rejection::NotFound)?.document(auth.now()?);
                let reply = published(&document, &known);
                Ok(if self.is_head { reply.for_method("HEAD") } else { reply })
            }
        }
    }
}

/// Whether a provider that is set later may have keys to publish.
const CAN_PUBLISH: bool = cfg!(any(feature = "asymmetric", feature = "asymmetric-pure-rust"));

/// The maximum number of tags that are read from a request; a client needs one.
const MOST_ETAGS: usize = 16;

/// The tags in `If-None-Match` (RFC 9110 section 13.1.2), which compares weakly.
fn etags(head: &dyn RequestHead) -> Vec<String> {
    let values = head.header("if-none-match");
    let values = values.iter().filter_map(|value| std::str::from_utf8(value).ok());
    let tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.map(|tag| tag.strip_prefix("W/").unwrap_or(tag).to_owned()).take(MOST_ETAGS).collect()
}

fn published(document: &JwksDocument, known: &[String]) -> Reply {
    let is_known = known.iter().any(|tag| tag == "*" || **tag == *document.etag);
    let reply = Reply::new(if is_known { 304 } else { 200 })
        .header(ResponseHeader::new(
            "cache-control",
            format!("public, max-age={}", document.max_age.as_secs()),
        ))
        .header(ResponseHeader::new("etag", &*document.etag));
    if is_known { reply } else { reply.body("application/json", document.body.as_bytes()) }
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
    let login = auth.begin_login(head, true)?;
    if body.trim_ascii().is_empty() && head.header("content-type").is_empty() {
        return Err(Rejection::UnsupportedMediaType);
    }
    let mut fields =
        Fields::read(head, body, &["username", "password", "remember", "scope", "unlock_token"])?;
    Ok(Parsed::Login {
        login,
        identifier: fields.required("username")?,
        password: fields.required("password")?,
        remember: fields.boolean("remember")?,
        unlock_token: fields.text("unlock_token")?.filter(|token| !token.is_empty()),
        scopes: fields.text("scope")?.map_or_else(Vec::new, |scope| split(&scope)),
    })
}

/// Splits space-separated scopes (RFC 6749 section 3.3).
fn split(scope: &str) -> Vec<String> {
    scope.split_ascii_whitespace().map(str::to_owned).collect()
}

fn parse_refresh<U: AuthUser>(
    auth: &AuthProvider<U>,
    head: &dyn RequestHead,
    body: &[u8],
) -> Result<Parsed<U>, Rejection> {
    let csrf_field = auth.csrf_field();
    let names = with_csrf(["refresh_token"], csrf_field);
    let mut fields = Fields::read(head, body, &names)?;
    let token = fields.text("refresh_token")?;
    // A form may send the field empty.
    let token = token.filter(|token| !token.is_empty());
    let token_in_body = token.is_some();
    let request = RefreshRequest { token, csrf: csrf_field.and_then(|field| fields.csrf(field)) };
    Ok(Parsed::Whole { reply: Box::pin(auth.refresh_reply(head, request)), token_in_body })
}

/// The token may be in the field `refresh_token`, or `token` as in RFC 7009 section 2.1. Without
/// one, headers and cookies are read.
fn parse_logout<U: AuthUser>(
    auth: &AuthProvider<U>,
    head: &dyn RequestHead,
    body: &[u8],
) -> Result<Parsed<U>, Rejection> {
    let csrf_field = auth.csrf_field();
    let names = with_csrf(["refresh_token", "token"], csrf_field);
    let (token, csrf) = match Fields::read(head, body, &names) {
        Ok(mut fields) => {
            let (token, other) = (fields.text("refresh_token")?, fields.text("token")?);
            if token.is_some() && other.is_some() && token != other {
                return Err(Rejection::MalformedCredential(MalformedCredential::Several));
            }
            (token.or(other), csrf_field.and_then(|field| fields.csrf(field)))
        }
        // An unreadable body holds no token, and must not prevent a logout.
        Err(_) => (None, None),
    };
    let token = token.filter(|token| !token.is_empty());
    let token_in_body = token.is_some();
    let request = LogoutRequest { token, csrf, next: None };
    Ok(Parsed::Whole { reply: Box::pin(auth.logout_reply(head, request)), token_in_body })
}

/// The fields of an endpoint, plus the CSRF field if CSRF tokens are in use. Its name never equals
/// a field of the endpoints: such a name is refused when the provider is built.
fn with_csrf<'a, const N: usize>(names: [&'static str; N], csrf: Option<&'a str>) -> Vec<&'a str> {
    names.into_iter().chain(csrf).collect()
}

/// Reads the credentials of a request whose body may hold only a CSRF token.
fn read_with_body<U: AuthUser>(auth: &AuthProvider<U>, head: &dyn RequestHead, body: &[u8]) -> Presented<U> {
    let Some(field) = auth.csrf_field() else { return auth.read(head) };
    let names = [field];
    let fields = Fields::read(head, body, &names).ok();
    auth.read_with(head, fields.and_then(|mut fields| fields.csrf(field)).as_ref())
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

#[derive(Serialize)]
struct Listed<'a> {
    sessions: Vec<Entry<'a>>,
}

/// A session as listed to its user. Times are in seconds since 1970.
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
