//! What the code that `#[derive(AuthUser)]` and `#[derive(Role)]` write calls. Not part of the
//! public API: it changes without notice, together with `fauth-derive`.
//!
//! A macro sees how a type is written and not what it is: `UserId` may be a number or a text. So it
//! guesses nothing. It hands each field to a function of this module, and the compiler, who knows
//! the type, picks the implementation, or says what would fit.

use std::{borrow::Cow, fmt::Display, iter, option, slice, sync::Arc};

// The traits alone: at the root of the crate the same names are also those of the macros.
pub use crate::{
    role::{Role, UnknownRole},
    user::AuthUser,
};
#[cfg(feature = "derive")]
pub use fauth_derive as macros;

/// A field, as one looks at it whose type can do more than one thing. Text is preferred to
/// `Display`, and a hierarchy to bare names: method calls try the receiver with the most
/// references first, and the implementation that is preferred is on that.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "derived code makes one")]
pub struct Field<'a, F: ?Sized>(pub &'a F);

/// The subject is text.
pub trait SubjectByText<'a> {
    /// That text.
    type Text: AsRef<str>;

    /// The subject.
    fn subject(&self) -> Self::Text;
}

impl<'a, F: AsRef<str> + ?Sized> SubjectByText<'a> for &&Field<'a, F> {
    type Text = &'a str;

    fn subject(&self) -> &'a str {
        self.0.as_ref()
    }
}

/// The subject can be written as text.
pub trait SubjectByDisplay {
    /// The subject.
    fn subject(&self) -> String;
}

impl<F: Display + ?Sized> SubjectByDisplay for &Field<'_, F> {
    fn subject(&self) -> String {
        self.0.to_string()
    }
}

/// Implemented by nothing: it is asked for where a field is neither, so that the compiler says so.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the subject of a user",
    label = "neither text nor `Display`",
    note = "the subject is the user's id: a string, a number, a UUID, or a type of your own that \
            implements `AsRef<str>` or `Display`"
)]
pub trait Subject {}

impl<F: ?Sized> Field<'_, F> {
    /// Chosen last, and never without an error.
    #[must_use]
    pub fn subject(&self) -> String
    where
        F: Subject,
    {
        String::new()
    }
}

/// A field with the hash of a password, or with none. `Kind` keeps the implementations apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no password hash",
    label = "should be text, or an `Option` of text",
    note = "`String`, `Option<String>`, `Box<str>`, `Arc<str>` or a type of your own that implements \
            `AsRef<str>`"
)]
pub trait PasswordHash<Kind> {
    /// The hash.
    fn hash(&self) -> Option<&str>;
}

/// Always there.
#[derive(Debug)]
#[non_exhaustive]
pub struct Always;

#[diagnostic::do_not_recommend]
impl<F: AsRef<str>> PasswordHash<Always> for F {
    fn hash(&self) -> Option<&str> {
        Some(self.as_ref())
    }
}

/// There or not.
#[derive(Debug)]
#[non_exhaustive]
pub struct Maybe;

#[diagnostic::do_not_recommend]
impl<F: AsRef<str>> PasswordHash<Maybe> for Option<F> {
    fn hash(&self) -> Option<&str> {
        self.as_ref().map(AsRef::as_ref)
    }
}

/// The hash in a field.
pub fn password_hash<Kind, F: PasswordHash<Kind>>(field: &F) -> Option<&str> {
    field.hash()
}

/// A field that says whether a user may act. Only `bool` does: whether a missing value, a state or
/// a date locks somebody out is the application's decision.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say whether a user is active",
    label = "should be `bool`",
    note = "for anything else, write a function that decides, and name it on the struct: \
            `#[auth(active = Self::may_act)]`, where `fn may_act(&self) -> bool`"
)]
pub trait Active {
    /// May this user act?
    fn is_active(&self) -> bool;
}

impl Active for bool {
    fn is_active(&self) -> bool {
        *self
    }
}

/// What a field says of the user.
pub fn is_active<F: Active>(field: &F) -> bool {
    field.is_active()
}

/// Makes `#[auth(active = Self::is_active)]` mean an inherent method alone: where there is none,
/// the name would be that of the method that is being written, which would call itself for ever.
/// With this trait in scope it is ambiguous.
pub trait NotItself {
    /// Not to be called.
    fn is_active(&self);
}

impl<U: ?Sized> NotItself for U {
    fn is_active(&self) {}
}

/// A field that counts how often everything was taken back from the user. Databases count in signed
/// numbers; what is below zero is no count.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no epoch",
    label = "should be an integer of at most 64 bits",
    note = "an epoch counts from 0 and never falls: `u64`, or `i64` as databases have it, \
            `NOT NULL DEFAULT 0`"
)]
pub trait Epoch {
    /// The count, if it is one.
    fn count(&self) -> Option<u64>;
}

