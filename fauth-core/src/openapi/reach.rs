//! Checks whether paths below a prefix belong to the group with that prefix.
//!
//! If a router prefers a path to a prefix, and a longer prefix to a shorter one, a path beside a
//! group could bypass its guard, and a path in a group could be unreachable. Adapters describe the
//! contents of their groups, and refuse paths that are [`Misplaced`].
//!
//! ```
//! use fauth_core::openapi::reach::{Misplaced, Reach};
//!
//! let admin = Reach::new().own(["/users"]);
//! let shop = Reach::new().own(["/products"]).nest("/admin", admin);
//! assert_eq!(shop.check(), Ok(()));
//!
//! let shop = shop.own(["/admin/backup"]);
//! let (path, prefix) = ("/admin/backup".into(), "/admin".into());
//! let misplaced = Misplaced::UnderPrefix { path, prefix };
//! assert_eq!(shop.check(), Err(misplaced));
//! ```

/// The paths of a group, as in documents, and of the groups in it.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    own: Vec<String>,
    ready_made: Vec<String>,
    nests: Vec<Nest>,
}

/// A group that has everything below a prefix.
#[derive(Clone, Debug)]
struct Nest {
    prefix: String,
    reach: Reach,
}

/// A path that would be unreachable, or that would bypass a guard.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "adapters have words of their own for each")]
pub enum Misplaced {
    /// A ready-made endpoint already has this path.
    Taken(Box<str>),
    /// A path lies below the prefix of a group without being part of it.
    UnderPrefix {
        /// The path, as it would be served.
        path: Box<str>,
        /// The prefix.
        prefix: Box<str>,
    },
    /// A prefix is empty or has a parameter.
    Prefix(Box<str>),
}

impl Reach {
    /// A group without paths.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds paths of the group itself.
    #[must_use]
    pub fn own(mut self, paths: impl IntoIterator<Item: AsRef<str>>) -> Self {
        self.own.extend(paths.into_iter().map(|path| normal(path.as_ref())));
        self
    }

    /// Adds the paths of ready-made endpoints, which take precedence over those of the group.
    #[must_use]
    pub fn ready_made(mut self, paths: impl IntoIterator<Item: AsRef<str>>) -> Self {
        self.ready_made.extend(paths.into_iter().map(|path| normal(path.as_ref())));
        self
    }

    /// Adds a group that has everything below a prefix.
    #[must_use]
    pub fn nest(mut self, prefix: impl AsRef<str>, reach: Self) -> Self {
        self.nests.push(Nest { prefix: normal(prefix.as_ref()), reach });
        self
    }

    /// Checks that nothing lies below the prefix of something else.
    ///
    /// # Errors
    /// The first [`Misplaced`] path.
    pub fn check(&self) -> Result<(), Misplaced> {
        let Self { own, ready_made, nests } = self;
        if let Some(taken) = ready_made.iter().find(|taken| own.iter().any(|path| covers(taken, path))) {
            return Err(Misplaced::Taken(taken.as_str().into()));
        }
        for Nest { prefix, reach } in nests {
            check_prefix(prefix)?;
            reach.check()?;
            let in_other_nests = nests
                .iter()
                .filter(|other| other.prefix.len() < prefix.len())
                .flat_map(|other| other.reach.below(&other.prefix));
            let mut others = own.iter().chain(ready_made).cloned().chain(in_other_nests);
            if let Some(path) = others.find(|path| lies_under(path, prefix)) {
                return Err(Misplaced::UnderPrefix { path: path.into(), prefix: prefix.as_str().into() });
            }
        }
        Ok(())
    }

    /// All paths, below a prefix.
    fn below(&self, prefix: &str) -> Vec<String> {
        let own = self.own.iter().chain(&self.ready_made).map(|path| format!("{prefix}{path}"));
        let nested = self.nests.iter().flat_map(|nest| nest.reach.below(&format!("{prefix}{}", nest.prefix)));
        own.chain(nested).collect()
    }
}

fn check_prefix(prefix: &str) -> Result<(), Misplaced> {
    match prefix {
        "" => Err(Misplaced::Prefix("/".into())),
        prefix if prefix.contains([':', '*', '<', '{']) => Err(Misplaced::Prefix(prefix.into())),
        _ => Ok(()),
    }
}

