//! A strict scanner for the JSON objects inside a token.
//!
//! Ordinary parsers accept what a verifier must refuse: if a member occurs twice (RFC 7515 section
//! 4), two readers of one token can see different claims. This scanner refuses duplicates at any
//! depth, and everything that RFC 8259 does not allow, in one pass and without allocating for
//! ordinary tokens.

use std::{borrow::Cow, ops::Range};

use smallvec::SmallVec;

/// Limits beyond which an object is refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The maximum nesting of objects and arrays; the outermost object is level one.
    pub(super) depth: usize,
    /// The maximum number of members, including those of nested objects.
    pub(super) members: usize,
}

/// Why a text is not an acceptable object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
// Four bytes wide like the fields of `Value`, so that a result of either is moved by whole fields.
// Moved byte by byte, it costs as much as reading a claim.
#[repr(u32)]
pub(super) enum Fault {
    NotAnObject,
    Syntax,
    LoneSurrogate,
    TooDeep,
    TooManyMembers,
    DuplicateMember,
}

/// A value as a position in the scanned text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value {
    start: u32,
    end: u32,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array(Elements),
    String(Spelling),
    Number,
    Bool,
    Null,
}

/// The elements of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Elements {
    /// Only strings, or none.
    Strings,
    Mixed,
}

/// How a string is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Spelling {
    /// Without escapes.
    Plain,
    /// With escapes.
    Escaped,
}

/// The inside of a string, without the quotes, as a position in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    start: usize,
    end: usize,
    spelling: Spelling,
}

impl Value {
    /// The JSON text of the value.
    pub(super) fn raw<'a>(&self, json: &'a str) -> &'a str {
        json.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// The content of a string with its escapes resolved. `None` if the value is not a string.
    pub(super) fn text<'a>(&self, json: &'a str) -> Option<Cow<'a, str>> {
        self.inside().map(|text| read(text, json))
    }

    /// Whether the value is a string with this content.
    #[cfg(feature = "trusted-issuers")]
    pub(super) fn is_text(&self, json: &str, text: &str) -> bool {
        self.text(json).is_some_and(|own| own == text)
    }

    /// The position of the content of a string without escapes.
    pub(super) fn plain_range(&self) -> Option<Range<usize>> {
        match self.kind {
            Kind::String(Spelling::Plain) => self.inside().map(|text| text.start..text.end),
            _ => None,
        }
    }

    const fn inside(&self) -> Option<Text> {
        match self.kind {
            Kind::String(spelling) => {
                Some(Text { start: self.start as usize + 1, end: self.end as usize - 1, spelling })
            }
            _ => None,
        }
    }
}

impl Text {
    /// The string including its quotes.
    const fn quoted(self) -> Value {
        let (start, end) = (position(self.start - 1), position(self.end + 1));
        Value { start, end, kind: Kind::String(self.spelling) }
    }
}

/// The content of a string with its escapes resolved.
fn read(text: Text, json: &str) -> Cow<'_, str> {
    match text.spelling {
        Spelling::Plain => Cow::Borrowed(json.get(text.start..text.end).unwrap_or_default()),
        Spelling::Escaped => Cow::Owned(resolve_escapes(text, json)),
    }
}

/// The scanner has checked every escape, so this cannot fail; an empty string would match no name
/// or value.
#[cold]
fn resolve_escapes(text: Text, json: &str) -> String {
    let quoted = json.get(text.start - 1..text.end + 1).unwrap_or_default();
    serde_json::from_str(quoted).unwrap_or_default()
}

/// Scans `json` as one object and calls `member` with the name and value of each member of the
/// outermost level.
///
/// `member` is called before the whole text is known to be valid: use what it collects only if this
/// returns `Ok`.
pub(super) fn scan_object(
    json: &str,
    limits: Limits,
    mut member: impl FnMut(&str, Value),
) -> Result<(), Fault> {
    scan_members(json, limits, |name, _, value| member(name, value))
}

/// Like [`scan_object`], and also passes the position of each name, as a string value.
pub(super) fn scan_members(
    json: &str,
    limits: Limits,
    member: impl FnMut(&str, Value, Value),
) -> Result<(), Fault> {
    let mut scanner = Scanner::new(json, limits)?;
    scanner.skip_space();
    if scanner.peek() != Some(b'{') {
        return Err(Fault::NotAnObject);
    }
    scanner.object(1, member)?;
    scanner.skip_space();
    if scanner.at == scanner.bytes.len() { Ok(()) } else { Err(Fault::Syntax) }
}

