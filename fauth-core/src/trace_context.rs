//! The trace context of a request: the headers `traceparent` ([W3C Trace
//! Context](https://www.w3.org/TR/trace-context/)) and `baggage` ([W3C
//! Baggage](https://www.w3.org/TR/baggage/)), with the members that Caracal adds to it.
//!
//! Both are claims of the caller. They correlate records; no decision depends on them.

use std::borrow::Cow;

use crate::request::{RequestHead, is_token_char};

/// The maximum size of all baggage headers together, in bytes.
const MAX_BAGGAGE_BYTES: usize = 8192;
/// The maximum number of baggage members.
const MAX_MEMBERS: usize = 64;
/// The maximum size of a member's decoded value, in bytes.
const MAX_VALUE_BYTES: usize = 255;

/// The trace that a request claims to belong to. Missing and malformed values are `None`.
///
/// ```
/// use fauth_core::mandate::TraceContext;
///
/// let trace = TraceContext::parse(
///     Some(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
///     [b"caracal.agent_session=session-1,caracal.hop=1".as_slice()],
/// );
/// assert_eq!(trace.trace_id(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
/// assert_eq!(trace.span_id(), Some("00f067aa0ba902b7"));
/// assert_eq!(trace.agent_session_id(), Some("session-1"));
/// assert_eq!(trace.hop(), Some(1));
/// ```
///
/// # Security
/// Nothing here is verified: a caller can send anything. Use it to correlate records, never to
/// decide; a mandate's claims are what was verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceContext {
    trace_and_span: Option<(Box<str>, Box<str>)>,
    authority_record: Option<Box<str>>,
    agent_session: Option<Box<str>>,
    delegation_edge: Option<Box<str>>,
    parent_edge: Option<Box<str>>,
    hop: Option<u32>,
}

impl TraceContext {
    /// Returns the trace context of a request, or `None` if it has no valid one.
    pub fn of(head: &dyn RequestHead) -> Option<Self> {
        let (traceparent, baggage) = (head.header("traceparent"), head.header("baggage"));
        if traceparent.is_empty() && baggage.is_empty() {
            return None;
        }
        let known = if baggage.is_cut_off() { Self::default() } else { Self::parse(None, baggage.iter()) };
        let trace = Self { trace_and_span: traceparent.single().and_then(trace_and_span), ..known };
        (trace != Self::default()).then_some(trace)
    }

    /// Parses the value of `traceparent` and the values of all `baggage` headers, in their order.
    ///
    /// An invalid `traceparent` is ignored. The baggage is ignored as a whole if one member is
    /// malformed, or if there are more than 64 members or 8192 bytes. A member of Caracal's is
    /// ignored if it occurs twice, or if its value is not 1 to 255 bytes of text.
    pub fn parse<'a>(traceparent: Option<&[u8]>, baggage: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut trace = Self::default();
        if let Some(members) = members(baggage) {
            let text = |key| member(&members, key).map(|value| Box::from(&*value));
            trace.authority_record = text("caracal.session");
            trace.agent_session = text("caracal.agent_session");
            trace.delegation_edge = text("caracal.delegation_edge");
            trace.parent_edge = text("caracal.parent_edge");
            trace.hop = member(&members, "caracal.hop").and_then(|value| decimal(&value));
        }
        trace.trace_and_span = traceparent.and_then(trace_and_span);
        trace
    }

    /// Returns the trace id: 32 hexadecimal digits, not all of them 0.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.trace_and_span.as_ref().map(|(trace, _)| &**trace)
    }

    /// Returns the id of the caller's span: 16 hexadecimal digits, not all of them 0.
    #[must_use]
    pub fn span_id(&self) -> Option<&str> {
        self.trace_and_span.as_ref().map(|(_, span)| &**span)
    }

    /// Returns the authority record: the baggage member `caracal.session`.
    #[must_use]
    pub fn authority_record_id(&self) -> Option<&str> {
        self.authority_record.as_deref()
    }

    /// Returns the agent session: the baggage member `caracal.agent_session`.
    #[must_use]
    pub fn agent_session_id(&self) -> Option<&str> {
        self.agent_session.as_deref()
    }

    /// Returns the delegation: the baggage member `caracal.delegation_edge`.
    #[must_use]
    pub fn delegation_edge_id(&self) -> Option<&str> {
        self.delegation_edge.as_deref()
    }

    /// Returns the parent of that delegation: the baggage member `caracal.parent_edge`.
    #[must_use]
    pub fn parent_edge_id(&self) -> Option<&str> {
        self.parent_edge.as_deref()
    }

    /// Returns the number of delegations before the caller: the baggage member `caracal.hop`.
    #[must_use]
    pub const fn hop(&self) -> Option<u32> {
        self.hop
    }
}

