//! Prints the public API of a crate, one line for each item, from the JSON that rustdoc writes.
//!
//! ```sh
//! .ci/run api                 # compares with the listings in `api/`
//! UPDATE_API=1 .ci/run api    # writes them anew
//! ```

use std::{env, error::Error};

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args_os().nth(1).ok_or("usage: api FILE.json")?;
    let listing = public_api::Builder::from_rustdoc_json(path)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()?;
    print!("{listing}");
    Ok(())
}
