//! What an `OpenAPI` document says of guards and of the ready-made endpoints, as JSON.
//!
//! Adapters put it into the document of their framework. Nothing of it is repeated in handlers: it
//! comes from the same [`Guard`](crate::Guard) that decides about requests.
//!
//! | in the document | from |
//! |---|---|
//! | `security` of an operation: one alternative for each way a credential may travel, and an empty one where a user is optional | [`Transport::describe`](crate::transport::Transport::describe) |
//! | `x-requirement` of an operation: roles, permissions, scopes and the rest | [`Access::to_json`](crate::access::Access::to_json) |
//! | the answers 400, 401, 403 and 503, as far as the guard gives them | [`Security::of`] |
//! | the schema of their body | [`Renderer::describe`](crate::rejection::Renderer::describe) |
//! | the ready-made endpoints | [`endpoints`] |
//! | `components.securitySchemes` | [`Description::complete`] |
//!
//! Scopes stand beside the alternative that can ask for them, the login by password. `OpenAPI` 3.0
//! allows no scopes beside a bearer token or a cookie, and 3.1 gives them no meaning there.
//!
//! 429 is not listed: no guard answers it.
//!
//! Names of schemes begin with the name of the application, such as `shop-bearer`, so that the
//! providers of several applications may stand in one document.

mod combine;
mod description;
mod endpoints;
mod schemas;
mod schemes;
mod security;
#[cfg(feature = "utoipa")]
pub mod utoipa;

pub use description::Description;
pub use endpoints::{Endpoints, endpoints};
pub use security::{Alternative, Security};

/// The member of an operation that holds what is required, as
/// [`Access::to_json`](crate::access::Access::to_json) writes it.
pub const REQUIREMENT: &str = "x-requirement";

/// The members of a path item that are operations.
const METHODS: [&str; 9] = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];

/// The path of a route as documents write it: a parameter is a name in braces.
///
/// ```
/// use fauth_core::openapi::template;
///
/// assert_eq!(template("/users/{id}"), "/users/{id}"); // axum, actix-web
/// assert_eq!(template("/users/{id:[0-9]{1,9}}/x"), "/users/{id}/x"); // actix-web
/// assert_eq!(template("/files/{tail}*"), "/files/{tail}"); // actix-web
/// assert_eq!(template("/files/{*rest}"), "/files/{rest}"); // axum
/// assert_eq!(template("/users/:id/files/*rest"), "/users/{id}/files/{rest}"); // poem
/// assert_eq!(template("/users/:id<\\d+>"), "/users/{id}"); // poem
/// ```
#[must_use]
pub fn template(route: &str) -> String {
    let mut path = String::with_capacity(route.len());
    let mut rest = route;
    while let Some(first) = rest.chars().next() {
        let (text, length) = if first == '{' { braced(rest) } else { plain(rest, path.ends_with('/')) };
        path.push_str(&text);
        rest = rest.get(length..).unwrap_or_default();
    }
    path
}

/// A parameter in braces, and how much of the route it takes. Its pattern may hold braces too.
fn braced(route: &str) -> (String, usize) {
    let mut depth = 0_usize;
    let end = route.char_indices().find_map(|(at, c)| {
        depth = match c {
            '{' => depth + 1,
            '}' => depth.saturating_sub(1),
            _ => depth,
        };
        (depth == 0).then_some(at)
    });
    let Some(end) = end else { return (route.to_owned(), route.len()) };
    let inside = route.get(1..end).unwrap_or_default();
    let name = inside.split(':').next().unwrap_or_default().trim_start_matches('*');
    let is_tail = route.get(end + 1..) == Some("*");
    (format!("{{{name}}}"), end + 1 + usize::from(is_tail))
}

/// One segment of the other form, or what leads to the next slash or brace.
fn plain(route: &str, begins_segment: bool) -> (String, usize) {
    let marked = route.strip_prefix([':', '*']).filter(|_| begins_segment);
    let Some(marked) = marked else {
        let mut previous = None;
        let next = route.char_indices().find(|(_, c)| {
            let is_next = previous.is_some_and(|previous| previous == '/' || *c == '{');
            previous = Some(*c);
            is_next
        });
        let length = next.map_or(route.len(), |(at, _)| at);
        return (route.get(..length).unwrap_or_default().to_owned(), length);
    };
    let length = marked.find('/').unwrap_or(marked.len());
    let name = marked.get(..length).and_then(|segment| segment.split('<').next()).unwrap_or_default();
    (format!("{{{name}}}"), length + 1)
}
