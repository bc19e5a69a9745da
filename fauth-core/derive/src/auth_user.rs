//! `#[derive(AuthUser)]`, for structs with marked fields.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{
    Data, DeriveInput, Error, Fields, Generics, Ident, Member, Path, Result, Type, ext::IdentExt as _,
    meta::ParseNestedMeta, parse_quote, spanned::Spanned as _,
};

use crate::attribute::{Errors, crate_path, key_of, read_keys, set, without_value};

/// The key of a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Subject,
    PasswordHash,
    Active,
    Roles,
    Permissions,
    Epoch,
}

const KEYS: [(&str, Key); 6] = [
    ("subject", Key::Subject),
    ("password_hash", Key::PasswordHash),
    ("active", Key::Active),
    ("roles", Key::Roles),
    ("permissions", Key::Permissions),
    ("epoch", Key::Epoch),
];
const STRUCT_KEYS: &str = "`active = path`, `always_active` and `crate = path`";

impl Key {
    fn parse(text: &str) -> Option<Self> {
        KEYS.iter().find(|(name, _)| *name == text).map(|(_, key)| *key)
    }

    /// Returns whether one field may have both keys.
    fn goes_with(self, other: Self) -> bool {
        matches!((self, other), (Self::Roles, Self::Permissions) | (Self::Permissions, Self::Roles))
    }
}

/// A field with a key.
struct Part<'a> {
    key: Key,
    member: Member,
    ty: &'a Type,
}

/// The keys of the struct.
#[derive(Default)]
struct Settings {
    core: Option<Path>,
    active: Option<Path>,
    always_active: Option<()>,
}

pub(crate) fn derive(input: &DeriveInput, core: Path) -> Result<TokenStream> {
    let fields = fields(input)?;
    let mut errors = Errors::default();
    let settings = settings(input, &mut errors);
    let parts = parts(fields, &mut errors);
    // A missing key may be in an attribute that failed to parse.
    errors.or(())?;
    check(&input.ident, &settings, &parts)?;
    let core = settings.core.clone().unwrap_or(core);

    let user = &input.ident;
    let generics = with_bounds(&input.generics);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let methods = methods(&core, &settings, &parts);
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics #core::derive::AuthUser for #user #type_generics #where_clause {
            #methods
        }
    })
}

fn fields(input: &DeriveInput) -> Result<&Fields> {
    let kind = match &input.data {
        Data::Struct(data) => return Ok(&data.fields),
        Data::Enum(data) => ("an enum", data.enum_token.span),
        Data::Union(data) => ("a union", data.union_token.span),
    };
    Err(Error::new(
        kind.1,
        format!(
            "`AuthUser` is derived for structs, and `{}` is {}: implement the trait by hand, or put the \
             common fields of all users into a struct",
            input.ident, kind.0
        ),
    ))
}

fn settings(input: &DeriveInput, errors: &mut Errors) -> Settings {
    let mut settings = Settings::default();
    read_keys(&input.attrs, "auth", errors, |meta, _| match &*key_of(meta) {
        "crate" => set(&mut settings.core, crate_path(meta)?, meta),
        "active" if meta.input.peek(syn::Token![=]) => {
            set(&mut settings.active, deciding(meta.value()?.parse()?)?, meta)
        }
        "active" => Err(meta.error(
            "on the struct, `active` names a function: `active = Self::may_act`, where `fn may_act(&self) -> \
             bool`; for a `bool`, mark its field",
        )),
        "always_active" => {
            without_value(meta)?;
            set(&mut settings.always_active, (), meta)
        }
        key if Key::parse(key).is_some() => {
            Err(meta.error(format!("`{key}` belongs on a field, not on the struct")))
        }
        key => Err(meta.error(format!("unknown key `{key}`: the keys of the struct are {STRUCT_KEYS}"))),
    });
    settings
}

