//! Runs a command with a Redis and a PostgreSQL beside it: `servers COMMAND ARGUMENTS…`.
//!
//! The tests that can share a server find these by `FAUTH_TEST_REDIS_URL` and
//! `FAUTH_TEST_POSTGRES_URL`, and keep apart by names of their own. Without it each test program
//! starts what it needs, which is right and slower.

use std::{
    env,
    io::{self, Write as _},
    process::{Command, ExitCode},
};

use servers::{Postgres, Redis};

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    let Some(program) = words.next() else {
        let _ = writeln!(io::stderr(), "usage: servers COMMAND ARGUMENTS…");
        return ExitCode::FAILURE;
    };
    let (redis, postgres) = (Redis::start(), Postgres::start());
    let ran = Command::new(&program)
        .args(words)
        .env("FAUTH_TEST_REDIS_URL", redis.url())
        .env("FAUTH_TEST_POSTGRES_URL", postgres.url())
        .status();
    match ran {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{}: {error}", program.display());
            ExitCode::FAILURE
        }
    }
}
