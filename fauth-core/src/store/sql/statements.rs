//! Every statement there is.
//!
//! `{p}` stands for the prefix of the tables; `{bytes}`, `{for_update}`, `{skip_locked}`, `{among}` and `{clock}` for the words in which the databases differ; `{list}` for
//! parameters whose number is known when asking; `{past}` for the time up to which rows may be forgotten.

use std::sync::Arc;

use super::dialect::{Dialect, Words};

/// `$1` is the time by the caller's clock, `$2` how far the database's own has to be past it. One caller whose clock is ahead must not forget for all others.
const PAST: &str = "{least}($1, {clock} - $2)";

/// Turns the texts below into statements of a database.
#[derive(Debug, Clone)]
pub(super) struct Statements {
    prefix: Arc<str>,
    words: &'static Words,
}

impl Statements {
    /// With a prefix that was checked.
    pub(super) fn of<D: Dialect>(prefix: &str) -> Self {
        Self { prefix: prefix.into(), words: &D::WORDS }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn render(&self, template: &str) -> String {
        let [among, end] = self.words.among;
        template
            .replace("{p}", &self.prefix)
            .replace("{past}", PAST)
            .replace("{least}", self.words.least)
            .replace("{clock}", self.words.clock)
            .replace("{among}", among)
            .replace("{/among}", end)
            .replace("{bytes}", self.words.bytes)
            .replace("{for_update}", self.words.for_update)
            .replace("{skip_locked}", self.words.skip_locked)
    }
}

/// The version of the tables that this fauth works with.
pub(super) const LATEST: u64 = 1;

pub(super) const VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS {p}schema (\
    id BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, since BIGINT NOT NULL, forgotten BIGINT NOT NULL)";

pub(super) const READ_VERSION: &str = "SELECT version FROM {p}schema WHERE id = 1";

// `since` is that of the first time.
pub(super) const WRITE_VERSION: &str = "INSERT INTO {p}schema (id, version, since, forgotten) VALUES (1, $1, $2, 0) \
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
        // Of the sessions of a subject most may be over. What asks for live ones says `ended = 0` and bounds `ends_at`, and so reads none of the others.
        "CREATE INDEX {p}sessions_live ON {p}sessions (subject, ends_at) WHERE ended = 0",
        "CREATE INDEX {p}sessions_ends ON {p}sessions (ends_at)",
        "CREATE TABLE {p}revocations (\
            target TEXT NOT NULL PRIMARY KEY, \
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
     AND (subject = $3 OR $3 IS NULL) RETURNING ",
    session!()
);

pub(super) const END_SESSIONS: &str = "UPDATE {p}sessions SET ended = 1 \
    WHERE subject = $1 AND ended = 0 AND ends_at > $2 AND (id <> $3 OR $3 IS NULL) RETURNING id";

pub(super) const LIST_SESSIONS: &str =
    concat!("SELECT ", session!(), " FROM {p}sessions WHERE subject = $1 AND ended = 0 AND ends_at > $2");

pub(super) const LOCK_SESSIONS: &str = concat!(
    "SELECT ",
    session!(),
    " FROM {p}sessions WHERE subject = $1 AND ended = 0 AND ends_at > $2 {for_update}"
);

/// From `ends_at` on a session cannot become live again, and neither can one that was ended before: its mark need not stay until `expires_at`.
pub(super) const SWEEP_SESSIONS: &str = "DELETE FROM {p}sessions WHERE id {among}\
    SELECT id FROM {p}sessions WHERE ends_at <= {past} ORDER BY ends_at LIMIT 100 {skip_locked}{/among}";

/// `{list}` are pairs of a target and `$1`.
pub(super) const REVOKE: &str = "INSERT INTO {p}revocations (target, kept_until) VALUES {list} \
    ON CONFLICT (target) DO UPDATE SET kept_until = CASE \
    WHEN excluded.kept_until > {p}revocations.kept_until THEN excluded.kept_until \
    ELSE {p}revocations.kept_until END";

