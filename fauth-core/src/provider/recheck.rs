//! Looking again at what was granted: for what takes long, and for what stays open.

use std::sync::Arc;

use super::{granted::Granted, inner::AuthProvider, presented::Verified};
use crate::{
    rejection::{InvalidToken, Misconfigured, Rejection},
    user::AuthUser,
};

impl<U: AuthUser> AuthProvider<U> {
    /// Is what was granted still good? Looks again whether the token has expired, was revoked, or
    /// is of an earlier epoch, and at the user, who is returned as it is now: before an act that
    /// matters, in a request that takes long or on a connection that stays open. Of a mandate, its
    /// anchors and the delegation epoch of its zone are looked at. What the route demands is not
    /// decided again, and nothing is spent.
    ///
    /// For a connection, [`Granted::ended`] tells by itself when it is over.
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
    /// The [`Rejection`] that a guard would answer with now: [`Rejection::InvalidToken`], also for
    /// a user who is not active (any more), and [`Rejection::Unavailable`] if that cannot be found
    /// out. [`Rejection::Misconfigured`] for what another provider has granted.
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
