//! A token in the query string, for clients that cannot set headers, such as a browser's
//! `WebSocket`.

use super::{Extracted, SecurityScheme, Transport};
use crate::{rejection::MalformedCredential, request::RequestHead, token::Purpose};

/// Reads the token from a query parameter. Only
/// [`danger_query_token`](crate::AuthProviderBuilder::danger_query_token) adds this transport.
#[derive(Debug, Clone)]
pub struct QueryTransport {
    parameter: Box<str>,
}

impl QueryTransport {
    pub(crate) fn new(parameter: String) -> Self {
        Self { parameter: parameter.into_boxed_str() }
    }
}

impl Transport for QueryTransport {
    fn extract<'a>(&self, head: &'a dyn RequestHead, purpose: Purpose) -> Extracted<'a> {
        if purpose != Purpose::Access {
            return Extracted::Absent;
        }
        head.query().map_or(Extracted::Absent, |query| find(query, &self.parameter))
    }

    fn is_ambient(&self) -> bool {
        false
    }

    fn describe(&self) -> SecurityScheme {
        SecurityScheme::Query { name: self.parameter.clone() }
    }

    fn is_in_url(&self) -> bool {
        true
    }
}

/// Names and values are not decoded: a token needs no percent-encoding, and an encoded name is a
/// different name.
fn find<'a>(query: &'a str, parameter: &str) -> Extracted<'a> {
    let mut values =
        query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(name, _)| *name == parameter);
    match (values.next(), values.next()) {
        (None, _) => Extracted::Absent,
        (Some(_), Some(_)) => Extracted::Malformed(MalformedCredential::Duplicate),
        (Some((_, value)), None) => Extracted::token(value),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::extracted::outcome, *};

    #[test]
    fn one_parameter_of_the_name_counts() {
        let found = |query| outcome(find(query, "token"));
        assert_eq!(found("token=abc"), "abc");
        assert_eq!(found("a=1&token=abc&b"), "abc");
        for absent in ["", "token", "Token=abc", "%74oken=abc", "a=token=abc"] {
            assert_eq!(found(absent), "absent", "{absent}");
        }
        assert_eq!(found("token=a&token=a"), "Duplicate");
        for bad in ["token=", "token=a%2Eb", "token=a b", "token=ä"] {
            assert_eq!(found(bad), "Grammar", "{bad}");
        }
    }
}
