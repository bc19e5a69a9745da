//! What stays open ends with its authority: a socket, a stream, a job.

mod asking;
mod failing;
mod keys_and_sessions;
mod reasons;
mod streams;
mod tasks;

use std::time::Duration;

use fauth_core::{
    AuthProvider, Granted, Requirement,
    ended::{EndReason, Ended},
};
use fauth_testing::TestUser;
use tokio::time::{sleep, timeout};

use crate::support::{Tokens, World};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

type Auth = AuthProvider<TestUser>;

/// What a socket that is opened with this token holds.
async fn open(auth: &Auth, token: &str) -> Granted<TestUser> {
    auth.authenticate_token(token, &Requirement::user()).await.unwrap()
}

/// Logs in, and opens a socket with the token.
async fn socket(world: &World, name: &str) -> (Tokens, Ended) {
    let tokens = world.log_in(name).await;
    let ended = open(&world.auth, &tokens.access).await.ended();
    (tokens, ended)
}

/// Why it is over, if it is within this time.
async fn within(ended: &Ended, limit: Duration) -> Option<EndReason> {
    timeout(limit, ended.clone()).await.ok()
}

/// Nothing ends within this time.
#[track_caller]
fn stays(ended: &Ended, why: &str) {
    assert_eq!(ended.is_ended(), None, "{why}");
}

/// Whatever runs at once has run.
async fn settle() {
    sleep(Duration::from_millis(20)).await;
}
