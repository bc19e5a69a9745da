//! All SQL statements.
//!
//! - `{p}` stands for the prefix of the tables.
//! - `{bytes}`, `{for_update}`, `{skip_locked}`, `{least}` and `{clock}` stand for the fragments
//!   that differ between the databases.
//! - `{list}` stands for parameters whose number depends on the call.
//! - `{past}` stands for the time up to which rows are deleted.
//!
//! Every statement on an owner's rows binds the owner to `$1`, `$2` and `$3`.

use std::sync::Arc;

use super::dialect::{Dialect, Words};

/// `$1` is the time by the caller's clock, `$2` how far the database's own clock must be past it.
/// So a single caller whose clock is ahead cannot delete rows that all others need.
const PAST: &str = "{least}($1, {clock} - $2)";

/// Turns the templates below into statements of one database.
#[derive(Debug, Clone)]
pub(super) struct Statements {
    prefix: Arc<str>,
    words: &'static Words,
}

impl Statements {
    /// `prefix` must have been checked.
    pub(super) fn new<D: Dialect>(prefix: &str) -> Self {
        Self { prefix: prefix.into(), words: &D::WORDS }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn render(&self, template: &str) -> String {
        template
            .replace("{p}", &self.prefix)
            .replace("{past}", PAST)
            .replace("{least}", self.words.least)
            .replace("{clock}", self.words.clock)
            .replace("{bytes}", self.words.bytes)
            .replace("{for_update}", self.words.for_update)
            .replace("{skip_locked}", self.words.skip_locked)
    }
}

/// The version of the tables that this version of fauth uses.
pub(super) const LATEST: u64 = 5;

/// The first version that can be migrated. Version 1 found everything by its id alone, regardless
/// of its owner. Version 2 did not store the owner of a revocation, the end of a session's tokens,
/// or which API keys a password change ends, and write access to its table of API keys was enough
/// to create one.
pub(super) const EARLIEST: u64 = 3;

pub(super) const VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS {p}schema (\
    id BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, since BIGINT NOT NULL, forgotten BIGINT NOT NULL)";

pub(super) const READ_VERSION: &str = "SELECT version FROM {p}schema WHERE id = 1";

// `since` keeps the value of the first migration.
pub(super) const WRITE_VERSION: &str = "INSERT INTO {p}schema (id, version, since, forgotten) VALUES (1, $1, $2, 0) \
    ON CONFLICT (id) DO UPDATE SET version = excluded.version";

/// The statements that lead to each version from the one before; for the first one, from an empty
/// database.
pub(super) const MIGRATIONS: &[(u64, &[&str])] = &[(3, FIRST), (4, &[ADD_PAYLOAD]), (5, ADD_THROTTLES)];

/// Sessions had no payload before version 4.
const ADD_PAYLOAD: &str = "ALTER TABLE {p}sessions ADD COLUMN payload TEXT";

/// Login-throttle records were not stored before version 5.
const ADD_THROTTLES: &[&str] = &[
    "CREATE TABLE {p}throttles (\
            id {bytes} NOT NULL PRIMARY KEY, \
            record {bytes} NOT NULL, \
            kept_until BIGINT NOT NULL)",
    "CREATE INDEX {p}throttles_kept ON {p}throttles (kept_until)",
];

const FIRST: &[&str] = &[
    "CREATE TABLE {p}sessions (\
            application TEXT NOT NULL, \
            issuer TEXT NOT NULL, \
            subject TEXT NOT NULL, \
            id TEXT NOT NULL, \
            created_at BIGINT NOT NULL, \
            last_seen_at BIGINT NOT NULL, \
            idle_timeout BIGINT NOT NULL, \
            expires_at BIGINT NOT NULL, \
            remembered BIGINT NOT NULL, \
            client TEXT, \
            address TEXT, \
            tokens_end_at BIGINT NOT NULL, \
            ends_at BIGINT NOT NULL, \
            ended BIGINT NOT NULL, \
            head {bytes} NOT NULL, \
            predecessor {bytes}, \
            nonce {bytes}, \
            rotated_at BIGINT, \
            fingerprint {bytes}, \
            PRIMARY KEY (application, issuer, subject, id))",
    // Most sessions of an owner may have ended. A statement about live ones has the condition
    // `ended = 0` and bounds `ends_at`, and so reads none of the others.
    "CREATE INDEX {p}sessions_live ON {p}sessions (application, issuer, subject, ends_at) WHERE ended = 0",
    "CREATE INDEX {p}sessions_ends ON {p}sessions (ends_at)",
    "CREATE TABLE {p}revocations (\
            target TEXT NOT NULL PRIMARY KEY, \
            application TEXT NOT NULL, \
            issuer TEXT NOT NULL, \
            subject TEXT NOT NULL, \
            kept_until BIGINT NOT NULL)",
    // The owner's revocations are counted before the owner adds to them.
    "CREATE INDEX {p}revocations_owner ON {p}revocations (application, issuer, subject, kept_until)",
    "CREATE INDEX {p}revocations_kept ON {p}revocations (kept_until)",
    "CREATE TABLE {p}epochs (\
            application TEXT NOT NULL, \
            issuer TEXT NOT NULL, \
            subject TEXT NOT NULL, \
            epoch BIGINT NOT NULL, \
            kept_until BIGINT NOT NULL, \
            PRIMARY KEY (application, issuer, subject))",
    "CREATE INDEX {p}epochs_kept ON {p}epochs (kept_until)",
    "CREATE TABLE {p}one_times (\
            application TEXT NOT NULL, \
            issuer TEXT NOT NULL, \
            subject TEXT NOT NULL, \
            hash {bytes} NOT NULL, \
            purpose TEXT NOT NULL, \
            expires_at BIGINT NOT NULL, \
            PRIMARY KEY (application, issuer, subject, hash))",
    "CREATE INDEX {p}one_times_expires ON {p}one_times (expires_at)",
    "CREATE TABLE {p}api_keys (\
            bucket BIGINT NOT NULL, \
            id TEXT NOT NULL, \
            application TEXT NOT NULL, \
            issuer TEXT NOT NULL, \
            subject TEXT NOT NULL, \
            hash {bytes} NOT NULL, \
            hash_key_id TEXT NOT NULL, \
            name TEXT NOT NULL, \
            scopes TEXT NOT NULL, \
            created_at BIGINT NOT NULL, \
            expires_at BIGINT NOT NULL, \
            last_used_at BIGINT, \
            user_epoch BIGINT, \
            PRIMARY KEY (bucket, id))",
    // Includes the bucket, so that a table partitioned by bucket is queried in one partition.
    "CREATE INDEX {p}api_keys_owner ON {p}api_keys (bucket, application, issuer, subject)",
    "CREATE INDEX {p}api_keys_expires ON {p}api_keys (expires_at)",
];

/// The rows of the owner that is bound to the first three parameters.
macro_rules! is_owners {
    () => {
        "application = $1 AND issuer = $2 AND subject = $3"
    };
}

/// The sessions of an owner that are neither ended nor expired at `$4`.
macro_rules! is_live {
    () => {
        concat!(is_owners!(), " AND ended = 0 AND ends_at > $4")
    };
}

/// The columns of a session without its owner and its id, in the order in which they are read.
macro_rules! session {
    () => {
        "created_at, last_seen_at, idle_timeout, expires_at, remembered, client, address, tokens_end_at"
    };
}

/// Deletes up to a hundred rows of a table whose time is past, oldest first.
///
/// The keys are selected first and once. PostgreSQL would evaluate a plain subquery again for every
/// row that it compares, each time skipping the rows that it has locked itself.
macro_rules! sweep {
    ($table:literal, $key:literal, $time:literal) => {
        concat!(
            "WITH due AS (SELECT ",
            $key,
            " FROM {p}",
            $table,
            " WHERE ",
            $time,
            " <= {past} ORDER BY ",
            $time,
            " LIMIT 100 {skip_locked}) DELETE FROM {p}",
            $table,
            " WHERE (",
            $key,
            ") IN (SELECT ",
            $key,
            " FROM due) RETURNING ",
            $time
        )
    };
}

pub(super) const OPEN_SESSION: &str = concat!(
    "INSERT INTO {p}sessions (application, issuer, subject, id, ",
    session!(),
    ", ends_at, head, payload, ended) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0)"
);

/// Includes tombstones.
pub(super) const LOCK_SESSION: &str = concat!(
    "SELECT ",
    session!(),
    ", ended, head, predecessor, nonce, rotated_at, fingerprint FROM {p}sessions WHERE ",
    is_owners!(),
    " AND id = $4 {for_update}"
);

pub(super) const ROTATE: &str = concat!(
    "UPDATE {p}sessions SET last_seen_at = $5, ends_at = $6, \
     head = $7, predecessor = $8, nonce = $9, rotated_at = $10, fingerprint = $11, tokens_end_at = $12 WHERE ",
    is_owners!(),
    " AND id = $4"
);

/// For a repetition whose access token expires later than all before.
pub(super) const PROLONG_TOKENS: &str =
    concat!("UPDATE {p}sessions SET tokens_end_at = $5 WHERE ", is_owners!(), " AND id = $4");

/// Turns a locked session into a tombstone.
pub(super) const END_LOCKED: &str =
    concat!("UPDATE {p}sessions SET ended = 1, payload = NULL WHERE ", is_owners!(), " AND id = $4");

pub(super) const END_SESSION: &str = concat!(
    "UPDATE {p}sessions SET ended = 1, payload = NULL WHERE ",
    is_live!(),
    " AND id = $5 RETURNING ",
    session!()
);

pub(super) const END_SESSIONS: &str = concat!(
    "UPDATE {p}sessions SET ended = 1, payload = NULL WHERE ",
    is_live!(),
    " AND (id <> $5 OR $5 IS NULL) RETURNING id, tokens_end_at"
);

pub(super) const FORGET_SESSIONS: &str = concat!("DELETE FROM {p}sessions WHERE ", is_owners!());

pub(super) const FIND_SESSION: &str =
    concat!("SELECT ", session!(), " FROM {p}sessions WHERE ", is_live!(), " AND id = $5");

pub(super) const LOAD_SESSION: &str =
    concat!("SELECT ", session!(), ", payload FROM {p}sessions WHERE ", is_live!(), " AND id = $5");

/// Extends a locked session.
pub(super) const PROLONG_SESSION: &str = concat!(
    "UPDATE {p}sessions SET last_seen_at = $5, ends_at = $6, tokens_end_at = $7 WHERE ",
    is_owners!(),
    " AND id = $4"
);

/// `$6` is the payload to replace, `$7` the new one. A payload that is already stored counts as
/// changed.
pub(super) const CHANGE_PAYLOAD: &str = concat!(
    "UPDATE {p}sessions SET payload = $7 WHERE ",
    is_live!(),
    " AND id = $5 AND (payload = $6 OR payload = $7 OR (payload IS NULL AND ($6 IS NULL OR $7 IS NULL))) \
     RETURNING id"
);

pub(super) const LIST_SESSIONS: &str =
    concat!("SELECT id, ", session!(), " FROM {p}sessions WHERE ", is_live!());

pub(super) const LOCK_SESSIONS: &str =
    concat!("SELECT id, ", session!(), " FROM {p}sessions WHERE ", is_live!(), " {for_update}");

/// From `ends_at` on a session cannot become live again, and neither can an ended one: its
/// tombstone need not stay until `expires_at`.
pub(super) const SWEEP_SESSIONS: &str = sweep!("sessions", "application, issuer, subject, id", "ends_at");

/// `{list}` are rows of a target, its owner and `$4`. A row that already lasts as long is not
/// written.
pub(super) const REVOKE: &str = "INSERT INTO {p}revocations \
    (target, application, issuer, subject, kept_until) VALUES {list} \
    ON CONFLICT (target) DO UPDATE SET kept_until = excluded.kept_until \
    WHERE excluded.kept_until > {p}revocations.kept_until";

/// Which of the targets in `{list}` have a revocation, and until when.
pub(super) const FIND_REVOCATIONS: &str =
    "SELECT target, kept_until FROM {p}revocations WHERE target IN ({list})";

/// Deletes an owner's revocations that end by `$4`, except the target `$5`. Rows that another
/// transaction is writing are skipped, so that no transaction waits for another one's lock.
pub(super) const FORGET_REVOCATIONS: &str = concat!(
    "WITH needless AS (SELECT target FROM {p}revocations WHERE ",
    is_owners!(),
    " AND kept_until <= $4 AND target <> $5 {skip_locked}) \
     DELETE FROM {p}revocations WHERE target IN (SELECT target FROM needless)"
);

/// The number of revoked targets of an owner, counted up to `$5`.
pub(super) const COUNT_REVOCATIONS: &str = concat!(
    "SELECT COUNT(*) FROM (SELECT 1 FROM {p}revocations WHERE ",
    is_owners!(),
    " AND kept_until > $4 LIMIT $5) AS live"
);

/// `{list}` are the targets.
pub(super) const CHECK: &str = concat!(
    "SELECT since, forgotten, {clock}, \
     (SELECT COUNT(*) FROM {p}revocations WHERE target IN ({list}) AND kept_until > $4), \
     (SELECT epoch FROM {p}epochs WHERE ",
    is_owners!(),
    ") FROM {p}schema WHERE id = 1"
);

/// Like [`CHECK`], for several tokens at `$1`: `{list}` are all targets, and `{owners}` all owners.
/// The first column is the kind of the row: 0 is the memory, 1 a revoked target, 2 an epoch.
pub(super) const CHECK_ALL: &str = "WITH asked (application, issuer, subject) AS (VALUES {owners}) \
    SELECT CAST(0 AS BIGINT) AS kind, '' AS target, '' AS application, '' AS issuer, '' AS subject, \
     since AS first, forgotten AS second, {clock} AS third FROM {p}schema WHERE id = 1 \
    UNION ALL SELECT 1, target, '', '', '', kept_until, 0, 0 FROM {p}revocations \
     WHERE target IN ({list}) AND kept_until > $1 \
    UNION ALL SELECT 2, '', known.application, known.issuer, known.subject, known.epoch, 0, 0 \
     FROM asked JOIN {p}epochs AS known ON known.application = asked.application \
     AND known.issuer = asked.issuer AND known.subject = asked.subject";

/// Records that entries up to `$1` have been deleted.
pub(super) const NOTE_FORGOTTEN: &str = "UPDATE {p}schema SET forgotten = $1 WHERE id = 1 AND forgotten < $1";

/// Tokens issued before `$1` are no longer judged; everything deleted so far concerns only those.
pub(super) const BEGIN_ANEW: &str = "UPDATE {p}schema SET forgotten = 0, \
    since = CASE WHEN since < $1 THEN $1 ELSE since END WHERE id = 1 AND forgotten > $1";

pub(super) const READ_EPOCH: &str = concat!("SELECT epoch FROM {p}epochs WHERE ", is_owners!());

pub(super) const LOCK_EPOCH: &str =
    concat!("SELECT epoch, kept_until FROM {p}epochs WHERE ", is_owners!(), " {for_update}");

pub(super) const WRITE_EPOCH: &str = "INSERT INTO {p}epochs (application, issuer, subject, epoch, kept_until) \
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (application, issuer, subject) DO UPDATE SET \
    epoch = excluded.epoch, kept_until = excluded.kept_until";

pub(super) const SWEEP_REVOCATIONS: &str = sweep!("revocations", "target", "kept_until");

pub(super) const SWEEP_EPOCHS: &str = sweep!("epochs", "application, issuer, subject", "kept_until");

pub(super) const INSERT_ONE_TIME: &str = "INSERT INTO {p}one_times \
    (application, issuer, subject, hash, purpose, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";

/// Of the live tokens other than `$4`, deletes all but the last `$7` to expire.
pub(super) const DELETE_SURPLUS: &str = concat!(
    "WITH surplus AS (SELECT hash FROM {p}one_times WHERE ",
    is_owners!(),
    " AND hash <> $4 AND purpose = $5 AND expires_at > $6 ORDER BY expires_at DESC LIMIT 1000 OFFSET $7) \
     DELETE FROM {p}one_times WHERE ",
    is_owners!(),
    " AND hash IN (SELECT hash FROM surplus)"
);

pub(super) const LIVE_ONE_TIMES: &str = concat!(
    "SELECT expires_at FROM {p}one_times WHERE ",
    is_owners!(),
    " AND purpose = $4 AND expires_at > $5 LIMIT 1000"
);

pub(super) const REDEEM: &str = concat!(
    "DELETE FROM {p}one_times WHERE ",
    is_owners!(),
    " AND hash = $4 AND purpose = $5 AND expires_at > $6 RETURNING expires_at"
);

pub(super) const WITHDRAW: &str = concat!(
    "DELETE FROM {p}one_times WHERE ",
    is_owners!(),
    " AND (purpose = $4 OR $4 IS NULL) RETURNING expires_at"
);

pub(super) const SWEEP_ONE_TIMES: &str =
    sweep!("one_times", "application, issuer, subject, hash", "expires_at");

/// The columns of an API key without its owner and its id, in the order in which they are read.
macro_rules! api_key {
    () => {
        "name, scopes, created_at, expires_at, last_used_at, user_epoch"
    };
}

/// The API keys of an owner, in the owner's bucket `$4`.
macro_rules! is_in_owners_bucket {
    () => {
        concat!(is_owners!(), " AND bucket = $4")
    };
}

pub(super) const COUNT_API_KEYS: &str =
    concat!("SELECT COUNT(*) FROM {p}api_keys WHERE ", is_in_owners_bucket!(), " AND expires_at > $5");

pub(super) const INSERT_API_KEY: &str = concat!(
    "INSERT INTO {p}api_keys (application, issuer, subject, bucket, id, ",
    api_key!(),
    ", hash, hash_key_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
);

/// The only statement on an owner's rows that does not name the owner: a presented API key contains
/// only its id.
pub(super) const FIND_API_KEY: &str = concat!(
    "SELECT application, issuer, subject, ",
    api_key!(),
    ", hash, hash_key_id FROM {p}api_keys WHERE bucket = $1 AND id = $2 AND expires_at > $3"
);

pub(super) const LIST_API_KEYS: &str = concat!(
    "SELECT id, ",
    api_key!(),
    " FROM {p}api_keys WHERE ",
    is_in_owners_bucket!(),
    " AND expires_at > $5"
);

pub(super) const TOUCH_API_KEY: &str = concat!(
    "UPDATE {p}api_keys SET last_used_at = $6 WHERE ",
    is_in_owners_bucket!(),
    " AND id = $5 AND (last_used_at IS NULL OR last_used_at < $6)"
);

pub(super) const REMOVE_API_KEY: &str =
    concat!("DELETE FROM {p}api_keys WHERE ", is_in_owners_bucket!(), " AND id = $5 RETURNING id");

pub(super) const FORGET_API_KEYS: &str = concat!("DELETE FROM {p}api_keys WHERE ", is_in_owners_bucket!());

pub(super) const SWEEP_API_KEYS: &str = sweep!("api_keys", "bucket, id", "expires_at");

pub(super) const READ_THROTTLE: &str = "SELECT record FROM {p}throttles WHERE id = $1";

/// Returns no row if there is already a record.
pub(super) const INSERT_THROTTLE: &str = "INSERT INTO {p}throttles (id, record, kept_until) VALUES ($1, $2, $3) \
    ON CONFLICT (id) DO NOTHING RETURNING kept_until";

/// `$4` is the record to replace. Returns no row if the record is a different one.
pub(super) const REPLACE_THROTTLE: &str =
    "UPDATE {p}throttles SET record = $2, kept_until = $3 WHERE id = $1 AND record = $4 RETURNING kept_until";

pub(super) const REMOVE_THROTTLE: &str = "DELETE FROM {p}throttles WHERE id = $1 RETURNING kept_until";

pub(super) const SWEEP_THROTTLES: &str = sweep!("throttles", "id", "kept_until");