/// `{list}` are the targets.
pub(super) const CHECK: &str = "SELECT since, forgotten, {clock}, \
    (SELECT COUNT(*) FROM {p}revocations WHERE target IN ({list}) AND kept_until > $1), \
    (SELECT epoch FROM {p}epochs WHERE subject = $2) \
    FROM {p}schema WHERE id = 1";

/// Up to `$1`, entries have been forgotten.
pub(super) const NOTE_FORGOTTEN: &str = "UPDATE {p}schema SET forgotten = $1 WHERE id = 1 AND forgotten < $1";

/// What was issued before `$1` is not judged any more; what was forgotten up to now belongs to it.
pub(super) const BEGIN_ANEW: &str = "UPDATE {p}schema SET forgotten = 0, \
    since = CASE WHEN since < $1 THEN $1 ELSE since END WHERE id = 1 AND forgotten > $1";

pub(super) const EPOCH: &str = "SELECT epoch FROM {p}epochs WHERE subject = $1";

pub(super) const RAISE_EPOCH: &str = "INSERT INTO {p}epochs (subject, epoch, kept_until) VALUES ($1, $2, $3) \
    ON CONFLICT (subject) DO UPDATE SET \
    epoch = CASE \
    WHEN excluded.epoch > {p}epochs.epoch THEN excluded.epoch ELSE {p}epochs.epoch + 1 END, \
    kept_until = CASE WHEN excluded.kept_until > {p}epochs.kept_until THEN excluded.kept_until \
    ELSE {p}epochs.kept_until END \
    RETURNING epoch";

pub(super) const SWEEP_REVOCATIONS: &str = "DELETE FROM {p}revocations WHERE target {among}\
    SELECT target FROM {p}revocations WHERE kept_until <= {past} ORDER BY kept_until LIMIT 100 {skip_locked}{/among} RETURNING kept_until";

pub(super) const SWEEP_EPOCHS: &str = "DELETE FROM {p}epochs WHERE subject {among}\
    SELECT subject FROM {p}epochs WHERE kept_until <= {past} ORDER BY kept_until LIMIT 100 {skip_locked}{/among} RETURNING kept_until";

pub(super) const INSERT_ONE_TIME: &str =
    "INSERT INTO {p}one_time (hash, subject, purpose, expires_at) VALUES ($1, $2, $3, $4)";

/// Of the live ones beside `$5`, all but the last `$4` to expire.
pub(super) const CROWD_OUT: &str = "DELETE FROM {p}one_time WHERE hash {among}\
    SELECT hash FROM {p}one_time WHERE subject = $1 AND purpose = $2 AND expires_at > $3 AND hash <> $5 \
    ORDER BY expires_at DESC LIMIT 1000 OFFSET $4{/among}";

pub(super) const REDEEM: &str = "DELETE FROM {p}one_time WHERE hash = $1 AND purpose = $2 AND expires_at > $3 \
    RETURNING subject, expires_at";

pub(super) const WITHDRAW: &str = "DELETE FROM {p}one_time WHERE subject = $1 AND (purpose = $2 OR $2 IS NULL) \
    RETURNING expires_at";

pub(super) const SWEEP_ONE_TIME: &str = "DELETE FROM {p}one_time WHERE hash {among}\
    SELECT hash FROM {p}one_time WHERE expires_at <= {past} ORDER BY expires_at LIMIT 100 {skip_locked}{/among}";

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
    "DELETE FROM {p}api_keys WHERE id = $1 AND (owner = $2 OR $2 IS NULL) RETURNING id";

pub(super) const SWEEP_API_KEYS: &str = "DELETE FROM {p}api_keys WHERE id {among}\
    SELECT id FROM {p}api_keys WHERE expires_at <= {past} ORDER BY expires_at LIMIT 100 {skip_locked}{/among}";

#[cfg(all(test, feature = "sqlite", feature = "postgres"))]
mod tests {
    use sqlx::{PgPool, Row as _, sqlite::SqlitePoolOptions};

    use super::{
        super::{PostgresStore, SqliteStore},
        *,
    };

