//! The server's eviction policy: asked when a store connects, after every reconnect, and
//! periodically.
//!
//! The policy can be changed at run time, and after a failover another server with another policy
//! may answer. If the server may evict keys, or does not report its policy, the store refuses
//! everything until that is corrected. A loss that has already happened is detected from the keys
//! themselves, see `scripts/revocations/memory.lua`.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{Cmd, RedisError, RedisResult, Value, aio::ConnectionLike};
use tokio::time::Instant;

use super::fault::Fault;
use crate::clock::instant;

/// How long a good answer stays valid.
const TRUSTED: Duration = Duration::from_secs(30);

/// How long the store refuses before it asks again.
const DISTRUSTED: Duration = Duration::from_secs(1);

/// The eviction policy of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Policy {
    /// Writes fail when the memory is full.
    NoEviction,
    /// Keys are evicted; the name of the policy.
    Evicts(String),
    /// The server answers neither `CONFIG GET` nor `INFO`.
    Unknown,
}

/// The last known policy of the server.
#[derive(Debug)]
pub(super) struct Eviction {
    /// The application allows eviction, so the server is not asked.
    is_allowed: bool,
    /// Whether the last answer was a bad one. Checks against the mirror read only this.
    is_refused: AtomicBool,
    last: Mutex<Last>,
}

#[derive(Debug, Clone)]
struct Last {
    asked_at: Option<Instant>,
    policy: Policy,
}

impl Eviction {
    pub(super) fn new(is_allowed: bool) -> Self {
        let last = Last { asked_at: None, policy: Policy::NoEviction };
        Self { is_allowed, is_refused: AtomicBool::new(false), last: Mutex::new(last) }
    }

    /// Fails while the server may evict keys.
    pub(super) fn refuse(&self) -> Result<(), Fault> {
        if !self.is_refused.load(Ordering::Acquire) {
            return Ok(());
        }
        match self.with_last(|last| last.policy.clone()) {
            Policy::NoEviction => Ok(()),
            Policy::Evicts(policy) => Err(Fault::Evicts(policy)),
            Policy::Unknown => Err(Fault::MayEvict),
        }
    }

    /// Asks the server if the last answer is missing or old. Only one caller asks; concurrent
    /// callers use the last answer.
    pub(super) async fn ask_if_due(&self, connection: &mut (impl ConnectionLike + Send)) -> RedisResult<()> {
        if self.is_allowed || !self.take_turn() {
            return Ok(());
        }
        let mut turn = Turn { eviction: self, is_over: false };
        self.note(&policy_of(connection).await?);
        turn.is_over = true;
        Ok(())
    }

    /// Makes the next caller ask, because another server may answer from now on.
    pub(super) fn forget(&self) {
        self.with_last(|last| last.asked_at = None);
    }

    fn take_turn(&self) -> bool {
        let now = instant();
        self.with_last(|last| {
            let is_due = last.is_due(now);
            if is_due {
                last.asked_at = Some(now);
            }
            is_due
        })
    }

    fn note(&self, policy: &Policy) {
        let before = self.with_last(|last| std::mem::replace(&mut last.policy, policy.clone()));
        self.is_refused.store(*policy != Policy::NoEviction, Ordering::Release);
        if before == *policy {
            return;
        }
        match policy {
            Policy::NoEviction => {
                tracing::info!(target: "fauth", "the maxmemory-policy of redis is `noeviction` again");
            }
            Policy::Evicts(_) => {
                let policy = policy.described();
                tracing::error!(
                    target: "fauth",
                    policy,
                    "the maxmemory-policy of redis can evict revocations: the store refuses everything until it is `noeviction`"
                );
            }
            Policy::Unknown => {
                tracing::error!(
                    target: "fauth",
                    policy = policy.described(),
                    "redis reports its maxmemory-policy neither by CONFIG GET nor by INFO: the store refuses everything \
                     until one of them is allowed"
                );
            }
        }
    }

