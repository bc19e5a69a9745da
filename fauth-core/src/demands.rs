//! Changes that a response needs because of the credential of its request, whatever the handler has
//! set.
//!
//! A handler's own headers are only ever made stricter. Adapters apply the
//! [changes](Demands::changes) and decide nothing.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    reply::{Reply, ResponseHeader},
    request::HeaderValues,
};

/// The headers of a response that a handler has created. Each adapter implements it for its
/// framework.
pub trait ResponseHead {
    /// Returns all values of a header, in order. `name` is in lower case.
    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a>;
}

/// A change of the headers of a response: a header to add, or to set in place of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderChange {
    header: ResponseHeader,
    replaces: bool,
}

impl HeaderChange {
    const fn set(header: ResponseHeader) -> Self {
        Self { header, replaces: true }
    }

    const fn add(header: ResponseHeader) -> Self {
        Self { header, replaces: false }
    }

    /// Returns the header to set.
    #[must_use]
    pub const fn header(&self) -> &ResponseHeader {
        &self.header
    }

    /// Returns whether it replaces all headers of its name. Otherwise it is added to them.
    #[must_use]
    pub const fn replaces(&self) -> bool {
        self.replaces
    }
}

/// What a response must contain because of the credential of its request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Demands {
    caching: Caching,
    varies: Varies,
    /// `Set-Cookie` headers that delete cookies, or set one that the client lacks; and the header
    /// fields of limits.
    adds: Vec<ResponseHeader>,
    /// Headers that may be known only once the handler is done.
    outbox: Option<Outbox>,
}

/// Carries the new cookie of a browser session from code that changes the session while its request
/// is handled to the response. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Outbox(Arc<Mutex<Mail>>);

#[derive(Default)]
struct Mail {
    headers: Vec<ResponseHeader>,
    /// Is there a guard that puts the headers into the response?
    is_fetched: bool,
}

impl Outbox {
    /// Called by a guard that takes the headers when the handler is done; `false` if another guard
    /// has called it already.
    pub(crate) fn open(&self) -> bool {
        !std::mem::replace(&mut self.mail().is_fetched, true)
    }

    /// Does a guard take the headers from here?
    pub(crate) fn is_open(&self) -> bool {
        self.mail().is_fetched
    }

    /// Replaces the headers.
    pub(crate) fn post(&self, headers: Vec<ResponseHeader>) {
        self.mail().headers = headers;
    }

    fn headers(&self) -> Vec<ResponseHeader> {
        self.mail().headers.clone()
    }

    /// A panic under the lock leaves the data consistent, so poisoning is ignored.
    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for Outbox {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Outbox {}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbox(..)")
    }
}

/// Which caches may keep the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Caching {
    /// As the handler says.
    #[default]
    Any,
    /// The client only.
    Private,
    Nobody,
}

/// The request headers on which the response depends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Varies {
    #[default]
    Never,
    WithCookie,
    /// These header names, separated by commas.
    With(Arc<str>),
}

impl Varies {
    fn names(&self) -> &str {
        match self {
            Self::Never => "",
            Self::WithCookie => "Cookie",
            Self::With(names) => names,
        }
    }
}

/// Headers that a shared cache obeys instead of `Cache-Control` if they are present ([RFC
/// 9213](https://www.rfc-editor.org/rfc/rfc9213)): the standard one, that of Edge Side Includes,
/// and those of single providers.
const TARGETED: [&str; 7] = [
    "cdn-cache-control",
    "surrogate-control",
    "akamai-cache-control",
    "cloudflare-cdn-cache-control",
    "fastly-cache-control",
    "netlify-cdn-cache-control",
    "vercel-cdn-cache-control",
];

impl Demands {
    /// The credential was sent on purpose, or there was none.
    pub(crate) const fn of_nothing() -> Self {
        Self { caching: Caching::Any, varies: Varies::Never, adds: Vec::new(), outbox: None }
    }

    /// The credential was sent on purpose, in a header that caches do not know.
    pub(crate) const fn of_unknown_header() -> Self {
        Self { caching: Caching::Private, varies: Varies::Never, adds: Vec::new(), outbox: None }
    }

    /// The credential was in the URL, which caches, logs and histories keep.
    pub(crate) const fn of_url() -> Self {
        Self { caching: Caching::Nobody, varies: Varies::Never, adds: Vec::new(), outbox: None }
    }