/// Refuses `AuthUser::is_active`, which is the generated method itself. For `Self::is_active` only
/// the compiler can tell (see `NotItself` in the core).
fn deciding(path: Path) -> Result<Path> {
    let mut names = path.segments.iter().rev().map(|segment| segment.ident.to_string());
    if names.next().is_some_and(|name| name == "is_active")
        && names.next().is_some_and(|name| name == "AuthUser")
    {
        return Err(Error::new(path.span(), "this would call itself forever: name another function"));
    }
    Ok(path)
}

fn parts<'a>(fields: &'a Fields, errors: &mut Errors) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    for (member, field) in fields.members().zip(fields) {
        read_keys(&field.attrs, "auth", errors, |meta, _| {
            let key = field_key(meta)?;
            let name = key_of(meta);
            for other in &parts {
                if other.key == key {
                    let at = shown(&other.member);
                    return Err(meta.error(format!("`{name}` is already on {at}: mark only one field")));
                }
                if other.member == member && !other.key.goes_with(key) {
                    return Err(
                        meta.error("a field has one key: only `roles` and `permissions` can be combined")
                    );
                }
            }
            if key == Key::Active {
                check_sense(&member).map_err(|problem| meta.error(problem))?;
            }
            parts.push(Part { key, member: member.clone(), ty: &field.ty });
            Ok(())
        });
    }
    parts
}

fn field_key(meta: &ParseNestedMeta<'_>) -> Result<Key> {
    let name = key_of(meta);
    if let Some(key) = Key::parse(&name) {
        without_value(meta)?;
        return Ok(key);
    }
    Err(meta.error(match &*name {
        "always_active" | "crate" => format!("`{name}` belongs on the struct, not on a field"),
        _ => format!(
            "unknown key `{name}`: the keys of a field are `subject`, `password_hash`, `active`, `roles`, \
             `permissions` and `epoch`"
        ),
    }))
}

/// A flag with the opposite meaning would admit exactly the users to be locked out.
fn check_sense(member: &Member) -> std::result::Result<(), String> {
    const OPPOSITES: [&str; 9] = [
        "archived",
        "banned",
        "blocked",
        "deactivated",
        "deleted",
        "disabled",
        "inactive",
        "locked",
        "suspended",
    ];
    let Member::Named(name) = member else { return Ok(()) };
    let plain = name.unraw().to_string();
    if !OPPOSITES.contains(&plain.strip_prefix("is_").unwrap_or(&plain)) {
        return Ok(());
    }
    Err(format!(
        "`active` means that the user may act, but `{plain}` sounds like the opposite: write \
         `fn may_act(&self) -> bool {{ !self.{plain} }}`, and on the struct `#[auth(active = Self::may_act)]`"
    ))
}

/// A field as named in messages.
fn shown(member: &Member) -> String {
    match member {
        Member::Named(name) => format!("the field `{name}`"),
        Member::Unnamed(index) => format!("the field {}", index.index),
    }
}

