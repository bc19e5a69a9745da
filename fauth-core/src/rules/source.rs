//! Rules written in files.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;

use super::{
    builder::RouteRulesBuilder,
    demand::Demand,
    rule::Origin,
    rule_path::{RulePath, exact, prefix},
    table::RouteRules,
};
#[cfg(feature = "mandates")]
use crate::token::MandateUse;
use crate::{
    error::ConfigError,
    requirement::{Requirement, fields::Fields},
};

/// The maximum length of a file, in bytes.
const MAX_BYTES: usize = 1 << 20;
/// The setting that errors of files name.
const FIELD: &str = "rules";
const FIX: &str = "see the keys in the documentation of `RouteRules::from_json`";

impl RouteRules {
    /// Reads rules from JSON. They can be [joined](RouteRulesBuilder::join) with others, and are
    /// checked by [`build`](RouteRulesBuilder::build).
    ///
    /// ```
    /// use fauth_core::RouteRules;
    ///
    /// let rules = RouteRules::from_json(r#"{
    ///     "default": "private",
    ///     "rules": [
    ///         { "exact": "/", "access": "public" },
    ///         { "path": "/assets", "access": "public" },
    ///         { "path": "/signin", "access": "guests" },
    ///         { "path": "/admin", "require": { "roles": ["admin"] } },
    ///         { "path": "/admin/audit", "methods": ["GET"], "require": { "login_within": 900 } },
    ///         { "path": "/admin/help", "replace": {} }
    ///     ]
    /// }"#)?.build()?;
    /// let explained = rules.explain("GET", "/admin/audit").to_string();
    /// assert!(explained.contains("user, role admin, login within 900 s; decided by require"));
    /// # Ok::<(), fauth_core::ConfigError>(())
    /// ```
    ///
    /// | key | value |
    /// |---|---|
    /// | `default` | `private` or `public` |
    /// | `rules` | a list of rules |
    ///
    /// | key of a rule | value |
    /// |---|---|
    /// | `path` or `exact` | a [prefix](super::prefix), or one path |
    /// | `methods` | a list, if the rule applies to these methods only |
    /// | `access` | `public`, `visitors` or `guests` |
    /// | `require` | a requirement; see [`require`](RouteRulesBuilder::require) |
    /// | `replace` | a requirement; see [`replace`](RouteRulesBuilder::replace) |
    ///
    /// Each rule has one of the last three. A requirement has the keys `roles`, `any_role`,
    /// `permissions`, `any_permission`, `scopes`, `any_scope` (lists), `login_within` (seconds),
    /// `allow_api_keys`, `danger_allow_inactive` (`true` or `false`), `any_of` and `all_of` (lists
    /// of requirements). They stand for the methods of [`Requirement`] with the same name; `all_of`
    /// is [`and`](Requirement::and). If `allow_api_keys` is `false`, a scope admits no API key. No
    /// key may be `null`.
    ///
    /// With the feature `mandates` there are also the keys `use` (`resource`, `session` or `any`),
    /// `targets`, `chain_contains` (lists), `agent_session` (or its synonym `session`),
    /// `delegation` (`true` or `false`) and `max_hops` (a number).
    ///
    /// # Errors
    /// [`ConfigError`] with the line and key at fault: a key that is unknown or occurs twice, or a
    /// value of the wrong type.
    pub fn from_json(text: &str) -> Result<RouteRulesBuilder, ConfigError> {
        check_length(text)?;
        let lined: LinedJson<'_> = serde_json::from_str(text).map_err(|error| of_json(&error, 0))?;
        let mut rules = RouteRulesBuilder::new(lined.default.is_private());
        for raw in lined.rules {
            let start = line_of(text, raw.get());
            let rule: WrittenRule =
                serde_json::from_str(raw.get()).map_err(|error| of_json(&error, start.saturating_sub(1)))?;
            rules = add(rules, rule, Origin::Line(start)).map_err(|fault| in_line(start, &fault))?;
        }
        Ok(rules)
    }

    /// Reads rules from TOML. The keys are those of [`from_json`](Self::from_json).
    ///
    /// ```
    /// use fauth_core::RouteRules;
    ///
    /// let rules = RouteRules::from_toml(r#"
    /// default = "private"
    ///
    /// [[rules]]
    /// path = "/assets"
    /// access = "public"
    ///
    /// [[rules]]
    /// path = "/admin"
    /// require = { roles = ["admin"] }
    /// "#)?.build()?;
    /// assert_eq!(rules.access("GET", "/assets/style.css").unwrap().to_string(), "open");
    /// # Ok::<(), fauth_core::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    #[cfg(feature = "rules-toml")]
    pub fn from_toml(text: &str) -> Result<RouteRulesBuilder, ConfigError> {
        check_length(text)?;
        let lined: LinedToml = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            fault(line_at(text, at), error.message())
        })?;
        let mut rules = RouteRulesBuilder::new(lined.default.is_private());
        for rule in lined.rules {
            let line = line_at(text, rule.span().start);
            rules =
                add(rules, rule.into_inner(), Origin::Line(line)).map_err(|fault| in_line(line, &fault))?;
        }
        Ok(rules)
    }
}

