//! The transports of credentials, as named security schemes.

use serde_json::{Value, json};

use super::members::Alternative;
use crate::{
    access::Access,
    provider::AuthProvider,
    transport::{SecurityScheme, Transport},
    user::AuthUser,
};

/// One security scheme of a provider.
pub(super) struct Scheme {
    pub(super) name: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// The password flow of OAuth 2: a token in exchange for a user name and password.
    Login,
    /// A token of another issuer, with the URL of its discovery document.
    OpenIdConnect {
        document: String,
    },
    Transport {
        scheme: SecurityScheme,
        only_keys: bool,
        keys_too: bool,
    },
}

/// The schemes of a provider, in the order of its transports.
pub(super) fn of<U: AuthUser>(auth: &AuthProvider<U>) -> Vec<Scheme> {
    let mut schemes: Vec<Scheme> = Vec::new();
    for transport in auth.transports() {
        for (kind, what) in kinds(auth, transport) {
            let name = unique(&format!("{}-{what}", auth.application()), &schemes);
            schemes.push(Scheme { name, kind });
        }
    }
    schemes
}

fn kinds<U: AuthUser>(auth: &AuthProvider<U>, transport: &dyn Transport) -> Vec<(Kind, String)> {
    let (scheme, only_keys) = (transport.describe(), transport.is_for_api_keys());
    let takes_tokens = scheme == SecurityScheme::Bearer && !only_keys;
    let what = match &scheme {
        SecurityScheme::Bearer if only_keys => "api-key".to_owned(),
        SecurityScheme::Bearer => "bearer".to_owned(),
        SecurityScheme::Basic => "basic".to_owned(),
        SecurityScheme::Cookie { .. } => "cookie".to_owned(),
        SecurityScheme::Query { .. } => "query".to_owned(),
        SecurityScheme::Header { name } => in_a_name(name),
    };
    let keys_too = !transport.is_ambient() && !transport.is_in_url() && auth.has_api_keys();
    let issuers = if takes_tokens { issuers(auth) } else { Vec::new() };
    // All tokens in this transport then come from issuers with a discovery document.
    let is_told = !issuers.is_empty() && !issuers.contains(&None) && !auth.has_own_tokens() && !keys_too;
    let flow = (takes_tokens && auth.has_password_login()).then(|| (Kind::Login, "login".to_owned()));
    let carried = (!is_told).then_some((Kind::Transport { scheme, only_keys, keys_too }, what));
    let documents = issuers.into_iter().flatten();
    let issuers = documents.map(|document| (Kind::OpenIdConnect { document }, "openid".to_owned()));
    flow.into_iter().chain(carried).chain(issuers).collect()
}

/// The discovery document of each trusted issuer; `None` if its keys come from elsewhere.
#[cfg(feature = "trusted-issuers")]
fn issuers<U: AuthUser>(auth: &AuthProvider<U>) -> Vec<Option<String>> {
    auth.discovery_documents()
}

#[cfg(not(feature = "trusted-issuers"))]
const fn issuers<U: AuthUser>(_: &AuthProvider<U>) -> Vec<Option<String>> {
    Vec::new()
}

/// Names of components consist of letters, digits, `.`, `-` and `_`.
fn in_a_name(header: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    header.chars().map(allowed).collect()
}

fn unique(name: &str, others: &[Scheme]) -> String {
    let is_free = |name: &String| !others.iter().any(|other| other.name == *name);
    let numbered = (2..).map(|number: u32| format!("{name}-{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(is_free).unwrap_or_else(|| name.to_owned())
}

/// The alternatives that admit a request; empty if nothing is required.
pub(super) fn alternatives<U: AuthUser>(auth: &AuthProvider<U>, access: &Access) -> Vec<Alternative> {
    if matches!(access, Access::Open | Access::Guests) {
        return Vec::new();
    }
    let admits_keys = access.requirement().is_some_and(crate::requirement::Requirement::admits_api_keys);
    let scopes = access.scopes();
    let schemes = of(auth);
    // If only API keys could be sent and none is accepted, no request is admitted. That must not
    // look open.
    let takes_keys = admits_keys || schemes.iter().all(Scheme::is_for_keys);
    let mut alternatives: Vec<Alternative> = Vec::new();
    for scheme in schemes.iter().filter(|scheme| takes_keys || !scheme.is_for_keys()) {
        for alternative in scheme.alternatives(&scopes) {
            if !alternatives.contains(&alternative) {
                alternatives.push(alternative);
            }
        }
    }
    if access.admits_anonymous() {
        alternatives.push(Alternative::new());
    }
    alternatives
}

impl Scheme {
    pub(super) fn is_login(&self) -> bool {
        self.kind == Kind::Login
    }

    fn is_for_keys(&self) -> bool {
        matches!(self.kind, Kind::Transport { only_keys: true, .. })
    }

    fn alternatives(&self, scopes: &[Vec<Box<str>>]) -> Vec<Alternative> {
        let with = |scopes: Vec<String>| Alternative::from([(self.name.clone(), scopes)]);
        if self.is_login() || matches!(self.kind, Kind::OpenIdConnect { .. }) {
            let owned = |scopes: &Vec<Box<str>>| scopes.iter().map(|scope| String::from(&**scope)).collect();
            scopes.iter().map(|scopes| with(owned(scopes))).collect()
        } else {
            vec![with(Vec::new())]
        }
    }

    /// The Security Scheme Object; `flow` is that of the login.
    pub(super) fn to_json(&self, flow: &Value) -> Value {
        let (scheme, only_keys, keys_too) = match &self.kind {
            Kind::Login => {
                return json!({
                    "type": "oauth2",
                    "description": "User name and password, exchanged for an access token.",
                    "flows": { "password": flow },
                });
            }
            Kind::OpenIdConnect { document } => {
                return json!({
                    "type": "openIdConnect",
                    "openIdConnectUrl": document,
                    "description": "An access token of this issuer, as a bearer token.",
                });
            }
            Kind::Transport { scheme, only_keys, keys_too } => (scheme, only_keys, keys_too),
        };
        let carries = match (only_keys, keys_too) {
            (true, _) => "An API key.",
            (false, true) => "An access token; an API key where `x-requirement` allows it.",
            (false, false) => "An access token.",
        };
        match scheme {
            SecurityScheme::Bearer if *only_keys => {
                json!({ "type": "http", "scheme": "bearer", "description": carries })
            }
            SecurityScheme::Bearer => json!({
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": carries,
            }),
            SecurityScheme::Basic => json!({
                "type": "http",
                "scheme": "basic",
                "description": "An API key: the user name is `__token__`, the password is the key.",
            }),
            SecurityScheme::Cookie { name } => json!({
                "type": "apiKey",
                "in": "cookie",
                "name": name,
                "description": "The cookie of a login. A state-changing request must come \
                    from a page of the application or of a trusted origin.",
            }),
            SecurityScheme::Query { name } => {
                json!({ "type": "apiKey", "in": "query", "name": name, "description": carries })
            }
            SecurityScheme::Header { name } => {
                json!({ "type": "apiKey", "in": "header", "name": name, "description": carries })
            }
        }
    }
}
