//! Access tables: [`assert_access!`](crate::assert_access).

use std::{fmt, net::Ipv4Addr, pin::Pin};

use fauth_core::AuthUser;

use crate::{ApiKeyFor, LoginAs, RequestHeaders, TestAuth, TestClient, TestToken, TokenFor, WireRequest};

/// Asserts the access rules of an application: a table of routes and callers, with the expected
/// status in each cell.
///
/// ```
/// # #[cfg(feature = "axum")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # use axum::{Router, routing::{get, post}};
/// # use fauth_testing::{TestAuth, TestUser, Users, assert_access};
/// # use fauth_axum::{SecureRouter, require_user};
/// # use fauth_core::AuthProvider;
/// # fn routes(auth: &AuthProvider<TestUser>) -> Router {
/// #     let admins = SecureRouter::new(auth).require_roles(["admin"]);
/// #     Router::new()
/// #         .route("/", get(async || "home"))
/// #         .route("/notes", post(async || "noted").layer(require_user(auth)))
/// #         .nest_service("/admin", admins.route("/", get(async || "admin")))
/// # }
/// # let users = ["alice", "bob", "carol"].map(|name| Users::new().find(name));
/// let auth = TestAuth::new(users);
/// let app = routes(auth.provider());
///
/// assert_access!(auth, app, {
///     let attacker = auth.login_as("alice").cookie().from_foreign_site();
///
///     | route                       | anonymous | alice | bob | carol | attacker |
///     |-----------------------------|-----------|-------|-----|-------|----------|
///     | GET "/"                     |    200    |  200  | 200 |  200  |   200    |
///     | GET "/admin/"               |    401    |  200  | 403 |  401  |   200    |
///     | POST "/notes" (json!("hi")) |    401    |  200  | 200 |  401  |   403    |
/// });
/// # });
/// # use serde_json::json;
/// ```
///
/// # The table
/// - It begins with the [`TestAuth`](crate::TestAuth) and the application, which is any
///   [`TestClient`](crate::TestClient). The macro awaits: call it in an asynchronous test.
/// - A column is `anonymous`, a user of the `TestAuth` by its subject, or a name that a `let`
///   before the table binds to a [`LoginAs`](crate::LoginAs), a [`TokenFor`](crate::TokenFor), an
///   [`ApiKeyFor`](crate::ApiKeyFor), or [headers](crate::RequestHeaders). A `let` takes
///   precedence: use it to give `alice` cookies, or for a subject that is no identifier, as in `let
///   alice = auth.login_as("42");`. An unknown name makes the test fail.
/// - A row is a method, a path (a literal, or an expression in parentheses), and optionally a body
///   in parentheses: JSON as a `serde_json::Value`, or another [`RequestBody`].
/// - A cell is a status, or blank to send no request: put a space between the bars. A row with too
///   many or too few cells does not compile.
///
/// # The order
/// Requests are sent one after the other, row by row and from left to right, to the same
/// application. The user of each cell logs in anew, so a row such as `POST "/logout"` ends no login
/// of another cell. Changes that a request makes in the application remain for the cells after it:
/// after the first successful `DELETE "/notes/1"`, the next one answers 404. Put such rows last,
/// leave cells blank, or write a second table with an application of its own.
///
/// # Panics
/// If any cell is wrong. All cells are tried, and the message lists all wrong ones, with what each
/// response says about its cause.
#[macro_export]
macro_rules! assert_access {
    ($auth:expr, $app:expr, {
        $( let $name:ident = $visitor:expr; )*
        | route $( | $user:ident )+ |
        $( | $( - )+ )+ |
        $( | $method:ident $path:tt $( ( $body:expr ) )? $( | $( $status:literal )? )+ | )+
    }) => {{
        let outcome = $crate::access::check(
            &$auth,
            &$app,
            ::std::vec![ $( (::std::stringify!($name), $crate::access::Visitor::from($visitor)) ),* ],
            [ $( ::std::stringify!($user) ),+ ],
            ::std::vec![ $(
                $crate::access::Row::new(
                    ::std::stringify!($method),
                    &$path,
                    [ $( $crate::access::cell(&[ $( $status )? ]) ),+ ],
                ) $( .body($body) )?
            ),+ ],
        );
        if let ::std::result::Result::Err(report) = outcome.await {
            ::std::panic!("{report}");
        }
    }};
}

