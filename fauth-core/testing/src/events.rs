//! Recorded events of a provider.

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fauth_core::event::{AuthEvents, Event, EventKind};

/// Records the events of a provider: an [`AuthEvents`]. Clones share the record.
///
/// A [`TestAuth`](crate::TestAuth) has one. Give it to a provider of your own with
/// `builder.events(events.clone())`. See [`assert_event!`](crate::assert_event).
#[derive(Clone, Default)]
pub struct RecordedEvents(Arc<Mutex<Vec<RecordedEvent>>>);

impl RecordedEvents {
    /// Creates an empty record.
    pub fn new() -> Self {
        Self::default()
    }

    fn events(&self) -> MutexGuard<'_, Vec<RecordedEvent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns all events, in order.
    pub fn all(&self) -> Vec<RecordedEvent> {
        self.events().clone()
    }

    /// Returns the events of this kind.
    pub fn of(&self, kind: EventKind) -> Vec<RecordedEvent> {
        self.events().iter().filter(|event| event.kind == kind).cloned().collect()
    }

    /// Removes all recorded events, before the next step of a test.
    pub fn clear(&self) {
        self.events().clear();
    }

    /// Asserts that exactly one event matches, and returns it.
    ///
    /// # Panics
    /// If no event matches, or more than one. The message lists the recorded events.
    #[track_caller]
    pub fn assert_one(&self, is_meant: impl Fn(&RecordedEvent) -> bool) -> RecordedEvent {
        self.assert_one_described(is_meant, "exactly one event that the closure accepts")
    }

    /// Like [`assert_one`](Self::assert_one), with a description of the expected event.
    #[doc(hidden)]
    #[track_caller]
    pub fn assert_one_described(
        &self,
        is_meant: impl Fn(&RecordedEvent) -> bool,
        expected: &str,
    ) -> RecordedEvent {
        let mut found: Vec<_> = self.all().into_iter().filter(is_meant).collect();
        match (found.len(), found.pop()) {
            (1, Some(event)) => event,
            (count, _) => panic!("expected {expected}, found {count}; {self:?}"),
        }
    }

    /// Asserts that no event matches.
    ///
    /// # Panics
    /// If an event matches. The message lists the recorded events.
    #[track_caller]
    pub fn assert_none(&self, is_meant: impl Fn(&RecordedEvent) -> bool) {
        let count = self.all().iter().filter(|event| is_meant(event)).count();
        assert_eq!(count, 0, "expected no event that the closure accepts; {self:?}");
    }
}

impl AuthEvents for RecordedEvents {
    fn on_event(&self, event: &Event<'_>) {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let recorded = RecordedEvent {
            kind: event.kind,
            reason: text(event.reason),
            subject: text(event.subject),
            session: text(event.session),
            method: text(event.method),
            path: text(event.path),
            address: event.address,
            error: text(event.error),
        };
        self.events().push(recorded);
    }
}

/// Prints a line for each event.
impl fmt::Debug for RecordedEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.events();
        if events.is_empty() {
            return f.write_str("nothing was recorded");
        }
        f.write_str("recorded:")?;
        events.iter().try_for_each(|event| write!(f, "\n  {event:?}"))
    }
}

/// A recorded event. The fields are those of [`Event`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedEvent {
    /// What happened.
    pub kind: EventKind,
    /// Why.
    pub reason: Option<String>,
    /// The subject of the user or token.
    pub subject: Option<String>,
    /// A keyed hash of the session's id.
    pub session: Option<String>,
    /// The request's method.
    pub method: Option<String>,
    /// The request's path, without the query.
    pub path: Option<String>,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The causes of a failure on the server.
    pub error: Option<String>,
}

/// Prints the kind and the fields that are set.
impl fmt::Debug for RecordedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)?;
        let texts = [
            ("reason", &self.reason),
            ("subject", &self.subject),
            ("method", &self.method),
            ("path", &self.path),
            ("error", &self.error),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                write!(f, " {name}={value:?}")?;
            }
        }
        self.address.map_or(Ok(()), |address| write!(f, " address={address}"))
    }
}

/// Asserts that exactly one event of a kind was recorded with these fields, and returns it.
///
/// ```
/// use fauth_testing::{TestAuth, assert_event};
/// # use fauth_testing::Users;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let auth = TestAuth::new([Users::new().find("alice")]);
/// auth.login_as("alice").await;
/// assert_event!(auth.events(), LoggedIn, subject: "alice");
/// # });
/// ```
///
/// The kind is a variant of [`EventKind`](fauth_core::event::EventKind). The fields are `reason`,
/// `subject`, `session`, `method`, `path` and `error` of a [`RecordedEvent`](crate::RecordedEvent).
///
/// # Panics
/// If no event matches, or more than one. The message lists the recorded events.
#[macro_export]
macro_rules! assert_event {
    ($events:expr, $kind:ident $(, $field:ident : $value:expr)* $(,)?) => {
        $events.assert_one_described(
            |event| {
                event.kind == $crate::fauth_core::event::EventKind::$kind
                    $( && event.$field.as_deref() == ::std::option::Option::Some($value) )*
            },
            concat!(
                "exactly one event ",
                stringify!($kind),
                $( " ", stringify!($field), "=", stringify!($value) ),*
            ),
        )
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TestAuth, Users};

    async fn recorded() -> TestAuth<crate::TestUser> {
        let auth = TestAuth::new([Users::new().find("alice")]);
        auth.login_as("alice").await;
        auth
    }

    #[tokio::test]
    async fn what_was_recorded_is_found() {
        let auth = recorded().await;
        let event = assert_event!(auth.events(), LoggedIn, subject: "alice");
        assert_eq!((event.subject.as_deref(), event.reason), (Some("alice"), None));
        auth.events().assert_one(|event| event.kind == EventKind::LoggedIn);
        auth.events().assert_none(|event| event.kind == EventKind::LoggedOut);
        auth.events().clear();
        auth.events().assert_none(|_| true);
    }

    #[tokio::test]
    #[should_panic(
        expected = "expected exactly one event LoggedIn subject=\"bob\", found 0; recorded:\n  LoggedIn subject=\"alice\""
    )]
    async fn what_is_missing_is_said() {
        assert_event!(recorded().await.events(), LoggedIn, subject: "bob");
    }

    #[tokio::test]
    #[should_panic(expected = "expected exactly one event LoggedIn, found 2")]
    async fn two_are_not_one() {
        let auth = recorded().await;
        auth.login_as("alice").await;
        assert_event!(auth.events(), LoggedIn);
    }

    #[tokio::test]
    #[should_panic(expected = "expected no event that the closure accepts")]
    async fn one_is_not_none() {
        recorded().await.events().assert_none(|event| event.subject.is_some());
    }
}