/// Scans `json` as a value of the outermost object, and returns the number of members in it.
pub(super) fn scan_value(json: &str, limits: Limits) -> Result<usize, Fault> {
    let mut scanner = Scanner::new(json, limits)?;
    scanner.value(1)?;
    if scanner.at == scanner.bytes.len() { Ok(scanner.members) } else { Err(Fault::Syntax) }
}

/// Scans `json` as one array and calls `element` with its elements. For text that [`scan_object`]
/// has accepted before.
pub(super) fn scan_array(json: &str, limits: Limits, mut element: impl FnMut(Value)) -> Result<(), Fault> {
    let mut scanner = Scanner::new(json, limits)?;
    if scanner.peek() != Some(b'[') {
        return Err(Fault::Syntax);
    }
    scanner.array(1, &mut element).map(|_| ())
}

/// A name that was read.
#[derive(Clone, Copy)]
struct Name {
    text: Text,
    hash: u64,
}

/// Tokens have about ten claims; only more names open at once than this need the heap.
const NAMES_INLINE: usize = 24;

struct Scanner<'a> {
    json: &'a str,
    bytes: &'a [u8],
    at: usize,
    limits: Limits,
    members: usize,
    /// The names of all objects that are open at this point, innermost last.
    names: SmallVec<[Name; NAMES_INLINE]>,
}

impl<'a> Scanner<'a> {
    fn new(json: &'a str, limits: Limits) -> Result<Self, Fault> {
        // Positions are kept in 32 bits, which no token exceeds.
        if u32::try_from(json.len()).is_err() {
            return Err(Fault::Syntax);
        }
        Ok(Self { json, bytes: json.as_bytes(), at: 0, limits, members: 0, names: SmallVec::new() })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, Fault> {
        let byte = self.peek().ok_or(Fault::Syntax)?;
        self.at += 1;
        Ok(byte)
    }

    fn skip_space(&mut self) {
        // Tokens are written without white space.
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.skip_some_space();
        }
    }

    #[cold]
    fn skip_some_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Generic over the callback of the outermost object; nested objects use one that does nothing.
    fn object(&mut self, depth: usize, mut member: impl FnMut(&str, Value, Value)) -> Result<(), Fault> {
        if depth > self.limits.depth {
            return Err(Fault::TooDeep);
        }
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        let first_name = self.names.len();
        let mut seen = Seen::default();
        loop {
            self.skip_space();
            let text = self.name()?;
            let name = read(text, self.json);
            self.refuse_duplicate(text, &name, first_name, &mut seen)?;
            self.skip_space();
            if self.next()? != b':' {
                return Err(Fault::Syntax);
            }
            self.skip_space();
            let value = self.value(depth)?;
            member(&name, text.quoted(), value);
            self.skip_space();
            match self.next()? {
                b',' => {}
                b'}' => break,
                _ => return Err(Fault::Syntax),
            }
        }
        self.names.truncate(first_name);
        Ok(())
    }

    fn name(&mut self) -> Result<Text, Fault> {
        if self.next()? != b'"' {
            return Err(Fault::Syntax);
        }
        let name = self.string()?;
        self.members += 1;
        if self.members > self.limits.members { Err(Fault::TooManyMembers) } else { Ok(name) }
    }

    /// `text` is a name and its content. Its siblings are the open names from `first_name` on.
    fn refuse_duplicate(
        &mut self,
        text: Text,
        name: &str,
        first_name: usize,
        seen: &mut Seen,
    ) -> Result<(), Fault> {
        let hash = fnv1a(name);
        if seen.may_hold(hash) {
            let siblings = self.names.get(first_name..).unwrap_or_default();
            // Names are read in full only if their hashes are equal.
            let mut alike = siblings.iter().filter(|sibling| sibling.hash == hash);
            if alike.any(|sibling| read(sibling.text, self.json) == name) {
                return Err(Fault::DuplicateMember);
            }
        }
        self.names.push(Name { text, hash });
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        let start = self.at;
        let kind = match self.peek().ok_or(Fault::Syntax)? {
            b'"' => {
                self.at += 1;
                Kind::String(self.string()?.spelling)
            }
            b'{' => {
                self.object(depth + 1, ignore)?;
                Kind::Object
            }
            b'[' => Kind::Array(self.array(depth + 1, &mut |_| {})?),
            b't' => self.literal(b"true", Kind::Bool)?,
            b'f' => self.literal(b"false", Kind::Bool)?,
            b'n' => self.literal(b"null", Kind::Null)?,
            b'-' | b'0'..=b'9' => {
                self.number()?;
                Kind::Number
            }
            _ => return Err(Fault::Syntax),
        };
        Ok(Value { start: position(start), end: position(self.at), kind })
    }