    fn with_last<T>(&self, look: impl FnOnce(&mut Last) -> T) -> T {
        look(&mut self.last.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The turn of the one caller that asks. If it fails or is dropped, the next caller asks.
struct Turn<'a> {
    eviction: &'a Eviction,
    is_over: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.eviction.forget();
        }
    }
}

impl Last {
    fn is_due(&self, now: Instant) -> bool {
        let span = if self.policy == Policy::NoEviction { TRUSTED } else { DISTRUSTED };
        self.asked_at.is_none_or(|asked_at| now.saturating_duration_since(asked_at) >= span)
    }
}

impl Policy {
    /// The name for log records, with escapes: the server chose it.
    fn described(&self) -> String {
        match self {
            Self::NoEviction => "noeviction".to_owned(),
            Self::Evicts(policy) => policy.escape_default().to_string(),
            Self::Unknown => "unknown".to_owned(),
        }
    }
}

/// Asks for the policy with `CONFIG GET`, or with `INFO` where a managed server forbids that.
pub(super) async fn policy_of(connection: &mut (impl ConnectionLike + Send)) -> RedisResult<Policy> {
    let mut config = redis::cmd("CONFIG");
    config.arg("GET").arg("maxmemory-policy");
    let mut info = redis::cmd("INFO");
    info.arg("memory");
    let policy = match answer_of(connection, &config).await?.as_ref().and_then(in_config) {
        Some(policy) => Some(policy),
        None => answer_of(connection, &info).await?.as_ref().and_then(in_info),
    };
    Ok(match policy {
        Some(policy) if policy == "noeviction" => Policy::NoEviction,
        Some(policy) => Policy::Evicts(policy),
        None => Policy::Unknown,
    })
}

