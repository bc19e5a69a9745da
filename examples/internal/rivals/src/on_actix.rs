//! actix-web 4.

mod applications;
mod grants;
mod httpauth;
mod identity;
mod jwt_compact;

use std::sync::Arc;

use actix_http::Request;
use actix_web::{
    App, Error,
    dev::{Service, ServiceResponse},
    http::{
        Uri,
        header::{self, HeaderName, HeaderValue},
    },
    test::init_service,
    web::ServiceConfig,
};
use measure::Case;

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
    let mut part = crate::in_process::part("actix", cases()?)?;
    let counts = Arc::new(Counts::default());
    let (one, other) = (counting_provider(&counts)?, counting_provider(&counts)?);
    let bearer = with_bearer(&Tokens::mint()?.good)?;
    let count = |app: Configure| {
        let app = service(app);
        counts.take();
        now(app.call(request(&bearer))).map(|_| counts.take()).map_err(|error| error.to_string())
    };
    let alone = count(Box::new(guarded(&one, None)))?;
    let by_two = count(Box::new(guarded(&one, Some(&other))))?;
    judge_once(&mut part, alone, by_two);
    Ok(part)
}

/// Everything that is compared.
pub(crate) fn cases() -> Result<Comparison> {
    let tokens = Tokens::mint()?;
    let bearer = with_bearer(&tokens.good)?;
    let auth = provider()?;
    let mut all = Comparison::with_floor("actix", &tokens);
    all.add(Role::Own, "open", open_case("actix/open", &bearer));
    let mut guard = |role, name: &str, app: Configure| {
        let case = guarded_case(&format!("actix/{name}"), app, &bearer);
        all.add(role, name, case.map(|case| case.against("actix/open")));
    };
    guard(Role::Own, "hand-written", Box::new(hand_written));
    guard(Role::Own, "fauth extractor", Box::new(applications::extracted(&auth)));
    guard(Role::Own, "fauth guard", Box::new(guarded(&auth, None)));
    guard(Role::Own, "fauth secure scope", Box::new(applications::secure(&auth)));
    guard(Role::Rival, "actix-web-httpauth 0.8", Box::new(httpauth::app));
    guard(Role::Rival, "actix-web-grants 4.1", Box::new(grants::app));
    add_identity(&mut all);
    add_jwt_compact(&mut all, &tokens.good)?;
    for (name, token) in [
        ("forged", &tokens.forged),
        ("stray character", &tokens.stray),
        ("oversized", &tokens.oversized),
        ("2 000 header members", &tokens.members),
    ] {
        let name = format!("fauth guard refuses: {name}");
        let case = refused_case(&format!("actix/{name}"), Box::new(guarded(&auth, None)), token);
        all.add(Role::Information, &name, case.map(|case| case.against("actix/open")));
    }
    Ok(all)
}

/// A session needs its cookie, and the open route to compare with gets it too.
fn add_identity(all: &mut Comparison) {
    const NAME: &str = "actix-identity 0.9, session in a cookie";
    match identity::app() {
        Ok((app, cookie)) => {
            let headers = common([(header::COOKIE, cookie)]);
            all.add(Role::Information, "open, cookie", open_case("actix/open, cookie", &headers));
            let case = guarded_case(&format!("actix/{NAME}"), Box::new(app), &headers);
            all.add(Role::Rival, NAME, case.map(|case| case.against("actix/open, cookie")));
        }
        Err(error) => all.leave_out(&format!("{NAME}: not measured: {error}")),
    }
}

/// Its middleware keeps the word `Bearer` of an `Authorization` header in the token, so that it
/// gets the token in a header of its own.
fn add_jwt_compact(all: &mut Comparison, token: &str) -> Result<()> {
    const NAME: &str = "actix-jwt-auth-middleware 0.5, header of its own";
    let own_header = HeaderName::from_static(jwt_compact::HEADER);
    let headers = common([(own_header, HeaderValue::from_str(token)?)]);
    all.add(Role::Information, "open, header", open_case("actix/open, header", &headers));
    let case = guarded_case(&format!("actix/{NAME}"), Box::new(jwt_compact::app), &headers);
    all.add(Role::Rival, NAME, case.map(|case| case.against("actix/open, header")));
    Ok(())
}

/// What adds an application's routes.
type Configure = Box<dyn FnOnce(&mut ServiceConfig)>;
type Headers = Vec<(HeaderName, HeaderValue)>;

/// All applications are of one type, so that none is compiled into something quicker than the
/// others.
fn service(app: Configure) -> impl Service<Request, Response = ServiceResponse, Error = Error> {
    now(init_service(App::new().configure(app)))
}

fn open_case(name: &str, headers: &Headers) -> Result<Case<'static>> {
    answers(&service(Box::new(open)), headers).of_an_open_route()?;
    Ok(case(name, Box::new(open), headers))
}

fn guarded_case(name: &str, app: Configure, headers: &Headers) -> Result<Case<'static>> {
    let app = service(app);
    answers(&app, headers).of_a_guard()?;
    Ok(case_of(name, app, headers))
}

fn refused_case(name: &str, app: Configure, token: &str) -> Result<Case<'static>> {
    let (app, headers) = (service(app), with_bearer(token)?);
    answers(&app, &headers).of_a_refusal()?;
    Ok(case_of(name, app, &headers))
}

fn case(name: &str, app: Configure, headers: &Headers) -> Case<'static> {
    case_of(name, service(app), headers)
}

fn case_of(
    name: &str,
    app: impl Service<Request, Response = ServiceResponse, Error = Error> + 'static,
    headers: &Headers,
) -> Case<'static> {
    let headers = headers.clone();
    Case::new(name, move || now(app.call(request(&headers))))
}

fn answers(
    app: &impl Service<Request, Response = ServiceResponse, Error = Error>,
    headers: &Headers,
) -> Answers {
    // An error is what actix-web makes a response of in the end.
    let status = |headers: &Headers| match now(app.call(request(headers))) {
        Ok(response) => response.status().as_u16(),
        Err(error) => error.as_response_error().status_code().as_u16(),
    };
    Answers { with: status(headers), without: status(&common([])) }
}

/// The same for every case: `GET /` with these headers.
fn request(headers: &Headers) -> Request {
    let mut request = Request::new();
    *request.uri_mut() = Uri::from_static("/");
    for (name, value) in headers {
        request.headers_mut().insert(name.clone(), value.clone());
    }
    request
}

fn with_bearer(token: &str) -> Result<Headers> {
    Ok(common([(header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}"))?)]))
}

/// What every request carries, and more.
fn common<const N: usize>(more: [(HeaderName, HeaderValue); N]) -> Headers {
    let always = [
        (header::HOST, HeaderValue::from_static("localhost")),
        (header::USER_AGENT, HeaderValue::from_static("rivals")),
        (header::ACCEPT, HeaderValue::from_static("*/*")),
    ];
    always.into_iter().chain(more).collect()
}
