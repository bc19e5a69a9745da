//! API keys: created, listed, revoked, and accepted in place of a token.

use std::sync::Arc;

use super::{
    granted::Granted,
    inner::AuthProvider,
    own_only::refuse_foreign,
    presented::{Credential, Keys},
    way::Way,
};
use crate::{
    api_key::{self, ApiKeyError, ApiKeyRequest, MADE_WITHIN, MAX_KEYS_PER_OWNER, NewApiKey, PresentedKey},
    client::ClientInfo,
    clock::Timestamp,
    event::{Event, EventKind},
    rejection::{ApiKeyFault, InvalidToken, Misconfigured, Rejection, Unavailable},
    requirement::Requirement,
    store::{ApiKey, ApiKeyId, ApiKeyStore, Owner, RevocationTarget, SessionId},
    token::TokenPayload,
    user::AuthUser,
};

/// API keys: long-lived credentials for programs that can be revoked.
///
/// A key is `<prefix>_<id>_<secret><checksum>`. Clients send it as `Authorization: Bearer <key>`,
/// or as the password of the user name `__token__` with `Authorization: Basic`. The store keeps a
/// hash of it, made with a [key of this application](crate::AuthConfigBuilder::store_secret). Its
/// owner is loaded for every request and must be active.
///
/// A key can do less than its owner. It is accepted only where the requirement names one of its
/// scopes or [allows API keys](Requirement::allow_api_keys), and its owner must meet the rest of
/// the requirement. Everywhere else, including extractors outside of guards, it is refused with 403
/// `api_key_not_allowed`; see the table at [`Requirement`].
///
/// A key ends when it expires, when it is revoked, when its owner is
/// [revoked](AuthProvider::revoke) or inactive, and when its owner's password is changed
/// ([`password_changed`](AuthProvider::password_changed), or a higher
/// [`token_epoch`](AuthUser::token_epoch)), unless it was created to
/// [survive](ApiKeyRequest::danger_survives_password_change) that.
///
/// Secret scanners can find leaked keys with the following expression (with the [configured
/// prefix](crate::AuthProviderBuilder::api_key_prefix) in place of `fauth`), and verify the
/// checksum: the last eight digits are the first four bytes of the SHA-256 of everything before
/// them, in hexadecimal.
///
/// ```text
/// \bfauth_[0-9a-f]{32}_[0-9a-f]{72}\b
/// ```
///
/// A key is ignored in cookies and URLs, and cannot be used to refresh or log out.
impl<U: AuthUser> AuthProvider<U> {
    /// Creates an API key for the user of a request. Its text is returned only here: show it once.
    ///
    /// ```
    /// # use fauth_core::{api_key::{ApiKeyError, ApiKeyRequest}, AuthProvider, AuthUser, Granted};
    /// # async fn example<U: AuthUser>(
    /// #     auth: &AuthProvider<U>, granted: &Granted<U>,
    /// # ) -> Result<(), ApiKeyError> {
    /// let request = ApiKeyRequest::new("deploy").scopes(["read"]);
    /// let new = auth.create_api_key(granted, request).await?;
    /// let (shown_once, listed) = (new.expose(), new.key());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A key outlives the session that creates it, so this needs a login within the last fifteen
    /// minutes, as [`Requirement::login_within`] does.
    ///
    /// A key can have the scopes listed with
    /// [`api_key_scopes`](crate::AuthProviderBuilder::api_key_scopes). If the token of the request
    /// has scopes, the key can have only those of its scopes that are listed; without a list, any
    /// of them. With neither, the key has no scopes. Where
    /// [`token_claims`](crate::AuthProviderBuilder::token_claims) is set, a token without scopes
    /// creates keys without scopes only.
    ///
    /// # Errors
    /// [`ApiKeyError`] if the request is impossible, the owner already has 100 keys, or the store,
    /// the clock or the random generator fails. It contains [`Rejection::StaleLogin`] if the login
    /// is too old, and [`Rejection::Forbidden`] if the request was itself authenticated by an API
    /// key.
    pub async fn create_api_key(
        &self,
        granted: &Granted<U>,
        request: ApiKeyRequest<'_>,
    ) -> Result<NewApiKey, ApiKeyError> {
        if granted.provider() != self.inner.id {
            return Err(Rejection::Misconfigured(Misconfigured::OtherProvider).into());
        }
        let (user, token) = (granted.user(), granted.payload());
        refuse_foreign(token)?;
        self.decide(granted, &Requirement::user().login_within(MADE_WITHIN))?;
        let scopes_are_loaded = self.inner.claims_loader.is_some();
        self.inner.api_key_scopes.check(&request, token, scopes_are_loaded)?;
        let new = self.make_api_key(token.subject(), user.token_epoch(), request).await?;
        // All logins of the user may have been ended since the request was admitted. That call ends
        // the logins first and looks for keys second; here it is the other way round, so that one
        // of the two finds the key.
        if let Err(rejection) = self.refuse_ended_login(token).await {
            self.call_store(self.api_key_store()?.remove(&new.key.owner, &new.key.id)).await?;
            return Err(rejection.into());
        }
        self.raise(&Event::new(EventKind::ApiKeyCreated).subject(token.subject()));
        Ok(new)
    }

