//! API keys: made, listed, revoked, and accepted in place of a token.

use std::sync::Arc;

use super::{
    granted::Granted,
    inner::AuthProvider,
    presented::{Credential, Keys},
};
use crate::{
    api_key::{self, ApiKeyError, ApiKeyRequest, MAX_KEYS_PER_OWNER, NewApiKey, PresentedKey},
    client::ClientInfo,
    clock::Timestamp,
    event::{Event, EventKind},
    rejection::{ApiKeyFault, InvalidToken, Misconfigured, Rejection, Unavailable},
    store::{ApiKey, ApiKeyId, ApiKeyStore},
    token::TokenPayload,
    user::AuthUser,
};

/// API keys: credentials for programs, which last long and can be revoked.
///
/// A key is `<prefix>_<id>_<secret><checksum>`, sent as `Authorization: Bearer <key>`, or as the password of the user name `__token__` with
/// `Authorization: Basic`. Of it the store keeps a hash, made with a [key of this application](crate::AuthConfigBuilder::store_secret). It has the rights of its owner, who is loaded for every request and must be active, narrowed by
/// its scopes. Scanners find keys that were published by mistake by this expression (with another prefix than `fauth`, if
/// [configured](crate::AuthProviderBuilder::api_key_prefix)), and by the checksum: the last eight digits are the first four bytes of the SHA-256 of
/// everything before them, in hexadecimal.
///
/// ```text
/// \bfauth_[0-9a-f]{32}_[0-9a-f]{72}\b
/// ```
///
/// A key is taken for nothing in a cookie or a URL, cannot be refreshed, and cannot log out.
impl<U: AuthUser> AuthProvider<U> {
    /// Makes an API key. Its text is in the answer and nowhere else: show it to its owner once.
    ///
    /// ```
    /// # use fauth_core::{api_key::{ApiKeyError, ApiKeyRequest}, AuthProvider, AuthUser};
    /// # async fn example<U: AuthUser>(auth: &AuthProvider<U>, user: &U) -> Result<(), ApiKeyError> {
    /// let owner = user.subject().as_ref().to_owned(); // who is logged in, never a field of the body
    /// let new = auth.create_api_key(ApiKeyRequest::for_subject(owner).name("deploy").scopes(["read"])).await?;
    /// let (shown_once, listed) = (new.expose(), new.key());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ApiKeyError`] if the request is impossible, the owner has 100 keys already, or the store, the clock or the randomness fails.
    pub async fn create_api_key(&self, request: ApiKeyRequest<'_>) -> Result<NewApiKey, ApiKeyError> {
        let (store, now) = (self.api_key_store()?, self.now()?);
        let owner = self.owner(&request.subject).into_owned();
        let made = self.inner.api_key_format.make(&owner);
        let (id, text) = made.map_err(|_| Rejection::Unavailable(Unavailable::Issuer))?;
        let key = request.record(owner, id, now)?;
        self.refuse_revoked_subject(&key.owner.subject, now, &ClientInfo::default()).await?;
        let hash_key = self.inner.hash_keys.current();
        let hash_key = hash_key.ok_or(Rejection::Unavailable(Unavailable::Issuer))?;
        let stored = api_key::stored(key.clone(), &text, hash_key);
        if !self.call_store(store.insert(stored, MAX_KEYS_PER_OWNER, now)).await? {
            return Err(ApiKeyError::LimitReached);
        }
        self.raise(&Event::new(EventKind::ApiKeyCreated).subject(&key.owner.subject));
        Ok(NewApiKey { key, text })
    }

    /// The keys of a subject that have not expired, the newest first.
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if the store or the clock fails; [`Rejection::Misconfigured`] if there is no store of API keys.
    pub async fn api_keys(&self, subject: &str) -> Result<Vec<ApiKey>, Rejection> {
        let owner = self.owner(subject);
        self.call_store(self.api_key_store()?.list(&owner, self.now()?)).await
    }