    /// The credential was a cookie: a shared cache must not serve the response to other clients.
    pub(crate) const fn of_cookie() -> Self {
        Self { caching: Caching::Private, varies: Varies::WithCookie, adds: Vec::new(), outbox: None }
    }

    /// There is no user, on a route whose response to a user would differ. `headers` are the
    /// request headers in which a credential may be sent.
    pub(crate) const fn of_nobody(headers: Arc<str>) -> Self {
        Self { caching: Caching::Any, varies: Varies::With(headers), adds: Vec::new(), outbox: None }
    }

    /// The same with a user: what a handler allows for its response to guests does not hold for
    /// this one.
    #[must_use]
    pub(crate) fn among_visitors(mut self, headers: Arc<str>) -> Self {
        if self.caching == Caching::Any {
            self.caching = Caching::Private;
        }
        self.varies = Varies::With(headers);
        self
    }

    /// A cookie was dead, and these headers delete it.
    pub(crate) const fn of_dead_cookie(clears: Vec<ResponseHeader>) -> Self {
        Self { caching: Caching::Private, varies: Varies::WithCookie, adds: clears, outbox: None }
    }

    /// A limit has counted the request, and these fields report it.
    pub(crate) const fn of_limits(fields: Vec<ResponseHeader>) -> Self {
        Self { caching: Caching::Any, varies: Varies::Never, adds: fields, outbox: None }
    }

    /// The same, and sets this cookie.
    #[must_use]
    pub(crate) fn with_cookie(mut self, cookie: Option<ResponseHeader>) -> Self {
        self.adds.extend(cookie);
        self
    }

    /// The same, and sets what is in the outbox by then.
    #[must_use]
    pub(crate) fn with_outbox(mut self, outbox: Option<&Outbox>) -> Self {
        self.outbox = outbox.cloned();
        self
    }

    /// Returns whether the response needs no change, whatever its headers are.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether an error response of a failed handler can do without the changes. This is so
    /// if no cache keeps a response with this status unless told to ([RFC 9110 section
    /// 15.1](https://www.rfc-editor.org/rfc/rfc9110#section-15.1)). Where an error of the framework
    /// cannot carry headers, it can stay an error then.
    #[must_use]
    pub fn spare_error(&self, status: u16) -> bool {
        let has_mail = self.outbox.as_ref().is_some_and(|outbox| !outbox.headers().is_empty());
        if has_mail || !self.adds.is_empty() {
            return false;
        }
        let is_kept_by_caches = matches!(status, 200..=206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501); // not a status
        match self.caching {
            Caching::Nobody => false,
            Caching::Any | Caching::Private => !is_kept_by_caches,
        }
    }

    /// Returns the changes that a response with these headers needs. What it already says, or says
    /// more strictly, stays as it is.
    pub fn changes(&self, response: &dyn ResponseHead) -> Vec<HeaderChange> {
        let set = |value: String| HeaderChange::set(ResponseHeader::new("cache-control", value));
        let stated = Stated::of(&response.header("cache-control"));
        let caching = match self.caching {
            Caching::Any => None,
            Caching::Private => stated.made_private().map(set),
            Caching::Nobody => Some(set("no-store".to_owned())),
        };
        // A shared cache that obeys one of these ignores `Cache-Control`.
        let targeted: &[&str] = if self.caching == Caching::Any { &[] } else { &TARGETED };
        let targeted = targeted.iter().filter(|name| !response.header(name).is_empty());
        let targeted = targeted.map(|name| HeaderChange::set(ResponseHeader::new(*name, "no-store")));
        // A response that no cache keeps needs no `Vary`. But where a targeted header stays, a
        // cache that obeys it may keep what `Cache-Control` forbids to others.
        let keeps_targeted =
            self.caching == Caching::Any && TARGETED.iter().any(|name| !response.header(name).is_empty());
        let is_kept = keeps_targeted || !stated.forbids_storing();
        let vary = if is_kept { self.vary(&response.header("vary")) } else { None };
        let set_by_handler = response.header("set-cookie");
        // A handler that logs in or out sets the cookie itself.
        let sets = self.outbox.as_ref().map(Outbox::headers).unwrap_or_default();
        // Changes made while the handler ran are newer than what the guard has found.
        let own = self.adds.iter().filter(|own| !sets.iter().any(|set| is_same_cookie(own, set)));
        let is_spared =
            |added: &ResponseHeader| added.name() == "set-cookie" && sets_same_cookie(&set_by_handler, added);
        let adds = own.chain(&sets).filter(|added| !is_spared(added)).cloned();
        caching.into_iter().chain(targeted).chain(vary).chain(adds.map(HeaderChange::add)).collect()
    }
}