    /// Refuses a token whose login has ended. The revocation store may answer from a copy that is a
    /// moment old, so the sources that know at once are asked too: for the epoch, and for the
    /// session.
    async fn refuse_ended_login(&self, token: &TokenPayload) -> Result<(), Rejection> {
        let now = self.now()?;
        self.refuse_if_revoked(token, now).await?;
        if token.epoch() < self.current_epoch(&self.owner(token.subject()), now).await? {
            return Err(Rejection::InvalidToken(InvalidToken::OldEpoch));
        }
        let session = token.session_id().and_then(SessionId::parse);
        let (Some(sessions), Some(id)) = (&self.inner.sessions, session) else { return Ok(()) };
        match self.find_live(sessions, &self.owner(token.subject()), &id, now).await? {
            Some(_) => Ok(()),
            None => Err(Rejection::InvalidToken(InvalidToken::SessionEnded)),
        }
    }

    /// Creates an API key for a user who did not request it, for scripts and administrators.
    ///
    /// ```
    /// # use fauth_core::{api_key::{ApiKeyError, ApiKeyRequest}, AuthProvider, AuthUser};
    /// # async fn example<U: AuthUser>(auth: &AuthProvider<U>) -> Result<(), ApiKeyError> {
    /// let request = ApiKeyRequest::new("nightly").scopes(["read"]);
    /// let request = request.danger_survives_password_change(true);
    /// let new = auth.danger_create_api_key_for("build-server", request).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Security
    /// No permission is checked, and the key can have any scope. Never take the subject from the
    /// body of a request: the client could then choose in whose name the key acts. In handlers,
    /// call [`create_api_key`](Self::create_api_key).
    ///
    /// # Errors
    /// [`ApiKeyError`] as from [`create_api_key`](Self::create_api_key), and if the user loader
    /// does not find the user. Whether the user is active does not matter here.
    pub async fn danger_create_api_key_for(
        &self,
        subject: &str,
        request: ApiKeyRequest<'_>,
    ) -> Result<NewApiKey, ApiKeyError> {
        let epoch = self.epoch_of_owner(subject, &request).await?;
        let new = self.make_api_key(subject, epoch, request).await?;
        self.raise(&Event::new(EventKind::ApiKeyCreated).subject(subject));
        Ok(new)
    }

    /// The epoch in the user's own record. The loader gets the payload that the key will have.
    async fn epoch_of_owner(&self, subject: &str, request: &ApiKeyRequest<'_>) -> Result<u64, ApiKeyError> {
        let owner = self.owner(subject).into_owned();
        let key = request.clone().record(owner.clone(), ApiKeyId::new(&owner, [0; 16]), 0, self.now()?)?;
        let payload = TokenPayload::of_api_key(&key).ok_or(ApiKeyError::InvalidSubject)?;
        match self.user_of(&Arc::new(payload)).await {
            Ok(user) => Ok(user.token_epoch()),
            Err(Rejection::InvalidToken(_)) => Err(ApiKeyError::UnknownOwner),
            Err(rejection) => Err(rejection.into()),
        }
    }

    async fn make_api_key(
        &self,
        subject: &str,
        epoch: u64,
        request: ApiKeyRequest<'_>,
    ) -> Result<NewApiKey, ApiKeyError> {
        let (store, now) = (self.api_key_store()?, self.now()?);
        let owner = self.owner(subject).into_owned();
        let made = self.inner.api_key_format.make(&owner);
        let (id, text) = made.map_err(|_| Rejection::Unavailable(Unavailable::Issuer))?;
        let key = request.record(owner, id, epoch, now)?;
        self.refuse_revoked_subject(&key.owner.subject, now, &ClientInfo::default()).await?;
        let hash_key = self.inner.hash_keys.current();
        let hash_key = hash_key.ok_or(Rejection::Unavailable(Unavailable::Issuer))?;
        let stored = api_key::stored(key.clone(), &text, hash_key);
        if !self.call_store(store.insert(stored, MAX_KEYS_PER_OWNER, now)).await? {
            return Err(ApiKeyError::LimitReached);
        }
        Ok(NewApiKey { key, text })
    }