fn lies_under(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns whether all requests for `path` go to the handler at `taken`.
fn covers(taken: &str, path: &str) -> bool {
    let (taken, path): (Vec<_>, Vec<_>) = (taken.split('/').collect(), path.split('/').collect());
    let covers_segment = |(taken, segment): (&&str, &&str)| taken == segment || is_parameter(taken);
    taken.len() == path.len() && taken.iter().zip(&path).all(covers_segment)
}

/// Normalises a path: one slash before each segment, none at the end.
///
/// ```
/// use fauth_core::openapi::reach::normal;
///
/// assert_eq!(normal("admin//users/"), "/admin/users");
/// assert_eq!(normal("/"), "");
/// ```
#[must_use]
pub fn normal(path: &str) -> String {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .fold(String::new(), |path, segment| path + "/" + segment)
}

/// Removes the names of parameters, which do not distinguish paths.
///
/// ```
/// use fauth_core::openapi::reach::nameless;
///
/// assert_eq!(nameless("/users/{id}/notes"), nameless("/users/{user}/notes"));
/// assert_ne!(nameless("/users/{id}"), nameless("/users/id"));
/// ```
#[must_use]
pub fn nameless(path: &str) -> String {
    let segments = path.split('/').map(|segment| if is_parameter(segment) { "{}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with('}')
}

#[cfg(test)]
mod tests {
    use super::{Misplaced, Reach};

    fn under(path: &str, prefix: &str) -> Result<(), Misplaced> {
        Err(Misplaced::UnderPrefix { path: path.into(), prefix: prefix.into() })
    }

    #[test]
    fn a_path_under_a_prefix_belongs_to_the_group_of_the_prefix() {
        let beside = |path| Reach::new().own([path]).nest("/admin", Reach::new().own(["/"])).check();
        assert_eq!(beside("/admins"), Ok(()));
        assert_eq!(beside("/shop/admin"), Ok(()));
        assert_eq!(beside("/admin"), under("/admin", "/admin"));
        assert_eq!(beside("/admin/"), under("/admin", "/admin"));
        assert_eq!(beside("admin/{id}"), under("/admin/{id}", "/admin"));
        let login = Reach::new().ready_made(["/admin/login"]).nest("/admin", Reach::new());
        assert_eq!(login.check(), under("/admin/login", "/admin"));
    }

    #[test]
    fn a_longer_prefix_takes_nothing_from_a_shorter_one() {
        let nested = |path| {
            let shop = Reach::new().nest("/b", Reach::new().own([path]));
            Reach::new().nest("/a/b/c", Reach::new()).nest("/a", shop).check()
        };
        assert_eq!(nested("/d"), Ok(()));
        assert_eq!(nested("/c/d"), under("/a/b/c/d", "/a/b/c"));
        let inside = Reach::new().own(["/b/d"]).nest("/b", Reach::new());
        assert_eq!(Reach::new().nest("/a", inside).check(), under("/b/d", "/b"));
    }

    #[test]
    fn a_ready_made_endpoint_keeps_its_path() {
        let beside = |taken, path| Reach::new().ready_made([taken]).own([path]).check();
        let taken = |path: &str| Err(Misplaced::Taken(path.into()));
        assert_eq!(beside("/login", "/logins"), Ok(()));
        assert_eq!(beside("/login", "/{page}"), Ok(())); // the parameter gets the other pages
        assert_eq!(beside("/login", "/login/"), taken("/login"));
        assert_eq!(beside("/sessions/{id}", "/sessions/all"), taken("/sessions/{id}"));
        assert_eq!(beside("/sessions/{id}", "/sessions/{id}/notes"), Ok(()));
    }

    #[test]
    fn a_prefix_is_a_path_without_parameters() {
        let nested = |prefix| Reach::new().nest(prefix, Reach::new()).check();
        assert_eq!(nested("admin/users/"), Ok(()));
        assert_eq!(nested("/"), Err(Misplaced::Prefix("/".into())));
        for prefix in ["/:id", "/*rest", "/<\\d+>", "/{id}"] {
            assert_eq!(nested(prefix), Err(Misplaced::Prefix(prefix.into())));
        }
    }
}
