//! The answer to a refused request: the rendered body, and the headers that every renderer's
//! answer gets.

use std::net::SocketAddr;

use super::{
    challenge::{self, ProtectionSpace},
    reason::{Misconfigured, Rejection},
    render::{ProblemJson, Renderer},
};
use crate::{
    error::causes,
    escape::Escaped,
    reply::{Reply, ResponseHeader},
    request::{HeaderValues, RequestHead},
};

impl Rejection {
    /// Answers a request whose token is extracted on a route without a guard. It is logged, with
    /// `advice` as what to add and where.
    #[must_use]
    pub fn without_guard(head: &dyn RequestHead, advice: &str) -> (Self, Reply) {
        let problem = "`Token` is extracted on a route where no guard checked a token";
        Self::miswired(Misconfigured::MissingGuard, head, problem, advice)
    }

    /// Answers a request that meets a wiring mistake of the application. The log says what is wrong
    /// and what to do.
    pub(crate) fn miswired(
        mistake: Misconfigured,
        head: &dyn RequestHead,
        problem: &str,
        advice: &str,
    ) -> (Self, Reply) {
        let rejection = Self::Misconfigured(mistake);
        tracing::error!(
            target: "fauth",
            event = rejection.reason(),
            method = %Escaped(head.method()),
            path = %Escaped(head.path()),
            "{problem}: {advice}",
        );
        let reply = rejection.reply(&DEFAULT_SPACE, &ProblemJson::new(), head);
        (rejection, reply)
    }

    /// Answers a refusal of an unknown provider: a handler returned it, and no guard around it
    /// renders it. Uses the default renderer and the default realm.
    #[must_use]
    pub fn default_reply(&self) -> Reply {
        if let Self::Misconfigured(mistake) = self {
            let advice = mistake.advice();
            tracing::error!(target: "fauth", event = self.reason(), "a handler was refused: {advice}");
        }
        self.reply(&DEFAULT_SPACE, &ProblemJson::new(), &Nowhere)
    }

    /// Builds the reply: `renderer` gives its form, and the rest is the same for all.
    pub(crate) fn reply(
        &self,
        space: &ProtectionSpace,
        renderer: &dyn Renderer,
        head: &dyn RequestHead,
    ) -> Reply {
        let mut reply = match renderer.try_render(self, head) {
            Ok(reply) if is_refusal(&reply) => reply,
            // A renderer changes the form of a refusal. It cannot turn it into a success.
            Ok(_) => ProblemJson::new().render(self, head),
            Err(error) => return self.without_form(&*error, space, head),
        };
        let challenge = if is_redirect(&reply) { None } else { challenge::bearer(self, space) };
        if let Some(challenge) = challenge {
            reply.replace(ResponseHeader::new("www-authenticate", challenge));
        }
        if let Some(retry_after) = self.retry_after() {
            // Rounded up, so that clients never come back too early.
            let seconds = retry_after.as_secs().saturating_add(u64::from(retry_after.subsec_nanos() > 0));
            reply.replace(ResponseHeader::new("retry-after", seconds.max(1).to_string()));
        }
        if let Self::MethodNotAllowed { allow } = self {
            reply.replace(ResponseHeader::new("allow", *allow));
        }
        reply.replace(ResponseHeader::new("cache-control", "no-store"));
        reply.for_method(head.method())
    }

    /// The answer if the renderer fails.
    fn without_form(
        &self,
        error: &(dyn std::error::Error + 'static),
        space: &ProtectionSpace,
        head: &dyn RequestHead,
    ) -> Reply {
        let rejection = Self::Misconfigured(Misconfigured::Renderer);
        tracing::error!(
            target: "fauth",
            event = rejection.reason(),
            reason = self.reason(),
            method = %Escaped(head.method()),
            path = %Escaped(head.path()),
            error = %Escaped(&causes(error)),
            "the renderer failed",
        );
        rejection.reply(space, &ProblemJson::new(), head)
    }
}

static DEFAULT_SPACE: ProtectionSpace = ProtectionSpace::of_realm("fauth");

/// The request head of a refusal without a request.
struct Nowhere;

impl RequestHead for Nowhere {
    fn method(&self) -> &'static str {
        "GET"
    }

    fn path(&self) -> &'static str {
        "/"
    }

    fn query(&self) -> Option<&str> {
        None
    }

    fn header<'a>(&'a self, _: &str) -> HeaderValues<'a> {
        std::iter::empty().collect()
    }

    fn peer(&self) -> Option<SocketAddr> {
        None
    }

    fn is_secure(&self) -> bool {
        false
    }
}

/// 4xx, 5xx, or a redirect elsewhere (303, with a target).
fn is_refusal(reply: &Reply) -> bool {
    match reply.status() {
        400..=599 => true,
        303 => reply.headers().iter().any(|header| header.name() == "location"),
        _ => false,
    }
}

/// A redirected browser gets no challenge.
const fn is_redirect(reply: &Reply) -> bool {
    reply.status() == 303
}
