//! Puts a token into the headers of a request, by the provider's own transports.

use fauth_core::{
    AuthProvider, AuthUser, CsrfToken, Purpose,
    token::IssuedToken,
    transport::{Keep, SecurityScheme, Transport},
};

use crate::RequestHeaders;

/// Where a request carries its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    /// The first header from which the provider reads tokens; a cookie if there is none.
    Header,
    /// A cookie, with this proof of origin.
    Cookie(Proof),
}

/// What a request says about the page that sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// A page of the application.
    Own,
    /// A page of another site.
    Foreign,
    /// Nothing.
    None,
}

impl Carrier {
    pub(super) const fn cookie(self) -> Self {
        match self {
            Self::Header => Self::Cookie(Proof::Own),
            Self::Cookie(_) => self,
        }
    }

    /// Returns the headers of a request with this access token.
    pub(super) fn headers<U: AuthUser>(self, auth: &AuthProvider<U>, access: &str) -> RequestHeaders {
        self.headers_with(auth, access, None)
    }

    /// Like [`headers`](Self::headers). A browser also sends the cookie of the refresh token.
    pub(super) fn headers_with<U: AuthUser>(
        self,
        auth: &AuthProvider<U>,
        access: &str,
        refresh: Option<&IssuedToken>,
    ) -> RequestHeaders {
        let mut headers = RequestHeaders::none();
        let header = auth.transports().find_map(|transport| header_of(transport, access));
        match (self, header) {
            (Self::Header, Some((name, value))) => headers.push(&name, value),
            (Self::Header, None) => push_cookies(&mut headers, auth, access, refresh, Proof::Own),
            (Self::Cookie(proof), _) => push_cookies(&mut headers, auth, access, refresh, proof),
        }
        headers
    }
}

/// Returns the CSRF token of the login, if the provider requires one.
fn csrf_token<U: AuthUser>(
    auth: &AuthProvider<U>,
    transport: &dyn Transport,
    access: &str,
) -> Option<CsrfToken> {
    // An invalid token, which tests also send, has none.
    let payload = auth.verify_signature_and_claims(access, transport.opens_with()).ok()?;
    auth.csrf_token_for(&payload).ok()
}

fn header_of(transport: &dyn Transport, token: &str) -> Option<(String, String)> {
    if transport.is_ambient() || transport.is_in_url() || transport.is_for_api_keys() {
        return None;
    }
    match transport.describe() {
        SecurityScheme::Bearer => Some(("authorization".to_owned(), format!("Bearer {token}"))),
        SecurityScheme::Header { name } => Some((name.into_string(), token.to_owned())),
        _ => None,
    }
}

fn push_cookies<U: AuthUser>(
    headers: &mut RequestHeaders,
    auth: &AuthProvider<U>,
    access: &str,
    refresh: Option<&IssuedToken>,
    proof: Proof,
) {
    let cookie = auth.transports().find_map(|transport| match transport.describe() {
        SecurityScheme::Cookie { name } => Some((transport, name)),
        _ => None,
    });
    let Some((transport, name)) = cookie else {
        panic!("the provider takes no cookies: build it with `.transport(CookieTransport::new())`")
    };
    let mut cookies = format!("{name}={access}");
    if let Some(refresh) = refresh {
        let set = transport.set(refresh, Purpose::Refresh, Keep::for_lifetime(std::time::Duration::MAX));
        let set = set.unwrap_or_else(|error| panic!("the refresh token fits into no cookie: {error}"));
        for cookie in set.iter().filter(|header| header.name().eq_ignore_ascii_case("set-cookie")) {
            cookies.push_str("; ");
            cookies.push_str(cookie.value().split(';').next().unwrap_or_default());
        }
    }
    let token = csrf_token(auth, transport, access);
    let value = token.as_ref().and_then(CsrfToken::value);
    if let (Some(token), Some(value)) = (&token, value) {
        for part in ["; ", token.cookie_name(), "=", value] {
            cookies.push_str(part);
        }
    }
    headers.push("cookie", cookies);
    match proof {
        Proof::Own => {
            headers.push("sec-fetch-site", "same-origin");
            // As scripts of a page send it.
            if let (Some(token), Some(value)) = (&token, value) {
                headers.push(token.header_name(), value);
            }
        }
        Proof::Foreign => headers.push("sec-fetch-site", "cross-site"),
        Proof::None => {}
    }
}
