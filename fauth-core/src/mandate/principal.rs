//! The principal of a mandate, and how an application loads its own user for it.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use crate::{
    clock::Timestamp,
    error::BoxError,
    token::{Hop, Mandate, MandateUse, SubjectType, TokenPayload},
    user::{AuthUser, UserLoader},
};

/// The principal of a verified mandate: the user type of a [`MandateAuth`](crate::MandateAuth)
/// provider, with all claims of the mandate.
///
/// A principal has no roles and no permissions; its scopes and its targets say what it may do.
/// Caracal 1.0 renamed some claims. Both names have a method here; they return the same value.
///
/// ```
/// use fauth_core::Principal;
///
/// fn describe(principal: &Principal) -> String {
///     let (actor, subject) = (principal.client_id(), principal.subject());
///     match principal.agent_session_id() {
///         Some(session) => format!("{actor} acts for {subject} in the session {session}"),
///         None => format!("{actor} acts for {subject}"),
///     }
/// }
/// ```
///
/// # Security
/// Only a mandate that was verified and not revoked yields a principal. Its delegation chain and
/// delegation path are information; they grant nothing.
#[derive(Clone)]
pub struct Principal {
    token: Arc<TokenPayload>,
    mandate: Arc<Mandate>,
}

impl Principal {
    /// Returns `None` for a token that is not a mandate.
    pub(crate) fn of(token: &Arc<TokenPayload>) -> Option<Self> {
        let mandate = token.shared_mandate()?;
        Some(Self { token: Arc::clone(token), mandate: Arc::clone(mandate) })
    }

    /// Returns the claims of the mandate.
    #[must_use]
    pub fn mandate(&self) -> &Mandate {
        &self.mandate
    }

    /// Returns the verified token.
    #[must_use]
    pub fn token(&self) -> &TokenPayload {
        &self.token
    }

    /// Returns the subject that the actor acts for (`sub`).
    #[must_use]
    pub fn subject(&self) -> &str {
        self.token.subject()
    }

    /// Returns the kind of subject (`sub_type`).
    #[must_use]
    pub fn subject_type(&self) -> SubjectType {
        self.mandate.subject_type()
    }

    /// Returns the actor (`client_id`): the application that the mandate was issued to.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.mandate.client_id()
    }

    /// Returns the issuer of the mandate (`iss`).
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.token.issuer().unwrap_or_default()
    }

    /// Returns the zone that the mandate is valid in (`zone_id`).
    #[must_use]
    pub fn zone(&self) -> &str {
        self.mandate.zone()
    }

    /// Returns the id of the mandate (`jti`).
    #[must_use]
    pub fn token_id(&self) -> &str {
        self.token.token_id()
    }

    /// Returns when the mandate was issued (`iat`).
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        self.token.issued_at()
    }

    /// Returns when the mandate expires (`exp`). It is refused from then on, after a leeway of one
    /// minute.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.token.expires_at()
    }

    /// Returns what the mandate may be used for (`use`).
    #[must_use]
    pub fn mandate_use(&self) -> MandateUse {
        self.mandate.mandate_use()
    }

    /// Returns the authority record that the mandate was issued from (`sid`).
    #[must_use]
    pub fn authority_record_id(&self) -> &str {
        self.mandate.authority_record_id()
    }

    /// Returns the [`authority_record_id`](Self::authority_record_id), under the name of its claim.
    #[must_use]
    pub fn sid(&self) -> &str {
        self.mandate.sid()
    }

    /// Returns the authority record at the root of the delegation (`root_sid`).
    #[must_use]
    pub fn root_authority_record_id(&self) -> &str {
        self.mandate.root_authority_record_id()
    }

    /// Returns the [`root_authority_record_id`](Self::root_authority_record_id), under the name of
    /// its claim.
    #[must_use]
    pub fn root_sid(&self) -> &str {
        self.mandate.root_sid()
    }

    /// Returns the scopes of the mandate (`scope`), in the order of the claim.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.mandate.scopes()
    }

    /// Returns whether the mandate has this scope. Scopes compare byte for byte.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|held| held == scope)
    }

    /// Returns the resources that the mandate is valid for (`target`), in the order of the claim.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.mandate.targets()
    }

    /// Returns whether the mandate is valid for this resource. Targets compare byte for byte.
    #[must_use]
    pub fn has_target(&self, target: &str) -> bool {
        self.targets().any(|held| held == target)
    }

    /// Returns the session of the agent that acts (`agent_session_id`), if it acts in one.
    #[must_use]
    pub fn agent_session_id(&self) -> Option<&str> {
        self.mandate.agent_session_id()
    }

    /// Returns the [`agent_session_id`](Self::agent_session_id), under the name that Caracal 1.0
    /// gave it.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.mandate.session_id()
    }

    /// Returns the delegation that gave the actor its authority (`delegation_edge_id`); `None` if
    /// the authority was not delegated.
    #[must_use]
    pub fn delegation_edge_id(&self) -> Option<&str> {
        self.mandate.delegation_edge_id()
    }

    /// Returns the [`delegation_edge_id`](Self::delegation_edge_id), under the name that Caracal
    /// 1.0 gave it.
    #[must_use]
    pub fn delegation_id(&self) -> Option<&str> {
        self.mandate.delegation_id()
    }

    /// Returns the session that delegated the authority (`source_session_id`).
    #[must_use]
    pub fn source_session_id(&self) -> Option<&str> {
        self.mandate.source_session_id()
    }

    /// Returns the session that the authority was delegated to (`target_session_id`).
    #[must_use]
    pub fn target_session_id(&self) -> Option<&str> {
        self.mandate.target_session_id()
    }

    /// Returns the ids of the delegations, from the first to the last (`delegation_path`).
    #[must_use]
    pub fn delegation_path(&self) -> &[Box<str>] {
        self.mandate.delegation_path()
    }

    /// Returns the applications that passed the authority on (`delegation_chain`), from the first
    /// to the last.
    #[must_use]
    pub fn chain(&self) -> &[Hop] {
        self.mandate.chain()
    }

    /// Returns whether this application is in the delegation chain. The actor itself does not
    /// count.
    #[must_use]
    pub fn chain_contains(&self, application: &str) -> bool {
        self.chain().iter().any(|hop| hop.application_id() == application)
    }

    /// Returns how often the authority was passed on (`hop_count`); 0 if it was not delegated.
    #[must_use]
    pub fn hop_count(&self) -> u32 {
        self.mandate.hop_count()
    }

    /// Returns the delegation epoch that the mandate was issued in (`delegation_graph_epoch`).
    #[must_use]
    pub fn delegation_graph_epoch(&self) -> Option<u64> {
        self.mandate.delegation_graph_epoch()
    }
}