impl Demands {
    /// The names that `Vary` lacks.
    fn vary(&self, stated: &HeaderValues<'_>) -> Option<HeaderChange> {
        let names = self.varies.names().split(", ");
        let missing: Vec<_> = names.filter(|name| !name.is_empty() && !lists(stated, name)).collect();
        (!missing.is_empty()).then(|| HeaderChange::add(ResponseHeader::new("vary", missing.join(", "))))
    }
}

impl ResponseHead for Reply {
    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        let own = self.headers().iter().filter(|header| header.name() == name);
        own.map(|header| header.value().as_bytes()).collect()
    }
}

impl Reply {
    /// Applies the changes that the demands require.
    #[must_use]
    pub fn amend(mut self, demands: &Demands) -> Self {
        for change in demands.changes(&self) {
            let HeaderChange { header, replaces } = change;
            if replaces {
                self.replace(header);
            } else {
                self = self.header(header);
            }
        }
        self
    }
}

/// The `Cache-Control` of a handler: its directives, or `None` if it cannot be parsed.
struct Stated<'a>(Option<Vec<&'a str>>);

impl<'a> Stated<'a> {
    fn of(values: &HeaderValues<'a>) -> Self {
        let list = |value: &'a [u8]| std::str::from_utf8(value).ok().and_then(split_list);
        let lists: Option<Vec<_>> = values.iter().map(list).collect();
        Self(lists.filter(|_| !values.is_cut_off()).map(|lists| lists.concat()))
    }

    /// Not together with `must-understand`, which makes caches that know it ignore `no-store` ([RFC
    /// 9111 section 5.2.2.3](https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.3)).
    fn forbids_storing(&self) -> bool {
        let says = |name| self.0.iter().flatten().any(|directive| is(directive, name));
        says("no-store") && !says("must-understand")
    }

    /// The value that restricts the response to the client; `None` if this one already does. A
    /// value that cannot be parsed becomes `no-store`.
    fn made_private(&self) -> Option<String> {
        let Some(directives) = &self.0 else { return Some("no-store".to_owned()) };
        let for_others = |directive: &str| is(directive, "public") || is(directive, "s-maxage");
        let is_private = directives.iter().any(|directive| directive.eq_ignore_ascii_case("private"))
            && !directives.iter().any(|directive| for_others(directive));
        if is_private || self.forbids_storing() {
            return None;
        }
        // `private="…"` restricts single headers only.
        let kept = directives.iter().filter(|directive| !for_others(directive) && !is(directive, "private"));
        Some(std::iter::once("private").chain(kept.copied()).collect::<Vec<_>>().join(", "))
    }
}

/// Is this the directive of this name, with or without a value?
fn is(directive: &str, name: &str) -> bool {
    let (own, _) = directive.split_once('=').unwrap_or((directive, ""));
    own.trim().eq_ignore_ascii_case(name)
}

/// The members of a list (RFC 9110 section 5.6.1), which may contain commas in quotes. `None` if a
/// quote is not closed.
fn split_list(text: &str) -> Option<Vec<&str>> {
    let (mut quoted, mut escaped) = (false, false);
    let members = text.split(|c| {
        let ends = c == ',' && !quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        ends
    });
    let members = members.map(str::trim).filter(|member| !member.is_empty()).collect();
    (!quoted).then_some(members)
}

/// Does `Vary` name this header, or everything?
fn lists(values: &HeaderValues<'_>, wanted: &str) -> bool {
    let is = |name: &[u8]| name.eq_ignore_ascii_case(wanted.as_bytes()) || name == b"*";
    values.iter().any(|value| value.split(|b| *b == b',').any(|name| is(name.trim_ascii())))
}

/// Does the handler set the cookie of this header itself, as its own login would? Then the
/// handler's cookie wins.
fn sets_same_cookie(values: &HeaderValues<'_>, cookie: &ResponseHeader) -> bool {
    let name = name_of_cookie(cookie.value().as_bytes());
    values.is_cut_off() || values.iter().any(|value| name_of_cookie(value) == name)
}

fn is_same_cookie(one: &ResponseHeader, other: &ResponseHeader) -> bool {
    name_of_cookie(one.value().as_bytes()) == name_of_cookie(other.value().as_bytes())
}