/// Reads rules as part of a larger configuration, in any format. Errors name the rules by their
/// number.
impl<'de> Deserialize<'de> for RouteRules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { default, rules } = Written::deserialize(deserializer)?;
        let mut builder = RouteRulesBuilder::new(default.is_private());
        for (rule, number) in rules.into_iter().zip(1..) {
            let added = add(builder, rule, Origin::Number(number));
            builder = added.map_err(|fault| D::Error::custom(format!("rule {number}: {fault}")))?;
        }
        builder.build().map_err(D::Error::custom)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    default: WrittenDefault,
    rules: Vec<WrittenRule>,
}

/// The same, with the rules read one by one, so that their lines are known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinedJson<'a> {
    default: WrittenDefault,
    #[serde(borrow)]
    rules: Vec<&'a RawValue>,
}

#[cfg(feature = "rules-toml")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinedToml {
    default: WrittenDefault,
    rules: Vec<toml::Spanned<WrittenRule>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
enum WrittenDefault {
    Private,
    Public,
}

impl WrittenDefault {
    fn is_private(self) -> bool {
        self == Self::Private
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    #[serde(default, deserialize_with = "present")]
    path: Option<String>,
    #[serde(default, deserialize_with = "present")]
    exact: Option<String>,
    #[serde(default, deserialize_with = "present")]
    methods: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    access: Option<WrittenAccess>,
    #[serde(default, deserialize_with = "present")]
    require: Option<WrittenRequirement>,
    #[serde(default, deserialize_with = "present")]
    replace: Option<WrittenRequirement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenAccess {
    Public,
    Visitors,
    Guests,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRequirement {
    #[serde(default, deserialize_with = "present")]
    roles: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    any_role: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    permissions: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    any_permission: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    scopes: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    any_scope: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    login_within: Option<u64>,
    #[cfg(feature = "mandates")]
    #[serde(default, deserialize_with = "present", rename = "use")]
    mandate_use: Option<WrittenUse>,
    #[cfg(feature = "mandates")]
    #[serde(default, deserialize_with = "present")]
    targets: Option<Vec<String>>,
    #[cfg(feature = "mandates")]
    #[serde(default, deserialize_with = "present", alias = "session")]
    agent_session: Option<bool>,
    #[cfg(feature = "mandates")]
    #[serde(default, deserialize_with = "present")]
    delegation: Option<bool>,
    #[cfg(feature = "mandates")]
    #[serde(default, deserialize_with = "present")]
    chain_contains: Option<Vec<String>>,
    #[cfg(feature = "mandates")]
    #[serde(default, deserialize_with = "present")]
    max_hops: Option<u32>,
    #[serde(default, deserialize_with = "present")]
    allow_api_keys: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    danger_allow_inactive: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    any_of: Option<Vec<Self>>,
    #[serde(default, deserialize_with = "present")]
    all_of: Option<Vec<Self>>,
}

#[cfg(feature = "mandates")]
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum WrittenUse {
    Resource,
    Session,
    Any,
}

#[cfg(feature = "mandates")]
impl WrittenUse {
    fn add_to(self, asked: Requirement) -> Requirement {
        match self {
            Self::Resource => asked.mandate_use(MandateUse::Resource),
            Self::Session => asked.mandate_use(MandateUse::Session),
            Self::Any => asked.any_use(),
        }
    }
}

/// A key that is present has a value: `null`, which is how YAML reads a key without a value, is
/// refused.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl WrittenRequirement {
    /// The requirement, and which of its fields were named, including those named with `false`.
    #[cfg_attr(not(feature = "mandates"), expect(unused_mut, reason = "mandates have keys too"))]
    fn read(mut self) -> (Requirement, Fields) {
        let has_value = |value: Option<bool>| value == Some(true);
        let mut named = Fields::default();
        if self.allow_api_keys.is_some() {
            named = named.and(Fields::API_KEYS);
        }
        if self.danger_allow_inactive.is_some() {
            named = named.and(Fields::INACTIVE);
        }
        let (allow_api_keys, allow_inactive) =
            (has_value(self.allow_api_keys), has_value(self.danger_allow_inactive));
        let refuse_api_keys = self.allow_api_keys == Some(false);
        let mut asked = Requirement::user();
        #[cfg(feature = "mandates")]
        {
            (asked, named) = self.read_mandate(asked, named);
        }
        for (names, add) in [
            (self.roles, Requirement::roles as fn(Requirement, Vec<String>) -> Requirement),
            (self.any_role, Requirement::any_role),
            (self.permissions, Requirement::permissions),
            (self.any_permission, Requirement::any_permission),
            (self.scopes, Requirement::scopes),
            (self.any_scope, Requirement::any_scope),
        ] {
            asked = names.into_iter().fold(asked, add);
        }
        if let Some(seconds) = self.login_within {
            asked = asked.login_within(Duration::from_secs(seconds));
        }
        if allow_api_keys {
            asked = asked.allow_api_keys();
        }
        if allow_inactive {
            asked = asked.danger_allow_inactive();
        }
        if let Some(alternatives) = self.any_of {
            asked = asked.with_any_of(alternatives.into_iter().map(|one| one.read().0));
        }
        if let Some(parts) = self.all_of {
            asked = asked.with_all_of(parts.into_iter().map(|one| one.read().0));
        }
        let named = named.and(Fields::of(&asked));
        if refuse_api_keys {
            asked = asked.without_api_keys();
        }
        (asked, named)
    }
}

#[cfg(feature = "mandates")]
impl WrittenRequirement {
    /// Takes the conditions on mandates. A condition that is switched off counts as named too: it
    /// removes that of the rule below.
    fn read_mandate(&mut self, asked: Requirement, named: Fields) -> (Requirement, Fields) {
        let (mut asked, mut named) = (asked, named);
        asked = self.mandate_use.into_iter().fold(asked, |asked, wanted| wanted.add_to(asked));
        asked = self.targets.take().into_iter().fold(asked, Requirement::targets);
        asked = self.chain_contains.take().into_iter().fold(asked, Requirement::chain_contains);
        asked = self.max_hops.into_iter().fold(asked, Requirement::max_hops);
        for (wanted, field, add) in [
            (
                self.agent_session,
                Fields::AGENT_SESSION,
                Requirement::agent_session as fn(Requirement) -> Requirement,
            ),
            (self.delegation, Fields::DELEGATION, Requirement::delegation),
        ] {
            if wanted.is_some() {
                named = named.and(field);
            }
            if wanted == Some(true) {
                asked = add(asked);
            }
        }
        (asked, named)
    }
}

/// Adds a rule that was read. The rest is checked together with the other rules.
fn add(
    rules: RouteRulesBuilder,
    rule: WrittenRule,
    origin: Origin,
) -> Result<RouteRulesBuilder, ConfigError> {
    let error = |problem: &'static str, fix: &'static str| Err(ConfigError::new(FIELD, problem, fix));
    let path = match (rule.path, rule.exact) {
        (Some(path), None) => prefix(path),
        (None, Some(path)) => exact(path),
        (None, None) => return error("key `path` is missing", "write `path` or `exact`"),
        (Some(_), Some(_)) => return error("keys `path` and `exact` exclude each other", "keep one"),
    };
    let path = rule.methods.into_iter().fold(path, RulePath::methods);
    let demand = match (rule.access, rule.require, rule.replace) {
        (Some(access), None, None) => match access {
            WrittenAccess::Public => Demand::Public,
            WrittenAccess::Visitors => Demand::Visitors,
            WrittenAccess::Guests => Demand::Guests,
        },
        (None, Some(requirement), None) => {
            let (requirement, named) = requirement.read();
            Demand::Require { requirement, named }
        }
        (None, None, Some(requirement)) => Demand::Replace(requirement.read().0),
        (None, None, None) => {
            return error("the rule demands nothing", "write `access`, `require` or `replace`");
        }
        _ => return error("keys `access`, `require` and `replace` exclude each other", "keep one"),
    };
    Ok(rules.add(path, demand, origin))
}

fn check_length(text: &str) -> Result<(), ConfigError> {
    if text.len() > MAX_BYTES {
        return Err(ConfigError::new(FIELD, "the text is longer than 1 MiB", "write fewer rules"));
    }
    Ok(())
}

/// Counts the lines before the parsed text too.
fn of_json(error: &serde_json::Error, lines_before: usize) -> ConfigError {
    let (text, place) = (error.to_string(), format!(" at line {} column {}", error.line(), error.column()));
    fault(error.line() + lines_before, text.strip_suffix(&place).unwrap_or(&text))
}

fn fault(line: usize, problem: &str) -> ConfigError {
    ConfigError::new(FIELD, format!("line {line}: {}", problem.trim_end()), FIX)
}

fn in_line(line: usize, fault: &ConfigError) -> ConfigError {
    let (problem, fix) = (fault.problem(), fault.fix().to_owned());
    ConfigError::new(FIELD, format!("line {line}: {problem}"), fix)
}

/// The line of `text` in which its slice `part` begins.
fn line_of(text: &str, part: &str) -> usize {
    line_at(text, part.as_ptr().addr().saturating_sub(text.as_ptr().addr()))
}

fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
