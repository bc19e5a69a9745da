//! The header fields that tell clients about a limit: structured fields (RFC 9651) as in
//! draft-ietf-httpapi-ratelimit-headers-10. [The module documentation](super) explains them.

use std::{fmt::Write as _, time::Duration};

use super::policy::Limit;
use crate::{
    reply::ResponseHeader,
    store::{LimitWindow, Taken},
};

/// `RateLimit-Policy`: what the limit allows.
pub(crate) fn policy_field(limit: &Limit) -> ResponseHeader {
    let items = limit.windows().iter().fold(String::new(), |mut items, window| {
        begin_item(&mut items, limit, *window);
        // Writing to a string cannot fail.
        let _ = write!(items, ";q={};w={}", window.quota(), window.span().as_secs());
        items
    });
    ResponseHeader::new("ratelimit-policy", items)
}

/// `RateLimit`: what remains of the quota.
pub(crate) fn state_field(limit: &Limit, taken: &Taken) -> ResponseHeader {
    let windows = limit.windows().iter().zip(taken.states());
    let items = windows.fold(String::with_capacity(32), |mut items, (window, state)| {
        begin_item(&mut items, limit, *window);
        let _ = write!(items, ";r={};t={}", state.remaining(), seconds(state.next()));
        items
    });
    ResponseHeader::new("ratelimit", items)
}

/// Rounds up, so that no client is told to come back too early.
pub(crate) fn seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

fn begin_item(items: &mut String, limit: &Limit, window: LimitWindow) {
    let separator = if items.is_empty() { "" } else { ", " };
    let _ = match limit.name() {
        Some(name) => write!(items, "{separator}\"{name} {window}\""),
        None => write!(items, "{separator}\"{window}\""),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::LimitState;

    #[test]
    fn seconds_are_rounded_up() {
        for (millis, whole) in [(0, 0), (1, 1), (1000, 1), (1001, 2), (11_999, 12)] {
            assert_eq!(seconds(Duration::from_millis(millis)), whole);
        }
    }

    #[test]
    fn each_window_is_an_item() {
        let limit = Limit::new("5/minute, 100/hour").unwrap();
        assert_eq!(policy_field(&limit).value(), r#""5/minute";q=5;w=60, "100/hour";q=100;w=3600"#);
        let states = [(4, 11_001), (99, 36_000)];
        let states = states.map(|(left, millis)| LimitState::new(left, Duration::from_millis(millis), false));
        let taken = Taken::new(states, false);
        assert_eq!(state_field(&limit, &taken).value(), r#""5/minute";r=4;t=12, "100/hour";r=99;t=36"#);
        let named = Limit::new("5/minute").unwrap().named("login").unwrap();
        assert_eq!(policy_field(&named).value(), r#""login 5/minute";q=5;w=60"#);
    }
}
