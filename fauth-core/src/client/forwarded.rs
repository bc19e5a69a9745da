//! The hops of a request as proxies recorded them, the last one first.

use std::net::IpAddr;

use super::address::{is_unreserved, parse};
use crate::request::{HeaderValues, is_token_char};

/// The maximum length in bytes of an entry that is parsed. The rest of a longer one is not searched
/// for its start.
const MAX_ENTRY_BYTES: usize = 512;

/// The header in which the trusted proxies record the sender of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, a list of addresses. The default.
    #[default]
    XForwardedFor,
    /// `Forwarded` ([RFC 7239](https://www.rfc-editor.org/rfc/rfc7239)).
    Forwarded,
}

impl ForwardedHeader {
    /// Parses the name of a header, in any case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case(Self::XForwardedFor.name()) {
            Some(Self::XForwardedFor)
        } else if name.eq_ignore_ascii_case(Self::Forwarded.name()) {
            Some(Self::Forwarded)
        } else {
            None
        }
    }

    /// The name of the header in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

/// The hops of all lines of a header, starting with the last entry of the last line. `None` is an
/// entry that names no address; nothing before it may be trusted.
///
/// The header is read from the end, because that is where the trusted proxies write. A client may
/// write anything before their entries, and it must not affect how theirs are read: a quote that is
/// opened and never closed, for example.
pub(super) struct Hops<'a> {
    header: ForwardedHeader,
    /// The lines that have not been started.
    lines: Vec<&'a [u8]>,
    line: Option<&'a [u8]>,
}

impl<'a> Hops<'a> {
    pub(super) fn of(values: &HeaderValues<'a>, header: ForwardedHeader) -> Self {
        let mut lines: Vec<_> = values.iter().collect();
        let line = lines.pop();
        Self { header, lines, line }
    }
}

impl Iterator for Hops<'_> {
    type Item = Option<IpAddr>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.line?;
        let looked_at = line.len().saturating_sub(MAX_ENTRY_BYTES + 1);
        let tail = line.get(looked_at..).unwrap_or_default();
        let (entry, is_whole) = if let Some(comma) = self.header.last_comma(tail) {
            self.line = line.get(..looked_at + comma);
            (tail.get(comma + 1..).unwrap_or_default(), true)
        } else {
            self.line = self.lines.pop();
            (tail, looked_at == 0)
        };
        let is_whole = is_whole && entry.len() <= MAX_ENTRY_BYTES;
        let text = str::from_utf8(entry).ok().filter(|_| is_whole);
        Some(text.and_then(|text| self.header.address_in(text.trim_matches([' ', '\t']))))
    }
}

impl ForwardedHeader {
    /// The position of the comma before the last entry.
    fn last_comma(self, line: &[u8]) -> Option<usize> {
        let mut is_quoted = false;
        for (at, byte) in line.iter().enumerate().rev() {
            match byte {
                b'"' if self == Self::Forwarded && !(is_quoted && is_escaped(line, at)) => {
                    is_quoted = !is_quoted;
                }
                b',' if !is_quoted => return Some(at),
                _ => {}
            }
        }
        None
    }

    fn address_in(self, entry: &str) -> Option<IpAddr> {
        match self {
            Self::XForwardedFor => node(entry).or_else(|| parse(entry)),
            Self::Forwarded => node(&the_for_of(entry)?),
        }
    }
}

fn is_escaped(line: &[u8], at: usize) -> bool {
    let before = line.get(..at).unwrap_or_default();
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// The value of `for=` in a `Forwarded` element ([RFC 7239 section
/// 4](https://www.rfc-editor.org/rfc/rfc7239#section-4)), if the whole element is well formed and
/// has it once.
fn the_for_of(element: &str) -> Option<String> {
    let mut found = None;
    let mut rest = element;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(';') {
            let (name, after) = rest.split_once('=')?;
            let (value, after) = value_at_start(after)?;
            if name.is_empty() || !name.bytes().all(is_token_char) {
                return None;
            }
            if name.eq_ignore_ascii_case("for") && found.replace(value).is_some() {
                return None;
            }
            rest = after.trim_start_matches([' ', '\t']);
        }
        match rest.strip_prefix(';') {
            Some(after) => rest = after,
            None if rest.is_empty() => return found,
            None => return None,
        }
    }
}