/// Checks for required keys and for keys that may be given once.
fn check(user: &Ident, settings: &Settings, parts: &[Part<'_>]) -> Result<()> {
    let mut errors = Errors::default();
    if part(parts, Key::Subject).is_none() {
        errors.add(Error::new(
            user.span(),
            format!(
                "no field of `{user}` is the subject: put `#[auth(subject)]` on the user's id, which becomes \
                 the `sub` claim of tokens"
            ),
        ));
    }
    let said = [
        settings.always_active.map(|()| "`always_active`".to_owned()),
        settings.active.as_ref().map(|_| "`active = …` on the struct".to_owned()),
        part(parts, Key::Active).map(|part| format!("`active` on {}", shown(&part.member))),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    if said.is_empty() {
        errors.add(Error::new(
            user.span(),
            format!(
                "nothing says whether a user is active: put `#[auth(active)]` on a `bool`, or put \
                 `#[auth(active = Self::may_act)]` on `{user}`, or `#[auth(always_active)]` if no user is \
                 ever disabled"
            ),
        ));
    }
    if said.len() > 1 {
        errors.add(Error::new(
            user.span(),
            format!("whether a user is active is decided more than once: {}", said.join(", ")),
        ));
    }
    errors.or(())
}

fn part<'p, 'a>(parts: &'p [Part<'a>], key: Key) -> Option<&'p Part<'a>> {
    parts.iter().find(|part| part.key == key)
}

/// Adds the bounds of the trait to a generic user.
fn with_bounds(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    if !generics.params.is_empty() {
        let bound = parse_quote!(Self: ::core::marker::Send + ::core::marker::Sync + 'static);
        generics.make_where_clause().predicates.push(bound);
    }
    generics
}

fn methods(core: &Path, settings: &Settings, parts: &[Part<'_>]) -> TokenStream {
    let field = |key| part(parts, key);
    let subject = field(Key::Subject).map(|part| subject(core, part));
    let password_hash = field(Key::PasswordHash).map(|part| {
        let hash = call(core, "password_hash", part);
        quote! {
            fn password_hash(&self) -> ::core::option::Option<&::core::primitive::str> { #hash }
        }
    });
    let is_active = is_active(core, settings, parts);
    let token_epoch = field(Key::Epoch).map(|part| {
        let epoch = call(core, "epoch", part);
        quote! { fn token_epoch(&self) -> ::core::primitive::u64 { #epoch } }
    });
    let roles = field(Key::Roles).map(|part| names(core, "roles", part));
    let has_role = field(Key::Roles).map(|part| has_role(core, part));
    let permissions = field(Key::Permissions).map(|part| names(core, "permissions", part));
    quote! { #subject #password_hash #is_active #token_epoch #roles #has_role #permissions }
}

/// The span of the field's type, where errors of the call are shown.
fn place(part: &Part<'_>) -> Span {
    part.ty.span().resolved_at(Span::call_site())
}

/// `core::derive::function(&self.field)`.
fn call(core: &Path, function: &str, part: &Part<'_>) -> TokenStream {
    let member = &part.member;
    let function = Ident::new(function, Span::call_site());
    let argument = quote_spanned! { place(part)=> &self.#member };
    quote! { #core::derive::#function(#argument) }
}

fn subject(core: &Path, part: &Part<'_>) -> TokenStream {
    let member = &part.member;
    let subject = quote_spanned! { place(part)=> (&&&#core::derive::Field(&self.#member)).subject() };
    quote! {
        fn subject(&self) -> impl ::core::convert::AsRef<::core::primitive::str> {
            #[allow(unused_imports)]
            use #core::derive::{SubjectByDisplay as _, SubjectByText as _};
            #subject
        }
    }
}

fn is_active(core: &Path, settings: &Settings, parts: &[Part<'_>]) -> TokenStream {
    let answer = if let Some(part) = part(parts, Key::Active) {
        call(core, "is_active", part)
    } else if let Some(path) = &settings.active {
        quote! {{
            #[allow(unused_imports)]
            use #core::derive::NotItself as _;
            let may_act: fn(&Self) -> ::core::primitive::bool = #path;
            may_act(self)
        }}
    } else {
        quote! { true }
    };
    // If the epoch is invalid, it is unknown which tokens it has revoked.
    let has_epoch = part(parts, Key::Epoch).map(|part| {
        let has_epoch = call(core, "has_epoch", part);
        quote! { #has_epoch && }
    });
    quote! { fn is_active(&self) -> ::core::primitive::bool { #has_epoch #answer } }
}

fn names(core: &Path, method: &str, part: &Part<'_>) -> TokenStream {
    let method = Ident::new(method, Span::call_site());
    let names = call(core, "names", part);
    quote! {
        fn #method(
            &self,
        ) -> impl ::core::iter::IntoIterator<Item: ::core::convert::AsRef<::core::primitive::str>> {
            #names
        }
    }
}

fn has_role(core: &Path, part: &Part<'_>) -> TokenStream {
    let names = call(core, "names", part);
    quote! {
        fn has_role(&self, role: &::core::primitive::str) -> ::core::primitive::bool {
            #[allow(unused_imports)]
            use #core::derive::{HeldByHierarchy as _, HeldByName as _};
            ::core::iter::Iterator::any(&mut #names, |own| (&&#core::derive::Field(&own)).is(role))
        }
    }
}
