//! The fields of a body, the same for JSON and forms.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value as Json;
use zeroize::Zeroizing;

use crate::{
    rejection::{CsrfFault, FieldFault, Rejection},
    request::RequestHead,
};

/// The fields of a body that an endpoint reads; others are ignored.
pub(super) struct Fields<'n> {
    names: &'n [&'n str],
    /// One for each name.
    values: Vec<Value>,
}

/// The value of a field.
enum Value {
    Absent,
    /// Counts as absent, unless the name occurs twice.
    Null,
    Text(Zeroizing<String>),
    Boolean(bool),
    Number(u64),
    /// A type that no field accepts.
    Other,
    Duplicate,
}

impl<'n> Fields<'n> {
    /// Reads JSON or a form, depending on the `Content-Type`. A body of only white space has no
    /// fields, whatever its type, and neither has JSON `null`.
    pub(super) fn read(head: &dyn RequestHead, body: &[u8], names: &'n [&'n str]) -> Result<Self, Rejection> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::of(names));
        }
        let content_type = head.header("content-type");
        let media_type = content_type.single().and_then(|value| value.split(|byte| *byte == b';').next());
        let is = |name: &[u8]| {
            media_type.is_some_and(|media_type| media_type.trim_ascii().eq_ignore_ascii_case(name))
        };
        if is(b"application/json") {
            let mut json = serde_json::Deserializer::from_slice(body);
            let fields =
                Self::of(names).deserialize(&mut json).and_then(|fields| json.end().map(|()| fields));
            return fields.map_err(|_| Rejection::InvalidRequest);
        }
        if is(b"application/x-www-form-urlencoded") {
            return Ok(Self::of_form(body, names));
        }
        Err(Rejection::UnsupportedMediaType)
    }

    fn of(names: &'n [&'n str]) -> Self {
        Self { names, values: names.iter().map(|_| Value::Absent).collect() }
    }

    fn of_form(body: &[u8], names: &'n [&'n str]) -> Self {
        let mut fields = Self::of(names);
        for (name, value) in form_urlencoded::parse(body) {
            if let Some(known) = fields.slot(&name) {
                known.set(Value::of_text(Zeroizing::new(value.into_owned())));
            }
        }
        fields
    }

    fn slot(&mut self, name: &str) -> Option<&mut Value> {
        let at = self.names.iter().position(|known| *known == name)?;
        self.values.get_mut(at)
    }

    fn take(&mut self, field: &'static str) -> Result<Value, Rejection> {
        match self.slot(field).map(|value| std::mem::replace(value, Value::Absent)) {
            Some(Value::Duplicate) => Err(invalid(field, FieldFault::Duplicate)),
            value => Ok(value.unwrap_or(Value::Absent)),
        }
    }

    /// A text; `None` if it is absent.
    pub(super) fn text(&mut self, field: &'static str) -> Result<Option<Zeroizing<String>>, Rejection> {
        match self.take(field)? {
            Value::Absent | Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            _ => Err(invalid(field, FieldFault::NotText)),
        }
    }

    /// A CSRF token; `None` if it is absent. Faults have their own kind of refusal.
    pub(super) fn csrf(&mut self, field: &str) -> Option<Result<Box<str>, CsrfFault>> {
        match self.slot(field).map(|value| std::mem::replace(value, Value::Absent))? {
            Value::Absent | Value::Null => None,
            Value::Text(text) => Some(Ok(text.as_str().into())),
            Value::Duplicate => Some(Err(CsrfFault::Duplicate)),
            _ => Some(Err(CsrfFault::Malformed)),
        }
    }

    /// A text that must be present.
    pub(super) fn required(&mut self, field: &'static str) -> Result<Zeroizing<String>, Rejection> {
        self.text(field)?.ok_or(invalid(field, FieldFault::Missing))
    }

    /// A boolean, as JSON and check boxes write it; `false` if it is absent.
    pub(super) fn boolean(&mut self, field: &'static str) -> Result<bool, Rejection> {
        match self.take(field)? {
            Value::Absent | Value::Null | Value::Number(0) => Ok(false),
            Value::Boolean(value) => Ok(value),
            Value::Number(1) => Ok(true),
            Value::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "on" | "yes" | "1" => Ok(true),
                "false" | "off" | "no" | "0" => Ok(false),
                _ => Err(invalid(field, FieldFault::NotBoolean)),
            },
            _ => Err(invalid(field, FieldFault::NotBoolean)),
        }
    }
}

impl Value {
    /// A replacement character means that the text was decoded from bytes that are not UTF-8, here
    /// or by the client. Accepting it would make different passwords equal.
    fn of_text(text: Zeroizing<String>) -> Self {
        if text.contains(char::REPLACEMENT_CHARACTER) { Self::Other } else { Self::Text(text) }
    }

    fn set(&mut self, value: Self) {
        *self = if matches!(self, Self::Absent) { value } else { Self::Duplicate };
    }
}

const fn invalid(field: &'static str, fault: FieldFault) -> Rejection {
    Rejection::InvalidField { field, fault }
}

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = Self;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Accepts an object or null. Serde would also accept an array for a structure.
impl<'de> Visitor<'de> for Fields<'_> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match self.slot(&name) {
                Some(known) => known.set(map.next_value::<Json>()?.into()),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(self)
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Boolean(value),
            Json::Number(number) => number.as_u64().map_or(Self::Other, Self::Number),
            Json::String(text) => Self::of_text(Zeroizing::new(text)),
            Json::Array(_) | Json::Object(_) => Self::Other,
        }
    }
}