/// The caller of a column: logged in anew for each cell, or always with the same headers.
pub struct Visitor(Box<dyn Fn() -> Arriving>);

type Arriving = Pin<Box<dyn Future<Output = RequestHeaders>>>;

impl<U: AuthUser> From<LoginAs<U>> for Visitor {
    fn from(login: LoginAs<U>) -> Self {
        Self(Box::new(move || {
            let login = login.clone();
            Box::pin(async move { login.headers().await })
        }))
    }
}

impl<U: AuthUser> From<TokenFor<U>> for Visitor {
    fn from(token: TokenFor<U>) -> Self {
        Self(Box::new(move || {
            let token = token.clone();
            Box::pin(async move { token.issue().await.headers().clone() })
        }))
    }
}

impl<U: AuthUser> From<ApiKeyFor<U>> for Visitor {
    fn from(key: ApiKeyFor<U>) -> Self {
        Self(Box::new(move || {
            let key = key.clone();
            Box::pin(async move { key.make().await.headers().clone() })
        }))
    }
}

impl From<RequestHeaders> for Visitor {
    fn from(headers: RequestHeaders) -> Self {
        Self(Box::new(move || Box::pin(std::future::ready(headers.clone()))))
    }
}

impl From<TestToken> for Visitor {
    fn from(token: TestToken) -> Self {
        token.headers().clone().into()
    }
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visitor(..)")
    }
}

/// The body of a request, with its media type.
#[derive(Debug, Clone)]
pub struct RequestBody {
    content_type: String,
    bytes: Vec<u8>,
}

impl RequestBody {
    /// Creates a body of any type.
    pub fn new(content_type: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { content_type: content_type.into(), bytes: bytes.into() }
    }

    /// Creates a form, encoded as browsers encode it.
    pub fn form<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let pairs = fields.into_iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        Self::new("application/x-www-form-urlencoded", pairs.collect::<Vec<_>>().join("&"))
    }
}

impl RequestBody {
    pub(crate) fn into_parts(self) -> (String, Vec<u8>) {
        (self.content_type, self.bytes)
    }
}

impl From<serde_json::Value> for RequestBody {
    fn from(value: serde_json::Value) -> Self {
        Self::new("application/json", value.to_string())
    }
}

/// Percent-encodes every character that could have a meaning in a form.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// A row of a table, for the macro.
#[doc(hidden)]
#[derive(Debug)]
pub struct Row<const N: usize> {
    request: WireRequest,
    expected: [Option<u16>; N],
}

impl<const N: usize> Row<N> {
    /// Creates a row from the macro's input.
    pub fn new(method: &str, path: &(impl AsRef<str> + ?Sized), expected: [Option<u16>; N]) -> Self {
        // For applications that read the client address.
        let request = WireRequest::new(method, path.as_ref()).from_peer(Ipv4Addr::LOCALHOST);
        Self { request, expected }
    }

    /// Sets the body of its requests.
    #[must_use]
    pub fn body(mut self, body: impl Into<RequestBody>) -> Self {
        self.request = self.request.with_body(body);
        self
    }
}

/// A cell of a table, for the macro: a status or nothing.
#[doc(hidden)]
pub fn cell(status: &[u16]) -> Option<u16> {
    status.first().copied()
}

