//! The format of the file: that of fastware, with additional members that fastware tolerates.

use std::{collections::HashSet, fmt, fmt::Write as _};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, SeqAccess, Visitor},
    ser::SerializeMap as _,
};
use serde_json::value::RawValue;

use crate::user_store::{MAX_USERS, StoredUser, UserStoreError, record::Members, users::Users};

/// The maximum size of the file, in bytes: 8 MiB.
pub const MAX_FILE_BYTES: usize = 8 * 1024 * 1024;

/// Parses the whole file. An error contains only positions, never content, since the file holds
/// password hashes.
pub(super) fn read(bytes: &[u8]) -> Result<Users, String> {
    let records: Records = serde_json::from_slice(bytes).map_err(|error| {
        format!("is not a list of users: see line {}, column {}", error.line(), error.column())
    })?;
    let mut users = Users::default();
    for (record, number) in records.0.into_iter().zip(1..) {
        let inserted = record.into_user().and_then(|user| users.insert(user));
        match inserted {
            Ok(_) => {}
            Err(UserStoreError::Invalid { field, problem }) => {
                return Err(format!("user number {number} is invalid: {field} {problem}"));
            }
            Err(UserStoreError::Full) => return Err(format!("has more than {MAX_USERS} users")),
            Err(_) => return Err(format!("user number {number} has the same name as an earlier user")),
        }
    }
    Ok(users)
}

pub(super) fn write(users: &Users) -> Result<Vec<u8>, String> {
    let records: Vec<Record<'_>> = users.in_order().iter().map(|user| Record(user)).collect();
    let mut text = serde_json::to_string_pretty(&records).map_err(|_| "cannot be written".to_owned())?;
    text.push('\n');
    Ok(in_ascii(&text).into_bytes())
}

/// Escapes everything that is not printable ASCII, as Python does. In JSON such characters occur
/// only in strings.
fn in_ascii(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for c in json.chars() {
        if c < '\u{7f}' {
            ascii.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            _ = write!(ascii, "\\u{unit:04x}");
        }
    }
    ascii
}

struct Record<'a>(&'a StoredUser);

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let user = self.0;
        let (role, more_roles) = match user.roles() {
            [] => ("", [].as_slice()),
            [first, more @ ..] => (first.as_str(), more),
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("username", user.username())?;
        map.serialize_entry("password_hash", user.stored_hash())?;
        map.serialize_entry("role", role)?;
        if let Some(created_at) = user.created_at_text() {
            map.serialize_entry("created_at", created_at)?;
        }
        if !more_roles.is_empty() {
            map.serialize_entry("roles", more_roles)?;
        }
        if !crate::AuthUser::is_active(user) {
            map.serialize_entry("active", &false)?;
        }
        match crate::AuthUser::token_epoch(user) {
            0 => {}
            epoch => map.serialize_entry("epoch", &epoch)?,
        }
        for (name, value) in user.others() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The records of a file, cut off one past the maximum.
struct Records(Vec<Members>);

impl<'de> Deserialize<'de> for Records {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RecordsVisitor)
    }
}

struct RecordsVisitor;

impl<'de> Visitor<'de> for RecordsVisitor {
    type Value = Records;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of users")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Records, A::Error> {
        let mut records = Vec::new();
        while let Some(record) = seq.next_element()? {
            records.push(record);
            if records.len() > MAX_USERS {
                while seq.next_element::<de::IgnoredAny>()?.is_some() {}
            }
        }
        Ok(Records(records))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a user")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let (mut username, mut password_hash, mut role, mut created_at) = (None, None, None, None);
        let (mut more_roles, mut active, mut epoch) = (Vec::new(), true, 0);
        let mut others: Vec<(String, Box<RawValue>)> = Vec::new();
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                return Err(de::Error::custom("a member occurs twice"));
            }
            match name.as_str() {
                "username" => username = Some(map.next_value()?),
                "password_hash" => password_hash = Some(map.next_value()?),
                "role" => role = map.next_value::<Option<String>>()?,
                "created_at" => created_at = map.next_value()?,
                "roles" => more_roles = map.next_value::<Vec<String>>()?,
                "active" => active = map.next_value()?,
                "epoch" => epoch = map.next_value()?,
                _ => others.push((name, map.next_value()?)),
            }
        }
        let roles = role.into_iter().filter(|role| !role.is_empty()).chain(more_roles).collect();
        Ok(Members {
            username: username.ok_or_else(|| de::Error::missing_field("username"))?,
            password_hash: password_hash.ok_or_else(|| de::Error::missing_field("password_hash"))?,
            roles,
            created_at,
            active,
            epoch,
            others,
        })
    }
}