    const SWEEPS: [&str; 5] =
        [SWEEP_SESSIONS, SWEEP_REVOCATIONS, SWEEP_EPOCHS, SWEEP_ONE_TIME, SWEEP_API_KEYS];

    /// What else runs while a request waits.
    const OTHERS: [&str; 24] = [
        READ_VERSION,
        OPEN_SESSION,
        FAMILY,
        ROTATE,
        END_FAMILY,
        END_SESSION,
        END_SESSIONS,
        LIST_SESSIONS,
        LOCK_SESSIONS,
        CHECK,
        NOTE_FORGOTTEN,
        BEGIN_ANEW,
        EPOCH,
        RAISE_EPOCH,
        INSERT_ONE_TIME,
        CROWD_OUT,
        REDEEM,
        WITHDRAW,
        COUNT_API_KEYS,
        INSERT_API_KEY,
        FIND_API_KEY,
        LIST_API_KEYS,
        TOUCH_API_KEY,
        REMOVE_API_KEY,
    ];

    #[tokio::test]
    async fn sqlite_reads_no_whole_table() {
        let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        SqliteStore::new(pool.clone()).migrate().await.unwrap();
        let texts = Statements::of::<sqlx::Sqlite>("fauth_");
        let plan = async |sql: &str| {
            let sql = format!("EXPLAIN QUERY PLAN {}", texts.render(sql).replace("{list}", "$3, $4"));
            let rows = sqlx::query(&sql).fetch_all(&pool).await.unwrap();
            rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("; ")
        };
        // SQLite says SCAN for reading a table from one end to the other.
        assert_eq!(plan("SELECT * FROM {p}sessions").await, "SCAN fauth_sessions");
        for sql in OTHERS.into_iter().chain(SWEEPS) {
            let plan = plan(sql).await;
            assert!(!plan.contains("SCAN fauth_"), "{sql}\n{plan}");
        }
        for sweep in SWEEPS {
            let plan = plan(sweep).await;
            assert!(plan.contains("INDEX") && !plan.contains("B-TREE FOR ORDER BY"), "{sweep}\n{plan}");
        }
    }

    /// What every login, logout and list asks of the sessions of a subject.
    const LIVE: [&str; 3] = [LOCK_SESSIONS, LIST_SESSIONS, END_SESSIONS];

    /// A login every few seconds, by a health check say, makes hundreds of thousands of sessions that are over: none of them is read.
    #[tokio::test]
    async fn sqlite_reads_only_live_sessions() {
        let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        SqliteStore::new(pool.clone()).migrate().await.unwrap();
        let texts = Statements::of::<sqlx::Sqlite>("fauth_");
        for sql in LIVE {
            let explain = format!("EXPLAIN QUERY PLAN {}", texts.render(sql));
            let rows = sqlx::query(&explain).fetch_all(&pool).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            // Both columns of the partial index bound the search, so it meets no row that has ended or expired.
            let search = "SEARCH fauth_sessions USING INDEX fauth_sessions_live (subject=? AND ends_at>?)";
            assert_eq!(plan, [search], "{sql}");
        }
    }

