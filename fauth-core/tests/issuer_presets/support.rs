//! Recorded documents, an issuer that signs what they hold, and a service that trusts it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use fauth_core::{
    AuthProvider, AuthUser, ConfigError, Rejection, Requirement, TokenPayload, async_trait,
    clock::Timestamp,
    rejection::InvalidToken,
    remote::{Fetch, FetchError, FetchRequest, FetchResponse},
    token::{Algorithm, TokenError},
    trusted_issuer::TrustedIssuer,
};
use fauth_testing::{ForeignIssuer, ForeignToken, ManualClock};
use serde_json::{Map, Value, json};

/// What was recorded of one issuer: its documents, and a token.
pub(crate) struct Recorded {
    document: Value,
    issuer: ForeignIssuer,
}

impl Recorded {
    pub(crate) fn new(json: &str) -> Self {
        let document: Value = serde_json::from_str(json).unwrap();
        let issuer = ForeignIssuer::new(document["claims"]["iss"].as_str().unwrap());
        Self { document, issuer }
    }

    /// The time at which the token was issued.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.document["claims"]["iat"].as_i64().unwrap())
    }

    /// The recorded token, with these claims in place of its own; null leaves one out.
    pub(crate) fn token_with(&self, changes: &Value) -> ForeignToken {
        let mut claims = self.document["claims"].as_object().unwrap().clone();
        replace(&mut claims, changes);
        // The keys of the tests are for ES256.
        let mut header = self.document["header"].as_object().unwrap().clone();
        header.insert("alg".into(), json!("ES256"));
        self.issuer
            .token("", self.now())
            .claims_text(Value::Object(claims).to_string())
            .header_text(Value::Object(header).to_string())
    }

    pub(crate) fn token(&self) -> ForeignToken {
        self.token_with(&json!({}))
    }

    /// Claims of a token of another kind, such as an ID token, in place of those of the access
    /// token.
    pub(crate) fn other_kind(&self) -> &Value {
        &self.document["other_kind"]
    }

    /// The issuer's documents, at their URLs.
    pub(crate) fn documents(&self) -> Documents {
        let mut pages = HashMap::new();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let keys_url = match self.document.get("discovery_url") {
            Some(url) => {
                pages.insert(text(url), self.document["discovery"].to_string());
                text(&self.document["discovery"]["jwks_uri"])
            }
            None => text(&self.document["keys_url"]),
        };
        pages.insert(keys_url, self.keys());
        Documents { pages: Arc::new(pages), asked: Arc::default() }
    }

    /// The published set, with what issuers publish besides: a key for encryption, and members
    /// that nobody has to know.
    fn keys(&self) -> String {
        let mut set: Value = serde_json::from_str(&self.issuer.jwks()).unwrap();
        let keys = set["keys"].as_array_mut().unwrap();
        let mut encrypting = keys[0].clone();
        replace(
            encrypting.as_object_mut().unwrap(),
            &json!({ "kid": "enc-1", "use": "enc", "alg": "ECDH-ES" }),
        );
        for key in keys.iter_mut() {
            let more = json!({
                "alg": null,
                "x5t": "kriMPdmBvx68skT8-mPAB3BseeA",
                "cloud_instance_name": "microsoftonline.com",
                "issuer": self.issuer.issuer(),
            });
            replace(key.as_object_mut().unwrap(), &more);
        }
        keys.push(encrypting);
        set.to_string()
    }

    /// A service that trusts what `preset` says, when the token was just issued.
    pub(crate) fn service(
        &self,
        preset: impl FnOnce(Documents) -> Result<TrustedIssuer, ConfigError>,
    ) -> Service {
        let (documents, clock) = (self.documents(), ManualClock::new());
        clock.set(self.now());
        let issuer = preset(documents.clone()).unwrap().algorithms([Algorithm::ES256]);
        let auth = AuthProvider::resource_server(issuer)
            .user_from_claims(Somebody::of)
            .clock(clock)
            .danger_share_application()
            .build()
            .unwrap();
        Service { auth, documents }
    }
}

fn replace(members: &mut Map<String, Value>, changes: &Value) {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
}

/// A client of HTTP that answers from memory.
#[derive(Debug, Clone)]
pub(crate) struct Documents {
    pages: Arc<HashMap<String, String>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Documents {
    /// One that has nothing.
    pub(crate) fn none() -> Self {
        Self { pages: Arc::default(), asked: Arc::default() }
    }

    /// Which URLs were asked for that there are.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Fetch for Documents {
    async fn fetch(&self, request: FetchRequest<'_>) -> Result<FetchResponse, FetchError> {
        let Some(page) = self.pages.get(request.url) else { return Ok(FetchResponse::new(404, "")) };
        self.asked.lock().unwrap().push(request.url.to_owned());
        Ok(FetchResponse::new(200, page.as_str()).with_cache_control("max-age=600"))
    }
}

/// What a token says of its bearer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Somebody {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) roles: Vec<String>,
    pub(crate) permissions: Vec<String>,
    pub(crate) scopes: Vec<String>,
}

impl Somebody {
    fn of(token: &TokenPayload) -> Self {
        Self {
            issuer: token.issuer().unwrap().to_owned(),
            subject: token.subject().to_owned(),
            roles: token.roles().map(str::to_owned).collect(),
            permissions: token.permissions().map(str::to_owned).collect(),
            scopes: token.scopes().iter().map(|scope| scope.clone().into_owned()).collect(),
        }
    }
}

impl AuthUser for Somebody {
    fn subject(&self) -> impl AsRef<str> {
        &self.subject
    }

    fn is_active(&self) -> bool {
        true
    }

    fn roles(&self) -> impl IntoIterator<Item: AsRef<str>> {
        &self.roles
    }

    fn permissions(&self) -> impl IntoIterator<Item: AsRef<str>> {
        &self.permissions
    }
}

pub(crate) struct Service {
    pub(crate) auth: AuthProvider<Somebody>,
    pub(crate) documents: Documents,
}

impl Service {
    pub(crate) async fn ask(&self, token: &str) -> Result<Somebody, Rejection> {
        let granted = self.auth.authenticate_token(token, &Requirement::user()).await?;
        Ok(Somebody::clone(granted.user()))
    }

    pub(crate) async fn let_in(&self, token: &ForeignToken) -> Somebody {
        self.ask(&token.sign()).await.unwrap()
    }

    /// Why a token is refused with 401.
    pub(crate) async fn fault(&self, token: &str) -> TokenError {
        match self.ask(token).await.unwrap_err() {
            Rejection::InvalidToken(InvalidToken::Token(error)) => error,
            other => panic!("{other:?}"),
        }
    }
}
