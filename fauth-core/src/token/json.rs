//! A strict scanner for the JSON objects inside a token.
//!
//! Ordinary parsers accept what a verifier must refuse: a member that occurs twice (RFC 7515 section 4) lets two readers
//! of one token see different claims. This one refuses it at any depth, along with everything that RFC 8259 does not
//! allow, in one pass and without allocating for the tokens that occur in practice.

use std::borrow::Cow;

use smallvec::SmallVec;

/// What an object may cost before it is refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How deep objects and arrays may nest; the outermost object is the first level.
    pub(super) depth: usize,
    /// How many members there may be in all, those of nested objects counted too.
    pub(super) members: usize,
}

/// Why a text is not an acceptable object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    NotAnObject,
    Syntax,
    LoneSurrogate,
    TooDeep,
    TooManyMembers,
    DuplicateMember,
}

/// A string in the scanned text, by the position of its content (without the quotes).
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) escaped: bool,
}

impl Text {
    /// What the string says, with its escapes resolved.
    pub(super) fn read<'a>(&self, json: &'a str) -> Cow<'a, str> {
        let raw = json.get(self.start..self.end).unwrap_or_default();
        if !self.escaped {
            return Cow::Borrowed(raw);
        }
        // The scanner has checked every escape, so that this cannot fail; an empty string matches no name or value.
        Cow::Owned(
            json.get(self.start.saturating_sub(1)..self.end.saturating_add(1))
                .and_then(|quoted| serde_json::from_str(quoted).ok())
                .unwrap_or_default(),
        )
    }
}

/// The name of a member that was read.
#[derive(Clone, Copy)]
struct Name {
    text: Text,
    hash: u64,
}

/// A value in the scanned text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Value {
    /// The JSON text of the value.
    pub(super) fn raw<'a>(&self, json: &'a str) -> &'a str {
        json.get(self.start..self.end).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Object,
    Array,
    String(Text),
    Number,
    Bool,
    Null,
}

/// Scans `json` as one object and hands each member of the outermost level to `member`.
///
/// `member` sees members before the whole text is known to be good: keep what it collects only if this returns `Ok`.
pub(super) fn scan_object(
    json: &str,
    limits: Limits,
    mut member: impl FnMut(Text, Value),
) -> Result<(), Fault> {
    let mut scanner =
        Scanner { json, bytes: json.as_bytes(), at: 0, limits, members: 0, names: SmallVec::new() };
    scanner.skip_space();
    if scanner.peek() != Some(b'{') {
        return Err(Fault::NotAnObject);
    }
    scanner.object(1, &mut member)?;
    scanner.skip_space();
    if scanner.at == scanner.bytes.len() { Ok(()) } else { Err(Fault::Syntax) }
}

/// Scans `json` as one array and hands over its elements. For text that [`scan_object`] has accepted before.
pub(super) fn scan_array(json: &str, limits: Limits, mut element: impl FnMut(Value)) -> Result<(), Fault> {
    let mut scanner =
        Scanner { json, bytes: json.as_bytes(), at: 0, limits, members: 0, names: SmallVec::new() };
    if scanner.peek() != Some(b'[') {
        return Err(Fault::Syntax);
    }
    scanner.array(1, &mut element)
}

/// Tokens have about ten claims; names beyond this many open at once go to the heap.
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

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, Fault> {
        let byte = self.peek().ok_or(Fault::Syntax)?;
        self.at += 1;
        Ok(byte)
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn object(&mut self, depth: usize, member: &mut dyn FnMut(Text, Value)) -> Result<(), Fault> {
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
            let name = self.name(first_name, &mut seen)?;
            self.skip_space();
            if self.next()? != b':' {
                return Err(Fault::Syntax);
            }
            self.skip_space();
            let value = self.value(depth)?;
            member(name, value);
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

    fn name(&mut self, first_name: usize, seen: &mut Seen) -> Result<Text, Fault> {
        if self.next()? != b'"' {
            return Err(Fault::Syntax);
        }
        let name = self.string()?;
        self.members += 1;
        if self.members > self.limits.members {
            return Err(Fault::TooManyMembers);
        }
        let name = Name { text: name, hash: self.hash(name) };
        if seen.may_hold(name.hash) && self.is_duplicate(first_name, name) {
            return Err(Fault::DuplicateMember);
        }
        self.names.push(name);
        Ok(name.text)
    }

    fn is_duplicate(&self, first_name: usize, name: Name) -> bool {
        let Some(siblings) = self.names.get(first_name..) else { return false };
        // Names are read in full only where their hashes agree: a stranger cannot make this work add up.
        let mut alike = siblings.iter().filter(|sibling| sibling.hash == name.hash);
        alike.any(|sibling| sibling.text.read(self.json) == name.text.read(self.json))
    }

    /// FNV-1a of what the name says, escapes resolved.
    fn hash(&self, name: Text) -> u64 {
        let name = name.read(self.json);
        name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        let start = self.at;
        let kind = match self.peek().ok_or(Fault::Syntax)? {
            b'"' => {
                self.at += 1;
                Kind::String(self.string()?)
            }
            b'{' => {
                self.object(depth + 1, &mut |_, _| {})?;
                Kind::Object
            }
            b'[' => {
                self.array(depth + 1, &mut |_| {})?;
                Kind::Array
            }
            b't' => self.literal(b"true", Kind::Bool)?,
            b'f' => self.literal(b"false", Kind::Bool)?,
            b'n' => self.literal(b"null", Kind::Null)?,
            b'-' | b'0'..=b'9' => {
                self.number()?;
                Kind::Number
            }
            _ => return Err(Fault::Syntax),
        };
        Ok(Value { kind, start, end: self.at })
    }

    fn array(&mut self, depth: usize, element: &mut dyn FnMut(Value)) -> Result<(), Fault> {
        if depth > self.limits.depth {
            return Err(Fault::TooDeep);
        }
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.skip_space();
            let value = self.value(depth)?;
            element(value);
            self.skip_space();
            match self.next()? {
                b',' => {}
                b']' => return Ok(()),
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

    /// One digit or more.
    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Fault::Syntax) }
    }

    /// The rest of a string whose opening quote has been read.
    fn string(&mut self) -> Result<Text, Fault> {
        let start = self.at;
        let mut escaped = false;
        loop {
            // Most of a token is the inside of strings: leap to the next byte that means anything there.
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let plain =
                rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).ok_or(Fault::Syntax)?;
            self.at += plain;
            match self.next()? {
                b'"' => return Ok(Text { start, end: self.at - 1, escaped }),
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(Fault::Syntax),
            }
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

/// A filter in front of the comparison of names: 64 bits that say which kinds of name an object has had.
#[derive(Default)]
struct Seen(u64);

impl Seen {
    /// `false` only if no earlier name has this hash. Remembers it.
    fn may_hold(&mut self, hash: u64) -> bool {
        let bit = 1_u64 << (hash >> 58);
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
            members.push((name.read(json).into_owned(), value.raw(json).to_owned()));
        })?;
        Ok(members)
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

    /// Does any object in this text name a member twice? Found by another road than the scanner's.
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

    /// Texts that are JSON more often than not: fragments of it, joined at random.
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
