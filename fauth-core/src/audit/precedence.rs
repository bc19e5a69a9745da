//! Which of two routes gets a request that both stand for.

/// How a framework chooses between two routes that stand for the same path, and how it joins the
/// paths of a mount and of what is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precedence {
    /// The more specific path wins, in whatever order they were added. The path of `/` under
    /// `/admin` is `/admin`.
    MostSpecific,
    /// Whatever was added first wins. The path of `/` under `/admin` is `/admin/`.
    FirstRegistered,
}

impl Precedence {
    /// A path under a prefix.
    pub(super) fn join(self, prefix: &str, path: &str) -> String {
        let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
        match self {
            Self::MostSpecific => {
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
    use super::Precedence::{FirstRegistered, MostSpecific};

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
            assert_eq!(MostSpecific.join(prefix, path), specific, "{prefix:?} {path:?}");
            assert_eq!(FirstRegistered.join(prefix, path), first, "{prefix:?} {path:?}");
        }
    }
}
