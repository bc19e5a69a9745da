//! What the token tests share: objects as text, providers, signatures by hand, and the folders of
//! recorded data.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::{
    AuthConfig, AuthConfigBuilder, AuthProvider, OneTimePurpose, Purpose, TokenRequest,
    one_time::OneTimeRequest,
    token::TokenError,
    transport::{BearerTransport, SessionCookie},
};
use fauth_testing::{ManualClock, SECRET, TestUser, Users, WireRequest, at_once, memory_store};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

pub(crate) type Auth = AuthProvider<TestUser>;
pub(crate) type Verdict = Result<(), TokenError>;

/// Where the clock of every provider stands.
pub(crate) const NOW: i64 = ManualClock::START.unix_seconds();
pub(crate) const ISSUER: &str = "https://login.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";

/// A JSON object as text, member by member, so that a test can write what no serialiser would.
#[derive(Clone)]
pub(crate) struct Object(Vec<(String, String)>);

impl Object {
    pub(crate) fn new<const N: usize>(members: [(&str, &str); N]) -> Self {
        Self(members.map(|(name, json)| (name.to_owned(), json.to_owned())).into())
    }

    /// Replaces the member where it stands, or appends it. `json` is the text of the value.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "texts and numbers alike, without a `&` at each of many calls"
    )]
    pub(crate) fn with(mut self, name: &str, json: impl ToString) -> Self {
        match self.0.iter_mut().find(|(own, _)| own == name) {
            Some((_, value)) => *value = json.to_string(),
            None => self.0.push((name.to_owned(), json.to_string())),
        }
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(own, _)| own != name);
        self
    }

    pub(crate) fn text(&self) -> String {
        let members: Vec<_> = self.0.iter().map(|(name, json)| format!("\"{name}\":{json}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// The header of an access token in the standard profile.
pub(crate) fn header() -> Object {
    Object::new([("alg", "\"HS256\""), ("typ", "\"at+jwt\"")])
}

/// The claims of an access token that was issued this second.
pub(crate) fn claims() -> Object {
    Object::new([("sub", "\"alice\"")])
        .with("exp", NOW + 900)
        .with("iat", NOW)
        .with("jti", "\"3f2b6c1e\"")
        .with("token_type", "\"access\"")
        .with("scopes", "[]")
        .with("app", "\"default\"")
}

pub(crate) fn token(header: &Object, claims: &Object) -> String {
    fauth_testing::sign(&header.text(), &claims.text())
}

/// The test kit's provider with settings of the test's own.
pub(crate) fn auth(configure: impl FnOnce(AuthConfigBuilder) -> AuthConfigBuilder) -> Auth {
    auth_at(NOW, configure)
}

pub(crate) fn auth_at(now: i64, configure: impl FnOnce(AuthConfigBuilder) -> AuthConfigBuilder) -> Auth {
    let clock = ManualClock::new();
    clock.set(fauth_core::clock::Timestamp::from_unix_seconds(now));
    let config = configure(AuthConfig::builder().application("default").secret(SECRET)).build().unwrap();
    let builder = fauth_testing::provider_with(config, &Users::new()).one_time_store(memory_store());
    let builder = builder.transport(BearerTransport::new()).transport(SessionCookie::new());
    builder.clock(clock).build().unwrap()
}

/// The token in the cookie of a login.
fn sign_in(auth: &Auth, request: TokenRequest<'_>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let head = WireRequest::new("POST", "/login").header("sec-fetch-site", "same-origin");
    let reply = runtime.block_on(auth.login_reply(&head, request)).unwrap();
    let cookie = reply.headers().iter().find(|header| header.name() == "set-cookie").unwrap();
    cookie.value().split(['=', ';']).nth(1).unwrap().to_owned()
}

/// A token of alice with any purpose, and with a custom claim.
pub(crate) fn issue(auth: &Auth, purpose: Purpose) -> String {
    let alice = Users::new().find("alice");
    let request = || OneTimeRequest::for_user(&alice).claim("tenant", "acme");
    let once = |purpose| at_once(auth.issue_one_time(purpose, request())).unwrap().expose().to_owned();
    match purpose {
        Purpose::PasswordReset => once(OneTimePurpose::PasswordReset),
        Purpose::EmailVerification => once(OneTimePurpose::EmailVerification),
        Purpose::MagicLink => once(OneTimePurpose::MagicLink),
        Purpose::LoginUnlock => once(OneTimePurpose::LoginUnlock),
        Purpose::Session => {
            let request = TokenRequest::for_subject("alice").scopes(["read", "write"]);
            sign_in(auth, request.claim("tenant", "acme"))
        }
        purpose => {
            let request = TokenRequest::for_subject("alice").scopes(["read", "write"]);
            let issued = at_once(auth.issue(purpose, request.claim("tenant", "acme")));
            issued.unwrap().expose().to_owned()
        }
    }
}

/// Is the verdict on this token, as an access token, the expected one?
#[track_caller]
pub(crate) fn check(auth: &Auth, token: &str, expected: &Verdict) {
    check_as(auth, Purpose::Access, token, expected);
}

#[track_caller]
pub(crate) fn check_as(auth: &Auth, purpose: Purpose, token: &str, expected: &Verdict) {
    let found = auth.verify_signature_and_claims(token, purpose).map(drop);
    assert_eq!(&found, expected, "as {purpose}: {}", readable(token));
}

/// The first parts of a token, decoded where they can be.
fn readable(token: &str) -> String {
    let parts = token.split('.').take(2).map(|part| match URL_SAFE_NO_PAD.decode(part) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).chars().take(300).collect(),
        Err(_) => part.chars().take(300).collect::<String>(),
    });
    parts.collect::<Vec<_>>().join(" . ")
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(segment: &str) -> String {
    String::from_utf8(URL_SAFE_NO_PAD.decode(segment).unwrap()).unwrap()
}

/// Signs segments as they are, also those that are no base64url.
pub(crate) fn sign_segments(header: &str, payload: &str) -> String {
    let signed = format!("{header}.{payload}");
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(&signed);
    format!("{signed}.{}", encode(mac.finalize().into_bytes()))
}

/// The three segments of a token.
pub(crate) fn segments(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

/// The public vectors of other projects.
pub(crate) fn vectors() -> PathBuf {
    folder("FAUTH_VECTORS", "vectors")
}

/// The data that other systems have made.
pub(crate) fn golden() -> PathBuf {
    folder("FAUTH_GOLDEN", "golden")
}

fn folder(variable: &str, name: &str) -> PathBuf {
    if let Some(folder) = env::var_os(variable) {
        return folder.into();
    }
    let shared = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name);
    assert!(shared.is_dir(), "set the environment variable {variable} to the folder of the {name} files");
    shared
}

pub(crate) fn read_json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// The string member of a JSON object.
#[track_caller]
pub(crate) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_else(|| panic!("no text `{name}` in {object}"))
}