impl AuthUser for Principal {
    fn subject(&self) -> impl AsRef<str> {
        self.token.subject()
    }

    /// Always `true`: a principal is active for as long as its mandate is valid.
    fn is_active(&self) -> bool {
        true
    }
}

/// Shows the actor and the subject only: other claims may be personal data.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("client_id", &self.client_id())
            .field("subject", &self.subject())
            .field("mandate", &self.mandate)
            .finish_non_exhaustive()
    }
}

/// Loads the application's own user for a mandate.
///
/// Any `async fn(Arc<Principal>) -> Result<Option<U>, E>` implements this trait, and so does a
/// closure. Return `Option<Arc<U>>` to pass on a cached user without copying it. A closure must
/// clone what it captures for each call, as for a [`UserLoader`].
///
/// # Security
/// The [issuer](Principal::issuer), the [zone](Principal::zone) and the
/// [subject](Principal::subject) together identify the subject; the
/// [`client_id`](Principal::client_id) identifies the actor.
#[diagnostic::on_unimplemented(
    message = "not a loader of users for mandates: expected `async fn(Arc<Principal>) -> Result<Option<U>, E>`, found `{Self}`",
    label = "should be an `async fn(Arc<Principal>) -> Result<Option<U>, E>`",
    note = "an async closure cannot capture; a plain one can: `move |principal: Arc<Principal>| load(db.clone(), principal)`"
)]
#[async_trait]
pub trait PrincipalLoader: Send + Sync + 'static {
    /// The application's user.
    type User: AuthUser;

    /// Returns the user of this mandate, or `None` if there is none (any more): 401.
    ///
    /// # Errors
    /// Any error that prevents the lookup. The request is then refused with 503, and the error is
    /// logged.
    async fn load_user(&self, principal: Arc<Principal>) -> Result<Option<Arc<Self::User>>, BoxError>;
}

/// What a function that is a [`PrincipalLoader`] may return: a user, or an `Arc` of one.
pub trait FoundForPrincipal: Send {
    /// The user's type.
    type User: AuthUser;

    /// Wraps the user in an `Arc`, unless it is in one already.
    fn into_shared(self) -> Arc<Self::User>;
}

impl<U: AuthUser> FoundForPrincipal for U {
    type User = U;

    fn into_shared(self) -> Arc<U> {
        Arc::new(self)
    }
}

impl<U: AuthUser> FoundForPrincipal for Arc<U> {
    type User = U;

    fn into_shared(self) -> Self {
        self
    }
}

// Compiler errors then name the loader as a whole, not the one bound that is not met.
#[diagnostic::do_not_recommend]
#[async_trait]
impl<F, Fut, Found, E> PrincipalLoader for F
where
    F: Fn(Arc<Principal>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<Found>, E>> + Send,
    Found: FoundForPrincipal,
    E: Into<BoxError>,
{
    type User = Found::User;

    async fn load_user(&self, principal: Arc<Principal>) -> Result<Option<Arc<Found::User>>, BoxError> {
        let found = self(principal).await.map_err(Into::into)?;
        Ok(found.map(FoundForPrincipal::into_shared))
    }
}

/// The loader of a provider whose user type is [`Principal`].
pub(crate) struct Principals;

#[async_trait]
impl UserLoader<Principal> for Principals {
    async fn load_user(&self, token: Arc<TokenPayload>) -> Result<Option<Arc<Principal>>, BoxError> {
        Ok(Principal::of(&token).map(Arc::new))
    }
}

/// The loader of a provider with the application's own user type.
pub(crate) struct ByPrincipal<L>(pub(crate) L);

#[async_trait]
impl<L: PrincipalLoader> UserLoader<L::User> for ByPrincipal<L> {
    async fn load_user(&self, token: Arc<TokenPayload>) -> Result<Option<Arc<L::User>>, BoxError> {
        match Principal::of(&token) {
            Some(principal) => self.0.load_user(Arc::new(principal)).await,
            None => Ok(None),
        }
    }
}
