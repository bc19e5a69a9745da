//! What is measured. Each case is tried once before: a case that fails would be measured as a fast
//! one.

use std::{convert::Infallible, ops::Range, sync::Arc};

use fauth_core::{
    AuthConfig, AuthConfigBuilder, AuthProvider, AuthProviderBuilder, AuthUser, BoxError, Guard, MemoryStore,
    Purpose, Requirement, TokenRequest,
    clock::Timestamp,
    store::RevocationTarget,
    token::{Algorithm, Key},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonwebtoken::{DecodingKey, EncodingKey, Validation};
use measure::{Case, Measured};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{
    request::{Request, at_once},
    tokens,
};

const DECODE: &str = "jsonwebtoken: decode";
const DECODE_LONG: &str = "jsonwebtoken: decode 8 KiB";
const ENCODE: &str = "jsonwebtoken: encode";
const VERIFY: &str = "verify";
const VERIFY_LONG: &str = "verify 8 KiB";
const VERIFY_MIDDLE: &str = "verify 1.3 KiB";
const HASH: &str = "HMAC alone";
const GUARD: &str = "guard: two roles";

/// With `alg` and `typ`, as many as a header may have.
const MEMBERS: Range<u32> = 0..30;

type Cases = Vec<Case<'static>>;
type Auth = AuthProvider<User>;

/// Every case, the bases before what is compared with them.
pub(crate) fn all() -> Result<Cases, BoxError> {
    let auth = provider(config().secret(tokens::SECRET).build()?)?;
    let mut cases = verifying(&auth)?;
    cases.extend(issuing(&auth)?);
    cases.extend(refusing(&auth)?);
    cases.extend(guarding(&auth)?);
    Ok(cases)
}

/// What does not depend on whether the processor has instructions for SHA-256, which no code can
/// make up for.
pub(crate) fn without_hash(measured: &[Measured]) -> Option<String> {
    let time = |name| measured.iter().find(|one| one.name == name).map(|one| one.min_ns);
    let hash = time(HASH)?;
    let ratio = (time(VERIFY)? - hash) / (time(DECODE)? - hash);
    Some(format!("less the time of `{HASH}`, the ratio of `{VERIFY}` to `{DECODE}` is {ratio:.3}\n"))
}

fn verifying(auth: &Auth) -> Result<Cases, BoxError> {
    let standard = tokens::standard()?;
    let long = tokens::of_length(tokens::LONGEST)?;
    let other_order = tokens::with_header(r#"{"typ":"at+jwt","alg":"HS256"}"#)?;
    let many_members = tokens::with_members(MEMBERS.map(|number| format!(r#""m{number:02}":{number}"#)))?;
    let middle = tokens::of_length(many_members.len())?;
    Ok(vec![
        decode(DECODE, &standard)?,
        hash(HASH, &standard)?.against(DECODE),
        accept(VERIFY, auth, &standard)?.against(DECODE),
        third_of_three_keys()?.against(VERIFY),
        accept("verify: header parsed", auth, &other_order)?.against(VERIFY),
        accept(VERIFY_MIDDLE, auth, &middle)?.against(VERIFY),
        accept("verify: 32 header members", auth, &many_members)?.against(VERIFY_MIDDLE),
        decode(DECODE_LONG, &long)?,
        hash("HMAC alone, 8 KiB", &long)?.against(DECODE_LONG),
        accept(VERIFY_LONG, auth, &long)?.against(DECODE_LONG),
    ])
}

/// The header names the key, so that the other keys cost nothing but the look-up.
fn third_of_three_keys() -> Result<Case<'static>, BoxError> {
    let key = |number: u8| {
        let mut secret = tokens::SECRET.to_vec();
        secret.push(number);
        let key = Key::hmac(Algorithm::HS256, &secret).and_then(|key| key.with_id(format!("2026-0{number}")));
        key.map(|key| (key, secret))
    };
    let ((first, _), (second, _), (third, secret)) = (key(1)?, key(2)?, key(3)?);
    let config = config().signing_key(first).verification_key(second).verification_key(third);
    let token = tokens::of_key(&secret, "2026-03")?;
    accept("verify: third of three keys", &provider(config.build()?)?, &token)
}

fn issuing(auth: &Auth) -> Result<Cases, BoxError> {
    let key = EncodingKey::from_secret(tokens::SECRET);
    let header = jsonwebtoken::Header { typ: Some("at+jwt".to_owned()), ..Default::default() };
    let claims = Claims::standard()?;
    let (issuer, other) = (auth.clone(), auth.clone());
    let cases = vec![
        #[expect(clippy::disallowed_methods, reason = "what fauth is compared with")]
        Case::new(ENCODE, move || jsonwebtoken::encode(&header, &claims, &key)),
        Case::new("issue", move || {
            let request = TokenRequest::for_subject(tokens::SUBJECT).scopes(tokens::SCOPES);
            at_once(issuer.issue(Purpose::Access, request.claim("roles", tokens::ROLES)))
        })
        .against(ENCODE),
        Case::new("issue: subject alone", move || at_once(other.issue(Purpose::Access, tokens::SUBJECT)))
            .against(ENCODE),
    ];
    let request =
        TokenRequest::for_subject(tokens::SUBJECT).scopes(tokens::SCOPES).claim("roles", tokens::ROLES);
    at_once(auth.issue(Purpose::Access, request)).ok_or("the key waits")??;
    Ok(cases)
}

/// Each is compared with accepting a good token of its size, or of the standard size if it is
/// larger than what is accepted.
fn refusing(auth: &Auth) -> Result<Cases, BoxError> {
    let standard = tokens::standard()?;
    let signed = tokens::signing_input(&standard)?.len();
    let no_base64 = tokens::with_byte(&standard, signed - 1, '!');
    let two_parts = standard.replacen('.', "", 1);
    let members = tokens::with_members(MEMBERS.map(|number| format!(r#""m{number:02}":{number}"#)))?;
    let escaped =
        tokens::with_members(MEMBERS.map(|number| format!(r#""{}{number:02}":0"#, r"\u0061".repeat(28))))?;
    let flood = tokens::with_members((0..2000).map(|number| format!(r#""m{number}":"{number:05}""#)))?;
    Ok(vec![
        refuse("refuse: no base64 at the end", auth, &no_base64, "malformed_token")?.against(VERIFY),
        refuse("refuse: two parts", auth, &two_parts, "malformed_token")?.against(VERIFY),
        refuse("refuse: forged", auth, &tokens::forged(&standard)?, "bad_signature")?.against(VERIFY),
        refuse("refuse: forged, 32 header members", auth, &tokens::forged(&members)?, "bad_signature")?
            .against(VERIFY_MIDDLE),
        refuse("refuse: forged, escaped header members", auth, &tokens::forged(&escaped)?, "bad_signature")?
            .against(VERIFY_LONG),
        refuse("refuse: wrong purpose", auth, &tokens::of_refresh()?, "wrong_purpose")?.against(VERIFY),
        refuse("refuse: expired", auth, &tokens::expired()?, "token_expired")?.against(VERIFY),
        refuse("refuse: 2 000 header members", auth, &flood, "token_too_long")?.against(VERIFY),
        refuse(
            "refuse: one byte too long",
            auth,
            &tokens::of_length(tokens::LONGEST + 1)?,
            "token_too_long",
        )?
        .against(VERIFY_LONG),
        refuse("refuse: 8 KiB of header", auth, &tokens::with_header_full()?, "malformed_token")?
            .against(VERIFY_LONG),
    ])
}

/// The core's part of a guarded request: finding the token, verifying it, a loader that has the
/// user at hand, the requirement.
fn guarding(auth: &Auth) -> Result<Cases, BoxError> {
    let standard = tokens::standard()?;
    let good = Request::with_bearer(&standard);
    let forged = Request::with_bearer(&tokens::forged(&standard)?);
    let user = Guard::new(auth, Requirement::user());
    let roles = Guard::new(auth, Requirement::user().roles(tokens::ROLES));
    let revocable = Guard::new(
        &revocable(config().secret(tokens::SECRET).build()?)?,
        Requirement::user().roles(tokens::ROLES),
    );
    Ok(vec![
        pass("guard: a user", user.clone(), good.clone())?.against(DECODE),
        pass(GUARD, roles.clone(), good.clone())?.against(DECODE),
        pass("guard: two roles, revocable", revocable, good.clone())?.against(GUARD),
        turn_away("guard: forged, with the answer", roles.clone(), forged)?.against(GUARD),
        pass_again("guard: again, a user", user, good.clone())?.against(GUARD),
        pass_again("guard: again, two roles", roles, good)?.against(GUARD),
    ])
}

fn decode(name: &str, token: &str) -> Result<Case<'static>, BoxError> {
    let key = DecodingKey::from_secret(tokens::SECRET);
    let mut validation = Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.set_issuer(&[tokens::ISSUER]);
    validation.set_audience(&[tokens::AUDIENCE]);
    let token = token.to_owned();
    #[expect(clippy::disallowed_methods, reason = "what fauth is compared with")]
    let decode = move || jsonwebtoken::decode::<Claims>(&token, &key, &validation);
    decode()?;
    Ok(Case::new(name, decode))
}

/// What no verification can do without.
fn hash(name: &str, token: &str) -> Result<Case<'static>, BoxError> {
    let key = Hmac::<Sha256>::new_from_slice(tokens::SECRET)?;
    let signed = tokens::signing_input(token)?.to_owned();
    Ok(Case::new(name, move || key.clone().chain_update(&signed).finalize()))
}

fn accept(name: &str, auth: &Auth, token: &str) -> Result<Case<'static>, BoxError> {
    auth.verify_signature_and_claims(token, Purpose::Access).map_err(|error| format!("{name}: {error}"))?;
    Ok(verify(name, auth, token))
}

fn refuse(name: &str, auth: &Auth, token: &str, reason: &str) -> Result<Case<'static>, BoxError> {
    match auth.verify_signature_and_claims(token, Purpose::Access) {
        Err(error) if error.reason() == reason => Ok(verify(name, auth, token)),
        other => Err(format!("{name}: {other:?}").into()),
    }
}

fn verify(name: &str, auth: &Auth, token: &str) -> Case<'static> {
    let (auth, token) = (auth.clone(), token.to_owned());
    Case::new(name, move || auth.verify_signature_and_claims(&token, Purpose::Access))
}

fn pass(name: &str, guard: Guard<User>, request: Request) -> Result<Case<'static>, BoxError> {
    let enter = move || at_once(guard.check(guard.read(&request, None)));
    enter().ok_or("the loader waits")??;
    Ok(Case::new(name, enter))
}

/// As [`pass`], for a request that another guard has let in before.
fn pass_again(name: &str, guard: Guard<User>, request: Request) -> Result<Case<'static>, BoxError> {
    let earlier = at_once(guard.check(guard.read(&request, None))).ok_or("the loader waits")??;
    Ok(Case::new(name, move || at_once(guard.check(guard.read(&request, Some(&earlier))))))
}

fn turn_away(name: &str, guard: Guard<User>, request: Request) -> Result<Case<'static>, BoxError> {
    let answer = move || {
        let rejection = at_once(guard.check(guard.read(&request, None)))?.err()?;
        Some(guard.refuse(&rejection, &request))
    };
    answer().ok_or("a forged token was let in")?;
    Ok(Case::new(name, answer))
}

fn config() -> AuthConfigBuilder {
    AuthConfig::builder().issuer(tokens::ISSUER).audience(tokens::AUDIENCE)
}

fn provider(config: AuthConfig) -> Result<Auth, BoxError> {
    Ok(builder(config).build()?)
}

/// With a store in memory that is asked whether the token was taken back; another token was.
fn revocable(config: AuthConfig) -> Result<Auth, BoxError> {
    let store = MemoryStore::builder().remembers_since(Timestamp::from_unix_seconds(0)).build();
    let auth = builder(config).revocation_store(store).build()?;
    at_once(auth.revoke("alice", &[RevocationTarget::TokenId("another")])).ok_or("the store waits")??;
    Ok(auth)
}

fn builder(config: AuthConfig) -> AuthProviderBuilder<User> {
    let user = Arc::new(User { roles: tokens::ROLES.map(str::to_owned).into() });
    let load = move |_| {
        let user = Arc::clone(&user);
        async { Ok::<_, Infallible>(Some(user)) }
    };
    AuthProvider::builder(config).user_loader(load).without_password_login().danger_stateless()
}

struct User {
    roles: Vec<String>,
}

impl AuthUser for User {
    fn subject(&self) -> impl AsRef<str> {
        tokens::SUBJECT
    }

    fn password_hash(&self) -> Option<&str> {
        None
    }

    fn is_active(&self) -> bool {
        true
    }

    fn roles(&self) -> impl IntoIterator<Item: AsRef<str>> {
        &self.roles
    }
}

/// What an application would have `jsonwebtoken` read.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Claims {
    sub: String,
    jti: String,
    iat: u64,
    exp: u64,
    iss: String,
    aud: String,
    token_type: String,
    roles: Vec<String>,
    scopes: Vec<String>,
}

impl Claims {
    fn standard() -> Result<Self, BoxError> {
        let iat = tokens::now()?;
        Ok(Self {
            sub: tokens::SUBJECT.to_owned(),
            jti: tokens::TOKEN_ID.to_owned(),
            iat,
            exp: iat + tokens::LIFETIME,
            iss: tokens::ISSUER.to_owned(),
            aud: tokens::AUDIENCE.to_owned(),
            token_type: "access".to_owned(),
            roles: tokens::ROLES.map(str::to_owned).into(),
            scopes: tokens::SCOPES.map(str::to_owned).into(),
        })
    }
}
