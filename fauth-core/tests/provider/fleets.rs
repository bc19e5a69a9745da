//! Instances of one application that differ in how long their tokens last: what one of them ends
//! stays ended for all.

use std::time::Duration;

use fauth_core::{
    AuthConfig, AuthProvider, ClientInfo, LoginRequest, Purpose, Rejection, Requirement, SessionConfig,
    clock::Timestamp, rejection::InvalidToken, store::RevocationTarget,
};
use fauth_testing::{
    Fault, FaultyStore, ManualClock, SECRET, TestUser, Users, memory_store, provider_without_store,
};

use crate::support::{Tokens, get};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A console with the default settings, and an API whose access tokens last for a day: one store,
/// one secret.
struct Fleet {
    console: AuthProvider<TestUser>,
    api: AuthProvider<TestUser>,
    clock: ManualClock,
    revocations: FaultyStore,
}

impl Fleet {
    fn new() -> Self {
        Self::with(AuthConfig::builder(), SessionConfig::new(), DAY)
    }

    fn with(
        console: fauth_core::AuthConfigBuilder,
        console_sessions: SessionConfig,
        api_tokens: Duration,
    ) -> Self {
        let (users, clock, sessions) = (Users::new(), ManualClock::new(), memory_store());
        let revocations = FaultyStore::default();
        let build = |config: fauth_core::AuthConfigBuilder, settings: SessionConfig| {
            provider_without_store(config.secret(SECRET).build().unwrap(), &users)
                .clock(clock.clone())
                .session_store(sessions.clone())
                .revocation_store(revocations.clone())
                .sessions(settings)
                .build()
                .unwrap()
        };
        let api = AuthConfig::builder()
            .danger_max_lifetime(Purpose::Access, api_tokens)
            .lifetime(Purpose::Access, api_tokens);
        Self {
            console: build(console, console_sessions),
            api: build(api, SessionConfig::new()),
            clock: clock.clone(),
            revocations: revocations.clone(),
        }
    }

    /// Everything that the console issues is over within an hour.
    fn outlasting(api_tokens: Duration) -> Self {
        let purposes = [
            Purpose::Access,
            Purpose::Refresh,
            Purpose::PasswordReset,
            Purpose::EmailVerification,
            Purpose::MagicLink,
        ];
        let console = purposes.into_iter().fold(AuthConfig::builder(), |config, purpose| {
            config.danger_max_lifetime(purpose, HOUR).lifetime(purpose, HOUR)
        });
        let sessions = SessionConfig::new()
            .idle_timeout(HOUR)
            .lifetime(HOUR)
            .remembered_idle_timeout(HOUR)
            .remembered_lifetime(HOUR);
        Self::with(console, sessions, api_tokens)
    }

    /// Something that was written since the last look is kept until the token is over.
    fn is_remembered(&self, tokens: &Tokens, why: &str) {
        let end = self.api.verify_signature_and_claims(&tokens.access, Purpose::Access).unwrap().expires_at();
        let ends = self.revocations.revocation_ends();
        assert!(ends.iter().any(|(_, until)| *until >= end), "{why}: {end} {ends:?}");
    }

    async fn log_in(&self, at: &AuthProvider<TestUser>) -> Tokens {
        Tokens::of(&at.login("alice").await.unwrap())
    }

    async fn refresh(&self, at: &AuthProvider<TestUser>, tokens: &Tokens) -> Tokens {
        Tokens::of(&at.refresh(&tokens.refresh, &ClientInfo::unknown()).await.unwrap())
    }

    async fn enter_api(&self, tokens: &Tokens) -> Result<(), Rejection> {
        let head = get("/").bearer(&tokens.access);
        self.api.check(self.api.read(&head), &Requirement::user()).await.map(drop)
    }

    /// As long as an API token lasts, it is refused.
    async fn stays_ended(&self, tokens: &Tokens, lifetime: Duration, why: &str) {
        let end = self.api.verify_signature_and_claims(&tokens.access, Purpose::Access).unwrap().expires_at();
        assert!(end >= ManualClock::START.checked_add(lifetime).unwrap(), "{why}: it lasts too short");
        let last = Timestamp::from_unix_seconds(end.unix_seconds() - 1);
        for now in [ManualClock::START.checked_add(2 * HOUR).unwrap(), last] {
            self.clock.set(now);
            let refused = self.enter_api(tokens).await.unwrap_err();
            let reasons = [InvalidToken::Revoked, InvalidToken::OldEpoch].map(Rejection::InvalidToken);
            assert!(reasons.contains(&refused), "{why}: {refused:?}");
        }
    }
}

