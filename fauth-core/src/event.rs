//! Security events, for logs, audit trails and metrics.
//!
//! Every event is written to [`tracing`], target `fauth`, with the fields named at [`Event`], and
//! passed to the application's own [`AuthEvents`] if there is one. An event never holds a token, a
//! password, a password hash or a cookie.
//!
//! This module defines events and writes the log records; the provider decides when to raise one.

use std::net::{IpAddr, SocketAddr};

use crate::{
    client::{ClientInfo, peer_of},
    escape::Escaped,
    request::RequestHead,
    token::TokenPayload,
};
#[cfg(feature = "mandates")]
use crate::{token::Mandate, trace_context::TraceContext};

/// What happened. Each variant ends with the level of its log record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// The password was correct and the user active. `info`.
    Authenticated,
    /// A password check failed, or a login or API key was refused because the subject is revoked.
    /// `reason`: `unknown_identifier`, `wrong_password`, `inactive_user`, `unacceptable_password`,
    /// `changed_meanwhile` (the user changed during the check), `other_user` (a logged-in user gave
    /// the password of another user), `subject_revoked`. `warn`.
    AuthenticationFailed,
    /// A login succeeded: a pair of tokens was issued. `info`.
    LoggedIn,
    /// A refresh token was exchanged for a new pair. `reason`: `in_grace` if it had already been
    /// used, within the grace window. `info`.
    Refreshed,
    /// A refresh token that had already been exchanged was presented again within the grace window,
    /// by another client than the one that exchanged it: from another network, or with another user
    /// agent. It may be a stolen copy. Bind the window with
    /// [`SessionConfig::bind_grace_to_client`](crate::SessionConfig::bind_grace_to_client). `warn`.
    SuspiciousRefresh,
    /// A logout was answered, even if no valid token was sent and no session was ended; then there
    /// is no `subject`. `info`.
    LoggedOut,
    /// All logins of a subject were ended. `reason`: `too_many_revocations` if a single login was
    /// to be ended but the store had no room left for revocations of this subject. `info`.
    LoggedOutEverywhere,
    /// A session was ended from outside: by another session of its user, by an administrator, or
    /// by a login that replaced its cookies. `info`.
    SessionEnded,
    /// A used refresh token was replayed outside the grace window: a copy of it exists. The session
    /// has been ended. `warn`.
    TokenTheft,
    /// [`AuthProvider::revoke`](crate::AuthProvider::revoke) or
    /// [`revoke_claim`](crate::AuthProvider::revoke_claim) revoked tokens; or mandates were
    /// revoked, by their `anchors` or by the `delegation_epoch` of their `zone`. `info`.
    Revoked,
    /// [`AuthProvider::password_changed`](crate::AuthProvider::password_changed) revoked everything
    /// issued before the change. `info`.
    PasswordChanged,
    /// [`AuthProvider::forget`](crate::AuthProvider::forget) ended and deleted everything stored
    /// about a subject. `info`.
    SubjectForgotten,
    /// An authenticated user lacks what a route requires: a right, a recent login
    /// (`insufficient_user_authentication`), or anything but an API key (`api_key_not_allowed`).
    /// Names the `subject`; the [`RequestRefused`](Self::RequestRefused) that follows names the
    /// route. `info`.
    AccessDenied,
    /// A request was refused. `reason` is that of the [`Rejection`](crate::Rejection). `debug` for
    /// a missing credential, `info` for other faults of the caller, `error` for faults of the
    /// server.
    RequestRefused,
    /// A [limit](crate::limit) refused a request. Raised once for each client when it is first
    /// refused, and again only after a request of that client was admitted, so a flood never raises
    /// more of these events than requests were admitted. No
    /// [`RequestRefused`](Self::RequestRefused) is raised for it. `info`.
    RequestLimited,
    /// The [login throttle](crate::throttle) refused a login attempt before the password was
    /// checked. Raised at most once a minute for each account and each address. `reason`:
    /// `account`, `account_and_address`, `address`, `locked` (a mailed token is needed), `tokens`
    /// (an address sends tokens or API keys that were never issued). `warn`.
    LoginThrottled,
    /// A mailed token made an address familiar to an account. `info`.
    LoginUnlocked,
    /// An administrator [reset](crate::AuthProvider::reset_throttle) the login throttle's counts
    /// for an account. `info`.
    ThrottleReset,
    /// A loader or the application's password updater failed or did not answer in time, or a token
    /// could not be issued. `reason`: `loader_failed`, `loader_timeout`, `rehash_failed`,
    /// `rehash_timeout`, `issuer_failed`. The field `error` holds the causes, except for a
    /// timeout. `error`.
    CallbackFailed,
    /// A store failed or did not answer in time. `reason`: `store_failed`, `store_timeout`. The
    /// field `error` holds the causes, except for a timeout. `error`.
    StoreFailed,
    /// A one-time token was issued. `reason` is its purpose. `info`.
    OneTimeIssued,
    /// A one-time token was redeemed. `reason` is its purpose. `info`.
    OneTimeRedeemed,
    /// A one-time token was refused: invalid, expired, revoked or already used. `reason` is that
    /// of the [`Rejection`](crate::Rejection). `info`.
    OneTimeRefused,
    /// An API key was created. `info`.
    ApiKeyCreated,
    /// An API key was revoked. `subject` is its owner. `reason`, if it was not revoked by itself:
    /// `password_changed`, `old_epoch` (it was presented after its owner's
    /// [`token_epoch`](crate::AuthUser::token_epoch) was raised), `logged_out_everywhere`,
    /// `subject_revoked`, `subject_forgotten`. `info`.
    ApiKeyRevoked,
    /// A password was hashed again with the current settings, after a login. `info`.
    PasswordRehashed,
    /// The keys of an issuer were fetched. `reason`: `not_modified` if the issuer reports no
    /// change. Names the `source`. `info`.
    KeysFetched,
    /// The keys of an issuer could not be fetched; the known keys stay in use as long as they may.
    /// `reason` is that of the error, such as `timed_out`, `unreachable`, `status`,
    /// `unusable_keys`; the field `error` holds its text. Names the `source`. `warn`.
    KeyFetchFailed,
    /// The keys of an issuer are out of date and still in use, because no fetch succeeded. Raised
    /// once, until a fetch succeeds. Names the `source`. `warn`.
    KeysStale,
    /// There are no keys of an issuer, or they are too old: its tokens are refused with a server
    /// error. Raised once, until a fetch succeeds. Names the `source`. `error`.
    KeysUnavailable,
    /// A mandate was accepted: it is valid and meets every requirement. Names the `subject`, the
    /// `token_id` and the contents of the `mandate`. Raised only for an [`AuthEvents`] that
    /// [wants](AuthEvents::wants) it. `debug`.
    #[cfg(feature = "mandates")]
    MandateAccepted,
    /// A mandate that verifies was refused: with 401, because it is revoked, of an earlier
    /// delegation epoch, already used, for another use, without a user, or expired in the meantime;
    /// or with 503, because the server could not decide, for example during a store failure.
    /// `reason` is that of the [`Rejection`](crate::Rejection). It names the same fields as
    /// [`MandateAccepted`](Self::MandateAccepted); so does the [`AccessDenied`](Self::AccessDenied)
    /// of a mandate that lacks something (403). The [`RequestRefused`](Self::RequestRefused) that
    /// follows names the route. `info`.
    #[cfg(feature = "mandates")]
    MandateRefused,
}

