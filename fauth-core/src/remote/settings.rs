//! How long keys are valid and how often they are fetched.

use std::time::Duration;

use crate::error::ConfigError;

/// The maximum length of one response in bytes.
pub(super) const MAX_BYTES: usize = 256 * 1024;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settings {
    /// How long a set is fresh if the response does not say.
    pub(super) fresh_for: Duration,
    pub(super) fresh_at_least: Duration,
    pub(super) fresh_at_most: Duration,
    /// How long a set is used beyond that while no fetch succeeds.
    pub(super) stale_for: Duration,
    /// The minimum time between the end of a fetch and the next one for an unknown key.
    pub(super) unknown_key_interval: Duration,
    /// The time limit of a fetch, including discovery.
    pub(super) timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fresh_for: Duration::from_secs(300),
            fresh_at_least: Duration::from_secs(30),
            fresh_at_most: Duration::from_secs(60 * 60),
            stale_for: Duration::from_secs(600),
            unknown_key_interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
        }
    }
}

impl Settings {
    /// How long a response is fresh, given what the server says.
    pub(super) fn fresh(&self, said: Option<Duration>) -> Duration {
        said.unwrap_or(self.fresh_for).max(self.fresh_at_least).min(self.fresh_at_most)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("fresh_for", self.fresh_for, SECOND, DAY)?;
        within("fresh_between", self.fresh_at_least, SECOND, DAY)?;
        within("fresh_between", self.fresh_at_most, SECOND, DAY)?;
        if self.fresh_at_least > self.fresh_at_most {
            let fix = "pass the lower bound first";
            return Err(ConfigError::new("fresh_between", "the lower bound exceeds the upper one", fix));
        }
        within("stale_for", self.stale_for, Duration::ZERO, DAY)?;
        within("unknown_key_interval", self.unknown_key_interval, SECOND, DAY)?;
        within("timeout", self.timeout, Duration::from_millis(10), 30 * SECOND)
    }
}

fn within(name: &'static str, span: Duration, least: Duration, most: Duration) -> Result<(), ConfigError> {
    if (least..=most).contains(&span) {
        return Ok(());
    }
    Err(ConfigError::new(name, format!("is {span:?}"), format!("use {least:?} to {most:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_counts_within_bounds() {
        let settings = Settings::default();
        let fresh = |seconds: u64| settings.fresh(Some(Duration::from_secs(seconds))).as_secs();
        assert_eq!([fresh(0), fresh(30), fresh(600), fresh(3600), fresh(1 << 31)], [30, 30, 600, 3600, 3600]);
        assert_eq!(settings.fresh(None).as_secs(), 300);
    }

    #[test]
    fn impossible_settings_are_named() {
        let good = Settings::default();
        assert_eq!(good.check(), Ok(()));
        let field = |settings: Settings| settings.check().map_err(|error| error.field());
        assert_eq!(field(Settings { stale_for: Duration::ZERO, ..good }), Ok(()));
        assert_eq!(field(Settings { stale_for: 2 * DAY, ..good }), Err("stale_for"));
        assert_eq!(field(Settings { fresh_for: Duration::ZERO, ..good }), Err("fresh_for"));
        assert_eq!(field(Settings { fresh_at_most: SECOND, ..good }), Err("fresh_between"));
        assert_eq!(
            field(Settings { unknown_key_interval: Duration::ZERO, ..good }),
            Err("unknown_key_interval")
        );
        assert_eq!(field(Settings { timeout: Duration::ZERO, ..good }), Err("timeout"));
    }
}
