//! Which of two routes gets a request that both stand for.

/// How a framework chooses between two routes that stand for the same path, and how it joins the
/// paths of a mount and of what is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precedence {
    /// The more specific path wins, in whatever order they were added. The path of `/` under
    /// `/admin` is `/admin`.
    #[non_exhaustive]
    MostSpecific {
        /// Does the rest of a path win where it is empty, as `/{*rest}` against `/`?
        rest_may_be_empty: bool,
    },
    /// Whatever was added first wins. The path of `/` under `/admin` is `/admin/`, and what is
    /// mounted at `/admin/` does not answer `/admin/users`.
    FirstRegistered,
}

impl Precedence {
    /// The more specific path wins, and the rest of a path, as in `/{*rest}`, is not empty.
    #[must_use]
    pub const fn most_specific() -> Self {
        Self::MostSpecific { rest_may_be_empty: false }
    }

    /// The more specific path wins, but `/{*rest}` wins against `/`.
    #[must_use]
    pub const fn most_specific_or_rest() -> Self {
        Self::MostSpecific { rest_may_be_empty: true }
    }

    /// A path under a prefix.
    pub(super) fn join(self, prefix: &str, path: &str) -> String {
        let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
        match self {
            Self::MostSpecific { .. } => {
                let prefix = prefix.trim_end_matches('/');
                let path = if path == "/" && !prefix.is_empty() { "" } else { path };
                format!("{prefix}{slash}{path}")
            }
            Self::FirstRegistered => format!("{prefix}{slash}{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Precedence::{self, FirstRegistered};

    #[test]
    fn how_paths_are_joined() {
        for (prefix, path, specific, first) in [
            ("", "", "", ""),
            ("", "/", "/", "/"),
            ("", "/x", "/x", "/x"),
            ("/a", "", "/a", "/a"),
            ("/a", "/", "/a", "/a/"),
            ("/a", "x", "/a/x", "/a/x"),
            ("/a/", "/x", "/a/x", "/a//x"),
        ] {
            assert_eq!(Precedence::most_specific().join(prefix, path), specific, "{prefix:?} {path:?}");
            assert_eq!(FirstRegistered.join(prefix, path), first, "{prefix:?} {path:?}");
        }
    }
}
