//! Query-plan tests: no statement reads a whole table, however many rows it has.
//!
//! They ask SQLite and a real PostgreSQL server for the plan of each statement. A statement that
//! reads a whole table would make logins slower with every session ever opened. A new statement
//! belongs in one of the lists below.

use sqlx::{PgConnection, PgPool, Row as _, SqlitePool, pool::PoolConnection, sqlite::SqlitePoolOptions};

use super::{
    PostgresStore, SqliteStore,
    statements::{
        BEGIN_ANEW, CHANGE_PAYLOAD, CHECK, CHECK_ALL, COUNT_API_KEYS, COUNT_REVOCATIONS, DELETE_SURPLUS,
        END_LOCKED, END_SESSION, END_SESSIONS, FIND_API_KEY, FIND_REVOCATIONS, FIND_SESSION, FORGET_API_KEYS,
        FORGET_REVOCATIONS, FORGET_SESSIONS, INSERT_API_KEY, INSERT_ONE_TIME, INSERT_THROTTLE, LIST_API_KEYS,
        LIST_SESSIONS, LIVE_ONE_TIMES, LOAD_SESSION, LOCK_EPOCH, LOCK_SESSION, LOCK_SESSIONS, NOTE_FORGOTTEN,
        OPEN_SESSION, PROLONG_SESSION, PROLONG_TOKENS, READ_EPOCH, READ_THROTTLE, READ_VERSION, REDEEM,
        REMOVE_API_KEY, REMOVE_THROTTLE, REPLACE_THROTTLE, ROTATE, SWEEP_API_KEYS, SWEEP_EPOCHS,
        SWEEP_ONE_TIMES, SWEEP_REVOCATIONS, SWEEP_SESSIONS, SWEEP_THROTTLES, Statements, TOUCH_API_KEY,
        WITHDRAW, WRITE_EPOCH,
    },
};

const SWEEPS: [&str; 6] =
    [SWEEP_SESSIONS, SWEEP_REVOCATIONS, SWEEP_EPOCHS, SWEEP_ONE_TIMES, SWEEP_API_KEYS, SWEEP_THROTTLES];

/// Statements on all live sessions of an owner: to log in, to log out everywhere, to list. They
/// are in [`BY_OWNER`] too.
const LIVE: [&str; 3] = [LOCK_SESSIONS, LIST_SESSIONS, END_SESSIONS];

/// Statements that read or change an owner's rows, and bind the owner to `$1`, `$2` and `$3`.
/// Without the owner, a partitioned database would have to search every partition.
const BY_OWNER: [&str; 28] = [
    FIND_SESSION,
    LOAD_SESSION,
    PROLONG_SESSION,
    CHANGE_PAYLOAD,
    FORGET_SESSIONS,
    FORGET_REVOCATIONS,
    FORGET_API_KEYS,
    LOCK_SESSION,
    ROTATE,
    PROLONG_TOKENS,
    END_LOCKED,
    END_SESSION,
    END_SESSIONS,
    LIST_SESSIONS,
    LOCK_SESSIONS,
    CHECK,
    COUNT_REVOCATIONS,
    READ_EPOCH,
    LOCK_EPOCH,
    DELETE_SURPLUS,
    LIVE_ONE_TIMES,
    REDEEM,
    WITHDRAW,
    COUNT_API_KEYS,
    LIST_API_KEYS,
    TOUCH_API_KEY,
    REMOVE_API_KEY,
    WRITE_EPOCH,
];

/// The other statements that run while a request waits.
const OTHERS: [&str; 13] = [
    READ_VERSION,
    OPEN_SESSION,
    CHECK_ALL,
    FIND_REVOCATIONS,
    NOTE_FORGOTTEN,
    BEGIN_ANEW,
    INSERT_ONE_TIME,
    INSERT_API_KEY,
    FIND_API_KEY,
    READ_THROTTLE,
    INSERT_THROTTLE,
    REPLACE_THROTTLE,
    REMOVE_THROTTLE,
];

fn all() -> impl Iterator<Item = &'static str> {
    BY_OWNER.into_iter().chain(OTHERS).chain(SWEEPS)
}

/// Replaces the list by two parameters, numbered after those of the statement, and the owners by
/// two owners.
fn with_list(sql: &str) -> String {
    if sql.contains("{owners}") {
        return sql.replace("{list}", "$2, $3").replace("{owners}", "($4, $5, $6), ($7, $8, $9)");
    }
    sql.replace("{list}", if sql.contains("$4") { "$5, $6" } else { "$1, $2" })
}

