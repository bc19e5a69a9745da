//! Precedence: which of two matching routes gets a request.

/// How a framework chooses between two routes that match the same path, and how it joins the path
/// of a mount with the paths inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precedence {
    /// The more specific path wins, in any order of registration. The path of `/` under `/admin` is
    /// `/admin`.
    #[non_exhaustive]
    MostSpecific {
        /// Whether the rest of a path wins if it is empty, as `/{*rest}` against `/`.
        rest_may_be_empty: bool,
    },
    /// The route registered first wins. The path of `/` under `/admin` is `/admin/`, and a mount at
    /// `/admin/` does not answer `/admin/users`.
    FirstRegistered,
}

impl Precedence {
    /// The more specific path wins, and the rest of a path, as in `/{*rest}`, is never empty.
    #[must_use]
    pub const fn most_specific() -> Self {
        Self::MostSpecific { rest_may_be_empty: false }
    }

    /// The more specific path wins, but `/{*rest}` wins against `/`.
    #[must_use]
    pub const fn most_specific_or_rest() -> Self {
        Self::MostSpecific { rest_may_be_empty: true }
    }

    /// Joins a path to a prefix.
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