macro_rules! epochs {
    ($($integer:ty)*) => {
        $(impl Epoch for $integer {
            #[allow(clippy::unnecessary_fallible_conversions, reason = "not for all of them")]
            fn count(&self) -> Option<u64> {
                u64::try_from(*self).ok()
            }
        })*
    };
}

epochs!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

/// The epoch in a field. Below zero it is the highest, which no token has reached.
pub fn epoch<F: Epoch>(field: &F) -> u64 {
    field.count().unwrap_or(u64::MAX)
}

/// Is what stands in the field an epoch? Of a user of whom nobody knows what was taken back,
/// everything is refused.
pub fn has_epoch<F: Epoch>(field: &F) -> bool {
    field.count().is_some()
}

/// A field with names: one, a list, a set, a slice, shared or optional. `Kind` keeps the
/// implementations apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not hold roles or permissions",
    label = "should be a name, or a collection of names",
    note = "a name is a string or a type that implements `AsRef<str>`, such as an enum with \
            `#[derive(Role)]`",
    note = "`Vec<_>`, a set, an array, `&'static [_]`, `Arc<[_]>`, an `Option` of these, or a single name"
)]
pub trait NameList<'a, Kind> {
    /// Gives each name.
    type Names: Iterator<Item: AsRef<str>>;

    /// All names.
    fn names(&'a self) -> Self::Names;
}

/// The names in a field.
pub fn names<'a, Kind, F: NameList<'a, Kind>>(field: &'a F) -> F::Names {
    field.names()
}

/// A single name.
#[derive(Debug)]
#[non_exhaustive]
pub struct One;

#[diagnostic::do_not_recommend]
impl<'a, F: AsRef<str> + 'a> NameList<'a, One> for F {
    type Names = iter::Once<&'a F>;

    fn names(&'a self) -> Self::Names {
        iter::once(self)
    }
}

/// A collection whose reference gives its names: lists, sets, arrays, and an optional name.
#[derive(Debug)]
#[non_exhaustive]
pub struct Many;

#[diagnostic::do_not_recommend]
impl<'a, F: 'a> NameList<'a, Many> for F
where
    &'a F: IntoIterator<Item: AsRef<str>>,
{
    type Names = <&'a F as IntoIterator>::IntoIter;

    fn names(&'a self) -> Self::Names {
        self.into_iter()
    }
}

/// A collection behind a pointer.
#[derive(Debug)]
#[non_exhaustive]
pub struct Pointed;

#[diagnostic::do_not_recommend]
impl<'a, C: ?Sized> NameList<'a, Pointed> for &'static C
where
    &'static C: IntoIterator<Item: AsRef<str>>,
{
    type Names = <&'static C as IntoIterator>::IntoIter;

    fn names(&'a self) -> Self::Names {
        (*self).into_iter()
    }
}

#[diagnostic::do_not_recommend]
impl<'a, C: ?Sized + 'a> NameList<'a, Pointed> for Arc<C>
where
    &'a C: IntoIterator<Item: AsRef<str>>,
{
    type Names = <&'a C as IntoIterator>::IntoIter;

    fn names(&'a self) -> Self::Names {
        (**self).into_iter()
    }
}

#[diagnostic::do_not_recommend]
impl<'a, T: AsRef<str> + Clone> NameList<'a, Pointed> for Cow<'static, [T]> {
    type Names = slice::Iter<'a, T>;

    fn names(&'a self) -> Self::Names {
        self.iter()
    }
}

/// A collection that may be missing, which is as good as empty.
#[derive(Debug)]
#[non_exhaustive]
pub struct MaybeOf<Kind>(Kind);

macro_rules! maybe_of {
    ($($kind:ty)*) => {
        $(#[diagnostic::do_not_recommend]
        impl<'a, F: NameList<'a, $kind> + 'a> NameList<'a, MaybeOf<$kind>> for Option<F> {
            type Names = iter::Flatten<option::IntoIter<F::Names>>;

            fn names(&'a self) -> Self::Names {
                self.as_ref().map(NameList::names).into_iter().flatten()
            }
        })*
    };
}

// Not of `One`: an optional name is among the `Many`.
maybe_of!(Many Pointed);

/// The role includes others.
pub trait HeldByHierarchy {
    /// Is the role that one, or does it include it?
    fn is(&self, role: &str) -> bool;
}

impl<R: Role + ?Sized> HeldByHierarchy for &Field<'_, R> {
    fn is(&self, role: &str) -> bool {
        self.0.includes(role)
    }
}

/// The role is a bare name.
pub trait HeldByName {
    /// Is the role that one?
    fn is(&self, role: &str) -> bool;
}

impl<R: AsRef<str> + ?Sized> HeldByName for Field<'_, R> {
    fn is(&self, role: &str) -> bool {
        self.0.as_ref() == role
    }
}

/// The error of a text that names no role.
#[must_use]
pub fn unknown_role(text: &str, known: &'static [&'static str]) -> UnknownRole {
    UnknownRole::new(text, known)
}
