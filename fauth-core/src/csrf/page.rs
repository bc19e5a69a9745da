//! What a page needs of a CSRF token, for handlers and templates.

use std::fmt;

/// A new CSRF token for the session of a request, and the names under which clients send it.
///
/// [`AuthProvider::csrf_token`](crate::AuthProvider::csrf_token) creates it; the adapters'
/// extractor `CsrfToken` calls that. Every token has its own value, and all values of a session are
/// valid until the session ends.
///
/// # Security
/// Show it only to the user of the session. Shared caches must not store a page that contains a
/// token; guards ensure that.
#[derive(Clone, PartialEq, Eq)]
pub struct CsrfToken {
    pub(crate) value: Option<Box<str>>,
    pub(crate) field: Box<str>,
    pub(crate) header: Box<str>,
    pub(crate) cookie: Box<str>,
}

impl CsrfToken {
    /// The value. `None` if the credential is not a cookie: for guests, and for programs with a
    /// token in a header, which need none.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// The hidden field for a form that is sent with `POST`: `<input type="hidden"
    /// name="csrf_token" value="…">`. Empty without a [value](Self::value). Mark it as safe in
    /// templates that escape HTML.
    #[must_use]
    pub fn hidden_field(&self) -> String {
        // Neither the name, which is checked when the provider is built, nor the value has a
        // character that needs escaping in HTML.
        let name = &self.field;
        self.value().map_or_else(String::new, |value| {
            format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">")
        })
    }

    /// The name of the form field for the token. Default: `csrf_token`.
    #[must_use]
    pub fn field_name(&self) -> &str {
        &self.field
    }

    /// The name of the header for the token. Default: `X-CSRF-Token`.
    #[must_use]
    pub fn header_name(&self) -> &str {
        &self.header
    }

    /// The name of the [cookie](crate::CsrfTokens::cookie_name) from which scripts read a value.
    /// Default: `__Host-csrf`, or `csrf` beside [cookies for
    /// development](crate::transport::CookieTransport::danger_insecure).
    #[must_use]
    pub fn cookie_name(&self) -> &str {
        &self.cookie
    }
}

/// Hides the value, which acts for its session.
impl fmt::Debug for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsrfToken").field("has_value", &self.value.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_session_has_a_field() {
        let token = |value: Option<&str>| CsrfToken {
            value: value.map(Into::into),
            field: "csrf_token".into(),
            header: "X-CSRF-Token".into(),
            cookie: "__Host-csrf".into(),
        };
        let of_session = token(Some("ab.cd"));
        assert_eq!(of_session.hidden_field(), "<input type=\"hidden\" name=\"csrf_token\" value=\"ab.cd\">");
        assert!(!format!("{of_session:?}").contains("ab.cd"));
        assert_eq!((token(None).hidden_field().as_str(), token(None).value()), ("", None));
    }
}
