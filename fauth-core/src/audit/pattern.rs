//! Patterns: the requests that a route path stands for, as far as two of them must be compared.
//!
//! A comparison may report that two patterns share a path although they do not (regular expressions
//! are not parsed), but never the opposite.

/// One part of a path between two slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Text(Box<str>),
    /// Starts with this text and continues with a parameter.
    Partly(Box<str>),
    /// A parameter.
    Any,
    /// An expression that may also match slashes, and so everything that follows.
    Expression,
    /// Everything that follows, including nothing.
    Rest,
}

/// The path of a route, or everything under a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    segments: Vec<Segment>,
    is_prefix: bool,
}

impl Pattern {
    /// The pattern of a route: this path exactly.
    pub(super) fn of_route(path: &str) -> Self {
        Self { segments: segments(path.strip_prefix('/').unwrap_or(path)), is_prefix: false }
    }

    /// The pattern of a mount: this path and everything below it. A trailing slash has no meaning.
    pub(super) fn of_prefix(path: &str) -> Self {
        let path = path.trim_matches('/');
        Self::of_mount(if path.is_empty() { Vec::new() } else { segments(path) })
    }

    /// The same with a significant trailing slash: `/admin/` is `/admin/` and `/admin//x`, but not
    /// `/admin/x`.
    pub(super) fn of_literal_prefix(path: &str) -> Self {
        Self::of_mount(path.strip_prefix('/').map(segments).unwrap_or_default())
    }

    fn of_mount(mut segments: Vec<Segment>) -> Self {
        if segments.last() != Some(&Segment::Rest) {
            segments.push(Segment::Rest);
        }
        Self { segments, is_prefix: true }
    }

    /// Returns whether both match a common path.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let (mut own, mut others) = (self.segments.iter(), other.segments.iter());
        loop {
            return match (own.next(), others.next()) {
                (Some(Segment::Rest | Segment::Expression), _)
                | (_, Some(Segment::Rest | Segment::Expression))
                | (None, None) => true,
                (Some(own), Some(other)) if own.shares_text_with(other) => continue,
                _ => false,
            };
        }
    }

    /// Returns whether it matches every path that the other matches.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let (mut own, mut others) = (self.segments.iter(), other.segments.iter());
        loop {
            return match (own.next(), others.next()) {
                // `/admin/{*rest}` does not match `/admin`, but the prefix `/admin` does.
                (Some(Segment::Rest), None) => self.is_prefix,
                (Some(Segment::Rest), Some(Segment::Rest)) => self.is_prefix || !other.is_prefix,
                (Some(Segment::Rest), Some(_)) | (None, None) => true,
                (Some(Segment::Any), Some(Segment::Any)) => continue,
                // A part that starts with an expression may be empty.
                (Some(Segment::Any), Some(Segment::Partly(start))) if !start.is_empty() => continue,
                (Some(Segment::Any), Some(Segment::Text(text))) if !text.is_empty() => continue,
                (Some(own @ Segment::Text(_)), Some(other)) if own == other => continue,
                _ => false,
            };
        }
    }

    /// For two patterns that share a path: returns whether this one is more specific at the first
    /// difference. Text precedes an expression, an expression precedes a parameter, and a parameter
    /// precedes the rest of the path; but the rest precedes nothing at all if it `may_be_empty`.
    pub(super) fn is_more_specific_than(&self, other: &Self, rest_may_be_empty: bool) -> bool {
        let (mut own, mut others) = (self.segments.iter().peekable(), other.segments.iter().peekable());
        loop {
            return match (own.next(), others.next()) {
                (Some(first), Some(Segment::Rest))
                    if rest_may_be_empty && first.is_empty() && own.peek().is_none() =>
                {
                    false
                }
                (Some(Segment::Rest), Some(first))
                    if rest_may_be_empty && first.is_empty() && others.peek().is_none() =>
                {
                    true
                }
                (Some(Segment::Rest), Some(Segment::Rest)) | (_, None) => false,
                (Some(own), Some(other)) if own.rank() == other.rank() => continue,
                (Some(own), Some(other)) => own.rank() > other.rank(),
                (None, Some(_)) => true,
            };
        }
    }
}

