//! Every statement there is.
//!
//! `{p}` stands for the prefix of the tables; `{bytes}`, `{for_update}` and `{skip_locked}` for the words in which the databases differ; `{list}` for parameters
//! whose number is known when asking.

use std::sync::Arc;

use super::dialect::{Dialect, Words};

/// Turns the texts below into statements of a database.
#[derive(Debug, Clone)]
pub(super) struct Texts {
    prefix: Arc<str>,
    words: &'static Words,
}

impl Texts {
    /// With a prefix that was checked.
    pub(super) fn of<D: Dialect>(prefix: &str) -> Self {
        Self { prefix: prefix.into(), words: &D::WORDS }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn render(&self, template: &str) -> String {
        template
            .replace("{p}", &self.prefix)
            .replace("{bytes}", self.words.bytes)
            .replace("{for_update}", self.words.for_update)
            .replace("{skip_locked}", self.words.skip_locked)
    }
}

/// The version of the tables that this fauth works with.
pub(super) const LATEST: u64 = 1;

pub(super) const VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS {p}schema (\
    id BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, since BIGINT NOT NULL)";

pub(super) const READ_VERSION: &str = "SELECT version FROM {p}schema WHERE id = 1";

// `since` is that of the first time.
pub(super) const WRITE_VERSION: &str = "INSERT INTO {p}schema (id, version, since) VALUES (1, $1, $2) \
    ON CONFLICT (id) DO UPDATE SET version = excluded.version";

/// What leads from each version to the next.
pub(super) const MIGRATIONS: &[(u64, &[&str])] = &[(
    1,
    &[
        "CREATE TABLE {p}sessions (\
            id TEXT NOT NULL PRIMARY KEY, \
            subject TEXT NOT NULL, \
            created_at BIGINT NOT NULL, \
            last_seen_at BIGINT NOT NULL, \
            idle_timeout BIGINT NOT NULL, \
            expires_at BIGINT NOT NULL, \
            remembered BIGINT NOT NULL, \
            client TEXT, \
            address TEXT, \
            ends_at BIGINT NOT NULL, \
            ended BIGINT NOT NULL, \
            head {bytes} NOT NULL, \
            predecessor {bytes}, \
            nonce {bytes}, \
            rotated_at BIGINT)",
        "CREATE INDEX {p}sessions_subject ON {p}sessions (subject)",
        "CREATE INDEX {p}sessions_expires ON {p}sessions (expires_at)",
        "CREATE TABLE {p}revocations (\
            anchor TEXT NOT NULL PRIMARY KEY, \
            kept_until BIGINT NOT NULL)",
        "CREATE INDEX {p}revocations_kept ON {p}revocations (kept_until)",
        "CREATE TABLE {p}epochs (\
            subject TEXT NOT NULL PRIMARY KEY, \
            epoch BIGINT NOT NULL, \
            kept_until BIGINT NOT NULL)",
        "CREATE INDEX {p}epochs_kept ON {p}epochs (kept_until)",
        "CREATE TABLE {p}one_time (\
            hash {bytes} NOT NULL PRIMARY KEY, \
            subject TEXT NOT NULL, \
            purpose TEXT NOT NULL, \
            expires_at BIGINT NOT NULL)",
        "CREATE INDEX {p}one_time_subject ON {p}one_time (subject, purpose)",
        "CREATE INDEX {p}one_time_expires ON {p}one_time (expires_at)",
        "CREATE TABLE {p}api_keys (\
            id TEXT NOT NULL PRIMARY KEY, \
            hash {bytes} NOT NULL, \
            owner TEXT NOT NULL, \
            name TEXT NOT NULL, \
            scopes TEXT NOT NULL, \
            created_at BIGINT NOT NULL, \
            expires_at BIGINT NOT NULL, \
            last_used_at BIGINT)",
        "CREATE INDEX {p}api_keys_owner ON {p}api_keys (owner)",
        "CREATE INDEX {p}api_keys_expires ON {p}api_keys (expires_at)",
    ],
)];

/// The columns of a session, in the order in which they are read.
macro_rules! session {
    () => {
        "id, subject, created_at, last_seen_at, idle_timeout, expires_at, remembered, client, address"
    };
}

pub(super) const OPEN_SESSION: &str = concat!(
    "INSERT INTO {p}sessions (",
    session!(),
    ", ends_at, head, ended) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)"
);

pub(super) const FAMILY: &str = concat!(
    "SELECT ",
    session!(),
    ", ended, head, predecessor, nonce, rotated_at FROM {p}sessions WHERE id = $1 {for_update}"
);

pub(super) const ROTATE: &str = "UPDATE {p}sessions SET last_seen_at = $2, ends_at = $3, \
    predecessor = head, head = $4, nonce = $5, rotated_at = $6 WHERE id = $1";

pub(super) const END_FAMILY: &str = "UPDATE {p}sessions SET ended = 1 WHERE id = $1";

pub(super) const END_SESSION: &str = concat!(
    "UPDATE {p}sessions SET ended = 1 WHERE id = $1 AND ended = 0 AND ends_at > $2 \
     AND ($3 IS NULL OR subject = $3) RETURNING ",
    session!()
);

pub(super) const END_SESSIONS: &str = "UPDATE {p}sessions SET ended = 1 \
    WHERE subject = $1 AND ended = 0 AND ends_at > $2 AND ($3 IS NULL OR id <> $3) RETURNING id";

pub(super) const LIST_SESSIONS: &str =
    concat!("SELECT ", session!(), " FROM {p}sessions WHERE subject = $1 AND ended = 0 AND ends_at > $2");

pub(super) const LOCK_SESSIONS: &str = concat!(
    "SELECT ",
    session!(),
    " FROM {p}sessions WHERE subject = $1 AND ended = 0 AND ends_at > $2 {for_update}"
);

pub(super) const SWEEP_SESSIONS: &str = "DELETE FROM {p}sessions WHERE id IN \
    (SELECT id FROM {p}sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT 100 {skip_locked})";

/// `{list}` are pairs of an anchor and `$1`.
pub(super) const REVOKE: &str = "INSERT INTO {p}revocations (anchor, kept_until) VALUES {list} \
    ON CONFLICT (anchor) DO UPDATE SET kept_until = CASE \
    WHEN excluded.kept_until > {p}revocations.kept_until THEN excluded.kept_until \
    ELSE {p}revocations.kept_until END";

/// `{list}` are the anchors.
pub(super) const CHECK: &str = "SELECT (SELECT since FROM {p}schema WHERE id = 1), \
    (SELECT COUNT(*) FROM {p}revocations WHERE anchor IN ({list}) AND kept_until > $1), \
    (SELECT epoch FROM {p}epochs WHERE subject = $2)";

pub(super) const EPOCH: &str = "SELECT epoch FROM {p}epochs WHERE subject = $1";

pub(super) const RAISE_EPOCH: &str = "INSERT INTO {p}epochs (subject, epoch, kept_until) VALUES ($1, $2, $3) \
    ON CONFLICT (subject) DO UPDATE SET \
    epoch = CASE WHEN excluded.epoch > {p}epochs.epoch THEN excluded.epoch ELSE {p}epochs.epoch + 1 END, \
    kept_until = CASE WHEN excluded.kept_until > {p}epochs.kept_until THEN excluded.kept_until \
    ELSE {p}epochs.kept_until END \
    RETURNING epoch";

pub(super) const SWEEP_REVOCATIONS: &str = "DELETE FROM {p}revocations WHERE anchor IN \
    (SELECT anchor FROM {p}revocations WHERE kept_until <= $1 ORDER BY kept_until LIMIT 100 {skip_locked})";

pub(super) const SWEEP_EPOCHS: &str = "DELETE FROM {p}epochs WHERE subject IN \
    (SELECT subject FROM {p}epochs WHERE kept_until <= $1 ORDER BY kept_until LIMIT 100 {skip_locked})";

pub(super) const INSERT_ONE_TIME: &str =
    "INSERT INTO {p}one_time (hash, subject, purpose, expires_at) VALUES ($1, $2, $3, $4)";

/// Of the live ones, all but the last `$4` to expire.
pub(super) const CROWD_OUT: &str = "DELETE FROM {p}one_time WHERE hash IN \
    (SELECT hash FROM {p}one_time WHERE subject = $1 AND purpose = $2 AND expires_at > $3 \
    ORDER BY expires_at DESC LIMIT 1000 OFFSET $4)";

pub(super) const REDEEM: &str = "DELETE FROM {p}one_time WHERE hash = $1 AND purpose = $2 AND expires_at > $3 \
    RETURNING subject, expires_at";

pub(super) const WITHDRAW: &str = "DELETE FROM {p}one_time WHERE subject = $1 AND ($2 IS NULL OR purpose = $2) \
    RETURNING expires_at";

pub(super) const SWEEP_ONE_TIME: &str = "DELETE FROM {p}one_time WHERE hash IN \
    (SELECT hash FROM {p}one_time WHERE expires_at <= $1 ORDER BY expires_at LIMIT 100 {skip_locked})";

/// The columns of an API key, in the order in which they are read.
macro_rules! api_key {
    () => {
        "id, owner, name, scopes, created_at, expires_at, last_used_at"
    };
}

pub(super) const COUNT_API_KEYS: &str =
    "SELECT COUNT(*) FROM {p}api_keys WHERE owner = $1 AND expires_at > $2";

pub(super) const INSERT_API_KEY: &str = "INSERT INTO {p}api_keys \
    (id, owner, name, scopes, created_at, expires_at, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)";

pub(super) const FIND_API_KEY: &str =
    concat!("SELECT ", api_key!(), ", hash FROM {p}api_keys WHERE id = $1 AND expires_at > $2");

pub(super) const LIST_API_KEYS: &str =
    concat!("SELECT ", api_key!(), " FROM {p}api_keys WHERE owner = $1 AND expires_at > $2");

pub(super) const TOUCH_API_KEY: &str = "UPDATE {p}api_keys SET last_used_at = $2 \
    WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";

pub(super) const REMOVE_API_KEY: &str =
    "DELETE FROM {p}api_keys WHERE id = $1 AND ($2 IS NULL OR owner = $2) RETURNING id";

pub(super) const SWEEP_API_KEYS: &str = "DELETE FROM {p}api_keys WHERE id IN \
    (SELECT id FROM {p}api_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT 100 {skip_locked})";
