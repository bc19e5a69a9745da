//! Parses limits: `5/minute`, `100/15 minutes`, `5/minute, 100/hour`.

use std::time::Duration;

use crate::{
    error::ConfigError,
    store::{LimitWindow, MAX_LIMIT_WINDOWS},
};

const FIELD: &str = "limit";

/// Parses the windows of a limit: at least one, with different spans.
pub(super) fn windows(text: &str) -> Result<Vec<LimitWindow>, ConfigError> {
    let mut windows: Vec<LimitWindow> = Vec::new();
    for part in text.split(',').map(str::trim) {
        let window = window(part)?;
        if windows.iter().any(|other| other.span() == window.span()) {
            let problem = format!("{text:?} has two windows of the same span");
            return Err(ConfigError::new(FIELD, problem, "keep the smaller one"));
        }
        windows.push(window);
    }
    if windows.len() > MAX_LIMIT_WINDOWS {
        let problem = format!("{text:?} has more than {MAX_LIMIT_WINDOWS} windows");
        return Err(ConfigError::new(FIELD, problem, "remove some"));
    }
    Ok(windows)
}

fn window(part: &str) -> Result<LimitWindow, ConfigError> {
    let unreadable = || {
        let fix = "write it like 5/minute, 100/15 minutes, or 5/minute, 100/hour";
        ConfigError::new(FIELD, format!("{part:?} is not a limit"), fix)
    };
    let (quota, span) = part.split_once('/').ok_or_else(unreadable)?;
    let (quota, span) = (quota.trim(), span.trim());
    let digits = span.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = span.split_at_checked(digits).ok_or_else(unreadable)?;
    let unit = unit_seconds(unit.trim_start(), digits > 0).ok_or_else(unreadable)?;
    if quota.is_empty() || !quota.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(unreadable());
    }
    let out_of_bounds = || {
        let fix = "allow up to 10000 requests per second, in a window of up to 31 days";
        ConfigError::new(FIELD, format!("{part:?} is out of bounds"), fix)
    };
    let quota = quota.parse().map_err(|_| out_of_bounds())?;
    let count: u64 = if digits > 0 { count.parse().map_err(|_| out_of_bounds())? } else { 1 };
    let seconds = count.checked_mul(unit).ok_or_else(out_of_bounds)?;
    LimitWindow::new(quota, Duration::from_secs(seconds)).map_err(|error| {
        ConfigError::new(FIELD, format!("{part:?}: {}", error.problem()), error.fix().to_owned())
    })
}

/// The length of a unit in seconds. After a number the unit may be plural.
fn unit_seconds(unit: &str, has_count: bool) -> Option<u64> {
    match unit {
        "second" | "s" => Some(1),
        "minute" | "m" => Some(60),
        "hour" | "h" => Some(60 * 60),
        "day" | "d" => Some(24 * 60 * 60),
        "seconds" if has_count => Some(1),
        "minutes" if has_count => Some(60),
        "hours" if has_count => Some(60 * 60),
        "days" if has_count => Some(24 * 60 * 60),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(text: &str) -> Vec<(u32, u64)> {
        let windows = windows(text).unwrap();
        windows.iter().map(|window| (window.quota(), window.span().as_secs())).collect()
    }

    #[test]
    fn limits_are_read() {
        assert_eq!(read("5/minute"), [(5, 60)]);
        assert_eq!(read(" 10 / second "), [(10, 1)]);
        assert_eq!(read("100/hour"), [(100, 3600)]);
        assert_eq!(read("3/day"), [(3, 86_400)]);
        assert_eq!(read("100/15 minutes"), [(100, 900)]);
        assert_eq!(read("1/1 hour"), [(1, 3600)]);
        assert_eq!(read("20/1h"), [(20, 3600)]);
        assert_eq!(read("20/m"), [(20, 60)]);
        assert_eq!(read("1/31 days"), [(1, 31 * 86_400)]);
        assert_eq!(read("5/minute, 100/hour"), [(5, 60), (100, 3600)]);
        assert_eq!(read("1/second,2/minute,3/hour,4/day").len(), 4);
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["5/minute", "100/15 minutes", "7/90 seconds", "1/31 days", "2/36 hours"] {
            let window = windows(text).unwrap()[0];
            assert_eq!(window.to_string(), text);
        }
    }

    /// C-08, W-15: each is a construction error, and none means unlimited.
    #[test]
    fn a_malformed_limit_is_an_error_that_names_it() {
        for text in [
            "",
            " ",
            ",",
            "bogus",
            "0/minute",
            "-1/minute",
            "+1/minute",
            "1.5/minute",
            "5",
            "5/",
            "/minute",
            "5/fortnight",
            "5/minutes",
            "5/Minute",
            "5/minute/hour",
            "5/0 minutes",
            "5/-1 minutes",
            "5 per minute",
            "5/minute,",
            "5/minute, bogus",
            "5/minute, 6/60 seconds",
            "4294967296/day",
            "99999999999999999999/minute",
            "5/99999999999999999999 days",
            "5/32 days",
            "10001/second",
            "1/second, 2/minute, 3/hour, 4/day, 5/2 days",
            "5/minut\u{e9}",
            "\u{ff15}/minute",
        ] {
            let error = windows(text).unwrap_err();
            assert_eq!(error.field(), "limit", "{text}");
            let named = text.split(',').any(|part| error.problem().contains(&format!("{:?}", part.trim())));
            assert!(named || error.problem().contains(&format!("{text:?}")), "{text}: {error}");
        }
    }
}