/// Returns the answer to a command, or `None` if the server does not allow or know the command.
/// Fails if the server cannot be reached, or cannot answer at the moment.
async fn answer_of(
    connection: &mut (impl ConnectionLike + Send),
    command: &Cmd,
) -> RedisResult<Option<Value>> {
    match command.query_async(connection).await {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if passes(&error) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Returns whether the same command may succeed in a moment.
fn passes(error: &RedisError) -> bool {
    const OF_THE_MOMENT: [&str; 5] = ["LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"];
    error.is_io_error() || error.code().is_none_or(|code| OF_THE_MOMENT.contains(&code))
}

/// Reads the policy from the answer to `CONFIG GET`: a map in RESP3, an array of name and value in
/// RESP2.
fn in_config(answer: &Value) -> Option<String> {
    let value = match answer {
        Value::Map(pairs) => pairs.first().map(|(_, value)| value),
        Value::Array(values) => values.get(1),
        _ => None,
    };
    value
        .and_then(|value| redis::from_redis_value_ref(value).ok())
        .filter(|policy: &String| !policy.is_empty())
}

/// Reads the policy from the answer to `INFO memory`.
fn in_info(answer: &Value) -> Option<String> {
    let text: String = redis::from_redis_value_ref(answer).ok()?;
    let policy = text.lines().find_map(|line| line.strip_prefix("maxmemory_policy:"))?.trim();
    (!policy.is_empty()).then(|| policy.to_owned())
}

#[cfg(test)]
mod tests {
    use redis::{Pipeline, RedisFuture};

    use super::*;

    /// A server that answers so to `CONFIG GET` and to `INFO`; counts how often it was asked.
    struct Server {
        config: Value,
        info: Value,
        asked: usize,
    }

    impl ConnectionLike for Server {
        fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
            self.asked += 1;
            let is_config = command.get_packed_command().windows(6).any(|word| word == b"CONFIG");
            let answer = if is_config { self.config.clone() } else { self.info.clone() };
            Box::pin(async { answer.extract_error() })
        }

        fn req_packed_commands<'a>(
            &'a mut self,
            _: &'a Pipeline,
            _: usize,
            _: usize,
        ) -> RedisFuture<'a, Vec<Value>> {
            Box::pin(async { Ok(Vec::new()) })
        }

        fn get_db(&self) -> i64 {
            0
        }
    }

    const FORBIDDEN: &str = "-NOPERM this user has no permissions\r\n";
    const UNKNOWN: &str = "-ERR unknown command\r\n";
    const LOADING: &str = "-LOADING Redis is loading the dataset in memory\r\n";

    fn error(line: &str) -> Value {
        redis::parse_redis_value(line.as_bytes()).unwrap()
    }

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn config(policy: &str) -> Value {
        Value::Map(vec![(text("maxmemory-policy"), text(policy))])
    }

    fn info(policy: &str) -> Value {
        text(&format!("# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:{policy}\r\nmem_x:1\r\n"))
    }

    async fn policy(config: Value, info: Value) -> Option<Policy> {
        policy_of(&mut Server { config, info, asked: 0 }).await.ok()
    }

    #[tokio::test]
    async fn the_policy_is_asked_for_in_two_ways() {
        let evicts = |policy: &str| Some(Policy::Evicts(policy.to_owned()));
        let older = Value::Array(vec![text("maxmemory-policy"), text("allkeys-lru")]);
        assert_eq!(policy(config("noeviction"), error(UNKNOWN)).await, Some(Policy::NoEviction));
        assert_eq!(policy(config("volatile-lru"), info("noeviction")).await, evicts("volatile-lru"));
        assert_eq!(policy(older, error(UNKNOWN)).await, evicts("allkeys-lru"));
        let nothing = Value::Map(Vec::new());
        for refused in [error(FORBIDDEN), error(UNKNOWN), nothing, config(""), Value::Nil] {
            let ask = |info| policy(refused.clone(), info);
            assert_eq!(ask(info("noeviction")).await, Some(Policy::NoEviction));
            assert_eq!(ask(info("volatile-ttl")).await, evicts("volatile-ttl"));
            assert_eq!(ask(info("")).await, Some(Policy::Unknown));
            assert_eq!(ask(text("# Memory\r\n")).await, Some(Policy::Unknown));
            assert_eq!(ask(error(FORBIDDEN)).await, Some(Policy::Unknown));
            assert_eq!(ask(error(LOADING)).await, None, "it may answer in a moment");
        }
        assert_eq!(policy(error(LOADING), info("noeviction")).await, None);
    }

    #[tokio::test]
    async fn it_is_asked_when_the_last_answer_is_missing_old_or_bad() {
        let ago = |span: Duration| instant().checked_sub(span);
        let eviction = Eviction::new(false);
        let mut server = Server { config: config("noeviction"), info: error(UNKNOWN), asked: 0 };
        let asked = async |server: &mut Server| {
            let before = server.asked;
            let answer = eviction.ask_if_due(server).await;
            (server.asked - before, answer.is_ok() && eviction.refuse().is_ok())
        };
        assert_eq!(asked(&mut server).await, (1, true));
        assert_eq!(asked(&mut server).await, (0, true));
        eviction.with_last(|last| last.asked_at = ago(TRUSTED));
        assert_eq!(asked(&mut server).await, (1, true));
        server.config = config("allkeys-lru");
        eviction.forget();
        assert_eq!(asked(&mut server).await, (1, false));
        assert!(matches!(eviction.refuse(), Err(Fault::Evicts(policy)) if policy == "allkeys-lru"));
        assert_eq!(asked(&mut server).await, (0, false), "not at every call");
        server.config = error(UNKNOWN);
        eviction.with_last(|last| last.asked_at = ago(DISTRUSTED));
        assert_eq!(asked(&mut server).await, (2, false));
        assert!(matches!(eviction.refuse(), Err(Fault::MayEvict)));
        // A question without an answer changes nothing, and is asked again at once.
        server.config = error(LOADING);
        eviction.forget();
        assert_eq!(asked(&mut server).await, (1, false));
        server.config = config("noeviction");
        assert_eq!(asked(&mut server).await, (1, true));
    }

    #[tokio::test]
    async fn where_it_is_allowed_nobody_asks() {
        let mut server = Server { config: config("allkeys-lru"), info: error(UNKNOWN), asked: 0 };
        let eviction = Eviction::new(true);
        eviction.ask_if_due(&mut server).await.unwrap();
        assert!(server.asked == 0 && eviction.refuse().is_ok());
    }
}
