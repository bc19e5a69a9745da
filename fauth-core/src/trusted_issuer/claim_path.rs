//! The position of a claim in a token: its name, or the names of the objects that enclose it.

use std::fmt;

use crate::{
    error::ConfigError,
    token::{NotTexts, member_of},
};

/// The maximum number of names in a path.
const MAX_SEGMENTS: usize = 8;
/// The maximum length of a name in bytes.
const MAX_SEGMENT_BYTES: usize = 255;

/// Claims that identify somebody or limit when a token is valid, and claims that users of many
/// issuers may write themselves. Rights must never be read from one of these.
const NO_RIGHTS: [&str; 30] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "sid",
    "azp",
    "client_id",
    "nonce",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "username",
    "unique_name",
    "upn",
    "email",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    "address",
];

/// The position of a claim in the claims of a token.
///
/// | text | meaning |
/// |---|---|
/// | `"roles"` | the claim `roles` |
/// | `"cognito:groups"` | the claim `cognito:groups` |
/// | `"realm_access.roles"` | the member `roles` of the claim `realm_access` |
/// | `"https://example.com/roles"` | the claim of this name: a text that begins with `https://` or `http://` is one name |
/// | `ClaimPath::new(["resource_access", "shop.web", "roles"])` | each element is one name, including any dots |
///
/// ```
/// use fauth_core::trusted_issuer::ClaimPath;
///
/// assert_eq!(ClaimPath::from("realm_access.roles"), ClaimPath::new(["realm_access", "roles"]));
/// assert_ne!(ClaimPath::from("shop.roles"), ClaimPath::new(["shop.roles"]));
/// assert_eq!(
///     ClaimPath::from("https://example.com/roles"),
///     ClaimPath::new(["https://example.com/roles"]),
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath {
    segments: Vec<Box<str>>,
}

impl ClaimPath {
    /// Creates a path of these names, the outermost first. No character of a name is special.
    #[must_use]
    pub fn new<S: Into<String>>(segments: impl IntoIterator<Item = S>) -> Self {
        let segments = segments.into_iter().map(|segment| segment.into().into_boxed_str());
        Self { segments: segments.collect() }
    }

    /// The name of the claim at the start of the path.
    pub(super) fn claim(&self) -> &str {
        self.segments.first().map_or("", |claim| claim)
    }

    /// Follows the path into `value`, the JSON text of its claim. `None` if a name on the path is
    /// missing.
    pub(super) fn follow<'a>(&self, value: &'a str) -> Result<Option<&'a str>, NotTexts> {
        let mut inner = self.segments.iter().skip(1);
        inner.try_fold(Some(value), |value, name| match value {
            Some(value) => member_of(value, name),
            None => Ok(None),
        })
    }

    pub(super) fn check(&self, setting: &'static str) -> Result<(), ConfigError> {
        let mut names = self.segments.iter().map(|segment| segment.len());
        if !(1..=MAX_SEGMENTS).contains(&self.segments.len())
            || !names.all(|bytes| (1..=MAX_SEGMENT_BYTES).contains(&bytes))
        {
            return Err(ConfigError::new(
                setting,
                format!("`{self}` is not the path of a claim"),
                "use 1 to 8 names of 1 to 255 bytes each, such as `realm_access.roles`",
            ));
        }
        if self.segments.len() == 1 && NO_RIGHTS.contains(&self.claim()) {
            return Err(ConfigError::new(
                setting,
                format!("the claim `{self}` does not describe rights"),
                "use a claim that the issuer fills with rights, such as `roles`",
            ));
        }
        Ok(())
    }
}

/// Parses the text as shown in the [table](ClaimPath).
impl From<&str> for ClaimPath {
    fn from(text: &str) -> Self {
        let is_url = text.starts_with("https://") || text.starts_with("http://");
        if is_url { Self::new([text]) } else { Self::new(text.split('.')) }
    }
}

/// Parses the text as shown in the [table](ClaimPath).
impl From<String> for ClaimPath {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

/// The names, joined with dots.
impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segments.join("."))
    }
}
