//! What a rule is about: a prefix or one path, and methods.

use std::fmt;

/// What a rule is about. A text is a [prefix](prefix()).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePath {
    path: Box<str>,
    is_exact: bool,
    /// `None` for all.
    methods: Option<Vec<Box<str>>>,
}

/// This path and everything below it, by segments: `/admin` is about `/admin`, `/admin/` and
/// `/admin/users`, and not about `/administrator`. `/` is everything.
///
/// The path is written decoded (`/café`), without a slash at its end, and without placeholders.
#[must_use]
pub fn prefix(path: impl Into<String>) -> RulePath {
    RulePath { path: path.into().into(), is_exact: false, methods: None }
}

/// This path alone. `exact("/")` is the front page; `exact("/health")` is not about `/health/`.
#[must_use]
pub fn exact(path: impl Into<String>) -> RulePath {
    RulePath { path: path.into().into(), is_exact: true, methods: None }
}

impl RulePath {
    /// Makes the rule about these methods only, written as requests do: `GET`. HEAD goes with GET
    /// and cannot be named. For other methods the rule that would decide without this one does.
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
    /// Name methods to open something, not to close it: what is not named is left to other rules.
    #[must_use]
    pub fn methods(self, methods: impl IntoIterator<Item: AsRef<str>>) -> Self {
        let methods = methods.into_iter().map(|method| method.as_ref().into()).collect();
        Self { methods: Some(methods), ..self }
    }

    /// The path as it was written.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Is it about this path alone?
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.is_exact
    }

    pub(super) fn named_methods(&self) -> Option<&[Box<str>]> {
        self.methods.as_deref()
    }

    /// Is it about this method because it names it?
    pub(super) fn names(&self, method: &str) -> bool {
        self.named_methods().is_some_and(|methods| methods.iter().any(|own| **own == *method))
    }

    /// Its segments. `/` as a prefix has none, as a path it has an empty one.
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

/// As it is written in code: `"/admin"`, `exact("/")`, `"/posts" for GET`.
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
