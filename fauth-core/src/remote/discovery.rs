//! Where an issuer publishes its keys: [OpenID Connect
//! Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html) and [RFC
//! 8414](https://www.rfc-editor.org/rfc/rfc8414).

use serde::Deserialize;

use super::{
    address::{Allowed, check_url, is_plain},
    fault::KeySourceError,
};

/// The members of the document that are read. The parser refuses a duplicate member.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
}

/// The OpenID Connect document: its path is appended to the issuer's (section 4).
pub(super) fn openid_url(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer))
}

/// The OAuth document: its path is inserted before the issuer's (RFC 8414 section 3).
pub(super) fn oauth_url(issuer: &str) -> String {
    let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
    let host_begins = issuer.find("://").map_or(0, |at| at + 3);
    let path_begins =
        issuer.get(host_begins..).and_then(|rest| rest.find('/')).map_or(issuer.len(), |at| host_begins + at);
    let (origin, path) = issuer.split_at(path_begins);
    format!("{origin}/.well-known/oauth-authorization-server{path}")
}

/// Returns the URL of the keys. The document must name the issuer exactly as configured, because
/// another document may have been substituted (RFC 8414 section 3.3). The keys may be on another
/// host.
///
/// A document fetched over `https` cannot lead to `http`.
pub(super) fn keys_url(body: &[u8], issuer: &str, plain: Allowed) -> Result<String, KeySourceError> {
    let document: Document = serde_json::from_slice(body).map_err(|_| KeySourceError::UnusableDocument)?;
    if document.issuer != issuer {
        return Err(KeySourceError::OtherIssuer);
    }
    let allowed = if is_plain(issuer) { plain } else { Allowed::Https };
    check_url(&document.jwks_uri, allowed).map_err(KeySourceError::ForbiddenUrl)?;
    Ok(document.jwks_uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://login.example/realms/shop";

    fn read(body: &str) -> Result<String, KeySourceError> {
        keys_url(body.as_bytes(), ISSUER, Allowed::HttpLocally)
    }

    #[test]
    fn both_documents_are_where_their_standards_say() {
        assert_eq!(openid_url(ISSUER), "https://login.example/realms/shop/.well-known/openid-configuration");
        assert_eq!(openid_url("https://a.example/"), "https://a.example/.well-known/openid-configuration");
        assert_eq!(
            oauth_url(ISSUER),
            "https://login.example/.well-known/oauth-authorization-server/realms/shop"
        );
        assert_eq!(
            oauth_url("https://a.example/"),
            "https://a.example/.well-known/oauth-authorization-server"
        );
    }

    #[test]
    fn the_keys_may_be_elsewhere() {
        let body = format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"https://keys.example/certs","x":[1,{{}}]}}"#);
        assert_eq!(read(&body).unwrap(), "https://keys.example/certs");
    }

    #[test]
    fn another_issuer_is_refused() {
        for other in [
            "https://login.example/realms/shop/",
            "https://login.example/realms/Shop",
            "",
            "https://evil.example",
        ] {
            let body = format!(r#"{{"issuer":"{other}","jwks_uri":"https://keys.example/certs"}}"#);
            assert_eq!(read(&body), Err(KeySourceError::OtherIssuer), "{other}");
        }
    }

    #[test]
    fn keys_are_not_fetched_from_anywhere() {
        for url in ["http://keys.example/", "http://localhost/certs", "file:///etc/passwd", "/certs", ""] {
            let body = format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{url}"}}"#);
            assert!(matches!(read(&body), Err(KeySourceError::ForbiddenUrl(_))), "{url}");
        }
        let local = r#"{"issuer":"http://localhost:1","jwks_uri":"http://localhost:1/certs"}"#;
        assert!(keys_url(local.as_bytes(), "http://localhost:1", Allowed::HttpLocally).is_ok());
        let away = r#"{"issuer":"http://localhost:1","jwks_uri":"http://keys.example/certs"}"#;
        assert!(keys_url(away.as_bytes(), "http://localhost:1", Allowed::HttpLocally).is_err());
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let twice = format!(
            r#"{{"issuer":"https://evil.example","issuer":"{ISSUER}","jwks_uri":"https://k.example"}}"#
        );
        let nested = format!(r#"{{"issuer":"{ISSUER}","jwks_uri":{}1{}}}"#, "[".repeat(500), "]".repeat(500));
        for body in ["", "[]", "<html>", "{}", r#"{"issuer":1,"jwks_uri":2}"#, &twice, &nested] {
            assert_eq!(read(body), Err(KeySourceError::UnusableDocument), "{body}");
        }
        assert_eq!(keys_url(b"\xff\xfe", ISSUER, Allowed::Https), Err(KeySourceError::UnusableDocument));
    }
}