    fn array(&mut self, depth: usize, element: &mut dyn FnMut(Value)) -> Result<Elements, Fault> {
        if depth > self.limits.depth {
            return Err(Fault::TooDeep);
        }
        self.at += 1;
        self.skip_space();
        let mut elements = Elements::Strings;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(elements);
        }
        loop {
            self.skip_space();
            let value = self.value(depth)?;
            if !matches!(value.kind, Kind::String(_)) {
                elements = Elements::Mixed;
            }
            element(value);
            self.skip_space();
            match self.next()? {
                b',' => {}
                b']' => return Ok(elements),
                _ => return Err(Fault::Syntax),
            }
        }
    }

    fn literal(&mut self, word: &[u8], kind: Kind) -> Result<Kind, Fault> {
        let end = self.at + word.len();
        if self.bytes.get(self.at..end) != Some(word) {
            return Err(Fault::Syntax);
        }
        self.at = end;
        Ok(kind)
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// One or more digits.
    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Fault::Syntax) }
    }

    /// The rest of a string after its opening quote.
    fn string(&mut self) -> Result<Text, Fault> {
        let start = self.at;
        // Most of a token is inside strings: skip to the next byte with a meaning there.
        let end = end_of_plain(self.bytes, start);
        if self.bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(Text { start, end, spelling: Spelling::Plain });
        }
        self.escaped_string(start, end)
    }

    /// The rest of a string that has no escape before `end`.
    #[cold]
    fn escaped_string(&mut self, start: usize, mut end: usize) -> Result<Text, Fault> {
        loop {
            self.at = end;
            match self.next()? {
                b'"' => return Ok(Text { start, end, spelling: Spelling::Escaped }),
                b'\\' => self.escape()?,
                _ => return Err(Fault::Syntax),
            }
            end = end_of_plain(self.bytes, self.at);
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        match self.next()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => self.unicode_escape(),
            _ => Err(Fault::Syntax),
        }
    }

    fn unicode_escape(&mut self) -> Result<(), Fault> {
        match self.hex4()? {
            0xd800..=0xdbff => {
                if self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
                    return Err(Fault::LoneSurrogate);
                }
                self.at += 2;
                if matches!(self.hex4()?, 0xdc00..=0xdfff) { Ok(()) } else { Err(Fault::LoneSurrogate) }
            }
            0xdc00..=0xdfff => Err(Fault::LoneSurrogate),
            _ => Ok(()),
        }
    }

    fn hex4(&mut self) -> Result<u32, Fault> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = char::from(self.next()?).to_digit(16).ok_or(Fault::Syntax)?;
            code = code * 16 + digit;
        }
        Ok(code)
    }
}

const fn ignore(_: &str, _: Value, _: Value) {}

/// A position in a text whose length was checked.
#[expect(clippy::cast_possible_truncation, reason = "no text is that long, see `Scanner::new`")]
const fn position(at: usize) -> u32 {
    at as u32
}

/// FNV-1a.
fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Whether a text needs no escapes between quotes.
pub(super) fn is_plain(text: &str) -> bool {
    end_of_plain(text.as_bytes(), 0) == text.len()
}

/// The position of the next byte at or after `at` with a meaning inside a string: a quote, a
/// backslash, or a control character.
fn end_of_plain(text: &[u8], mut at: usize) -> usize {
    while let Some(word) = text.get(at..at + 8).and_then(<[u8]>::first_chunk) {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    end_of_plain_bytewise(text, at)
}

/// The same for the last bytes of a text.
#[cold]
fn end_of_plain_bytewise(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)).count()
}

/// Examines eight bytes at once: the result has the top bit set in each byte with a meaning inside
/// a string. It is exact up to and including the lowest such byte. (Subtracting a greater number
/// from a byte sets the top bit, and borrows only from the bytes above.)
const fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let quotes = word ^ (ONES * b'"' as u64);
    let backslashes = word ^ (ONES * b'\\' as u64);
    let below = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = quotes.wrapping_sub(ONES) & !quotes;
    let backslash = backslashes.wrapping_sub(ONES) & !backslashes;
    (below | quote | backslash) & TOPS
}

/// Which six bits of a hash select the bit for a name. With these, no two claims of own tokens
/// share a bit, so their names are never compared.
const QUIET_BITS: u32 = 40;

/// A filter in front of the comparison of names: 64 bits that record which hashes an object has
/// had.
#[derive(Default)]
struct Seen(u64);

