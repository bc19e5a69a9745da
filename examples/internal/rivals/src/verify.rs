//! Tokens alone: verifying, issuing, refusing.

use std::{
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use aws_lc_rs::hmac as aws;
use fauth_core::{AuthProvider, Purpose, TokenRequest};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use measure::{Case, Counter, Effort, Measured, measure};
use sha2::Sha256;

use crate::{
    Result, backend,
    backend::Backend,
    hand::Jwt,
    measuring::measured,
    part::Part,
    provider::{User, patient_provider, provider},
    table::{count, head, optional, table},
    token::{Claims, ROLES, SCOPES, SECRET, SUBJECT, Tokens},
};

const DECODE: &str = "token/jsonwebtoken decode";
const ENCODE: &str = "token/jsonwebtoken encode";
const VERIFY: &str = "token/fauth verify";
const ISSUE: &str = "token/fauth issue, with its request";
const REQUEST: &str = "token/fauth request to issue";
const FLOOR_AWS: &str = "token/HMAC alone, aws-lc-rs";
const FLOOR_RUST: &str = "token/HMAC alone, RustCrypto";

/// What `jsonwebtoken` needs with the backend of this process.
pub(crate) fn probe() -> Result<Part> {
    Backend::install_requested()?;
    let tokens = Tokens::mint()?;
    let mut part = Part::default();
    for one in measure(&mut [decode(&tokens), encoding()?], Effort::Normal) {
        part.numbers.insert(one.name, one.min_ns);
    }
    Ok(part)
}

/// What a probe has found: nanoseconds to decode and to encode.
pub(crate) fn probed(part: &Part) -> Option<(f64, f64)> {
    Some((*part.numbers.get(DECODE)?, *part.numbers.get(ENCODE)?))
}

/// Measures everything about tokens.
pub(crate) fn part() -> Result<Part> {
    Backend::install_requested()?;
    let measured = measured(&mut cases()?)?;
    let mut part = Part::default();
    judge_verification(&mut part, &measured);
    judge_issue(&mut part, &measured);
    judge_refusals(&mut part, &measured);
    part.say("tokens (HS256, 465 bytes, 421 of them signed)");
    part.say(table_of(&measured));
    part.say(profile(&measured));
    Ok(part)
}

/// Everything that is measured about tokens.
pub(crate) fn cases() -> Result<Vec<Case<'static>>> {
    let tokens = Tokens::mint()?;
    let auth = provider()?;
    let patient = patient_provider()?;
    let mut cases = vec![
        decode(&tokens),
        accepting(&auth, &tokens)?,
        floor(FLOOR_AWS, Backend::AwsLc, &tokens)?.against(DECODE),
        floor(FLOOR_RUST, Backend::RustCrypto, &tokens)?.against(DECODE),
        encoding()?,
        Case::new(ISSUE, {
            let auth = auth.clone();
            move || at_once(auth.issue(Purpose::Access, request()))
        })
        .against(ENCODE),
        Case::new(REQUEST, request),
    ];
    for (name, token) in [
        ("refuse, malformed: stray character", &tokens.stray),
        ("refuse, malformed: no dot", &tokens.undotted),
        ("refuse, forged", &tokens.forged),
        ("refuse, forged: foreign header", &tokens.forged_header),
        ("refuse, oversized: one byte", &tokens.oversized),
        ("refuse, members: 2 000, 41 KB", &tokens.members),
    ] {
        cases.push(refusing(name, &auth, token)?);
    }
    cases.push(refusing("(64 KiB allowed) refuse, members: 2 000, 41 KB", &patient, &tokens.members)?);
    Ok(cases)
}

fn decode(tokens: &Tokens) -> Case<'static> {
    let (jwt, token) = (Jwt::new(), tokens.good.clone());
    Case::new(DECODE, move || jwt.claims(black_box(&token)))
}

fn encoding() -> Result<Case<'static>> {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let header = Header { typ: Some("at+jwt".to_owned()), ..Header::new(Algorithm::HS256) };
    // The id that fauth makes up for each token is shorter than that of the standard token.
    let claims = Claims { jti: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(), ..Claims::now()? };
    #[expect(clippy::disallowed_methods, reason = "this is the rival")]
    Ok(Case::new(ENCODE, move || encode(&header, black_box(&claims), &key)))
}

fn request() -> TokenRequest<'static> {
    TokenRequest::for_subject(SUBJECT).scopes(SCOPES).claim("roles", ROLES)
}

fn accepting(auth: &AuthProvider<User>, tokens: &Tokens) -> Result<Case<'static>> {
    let (auth, token) = (auth.clone(), tokens.good.clone());
    auth.verify_signature_and_claims(&token, Purpose::Access)?;
    Ok(Case::new(VERIFY, move || auth.verify_signature_and_claims(black_box(&token), Purpose::Access))
        .against(DECODE))
}

fn refusing(name: &str, auth: &AuthProvider<User>, token: &str) -> Result<Case<'static>> {
    let (auth, token) = (auth.clone(), token.to_owned());
    if auth.verify_signature_and_claims(&token, Purpose::Access).is_ok() {
        return Err(format!("a token is accepted: {name}").into());
    }
    let name = format!("token/{name}");
    Ok(Case::new(name, move || auth.verify_signature_and_claims(black_box(&token), Purpose::Access))
        .against(VERIFY))
}