impl Segment {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }

    fn shares_text_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(own), Self::Text(other)) => own == other,
            (Self::Text(text), Self::Partly(start)) | (Self::Partly(start), Self::Text(text)) => {
                text.starts_with(&**start)
            }
            (Self::Partly(own), Self::Partly(other)) => {
                own.starts_with(&**other) || other.starts_with(&**own)
            }
            (Self::Any, Self::Text(text)) | (Self::Text(text), Self::Any) => !text.is_empty(),
            _ => true,
        }
    }

    /// Kinds in the order in which routers try them; within one kind, longer text first.
    fn rank(&self) -> (u8, usize) {
        match self {
            Self::Text(_) => (3, 0),
            Self::Partly(start) => (2, start.len()),
            Self::Expression => (2, 0),
            Self::Any => (1, 0),
            Self::Rest => (0, 0),
        }
    }
}

/// The rest of a path must be the last segment. With something behind it, it is an expression.
fn segments(path: &str) -> Vec<Segment> {
    let mut segments: Vec<_> = split(path).map(segment).collect();
    let before_last = segments.len().saturating_sub(1);
    for early in segments.iter_mut().take(before_last).filter(|segment| **segment == Segment::Rest) {
        *early = Segment::Expression;
    }
    segments
}

/// Splits at slashes outside braces, because a regular expression may hold some.
fn split(path: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    path.split(move |character| {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == '/' && depth == 0
    })
}

fn segment(part: &str) -> Segment {
    let Some((start, parameter)) = part.split_once('{') else { return Segment::Text(part.into()) };
    let expression = parameter.split_once(':').map(|(_, expression)| expression);
    let is_rest = parameter.starts_with('*') || part.ends_with("}*");
    if start.is_empty() && (is_rest || expression == Some(".*}")) {
        return Segment::Rest;
    }
    if is_rest || expression.is_some_and(may_cross_a_slash) {
        return Segment::Expression;
    }
    if start.is_empty() && expression.is_none() && parameter.find('}') == Some(parameter.len() - 1) {
        return Segment::Any;
    }
    Segment::Partly(start.into())
}

fn may_cross_a_slash(expression: &str) -> bool {
    expression.contains(['.', '/', '^'])
        || ["\\D", "\\W", "\\S", "\\P"].iter().any(|class| expression.contains(class))
}

/// Converts a path with `:name`, `:name<expression>` and `*name` into one with braces. Repeated
/// slashes become one, and a leading slash is added.
#[must_use]
pub fn braced(path: &str) -> String {
    let mut braced = String::from("/");
    let mut rest = path;
    while let Some(character) = rest.chars().next() {
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
        match character {
            '/' if braced.ends_with('/') => {}
            ':' => {
                let (name, after) = split_at_any(rest, &['/', '<', '*']);
                let (expression, after) = expression_of(after);
                rest = after;
                let colon = if expression.is_empty() { "" } else { ":" };
                braced.extend(["{", name, colon, expression, "}"]);
            }
            '<' => {
                let (expression, after) = split_at_any(rest, &['>']);
                rest = after.strip_prefix('>').unwrap_or(after);
                braced.extend(["{:", expression, "}"]);
            }
            '*' => {
                braced.extend(if rest.is_empty() { ["*", "", ""] } else { ["{*", rest, "}"] });
                rest = "";
            }
            other => braced.push(other),
        }
    }
    braced
}