fn name_of_cookie(header: &[u8]) -> &[u8] {
    header.split(|b| *b == b'=').next().unwrap_or_default().trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Headers as a handler has set them.
    struct Set(Vec<(&'static str, &'static str)>);

    impl ResponseHead for Set {
        fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
            self.0.iter().filter(|(own, _)| *own == name).map(|(_, value)| value.as_bytes()).collect()
        }
    }

    fn changed(demands: &Demands, set: Vec<(&'static str, &'static str)>) -> Vec<String> {
        let show = |change: HeaderChange| {
            let (sign, header) = (if change.replaces() { "=" } else { "+" }, change.header());
            format!("{sign} {}: {}", header.name(), header.value())
        };
        demands.changes(&Set(set)).into_iter().map(show).collect()
    }

    #[test]
    fn what_was_let_in_by_a_header_is_the_handlers_matter() {
        assert!(Demands::default().is_empty());
        assert!(changed(&Demands::default(), vec![("cache-control", "public")]).is_empty());
        assert!(!Demands::of_url().is_empty() && !Demands::of_cookie().is_empty());
    }

    #[test]
    fn what_was_let_in_by_the_url_is_kept_by_nobody() {
        for set in [vec![], vec![("cache-control", "public, max-age=60")]] {
            assert_eq!(changed(&Demands::of_url(), set), ["= cache-control: no-store"]);
        }
    }

    #[test]
    fn what_was_let_in_by_a_cookie_is_private() {
        for (set, expected) in [
            (&[][..], Some("private")),
            (&["private"], None),
            (&["PRIVATE, max-age=60"], None),
            (&["no-store"], None),
            (&["max-age=0, No-Store"], None),
            (&["public", "no-store"], None),
            (
                &["must-understand, no-store, max-age=9"],
                Some("private, must-understand, no-store, max-age=9"),
            ),
            (&["public"], Some("private")),
            (&["public, max-age=60"], Some("private, max-age=60")),
            (&["max-age=60", "s-maxage=600, must-revalidate"], Some("private, max-age=60, must-revalidate")),
            (&["private, public"], Some("private")),
            (&["private", "s-maxage=1"], Some("private")),
            (&["no-cache"], Some("private, no-cache")),
            (&["private=\"set-cookie, no-store\", max-age=1"], Some("private, max-age=1")),
            (&["x=\"a, private\""], Some("private, x=\"a, private\"")),
            (&["x=\"\\\", no-store\""], Some("private, x=\"\\\", no-store\"")),
            // No end, and no text: nobody knows what is meant.
            (&["private, x=\""], Some("no-store")),
            (&["", ",,"], Some("private")),
        ] {
            let values: Vec<_> = set.iter().map(|value| ("cache-control", *value)).collect();
            let mut wanted: Vec<_> =
                expected.iter().map(|value| format!("= cache-control: {value}")).collect();
            if !set.iter().any(|value| value.to_ascii_lowercase().ends_with("no-store")) {
                wanted.push("+ vary: Cookie".to_owned());
            }
            assert_eq!(changed(&Demands::of_cookie(), values), wanted, "{set:?}");
        }
        let odd = [b"private, \xff".as_slice()].into_iter().collect();
        assert_eq!(Stated::of(&odd).made_private().as_deref(), Some("no-store"));
    }

    #[test]
    fn vary_is_added_once() {
        let private = ("cache-control", "private");
        for vary in ["Cookie", "accept, COOKIE", "*", "Accept-Encoding ,cookie"] {
            assert!(changed(&Demands::of_cookie(), vec![private, ("vary", vary)]).is_empty(), "{vary}");
        }
        for vary in ["Accept", "x-cookie", "cookie2", ""] {
            let set = vec![private, ("vary", vary)];
            assert_eq!(changed(&Demands::of_cookie(), set), ["+ vary: Cookie"], "{vary}");
        }
    }

    #[test]
    fn visitors_are_told_apart_by_every_header_that_may_name_them() {
        let headers: Arc<str> = "Authorization, Cookie".into();
        let nobody = Demands::of_nobody(Arc::clone(&headers));
        assert_eq!(changed(&nobody, vec![]), ["+ vary: Authorization, Cookie"]);
        assert_eq!(changed(&nobody, vec![("vary", "cookie")]), ["+ vary: Authorization"]);
        assert!(changed(&nobody, vec![("vary", "*")]).is_empty());
        let public = || vec![("cache-control", "public, max-age=60")];
        assert_eq!(changed(&nobody, public()), ["+ vary: Authorization, Cookie"]);
        for somebody in [Demands::of_nothing(), Demands::of_cookie()] {
            let somebody = somebody.among_visitors(Arc::clone(&headers));
            let wanted = ["= cache-control: private, max-age=60", "+ vary: Authorization, Cookie"];
            assert_eq!(changed(&somebody, public()), wanted);
        }
        assert_eq!(
            changed(&Demands::of_url().among_visitors(headers), public()).first().map(String::as_str),
            Some("= cache-control: no-store")
        );
    }

    #[test]
    fn what_only_some_caches_read_is_made_stricter_too() {
        let set = vec![
            ("cache-control", "private"),
            ("cdn-cache-control", "max-age=600"),
            ("surrogate-control", "max-age=600"),
            ("vary", "cookie"),
        ];
        let wanted = ["= cdn-cache-control: no-store", "= surrogate-control: no-store"];
        assert_eq!(changed(&Demands::of_cookie(), set.clone()), wanted);
        assert!(changed(&Demands::default(), set).is_empty());
        let only_cdn = vec![("cache-control", "no-store"), ("cdn-cache-control", "max-age=600")];
        let nobody = Demands::of_nobody("Cookie".into());
        assert_eq!(changed(&nobody, only_cdn.clone()), ["+ vary: Cookie"]);
        assert!(changed(&nobody, vec![("cache-control", "no-store")]).is_empty());
        assert_eq!(changed(&Demands::of_cookie(), only_cdn), ["= cdn-cache-control: no-store"]);
    }

    #[test]
    fn a_header_that_caches_do_not_know_makes_an_answer_private() {
        assert_eq!(changed(&Demands::of_unknown_header(), vec![]), ["= cache-control: private"]);
        let public = vec![("cache-control", "public")];
        assert_eq!(changed(&Demands::of_unknown_header(), public), ["= cache-control: private"]);
    }

    #[test]
    fn a_dead_cookie_is_deleted_unless_the_handler_sets_it() {
        let demands = Demands::of_dead_cookie(vec![ResponseHeader::new("set-cookie", "id=; Max-Age=0")]);
        let set = |cookie| {
            let mut headers = vec![("cache-control", "no-store")];
            headers.extend(cookie);
            changed(&demands, headers)
        };
        assert_eq!(set(None), ["+ set-cookie: id=; Max-Age=0"]);
        assert_eq!(set(Some(("set-cookie", "ID=new"))), ["+ set-cookie: id=; Max-Age=0"]);
        assert_eq!(set(Some(("set-cookie", "id2=id=new"))), ["+ set-cookie: id=; Max-Age=0"]);
        assert!(set(Some(("set-cookie", "id=new; Path=/"))).is_empty());
    }

    #[test]
    fn what_is_posted_while_the_handler_runs_is_set_unless_the_handler_sets_it() {
        let outbox = Outbox::default();
        let demands = Demands::of_cookie().with_outbox(Some(&outbox));
        let set = |cookie: Option<&'static str>| {
            let mut headers = vec![("cache-control", "no-store")];
            headers.extend(cookie.map(|cookie| ("set-cookie", cookie)));
            changed(&demands, headers)
        };
        assert!(set(None).is_empty() && demands.spare_error(500));
        outbox.post(vec![ResponseHeader::new("set-cookie", "id=old")]);
        outbox.post(vec![ResponseHeader::new("set-cookie", "id=new")]);
        assert_eq!(set(None), ["+ set-cookie: id=new"]);
        assert_eq!(set(Some("other=1")), ["+ set-cookie: id=new"]);
        assert!(set(Some("id=handler")).is_empty() && set(Some("id=; Max-Age=0")).is_empty());
        assert!(!demands.spare_error(500));
    }

    #[test]
    fn an_error_that_no_cache_keeps_may_stay_one() {
        for (status, spared) in
            [(400, true), (401, true), (403, true), (500, true), (404, false), (410, false)]
        {
            assert_eq!(Demands::of_cookie().spare_error(status), spared, "{status}");
            assert!(!Demands::of_url().spare_error(status), "{status}");
            let fields = vec![ResponseHeader::new("ratelimit", "\"5/minute\";r=4;t=12")];
            assert!(!Demands::of_limits(fields).spare_error(status), "{status}");
        }
    }
}
