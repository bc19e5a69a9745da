//! Which rule decides, and why, in words.

use std::fmt;

use crate::access::Access;

/// Which rule decides about a request, and why. Its `Display` is one line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    method: Box<str>,
    /// As it was asked for.
    path: Box<str>,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// No rule is asked about this method.
    Method,
    /// No rule is asked about this path.
    Path,
    Decided {
        access: Access,
        /// The rules, the deciding one last; empty for the default.
        chain: Vec<String>,
        is_private_by_default: bool,
        /// As it was compared.
        path: String,
    },
}

impl Explanation {
    pub(super) fn new(method: &str, path: &str, outcome: Outcome) -> Self {
        Self { method: method.into(), path: path.into(), outcome }
    }

    /// What is asked for; `None` if the request is refused before any rule is asked.
    #[must_use]
    pub const fn access(&self) -> Option<&Access> {
        match &self.outcome {
            Outcome::Decided { access, .. } => Some(access),
            Outcome::Method | Outcome::Path => None,
        }
    }

    /// The rule that decides, with the place where it was written: `require("/admin") at
    /// src/app.rs:14`. `None` for the default, and if no rule is asked.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.chain().last().map(String::as_str)
    }

    /// The rules from which that one takes fields over which it does not name itself.
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
        // They may be those of a request.
        write!(f, "{} {}: ", method.escape_debug(), path.escape_debug())?;
        match outcome {
            Outcome::Method => f.write_str("refused with 405 before any rule: nobody answers this method"),
            Outcome::Path => f.write_str("refused with 400 before any rule: the path can be misread"),
            Outcome::Decided { access, is_private_by_default, path: compared, .. } => {
                write!(f, "{access}; decided by ")?;
                match (self.rule(), is_private_by_default) {
                    (Some(rule), _) => f.write_str(rule)?,
                    (None, true) => f.write_str("`private_by_default`, since no rule is about it")?,
                    (None, false) => f.write_str("`public_by_default`, since no rule is about it")?,
                }
                let inherited: Vec<_> = self.inherited().collect();
                if !inherited.is_empty() {
                    write!(f, ", which takes over from {}", inherited.join(" and "))?;
                }
                if **path != **compared {
                    write!(f, "; compared as {}", compared.escape_debug())?;
                }
                Ok(())
            }
        }
    }
}