/// Trace Context, section 3.2. A later version may append fields to those of version 00.
fn trace_and_span(value: &[u8]) -> Option<(Box<str>, Box<str>)> {
    const LENGTH: usize = 55;
    let text = std::str::from_utf8(value).ok()?;
    let (known, more) = text.split_at_checked(LENGTH)?;
    let mut parts = known.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_all = parts.next().is_none() && (more.is_empty() || (version != "00" && more.starts_with('-')));
    let is_good = is_hexadecimal(version, 2)
        && version != "ff"
        && is_hexadecimal(trace, 32)
        && is_hexadecimal(span, 16)
        && is_hexadecimal(flags, 2);
    (is_all && is_good && is_not_zero(trace) && is_not_zero(span)).then(|| (trace.into(), span.into()))
}

fn is_hexadecimal(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_not_zero(text: &str) -> bool {
    text.bytes().any(|byte| byte != b'0')
}

/// Returns all members with undecoded values, or `None` if there are too many or one is malformed.
fn members<'a>(headers: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<(&'a str, &'a str)>> {
    let (mut members, mut bytes) = (Vec::new(), 0);
    for header in headers {
        bytes += header.len();
        if bytes > MAX_BAGGAGE_BYTES {
            return None;
        }
        for part in std::str::from_utf8(header).ok()?.split(',') {
            if members.len() >= MAX_MEMBERS {
                return None;
            }
            members.push(key_and_value(part)?);
        }
    }
    Some(members)
}

/// Parses a `list-member` (Baggage, section 3.3.1).
fn key_and_value(part: &str) -> Option<(&str, &str)> {
    let mut parts = part.split(';');
    let (key, value) = parts.next()?.split_once('=')?;
    let (key, value) = (trimmed(key), trimmed(value));
    let is_good = is_key(key) && value.bytes().all(is_value_byte) && parts.all(is_property);
    is_good.then_some((key, value))
}

fn is_property(part: &str) -> bool {
    match part.split_once('=') {
        None => is_key(trimmed(part)),
        Some((key, value)) => is_key(trimmed(key)) && trimmed(value).bytes().all(is_value_byte),
    }
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(is_token_char)
}

/// A `baggage-octet`: printable ASCII except space, quotation mark, comma, semicolon and backslash.
const fn is_value_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

/// Removes optional white space (spaces and tabs).
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Returns the value of the member with this key, if it occurs once.
fn member<'a>(members: &[(&str, &'a str)], key: &str) -> Option<Cow<'a, str>> {
    let mut found = members.iter().filter(|(known, _)| *known == key);
    let (_, value) = found.next().filter(|_| found.next().is_none())?;
    let value = percent_decoded(value)?;
    (1..=MAX_VALUE_BYTES).contains(&value.len()).then_some(value)
}

/// A `%` without two hexadecimal digits after it stands for itself, as the specification says.
fn percent_decoded(value: &str) -> Option<Cow<'_, str>> {
    if !value.contains('%') {
        return Some(value.into());
    }
    let (mut decoded, mut rest) = (Vec::with_capacity(value.len()), value.as_bytes());
    while let [first, after @ ..] = rest {
        let pair = after.split_at_checked(2).filter(|_| *first == b'%');
        if let Some((byte, after)) = pair.and_then(|(digits, after)| Some((byte_of(digits)?, after))) {
            decoded.push(byte);
            rest = after;
        } else {
            decoded.push(*first);
            rest = after;
        }
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn byte_of(digits: &[u8]) -> Option<u8> {
    let both = digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| both)?;
    u8::from_str_radix(digits, 16).ok()
}

