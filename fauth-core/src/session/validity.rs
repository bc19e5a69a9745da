//! How long a single login stays valid without use.

use std::time::Duration;

use crate::{clock::parse_duration, error::ConfigError};

/// How long a single login stays valid without use: a [`Duration`], or a text with a number and a
/// unit: `45s`, `30m`, `1h`, `7d`.
///
/// An invalid text, or a span that is too short or too long, makes the login fail with
/// [`Misconfigured::Validity`](crate::rejection::Misconfigured::Validity), which contains the
/// reason. Use [`parse`](Self::parse) to find a mistake at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validity(Result<Duration, ConfigError>);

impl Validity {
    /// Parses a text such as `7d`.
    ///
    /// # Errors
    /// [`ConfigError`] if the text is not a number with one of the units `s`, `m`, `h` and `d`.
    pub fn parse(text: &str) -> Result<Duration, ConfigError> {
        parse_duration(text).ok_or_else(|| {
            ConfigError::new(
                "validity",
                format!("`{}` is not a time span", text.chars().take(32).collect::<String>().escape_debug()),
                "use a number with a unit: 45s, 30m, 1h or 7d",
            )
        })
    }

    /// The span in whole seconds, if it is at least one second and at most `longest`.
    pub(crate) fn within(&self, longest: Duration) -> Result<Duration, ConfigError> {
        let span = Duration::from_secs(self.0.clone()?.as_secs());
        if span.is_zero() || span > longest {
            return Err(ConfigError::new(
                "validity",
                format!("{} seconds are out of bounds", span.as_secs()),
                format!("use 1 to {} seconds, or set a longer `SessionConfig::lifetime`", longest.as_secs()),
            ));
        }
        Ok(span)
    }
}

impl From<Duration> for Validity {
    fn from(span: Duration) -> Self {
        Self(Ok(span))
    }
}

impl From<&str> for Validity {
    fn from(text: &str) -> Self {
        Self(Self::parse(text))
    }
}

impl From<String> for Validity {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    /// C-06.
    #[test]
    fn a_text_is_a_number_with_a_unit() {
        let table = [("45s", 45), ("30m", 1800), ("1h", 3600), ("7d", 604_800), ("007d", 604_800)];
        for (text, seconds) in table {
            assert_eq!(Validity::from(text).within(LONGEST), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_an_error_that_says_so() {
        for text in [
            "",
            "7",
            "d",
            "7w",
            "7D",
            " 7d",
            "7d ",
            "7 d",
            "-7d",
            "+7d",
            "1.5h",
            "1h30m",
            "0x7d",
            "٧d",
            "7d\n",
            "99999999999999999999d",
            "18446744073709551615d",
            "forever",
            "1e3s",
            "7ms",
        ] {
            let error = Validity::from(text).within(LONGEST).unwrap_err();
            assert_eq!(error.field(), "validity", "{text}");
            assert!(error.to_string().contains("7d"), "{error}");
        }
    }

    #[test]
    fn a_span_has_bounds() {
        for span in
            [Duration::ZERO, Duration::from_millis(999), LONGEST + Duration::from_secs(1), Duration::MAX]
        {
            let error = Validity::from(span).within(LONGEST).unwrap_err();
            assert!(error.to_string().contains("2592000"), "{error}");
        }
        assert!(
            Validity::from("31d").within(LONGEST).is_err() && Validity::from("0s").within(LONGEST).is_err()
        );
        assert_eq!(Validity::from(LONGEST).within(LONGEST), Ok(LONGEST));
        assert_eq!(Validity::from(Duration::from_millis(1_999)).within(LONGEST), Ok(Duration::from_secs(1)));
    }
}
