//! The Redis commands for the entries of a stream, and their answers.

use std::time::Duration;

use redis::{Cmd, RedisError, Value, aio::MultiplexedConnection};

use super::entry::{Entry, Fields};
use crate::store::redis::fault::Fault;

/// The prefix of the names of consumers without a name of their own.
pub(super) const GIVEN: &str = "fauth-";

/// A stream, a consumer group, and one of its consumers.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    pub(super) stream: String,
    pub(super) group: String,
    pub(super) consumer: String,
}

/// Which deliveries are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Read<'a> {
    /// Entries that were not delivered to any consumer yet. If there are none, waits for this long.
    New(Option<Duration>),
    /// Unacknowledged entries of this consumer, after this id.
    Own(&'a str),
}

/// A page of deliveries claimed from other consumers, and the position of the next page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claimed {
    pub(super) entries: Vec<Entry>,
    pub(super) next: String,
    /// The ids of entries that were deleted from the stream; Redis has now removed their
    /// deliveries. From Redis 7 on.
    pub(super) deleted: Vec<String>,
    /// Whether deleted entries were claimed without their ids, as Redis 6.2 returns them.
    pub(super) has_unnamed: bool,
}

impl Seat {
    /// Creates the group, and the stream, if they do not exist. The group begins with the first
    /// entry. A server whose memory is full refuses this even if nothing has to be created; reading
    /// then shows whether the group exists.
    pub(super) async fn take(&self, connection: &mut MultiplexedConnection) -> Result<(), Fault> {
        let mut command = redis::cmd("XGROUP");
        command.arg("CREATE").arg(&self.stream).arg(&self.group).arg("0").arg("MKSTREAM");
        match command.exec_async(connection).await {
            Err(error) if !matches!(error.code(), Some("BUSYGROUP" | "OOM")) => Err(error.into()),
            _ => Ok(()),
        }
    }

    pub(super) async fn read(
        &self,
        connection: &mut MultiplexedConnection,
        read: Read<'_>,
        count: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(&self.group).arg(&self.consumer).arg("COUNT").arg(count);
        let from = match read {
            Read::New(wait) => {
                if let Some(wait) = wait {
                    // 0 would block forever.
                    command.arg("BLOCK").arg(millis(wait).max(1));
                }
                ">"
            }
            Read::Own(after) => after,
        };
        command.arg("STREAMS").arg(&self.stream).arg(from);
        entries_of_streams(ask(connection, &command).await?)
    }

    pub(super) async fn claim(
        &self,
        connection: &mut MultiplexedConnection,
        idle: Duration,
        from: &str,
        count: usize,
    ) -> Result<Claimed, Fault> {
        let mut command = redis::cmd("XAUTOCLAIM");
        command.arg(&self.stream).arg(&self.group).arg(&self.consumer).arg(millis(idle)).arg(from);
        command.arg("COUNT").arg(count);
        claimed_of(ask(connection, &command).await?)
    }

    pub(super) async fn acknowledge(
        &self,
        connection: &mut MultiplexedConnection,
        ids: &[String],
    ) -> Result<(), Fault> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut command = redis::cmd("XACK");
        command.arg(&self.stream).arg(&self.group).arg(ids);
        Ok(command.exec_async(connection).await?)
    }
}

async fn ask(connection: &mut MultiplexedConnection, command: &Cmd) -> Result<Value, Fault> {
    Ok(command.query_async(connection).await?)
}

