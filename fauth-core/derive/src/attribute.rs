//! Reading attributes: `#[name(key, key = value)]`.

use syn::{Attribute, Error, LitStr, Path, Result, Token, meta::ParseNestedMeta};

/// Collects errors, so that one compiler run shows them all.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    pub(crate) fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    /// The value, or `None` with the error recorded.
    pub(crate) fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// The value, unless an error was recorded.
    pub(crate) fn or<T>(self, value: T) -> Result<T> {
        self.0.map_or(Ok(value), Err)
    }
}

/// Passes each key of the attributes called `name` to `read`. An attribute without keys is an
/// error.
pub(crate) fn read_keys(
    attributes: &[Attribute],
    name: &str,
    errors: &mut Errors,
    mut read: impl FnMut(&ParseNestedMeta<'_>, &mut Errors) -> Result<()>,
) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(name)) {
        let mut is_empty = true;
        let done = attribute.parse_nested_meta(|meta| {
            is_empty = false;
            read(&meta, errors)
        });
        if errors.note(done).is_some() && is_empty {
            errors.add(Error::new_spanned(
                attribute,
                format!("`#[{name}()]` has no key: add one, or remove the attribute"),
            ));
        }
    }
}

/// A key as written.
pub(crate) fn key_of(meta: &ParseNestedMeta<'_>) -> String {
    meta.path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>().join("::")
}

/// Fails if the key has a value.
pub(crate) fn without_value(meta: &ParseNestedMeta<'_>) -> Result<()> {
    if meta.input.is_empty() || meta.input.peek(Token![,]) {
        return Ok(());
    }
    Err(meta.error(format!("`{}` takes no value", key_of(meta))))
}

/// The path after `crate =`.
pub(crate) fn crate_path(meta: &ParseNestedMeta<'_>) -> Result<Path> {
    meta.value()?.call(Path::parse_mod_style)
}

/// The string after `key =`.
pub(crate) fn text(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    meta.value()?.parse()
}

/// Sets a value that may be set only once.
pub(crate) fn set<T>(slot: &mut Option<T>, value: T, meta: &ParseNestedMeta<'_>) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(meta.error(format!("`{}` is given twice", key_of(meta)))),
    }
}
