//! The anchors of a mandate: the ids by which it can be revoked.

use crate::token::{Mandate, TokenPayload};

/// The number of anchors of a mandate, empty ones included.
const ANCHORS: usize = 7;

/// Returns the anchors of a mandate: its authority record and root authority record, its agent
/// session, its delegation, and its own id, its subject and its actor. A missing id is empty;
/// stores skip empty anchors.
///
/// All anchors share one name space, as in a Caracal deployment: if the subject of one mandate is
/// the session id of another, revoking that text ends both.
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

/// Returns the name under which the use of a mandate is recorded: its zone and its id.
pub(crate) fn spending_id(token: &TokenPayload, mandate: &Mandate) -> String {
    let zone = mandate.zone();
    // The length distinguishes `a` with `:b` from `a:` with `b`.
    format!("{}:{zone}:{}", zone.len(), token.token_id())
}
