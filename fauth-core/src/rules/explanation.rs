//! Explanations: which rule decides, and why.

use std::fmt;

use crate::access::Access;

/// Which rule decides about a request, and why. Its `Display` is one line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    method: Box<str>,
    /// The path as given.
    path: Box<str>,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Requests with this method are refused before any rule.
    Method,
    /// Requests for this path are refused before any rule.
    Path,
    Decided {
        access: Access,
        /// The rules, the deciding one last; empty for the default.
        chain: Vec<String>,
        is_private_by_default: bool,
        /// The path as compared.
        path: String,
    },
}

impl Explanation {
    pub(super) fn new(method: &str, path: &str, outcome: Outcome) -> Self {
        Self { method: method.into(), path: path.into(), outcome }
    }

    /// The access that the rules give; `None` if the request is refused before any rule.
    #[must_use]
    pub const fn access(&self) -> Option<&Access> {
        match &self.outcome {
            Outcome::Decided { access, .. } => Some(access),
            Outcome::Method | Outcome::Path => None,
        }
    }

    /// The deciding rule and where it was written: `require("/admin") at src/app.rs:14`. `None` for
    /// the default, and if the request is refused before any rule.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.chain().last().map(String::as_str)
    }

    /// The rules from which the deciding rule inherits fields.
    pub fn inherited(&self) -> impl Iterator<Item = &str> {
        let chain = self.chain();
        chain.iter().take(chain.len().saturating_sub(1)).map(String::as_str)
    }

    fn chain(&self) -> &[String] {
        match &self.outcome {
            Outcome::Decided { chain, .. } => chain,
            Outcome::Method | Outcome::Path => &[],
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path, outcome } = self;
        // Method and path may come from a request.
        write!(f, "{} {}: ", method.escape_debug(), path.escape_debug())?;
        match outcome {
            Outcome::Method => f.write_str("refused with 405 before any rule: the method is never allowed"),
            Outcome::Path => f.write_str("refused with 400 before any rule: the path is ambiguous"),
            Outcome::Decided { access, is_private_by_default, path: compared, .. } => {
                write!(f, "{access}; decided by ")?;
                match (self.rule(), is_private_by_default) {
                    (Some(rule), _) => f.write_str(rule)?,
                    (None, true) => f.write_str("`private_by_default`, since no rule matches")?,
                    (None, false) => f.write_str("`public_by_default`, since no rule matches")?,
                }
                let inherited: Vec<_> = self.inherited().collect();
                if !inherited.is_empty() {
                    write!(f, ", which inherits from {}", inherited.join(" and "))?;
                }
                if **path != **compared {
                    write!(f, "; compared as {}", compared.escape_debug())?;
                }
                Ok(())
            }
        }
    }
}