/// Signing input and signature.
fn halves(tokens: &Tokens) -> Result<(String, Vec<u8>)> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let (signed, signature) = tokens.good.rsplit_once('.').ok_or("the token has no dot")?;
    Ok((signed.to_owned(), URL_SAFE_NO_PAD.decode(signature)?))
}

/// What no verification can do without: the HMAC of the signing input, with a prepared key.
pub(crate) fn floor(name: &str, backend: Backend, tokens: &Tokens) -> Result<Case<'static>> {
    let (signed, signature) = halves(tokens)?;
    match backend {
        Backend::AwsLc => {
            let key = aws::Key::new(aws::HMAC_SHA256, SECRET.as_bytes());
            let verify = move || aws::verify(&key, black_box(signed.as_bytes()), &signature);
            verify()?;
            Ok(Case::new(name, verify))
        }
        Backend::RustCrypto => {
            let key = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())?;
            let verify =
                move || key.clone().chain_update(black_box(signed.as_bytes())).verify_slice(&signature);
            verify()?;
            Ok(Case::new(name, verify))
        }
    }
}

fn find<'a>(measured: &'a [Measured], name: &str) -> Option<&'a Measured> {
    measured.iter().find(|one| one.name == name)
}

fn judge_verification(part: &mut Part, measured: &[Measured]) {
    let (Some(verify), Some(decode)) = (find(measured, VERIFY), find(measured, DECODE)) else { return };
    let ratio = verify.min_ns / decode.min_ns;
    let times = format!("{ratio:.2} x ({:.0} ns / {:.0} ns)", verify.min_ns, decode.min_ns);
    part.judge("verify-time", times, ratio <= 0.33);
    match (verify.instructions, Counter::detect()) {
        (Some(instructions), Some(counter)) => {
            let floor = own_floor(measured).and_then(|floor| floor.instructions);
            let rest = optional(floor.map(|floor| instructions - floor));
            let floor = optional(floor);
            let source = counter.name();
            let text =
                format!("{instructions:.0}, of which HMAC alone {floor}; {rest} without it ({source})");
            part.judge("verify-instructions", text, instructions <= 10_000.0);
        }
        _ => part.judge("verify-instructions", "not measured: neither perf nor callgrind works here", false),
    }
    part.judge("verify-allocations", count(verify.allocations), verify.allocations <= 2.0);
}

/// The time is judged with the request and its custom claim, because `encode` writes all claims
/// too. The allocations are those of `issue`, because the claims that `encode` is given have been
/// allocated before.
fn judge_issue(part: &mut Part, measured: &[Measured]) {
    let (Some(issue), Some(request), Some(encode)) =
        (find(measured, ISSUE), find(measured, REQUEST), find(measured, ENCODE))
    else {
        return;
    };
    let ratio = issue.min_ns / encode.min_ns;
    let times = format!("{ratio:.2} x ({:.0} ns / {:.0} ns)", issue.min_ns, encode.min_ns);
    part.judge("issue-time", times, ratio <= 0.60);
    let allocations = issue.allocations - request.allocations;
    let counts = format!("{}, and {} for the request", count(allocations), count(request.allocations));
    part.judge("issue-allocations", counts, allocations <= 2.0);
}

fn judge_refusals(part: &mut Part, measured: &[Measured]) {
    let Some(accept) = find(measured, VERIFY) else { return };
    for kind in ["malformed", "forged", "oversized", "members"] {
        let prefix = format!("token/refuse, {kind}");
        let of_this_kind = measured.iter().filter(|one| one.name.starts_with(&prefix));
        let worst = of_this_kind.map(|one| one.min_ns).fold(f64::NAN, f64::max);
        let ratio = worst / accept.min_ns;
        let times = format!("{ratio:.2} x ({worst:.0} ns / {:.0} ns)", accept.min_ns);
        part.judge(&format!("refuse-{kind}"), times, ratio <= 1.5);
    }
}

fn table_of(measured: &[Measured]) -> String {
    let mut rows = vec![head(["case", "min ns", "median ns", "instructions", "allocations", "ratio", "to"])];
    rows.extend(measured.iter().map(|one| {
        let base = one.base.as_deref();
        let ratio = base.and_then(|base| find(measured, base)).map(|base| one.min_ns / base.min_ns);
        vec![
            short(&one.name).to_owned(),
            format!("{:.0}", one.min_ns),
            format!("{:.0}", one.median_ns),
            optional(one.instructions),
            count(one.allocations),
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            short(base.unwrap_or_default()).to_owned(),
        ]
    }));
    table(&rows)
}

fn short(name: &str) -> &str {
    name.strip_prefix("token/").unwrap_or(name)
}

/// Why the absolute numbers are what they are.
fn profile(measured: &[Measured]) -> String {
    let (Some(verify), Some(floor)) = (find(measured, VERIFY), own_floor(measured)) else {
        return String::new();
    };
    let rest = verify.instructions.zip(floor.instructions).map(|(all, floor)| all - floor);
    format!(
        "Of fauth's verification, the HMAC of the signing input alone, by the same backend ({}), is {:.0} ns and {} \
         instructions; without it {:.0} ns and {} instructions are left.",
        backend::of_fauth().name(),
        floor.min_ns,
        optional(floor.instructions),
        verify.min_ns - floor.min_ns,
        optional(rest),
    )
}

/// The HMAC by the backend that fauth uses here.
fn own_floor(measured: &[Measured]) -> Option<&Measured> {
    find(measured, if backend::of_fauth() == Backend::AwsLc { FLOOR_AWS } else { FLOOR_RUST })
}

/// The output of a future that is ready at once, as issuing with a local key is.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
