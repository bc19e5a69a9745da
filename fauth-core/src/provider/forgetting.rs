//! Erasure of all data of a subject, for a deleted account or by law.

use super::{
    inner::AuthProvider,
    revocations::{MAX_SUBJECT_BYTES, accepted_until, targets_of},
    run_to_completion::RunToCompletion,
};
use crate::{
    clock::Timestamp,
    event::{Event, EventKind},
    rejection::{Misconfigured, Rejection},
    store::{Owner, RevocationTarget},
    user::AuthUser,
};

impl<U: AuthUser> AuthProvider<U> {
    /// Ends everything that a subject has, and deletes what is stored about it: sessions with their
    /// addresses and clients, API keys, one-time tokens, and the revocations that are not needed
    /// any more. Call it when an account is deleted, for example to comply with the right to
    /// erasure (GDPR, article 17).
    ///
    /// Delete the user first, because a user who can still log in creates new records. The call can
    /// be repeated, and is not an error for a subject without records.
    ///
    /// # What stays, and how long
    /// - The epoch of the subject, by which tokens that were issued before are refused. It stays
    ///   until the last of them has expired (by default 30 days, the
    ///   [longest](crate::AuthConfigBuilder::danger_max_lifetime) time that a login lasts) and is
    ///   deleted within about an hour after that, when something is written to the store.
    /// - A revocation of the subject itself, until it ends, because it blocks logins.
    /// - Single revocations of the subject's tokens and sessions in Redis and in memory, where
    ///   copies of them exist, until the last token that they stand for has expired: mostly some
    ///   minutes, at most as long as the epoch. In SQL they are deleted.
    /// - Records that were made from [events](crate::event), and the subject's tokens themselves
    ///   where others keep them.
    /// ```
    /// # use fauth_core::{AuthProvider, AuthUser, Rejection};
    /// # async fn delete_user(_: &str) {}
    /// # async fn example<U: AuthUser>(auth: &AuthProvider<U>, id: &str) -> Result<(), Rejection> {
    /// delete_user(id).await; // from your own database
    /// auth.forget(id).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if it is not certain that everything has ended and is deleted:
    /// call it again. [`Rejection::Misconfigured`] if there is no revocation store, because tokens
    /// would stay valid, or if the subject is empty or longer than 255 bytes.
    pub async fn forget(&self, subject: &str) -> Result<(), Rejection> {
        if subject.is_empty() || subject.len() > MAX_SUBJECT_BYTES {
            return Err(Rejection::Misconfigured(Misconfigured::NotRevocable));
        }
        let (this, whose) = (self.clone(), subject.to_owned());
        RunToCompletion::new(async move { this.forget_owner(&this.owner(&whose)).await }).await?;
        self.raise(&Event::new(EventKind::SubjectForgotten).subject(subject));
        Ok(())
    }

    async fn forget_owner(&self, owner: &Owner<'_>) -> Result<(), Rejection> {
        let Some(revocations) = &self.inner.revocations else {
            return Err(Rejection::Misconfigured(Misconfigured::NoStore));
        };
        let now = self.now()?;
        // Before the sessions are deleted, because they tell how long the epoch must be retained.
        let until = self.everything_is_over(owner, now).await?;
        self.call_store(revocations.store.forget(owner, now, until)).await?;
        self.tell_open(owner, &[RevocationTarget::Subject]);
        if let Some(sessions) = &self.inner.sessions {
            let ended = self.call_store(sessions.store.forget(owner, now)).await?;
            self.tell_open(owner, &targets_of(&ended));
            // A session may have been opened meanwhile, with tokens of the new epoch.
            let ends = ended.iter().map(|session| accepted_until(session.tokens_end_at));
            if let Some(end) = ends.max() {
                self.raise_epoch(owner, until.max(end), now).await?;
            }
        }
        if let Some(one_times) = &self.inner.stores.one_times {
            self.call_store(one_times.withdraw(owner, None, now)).await?;
        }
        if let Some(keys) = &self.inner.stores.api_keys {
            self.remove_api_keys(owner, |_| true, "subject_forgotten").await?;
            self.call_store(keys.forget(owner, now)).await?;
        }
        Ok(())
    }

    /// The time at which the last token of an owner has expired: of those issued by this instance,
    /// and of all live sessions, whichever instance issued them.
    async fn everything_is_over(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Timestamp, Rejection> {
        let own = self.login_is_over(now);
        let Some(sessions) = &self.inner.sessions else { return Ok(own) };
        let live = self.call_store(sessions.store.list(owner, now)).await?;
        let ends = live.iter().map(|session| accepted_until(session.tokens_end_at));
        Ok(ends.max().map_or(own, |end| end.max(own)))
    }
}
