//! Whether what lies under a prefix is in the group that has the prefix.
//!
//! A route of poem prefers a path to a prefix, and a longer prefix to a shorter one. So a path
//! beside a group could lie outside of its guard, and a path in a group could never be reached.

use fauth_core::openapi::template;

use super::{
    error::ApiError,
    group::{Api, ApiGroup, Nest, is_parameter, nameless, normal},
};

/// Refuses a group in which something lies under the prefix of something else.
pub(super) fn check(group: &ApiGroup) -> Result<(), ApiError> {
    let (own, ready_made) = (own_paths(group), ready_made_paths(group));
    if let Some(taken) = ready_made.iter().find(|taken| own.iter().any(|path| covers(taken, path))) {
        return Err(ApiError::PathTaken(taken.as_str().into()));
    }
    for Nest { prefix, group: nested } in &group.nests {
        check_prefix(prefix)?;
        check(nested)?;
        let in_other_nests = group
            .nests
            .iter()
            .filter(|other| other.prefix.len() < prefix.len())
            .flat_map(|other| paths_below(&other.prefix, &other.group));
        let mut others = own.iter().chain(&ready_made).cloned().chain(in_other_nests);
        if let Some(path) = others.find(|path| lies_under(path, prefix)) {
            return Err(ApiError::UnderPrefix { path: path.into(), prefix: prefix.as_str().into() });
        }
    }
    Ok(())
}

fn check_prefix(prefix: &str) -> Result<(), ApiError> {
    match prefix {
        "" => Err(ApiError::Prefix("/".into())),
        prefix if prefix.contains([':', '*', '<', '{']) => Err(ApiError::Prefix(prefix.into())),
        _ => Ok(()),
    }
}

fn own_paths(group: &ApiGroup) -> Vec<String> {
    group.apis.iter().flat_map(|api| api.table.keys().map(|path| as_documented(api, path))).collect()
}

/// Routes of poem-openapi have names of their own for parameters.
fn as_documented(api: &Api, path: &str) -> String {
    let path = normal(&template(path));
    let documented = api.document.as_ref().ok().and_then(|document| document.get("paths")?.as_object());
    let mut documented = documented.into_iter().flat_map(|paths| paths.keys()).map(|path| normal(path));
    documented.find(|other| nameless(other) == nameless(&path)).unwrap_or(path)
}

fn ready_made_paths(group: &ApiGroup) -> Vec<String> {
    let paths = group.ready_made.iter().flat_map(|routes| routes.described.paths.keys());
    paths.map(|path| normal(path)).collect()
}

fn paths_below(prefix: &str, group: &ApiGroup) -> Vec<String> {
    let below = |path: String| format!("{prefix}{path}");
    let own = own_paths(group).into_iter().chain(ready_made_paths(group)).map(below);
    let nested = group.nests.iter().flat_map(|nest| paths_below(&below(nest.prefix.clone()), &nest.group));
    own.chain(nested).collect()
}

fn lies_under(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Does everything that is meant for `path` go to what is at `taken`?
fn covers(taken: &str, path: &str) -> bool {
    let (taken, path): (Vec<_>, Vec<_>) = (taken.split('/').collect(), path.split('/').collect());
    let covers_segment = |(taken, segment): (&&str, &&str)| taken == segment || is_parameter(taken);
    taken.len() == path.len() && taken.iter().zip(&path).all(covers_segment)
}
