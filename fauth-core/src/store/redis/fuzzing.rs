//! Fuzz target for values read from Redis: replies of scripts, the stream of revocations, entries
//! of Caracal's streams, and records of failed logins.

use redis::Value;

#[cfg(feature = "mandates")]
use super::{anchors, streams};
use super::{api_keys, mirror, reply::Reply, revocations, sessions};
use crate::{store::RevocationTarget, throttle};

/// Parses a reply, written one value a line: `[` and `]` around an array, `~` for nil, `:` before a
/// number, `+` before a simple string. Every other line is a bulk string; a leading `=` is dropped.
pub(crate) fn reply(bytes: &[u8]) -> bool {
    let value = value_of(bytes);
    let mut is_accepted = [
        throttle::fuzzing::record(bytes),
        sessions::fuzzing::read(&value),
        api_keys::fuzzing::read(&value),
        revocations::fuzzing::read(&value),
        mirror::fuzzing::read(&value),
    ]
    .contains(&true);
    #[cfg(feature = "mandates")]
    {
        is_accepted |= streams::fuzzing::read(&value) | anchors::fuzzing::read(bytes);
    }
    if let Ok(mut reply) = Reply::of(value) {
        let _ = (reply.done(), reply.texts().is_ok(), reply.optional_time().is_ok(), reply.is("ok"));
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some((owner, target)) = RevocationTarget::parse(text)
    {
        assert_eq!(target.key(&owner), text);
        is_accepted = true;
    }
    is_accepted
}

/// Builds the reply. Arrays that are still open end with the text.
fn value_of(bytes: &[u8]) -> Value {
    const DEEPEST: usize = 6;

    let mut open: Vec<Vec<Value>> = vec![Vec::new()];
    for line in bytes.split(|byte| *byte == b'\n') {
        let value = match line {
            b"[" if open.len() < DEEPEST => {
                open.push(Vec::new());
                continue;
            }
            b"]" => match open.pop() {
                Some(values) if !open.is_empty() => Value::Array(values),
                values => {
                    open.extend(values);
                    continue;
                }
            },
            b"~" => Value::Nil,
            [b':', digits @ ..] => {
                match std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()) {
                    Some(number) => Value::Int(number),
                    None => Value::BulkString(line.to_vec()),
                }
            }
            [b'+', text @ ..] => Value::SimpleString(String::from_utf8_lossy(text).into_owned()),
            [b'=', text @ ..] | text => Value::BulkString(text.to_vec()),
        };
        if let Some(values) = open.last_mut() {
            values.push(value);
        }
    }
    while open.len() > 1 {
        let values = open.pop().unwrap_or_default();
        if let Some(outer) = open.last_mut() {
            outer.push(Value::Array(values));
        }
    }
    let mut values = open.pop().unwrap_or_default();
    match values.as_slice() {
        // A single array is the reply itself.
        [Value::Array(_)] => values.remove(0),
        _ => Value::Array(values),
    }
}
