//! `#[derive(Role)]`, for enums without fields.

use std::collections::HashMap;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{
    Data, DataEnum, DeriveInput, Error, Expr, ExprLit, ExprUnary, Fields, Ident, Lit, LitStr, Path, Result,
    Token, UnOp, Variant, ext::IdentExt as _, meta::ParseNestedMeta, spanned::Spanned as _,
};

use crate::{
    attribute::{Errors, crate_path, key_of, read_keys, set, text, without_value},
    case::Case,
};

/// A variant and its name.
struct Named<'a> {
    variant: &'a Ident,
    name: String,
}

/// The order of the hierarchy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hierarchy {
    /// Later roles include earlier ones, by the attribute without a value.
    Default,
    /// The same, given explicitly.
    WeakestFirst,
    StrongestFirst,
}

/// The keys of the enum.
#[derive(Default)]
struct Settings {
    core: Option<Path>,
    case: Option<Case>,
    hierarchy: Option<(Hierarchy, Span)>,
}

pub(crate) fn derive(input: &DeriveInput, core: Path) -> Result<TokenStream> {
    let data = variants(input)?;
    let mut errors = Errors::default();
    let settings = settings(input, &mut errors);
    let roles = roles(data, settings.case.unwrap_or(Case::Snake), &mut errors);
    if let Some((hierarchy, span)) = settings.hierarchy {
        check_order(data, hierarchy, &mut errors);
        check_direction(&roles, hierarchy, span, &mut errors);
    }
    errors.or(())?;
    Ok(code(
        input,
        &settings.core.unwrap_or(core),
        settings.hierarchy.map(|(hierarchy, _)| hierarchy),
        &roles,
    ))
}

fn variants(input: &DeriveInput) -> Result<&DataEnum> {
    let what = match &input.data {
        Data::Enum(data) if !data.variants.is_empty() => return Ok(data),
        Data::Enum(_) => "has no variants".to_owned(),
        Data::Struct(_) => "is a struct".to_owned(),
        Data::Union(_) => "is a union".to_owned(),
    };
    Err(Error::new(
        input.ident.span(),
        format!("`Role` is derived for enums with a variant for each role, and `{}` {what}", input.ident),
    ))
}

fn settings(input: &DeriveInput, errors: &mut Errors) -> Settings {
    let mut settings = Settings::default();
    read_keys(&input.attrs, "role", errors, |meta, _| match &*key_of(meta) {
        "crate" => set(&mut settings.core, crate_path(meta)?, meta),
        "rename_all" => set(&mut settings.case, case(&text(meta)?)?, meta),
        "hierarchy" => set(&mut settings.hierarchy, (hierarchy(meta)?, meta.path.span()), meta),
        "name" => Err(meta.error("`name` belongs on a variant, not on the enum")),
        key => Err(meta.error(format!(
            "unknown key `{key}`: the keys of the enum are `rename_all = \"…\"`, `hierarchy` and `crate = \
             path`"
        ))),
    });
    settings
}

fn case(written: &LitStr) -> Result<Case> {
    Case::parse(&written.value())
        .ok_or_else(|| Error::new(written.span(), format!("unknown case: use one of {}", Case::names())))
}

fn hierarchy(meta: &ParseNestedMeta<'_>) -> Result<Hierarchy> {
    if !meta.input.peek(Token![=]) {
        without_value(meta)?;
        return Ok(Hierarchy::Default);
    }
    let written = text(meta)?;
    match &*written.value() {
        "weakest_first" => Ok(Hierarchy::WeakestFirst),
        "strongest_first" => Ok(Hierarchy::StrongestFirst),
        _ => Err(Error::new(
            written.span(),
            "unknown order: use \"weakest_first\", which is the default, or \"strongest_first\"",
        )),
    }
}

fn roles<'a>(data: &'a DataEnum, case: Case, errors: &mut Errors) -> Vec<Named<'a>> {
    let mut roles = Vec::new();
    let mut known: HashMap<String, &Ident> = HashMap::new();
    for variant in &data.variants {
        let name = name(variant, case, errors);
        if let Some(other) = known.insert(name.clone(), &variant.ident) {
            errors.add(Error::new(
                variant.ident.span(),
                format!(
                    "the role `{name}` is already the name of `{other}`: give one of them another name with \
                     `#[role(name = \"…\")]`"
                ),
            ));
        }
        roles.push(Named { variant: &variant.ident, name });
    }
    roles
}

fn name(variant: &Variant, case: Case, errors: &mut Errors) -> String {
    if !matches!(variant.fields, Fields::Unit) {
        errors.add(Error::new(
            variant.fields.span(),
            "a role cannot have fields: put data about a user's role into the user's record",
        ));
    }
    let mut given: Option<LitStr> = None;
    read_keys(&variant.attrs, "role", errors, |meta, _| match &*key_of(meta) {
        "name" => {
            let written = text(meta)?;
            check_name(&written)?;
            set(&mut given, written, meta)
        }
        key @ ("rename_all" | "hierarchy" | "crate") => {
            Err(meta.error(format!("`{key}` belongs on the enum, not on a variant")))
        }
        key => Err(meta.error(format!("unknown key `{key}`: the key of a variant is `name = \"…\"`"))),
    });
    given.map_or_else(|| case.of(&variant.ident.unraw().to_string()), |given| given.value())
}

