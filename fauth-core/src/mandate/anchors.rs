//! By which names a mandate can be revoked.

use crate::token::{Mandate, TokenPayload};

/// How many there are at most.
const ANCHORS: usize = 7;

/// The anchors of a mandate: its authority record and the root of it, its agent session, its
/// delegation, and also its own id, its subject and its actor. What it does not have is empty, and
/// skipped by stores.
///
/// All are in one name space, as a deployment of Caracal has them: to revoke the text that is one
/// mandate's subject and another one's session ends both.
pub(crate) fn anchors<'a>(token: &'a TokenPayload, mandate: &'a Mandate) -> [&'a str; ANCHORS] {
    [
        mandate.sid(),
        mandate.root_sid(),
        mandate.agent_session_id().unwrap_or_default(),
        mandate.delegation_edge_id().unwrap_or_default(),
        token.token_id(),
        token.subject(),
        mandate.client_id(),
    ]
}

/// Under which name it is noted that a mandate was used: its id, in its zone.
pub(crate) fn spending_id(token: &TokenPayload, mandate: &Mandate) -> String {
    let zone = mandate.zone();
    // The length keeps `a` with `:b` and `a:` with `b` apart.
    format!("{}:{zone}:{}", zone.len(), token.token_id())
}