/// Returns whether the stream or its group does not exist any more, including when it was deleted
/// while a command waited for entries.
pub(super) fn is_gone(error: &RedisError) -> bool {
    matches!(error.code(), Some("NOGROUP" | "UNBLOCKED"))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

const NO_ENTRIES: Fault = Fault::Malformed("no entries of a stream");

/// Returns the entries of the one stream that was asked for, in RESP2 or RESP3.
fn entries_of_streams(value: Value) -> Result<Vec<Entry>, Fault> {
    let entries = match value {
        Value::Nil => return Ok(Vec::new()),
        Value::Map(streams) => streams.into_iter().next().map(|(_, entries)| entries),
        Value::Array(streams) => match streams.into_iter().next() {
            Some(Value::Array(stream)) => stream.into_iter().nth(1),
            _ => None,
        },
        _ => None,
    };
    let Some(Value::Array(entries)) = entries else { return Err(NO_ENTRIES) };
    entries.into_iter().filter_map(|entry| entry_of(entry).transpose()).collect()
}

fn claimed_of(value: Value) -> Result<Claimed, Fault> {
    let Value::Array(parts) = value else { return Err(NO_ENTRIES) };
    let mut parts = parts.into_iter();
    let next = parts.next().and_then(text_of).ok_or(NO_ENTRIES)?;
    let Some(Value::Array(entries)) = parts.next() else { return Err(NO_ENTRIES) };
    let delivered = entries.len();
    let entries: Vec<_> =
        entries.into_iter().filter_map(|entry| entry_of(entry).transpose()).collect::<Result<_, _>>()?;
    let deleted = match parts.next() {
        Some(Value::Array(ids)) => ids.into_iter().filter_map(text_of).collect(),
        _ => Vec::new(),
    };
    Ok(Claimed { has_unnamed: entries.len() < delivered, entries, next, deleted })
}

/// Returns `None` if the answer says nothing about the entry.
fn entry_of(entry: Value) -> Result<Option<Entry>, Fault> {
    let parts = match entry {
        Value::Nil => return Ok(None),
        Value::Array(parts) => parts,
        _ => return Err(NO_ENTRIES),
    };
    let mut parts = parts.into_iter();
    let id = parts.next().and_then(text_of).ok_or(NO_ENTRIES)?;
    let fields = match parts.next() {
        Some(Value::Array(flat)) => Some(fields_of(flat)?),
        Some(Value::Nil) => None,
        _ => return Err(NO_ENTRIES),
    };
    Ok(Some(Entry { id, fields }))
}

fn fields_of(flat: Vec<Value>) -> Result<Fields, Fault> {
    let mut flat = flat.into_iter();
    let mut fields = Vec::with_capacity(flat.len() / 2);
    while let Some(name) = flat.next() {
        match (name, flat.next()) {
            (Value::BulkString(name), Some(Value::BulkString(value))) => fields.push((name, value)),
            _ => return Err(NO_ENTRIES),
        }
    }
    Ok(fields)
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        _ => None,
    }
}

#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing {
    use redis::Value;

    use super::{Entry, claimed_of, entries_of_streams};

    pub(in crate::store::redis) fn entries(value: &Value) -> Vec<Entry> {
        let mut entries = entries_of_streams(value.clone()).unwrap_or_default();
        entries.extend(claimed_of(value.clone()).map(|claimed| claimed.entries).unwrap_or_default());
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn array(values: &[Value]) -> Value {
        Value::Array(values.to_vec())
    }

    fn entry(id: &str, fields: &[&str]) -> Value {
        array(&[text(id), Value::Array(fields.iter().copied().map(text).collect())])
    }

    #[test]
    fn entries_are_read_in_both_protocols() {
        let entries = array(&[entry("1-0", &["a", "1", "b", ""]), array(&[text("2-0"), Value::Nil])]);
        let expected = vec![
            Entry {
                id: "1-0".into(),
                fields: Some(vec![(b"a".into(), b"1".into()), (b"b".into(), b"".into())]),
            },
            Entry { id: "2-0".into(), fields: None },
        ];
        let map = Value::Map(vec![(text("s"), entries.clone())]);
        assert_eq!(entries_of_streams(map).unwrap(), expected);
        let nested = array(&[array(&[text("s"), entries.clone()])]);
        assert_eq!(entries_of_streams(nested).unwrap(), expected);
        assert_eq!(entries_of_streams(Value::Nil).unwrap(), []);
        let claimed = claimed_of(array(&[text("3-0"), entries, array(&[text("0-1")])])).unwrap();
        let deleted = vec!["0-1".to_owned()];
        assert_eq!(claimed, Claimed { entries: expected, next: "3-0".into(), deleted, has_unnamed: false });
        let older = claimed_of(array(&[text("0-0"), array(&[Value::Nil])])).unwrap();
        let deleted = Vec::new();
        assert_eq!(older, Claimed { entries: Vec::new(), next: "0-0".into(), deleted, has_unnamed: true });
    }

    #[test]
    fn what_redis_does_not_answer_is_an_error() {
        for value in [
            Value::Okay,
            array(&[]),
            array(&[text("s")]),
            Value::Map(vec![(text("s"), text("no entries"))]),
            Value::Map(vec![(text("s"), array(&[entry("1-0", &["odd"])]))]),
            Value::Map(vec![(text("s"), array(&[array(&[Value::Int(1), Value::Nil])]))]),
        ] {
            assert!(entries_of_streams(value.clone()).is_err(), "{value:?}");
            assert!(claimed_of(value.clone()).is_err(), "{value:?}");
        }
    }

    #[test]
    fn a_group_that_is_gone_is_known_by_its_code() {
        let error = |line: &str| redis::parse_redis_value(line.as_bytes()).unwrap().extract_error();
        assert!(is_gone(&error("-NOGROUP No such key 's'\r\n").unwrap_err()));
        assert!(is_gone(&error("-UNBLOCKED the stream key no longer exists\r\n").unwrap_err()));
        assert!(!is_gone(&error("-WRONGTYPE Operation\r\n").unwrap_err()));
    }
}
