//! poem 3.

mod applications;
mod grants;

use std::sync::Arc;

use measure::Case;
use poem::{
    Endpoint as _, Request, Response,
    endpoint::BoxEndpoint,
    http::{HeaderMap, HeaderName, HeaderValue, Uri, header},
};

pub(crate) use applications::{guarded, hand_written, open};

use crate::{
    Result,
    backend::Backend,
    in_process::{Answers, Comparison, Role, judge_once, now},
    part::Part,
    provider::{Counts, counting_provider, provider},
    token::Tokens,
};

/// Every application is boxed, so that none is compiled into something quicker than the others.
pub(crate) type App = BoxEndpoint<'static, Response>;

/// Measures whole requests.
pub(crate) fn part() -> Result<Part> {
    Backend::install_requested()?;
    let mut part = crate::in_process::part("poem", cases()?)?;
    let counts = Arc::new(Counts::default());
    let (one, other) = (counting_provider(&counts)?, counting_provider(&counts)?);
    let bearer = with_bearer(&Tokens::mint()?.good)?;
    let count = |app: App| {
        counts.take();
        now(app.call(request(&bearer))).map(|_| counts.take())
    };
    let (alone, by_two) = (count(guarded(&one, None))?, count(guarded(&one, Some(&other)))?);
    judge_once(&mut part, alone, by_two);
    Ok(part)
}

/// Everything that is compared.
pub(crate) fn cases() -> Result<Comparison> {
    let tokens = Tokens::mint()?;
    let bearer = with_bearer(&tokens.good)?;
    let auth = provider()?;
    let mut all = Comparison::with_floor("poem", &tokens);
    let open = open();
    let checked = answers(&open, &bearer).of_an_open_route();
    all.add(Role::Own, "open", checked.map(|()| case("poem/open", open, &bearer)));
    let mut guard = |role, name: &str, app: App| {
        let case = guarded_case(&format!("poem/{name}"), app, &bearer);
        all.add(role, name, case.map(|case| case.against("poem/open")));
    };
    guard(Role::Own, "hand-written", hand_written());
    guard(Role::Own, "fauth extractor", applications::extracted(&auth));
    guard(Role::Own, "fauth guard", guarded(&auth, None));
    guard(Role::Own, "fauth secure route", applications::secure(&auth));
    guard(Role::Rival, "poem-grants 3.0", grants::app());
    for (name, token) in [
        ("forged", &tokens.forged),
        ("stray character", &tokens.stray),
        ("oversized", &tokens.oversized),
        ("2 000 header members", &tokens.members),
    ] {
        let name = format!("fauth guard refuses: {name}");
        let case = refused_case(&format!("poem/{name}"), guarded(&auth, None), token);
        all.add(Role::Information, &name, case.map(|case| case.against("poem/open")));
    }
    Ok(all)
}

fn guarded_case(name: &str, app: App, headers: &HeaderMap) -> Result<Case<'static>> {
    answers(&app, headers).of_a_guard()?;
    Ok(case(name, app, headers))
}

fn refused_case(name: &str, app: App, token: &str) -> Result<Case<'static>> {
    let headers = with_bearer(token)?;
    answers(&app, &headers).of_a_refusal()?;
    Ok(case(name, app, &headers))
}

fn case(name: &str, app: App, headers: &HeaderMap) -> Case<'static> {
    let headers = headers.clone();
    Case::new(name, move || now(app.call(request(&headers))))
}

fn answers(app: &App, headers: &HeaderMap) -> Answers {
    let status = |headers| now(app.get_response(request(headers))).status().as_u16();
    Answers { with: status(headers), without: status(&common([])) }
}

/// The same for every case: `GET /` with these headers.
fn request(headers: &HeaderMap) -> Request {
    let mut request = Request::default();
    *request.uri_mut() = Uri::from_static("/");
    *request.headers_mut() = headers.clone();
    request
}

fn with_bearer(token: &str) -> Result<HeaderMap> {
    Ok(common([(header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}"))?)]))
}

/// What every request carries, and more.
fn common<const N: usize>(more: [(HeaderName, HeaderValue); N]) -> HeaderMap {
    let always = [
        (header::HOST, HeaderValue::from_static("localhost")),
        (header::USER_AGENT, HeaderValue::from_static("rivals")),
        (header::ACCEPT, HeaderValue::from_static("*/*")),
    ];
    always.into_iter().chain(more).collect()
}
