//! What happened, for logs and audits.
//!
//! Every event goes to [`tracing`], target `fauth`, with the fields named at [`Event`], and to the application's own [`AuthEvents`] if there is one.
//! Never a token, a password, a hash or a cookie.

use std::net::SocketAddr;

use crate::{client::ClientInfo, escape::Escaped, request::RequestHead};

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// Somebody gave the right password of an active user. `info`.
    Authenticated,
    /// Somebody did not. `reason`: `unknown_identifier`, `wrong_password`, `inactive_user`, `unacceptable_password`,
    /// `changed_meanwhile`; `kept_out` for a subject who is revoked. `warn`.
    AuthenticationFailed,
    /// A pair of tokens was issued. `info`.
    LoggedIn,
    /// A pair of tokens was issued for a refresh token. `reason`: `in_grace` if that token had just been used. `info`.
    Refreshed,
    /// A request to log out was answered. `info`.
    LoggedOut,
    /// Everything of a subject was ended. `info`.
    LoggedOutEverywhere,
    /// A session was ended from outside: from another session of its user, or by an administrator. `info`.
    SessionEnded,
    /// A refresh token was used that had been used before: somebody has a copy. The session has been ended. `warn`.
    TokenTheft,
    /// Tokens were revoked by something that they hang on. `info`.
    Revoked,
    /// A known user lacks what a route asks for. Names the `subject`; where it happened says the [`RequestRefused`](Self::RequestRefused) that follows. `info`.
    AccessDenied,
    /// A request was refused. `reason` is that of the [`Rejection`](crate::Rejection). `debug` for a missing credential, `info` for other faults of the
    /// caller, `error` for those of the server.
    RequestRefused,
    /// A loader failed, or the application could not store a new hash. `error` holds the causes. `error`.
    CallbackFailed,
    /// A store failed or did not answer in time. `error` holds the causes. `error`.
    StoreFailed,
    /// A one-time token was issued. `reason` is its purpose. `info`.
    OneTimeIssued,
    /// A one-time token was redeemed. `reason` is its purpose. `info`.
    OneTimeRedeemed,
    /// Somebody presented a one-time token that is not good (any more). `reason` is that of the [`Rejection`](crate::Rejection). `info`.
    OneTimeRefused,
    /// An API key was made. `info`.
    ApiKeyCreated,
    /// An API key was revoked. The `subject` is missing if it was revoked without asking whose it is. `info`.
    ApiKeyRevoked,
    /// A user's password hash was brought up to date. `info`.
    PasswordRehashed,
}

impl EventKind {
    /// The stable name, the field `event` of the log record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authenticated => "authenticated",
            Self::AuthenticationFailed => "authentication_failed",
            Self::LoggedIn => "logged_in",
            Self::Refreshed => "refreshed",
            Self::LoggedOut => "logged_out",
            Self::LoggedOutEverywhere => "logged_out_everywhere",
            Self::SessionEnded => "session_ended",
            Self::TokenTheft => "token_theft",
            Self::Revoked => "revoked",
            Self::AccessDenied => "access_denied",
            Self::RequestRefused => "request_refused",
            Self::CallbackFailed => "callback_failed",
            Self::StoreFailed => "store_failed",
            Self::OneTimeIssued => "one_time_issued",
            Self::OneTimeRedeemed => "one_time_redeemed",
            Self::OneTimeRefused => "one_time_refused",
            Self::ApiKeyCreated => "api_key_created",
            Self::ApiKeyRevoked => "api_key_revoked",
            Self::PasswordRehashed => "password_rehashed",
        }
    }

    /// The level of its log records, unless whoever raises it says otherwise.
    pub(crate) const fn level(self) -> tracing::Level {
        match self {
            Self::CallbackFailed | Self::StoreFailed => tracing::Level::ERROR,
            Self::AuthenticationFailed | Self::TokenTheft => tracing::Level::WARN,
            _ => tracing::Level::INFO,
        }
    }
}

/// One event. What is not known is `None` and stays out of the log record.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Event<'a> {
    /// What happened; the field `event`.
    pub kind: EventKind,
    /// Why; a stable name.
    pub reason: Option<&'static str>,
    /// The subject of the user or token.
    pub subject: Option<&'a str>,
    /// A keyed hash of the session's id, so that records of one session can be told from those of another.
    pub session: Option<&'a str>,
    /// A keyed hash of what somebody typed as an identifier, so that attempts can be told apart without keeping what may be a mistyped
    /// password. The key is derived from the signing key, so that all instances of an application give the same.
    pub identifier: Option<&'a str>,
    /// The request's method.
    pub method: Option<&'a str>,
    /// The request's path as received, without the query.
    pub path: Option<&'a str>,
    /// The other end of the socket.
    pub peer: Option<SocketAddr>,
    /// The causes of a failure on the server.
    pub error: Option<&'a str>,
}

impl<'a> Event<'a> {
    pub(crate) const fn new(kind: EventKind) -> Self {
        Self {
            kind,
            reason: None,
            subject: None,
            session: None,
            identifier: None,
            method: None,
            path: None,
            peer: None,
            error: None,
        }
    }

    pub(crate) const fn reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    pub(crate) const fn subject(mut self, subject: &'a str) -> Self {
        self.subject = Some(subject);
        self
    }

    pub(crate) const fn identifier(mut self, identifier: &'a str) -> Self {
        self.identifier = Some(identifier);
        self
    }

    pub(crate) const fn error(mut self, error: &'a str) -> Self {
        self.error = Some(error);
        self
    }

    pub(crate) fn sender(mut self, sender: &'a ClientInfo) -> Self {
        self.method = sender.method();
        self.path = sender.path();
        self.peer = sender.peer();
        self
    }

    pub(crate) fn head(mut self, head: &'a dyn RequestHead) -> Self {
        self.method = Some(head.method());
        self.path = Some(head.path());
        self.peer = head.peer();
        self
    }
}

/// The application's own sink, for an audit trail or for metrics.
///
/// It is called on the path of the request: hand the event on, do not wait.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use fauth_core::{AuthEvents, Event, EventKind};
///
/// #[derive(Debug, Default)]
/// struct FailedLogins(AtomicU64);
///
/// impl AuthEvents for FailedLogins {
///     fn on_event(&self, event: &Event<'_>) {
///         if event.kind == EventKind::AuthenticationFailed {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
/// ```
///
/// # Security
/// Path, method and subject may be a stranger's words: escape them before they get into anything that is read line by line. The records that
/// fauth itself writes are escaped and cut at 256 bytes.
pub trait AuthEvents: Send + Sync + 'static {
    /// Something happened.
    fn on_event(&self, event: &Event<'_>);
}

/// Writes the event to `tracing`.
pub(crate) fn trace(event: &Event<'_>, level: tracing::Level) {
    // `tracing` fixes the level of a record at compile time.
    macro_rules! record {
        ($level:ident) => {
            tracing::event!(
                target: "fauth",
                tracing::Level::$level,
                event = event.kind.as_str(),
                reason = event.reason,
                subject = event.subject.map(Escaped).map(tracing::field::display),
                session = event.session,
                identifier = event.identifier,
                method = event.method.map(Escaped).map(tracing::field::display),
                path = event.path.map(Escaped).map(tracing::field::display),
                peer = event.peer.map(tracing::field::display),
                error = event.error.map(Escaped).map(tracing::field::display),
            )
        };
    }
    match level {
        tracing::Level::ERROR => record!(ERROR),
        tracing::Level::WARN => record!(WARN),
        tracing::Level::INFO => record!(INFO),
        _ => record!(DEBUG),
    }
}
