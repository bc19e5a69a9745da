//! Whoever a mandate speaks for, and how an application finds its own user of one.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use crate::{
    clock::Timestamp,
    error::BoxError,
    token::{Hop, Mandate, MandateUse, SubjectType, TokenPayload},
    user::{AuthUser, UserLoader},
};

/// Whoever a mandate speaks for: the user of a [`MandateAuth`](crate::MandateAuth) provider, with
/// everything that the mandate says.
///
/// It has no roles and no permissions: what it may do are its scopes and its targets. Caracal has
/// named some claims anew with its version 1.0; both names are here, and mean the same.
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
/// There is no other way to get one than a mandate that was verified and not revoked. What its
/// chain and its path say is information: they give nobody a right.
#[derive(Clone)]
pub struct Principal {
    token: Arc<TokenPayload>,
    mandate: Arc<Mandate>,
}

impl Principal {
    /// `None` for a token that is no mandate.
    pub(crate) fn of(token: &Arc<TokenPayload>) -> Option<Self> {
        let mandate = token.shared_mandate()?;
        Some(Self { token: Arc::clone(token), mandate: Arc::clone(mandate) })
    }

    /// Everything that the mandate says.
    #[must_use]
    pub fn mandate(&self) -> &Mandate {
        &self.mandate
    }

    /// The verified token.
    #[must_use]
    pub fn token(&self) -> &TokenPayload {
        &self.token
    }

    /// For whom the actor acts (`sub`): the subject of the authority.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.token.subject()
    }

    /// What the subject is (`sub_type`).
    #[must_use]
    pub fn subject_type(&self) -> SubjectType {
        self.mandate.subject_type()
    }

    /// Who acts (`client_id`): the application that the mandate was issued to.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.mandate.client_id()
    }

    /// Who has issued the mandate (`iss`).
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.token.issuer().unwrap_or_default()
    }

    /// The zone that it is good in (`zone_id`).
    #[must_use]
    pub fn zone(&self) -> &str {
        self.mandate.zone()
    }

    /// The mandate's own id (`jti`).
    #[must_use]
    pub fn token_id(&self) -> &str {
        self.token.token_id()
    }

    /// When the mandate was issued (`iat`).
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        self.token.issued_at()
    }

    /// From when on the mandate is refused (`exp`), a minute of leeway aside.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.token.expires_at()
    }

    /// What the mandate is for (`use`).
    #[must_use]
    pub fn mandate_use(&self) -> MandateUse {
        self.mandate.mandate_use()
    }

    /// The record of authority that it was issued from (`sid`).
    #[must_use]
    pub fn authority_record_id(&self) -> &str {
        self.mandate.authority_record_id()
    }

    /// The [`authority_record_id`](Self::authority_record_id), by its name in the token.
    #[must_use]
    pub fn sid(&self) -> &str {
        self.mandate.sid()
    }

    /// The record of authority at which the delegation began (`root_sid`).
    #[must_use]
    pub fn root_authority_record_id(&self) -> &str {
        self.mandate.root_authority_record_id()
    }

    /// The [`root_authority_record_id`](Self::root_authority_record_id), by its name in the token.
    #[must_use]
    pub fn root_sid(&self) -> &str {
        self.mandate.root_sid()
    }

    /// What the mandate allows (`scope`), in its order.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.mandate.scopes()
    }

    /// Does it allow this? Scopes compare byte for byte.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|held| held == scope)
    }

    /// The resources that it allows this for (`target`), in its order.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.mandate.targets()
    }

    /// Does it allow it for this resource? Targets compare byte for byte.
    #[must_use]
    pub fn has_target(&self, target: &str) -> bool {
        self.targets().any(|held| held == target)
    }

    /// The session of the agent that acts (`agent_session_id`), if it acts in one.
    #[must_use]
    pub fn agent_session_id(&self) -> Option<&str> {
        self.mandate.agent_session_id()
    }

    /// The [`agent_session_id`](Self::agent_session_id), as Caracal calls it since 1.0.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.mandate.session_id()
    }

    /// The delegation by which the actor has its authority (`delegation_edge_id`); `None` if it was
    /// not delegated.
    #[must_use]
    pub fn delegation_edge_id(&self) -> Option<&str> {
        self.mandate.delegation_edge_id()
    }

    /// The [`delegation_edge_id`](Self::delegation_edge_id), as Caracal calls it since 1.0.
    #[must_use]
    pub fn delegation_id(&self) -> Option<&str> {
        self.mandate.delegation_id()
    }

    /// The session that has delegated (`source_session_id`).
    #[must_use]
    pub fn source_session_id(&self) -> Option<&str> {
        self.mandate.source_session_id()
    }

    /// The session that it was delegated to (`target_session_id`).
    #[must_use]
    pub fn target_session_id(&self) -> Option<&str> {
        self.mandate.target_session_id()
    }

    /// The delegations from the first to the last (`delegation_path`).
    #[must_use]
    pub fn delegation_path(&self) -> &[Box<str>] {
        self.mandate.delegation_path()
    }

    /// Through whose hands the authority has come (`delegation_chain`), the first one first.
    #[must_use]
    pub fn chain(&self) -> &[Hop] {
        self.mandate.chain()
    }

    /// Is this application in the chain? The actor itself does not count.
    #[must_use]
    pub fn chain_contains(&self, application: &str) -> bool {
        self.chain().iter().any(|hop| hop.application_id() == application)
    }

    /// How often the authority was handed on (`hop_count`); 0 if it was not.
    #[must_use]
    pub fn hop_count(&self) -> u32 {
        self.mandate.hop_count()
    }

    /// How new the delegations were that the mandate was issued from (`delegation_graph_epoch`).
    #[must_use]
    pub fn delegation_graph_epoch(&self) -> Option<u64> {
        self.mandate.delegation_graph_epoch()
    }
}