/// Every way in which the console can end a session of the API.
const WAYS: [&str; 8] = [
    "logout",
    "logout by refresh token",
    "revoke_session",
    "logout_others",
    "logout_all",
    "revoke",
    "eviction",
    "replay",
];

async fn end(fleet: &Fleet, way: &str, tokens: &Tokens) {
    let (console, client) = (&fleet.console, ClientInfo::unknown());
    let payload = fleet.api.verify_signature_and_claims(&tokens.access, Purpose::Access).unwrap();
    let id = fauth_core::store::SessionId::parse(payload.session_id().unwrap()).unwrap();
    match way {
        // What the console verifies is a token of its own lifetime.
        "logout" => {
            let own = fleet.refresh(console, tokens).await;
            console.logout(&own.access, &client).await.unwrap();
        }
        "logout by refresh token" => console.logout(&tokens.refresh, &client).await.unwrap(),
        "revoke_session" => assert!(console.revoke_session("alice", &id, &client).await.unwrap()),
        "logout_others" => {
            let current = fleet.log_in(console).await;
            let current = console.verify_signature_and_claims(&current.access, Purpose::Access).unwrap();
            assert_eq!(console.logout_others(&current, &client).await.unwrap(), 1);
        }
        "logout_all" => console.logout_all("alice", &client).await.unwrap(),
        "revoke" => console.revoke("alice", &[RevocationTarget::Session(id.as_str())]).await.unwrap(),
        "eviction" => {
            // Of those that were seen in the same second any may go.
            fleet.clock.advance(SECOND);
            for _ in 0..50 {
                console.login(LoginRequest::for_subject("alice")).await.unwrap();
            }
        }
        _ => {
            fleet.refresh(console, tokens).await;
            fleet.clock.advance(MINUTE);
            console.refresh(&tokens.refresh, &client).await.unwrap_err();
        }
    }
}

#[tokio::test]
async fn what_a_console_ends_stays_ended_for_an_api_with_longer_tokens() {
    for way in WAYS {
        let fleet = Fleet::new();
        let tokens = fleet.log_in(&fleet.api).await;
        assert_eq!(fleet.enter_api(&tokens).await, Ok(()));
        end(&fleet, way, &tokens).await;
        fleet.stays_ended(&tokens, DAY, way).await;
    }
}

/// The login was at the console, and only a later refresh at the API.
#[tokio::test]
async fn a_refresh_at_the_api_makes_the_revocation_longer() {
    for way in WAYS {
        let fleet = Fleet::new();
        let first = fleet.log_in(&fleet.console).await;
        let tokens = fleet.refresh(&fleet.api, &first).await;
        end(&fleet, way, &tokens).await;
        fleet.stays_ended(&tokens, DAY, way).await;
    }
}

/// A repetition in the grace window changes no refresh token, but gives an access token.
#[tokio::test]
async fn a_repetition_at_the_api_makes_the_revocation_longer() {
    let fleet = Fleet::new();
    let first = fleet.log_in(&fleet.console).await;
    let current = fleet.refresh(&fleet.console, &first).await;
    fleet.clock.advance(9 * SECOND);
    let tokens = fleet.refresh(&fleet.api, &first).await;
    fleet.console.logout(&current.access, &ClientInfo::unknown()).await.unwrap();
    fleet.stays_ended(&tokens, DAY, "logout").await;
}

/// All that the console issues and all logins there are over long before: also then it remembers.
#[tokio::test]
async fn what_outlasts_every_login_of_the_console_stays_ended() {
    let long = 20 * DAY;
    for way in WAYS {
        // The console accepts no refresh token of the API.
        if ["logout", "logout by refresh token", "replay"].contains(&way) {
            continue;
        }
        let fleet = Fleet::outlasting(long);
        let tokens = fleet.log_in(&fleet.api).await;
        fleet.revocations.revocation_ends();
        end(&fleet, way, &tokens).await;
        fleet.is_remembered(&tokens, way);
        fleet.stays_ended(&tokens, long, way).await;
    }
}

