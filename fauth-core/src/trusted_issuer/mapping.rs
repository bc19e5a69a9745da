//! Maps the claims of another issuer to roles, permissions and scopes.

use std::collections::BTreeMap;

use super::claim_path::ClaimPath;
use crate::{
    error::ConfigError,
    token::{IndexedClaims, NotTexts, Rights, Texts, TokenError, each_text, is_scope},
};

/// The maximum number of roles of a token, and likewise of permissions and of scopes.
const MAX_VALUES: usize = 512;
/// The maximum length of a role, permission or scope in bytes.
const MAX_VALUE_BYTES: usize = 255;
/// The maximum number of claims that one kind of rights is read from.
const MAX_PATHS: usize = 16;

/// Which claims of an issuer's tokens are read as roles, permissions and scopes.
///
/// ```
/// use fauth_core::trusted_issuer::{ClaimMapping, ClaimPath};
///
/// let mapping = ClaimMapping::new()
///     .roles("realm_access.roles")
///     .roles(ClaimPath::new(["https://shop.example.com/roles"]))
///     .permissions("permissions")
///     .rename_role("shop-administrator", "admin");
/// # let _ = mapping;
/// ```
///
/// A claim is an array of strings, or a string of words separated by spaces. An absent claim grants
/// nothing. The token is refused if a claim has another type or is null, if a text is longer than
/// 255 bytes or has a control character, if an array has an empty text, or if there are more than
/// 512 texts.
///
/// | option | default |
/// |---|---|
/// | [`roles`](Self::roles) | no claim |
/// | [`permissions`](Self::permissions) | no claim |
/// | [`scopes`](Self::scopes) | the claim `scope` (RFC 9068 section 2.2.3) |
/// | [`strip_role_prefix`](Self::strip_role_prefix), [`rename_role`](Self::rename_role), [`only_roles`](Self::only_roles), [`role_prefix`](Self::role_prefix) | roles are used as the issuer writes them |
///
/// # Security
/// Use only claims that the issuer itself fills with rights. Anyone who can write such a claim, in
/// a profile or by registering a client, can grant the roles that are read from it. With more than
/// one issuer, restrict what each may grant with [`only_roles`](Self::only_roles) or
/// [`role_prefix`](Self::role_prefix): the `admin` of one issuer is not the `admin` of another.
#[derive(Debug, Clone, Default)]
#[must_use = "a mapping takes effect only in `TrustedIssuer::claims`"]
pub struct ClaimMapping {
    roles: Vec<ClaimPath>,
    permissions: Vec<ClaimPath>,
    /// Empty for the default.
    scopes: Vec<ClaimPath>,
    role_rules: RoleRules,
}

/// How roles are changed, in the order of the fields.
#[derive(Debug, Clone, Default)]
struct RoleRules {
    strip: Option<Box<str>>,
    renamed: BTreeMap<Box<str>, Box<str>>,
    only: Option<Vec<Box<str>>>,
    prefix: Option<Box<str>>,
    /// The first mistake, reported when the issuer is checked.
    fault: Option<ConfigError>,
}

impl ClaimMapping {
    /// Creates a mapping that reads scopes from `scope`, and nothing else.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a claim whose texts are roles.
    pub fn roles(mut self, claim: impl Into<ClaimPath>) -> Self {
        self.roles.push(claim.into());
        self
    }

    /// Adds Keycloak's roles for one client: `resource_access.{client}.roles`. The client id may
    /// contain dots.
    pub fn roles_of_client(self, client: impl Into<String>) -> Self {
        self.roles(ClaimPath::new(["resource_access".to_owned(), client.into(), "roles".to_owned()]))
    }

    /// Adds a claim whose texts are permissions.
    pub fn permissions(mut self, claim: impl Into<ClaimPath>) -> Self {
        self.permissions.push(claim.into());
        self
    }

    /// Adds a claim whose texts are scopes. The first call replaces the default claim `scope`.
    pub fn scopes(mut self, claim: impl Into<ClaimPath>) -> Self {
        self.scopes.push(claim.into());
        self
    }