struct Sqlite {
    pool: SqlitePool,
    statements: Statements,
}

impl Sqlite {
    async fn start() -> Self {
        let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        SqliteStore::new(pool.clone()).migrate().await.unwrap();
        Self { pool, statements: Statements::new::<sqlx::Sqlite>("fauth_") }
    }

    async fn plan(&self, sql: &str) -> String {
        let sql = format!("EXPLAIN QUERY PLAN {}", with_list(&self.statements.render(sql)));
        let rows = sqlx::query(&sql).fetch_all(&self.pool).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("; ")
    }
}

struct Postgres {
    // Dropping it stops the server.
    _server: servers::Postgres,
    connection: PoolConnection<sqlx::Postgres>,
    statements: Statements,
}

impl Postgres {
    /// Starts a server with these rows in its tables. Each filling is an `INSERT` from the name of
    /// the table on, without the prefix.
    async fn start(fillings: &[&str]) -> Self {
        let server = servers::Postgres::start();
        let pool = PgPool::connect(&server.url()).await.unwrap();
        PostgresStore::new(pool.clone()).migrate().await.unwrap();
        let mut connection = pool.acquire().await.unwrap();
        for filling in fillings {
            run(&mut connection, &format!("INSERT INTO fauth_{filling}")).await;
        }
        run(&mut connection, "VACUUM ANALYZE").await;
        // PostgreSQL can plan for the values of one call, or once for all values. The tests look
        // at the plan for all values.
        run(&mut connection, "SET plan_cache_mode = force_generic_plan").await;
        Self { _server: server, connection, statements: Statements::new::<sqlx::Postgres>("fauth_") }
    }

