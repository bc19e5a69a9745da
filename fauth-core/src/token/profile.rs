//! Wire formats: fauth's own, and that of the Python fauth for services that migrate.

use super::purpose::Purpose;

/// Which token format is issued, and which formats are accepted.
///
/// Every profile is verified with the same strictness. They differ in where the purpose stands, and
/// in whether issuer and audience are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TokenProfile {
    /// `typ` names the purpose (`at+jwt` …); `iss` and `aud` are written if configured. The
    /// default.
    #[default]
    Standard,
    /// Issues and accepts the tokens of the Python fauth 3: `typ` is `JWT`, the purpose is in the
    /// claim `token_type` only, and there is neither `iss` nor `aud`.
    ///
    /// # Security
    /// The format has no claim that names the application either. Two applications that read it and
    /// share a secret accept each other's tokens: give each application its own secret.
    PythonFauth,
    /// Issues [`Standard`](Self::Standard) tokens and accepts both formats, for the time in which
    /// tokens of the Python service are still in circulation.
    ///
    /// Most of those tokens predate the revocation store's records, and are refused unless
    /// [`trust_since`](crate::AuthConfigBuilder::trust_since) accepts them.
    ///
    /// # Security
    /// Tokens in the Python format carry no `iss` and `aud`, so these are not checked on them even
    /// if they are configured. They do not name their application either: no other application may
    /// share the secret. Change to another profile as soon as the last old refresh token has
    /// expired.
    PythonFauthMigration,
}

/// Which claim holds the scopes of issued tokens. Both claims are read in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ScopeClaim {
    /// `scopes`, an array of strings. The default.
    #[default]
    Scopes,
    /// `scope`, one string of scopes separated by spaces, as in [RFC 9068 section
    /// 2.2.3](https://www.rfc-editor.org/rfc/rfc9068#section-2.2.3), for resource servers that do
    /// not use fauth. Left out of a token without scopes.
    Scope,
}

impl ScopeClaim {
    /// The name of the claim, which is also the value of the environment variable
    /// `FAUTH_SCOPE_CLAIM`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scopes => "scopes",
            Self::Scope => "scope",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Scopes, Self::Scope].into_iter().find(|claim| claim.as_str() == name)
    }
}

/// One concrete format, as opposed to a [`TokenProfile`], which is a choice of formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Standard,
    PythonFauth,
}

impl Format {
    pub(crate) const fn media_type(self, purpose: Purpose) -> &'static str {
        match self {
            Self::Standard => purpose.media_type(),
            Self::PythonFauth => "JWT",
        }
    }
}

impl TokenProfile {
    pub(crate) const fn issues(self) -> Format {
        match self {
            Self::Standard | Self::PythonFauthMigration => Format::Standard,
            Self::PythonFauth => Format::PythonFauth,
        }
    }

    pub(crate) const fn reads(self) -> &'static [Format] {
        match self {
            Self::Standard => &[Format::Standard],
            Self::PythonFauth => &[Format::PythonFauth],
            Self::PythonFauthMigration => &[Format::Standard, Format::PythonFauth],
        }
    }

    /// The value of the environment variable `FAUTH_TOKEN_PROFILE`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::PythonFauth => "python-fauth",
            Self::PythonFauthMigration => "python-fauth-migration",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Standard, Self::PythonFauth, Self::PythonFauthMigration]
            .into_iter()
            .find(|profile| profile.as_str() == name)
    }
}