/// A token or quoted string, and the text after it.
fn value_at_start(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.bytes().position(|byte| !is_token_char(byte)).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end)?;
        return (!value.is_empty()).then(|| (value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, quoted.get(at + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

/// Parses an IPv4 address, or an IPv6 address in brackets, with or without a port. `unknown` and
/// obfuscated names are not addresses.
fn node(text: &str) -> Option<IpAddr> {
    let (address, port) = if let Some(bracketed) = text.strip_prefix('[') {
        let (address, after) = bracketed.split_once(']')?;
        (parse(address).filter(|_| address.contains(':'))?, after)
    } else {
        let end = text.find(':').unwrap_or(text.len());
        let (address, after) = text.split_at_checked(end)?;
        (parse(address)?, after)
    };
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(address)
}

fn is_port(text: &str) -> bool {
    let is_number = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(is_unreserved),
        None => is_number && text.parse::<u16>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn hops(header: ForwardedHeader, lines: &[&[u8]]) -> Vec<String> {
        let values = lines.iter().copied().collect();
        let name = |hop: Option<IpAddr>| hop.map_or_else(|| "?".to_owned(), |address| address.to_string());
        Hops::of(&values, header).map(name).collect()
    }

    #[test]
    fn x_forwarded_for_is_read_from_the_end() {
        for (line, read) in [
            ("192.0.2.7", &["192.0.2.7"][..]),
            ("192.0.2.7:80", &["192.0.2.7"]),
            ("192.0.2.7:_x", &["192.0.2.7"]),
            ("2001:db8::7", &["2001:db8::7"]),
            ("[2001:db8::7]", &["2001:db8::7"]),
            ("[2001:db8::7]:65535", &["2001:db8::7"]),
            ("[fe80::1%eth0]:80", &["fe80::1"]),
            ("fe80::1%eth0", &["fe80::1"]),
            ("::ffff:192.0.2.7", &["192.0.2.7"]),
            ("[::ffff:192.0.2.7]:80", &["192.0.2.7"]),
            ("1.1.1.1, 2.2.2.2,\t3.3.3.3 ", &["3.3.3.3", "2.2.2.2", "1.1.1.1"]),
            ("x\", 2.2.2.2", &["2.2.2.2", "?"]),
            ("", &["?"]),
            (", 2.2.2.2", &["2.2.2.2", "?"]),
            ("2.2.2.2, ", &["?", "2.2.2.2"]),
            ("unknown", &["?"]),
            ("for=192.0.2.7", &["?"]),
            ("192.0.2.7:", &["?"]),
            ("192.0.2.7:65536", &["?"]),
            ("192.0.2.7:+1", &["?"]),
            ("192.0.2.7:_", &["?"]),
            ("[192.0.2.7]", &["?"]),
            ("[2001:db8::7", &["?"]),
            ("[2001:db8::7]80", &["?"]),
            ("1.1.1.1 2.2.2.2", &["?"]),
            ("\u{661}.1.1.1", &["?"]),
        ] {
            assert_eq!(hops(ForwardedHeader::XForwardedFor, &[line.as_bytes()]), read, "{line}");
        }
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_says() {
        for (line, read) in [
            ("for=192.0.2.7", &["192.0.2.7"][..]),
            ("For=\"192.0.2.7:80\"", &["192.0.2.7"]),
            ("for=\"[2001:db8::7]:4711\"", &["2001:db8::7"]),
            ("for=\"[fe80::1%eth0]\"", &["fe80::1"]),
            ("by=203.0.113.43;FOR=192.0.2.7;proto=https", &["192.0.2.7"]),
            ("for=192.0.2.7; proto=https;", &["192.0.2.7"]),
            ("for=\"192.0\\.2.7\"", &["192.0.2.7"]),
            ("for=1.1.1.1, for=2.2.2.2;host=\"a, b\"", &["2.2.2.2", "1.1.1.1"]),
            ("for=9.9.9.9;host=\"a\\\", for=1.1.1.1\"", &["9.9.9.9"]),
            ("for=9.9.9.9;host=\"a\\\\\", for=1.1.1.1", &["1.1.1.1", "9.9.9.9"]),
            // A quote that a client has left open does not swallow what the proxy wrote.
            ("for=\", for=9.9.9.9", &["9.9.9.9", "?"]),
            ("for=\"a\\\", for=9.9.9.9", &["9.9.9.9", "?"]),
            ("for=unknown", &["?"]),
            ("for=_hidden", &["?"]),
            ("proto=https", &["?"]),
            ("", &["?"]),
            ("192.0.2.7", &["?"]),
            ("for=192.0.2.7:80", &["?"]),
            ("for=\"2001:db8::7\"", &["?"]),
            ("for=[2001:db8::7]", &["?"]),
            ("for=1.1.1.1;for=2.2.2.2", &["?"]),
            ("for =1.1.1.1", &["?"]),
            ("for= 1.1.1.1", &["?"]),
            ("for=\"1.1.1.1\"x", &["?"]),
            ("for=1.1.1.1 proto=https", &["?"]),
            ("=x;for=1.1.1.1", &["?"]),
            ("for=\"1.1.1.1", &["?"]),
            ("for=\"1.1.1.1\\", &["?"]),
        ] {
            assert_eq!(hops(ForwardedHeader::Forwarded, &[line.as_bytes()]), read, "{line}");
        }
    }

    #[test]
    fn lines_are_one_list() {
        let lines: [&[u8]; 3] = [b"1.1.1.1, 2.2.2.2", b"3.3.3.3", b"4.4.4.4,5.5.5.5"];
        let read = ["5.5.5.5", "4.4.4.4", "3.3.3.3", "2.2.2.2", "1.1.1.1"];
        assert_eq!(hops(ForwardedHeader::XForwardedFor, &lines), read);
        assert_eq!(hops(ForwardedHeader::XForwardedFor, &[]), [""; 0]);
        assert_eq!(hops(ForwardedHeader::XForwardedFor, &[b"\xff, 1.1.1.1"]), ["1.1.1.1", "?"]);
    }

    #[test]
    fn an_entry_has_512_bytes() {
        let padded = |bytes: usize| format!("{:>bytes$}", "1.1.1.1");
        for (bytes, read) in [(512, "1.1.1.1"), (513, "?"), (60_000, "?")] {
            let line = padded(bytes);
            assert_eq!(hops(ForwardedHeader::XForwardedFor, &[line.as_bytes()]), [read], "{bytes}");
            let line = format!("2.2.2.2,{line}");
            let all = hops(ForwardedHeader::XForwardedFor, &[line.as_bytes()]);
            assert_eq!(all.first().map(String::as_str), Some(read), "{bytes}");
        }
    }
}