    /// Revokes a key of this subject; `false` if the subject has no such key, also if somebody
    /// else has.
    ///
    /// # Errors
    /// As [`api_keys`](Self::api_keys). Then it is unknown whether the key still opens anything: try again.
    pub async fn revoke_api_key(&self, subject: &str, id: &ApiKeyId) -> Result<bool, Rejection> {
        let (store, owner) = (self.api_key_store()?, self.owner(subject));
        let was_there = self.call_store(store.remove(&owner, id)).await?;
        if was_there {
            self.raise(&Event::new(EventKind::ApiKeyRevoked).subject(subject));
        }
        Ok(was_there)
    }

    /// Revokes a key whoever owns it, for administrators and for keys that were found where they should not be.
    ///
    /// # Errors
    /// As [`revoke_api_key`](Self::revoke_api_key).
    pub async fn revoke_any_api_key(&self, id: &ApiKeyId) -> Result<bool, Rejection> {
        let found = self.call_store(self.api_key_store()?.find(id, self.now()?)).await?;
        match found {
            Some(stored) => self.revoke_api_key(&stored.key.owner.subject, id).await,
            None => Ok(false),
        }
    }

    /// The key that a credential is, if it says that it is one. Nobody is asked: a mistyped key is refused here.
    pub(super) fn read_api_key(
        &self,
        credential: &Credential<'_>,
    ) -> Result<Option<Box<PresentedKey>>, Rejection> {
        let text = credential.token.as_bytes();
        let format = &self.inner.api_key_format;
        if self.inner.stores.api_keys.is_none() || credential.keys == Keys::Never || !format.names(text) {
            return Ok(None);
        }
        credential.token.check_grammar().map_err(Rejection::MalformedCredential)?;
        format.parse(text).map(|key| Some(Box::new(key))).ok_or(refused(ApiKeyFault::Malformed))
    }

    /// Finds a key and its owner.
    pub(super) async fn grant_api_key(&self, presented: PresentedKey) -> Result<Granted<U>, Rejection> {
        let (store, now) = (self.api_key_store()?, self.now()?);
        let found = self.call_store(store.find(&presented.id, now)).await?;
        let stored = found.ok_or(refused(ApiKeyFault::Unknown))?;
        // The store has been asked for what is good now; it is not relied on. The key of another
        // application on the same store is none of ours.
        if now >= stored.key.expires_at || stored.key.owner != self.owner(&stored.key.owner.subject) {
            return Err(refused(ApiKeyFault::Unknown));
        }
        let hash_key = self.inner.hash_keys.find(&stored.hash_key_id);
        if !presented.fits(&stored, hash_key.ok_or(refused(ApiKeyFault::UnknownHashKey))?) {
            return Err(refused(ApiKeyFault::WrongSecret));
        }
        let key = stored.key;
        let payload = TokenPayload::of_api_key(&key).ok_or(refused(ApiKeyFault::Unknown))?;
        let payload = Arc::new(payload);
        self.refuse_revoked_key(&payload, now).await?;
        let user = self.user_of(&payload).await?;
        self.note_use(&**store, &key, now).await;
        Ok(Granted::new(self.inner.id, user, payload, false))
    }

    /// That it cannot be noted is no reason to refuse: it is logged, and not tried again for a while, so that a store that hangs while it is written to
    /// does not hold up every request.
    async fn note_use(&self, store: &dyn ApiKeyStore, key: &ApiKey, now: Timestamp) {
        let uses = &self.inner.api_key_uses;
        if uses.is_due(key, now) && self.call_store(store.touch(&key.owner, &key.id, now)).await.is_err() {
            uses.failed(now);
        }
    }

    fn api_key_store(&self) -> Result<&Arc<dyn ApiKeyStore>, Rejection> {
        self.inner.stores.api_keys.as_ref().ok_or(Rejection::Misconfigured(Misconfigured::NoStore))
    }
}

pub(super) const fn refused(fault: ApiKeyFault) -> Rejection {
    Rejection::InvalidToken(InvalidToken::ApiKey(fault))
}
