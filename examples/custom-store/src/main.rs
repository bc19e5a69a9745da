//! A custom store: all four storage traits over a map behind a mutex, and the exported suite that
//! tests them. Start here to keep sessions, revocations, one-time tokens and API keys in a database
//! that fauth does not support.
//!
//! ```sh
//! FAUTH_SECRET_KEY=$(openssl rand -hex 32) cargo run -p custom-store
//!
//! curl http://127.0.0.1:3000/login -d username=alice -d password='correct horse battery'
//! curl http://127.0.0.1:3000/me -H "Authorization: Bearer $ACCESS_TOKEN"
//! curl -X POST http://127.0.0.1:3000/logout -H "Authorization: Bearer $ACCESS_TOKEN"
//!
//! cargo test -p custom-store    # runs the suite, more than two hundred cases
//! ```

use std::{
    cmp::Reverse,
    collections::HashMap,
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{Router, routing::get};
use fauth_axum::{CurrentUser, auth_routes};
use fauth_core::{
    AuthConfig, AuthProvider, AuthUser, BoxError, ConfigError, Purpose, TokenPayload, async_trait,
    clock::{Clock, SystemClock, Timestamp},
    store::{
        ApiKey, ApiKeyId, ApiKeyStore, EndedSession, Known, LoadedSession, NewSession, OneTimeRecord,
        OneTimeStore, Owner, PayloadChange, PayloadOutcome, Prolonging, RefreshFamily, RevocationStore,
        RevocationTarget, Rotation, RotationDecision, RotationOutcome, SecretHash, Session, SessionId,
        SessionStore, StoreError, StoreLocation, StoredApiKey, TokenFacts, Verdict, raised_epoch,
    },
};
use tokio::net::TcpListener;

const ADDRESS: &str = "127.0.0.1:3000";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let app = app(settings()?)?;
    let listener = TcpListener::bind(ADDRESS).await?;
    eprintln!("custom-store listens on http://{ADDRESS}");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

/// Reads the settings from the environment; the default name of the application is this program's.
fn settings() -> Result<AuthConfig, ConfigError> {
    AuthConfig::from_env_or(|name| (name == "FAUTH_APPLICATION").then(|| "custom-store".to_owned()))
}

fn app(config: AuthConfig) -> Result<Router, BoxError> {
    let auth = AuthProvider::builder(config)
        .user_loader(async |token: Arc<TokenPayload>| Ok::<_, Infallible>(find(token.subject())))
        .identity_loader(async |name: String| Ok::<_, Infallible>(find(&name)))
        .store(MapStore::new(&SystemClock))
        .build()?;
    Ok(Router::new().merge(auth_routes(&auth)).route("/me", get(me)).with_state(auth))
}

async fn me(CurrentUser(user): CurrentUser<User>) -> String {
    format!("Hello {}\n", user.name)
}

// --- The store ---------------------------------------------------------------------------------

/// Keeps everything in maps. Clones share them.
///
/// Each method of the traits must be one atomic step, because security depends on it: if two
/// requests redeem a token at the same time, only one may succeed. Here a single mutex ensures
/// that; in a database, use a transaction that locks what it reads.
///
/// To keep the example short, it never deletes anything. A real store deletes expired entries, a
/// few with each write, and never by a scan during a request.
#[derive(Clone)]
struct MapStore(Arc<Mutex<Maps>>);

#[derive(Default)]
struct Maps {
    sessions: HashMap<(Owner<'static>, SessionId), SessionRow>,
    /// The expiry of each revoked target, and its owner, by the name from `RevocationTarget::key`.
    /// A claim has no owner.
    revoked: HashMap<String, (Timestamp, Option<Owner<'static>>)>,
    epochs: HashMap<Owner<'static>, u64>,
    one_times: HashMap<(Owner<'static>, SecretHash), OneTimeRecord>,
    api_keys: HashMap<ApiKeyId, StoredApiKey>,
    /// Since when this store remembers revocations. A store whose data outlives the process keeps
    /// this with the data.
    remembers_since: Option<Timestamp>,
}

enum SessionRow {
    Open(Box<OpenSession>),
    /// The tombstone of an ended session: its id never becomes live again. If one of its refresh
    /// tokens is presented, the caller learns until when its access tokens have to be revoked.
    Ended {
        tokens_end_at: Timestamp,
    },
}

struct OpenSession {
    session: Session,
    family: RefreshFamily,
    /// The application's own data.
    payload: Option<Box<str>>,
}

impl MapStore {
    /// Creates an empty store. It remembers from now on: after a restart it is empty, and must not
    /// vouch for tokens that were revoked before. If the clock fails, it vouches for none.
    fn new(clock: &impl Clock) -> Self {
        let maps = Maps { remembers_since: clock.now().ok(), ..Maps::default() };
        Self(Arc::new(Mutex::new(maps)))
    }

    /// The location of the maps, which each trait returns. A database would name its server, itself
    /// and the prefix of its tables: `StoreLocation::shared("…")`.
    fn place(&self) -> StoreLocation {
        StoreLocation::in_process(&self.0)
    }

    fn maps(&self) -> Result<MutexGuard<'_, Maps>, StoreError> {
        // A step that panicked may be incomplete. An error is a correct answer, a guess is not.
        self.0.lock().map_err(|_| StoreError::new("a step of the store has panicked"))
    }
}

/// An owner is the application, the issuer and the subject. The data of one owner is never found
/// under another.
fn owned(owner: &Owner<'_>) -> Owner<'static> {
    owner.clone().into_owned()
}

// --- Sessions ----------------------------------------------------------------------------------

#[async_trait]
impl SessionStore for MapStore {
    fn location(&self) -> StoreLocation {
        self.place()
    }

    async fn open(&self, new: NewSession, now: Timestamp) -> Result<Vec<EndedSession>, StoreError> {
        let mut maps = self.maps()?;
        let NewSession { session, head, limit, payload } = new;
        let key = (session.owner.clone(), session.id.clone());
        if maps.sessions.contains_key(&key) {
            return Err(StoreError::new("the owner has a session of this id already"));
        }
        // The newest first. Sessions beyond the limit are at the end.
        let live = maps.live_sessions(&session.owner, now);
        let surplus: Vec<_> = live.iter().skip(limit.saturating_sub(1)).map(EndedSession::from).collect();
        for ended in &surplus {
            maps.end(&session.owner, &ended.id);
        }
        // The first refresh token is the head of a family without a rotation.
        let family = RefreshFamily { head, last_rotation: None };
        maps.sessions.insert(key, SessionRow::Open(Box::new(OpenSession { session, family, payload })));
        Ok(surplus)
    }

    async fn find(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        Ok(self.maps()?.live_sessions(owner, now).into_iter().find(|session| session.id == *id))
    }

    async fn rotate(
        &self,
        owner: &Owner<'_>,
        rotation: &Rotation,
        now: Timestamp,
    ) -> Result<RotationOutcome, StoreError> {
        let mut maps = self.maps()?;
        let open = match maps.sessions.get_mut(&(owned(owner), rotation.session.clone())) {
            None => return Ok(RotationOutcome::Unknown),
            Some(SessionRow::Ended { tokens_end_at }) => {
                return Ok(RotationOutcome::Ended { tokens_end_at: *tokens_end_at });
            }
            Some(SessionRow::Open(open)) => open,
        };
        // fauth has the rule for refresh tokens, the same for every store. A store applies it, in
        // the same atomic step in which it read the session.
        Ok(match RotationDecision::of(&open.session, &open.family, rotation, now) {
            RotationDecision::Expired => RotationOutcome::Expired,
            RotationDecision::Rotate { family, last_seen_at, tokens_end_at } => {
                open.family = family;
                open.session.last_seen_at = last_seen_at;
                open.session.tokens_end_at = tokens_end_at;
                RotationOutcome::Rotated(open.session.clone())
            }
            RotationDecision::InGrace { nonce, rotated_at, from_another_client, tokens_end_at } => {
                // Mostly the time that it has; in a database, write only a changed value.
                open.session.tokens_end_at = tokens_end_at;
                let session = open.session.clone();
                RotationOutcome::InGrace { session, nonce, rotated_at, from_another_client }
            }
            RotationDecision::End => {
                let ended = maps.end(owner, &rotation.session);
                ended.map_or(RotationOutcome::Unknown, RotationOutcome::Reused)
            }
        })
    }

    async fn end(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let mut maps = self.maps()?;
        let is_live = maps.live_sessions(owner, now).iter().any(|session| session.id == *id);
        Ok(if is_live { maps.end(owner, id) } else { None })
    }

    async fn end_all(
        &self,
        owner: &Owner<'_>,
        keep: Option<&SessionId>,
        now: Timestamp,
    ) -> Result<Vec<EndedSession>, StoreError> {
        let mut maps = self.maps()?;
        let mut others: Vec<_> = maps.live_sessions(owner, now).iter().map(EndedSession::from).collect();
        others.retain(|other| Some(&other.id) != keep);
        for other in &others {
            maps.end(owner, &other.id);
        }
        Ok(others)
    }

    async fn load(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<LoadedSession>, StoreError> {
        let mut maps = self.maps()?;
        let loaded = maps
            .open_session(owner, id, now)
            .map(|open| LoadedSession { session: open.session.clone(), payload: open.payload.clone() });
        Ok(loaded)
    }

    async fn prolong(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let mut maps = self.maps()?;
        let Some(open) = maps.open_session(owner, id, now) else { return Ok(None) };
        // As with refresh tokens, fauth has the rule, and the store applies it.
        match Prolonging::of(&open.session, now) {
            Prolonging::Expired => return Ok(None),
            Prolonging::Keep => {}
            Prolonging::Prolong { last_seen_at, tokens_end_at } => {
                open.session.last_seen_at = last_seen_at;
                open.session.tokens_end_at = tokens_end_at;
            }
        }
        Ok(Some(open.session.clone()))
    }

    async fn change_payload(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        change: &PayloadChange,
        now: Timestamp,
    ) -> Result<PayloadOutcome, StoreError> {
        let mut maps = self.maps()?;
        let Some(open) = maps.open_session(owner, id, now) else { return Ok(PayloadOutcome::NotLive) };
        // Compared and replaced in one step: no writer overwrites what it has not read.
        if open.payload == change.before {
            open.payload.clone_from(&change.after);
        }
        Ok(if open.payload == change.after { PayloadOutcome::Changed } else { PayloadOutcome::Differs })
    }

    async fn list(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        Ok(self.maps()?.live_sessions(owner, now))
    }
}

impl Maps {
    /// Returns the session with this owner and id, if it is live.
    fn open_session(
        &mut self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Option<&mut OpenSession> {
        match self.sessions.get_mut(&(owned(owner), id.clone()))? {
            SessionRow::Open(open) if !open.session.has_expired(now) => Some(open),
            _ => None,
        }
    }

    /// Returns the live sessions of an owner, the most recently used first.
    fn live_sessions(&self, owner: &Owner<'_>, now: Timestamp) -> Vec<Session> {
        // A scan of everything: a real store finds an owner's sessions by an index.
        let of_owner = self.sessions.iter().filter(|((whose, _), _)| whose == owner);
        let mut live: Vec<Session> = of_owner
            .filter_map(|(_, row)| match row {
                SessionRow::Open(open) => Some(open.session.clone()),
                SessionRow::Ended { .. } => None,
            })
            .filter(|session| !session.has_expired(now))
            .collect();
        live.sort_by_key(|session| Reverse((session.last_seen_at, session.created_at)));
        live
    }

    /// Replaces an open session with a tombstone.
    fn end(&mut self, owner: &Owner<'_>, id: &SessionId) -> Option<Session> {
        let row = self.sessions.get_mut(&(owned(owner), id.clone()))?;
        let SessionRow::Open(open) = row else { return None };
        let ended = open.session.clone();
        *row = SessionRow::Ended { tokens_end_at: ended.tokens_end_at };
        Some(ended)
    }
}

// --- Revocations -------------------------------------------------------------------------------

#[async_trait]
impl RevocationStore for MapStore {
    fn location(&self) -> StoreLocation {
        self.place()
    }

    async fn revoke(
        &self,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
        limit: Option<usize>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut maps = self.maps()?;
        // Claims have no owner, so they are not counted.
        let whose = |target: &RevocationTarget<'_>| match target {
            RevocationTarget::Claim { .. } => None,
            _ => Some(owned(owner)),
        };
        let rows: HashMap<String, Option<Owner<'static>>> =
            targets.iter().map(|target| (target.key(owner).into_owned(), whose(target))).collect();
        if let Some(limit) = limit {
            let is_live = |key: &String| maps.revoked.get(key).is_some_and(|(until, _)| now < *until);
            let further = rows.iter().filter(|(key, whose)| whose.is_some() && !is_live(key)).count();
            // Another scan: a real store counts the entries of an owner by an index.
            let of_owner = maps.revoked.values().filter(|(_, whose)| whose.as_ref() == Some(owner));
            let live = of_owner.filter(|(until, _)| now < *until).count();
            if further > 0 && live + further > limit {
                return Ok(false);
            }
        }
        for (key, whose) in rows {
            let (end, _) = maps.revoked.entry(key).or_insert((until, whose));
            // A second revocation never shortens the first.
            *end = until.max(*end);
        }
        Ok(true)
    }

    async fn check(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<Verdict, StoreError> {
        let maps = self.maps()?;
        let is_revoked = |target: &RevocationTarget<'_>| {
            maps.revoked.get(&*target.key(&token.owner)).is_some_and(|(until, _)| now < *until)
        };
        let known = Known {
            is_revoked: token.targets.iter().any(is_revoked),
            epoch: maps.epochs.get(&token.owner).copied().unwrap_or(0),
            remembers_since: maps.remembers_since,
        };
        // fauth also has the rule for which of several reasons counts.
        Ok(Verdict::of(token, &known, now))
    }

    async fn epoch(&self, owner: &Owner<'_>, _now: Timestamp) -> Result<u64, StoreError> {
        Ok(self.maps()?.epochs.get(owner).copied().unwrap_or(0))
    }

    async fn raise_epoch(
        &self,
        owner: &Owner<'_>,
        now: Timestamp,
        // For stores that delete entries: this one does not.
        _until: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut maps = self.maps()?;
        let before = maps.epochs.get(owner).copied();
        let next = raised_epoch(before, now).ok_or_else(|| StoreError::new("there is no higher epoch"))?;
        maps.epochs.insert(owned(owner), next);
        Ok(next)
    }
}

// --- One-time tokens ---------------------------------------------------------------------------

#[async_trait]
impl OneTimeStore for MapStore {
    fn location(&self) -> StoreLocation {
        self.place()
    }

    async fn insert(&self, record: OneTimeRecord, limit: usize, now: Timestamp) -> Result<(), StoreError> {
        let mut maps = self.maps()?;
        let key = (record.owner.clone(), record.hash);
        if maps.one_times.contains_key(&key) {
            return Err(StoreError::new("the owner has a token of this hash already"));
        }
        // Beyond the limit, those that expire first are deleted: endless requests for mails do not
        // fill the store.
        let is_rival = |other: &&OneTimeRecord| {
            other.owner == record.owner && other.purpose == record.purpose && now < other.expires_at
        };
        let mut rivals: Vec<_> = maps.one_times.values().filter(is_rival).cloned().collect();
        rivals.sort_by_key(|rival| Reverse(rival.expires_at));
        for rival in rivals.into_iter().skip(limit.saturating_sub(1)) {
            maps.one_times.remove(&(rival.owner, rival.hash));
        }
        maps.one_times.insert(key, record);
        Ok(())
    }

    async fn insert_if_room(
        &self,
        record: OneTimeRecord,
        limit: usize,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut maps = self.maps()?;
        let key = (record.owner.clone(), record.hash);
        if maps.one_times.contains_key(&key) {
            return Err(StoreError::new("the owner has a token of this hash already"));
        }
        let is_rival = |other: &&OneTimeRecord| {
            other.owner == record.owner && other.purpose == record.purpose && now < other.expires_at
        };
        if maps.one_times.values().filter(is_rival).count() >= limit {
            return Ok(false);
        }
        maps.one_times.insert(key, record);
        Ok(true)
    }

    async fn redeem(
        &self,
        owner: &Owner<'_>,
        hash: &SecretHash,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeRecord>, StoreError> {
        let mut maps = self.maps()?;
        let key = (owned(owner), *hash);
        let is_good = |record: &OneTimeRecord| record.purpose == purpose && now < record.expires_at;
        // A token that is presented for another purpose is not used up.
        let found = maps.one_times.get(&key).is_some_and(is_good);
        Ok(if found { maps.one_times.remove(&key) } else { None })
    }

    async fn withdraw(
        &self,
        owner: &Owner<'_>,
        purpose: Option<Purpose>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut maps = self.maps()?;
        let mut live = 0;
        maps.one_times.retain(|_, record| {
            let is_meant = record.owner == *owner && purpose.is_none_or(|meant| record.purpose == meant);
            live += usize::from(is_meant && now < record.expires_at);
            !is_meant
        });
        Ok(live)
    }
}

// --- API keys ----------------------------------------------------------------------------------

#[async_trait]
impl ApiKeyStore for MapStore {
    fn location(&self) -> StoreLocation {
        self.place()
    }

    async fn insert(&self, new: StoredApiKey, limit: usize, now: Timestamp) -> Result<bool, StoreError> {
        let mut maps = self.maps()?;
        // A store that is partitioned by owner would never find it.
        if !new.key.is_in_bucket() {
            return Err(StoreError::new("the id of the key is not of its owner's bucket"));
        }
        if maps.api_keys.contains_key(&new.key.id) {
            return Err(StoreError::new("there is a key of this id already"));
        }
        if maps.live_keys(&new.key.owner, now).len() >= limit {
            return Ok(false);
        }
        maps.api_keys.insert(new.key.id.clone(), new);
        Ok(true)
    }

    async fn find(&self, id: &ApiKeyId, now: Timestamp) -> Result<Option<StoredApiKey>, StoreError> {
        let maps = self.maps()?;
        Ok(maps.api_keys.get(id).filter(|stored| now < stored.key.expires_at).cloned())
    }

    async fn list(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<ApiKey>, StoreError> {
        Ok(self.maps()?.live_keys(owner, now))
    }

    async fn touch(&self, owner: &Owner<'_>, id: &ApiKeyId, used_at: Timestamp) -> Result<(), StoreError> {
        // Only for an existing key: one that was revoked meanwhile must not come back.
        if let Some(stored) = self.maps()?.api_keys.get_mut(id).filter(|stored| stored.key.owner == *owner) {
            stored.key.last_used_at = stored.key.last_used_at.max(Some(used_at));
        }
        Ok(())
    }

    async fn remove(&self, owner: &Owner<'_>, id: &ApiKeyId) -> Result<bool, StoreError> {
        let mut maps = self.maps()?;
        let is_owners = maps.api_keys.get(id).is_some_and(|stored| stored.key.owner == *owner);
        Ok(is_owners && maps.api_keys.remove(id).is_some())
    }
}

impl Maps {
    /// Returns the keys of an owner that have not expired, the newest first.
    fn live_keys(&self, owner: &Owner<'_>, now: Timestamp) -> Vec<ApiKey> {
        let all = self.api_keys.values().map(|stored| &stored.key);
        let is_live = |key: &&ApiKey| key.owner == *owner && now < key.expires_at;
        let mut live: Vec<ApiKey> = all.filter(is_live).cloned().collect();
        live.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.id.cmp(&b.id)));
        live
    }
}

// --- The user, in place of your database --------------------------------------------------------

struct User {
    name: String,
}

/// The hash of `correct horse battery`, made by `AuthProvider::hash_password`.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$R/t1S8eMVgtoTDz2x5xtdg$SHRClXfDN0NQ/4BUckZkgyt4w8e8SIR16+CEb5WCFuU";

impl AuthUser for User {
    fn subject(&self) -> impl AsRef<str> {
        &self.name
    }

    fn password_hash(&self) -> Option<&str> {
        Some(PASSWORD_HASH)
    }

    fn is_active(&self) -> bool {
        true
    }
}

fn find(name: &str) -> Option<User> {
    (name == "alice").then(|| User { name: name.to_owned() })
}

/// The cases that every store of fauth passes.
#[cfg(test)]
mod suite {
    use fauth_testing::{ManualClock, store_suite::StoreHarness};

    use super::MapStore;

    struct Harness;

    impl StoreHarness for Harness {
        type Store = MapStore;

        async fn open() -> MapStore {
            MapStore::new(&ManualClock::new())
        }

        /// Opens the same data like another process. With a database: a second connection.
        async fn again(store: &MapStore) -> MapStore {
            store.clone()
        }
    }

    fauth_testing::store_suite!(Harness);
    fauth_testing::store_race!(Harness);
}

#[cfg(test)]
mod tests {
    use fauth_testing::{RequestBody, TestClient as _, WireRequest};

    use super::*;

    #[tokio::test]
    async fn the_store_serves_a_guarded_route() {
        let app = app(fauth_testing::config()).unwrap();
        let me = |access: &str| app.send(WireRequest::get("/me").bearer(access));

        let form = RequestBody::form([("username", "alice"), ("password", "correct horse battery")]);
        let pair = app.send(WireRequest::post("/login").with_body(form)).await.json();
        let newer = app.send(WireRequest::post("/refresh").with_body(pair)).await.json();
        let access = newer["access_token"].as_str().unwrap();
        assert_eq!(me(access).await.text(), "Hello alice\n");
        assert_eq!(app.send(WireRequest::get("/me")).await.status, 401);
        assert_eq!(app.send(WireRequest::post("/logout").bearer(access)).await.status, 200);
        assert_eq!(me(access).await.status, 401);
    }
}
