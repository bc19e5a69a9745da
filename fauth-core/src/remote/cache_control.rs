//! The freshness of a response ([RFC 9111](https://www.rfc-editor.org/rfc/rfc9111)).

use std::time::Duration;

use super::fetch::FetchResponse;

/// How long the response is fresh according to the server. `None` if it gives no readable value.
pub(super) fn freshness(response: &FetchResponse) -> Option<Duration> {
    let said = response.cache_control.as_deref().and_then(max_age)?;
    Some(said.saturating_sub(age_of(response)))
}

/// The shortest time of all directives. `s-maxage` is for shared caches, which this is not.
fn max_age(cache_control: &str) -> Option<Duration> {
    cache_control.split(',').filter_map(directive).min()
}

fn directive(text: &str) -> Option<Duration> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name.trim(), value.trim()),
        None => (text.trim(), ""),
    };
    if ["no-store", "no-cache"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return Some(Duration::ZERO);
    }
    if !name.eq_ignore_ascii_case("max-age") {
        return None;
    }
    // Section 4.2.1 encourages treating an unreadable value as stale.
    Some(seconds(value.trim_matches('"')).unwrap_or(Duration::ZERO))
}

/// How long a cache on the way has kept the response.
fn age_of(response: &FetchResponse) -> Duration {
    response.age.as_deref().and_then(|age| seconds(age.trim())).unwrap_or_default()
}

/// A number that is too large counts as a very large one (section 1.2.2).
fn seconds(text: &str) -> Option<Duration> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| Duration::from_secs(text.parse::<u32>().unwrap_or(u32::MAX).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(cache_control: &str) -> Option<u64> {
        freshness(&FetchResponse::new(200, "").with_cache_control(cache_control)).map(|span| span.as_secs())
    }

    #[test]
    fn max_age_is_read_and_the_least_counts() {
        assert_eq!(fresh("max-age=600"), Some(600));
        assert_eq!(fresh("public, Max-Age = 600, must-revalidate"), Some(600));
        assert_eq!(fresh("max-age=\"600\""), Some(600));
        assert_eq!(fresh("max-age=600, max-age=60"), Some(60));
        assert_eq!(fresh("max-age=600, no-cache"), Some(0));
        assert_eq!(fresh("no-store"), Some(0));
        assert_eq!(fresh("no-cache=\"set-cookie\""), Some(0));
        assert_eq!(fresh("max-age=99999999999999999999"), Some(u32::MAX.into()));
    }

    #[test]
    fn what_cannot_be_read_is_stale_and_what_is_not_there_says_nothing() {
        for text in ["max-age=", "max-age", "max-age=-1", "max-age=1.5", "max-age=ten"] {
            assert_eq!(fresh(text), Some(0), "{text}");
        }
        for text in ["", "public", "s-maxage=600", "x-max-age=600", ",,="] {
            assert_eq!(fresh(text), None, "{text}");
        }
        assert_eq!(freshness(&FetchResponse::new(200, "")), None);
    }

    #[test]
    fn the_time_in_a_cache_counts() {
        let answer = |age: &str| FetchResponse::new(200, "").with_cache_control("max-age=600").with_age(age);
        assert_eq!(freshness(&answer("100")), Some(Duration::from_secs(500)));
        assert_eq!(freshness(&answer("700")), Some(Duration::ZERO));
        assert_eq!(freshness(&answer("soon")), Some(Duration::from_secs(600)));
    }
}
