//! Checking a grant again, in long requests and on open connections.

use std::sync::Arc;

use super::{granted::Granted, inner::AuthProvider, presented::Verified};
use crate::{
    rejection::{InvalidToken, Misconfigured, Rejection},
    user::AuthUser,
};

impl<U: AuthUser> AuthProvider<U> {
    /// Checks whether a grant is still valid: whether the token has expired, was revoked or is of
    /// an earlier epoch, and whether the user is still there and active. Returns the user as it is
    /// now. Call it before an act that matters, in a request that takes long or on a connection
    /// that stays open. For a mandate, its anchors and the delegation epoch of its zone are
    /// checked. The requirement of the route is not checked again, and no mandate is spent.
    ///
    /// For a connection, [`Granted::ended`] completes when the grant is over.
    ///
    /// ```
    /// # use fauth_core::{AuthProvider, AuthUser, Granted, Rejection};
    /// # async fn example<U: AuthUser>(
    /// #     auth: AuthProvider<U>, granted: &Granted<U>,
    /// # ) -> Result<(), Rejection> {
    /// let user = auth.recheck(granted).await?;
    /// # let _ = user;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The [`Rejection`] with which a guard would answer now: [`Rejection::InvalidToken`], also for
    /// an inactive user, and [`Rejection::Unavailable`] if a store or loader fails.
    /// [`Rejection::Misconfigured`] if another provider has granted it.
    pub async fn recheck(&self, granted: &Granted<U>) -> Result<Arc<U>, Rejection> {
        let auth = self.current();
        if granted.provider() != auth.inner.id {
            return Err(Rejection::Misconfigured(Misconfigured::OtherProvider));
        }
        let payload = granted.payload();
        auth.refuse_if_expired(payload)?;
        let user = if payload.is_api_key() {
            auth.user_of_known_key(payload).await?
        } else {
            let token = Verified {
                payload: Arc::clone(payload),
                way: granted.way(),
                csrf: None,
                #[cfg(feature = "mandates")]
                seen: None,
            };
            Arc::clone(auth.grant(token).await?.user())
        };
        if !user.is_active() {
            return Err(Rejection::InvalidToken(InvalidToken::InactiveUser));
        }
        auth.refuse_if_expired(payload)?;
        Ok(user)
    }
}
