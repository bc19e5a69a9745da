//! Wire formats: our own, and that of the Python fauth for services that move over.

use super::purpose::Purpose;

/// Which token format is issued and which are read.
///
/// Every profile is verified with the same strictness; what differs is where the purpose stands and
/// whether issuer and audience are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TokenProfile {
    /// `typ` names the purpose (`at+jwt` …), `iss` and `aud` are there as soon as they are configured. The default.
    #[default]
    Standard,
    /// Reads and issues the tokens of the Python fauth 3: `typ` is `JWT`, the purpose stands in the
    /// `token_type` claim alone, there is neither `iss` nor `aud`.
    ///
    /// # Security
    /// Neither is there a claim that names the application. Two applications that read this format
    /// accept each other's tokens if they have the same secret: give each a secret of its own.
    PythonFauth,
    /// Issues [`Standard`](Self::Standard) tokens and reads both. For the time in which tokens of the
    /// Python service are still in circulation.
    ///
    /// Most of these are older than the memory of the revocation store. Say with
    /// [`trust_since`](crate::AuthConfigBuilder::trust_since) from when on they are accepted all
    /// the same; otherwise they are refused.
    ///
    /// # Security
    /// Tokens in the Python format carry no `iss` and `aud`, so these are not checked on them even
    /// when they are configured, and they do not name their application: no other one may have the
    /// same secret. Leave this profile as soon as the last old refresh token has expired.
    PythonFauthMigration,
}

/// In which claim the scopes of issued tokens stand. Both are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ScopeClaim {
    /// `scopes`, a list of texts. The default.
    #[default]
    Scopes,
    /// `scope`, one text with a blank between the scopes, as
    /// [RFC 9068 section 2.2.3](https://www.rfc-editor.org/rfc/rfc9068#section-2.2.3) has it: for
    /// resource servers that are not fauth. A token without scopes has no such claim.
    Scope,
}

impl ScopeClaim {
    /// The name of the claim, and the value of the environment variable `FAUTH_SCOPE_CLAIM`.
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

/// One concrete format, as opposed to the choice of formats above.
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

    /// The name in the environment variable `FAUTH_TOKEN_PROFILE`.
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