impl AuthUser for Principal {
    fn subject(&self) -> impl AsRef<str> {
        self.token.subject()
    }

    /// For as long as its mandate is.
    fn is_active(&self) -> bool {
        true
    }
}

/// Shows who acts for whom: the rest may be personal data.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("client_id", &self.client_id())
            .field("subject", &self.subject())
            .field("mandate", &self.mandate)
            .finish_non_exhaustive()
    }
}

/// Finds the application's own user of a mandate.
///
/// Any `async fn(Arc<Principal>) -> Result<Option<U>, E>` is one, and so is a closure;
/// `Option<Arc<U>>` spares a cache the copy. A closure that uses something from outside clones it
/// for each call, as for a [`UserLoader`].
///
/// # Security
/// Who somebody is are the [issuer](Principal::issuer), the [zone](Principal::zone) and the
/// [subject](Principal::subject) together; who acts is the [`client_id`](Principal::client_id).
#[diagnostic::on_unimplemented(
    message = "not a loader of users for mandates: expected `async fn(Arc<Principal>) -> Result<Option<U>, E>`, found `{Self}`",
    label = "should be an `async fn(Arc<Principal>) -> Result<Option<U>, E>`",
    note = "an async closure cannot capture; a plain one can: `move |principal: Arc<Principal>| load(db.clone(), principal)`"
)]
#[async_trait]
pub trait PrincipalLoader: Send + Sync + 'static {
    /// The application's user.
    type User: AuthUser;

    /// The user of this mandate; `None` if there is none (any more): 401.
    ///
    /// # Errors
    /// Whatever keeps the loader from knowing. The request is then refused with 503, and the error
    /// is logged.
    async fn load_user(&self, principal: Arc<Principal>) -> Result<Option<Arc<Self::User>>, BoxError>;
}

/// What a loader that is a function may find: the user, or one that is shared already.
pub trait FoundForPrincipal: Send {
    /// The user's type.
    type User: AuthUser;

    /// The user, shared.
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

// So that the compiler speaks of the loader as a whole and not of the bound that is missing.
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

/// The loader of a provider whose users are principals.
pub(crate) struct Principals;

#[async_trait]
impl UserLoader<Principal> for Principals {
    async fn load_user(&self, token: Arc<TokenPayload>) -> Result<Option<Arc<Principal>>, BoxError> {
        Ok(Principal::of(&token).map(Arc::new))
    }
}

/// The loader of a provider with users of the application's own.
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