impl Seen {
    /// Records the hash. Returns `false` only if no earlier name has it.
    fn may_hold(&mut self, hash: u64) -> bool {
        let bit = 1_u64 << ((hash >> QUIET_BITS) & 63);
        let may = self.0 & bit != 0;
        self.0 |= bit;
        may
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { depth: 32, members: 512 };

    fn scan(json: &str) -> Result<Vec<(String, String)>, Fault> {
        let mut members = Vec::new();
        scan_object(json, LIMITS, |name, value| {
            members.push((name.to_owned(), value.raw(json).to_owned()));
        })?;
        Ok(members)
    }

    #[test]
    fn the_claims_of_our_own_tokens_are_told_apart_without_comparing_names() {
        let mut seen = Seen::default();
        for name in [
            "sub",
            "exp",
            "iat",
            "jti",
            "token_type",
            "scopes",
            "app",
            "iss",
            "aud",
            "sid",
            "token_epoch",
            "user_epoch",
            "auth_time",
            "nbf",
        ] {
            assert!(!seen.may_hold(fnv1a(name)), "{name}");
        }
        assert!(seen.may_hold(fnv1a("sub")));
    }

    #[test]
    fn members_are_handed_over_in_order() {
        let members = scan(" {\"a\" : 1.5e3 ,\r\n\"b\":[{\"a\":null},\"x\\n\"]} ").unwrap();
        assert_eq!(
            members,
            [("a".to_owned(), "1.5e3".to_owned()), ("b".to_owned(), "[{\"a\":null},\"x\\n\"]".to_owned())]
        );
        assert_eq!(scan("{}").unwrap(), []);
    }

    #[test]
    fn a_name_may_occur_once_per_object() {
        assert_eq!(scan(r#"{"a":1,"a":2}"#), Err(Fault::DuplicateMember));
        assert_eq!(scan(r#"{"roles":1,"\u0072oles":2}"#), Err(Fault::DuplicateMember));
        assert_eq!(scan(r#"{"\u0072oles":1,"roles":2}"#), Err(Fault::DuplicateMember));
        assert_eq!(scan(r#"{"x":[{"y":{"a":1,"b":2,"a":3}}]}"#), Err(Fault::DuplicateMember));
        assert!(scan(r#"{"a":{"a":{"a":1}},"b":{"a":2}}"#).is_ok(), "the same name at other places is fine");
        assert!(scan(r#"{"ab":1,"ba":2,"aab":3,"":4}"#).is_ok());
    }

    #[test]
    fn strings_end_where_they_end() {
        for length in 0..40 {
            for special in [b'"', b'\\', 0, b'\n', 0x1f] {
                let mut text = vec![b'x'; length];
                text.push(special);
                text.extend_from_slice("\u{ff}\"  \\ !#[]\u{7f}".as_bytes());
                assert_eq!(end_of_plain(&text, 0), length, "{special}");
            }
            let plain: Vec<u8> = (0..length).map(|n| b" !#[]\x7f\x80\xff"[n % 8]).collect();
            assert_eq!(end_of_plain(&plain, 0), length);
        }
    }

    #[test]
    fn arrays_of_strings_are_known() {
        let elements = |array: &str| {
            let mut found = None;
            scan_object(&format!("{{\"a\":{array}}}"), LIMITS, |_, value| {
                if let Kind::Array(elements) = value.kind {
                    found = Some(elements);
                }
            })
            .unwrap();
            found.unwrap()
        };
        for strings in ["[]", "[\"\"]", "[\"a\",\"\\n\"]"] {
            assert_eq!(elements(strings), Elements::Strings, "{strings}");
        }
        for mixed in ["[1]", "[\"a\",null]", "[[\"a\"],\"b\"]", "[{}]"] {
            assert_eq!(elements(mixed), Elements::Mixed, "{mixed}");
        }
    }

    #[test]
    fn a_value_alone_is_judged_as_one_in_an_object() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(scan_value("[1,{\"a\":{\"b\":2}}]", LIMITS), Ok(2));
        assert_eq!(scan_value("\"a\"", LIMITS), Ok(0));
        assert_eq!(scan_value(&nested(31), LIMITS), Ok(0));
        assert_eq!(scan_value(&nested(32), LIMITS), Err(Fault::TooDeep));
        assert_eq!(scan_value("{\"a\":1,\"a\":2}", LIMITS), Err(Fault::DuplicateMember));
        for bad in ["", "1 ", "1,2", "\"a"] {
            assert_eq!(scan_value(bad, LIMITS), Err(Fault::Syntax), "{bad:?}");
        }
    }

    /// Found by search: these two names have the same hash.
    #[test]
    fn different_names_may_have_the_same_hash() {
        assert_eq!(fnv1a("7mohtcOFVz"), fnv1a("c1E51sSEyx"));
        assert!(scan(r#"{"7mohtcOFVz":1,"c1E51sSEyx":2}"#).is_ok());
        assert_eq!(scan(r#"{"7mohtcOFVz":1,"c1E51sSEyx":2,"7mohtcOFVz":3}"#), Err(Fault::DuplicateMember));
    }

    #[test]
    fn surrogates_come_in_pairs() {
        assert!(scan(r#"{"a":"\ud83d\ude00"}"#).is_ok());
        for bad in [r#"{"a":"\ud83d"}"#, r#"{"a":"\ude00"}"#, r#"{"a":"\ud83dx"}"#, r#"{"a":"\ud83d\u0041"}"#]
        {
            assert_eq!(scan(bad), Err(Fault::LoneSurrogate), "{bad}");
        }
    }

    #[test]
    fn depth_and_members_have_limits() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(scan(&nested(32)).is_ok());
        assert_eq!(scan(&nested(33)), Err(Fault::TooDeep));
        let many = |count: usize| {
            let members: Vec<_> = (0..count).map(|n| format!("\"m{n}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(scan(&many(512)).is_ok());
        assert_eq!(scan(&many(513)), Err(Fault::TooManyMembers));
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        for bad in ["", " ", "[]", "\"a\"", "1", "null", "\u{feff}{}"] {
            assert_eq!(scan(bad), Err(Fault::NotAnObject), "{bad:?}");
        }
        for bad in [
            "{",
            "{}x",
            "{}{}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":1.}",
            "{\"a\":1e}",
            "{\"a\":-}",
            "{\"a\":tru}",
            "{\"a\":NaN}",
            "{\"a\":\"\t\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12\"}",
            "{\"a\":\"}",
            "{\"a\":[1,]}",
            "{\"a\":[}",
            "{\"a\":1 2}",
        ] {
            assert_eq!(scan(bad), Err(Fault::Syntax), "{bad:?}");
        }
    }

    /// Whether any object in this text has a duplicate member, determined without the scanner.
    fn has_duplicates(json: &str) -> bool {
        struct Strict(bool);
        impl<'de> serde::de::DeserializeSeed<'de> for &mut Strict {
            type Value = ();
            fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                deserializer.deserialize_any(self)
            }
        }
        impl<'de> serde::de::Visitor<'de> for &mut Strict {
            type Value = ();
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("any value")
            }
            fn visit_bool<E>(self, _: bool) -> Result<(), E> {
                Ok(())
            }
            fn visit_i64<E>(self, _: i64) -> Result<(), E> {
                Ok(())
            }
            fn visit_u64<E>(self, _: u64) -> Result<(), E> {
                Ok(())
            }
            fn visit_f64<E>(self, _: f64) -> Result<(), E> {
                Ok(())
            }
            fn visit_str<E>(self, _: &str) -> Result<(), E> {
                Ok(())
            }
            fn visit_unit<E>(self) -> Result<(), E> {
                Ok(())
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
                while seq.next_element_seed(&mut *self)?.is_some() {}
                Ok(())
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
                let mut names = std::collections::BTreeSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    self.0 |= !names.insert(name);
                    map.next_value_seed(&mut *self)?;
                }
                Ok(())
            }
        }
        let mut strict = Strict(false);
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let _ = serde::de::DeserializeSeed::deserialize(&mut strict, &mut deserializer);
        strict.0
    }

    /// Texts that are usually JSON: fragments of it, joined at random.
    fn fragments() -> impl Strategy<Value = String> {
        let fragment = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            " ",
            "\"a\"",
            "\"b\"",
            "\"\\u0061\"",
            "\"é\"",
            "1",
            "-0",
            "1.5",
            "2E-1",
            "true",
            "null",
            "\"\\ud800\"",
            "\"\\n\"",
            "{\"a\":1}",
            "[1,2]",
            "\"a\":1",
            "\"b\":{}",
            "\u{feff}",
            "\u{0}",
        ]);
        prop::collection::vec(fragment, 0..14).prop_map(|parts| format!("{{{}}}", parts.concat()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn agrees_with_serde_json(json in fragments()) {
            let other = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&json);
            let expected = other.is_ok() && !has_duplicates(&json);
            prop_assert_eq!(scan(&json).is_ok(), expected, "{}", json);
        }

        #[test]
        fn no_text_makes_it_panic(json in ".*") {
            let _ = scan(&json);
            let _ = scan(&format!("{{\"a\":{json}}}"));
        }
    }
}