fn split_at_any<'a>(text: &'a str, ends: &[char]) -> (&'a str, &'a str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// The expression in angle brackets at the start of a text, and the rest.
fn expression_of(text: &str) -> (&str, &str) {
    text.strip_prefix('<').and_then(|text| text.split_once('>')).unwrap_or(("", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str) -> Pattern {
        Pattern::of_route(path)
    }

    fn prefix(path: &str) -> Pattern {
        Pattern::of_prefix(path)
    }

    #[track_caller]
    fn overlap(one: &Pattern, other: &Pattern) -> bool {
        assert_eq!(one.overlaps(other), other.overlaps(one), "{one:?} and {other:?}");
        one.overlaps(other)
    }

    #[test]
    fn which_paths_overlap() {
        for inside in
            ["/admin", "/admin/", "/admin/x", "/admin/{id}", "/{any}", "/{any}/x", "/{*rest}", "/adm{x}"]
        {
            assert!(overlap(&route(inside), &prefix("/admin")), "{inside}");
        }
        for outside in ["/", "", "/administration", "/x/admin", "/b{x}", "/Admin"] {
            assert!(!overlap(&route(outside), &prefix("/admin")), "{outside}");
        }
        assert!(overlap(&route("/{p:.*}/health"), &prefix("/admin")));
        assert!(overlap(&route("/{id:\\d{4}}/x"), &prefix("/1999")));
        assert!(overlap(&prefix(""), &prefix("/admin")) && overlap(&prefix("/"), &route("/")));
        assert!(overlap(&prefix("/{tenant}/admin"), &route("/acme/admin/x")));
        assert!(!overlap(&prefix("/{tenant}/admin"), &route("/acme/users")));
    }

    #[test]
    fn which_paths_cover_others() {
        assert!(prefix("/admin").covers(&route("/admin/x")) && prefix("/admin").covers(&route("/admin")));
        assert!(!prefix("/admin").covers(&route("/{any}")) && !prefix("/admin").covers(&route("/{*rest}")));
        assert!(route("/{a}").covers(&route("/x")) && !route("/x").covers(&route("/{a}")));
        assert!(!route("/{a}").covers(&route("/")) && !route("/{a:\\d}").covers(&route("/x")));
        assert!(!route("/x").covers(&prefix("/x")) && prefix("/").covers(&prefix("/x")));
        for all in ["/{*rest}", "/{rest:.*}", "/{rest}*"] {
            assert!(route(all).covers(&prefix("/x")), "{all}");
        }
        assert!(!route("/x/{*rest}").covers(&prefix("/x")) && !route("/x/{*rest}").covers(&route("/x")));
        assert!(
            route("/x/{*rest}").covers(&route("/x/{all:.*}")) && prefix("/x").covers(&route("/x/{*rest}"))
        );
        assert!(!route("/{a}").covers(&route("/{b:[0-9]*}")) && route("/{a}").covers(&route("/v{b}")));
        for part in ["/{rest:.*}/x", "/{rest:a.*}", "/a{rest:.*}", "/a{rest}*", "/a{*rest}"] {
            assert!(!route(part).covers(&prefix("/x")) && route(part).overlaps(&prefix("/a")), "{part}");
        }
    }

    #[test]
    fn a_slash_at_the_end_of_a_literal_prefix_counts() {
        for path in ["/admin/", "/"] {
            let literal = Pattern::of_literal_prefix(path);
            for beside in ["/admin/users", "/admin", "/admin/{id}"] {
                assert!(
                    !literal.covers(&route(beside)) && !literal.overlaps(&prefix("/admin/users")),
                    "{beside}"
                );
            }
            assert!(literal.covers(&route(path)) && literal.covers(&route(&format!("{path}/x"))));
            assert!(prefix(path).covers(&route("/admin/users")));
        }
        for path in ["", "/admin"] {
            assert_eq!(Pattern::of_literal_prefix(path), prefix(path));
        }
    }

    #[test]
    fn which_path_is_more_specific() {
        let group = prefix("/admin");
        for rest_may_be_empty in [true, false] {
            let wins = |one: &Pattern, other: &Pattern| one.is_more_specific_than(other, rest_may_be_empty);
            for past in ["/admin/x", "/admin/{id}", "/admin/x/", "/admin/x{id}", "/admin/{id:.*}/x"] {
                assert!(wins(&route(past), &group) && !wins(&group, &route(past)), "{past}");
            }
            for behind in ["/{any}/x", "/{*rest}", "/adm{x}/y", "/{id:[a-z]+}/x", "/{id:.+}"] {
                assert!(!wins(&route(behind), &group) && wins(&group, &route(behind)), "{behind}");
            }
            let of_tenant = prefix("/{tenant}/admin");
            assert!(wins(&route("/acme/{*rest}"), &of_tenant));
            assert!(!wins(&of_tenant, &route("/acme/{*rest}")));
            assert!(!wins(&group, &group));
            for (path, rest) in [("/", "/{*rest}"), ("/admin/", "/admin/{*rest}")] {
                assert_eq!(wins(&route(path), &route(rest)), !rest_may_be_empty);
                assert_eq!(wins(&route(rest), &route(path)), rest_may_be_empty);
            }
        }
    }

    #[test]
    fn paths_with_colons_get_braces() {
        for (colons, braces) in [
            ("/sessions/:sid", "/sessions/{sid}"),
            ("//a//:b<\\d+>/c", "/a/{b:\\d+}/c"),
            ("a/<[a-z]+>", "/a/{:[a-z]+}"),
            ("/a:b", "/a{b}"),
            ("/files/*path", "/files/{*path}"),
            ("/*", "/*"),
            ("/{id}", "/{id}"),
            ("", "/"),
            ("/ü/:ä", "/ü/{ä}"),
        ] {
            assert_eq!(braced(colons), braces);
        }
    }
}