impl EventKind {
    /// The stable name: the field `event` of the log record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authenticated => "authenticated",
            Self::AuthenticationFailed => "authentication_failed",
            Self::LoggedIn => "logged_in",
            Self::Refreshed => "refreshed",
            Self::SuspiciousRefresh => "suspicious_refresh",
            Self::LoggedOut => "logged_out",
            Self::LoggedOutEverywhere => "logged_out_everywhere",
            Self::SessionEnded => "session_ended",
            Self::TokenTheft => "token_theft",
            Self::Revoked => "revoked",
            Self::PasswordChanged => "password_changed",
            Self::SubjectForgotten => "subject_forgotten",
            Self::AccessDenied => "access_denied",
            Self::RequestRefused => "request_refused",
            Self::RequestLimited => "request_limited",
            Self::LoginThrottled => "login_throttled",
            Self::LoginUnlocked => "login_unlocked",
            Self::ThrottleReset => "throttle_reset",
            Self::CallbackFailed => "callback_failed",
            Self::StoreFailed => "store_failed",
            Self::OneTimeIssued => "one_time_issued",
            Self::OneTimeRedeemed => "one_time_redeemed",
            Self::OneTimeRefused => "one_time_refused",
            Self::ApiKeyCreated => "api_key_created",
            Self::ApiKeyRevoked => "api_key_revoked",
            Self::PasswordRehashed => "password_rehashed",
            Self::KeysFetched => "keys_fetched",
            Self::KeyFetchFailed => "key_fetch_failed",
            Self::KeysStale => "keys_stale",
            Self::KeysUnavailable => "keys_unavailable",
            #[cfg(feature = "mandates")]
            Self::MandateAccepted => "mandate_accepted",
            #[cfg(feature = "mandates")]
            Self::MandateRefused => "mandate_refused",
        }
    }

    /// The level of its log records. Only `RequestRefused` uses another one, the level of its
    /// rejection.
    pub(crate) const fn level(self) -> tracing::Level {
        match self {
            Self::CallbackFailed | Self::KeysUnavailable | Self::StoreFailed => tracing::Level::ERROR,
            Self::AuthenticationFailed
            | Self::KeyFetchFailed
            | Self::KeysStale
            | Self::LoginThrottled
            | Self::SuspiciousRefresh
            | Self::TokenTheft => tracing::Level::WARN,
            #[cfg(feature = "mandates")]
            Self::MandateAccepted => tracing::Level::DEBUG,
            _ => tracing::Level::INFO,
        }
    }
}