    /// Lists the keys of a subject that have not expired, newest first.
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if the store or the clock fails; [`Rejection::Misconfigured`] if
    /// there is no store of API keys.
    pub async fn api_keys(&self, subject: &str) -> Result<Vec<ApiKey>, Rejection> {
        let owner = self.owner(subject);
        self.call_store(self.api_key_store()?.list(&owner, self.now()?)).await
    }

    /// Revokes a key of this subject. Returns `false` if the subject has no such key, even if
    /// another subject has.
    ///
    /// # Errors
    /// As [`api_keys`](Self::api_keys). After an error it is unknown whether the key is still
    /// accepted: try again.
    pub async fn revoke_api_key(&self, subject: &str, id: &ApiKeyId) -> Result<bool, Rejection> {
        let (store, owner) = (self.api_key_store()?, self.owner(subject));
        let was_there = self.call_store(store.remove(&owner, id)).await?;
        if was_there {
            self.tell_open(&owner, &[RevocationTarget::TokenId(id.as_str())]);
            self.raise(&Event::new(EventKind::ApiKeyRevoked).subject(subject));
        }
        Ok(was_there)
    }

    /// Revokes a key, whoever owns it, for administrators and for leaked keys.
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

    /// The API key in a credential, if it has the form of one. A mistyped key is refused here,
    /// without a store call.
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

    /// Looks up a key and its owner.
    pub(super) async fn grant_api_key(&self, presented: PresentedKey) -> Result<Granted<U>, Rejection> {
        let (store, now) = (self.api_key_store()?, self.now()?);
        let found = self.call_store(store.find(&presented.id, now)).await?;
        let stored = found.ok_or(refused(ApiKeyFault::Unknown))?;
        // The store was asked for valid keys only, but is not relied on. A key of another
        // application on the same store is not accepted.
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
        let user = self.user_of_key(&**store, &key, &payload, now).await?;
        self.note_use(&**store, &key, now).await;
        Ok(Granted::new(self, user, payload, Way::Explicit))
    }

    /// The user of a key, if the key was neither revoked nor ended by an epoch.
    async fn user_of_key(
        &self,
        store: &dyn ApiKeyStore,
        key: &ApiKey,
        payload: &Arc<TokenPayload>,
        now: Timestamp,
    ) -> Result<Arc<U>, Rejection> {
        self.refuse_revoked_key(payload, now).await?;
        let user = self.user_of(payload).await?;
        if key.user_epoch.is_some_and(|epoch| epoch < user.token_epoch()) {
            self.remove_outdated(store, key).await;
            return Err(Rejection::InvalidToken(InvalidToken::OldEpoch));
        }
        Ok(user)
    }

    /// The user of a key that was accepted before, if the key is still there.
    pub(super) async fn user_of_known_key(&self, payload: &Arc<TokenPayload>) -> Result<Arc<U>, Rejection> {
        let (store, now) = (self.api_key_store()?, self.now()?);
        let id = ApiKeyId::parse(payload.token_id()).ok_or(refused(ApiKeyFault::Unknown))?;
        let found = self.call_store(store.find(&id, now)).await?;
        let key = found.ok_or(refused(ApiKeyFault::Unknown))?.key;
        if now >= key.expires_at || key.owner != self.owner_of(payload) {
            return Err(refused(ApiKeyFault::Unknown));
        }
        self.user_of_key(&**store, &key, payload, now).await
    }

    /// Removes a key that its owner's epoch has ended. If that fails, the key is refused all the
    /// same, and the next request tries again.
    async fn remove_outdated(&self, store: &dyn ApiKeyStore, key: &ApiKey) {
        if matches!(self.call_store(store.remove(&key.owner, &key.id)).await, Ok(true)) {
            self.tell_open(&key.owner, &[RevocationTarget::TokenId(key.id.as_str())]);
            self.raise_key_removed(&key.owner, "old_epoch");
        }
    }

    /// Removes the keys of an owner that `ends` selects, one after another.
    pub(super) async fn remove_api_keys(
        &self,
        owner: &Owner<'_>,
        ends: fn(&ApiKey) -> bool,
        reason: &'static str,
    ) -> Result<(), Rejection> {
        let store = self.api_key_store()?;
        for key in self.call_store(store.list(owner, self.now()?)).await?.iter().filter(|key| ends(key)) {
            if self.call_store(store.remove(owner, &key.id)).await? {
                self.tell_open(owner, &[RevocationTarget::TokenId(key.id.as_str())]);
                self.raise_key_removed(owner, reason);
            }
        }
        Ok(())
    }

    fn raise_key_removed(&self, owner: &Owner<'_>, reason: &'static str) {
        self.raise(&Event::new(EventKind::ApiKeyRevoked).subject(&owner.subject).reason(reason));
    }

    /// A failure is logged but refuses no request. The store is not written to again for a while,
    /// so that one that hangs on writes does not delay every request.
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
