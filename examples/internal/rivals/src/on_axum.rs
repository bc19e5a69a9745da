//! axum 0.8.

mod applications;
mod login;
mod protect;
mod tutorial;

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Uri, header},
    response::Response,
};
use measure::Case;
use tower::Service;

pub(crate) use applications::{guarded, hand_written, open};

use crate::{
    Result,
    backend::Backend,
    in_process::{Answers, Comparison, Role, judge_once, now},
    part::Part,
    provider::{Counts, counting_provider, provider},
    token::Tokens,
};

/// Measures whole requests.
pub(crate) fn part() -> Result<Part> {
    Backend::install_requested()?;
    let mut part = crate::in_process::part("axum", cases()?)?;
    let counts = Arc::new(Counts::default());
    let (one, other) = (counting_provider(&counts)?, counting_provider(&counts)?);
    let bearer = with_bearer(&Tokens::mint()?.good)?;
    let count = |mut app: Router| {
        counts.take();
        now(app.call(request(&bearer))).map(|_| counts.take())
    };
    let (guarded, by_two) = (count(guarded(&one, &one))?, count(guarded(&one, &other))?);
    judge_once(&mut part, guarded, by_two);
    Ok(part)
}

/// Everything that is compared.
pub(crate) fn cases() -> Result<Comparison> {
    let tokens = Tokens::mint()?;
    let bearer = with_bearer(&tokens.good)?;
    let auth = provider()?;
    let mut all = Comparison::with_floor("axum", &tokens);
    all.add(Role::Own, "open", open_case("axum/open", open(), &bearer));
    let mut guard = |role, name, app: Router| {
        let case = guarded_case(&format!("axum/{name}"), app, &bearer);
        all.add(role, name, case.map(|case| case.against("axum/open")));
    };
    guard(Role::Own, "hand-written", hand_written());
    guard(Role::Own, "fauth extractor", applications::extracted(&auth));
    guard(Role::Own, "fauth guard", guarded(&auth, &auth));
    guard(Role::Rival, "from_fn + Extension", tutorial::app());
    guard(Role::Rival, "protect-axum 0.2", protect::app());
    let secure = guarded_case("axum/fauth secure router", applications::secure(&auth), &bearer);
    all.add(Role::Own, "fauth secure router", secure.map(|case| case.against("axum/open")));
    add_login(&mut all);
    all.leave_out("jwt-authorizer 0.15: not measured: it is for axum 0.7");
    for (name, token) in [
        ("forged", &tokens.forged),
        ("stray character", &tokens.stray),
        ("oversized", &tokens.oversized),
        ("2 000 header members", &tokens.members),
    ] {
        let name = format!("fauth guard refuses: {name}");
        let case = refused_case(&format!("axum/{name}"), guarded(&auth, &auth), token);
        all.add(Role::Information, &name, case.map(|case| case.against("axum/open")));
    }
    Ok(all)
}

/// A session needs its cookie, and the open route to compare with gets it too.
fn add_login(all: &mut Comparison) {
    const NAME: &str = "axum-login 0.18, session in memory";
    match login::app() {
        Ok((app, cookie)) => {
            let headers = common([(header::COOKIE, cookie)]);
            all.add(Role::Information, "open, cookie", open_case("axum/open, cookie", open(), &headers));
            let case = guarded_case(&format!("axum/{NAME}"), app, &headers);
            all.add(Role::Rival, NAME, case.map(|case| case.against("axum/open, cookie")));
        }
        Err(error) => all.leave_out(&format!("{NAME}: not measured: {error}")),
    }
}

/// Any service that answers a request: a router, or a group as a whole.
trait App: Service<Request, Response = Response, Error = Infallible> + Clone + 'static {}

impl<S: Service<Request, Response = Response, Error = Infallible> + Clone + 'static> App for S {}

fn open_case(name: &str, app: impl App, headers: &HeaderMap) -> Result<Case<'static>> {
    answers(app.clone(), headers)?.of_an_open_route()?;
    Ok(case(name, app, headers))
}

fn guarded_case(name: &str, app: impl App, headers: &HeaderMap) -> Result<Case<'static>> {
    answers(app.clone(), headers)?.of_a_guard()?;
    Ok(case(name, app, headers))
}

fn refused_case(name: &str, app: impl App, token: &str) -> Result<Case<'static>> {
    let headers = with_bearer(token)?;
    answers(app.clone(), &headers)?.of_a_refusal()?;
    Ok(case(name, app, &headers))
}

fn case(name: &str, mut app: impl App, headers: &HeaderMap) -> Case<'static> {
    let headers = headers.clone();
    Case::new(name, move || now(app.call(request(&headers))))
}

fn answers(mut app: impl App, headers: &HeaderMap) -> Result<Answers> {
    let with = now(app.call(request(headers)))?.status().as_u16();
    let without = now(app.call(request(&common([]))))?.status().as_u16();
    Ok(Answers { with, without })
}

/// The same for every case: `GET /` with these headers.
fn request(headers: &HeaderMap) -> Request {
    let mut request = Request::new(Body::empty());
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
