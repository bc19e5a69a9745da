//! The answer of a script: a word, then its values.

use redis::Value;

use super::fault::Fault;
use crate::clock::Timestamp;

/// An answer that is read from front to back.
#[derive(Debug)]
pub(super) struct Reply {
    word: Vec<u8>,
    rest: std::vec::IntoIter<Value>,
}

impl Reply {
    /// Parses an answer that begins with a word.
    pub(super) fn of(value: Value) -> Result<Self, Fault> {
        let mut reply = Self::row(value)?;
        reply.word = reply.bytes()?;
        Ok(reply)
    }

    /// Parses a nested array, which has no word.
    pub(super) fn row(value: Value) -> Result<Self, Fault> {
        match value {
            Value::Array(values) => Ok(Self { word: Vec::new(), rest: values.into_iter() }),
            _ => Err(Fault::Malformed("no array")),
        }
    }

    pub(super) fn word(&self) -> &[u8] {
        &self.word
    }

    pub(super) fn is(&self, word: &str) -> bool {
        self.word == word.as_bytes()
    }

    /// Expects an answer that says only that the step is done. For `lost`, a caller that can begin
    /// a new memory has handled it before; for all others it is an error.
    pub(super) fn done(&self) -> Result<(), Fault> {
        match self.word() {
            b"ok" => Ok(()),
            b"lost" => Err(Fault::KeepsForgetting),
            _ => Err(Fault::Malformed("not ok")),
        }
    }

    pub(super) fn value(&mut self) -> Result<Value, Fault> {
        self.rest.next().ok_or(Fault::Malformed("too short"))
    }

    pub(super) fn rows(&mut self) -> Result<impl Iterator<Item = Value> + use<>, Fault> {
        Self::row(self.value()?).map(|reply| reply.rest)
    }

    /// Reads a nested array of texts.
    pub(super) fn texts(&mut self) -> Result<Vec<String>, Fault> {
        let mut row = self.next_row()?;
        let mut texts = Vec::with_capacity(row.rest.len());
        while row.rest.len() > 0 {
            texts.push(row.text()?);
        }
        Ok(texts)
    }

    pub(super) fn next_row(&mut self) -> Result<Self, Fault> {
        Self::row(self.value()?)
    }

    pub(super) fn optional_bytes(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        match self.value()? {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => Ok(Some(bytes)),
            Value::SimpleString(text) => Ok(Some(text.into_bytes())),
            Value::Int(number) => Ok(Some(number.to_string().into_bytes())),
            _ => Err(Fault::Malformed("no text")),
        }
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, Fault> {
        self.optional_bytes()?.ok_or(Fault::Malformed("nothing"))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.bytes()?.try_into().map_err(|_| Fault::Malformed("bytes of the wrong length"))
    }

    pub(super) fn optional_text(&mut self) -> Result<Option<String>, Fault> {
        let text = self.optional_bytes()?.map(String::from_utf8).transpose();
        text.map_err(|_| Fault::Malformed("no UTF-8"))
    }

    pub(super) fn text(&mut self) -> Result<String, Fault> {
        self.optional_text()?.ok_or(Fault::Malformed("nothing"))
    }

    pub(super) fn parsed<T: std::str::FromStr>(&mut self) -> Result<T, Fault> {
        self.text()?.parse().map_err(|_| Fault::Malformed("no number"))
    }

    pub(super) fn optional_parsed<T: std::str::FromStr>(&mut self) -> Result<Option<T>, Fault> {
        let text = self.optional_text()?;
        text.map(|text| text.parse()).transpose().map_err(|_| Fault::Malformed("no number"))
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, Fault> {
        self.parsed().map(Timestamp::from_unix_seconds)
    }

    pub(super) fn optional_time(&mut self) -> Result<Option<Timestamp>, Fault> {
        Ok(self.optional_parsed()?.map(Timestamp::from_unix_seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(values: Vec<Value>) -> Value {
        Value::Array(values)
    }

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn an_answer_is_read_from_its_front() {
        let mut reply =
            Reply::of(array(vec![text("ok"), text("-5"), Value::Nil, array(vec![text("a")])])).unwrap();
        assert!(reply.done().is_ok());
        assert_eq!(reply.time().unwrap(), Timestamp::from_unix_seconds(-5));
        assert_eq!(reply.optional_time().unwrap(), None);
        assert_eq!(reply.rows().unwrap().collect::<Vec<_>>(), [text("a")]);
        assert!(reply.value().is_err(), "and no further");
        let mut texts = Reply::of(array(vec![text("ok"), array(vec![text("a"), text("")])])).unwrap();
        assert_eq!(texts.texts().unwrap(), ["a", ""]);
    }

    #[test]
    fn what_no_script_answers_is_an_error() {
        for value in [Value::Nil, Value::Okay, text("ok"), array(vec![]), array(vec![Value::Nil])] {
            assert!(Reply::of(value.clone()).is_err(), "{value:?}");
        }
        let reply = |value| Reply::of(array(vec![text("ok"), value])).unwrap();
        assert!(reply(text("12")).time().is_ok() && reply(text("1e3")).time().is_err());
        assert!(reply(text("1234")).array::<4>().is_ok() && reply(text("123")).array::<4>().is_err());
        assert!(reply(Value::BulkString(vec![0xFF])).text().is_err());
        assert!(reply(Value::Nil).text().is_err() && reply(Value::Nil).optional_text().is_ok());
        assert!(reply(Value::Okay).bytes().is_err());
        let refused = |word| Reply::of(array(vec![text(word)])).unwrap().done().unwrap_err();
        assert!(matches!(refused("no"), Fault::Malformed("not ok")));
        assert!(matches!(refused("lost"), Fault::KeepsForgetting));
        assert!(refused("lost").to_string().contains("`maxmemory-policy`"));
    }
}
