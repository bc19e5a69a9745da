//! The subject of a rule: a prefix or one path, and methods.

use std::fmt;

/// The paths and methods that a rule applies to. A string is a [prefix](prefix()).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePath {
    path: Box<str>,
    is_exact: bool,
    /// `None` for all.
    methods: Option<Vec<Box<str>>>,
}

/// This path and everything below it, by segments: `/admin` matches `/admin`, `/admin/` and
/// `/admin/users`, but not `/administrator`. `/` matches everything.
///
/// Write the path decoded (`/café`), without a trailing slash and without placeholders.
#[must_use]
pub fn prefix(path: impl Into<String>) -> RulePath {
    RulePath { path: path.into().into(), is_exact: false, methods: None }
}

/// This path alone. `exact("/")` is the front page; `exact("/health")` does not match `/health/`.
#[must_use]
pub fn exact(path: impl Into<String>) -> RulePath {
    RulePath { path: path.into().into(), is_exact: true, methods: None }
}

impl RulePath {
    /// Restricts the rule to these methods, spelt as in requests: `GET`. HEAD counts as GET and
    /// cannot be named. Other methods are decided by the rule that would decide without this one.
    ///
    /// ```
    /// use fauth_core::{RouteRules, rules::prefix};
    ///
    /// let rules = RouteRules::private_by_default()
    ///     .public(prefix("/posts").methods(["GET"]))
    ///     .build()?;
    /// assert_eq!(rules.access("HEAD", "/posts/1").unwrap().to_string(), "open");
    /// assert_eq!(rules.access("POST", "/posts").unwrap().to_string(), "user");
    /// # Ok::<(), fauth_core::ConfigError>(())
    /// ```
    ///
    /// # Security
    /// Name methods to open something, not to close it: methods that are not named are left to
    /// other rules.
    #[must_use]
    pub fn methods(self, methods: impl IntoIterator<Item: AsRef<str>>) -> Self {
        let methods = methods.into_iter().map(|method| method.as_ref().into()).collect();
        Self { methods: Some(methods), ..self }
    }

    /// The path as written.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns whether it matches this path alone.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.is_exact
    }

    pub(super) fn named_methods(&self) -> Option<&[Box<str>]> {
        self.methods.as_deref()
    }

    /// Returns whether it names this method.
    pub(super) fn names(&self, method: &str) -> bool {
        self.named_methods().is_some_and(|methods| methods.iter().any(|own| **own == *method))
    }

    /// The segments. The prefix `/` has none; the path `/` has one empty segment.
    pub(super) fn segments(&self) -> impl Iterator<Item = &str> {
        let is_root = !self.is_exact && &*self.path == "/";
        self.path.split('/').skip(if is_root { 2 } else { 1 })
    }
}

impl From<&str> for RulePath {
    fn from(path: &str) -> Self {
        prefix(path)
    }
}

impl From<&String> for RulePath {
    fn from(path: &String) -> Self {
        prefix(path)
    }
}

impl From<String> for RulePath {
    fn from(path: String) -> Self {
        prefix(path)
    }
}

/// As written in code: `"/admin"`, `exact("/")`, `"/posts" for GET`.
impl fmt::Display for RulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_exact {
            write!(f, "exact({:?})", self.path)?;
        } else {
            write!(f, "{:?}", self.path)?;
        }
        match self.named_methods() {
            Some(methods) => write!(f, " for {}", methods.join(", ")),
            None => Ok(()),
        }
    }
}