/// One event. A field that does not apply or is unknown is `None` and omitted from the log record.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Event<'a> {
    /// What happened; the field `event`.
    pub kind: EventKind,
    /// Why it happened, as a stable name; [`EventKind`] lists them.
    pub reason: Option<&'static str>,
    /// The subject (`sub`) of the user or token.
    pub subject: Option<&'a str>,
    /// A keyed hash of the session id, to correlate the records of one session. The key is the same
    /// as for `identifier`.
    pub session: Option<&'a str>,
    /// A keyed hash of the identifier entered at login. It distinguishes attempts without storing
    /// the text, which may be a password typed into the wrong field. The key is derived from the
    /// signing key, so all instances of an application produce the same hash.
    pub identifier: Option<&'a str>,
    /// The request's method.
    pub method: Option<&'a str>,
    /// The request's path as received, without the query.
    pub path: Option<&'a str>,
    /// The peer address of the socket; behind a reverse proxy, that of the proxy.
    pub peer: Option<SocketAddr>,
    /// The client's address: the one reported by [trusted proxies](crate::client::TrustedProxies),
    /// or otherwise the address of the socket.
    pub address: Option<IpAddr>,
    /// The name of the key source, as given to `JwksSource`.
    pub source: Option<&'a str>,
    /// The causes of a failure on the server.
    pub error: Option<&'a str>,
    /// The id of the mandate (`jti`). It is not part of the log record.
    #[cfg(feature = "mandates")]
    pub token_id: Option<&'a str>,
    /// The contents of the mandate. The log record holds its `zone` and `client_id`, and no session
    /// id.
    #[cfg(feature = "mandates")]
    pub mandate: Option<&'a Mandate>,
    /// The zone of the mandate, or of the revocation.
    #[cfg(feature = "mandates")]
    pub zone: Option<&'a str>,
    /// The revoked anchors, at most 32 in one event; more of them raise several events. Some
    /// anchors are session ids, so the log record holds only their number.
    #[cfg(feature = "mandates")]
    pub anchors: &'a [&'a str],
    /// The delegation epoch in force in the `zone` after an attempt to raise it.
    #[cfg(feature = "mandates")]
    pub delegation_epoch: Option<u64>,
    /// The trace context that the request claims to belong to; set only for a sink that
    /// [reads](AuthEvents::reads_trace) it. It is not part of the log record.
    #[cfg(feature = "mandates")]
    pub trace: Option<&'a TraceContext>,
    /// The level of the log record.
    #[cfg(feature = "caracal-audit")]
    pub(crate) level: tracing::Level,
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
            address: None,
            source: None,
            error: None,
            #[cfg(feature = "mandates")]
            token_id: None,
            #[cfg(feature = "mandates")]
            mandate: None,
            #[cfg(feature = "mandates")]
            zone: None,
            #[cfg(feature = "mandates")]
            anchors: &[],
            #[cfg(feature = "mandates")]
            delegation_epoch: None,
            #[cfg(feature = "mandates")]
            trace: None,
            #[cfg(feature = "caracal-audit")]
            level: kind.level(),
        }
    }

    /// Returns whether the server is at fault.
    #[cfg(feature = "caracal-audit")]
    pub(crate) fn is_fault_of_server(&self) -> bool {
        self.level == tracing::Level::ERROR
    }

    pub(crate) const fn reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    pub(crate) const fn subject(mut self, subject: &'a str) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Adds the subject of a token, and its mandate if it is one.
    pub(crate) fn token(mut self, payload: &'a TokenPayload) -> Self {
        self.subject = Some(payload.subject());
        #[cfg(feature = "mandates")]
        if let Some(mandate) = payload.mandate() {
            self.token_id = Some(payload.token_id());
            self.mandate = Some(mandate);
            self.zone = Some(mandate.zone());
        }
        self
    }

    pub(crate) const fn identifier(mut self, identifier: &'a str) -> Self {
        self.identifier = Some(identifier);
        self
    }

    #[cfg(feature = "trusted-issuers")]
    pub(crate) const fn source(mut self, name: &'a str) -> Self {
        self.source = Some(name);
        self
    }

    pub(crate) const fn error(mut self, error: &'a str) -> Self {
        self.error = Some(error);
        self
    }

    pub(crate) fn client(mut self, client: &'a ClientInfo) -> Self {
        self.method = client.method();
        self.path = client.path();
        self.peer = client.peer();
        self.address = client.address();
        self
    }

    pub(crate) fn head(mut self, head: &'a dyn RequestHead, address: Option<IpAddr>) -> Self {
        self.method = Some(head.method());
        self.path = Some(head.path());
        self.peer = peer_of(head);
        self.address = address;
        self
    }
}