/// The last of all tokens counts, whichever session it belongs to.
#[tokio::test]
async fn sessions_that_end_together_are_remembered_until_the_last_token_is_over() {
    for long_first in [true, false] {
        let fleet = Fleet::outlasting(20 * DAY);
        let (first, second) =
            if long_first { (&fleet.api, &fleet.console) } else { (&fleet.console, &fleet.api) };
        let [first, second] = [fleet.log_in(first).await, fleet.log_in(second).await];
        fleet.revocations.revocation_ends();
        end(&fleet, "logout_all", &first).await;
        fleet.is_remembered(if long_first { &first } else { &second }, "logout_all");
    }
}

/// Between the look at the session and its end, the API refreshes it.
#[tokio::test(start_paused = true)]
async fn a_session_that_is_refreshed_while_it_is_ended_is_remembered_for_longer() {
    let fleet = Fleet::new();
    let first = fleet.log_in(&fleet.console).await;
    let payload = fleet.console.verify_signature_and_claims(&first.access, Purpose::Access).unwrap();
    let id = fauth_core::store::SessionId::parse(payload.session_id().unwrap()).unwrap();
    // While the revocation is written, which lies between the two.
    fleet.revocations.delay(SECOND);
    let client = ClientInfo::unknown();
    let ending = fleet.console.revoke_session("alice", &id, &client);
    let refreshing = async {
        tokio::time::sleep(SECOND / 2).await;
        fleet.revocations.recover();
        fleet.refresh(&fleet.api, &first).await
    };
    let (ended, tokens) = tokio::join!(ending, refreshing);
    assert_eq!(ended, Ok(true));
    fleet.is_remembered(&tokens, "revoke_session");
    fleet.stays_ended(&tokens, DAY, "revoke_session").await;
}

/// The same where a full share becomes an epoch.
#[tokio::test]
async fn an_epoch_in_place_of_a_revocation_lasts_as_long() {
    let fleet = Fleet::with(AuthConfig::builder(), SessionConfig::new(), 20 * DAY);
    let ids: Vec<_> = (0..1000).map(|number| format!("{number}")).collect();
    let targets: Vec<_> = ids.iter().map(|id| RevocationTarget::Session(id)).collect();
    fleet.console.revoke("alice", &targets).await.unwrap();
    let [tokens, other] = [fleet.log_in(&fleet.api).await, fleet.log_in(&fleet.api).await];
    end(&fleet, "revoke_session", &tokens).await;
    for tokens in [&tokens, &other] {
        fleet.clock.set(ManualClock::START);
        fleet.stays_ended(tokens, 20 * DAY, "everything has ended").await;
    }
}

/// The instance that has noticed a replay died before it could revoke anything; another one, with
/// shorter tokens, makes up for it.
#[tokio::test]
async fn a_revocation_that_was_left_undone_is_made_up_for_as_long() {
    let (fleet, client) = (Fleet::new(), ClientInfo::unknown());
    let first = fleet.log_in(&fleet.api).await;
    let tokens = fleet.refresh(&fleet.api, &first).await;
    fleet.clock.advance(MINUTE);
    fleet.revocations.fault_at("revoke", Fault::Fails);
    fleet.api.refresh(&first.refresh, &client).await.unwrap_err();
    fleet.revocations.recover();
    assert_eq!(fleet.enter_api(&tokens).await, Ok(()), "nobody has revoked it");
    fleet.revocations.revocation_ends();
    for token in [&first.refresh, &tokens.refresh] {
        let refused = fleet.console.refresh(token, &client).await.unwrap_err();
        assert_eq!(refused.status(), 401);
    }
    let ends = fleet.revocations.revocation_ends();
    assert!(matches!(ends[..], [("sid", _)]), "once: {ends:?}");
    fleet.stays_ended(&tokens, DAY, "made up for").await;
}

/// What is remembered is neither shorter than the last token of the session nor as long as a login.
#[tokio::test]
async fn a_revocation_ends_with_the_tokens_that_it_covers() {
    for (way, at_api, at_least) in
        [("revoke_session", true, DAY), ("revoke_session", false, HOUR), ("logout", true, DAY)]
    {
        let fleet = Fleet::new();
        let tokens = fleet.log_in(if at_api { &fleet.api } else { &fleet.console }).await;
        fleet.revocations.revocation_ends();
        end(&fleet, way, &tokens).await;
        let ends = fleet.revocations.revocation_ends();
        let [("sid", until)] = ends[..] else { panic!("{ends:?}") };
        let earliest = ManualClock::START.checked_add(at_least).unwrap();
        assert!(until >= earliest && until.since(earliest) <= 10 * MINUTE, "{way}: {until} {earliest}");
    }
}
