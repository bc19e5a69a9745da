//! Prints the public API of a crate, one line for each item, from the JSON that rustdoc writes.
//!
//! ```sh
//! .ci/run api                 # compares with the listings in `api/`
//! UPDATE_API=1 .ci/run api    # writes them anew
//! ```

use std::{env, error::Error};

/// Methods of traits that everybody knows. The line of their `impl` says enough.
const KNOWN_METHODS: [&str; 9] = [
    "::clone(&self) -> ",
    "::cmp(&self, ",
    "::default() -> ",
    "::eq(&self, ",
    "::fmt(&self, &mut core::fmt::Formatter<'_>) -> ",
    "::from(",
    "::hash<__H: ",
    "::partial_cmp(&self, ",
    "::source(&self) -> core::option::Option<&(dyn core::error::Error",
];

/// Implemented by every derived `PartialEq`, and no part of the language.
const STRUCTURAL: &str = "impl core::marker::StructuralPartialEq for ";

/// Pages of text.
const MANUAL: &str = "pub mod fauth_core::manual";

fn is_told(line: &str) -> bool {
    !line.starts_with(STRUCTURAL)
        && !line.starts_with(MANUAL)
        && !KNOWN_METHODS.iter().any(|method| line.contains(method))
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args_os().nth(1).ok_or("usage: api FILE.json")?;
    let listing = public_api::Builder::from_rustdoc_json(path)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .map_err(|error| {
            format!("{error}; if rustdoc has a new format, Cargo.toml needs a newer public-api")
        })?;
    for line in listing.items().map(ToString::to_string).filter(|line| is_told(line)) {
        println!("{line}");
    }
    Ok(())
}