/// Parses decimal digits without leading zeros.
fn decimal(text: &str) -> Option<u32> {
    let is_good = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_good)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn of(traceparent: &str) -> Option<String> {
        TraceContext::parse(Some(traceparent.as_bytes()), []).trace_id().map(str::to_owned)
    }

    fn baggage(header: &str) -> TraceContext {
        TraceContext::parse(None, [header.as_bytes()])
    }

    #[test]
    fn a_trace_parent_is_read() {
        for good in [
            format!("00-{TRACE}-{SPAN}-00"),
            format!("00-{TRACE}-{SPAN}-ff"),
            // Later versions may say more.
            format!("01-{TRACE}-{SPAN}-01"),
            format!("cc-{TRACE}-{SPAN}-01-what-the-future-brings"),
            format!("01-{TRACE}-{SPAN}-01-"),
        ] {
            assert_eq!(of(&good).as_deref(), Some(TRACE), "{good}");
            let trace = TraceContext::parse(Some(good.as_bytes()), []);
            assert_eq!(trace.span_id(), Some(SPAN), "{good}");
        }
    }

    #[test]
    fn what_the_grammar_does_not_allow_is_none() {
        let zeros = "0".repeat(32);
        for bad in [
            String::new(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-011"),
            format!("01-{TRACE}-{SPAN}-01more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("0-{TRACE}-{SPAN}-001"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
            format!("00-{TRACE}-{SPAN}-0G"),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00_{TRACE}_{SPAN}_01"),
            format!("00-{TRACE}-{SPAN}--1"),
            format!(" 00-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.replace('4', "ä")),
        ] {
            assert_eq!(of(&bad), None, "{bad}");
        }
        assert_eq!(TraceContext::parse(Some(&[0xff; 55]), []), TraceContext::default());
    }

    #[test]
    fn the_members_of_caracal_are_read() {
        let trace = baggage(
            "tenant=x , caracal.session = record;p=1; q\t,caracal.agent_session=a%20b,\
             caracal.delegation_edge=edge=1,caracal.parent_edge=100%,caracal.hop=2",
        );
        assert_eq!(trace.authority_record_id(), Some("record"));
        assert_eq!(trace.agent_session_id(), Some("a b"));
        assert_eq!(trace.delegation_edge_id(), Some("edge=1"));
        assert_eq!(trace.parent_edge_id(), Some("100%"));
        assert_eq!(trace.hop(), Some(2));
        assert_eq!(trace.trace_id(), None);
        // Of several headers too.
        let trace = TraceContext::parse(None, [b"a=b".as_slice(), b"caracal.hop=0"]);
        assert_eq!(trace.hop(), Some(0));
    }

    #[test]
    fn malformed_baggage_is_none_as_a_whole() {
        assert_eq!(baggage("caracal.hop=1,x=y").hop(), Some(1), "the positive beside the negative");
        for bad in [
            "caracal.hop=1,x",
            "caracal.hop=1,",
            "caracal.hop=1,=y",
            "caracal.hop=1,x y=z",
            "caracal.hop=1,x=y z",
            "caracal.hop=1,x=\"y\"",
            "caracal.hop=1,x=y\\",
            "caracal.hop=1,x=y;",
            "caracal.hop=1,x=y;(=z",
            "caracal.hop=1,x=y;z=\"",
            "caracal.hop=1,ä=y",
            "caracal.hop=1,x=ä",
        ] {
            assert_eq!(baggage(bad), TraceContext::default(), "{bad}");
        }
        assert_eq!(TraceContext::parse(None, [b"caracal.hop=1,x=\xff".as_slice()]), TraceContext::default());
    }

    #[test]
    fn a_member_that_cannot_be_used_is_none_by_itself() {
        let long = "x".repeat(256);
        for bad in [
            "caracal.agent_session=".to_owned(),
            "caracal.agent_session=a,caracal.agent_session=b".to_owned(),
            "caracal.agent_session=%ff".to_owned(),
            format!("caracal.agent_session={long}"),
        ] {
            let trace = baggage(&format!("{bad},caracal.hop=1"));
            assert_eq!((trace.agent_session_id(), trace.hop()), (None, Some(1)), "{bad}");
        }
        let fits = baggage(&format!("caracal.agent_session={}", &long[1..]));
        assert_eq!(fits.agent_session_id(), Some(&long[1..]));
        for bad in ["-1", "+1", "01", "1.0", "4294967296", "x", "%31x"] {
            assert_eq!(baggage(&format!("caracal.hop={bad}")).hop(), None, "{bad}");
        }
        assert_eq!(baggage("caracal.hop=4294967295").hop(), Some(u32::MAX));
        assert_eq!(baggage("caracal.hop=%31").hop(), Some(1));
    }

    #[test]
    fn baggage_is_bounded() {
        let members = |count: usize| vec!["x=y"; count - 1].join(",") + ",caracal.hop=1";
        assert_eq!(baggage(&members(64)).hop(), Some(1));
        assert_eq!(baggage(&members(65)).hop(), None);
        let bytes = |length: usize| format!("caracal.hop=1,x={}", "y".repeat(length - 16));
        assert_eq!((bytes(8192).len(), baggage(&bytes(8192)).hop()), (8192, Some(1)));
        assert_eq!(baggage(&bytes(8193)).hop(), None);
        let half = bytes(4097);
        assert_eq!(TraceContext::parse(None, [half.as_bytes(), half.as_bytes()]).hop(), None);
    }
}
