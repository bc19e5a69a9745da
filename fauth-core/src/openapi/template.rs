//! Path templates of documents.

/// Converts the path of a route into a path template: a parameter is a name in braces.
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

/// A parameter in braces, and how much of the route it takes. Its pattern may contain braces too.
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

/// One segment of the other form, or the text up to the next slash or brace.
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
