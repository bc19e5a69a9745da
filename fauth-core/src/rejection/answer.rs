//! The answer to a refused request: the rendered body, and the headers that every renderer's
//! answer gets.

use super::{
    challenge,
    reason::{Misconfigured, Rejection},
    render::{ProblemJson, Renderer},
};
use crate::{
    escape::Escaped,
    reply::{Reply, ResponseHeader},
    request::RequestHead,
};

impl Rejection {
    /// The answer to a request whose provider is not known: an extractor on a route without guard
    /// and provider. Says so in the log, with `hint` as the advice of what to add.
    #[must_use]
    pub fn without_provider(head: &dyn RequestHead, hint: &str) -> (Self, Reply) {
        tracing::error!(
            target: "fauth",
            event = "missing_provider",
            method = %Escaped(head.method()),
            path = %Escaped(head.path()),
            "an extractor of fauth finds no provider: {hint}",
        );
        let rejection = Self::Misconfigured(Misconfigured::MissingProvider);
        let reply = rejection.reply("fauth", &ProblemJson::new(), head);
        (rejection, reply)
    }

    /// The answer: `renderer` gives it its form, the rest is the same for all.
    pub(crate) fn reply(&self, realm: &str, renderer: &dyn Renderer, head: &dyn RequestHead) -> Reply {
        let mut reply = renderer.render(self, head);
        // A renderer changes the form of a refusal. It cannot turn one into a pass.
        if !is_refusal(&reply) {
            reply = ProblemJson::new().render(self, head);
        }
        if let Some(challenge) = challenge::bearer(self, realm) {
            reply.replace(ResponseHeader::new("www-authenticate", challenge));
        }
        if let Some(retry_after) = self.retry_after() {
            reply.replace(ResponseHeader::new("retry-after", retry_after.as_secs().max(1).to_string()));
        }
        if let Self::MethodNotAllowed { allow } = self {
            reply.replace(ResponseHeader::new("allow", *allow));
        }
        reply.replace(ResponseHeader::new("cache-control", "no-store"));
        reply.for_method(head.method())
    }
}

/// 4xx, 5xx, or a redirect that leads away (303, with a target).
fn is_refusal(reply: &Reply) -> bool {
    match reply.status() {
        400..=599 => true,
        303 => reply.headers().iter().any(|header| header.name() == "location"),
        _ => false,
    }
}
