//! Diagnosis for applications in which an extractor cannot find its provider.

use std::any::type_name;

use super::{inner::AuthProvider, registry::PROCESS};
use crate::{
    escape::Escaped,
    rejection::{Misconfigured, Rejection},
    reply::Reply,
    request::RequestHead,
    user::AuthUser,
};

impl<U: AuthUser> AuthProvider<U> {
    /// Returns the response to a request whose extractor finds no `AuthProvider<U>`, for adapters
    /// that look it up at run time. The log names the requested user type, the available ones, and
    /// the fix. `guard` is the name of the user type of the guard in front of the route
    /// ([`type_name`]), and `advice` says how an application passes its provider to extractors.
    #[must_use]
    pub fn missing(head: &dyn RequestHead, guard: Option<&str>, advice: &str) -> (Rejection, Reply) {
        let wanted = type_name::<U>();
        if let Some(other) = guard {
            let problem = format!(
                "the handler asks for users of type `{wanted}`, and the guard in front of it admits those of \
                 an `AuthProvider<{other}>`"
            );
            let advice =
                format!("let the handler take `{other}`, or guard the route with the provider of `{wanted}`");
            return Rejection::miswired(Misconfigured::OtherUsers, head, &problem, &advice);
        }
        let others = PROCESS.users();
        if others.is_empty() || others.contains(&wanted) {
            let problem =
                format!("the route has no guard and the application holds no `AuthProvider<{wanted}>`");
            return Rejection::miswired(Misconfigured::MissingProvider, head, &problem, advice);
        }
        let others = others.join("`, `");
        let problem = format!(
            "the handler asks for users of type `{wanted}`, and there are only providers of `{others}`"
        );
        let advice =
            format!("let the handler take `{others}`, or build an `AuthProvider<{wanted}>` and {advice}");
        Rejection::miswired(Misconfigured::OtherUsers, head, &problem, &advice)
    }
}

/// A request was admitted by the guard of one provider and refused by the extractor of another.
pub(super) fn report_other_guard<U>(head: &dyn RequestHead) {
    tracing::warn!(
        target: "fauth",
        event = "guard_of_another_provider",
        method = %Escaped(head.method()),
        path = %Escaped(head.path()),
        "the guard in front of this route admitted the request, and the extractor refuses it: they use two \
         different `AuthProvider<{users}>`; build one provider and give clones of it to guards and to the \
         application",
        users = type_name::<U>(),
    );
}