/// Sends the requests of a table, and reports the wrong cells. For the macro.
///
/// Its type contains none of the parameters, so that the compiler reports a wrong one only once.
///
/// # Errors
/// The message with which the test should fail.
#[doc(hidden)]
pub fn check<'a, const N: usize, U: AuthUser, Framework>(
    auth: &'a TestAuth<U>,
    app: &'a impl TestClient<Framework>,
    named: Vec<(&'static str, Visitor)>,
    columns: [&'static str; N],
    rows: Vec<Row<N>>,
) -> Pin<Box<dyn Future<Output = Result<(), String>> + 'a>> {
    Box::pin(async move {
        let visitors = visitors(auth, named, columns)?;
        let (mut wrong, mut sent) = (Vec::new(), 0_usize);
        for Row { request, expected } in rows {
            for ((column, visitor), expected) in columns.iter().zip(&visitors).zip(expected) {
                let Some(expected) = expected else { continue };
                let headers = visitor.0().await;
                let response = app.send(request.clone().with(&headers)).await;
                sent += 1;
                if response.status != expected {
                    let route = format!("{} {}", request.method, request.target);
                    let got = (response.status, said(&response.json(), &response.text()));
                    wrong.push(Wrong { route, column, expected, got });
                }
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(report(&wrong, sent)) }
    })
}

/// Returns a caller for each column.
fn visitors<U: AuthUser, const N: usize>(
    auth: &TestAuth<U>,
    mut named: Vec<(&'static str, Visitor)>,
    columns: [&'static str; N],
) -> Result<Vec<Visitor>, String> {
    let mut visitors = Vec::with_capacity(N);
    for (place, column) in columns.iter().enumerate() {
        if columns[..place].contains(column) {
            return Err(format!("assert_access!: there are two columns `{column}`"));
        }
        let own = named.iter().position(|(name, _)| name == column).map(|place| named.swap_remove(place).1);
        visitors.push(match own {
            Some(visitor) => visitor,
            None if *column == "anonymous" => auth.as_anonymous().into(),
            None => auth.visitor(column).ok_or_else(|| unknown(auth, column))?,
        });
    }
    match named.first() {
        Some((name, _)) => Err(format!("assert_access!: `let {name}` has no column in the table")),
        None => Ok(visitors),
    }
}

fn unknown<U: AuthUser>(auth: &TestAuth<U>, column: &str) -> String {
    format!(
        "assert_access!: nobody is called `{column}`: say `let {column} = …;` in front of the table, or take a user \
         of the TestAuth: {}",
        auth.users().names()
    )
}

struct Wrong<'a> {
    route: String,
    column: &'a str,
    expected: u16,
    got: (u16, String),
}

fn report(wrong: &[Wrong<'_>], sent: usize) -> String {
    let routes = wrong.iter().map(|cell| cell.route.chars().count()).fold("route".len(), usize::max);
    let users = wrong.iter().map(|cell| cell.column.chars().count()).fold("user".len(), usize::max);
    let mut text = format!(
        "assert_access!: {} of {sent} cells are wrong\n  {:routes$}  {:users$}  expected  got",
        wrong.len(),
        "route",
        "user"
    );
    for Wrong { route, column, expected, got: (status, said) } in wrong {
        let line = format!("\n  {route:routes$}  {column:users$}  {expected:8}  {status}  {said}");
        text.push_str(line.trim_end());
    }
    text
}

/// Returns what a response says about itself: the `detail` of a problem document, otherwise its
/// first words.
fn said(json: &serde_json::Value, text: &str) -> String {
    const ENOUGH: usize = 100;
    let detail = ["detail", "error_description", "error"].iter().find_map(|member| json[*member].as_str());
    let text = detail.unwrap_or(text).lines().next().unwrap_or_default();
    // A successful response may contain anything, tokens included.
    if json["access_token"].is_string() {
        return String::new();
    }
    match text.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_encoded() {
        let form = RequestBody::form([("name", "a b&c=ü"), ("x", "")]);
        assert_eq!(String::from_utf8(form.bytes).unwrap(), "name=a%20b%26c%3D%C3%BC&x=");
    }

    #[test]
    fn an_answer_is_quoted_in_short() {
        let quoted = |text: &str| said(&serde_json::from_str(text).unwrap_or_default(), text);
        assert_eq!(quoted(r#"{"detail": "Not enough", "error": "missing_role"}"#), "Not enough");
        assert_eq!(quoted(r#"{"error": "missing_role"}"#), "missing_role");
        assert_eq!(quoted("first\nsecond"), "first");
        assert_eq!(quoted(&"ü".repeat(101)), format!("{}…", "ü".repeat(100)));
        assert_eq!(quoted(r#"{"access_token": "secret"}"#), "");
    }
}