fn check_name(written: &LitStr) -> Result<()> {
    let name = written.value();
    let problem = if name.trim().is_empty() {
        "this name is blank: write the name of the role, or remove the attribute"
    } else if name.trim() != name || name.chars().any(char::is_control) {
        "this name starts or ends with white space or has a control character: roles are compared byte for \
         byte"
    } else {
        return Ok(());
    };
    Err(Error::new(written.span(), problem))
}

/// With numbers, `PartialOrd` and databases have an order of their own, which must agree.
fn check_order(data: &DataEnum, hierarchy: Hierarchy, errors: &mut Errors) {
    if data.variants.iter().all(|variant| variant.discriminant.is_none()) {
        return;
    }
    let mut last: Option<i128> = None;
    for variant in &data.variants {
        let number = match &variant.discriminant {
            Some((_, written)) => integer(written),
            None => last.map_or(Some(0), |last| last.checked_add(1)),
        };
        let Some(number) = number else {
            errors.add(Error::new(
                variant.span(),
                "with `hierarchy`, write the number as a literal, so that the macro sees the order",
            ));
            return;
        };
        let is_weaker = hierarchy == Hierarchy::StrongestFirst;
        if last.is_some_and(|last| (number < last) != is_weaker) {
            errors.add(Error::new(
                variant.span(),
                "the number contradicts the hierarchy: a role must have a higher number than the roles that \
                 it includes",
            ));
        }
        last = Some(number);
    }
}

fn integer(written: &Expr) -> Option<i128> {
    match written {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_parse().ok(),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => integer(expr)?.checked_neg(),
        _ => None,
    }
}

/// Many people write the strongest role first. With later roles including earlier ones, every user
/// would be an administrator.
fn check_direction(roles: &[Named<'_>], hierarchy: Hierarchy, span: Span, errors: &mut Errors) {
    const STRONG: [&str; 7] =
        ["admin", "administrator", "owner", "root", "superadmin", "superuser", "sysadmin"];
    let [first, _, ..] = roles else { return };
    let plain: String = first.name.chars().filter(char::is_ascii_alphabetic).collect();
    if hierarchy == Hierarchy::Default && STRONG.contains(&&*plain.to_ascii_lowercase()) {
        errors.add(Error::new(
            span,
            format!(
                "later roles include earlier ones, so every role would include `{}`, which is first: write \
                 the variants from the weakest to the strongest, or use `hierarchy = \"strongest_first\"`; if \
                 the order is intended, use `hierarchy = \"weakest_first\"`",
                first.name
            ),
        ));
    }
}

fn code(input: &DeriveInput, core: &Path, hierarchy: Option<Hierarchy>, roles: &[Named<'_>]) -> TokenStream {
    let (role, vis) = (&input.ident, &input.vis);
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    let variants: Vec<&Ident> = roles.iter().map(|role| role.variant).collect();
    let names: Vec<&str> = roles.iter().map(|role| &*role.name).collect();
    let includes = hierarchy.map(|hierarchy| includes(hierarchy, roles));
    quote! {
        impl #impl_generics #role #type_generics #where_clause {
            /// All roles, in the order of declaration.
            #vis const ALL: &'static [Self] = &[#(Self::#variants),*];

            /// The name of the role.
            #[must_use]
            #vis const fn as_str(&self) -> &'static ::core::primitive::str {
                match self { #(Self::#variants => #names),* }
            }
        }

        #[automatically_derived]
        impl #impl_generics ::core::convert::AsRef<::core::primitive::str> for #role #type_generics #where_clause {
            fn as_ref(&self) -> &::core::primitive::str {
                self.as_str()
            }
        }

        #[automatically_derived]
        impl #impl_generics ::core::fmt::Display for #role #type_generics #where_clause {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        #[automatically_derived]
        impl #impl_generics ::core::str::FromStr for #role #type_generics #where_clause {
            type Err = #core::derive::UnknownRole;

            fn from_str(text: &::core::primitive::str) -> ::core::result::Result<Self, Self::Err> {
                match text {
                    #(#names => ::core::result::Result::Ok(Self::#variants),)*
                    _ => ::core::result::Result::Err(#core::derive::unknown_role(text, &[#(#names),*])),
                }
            }
        }

        #[automatically_derived]
        impl #impl_generics #core::derive::Role for #role #type_generics #where_clause {
            #includes
        }
    }
}

/// For each role, the names of all roles that it includes, itself among them.
fn includes(hierarchy: Hierarchy, roles: &[Named<'_>]) -> TokenStream {
    let arms = roles.iter().enumerate().map(|(index, role)| {
        let (before, from) = roles.split_at(index);
        let included = if hierarchy == Hierarchy::StrongestFirst { from } else { before };
        let (variant, own) = (role.variant, &role.name);
        let others = included.iter().map(|role| &role.name).filter(|name| *name != own);
        quote! { Self::#variant => ::core::matches!(role, #own #(| #others)*) }
    });
    quote! {
        fn includes(&self, role: &::core::primitive::str) -> ::core::primitive::bool {
            match self { #(#arms),* }
        }
    }
}