/// Receives every event: the application's own sink, for an audit trail or for metrics.
///
/// It is called while the request is being handled. Do not block; pass the event on to a queue or a
/// counter.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use fauth_core::event::{AuthEvents, Event, EventKind};
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
/// Path, method and subject may come from an untrusted client. Escape them before writing them to
/// anything that is read line by line. In the log records that fauth writes, they are escaped and
/// cut at 256 bytes.
pub trait AuthEvents: Send + Sync + 'static {
    /// Called once for each event.
    fn on_event(&self, event: &Event<'_>);

    /// Returns whether this sink reads [`Event::trace`]. If it does, the events of accepted and
    /// refused mandates also name the method, path and address of their request. Default: no, and
    /// the request head is not read for it.
    #[cfg(feature = "mandates")]
    fn reads_trace(&self) -> bool {
        false
    }

    /// Returns whether this sink wants an event that is raised only on demand, such as those of
    /// accepted mandates, which occur at every request with a mandate. It is called before such an
    /// event is raised or logged. All other events are raised in any case. Default: no.
    fn wants(&self, kind: EventKind) -> bool {
        let _ = kind;
        false
    }
}

/// What the log record says about a mandate or a revocation: no session id and no mandate id.
#[derive(Default)]
struct Told<'a> {
    zone: Option<&'a str>,
    client_id: Option<&'a str>,
    anchors: Option<usize>,
    delegation_epoch: Option<u64>,
}

impl<'a> Told<'a> {
    #[cfg(feature = "mandates")]
    fn by(event: &Event<'a>) -> Self {
        Self {
            zone: event.zone,
            client_id: event.mandate.map(Mandate::client_id),
            anchors: Some(event.anchors.len()).filter(|&number| number > 0),
            delegation_epoch: event.delegation_epoch,
        }
    }

    #[cfg(not(feature = "mandates"))]
    fn by(_: &Event<'a>) -> Self {
        Self::default()
    }
}

/// Writes the event to `tracing`, with outside text escaped.
pub(crate) fn trace(event: &Event<'_>, level: tracing::Level) {
    let told = Told::by(event);
    // `tracing` fixes the level of a record at compile time, so each level has its own call site.
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
                address = event.address.map(tracing::field::display),
                source = event.source.map(Escaped).map(tracing::field::display),
                error = event.error.map(Escaped).map(tracing::field::display),
                zone = told.zone.map(Escaped).map(tracing::field::display),
                client_id = told.client_id.map(Escaped).map(tracing::field::display),
                anchors = told.anchors,
                delegation_epoch = told.delegation_epoch,
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