    /// The lines of the plan of `sql`. `explain` is the `EXPLAIN` command with its options.
    /// Parameters beyond `values` are `NULL`.
    async fn explain(&mut self, explain: &str, sql: &str, values: &[&str]) -> Vec<String> {
        let sql = with_list(&self.statements.render(sql));
        run(&mut self.connection, "DEALLOCATE ALL").await;
        run(&mut self.connection, &format!("PREPARE one AS {sql}")).await;
        let parameters = (1..20).take_while(|number| sql.contains(&format!("${number}"))).count();
        let values = values.iter().copied().chain(std::iter::repeat("NULL")).take(parameters);
        let values = values.collect::<Vec<_>>().join(", ");
        let values = if values.is_empty() { values } else { format!("({values})") };
        let explain = format!("{explain} EXECUTE one{values}");
        let rows = sqlx::raw_sql(&explain).fetch_all(&mut *self.connection).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn plan(&mut self, sql: &str) -> String {
        self.explain("EXPLAIN", sql, &[]).await.join("\n")
    }
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

#[test]
fn every_statement_on_what_an_owner_has_names_the_owner() {
    for sql in BY_OWNER {
        let is_bound = ["application", "issuer", "subject"].iter().zip(1..).all(|(column, number)| {
            sql.contains(&format!("{column} = ${number}")) || sql.contains("VALUES ($1, $2, $3, ")
        });
        assert!(is_bound, "{sql}");
    }
}

#[tokio::test]
async fn sqlite_reads_no_whole_table() {
    let database = Sqlite::start().await;
    // In a plan of SQLite, SCAN means that a whole table is read. This statement has no
    // condition: it shows that the test would notice.
    assert_eq!(database.plan("SELECT * FROM {p}sessions").await, "SCAN fauth_sessions");
    for sql in all() {
        let plan = database.plan(sql).await;
        assert!(!plan.contains("SCAN fauth_"), "{sql}\n{plan}");
    }
    for sweep in SWEEPS {
        let plan = database.plan(sweep).await;
        assert!(plan.contains("INDEX") && !plan.contains("B-TREE FOR ORDER BY"), "{sweep}\n{plan}");
    }
}

/// A client that logs in every few seconds, such as a health check, leaves hundreds of thousands
/// of ended and expired sessions. No statement on live sessions may read them.
#[tokio::test]
async fn sqlite_reads_only_live_sessions() {
    let database = Sqlite::start().await;
    for sql in LIVE {
        // The partial index has no ended sessions, and all its columns bound the search, so
        // expired ones are not read either.
        let search = "SEARCH fauth_sessions USING INDEX fauth_sessions_live \
            (application=? AND issuer=? AND subject=? AND ends_at>?)";
        assert_eq!(database.plan(sql).await, search, "{sql}");
    }
}

/// The same as [`sqlite_reads_only_live_sessions`], measured by the pages that PostgreSQL reads.
#[tokio::test]
async fn postgres_reads_only_live_sessions() {
    // At time 500: 20 000 ended sessions, 20 000 that have expired by idling, and 3 live ones.
    let sessions = "sessions (application, issuer, subject, id, created_at, last_seen_at, idle_timeout, \
         expires_at, remembered, tokens_end_at, ends_at, ended, head) \
         SELECT 'default', '', 'health', 'id' || n, 1, 1, 1, 900, 0, 1, \
         CASE WHEN n > 20000 AND n <= 40000 THEN 100 ELSE 900 END, CASE WHEN n <= 20000 THEN 1 ELSE 0 END, 'x' \
         FROM generate_series(1, 40003) AS n";
    let mut database = Postgres::start(&[sessions]).await;
    for sql in LIVE {
        let values = ["'default'", "''", "'health'", "500"];
        let plan = database.explain("EXPLAIN (ANALYZE, BUFFERS)", sql, &values).await;
        let shown = plan.join("\n");
        assert!(shown.contains("fauth_sessions_live"), "{shown}");
        assert!(shown.contains("rows=3 ") && !shown.contains("Rows Removed"), "{shown}");
        // The first `Buffers:` line is the sum for the whole plan: `hit` counts pages found in the
        // cache, `read` pages read from disk.
        let buffers = plan.iter().find(|line| line.contains("Buffers:")).unwrap();
        let pages = ["hit=", "read="].map(|word| {
            let (_, number) = buffers.split_once(word).unwrap_or_default();
            number.split(' ').next().unwrap().parse().unwrap_or(0)
        });
        assert!(pages.iter().sum::<u32>() < 60, "{shown}");
    }
}

/// PostgreSQL reads small tables as a whole, which is cheaper than an index. So each table gets
/// enough rows that reading all of them costs more than the hundred look-ups of a sweep.
#[tokio::test]
async fn postgres_reads_no_whole_table() {
    let fillings = [
        "sessions (application, issuer, subject, id, created_at, last_seen_at, idle_timeout, expires_at, \
         remembered, tokens_end_at, ends_at, ended, head) \
         SELECT 'default', '', 'subject' || n, 'id' || n, n, n, n, n, 0, n, n, 0, 'x'",
        "revocations (target, application, issuer, subject, kept_until) SELECT 'target' || n, 'default', '', 'subject' || n, n",
        "epochs (application, issuer, subject, epoch, kept_until) SELECT 'default', '', 'subject' || n, n, n",
        "one_times (application, issuer, subject, hash, purpose, expires_at) \
         SELECT 'default', '', 'subject' || n, decode(md5(n || ''), 'hex'), 'refresh', n",
        "api_keys (bucket, id, application, issuer, subject, hash, hash_key_id, name, scopes, created_at, \
         expires_at, last_used_at, user_epoch) \
         SELECT n % 1024, 'id' || n, 'default', '', 'subject' || n, 'x', 'key', 'name', '[]', n, n, n, n",
        "throttles (id, record, kept_until) SELECT decode(md5(n || ''), 'hex'), 'x', n",
    ]
    .map(|filling| format!("{filling} FROM generate_series(1, 100000) AS n"));
    let mut database = Postgres::start(&fillings.each_ref().map(String::as_str)).await;
    // In a plan of PostgreSQL, Seq Scan means that a whole table is read. This statement has no
    // condition: it shows that the test would notice.
    assert!(database.plan("SELECT * FROM {p}sessions").await.contains("Seq Scan"));
    for sql in all() {
        let plan = database.plan(sql).await;
        // `fauth_schema` has one row, so reading it as a whole is right.
        let scans = plan.matches("Seq Scan on").count() - plan.matches("Seq Scan on fauth_schema").count();
        assert_eq!(scans, 0, "{sql}\n{plan}");
    }
    for sweep in SWEEPS {
        let plan = database.plan(sweep).await;
        assert!(plan.contains("Index Scan") && !plan.contains("Sort"), "{sweep}\n{plan}");
    }
}
