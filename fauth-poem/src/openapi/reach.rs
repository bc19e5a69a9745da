//! Whether requests to a path reach the API that has it.
//!
//! A route of poem prefers a path to a prefix, and a longer prefix to a shorter one. A path that
//! lies where something else is preferred would be documented, and never served.

use fauth_core::openapi::template;

use super::{
    error::ApiError,
    group::{ApiGroup, Nest, normal},
};

/// Refuses a group with a path that no request reaches.
pub(super) fn check(group: &ApiGroup) -> Result<(), ApiError> {
    for Nest { prefix, group: nested } in &group.nests {
        if prefix.is_empty() || prefix.contains([':', '*', '<', '{']) {
            let prefix = if prefix.is_empty() { "/" } else { prefix };
            return Err(ApiError::Prefix(prefix.into()));
        }
        check(nested)?;
    }
    let own: Vec<String> = own_paths(group);
    let ready_made: Vec<String> = ready_made_paths(group);
    for path in &own {
        let mut takers =
            group.nests.iter().map(|nest| &nest.prefix).filter(|prefix| lies_under(path, prefix));
        let mut exact = ready_made.iter().filter(|taken| covers(taken, path));
        refuse_if(path, takers.next().or_else(|| exact.next()))?;
    }
    for nest in &group.nests {
        for path in paths_below(&nest.prefix, &nest.group) {
            let longer = group.nests.iter().map(|other| &other.prefix);
            let mut longer =
                longer.filter(|other| other.len() > nest.prefix.len() && lies_under(&path, other));
            let mut exact = ready_made.iter().filter(|taken| covers(taken, &path));
            refuse_if(&path, longer.next().or_else(|| exact.next()))?;
        }
    }
    Ok(())
}

fn refuse_if(path: &str, taker: Option<&String>) -> Result<(), ApiError> {
    match taker {
        Some(taker) => Err(ApiError::Unreachable { path: path.into(), by: taker.as_str().into() }),
        None => Ok(()),
    }
}

fn own_paths(group: &ApiGroup) -> Vec<String> {
    group.apis.iter().flat_map(|api| api.table.keys()).map(|path| normal(&template(path))).collect()
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

/// Does everything that is meant for `path` go to what is at `taker`?
fn covers(taker: &str, path: &str) -> bool {
    let (taker, path): (Vec<_>, Vec<_>) = (taker.split('/').collect(), path.split('/').collect());
    let covers_segment = |(taken, segment): (&&str, &&str)| taken == segment || is_parameter(taken);
    taker.len() == path.len() && taker.iter().zip(&path).all(covers_segment)
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}
