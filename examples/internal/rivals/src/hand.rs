//! What a careful developer writes around `jsonwebtoken`, and what the rivals that bring no tokens
//! are given.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

use crate::token::{AUDIENCE, Claims, ISSUER, ROLE, SECRET};

/// Key and rules, prepared once and kept in the application's state.
pub(crate) struct Jwt {
    key: DecodingKey,
    validation: Validation,
}

/// Why somebody does not get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No good token: 401.
    Unauthorized,
    /// A good token without the role: 403.
    Forbidden,
}

impl Jwt {
    pub(crate) fn new() -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        Self { key: DecodingKey::from_secret(SECRET.as_bytes()), validation }
    }

    /// The claims of a good token.
    #[expect(clippy::disallowed_methods, reason = "this is the rival")]
    pub(crate) fn claims(&self, token: &str) -> Option<Claims> {
        decode::<Claims>(token, &self.key, &self.validation).ok().map(|data| data.claims)
    }

    /// The claims behind an `Authorization` header.
    pub(crate) fn bearer(&self, authorization: Option<&str>) -> Result<Claims, Refused> {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
        token.and_then(|token| self.claims(token)).ok_or(Refused::Unauthorized)
    }

    /// The claims behind an `Authorization` header, if they have the role.
    pub(crate) fn admin(&self, authorization: Option<&str>) -> Result<Claims, Refused> {
        let claims = self.bearer(authorization)?;
        if claims.roles.iter().any(|role| role == ROLE) { Ok(claims) } else { Err(Refused::Forbidden) }
    }
}
