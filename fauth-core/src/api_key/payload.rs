//! The claims of an API key, in the form of a token payload.

use serde_json::json;

use crate::{
    store::{ApiKey, ApiKeyId},
    token::TokenPayload,
};

/// The `token_type` of a payload made from an API key. No purpose has this name, so no verified
/// token carries it.
const TOKEN_TYPE: &str = "api_key";

impl TokenPayload {
    /// The claims that a token with the rights of this key would have. `None` if they cannot be
    /// parsed back, which does not happen.
    pub(crate) fn of_api_key(key: &ApiKey) -> Option<Self> {
        let claims = json!({
            "sub": key.owner.subject,
            "exp": key.expires_at.unix_seconds(),
            "iat": key.created_at.unix_seconds(),
            "jti": key.id.as_str(),
            "token_type": TOKEN_TYPE,
            "scopes": key.scopes,
        });
        Self::of_key_claims(claims.to_string(), key.created_at, key.expires_at)
    }

    /// The id of the API key that authenticated this request; `None` if it was a token.
    ///
    /// # Security
    /// To restrict API keys, use the [`Requirement`](crate::Requirement) of a guard: it admits no
    /// API key unless it names them.
    #[must_use]
    pub fn api_key_id(&self) -> Option<ApiKeyId> {
        self.is_api_key().then(|| ApiKeyId::parse(self.token_id())).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Timestamp, store::Owner, token::Purpose};

    fn key() -> ApiKey {
        ApiKey {
            id: ApiKeyId::parse("0123456789abcdef0123456789abcdef").unwrap(),
            owner: Owner::new("default", "", "al\"ice\n"),
            name: "deploy".to_owned(),
            scopes: vec!["read".to_owned(), "write:all".to_owned()],
            created_at: Timestamp::from_unix_seconds(1_767_225_600),
            expires_at: Timestamp::MAX,
            last_used_at: None,
            user_epoch: Some(7),
        }
    }

    #[test]
    fn a_key_reads_like_a_token() {
        let key = key();
        let payload = TokenPayload::of_api_key(&key).unwrap();
        assert_eq!(payload.subject(), key.owner.subject);
        assert_eq!(payload.token_id(), key.id.as_str());
        assert_eq!(payload.purpose(), Purpose::Access);
        assert_eq!(payload.scopes(), key.scopes);
        assert!(payload.has_scope("read") && !payload.has_scope("write"));
        assert_eq!((payload.issued_at(), payload.expires_at()), (key.created_at, key.expires_at));
        assert_eq!(payload.claim::<i64>("iat").unwrap(), Some(1_767_225_600));
        assert_eq!(payload.api_key_id(), Some(key.id));
        assert_eq!(payload.authenticated_at(), None, "it has never logged in");
    }

    #[test]
    fn no_token_is_called_so() {
        assert!(Purpose::ALL.iter().all(|purpose| purpose.as_str() != TOKEN_TYPE));
    }
}
