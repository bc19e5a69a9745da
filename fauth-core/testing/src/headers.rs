//! The headers of a user's request.

use std::fmt;

/// The headers of a request: the result of `login_as(&user).await`.
///
/// They fit the requests of any framework, as pairs of names and values:
///
/// ```
/// # use fauth_testing::{RequestHeaders, WireRequest};
/// # let headers = RequestHeaders::none();
/// let request = WireRequest::get("/me").with(&headers);
/// # let mut builder = std::collections::HashMap::new();
/// for (name, value) in &headers {
///     builder.insert(name, value); // `builder = builder.header(name, value)`
/// }
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RequestHeaders(Vec<(String, String)>);

impl RequestHeaders {
    /// Returns the headers of an anonymous request: none.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_ascii_lowercase(), value.into()));
    }

    /// Iterates over names (in lower case) and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.into_iter()
    }

    /// Returns the value of the first header with this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl<'a> IntoIterator for &'a RequestHeaders {
    type Item = (&'a str, &'a str);
    type IntoIter = Box<dyn Iterator<Item = Self::Item> + Send + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

impl IntoIterator for RequestHeaders {
    type Item = (String, String);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Prints only the names: most values are tokens.
impl fmt::Debug for RequestHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| format!("{name}: (..)"))).finish()
    }
}
