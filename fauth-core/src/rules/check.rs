//! Checks before the table is built: rules that must be mistakes.

use std::{borrow::Cow, collections::HashMap};

use super::rule::Rule;
use crate::{
    error::ConfigError,
    path::{Allowed, canonical},
    request::is_token_char,
};

const MAX_RULES: usize = 1000;
const MAX_PATH_BYTES: usize = 2048;
const MAX_SEGMENTS: usize = 64;
/// The maximum number of different methods in all rules together.
pub(super) const MAX_METHODS: usize = 16;

/// Checks that each rule is valid and occurs once.
pub(super) fn rules(rules: &[Rule]) -> Result<(), ConfigError> {
    if rules.len() > MAX_RULES {
        let problem = format!("there are {} rules, more than {MAX_RULES}", rules.len());
        return Err(ConfigError::new("rules", problem, "use prefixes instead of single paths"));
    }
    for rule in rules {
        path(rule)?;
        methods(rule)?;
        requirement(rule)?;
    }
    let named: Vec<&str> = all_methods(rules);
    if named.len() > MAX_METHODS {
        let problem = format!("{} methods are named, more than {MAX_METHODS}", named.len());
        return Err(ConfigError::new("rules", problem, "leave the methods to the routes"));
    }
    each_once(rules)
}

/// The methods named by any rule.
pub(super) fn all_methods(rules: &[Rule]) -> Vec<&str> {
    let named = rules.iter().filter_map(|rule| rule.path.named_methods());
    let mut named: Vec<_> = named.flatten().map(|method| &**method).collect();
    named.sort_unstable();
    named.dedup();
    named
}

fn path(rule: &Rule) -> Result<(), ConfigError> {
    let (path, is_exact) = (rule.path.path(), rule.path.is_exact());
    let refused = |problem: &str, fix: &str| Err(rule.error(problem, fix));
    if path.is_empty() {
        return refused("the path is empty", "write `/` for everything, or exact(\"/\") for the front page");
    }
    if path == "/" && !is_exact && rule.demand.admits_anonymous() {
        let problem = "the prefix `/` is everything, so nothing would be guarded";
        return refused(problem, "use exact(\"/\") for the front page, or `public_by_default`");
    }
    if path.len() > MAX_PATH_BYTES || path.split('/').count() > MAX_SEGMENTS {
        return refused("the path is too long", "write at most 2048 bytes and 63 segments");
    }
    if path.contains(['?', '#']) {
        return refused("the path has a query or a fragment", "remove them: rules match paths only");
    }
    let is_placeholder = |segment: &str| {
        segment.contains(['{', '}']) || segment.starts_with(':') || matches!(segment, "*" | "**")
    };
    if path.split('/').any(is_placeholder) {
        let problem = "the path has a placeholder, which rules do not support";
        return refused(problem, "write the part before it: a rule covers everything below its path");
    }
    if !is_exact && path.len() > 1 && path.ends_with('/') {
        return refused("the prefix ends with `/`", "remove it: a prefix covers both forms");
    }
    match canonical(path, &Allowed::default()) {
        Some(Cow::Borrowed(_)) => Ok(()),
        Some(Cow::Owned(decoded)) if decoded == path => Ok(()),
        Some(Cow::Owned(decoded)) => refused("the path is encoded", &format!("write it as `{decoded}`")),
        None if path.contains('%') => {
            refused("requests for this path are refused", "write the path without encoding")
        }
        None => refused(
            "requests for this path are refused with 400 before any rule",
            "start it with `/`, without empty segments, `.`, `..`, `\\`, `;` and control characters",
        ),
    }
}

fn methods(rule: &Rule) -> Result<(), ConfigError> {
    let Some(methods) = rule.path.named_methods() else { return Ok(()) };
    if methods.is_empty() {
        return Err(rule.error("it names no method", "name one, or leave `methods` out for all"));
    }
    for (at, method) in methods.iter().enumerate() {
        let is_method = !method.is_empty()
            && method.bytes().all(|byte| is_token_char(byte) && !byte.is_ascii_lowercase());
        if !is_method {
            let problem = format!("{method:?} is not a method");
            return Err(rule.error(problem, "spell it as in requests, such as `GET`"));
        }
        if matches!(&**method, "HEAD" | "TRACE" | "CONNECT") {
            let problem = format!("no rule can name {method}");
            return Err(
                rule.error(problem, "HEAD counts as GET, and TRACE and CONNECT are refused everywhere")
            );
        }
        if methods.iter().take(at).any(|other| other == method) {
            return Err(rule.error(format!("{method} is named twice"), "name each once"));
        }
    }
    Ok(())
}

fn requirement(rule: &Rule) -> Result<(), ConfigError> {
    match rule.demand.requirement().and_then(|requirement| requirement.fault()) {
        Some(fault) => Err(rule.error(format!("{}: {}", fault.field(), fault.problem()), fault.fix())),
        None => Ok(()),
    }
}

/// Two rules of one source for the same path and method are a mistake, even if they are equal.
fn each_once(rules: &[Rule]) -> Result<(), ConfigError> {
    let mut seen: HashMap<(usize, &str, bool, Option<&str>), &Rule> = HashMap::new();
    for rule in rules {
        let named = rule.path.named_methods();
        let methods =
            named.map_or_else(|| vec![None], |methods| methods.iter().map(|m| Some(&**m)).collect());
        for method in methods {
            let key = (rule.source, rule.path.path(), rule.path.is_exact(), method);
            let Some(other) = seen.insert(key, rule) else { continue };
            return Err(if other.demand == rule.demand {
                rule.error(format!("it is already defined: {other}"), "remove one of the two")
            } else {
                rule.error(format!("it contradicts {other}"), "keep one of the two")
            });
        }
    }
    Ok(())
}