    /// Keeps only roles that begin with this prefix, and removes it: `shop:admin` becomes `admin`.
    pub fn strip_role_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.role_rules.strip = Some(prefix.into().into_boxed_str());
        self
    }

    /// Renames a role, after [`strip_role_prefix`](Self::strip_role_prefix).
    pub fn rename_role(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        let (from, to) = (from.into().into_boxed_str(), to.into().into_boxed_str());
        if let Some(other) = self.role_rules.renamed.insert(from.clone(), to.clone())
            && other != to
        {
            self.role_rules.fault.get_or_insert_with(|| {
                ConfigError::new(
                    "rename_role",
                    format!("`{from}` is renamed to both `{other}` and `{to}`"),
                    "rename each role of the issuer once",
                )
            });
        }
        self
    }

    /// Drops all other roles. The names are those after [`rename_role`](Self::rename_role). Several
    /// calls add up.
    pub fn only_roles<S: Into<String>>(mut self, roles: impl IntoIterator<Item = S>) -> Self {
        let roles = roles.into_iter().map(|role| role.into().into_boxed_str());
        self.role_rules.only.get_or_insert_default().extend(roles);
        self
    }

    /// Prepends this text to every remaining role: `admin` becomes `partner:admin`, and so differs
    /// from the application's own roles.
    pub fn role_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.role_rules.prefix = Some(prefix.into().into_boxed_str());
        self
    }

    /// Checks the settings when an issuer that uses them is checked.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        for (setting, paths) in
            [("roles", &self.roles), ("permissions", &self.permissions), ("scopes", &self.scopes)]
        {
            if paths.len() > MAX_PATHS {
                return Err(ConfigError::new(setting, "too many claims are mapped", "map up to 16 claims"));
            }
            paths.iter().try_for_each(|path| path.check(setting))?;
        }
        self.role_rules.check(!self.roles.is_empty())
    }

    /// Reads the rights from the claims of a verified token.
    ///
    /// # Errors
    /// [`TokenError::InvalidClaim`] with `roles`, `permissions` or `scope` if a claim that these
    /// are read from is not acceptable.
    pub(crate) fn read(&self, claims: IndexedClaims<'_>) -> Result<Rights, TokenError> {
        let roles = texts_of("roles", &self.roles, claims)?;
        let permissions = texts_of("permissions", &self.permissions, claims)?;
        let scopes = self.scopes_of(claims)?;
        if !scopes.iter().all(is_scope) {
            return Err(TokenError::InvalidClaim("scope"));
        }
        Ok(Rights { roles: self.role_rules.apply(roles), permissions, scopes })
    }

    fn scopes_of(&self, claims: IndexedClaims<'_>) -> Result<Texts, TokenError> {
        if !self.scopes.is_empty() {
            return texts_of("scope", &self.scopes, claims);
        }
        let mut scopes = Texts::default();
        match claims.find("scope").map(|value| collect(&mut scopes, value)) {
            Some(Err(_)) => Err(TokenError::InvalidClaim("scope")),
            _ => Ok(scopes),
        }
    }
}

impl RoleRules {
    fn check(&self, has_roles: bool) -> Result<(), ConfigError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let is_blank = |text: &str| text.trim().is_empty() || text.len() > MAX_VALUE_BYTES;
        let wrong = |setting, problem| {
            Err(ConfigError::new(setting, problem, "use texts of 1 to 255 bytes, or remove the call"))
        };
        if self.strip.as_deref().is_some_and(is_blank) {
            return wrong("strip_role_prefix", "the prefix is blank or too long");
        }
        if self.renamed.iter().any(|(from, to)| is_blank(from) || is_blank(to)) {
            return wrong("rename_role", "a role is blank or too long");
        }
        if self.only.as_ref().is_some_and(|only| only.is_empty() || only.iter().any(|role| is_blank(role))) {
            return wrong("only_roles", "there is no role, or one is blank or too long");
        }
        if self.prefix.as_deref().is_some_and(is_blank) {
            return wrong("role_prefix", "the prefix is blank or too long");
        }
        if self.change_something() && !has_roles {
            return Err(ConfigError::new(
                "roles",
                "there are rules for roles, but no claim is mapped to roles",
                "call `.roles(…)` with the claim, or remove the rules",
            ));
        }
        Ok(())
    }

    fn change_something(&self) -> bool {
        self.strip.is_some() || !self.renamed.is_empty() || self.only.is_some() || self.prefix.is_some()
    }

    fn apply(&self, roles: Texts) -> Texts {
        if !self.change_something() {
            return roles;
        }
        let mut kept = Texts::default();
        for role in roles.iter() {
            let role = match self.strip.as_deref() {
                Some(prefix) => role.strip_prefix(prefix),
                None => Some(role),
            };
            let Some(role) = role.filter(|role| !role.is_empty()) else { continue };
            let role = self.renamed.get(role).map_or(role, |renamed| renamed);
            if self.only.as_ref().is_some_and(|only| !only.iter().any(|allowed| **allowed == *role)) {
                continue;
            }
            match self.prefix.as_deref() {
                Some(prefix) => kept.push_once(&format!("{prefix}{role}")),
                None => kept.push_once(role),
            }
        }
        kept
    }
}

/// Reads the texts of one kind of rights from these claims.
fn texts_of(kind: &'static str, paths: &[ClaimPath], claims: IndexedClaims<'_>) -> Result<Texts, TokenError> {
    let wrong = |_: NotTexts| TokenError::InvalidClaim(kind);
    let mut texts = Texts::default();
    for path in paths {
        let Some(value) = claims.find(path.claim()) else { continue };
        if let Some(value) = path.follow(value).map_err(wrong)? {
            collect(&mut texts, value).map_err(wrong)?;
        }
    }
    Ok(texts)
}

/// Adds the texts of a value.
fn collect(texts: &mut Texts, value: &str) -> Result<(), NotTexts> {
    let mut are_good = true;
    texts.reserve(value.len());
    each_text(value, MAX_VALUES - texts.len(), |text| {
        are_good &= (1..=MAX_VALUE_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
        texts.push_once(text);
    })?;
    if are_good { Ok(()) } else { Err(NotTexts::OtherType) }
}

#[cfg(test)]
mod tests;