    #[tokio::test]
    async fn postgres_reads_only_live_sessions() {
        let server = servers::Postgres::start();
        let pool = PgPool::connect(&server.url()).await.unwrap();
        PostgresStore::new(pool.clone()).migrate().await.unwrap();
        // 20 000 that have ended, 20 000 that have expired by idling, 3 that are live.
        let fill = "INSERT INTO fauth_sessions (id, subject, created_at, last_seen_at, idle_timeout, expires_at, remembered, ends_at, ended, head) \
            SELECT 'id' || n, 'health', 1, 1, 1, 900, 0, \
            CASE WHEN n > 20000 AND n <= 40000 THEN 100 ELSE 900 END, CASE WHEN n <= 20000 THEN 1 ELSE 0 END, 'x' \
            FROM generate_series(1, 40003) AS n";
        sqlx::query(fill).execute(&pool).await.unwrap();
        sqlx::query("VACUUM ANALYZE").execute(&pool).await.unwrap();
        let mut connection = pool.acquire().await.unwrap();
        sqlx::query("SET plan_cache_mode = force_generic_plan").execute(&mut *connection).await.unwrap();
        let texts = Statements::of::<sqlx::Postgres>("fauth_");
        for sql in LIVE {
            let others = if sql.contains("$3") { ", NULL" } else { "" };
            let explain = format!(
                "DEALLOCATE ALL; PREPARE one AS {}; EXPLAIN (ANALYZE, BUFFERS) EXECUTE one('health', 500{others})",
                texts.render(sql)
            );
            let rows = sqlx::raw_sql(&explain).fetch_all(&mut *connection).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            let shown = plan.join("\n");
            assert!(shown.contains("fauth_sessions_live"), "{shown}");
            assert!(shown.contains("rows=3 ") && !shown.contains("Rows Removed"), "{shown}");
            // The first line about buffers is about the whole: pages from the cache, and from the disk.
            let buffers = plan.iter().find(|line| line.contains("Buffers:")).unwrap();
            let pages = ["hit=", "read="].map(|word| {
                let (_, number) = buffers.split_once(word).unwrap_or_default();
                number.split(' ').next().unwrap().parse().unwrap_or(0)
            });
            assert!(pages.iter().sum::<u32>() < 60, "{shown}");
        }
    }

    /// With enough rows that reading all of them would be dear.
    #[tokio::test]
    async fn postgres_reads_no_whole_table() {
        let server = servers::Postgres::start();
        let pool = PgPool::connect(&server.url()).await.unwrap();
        PostgresStore::new(pool.clone()).migrate().await.unwrap();
        for fill in [
            "sessions (id, subject, created_at, last_seen_at, idle_timeout, expires_at, remembered, ends_at, ended, head) \
             SELECT 'id' || n, 'subject' || n, n, n, n, n, 0, n, 0, 'x'",
            "revocations SELECT 'target' || n, n",
            "epochs SELECT 'subject' || n, n, n",
            "one_time SELECT decode(md5(n || ''), 'hex'), 'subject' || n, 'refresh', n",
            "api_keys SELECT 'id' || n, 'x', 'owner' || n, 'name', '[]', n, n, n",
        ] {
            let fill = format!("INSERT INTO fauth_{fill} FROM generate_series(1, 20000) AS n");
            sqlx::query(&fill).execute(&pool).await.unwrap();
        }
        sqlx::query("ANALYZE").execute(&pool).await.unwrap();

        let mut connection = pool.acquire().await.unwrap();
        // As it is planned for any values, not for those of one call.
        sqlx::query("SET plan_cache_mode = force_generic_plan").execute(&mut *connection).await.unwrap();
        let texts = Statements::of::<sqlx::Postgres>("fauth_");
        let mut plan = async |sql: &str| {
            let sql = texts.render(sql).replace("{list}", "$3, $4");
            sqlx::raw_sql(&format!("DEALLOCATE ALL; PREPARE one AS {sql}"))
                .execute(&mut *connection)
                .await
                .unwrap();
            let parameters = (1..20).take_while(|number| sql.contains(&format!("${number}"))).count();
            let values = vec!["NULL"; parameters].join(", ");
            let values = if values.is_empty() { values } else { format!("({values})") };
            let explain = format!("EXPLAIN EXECUTE one{values}");
            let rows = sqlx::raw_sql(&explain).fetch_all(&mut *connection).await.unwrap();
            rows.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>().join("\n")
        };
        assert!(plan("SELECT * FROM {p}sessions").await.contains("Seq Scan"));
        for sql in OTHERS.into_iter().chain(SWEEPS) {
            let plan = plan(sql).await;
            // The table of the version has one row.
            let scans =
                plan.matches("Seq Scan on").count() - plan.matches("Seq Scan on fauth_schema").count();
            assert_eq!(scans, 0, "{sql}\n{plan}");
        }
        for sweep in SWEEPS {
            let plan = plan(sweep).await;
            assert!(plan.contains("Index Scan") && !plan.contains("Sort"), "{sweep}\n{plan}");
        }
    }
}
