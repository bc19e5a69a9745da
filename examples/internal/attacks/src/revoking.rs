//! One account that ends its session again and again, with all the tokens it can get.

use std::{convert::Infallible, env, fmt, sync::Arc, time::Duration};

use fauth_core::{
    AuthConfig, AuthProvider, AuthUser, BoxError, ClientInfo, MemoryStore, SessionConfig, TokenPayload,
    store::{RedisStore, RevocationTarget, Store},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{Verdict, server::SECRET};

/// How much the memory store may keep.
const ROOM: usize = 1_000;
/// More than there is room for.
const ROUNDS: usize = 20_000;
const QUICK_ROUNDS: usize = 2_000;
/// What ending one session may leave behind.
const LEFT_BY_ONE_LOGOUT: usize = 4;
/// By how much Redis may grow: it allocates in steps.
const BYTES_LEFT: usize = 256 * 1024;
const LONGEST_GRACE: Duration = Duration::from_secs(60);

struct User(String);

impl AuthUser for User {
    fn subject(&self) -> impl AsRef<str> {
        &self.0
    }

    fn is_active(&self) -> bool {
        true
    }
}

/// What the flood has left behind, and what others can still do.
#[derive(Debug, Clone)]
pub struct Report {
    store: &'static str,
    rounds: usize,
    refused: usize,
    entries: (usize, usize),
    bytes: Option<(usize, usize)>,
    others_can_log_out: bool,
    administrators_can_revoke: bool,
}

impl Report {
    /// The head of the table.
    pub const HEAD: &str = "| store | logouts | refused | entries before | after | bytes before | after | others can log out | administrators can revoke |\n|---|---|---|---|---|---|---|---|---|";

    /// What should hold.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Verdict> {
        let (before, after) = self.entries;
        let store = self.store;
        vec![
            Verdict {
                name: format!(
                    "{store}: {} logouts of one session leave {} entries",
                    self.rounds,
                    after.saturating_sub(before)
                ),
                holds: after <= before + LEFT_BY_ONE_LOGOUT
                    && self.bytes.is_none_or(|(before, after)| after <= before + BYTES_LEFT),
            },
            Verdict { name: format!("{store}: others can log out"), holds: self.others_can_log_out },
            Verdict {
                name: format!("{store}: administrators can revoke"),
                holds: self.administrators_can_revoke,
            },
        ]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let yes = |is_so| if is_so { "yes" } else { "NO" };
        let bytes = |one: Option<usize>| one.map_or_else(|| "–".to_owned(), |bytes| bytes.to_string());
        write!(
            f,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            self.store,
            self.rounds,
            self.refused,
            self.entries.0,
            self.entries.1,
            bytes(self.bytes.map(|(before, _)| before)),
            bytes(self.bytes.map(|(_, after)| after)),
            yes(self.others_can_log_out),
            yes(self.administrators_can_revoke),
        )
    }
}

/// Floods a memory store, and the Redis that `FAUTH_REDIS_URL` names.
///
/// # Errors
/// A store cannot be reached, or a login fails.
pub async fn attack(quick: bool) -> Result<Vec<Report>, BoxError> {
    let rounds = if quick { QUICK_ROUNDS } else { ROUNDS };
    let memory = Arc::new(MemoryStore::builder().revocations(ROOM).build());
    let size = async || Ok((memory.sizes().revocations, None));
    let mut reports = vec![flood("memory", Arc::clone(&memory) as _, rounds, size).await?];
    if let Ok(url) = env::var("FAUTH_REDIS_URL") {
        let store = Arc::new(RedisStore::connect(&*url).await?);
        reports.push(flood("Redis", store, rounds, async || size_of_redis(&url).await).await?);
    }
    Ok(reports)
}

/// Entries, and bytes where they are known.
type Size = (usize, Option<usize>);

async fn flood(
    name: &'static str,
    store: Arc<dyn Store>,
    rounds: usize,
    size: impl AsyncFn() -> Result<Size, BoxError>,
) -> Result<Report, BoxError> {
    let nobody = ClientInfo::unknown();
    let auth = AuthProvider::builder(AuthConfig::builder().application("attacked").secret(SECRET).build()?)
        .user_loader(async |token: Arc<TokenPayload>| {
            Ok::<_, Infallible>(Some(User(token.subject().to_owned())))
        })
        .without_password_login()
        .sessions(SessionConfig::new().grace(LONGEST_GRACE))
        .store(store)
        .build()?;
    let pair = auth.login("mallory").await?;
    let mut tokens = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        // Within the grace window each answer is another access token, and nothing is used up.
        let Ok(next) = auth.refresh(pair.refresh_token().expose(), &nobody).await else { break };
        tokens.push(next.access_token().expose().to_owned());
    }
    let before = size().await?;
    let mut refused = 0;
    for token in &tokens {
        refused += usize::from(auth.logout(token, &nobody).await.is_err());
    }
    let after = size().await?;
    Ok(Report {
        store: name,
        rounds: tokens.len(),
        refused,
        entries: (before.0, after.0),
        bytes: before.1.zip(after.1),
        others_can_log_out: can_log_out(&auth).await?,
        administrators_can_revoke: can_revoke(&auth).await?,
    })
}

/// Says so, and it is so.
async fn can_log_out(auth: &AuthProvider<User>) -> Result<bool, BoxError> {
    let pair = auth.login("alice").await?;
    let has_ended = auth.logout(pair.access_token().expose(), &ClientInfo::unknown()).await.is_ok();
    Ok(has_ended && auth.refresh(pair.refresh_token().expose(), &ClientInfo::unknown()).await.is_err())
}

async fn can_revoke(auth: &AuthProvider<User>) -> Result<bool, BoxError> {
    let pair = auth.login("bob").await?;
    let has_revoked = auth.revoke("bob", &[RevocationTarget::Subject]).await.is_ok();
    Ok(has_revoked && auth.refresh(pair.refresh_token().expose(), &ClientInfo::unknown()).await.is_err())
}

/// Keys and bytes, as Redis counts them: a key may hold many entries.
async fn size_of_redis(url: &str) -> Result<Size, BoxError> {
    let address = url.trim_start_matches("redis://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"DBSIZE\r\nINFO memory\r\nQUIT\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let number = |prefix: &str| {
        let line = answer.lines().find_map(|line| line.strip_prefix(prefix));
        line.and_then(|number| number.trim().parse().ok())
    };
    Ok((number(":").ok_or("Redis does not tell its size")?, number("used_memory:")))
}
