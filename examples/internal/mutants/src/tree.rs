//! The copy of the sources that has all mutants in it, and building it.

use std::{
    collections::BTreeSet,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    edit,
    operators::{Finder, Mutant},
    switch,
};

const PACKAGES: [&str; 4] = ["fauth-core", "fauth-axum", "fauth-actix", "fauth-poem"];
const CORE: &str = "fauth-core/src/lib.rs";

/// A mutant and the file that it is in.
pub(crate) struct Placed {
    pub(crate) file: String,
    pub(crate) mutant: Mutant,
}

/// A program that runs tests.
pub(crate) struct Binary {
    /// Package and target, as in `fauth-core/provider`.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) folder: PathBuf,
}

/// Writes the copy. The mutants in `dropped` are numbered like the others and left out.
pub(crate) fn write(
    tree: &Path,
    chosen: &[String],
    dropped: &BTreeSet<usize>,
) -> Result<Vec<Placed>, Box<dyn Error>> {
    let listing = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()?
        .stdout;
    let mut all = Vec::new();
    for name in String::from_utf8(listing)?.split('\0').filter(|name| Path::new(name).is_file()) {
        let mut content = fs::read(name)?;
        if chosen.iter().any(|file| file == name) {
            let source = String::from_utf8(content)?;
            let switch =
                if name.starts_with("fauth-core/") { "crate::mutation" } else { "fauth_core::mutation" };
            let finder = Finder::new(&source, &syn::parse_file(&source)?, switch, all.len() + 1);
            let edits = finder.edits.into_iter().filter(|edit| !dropped.contains(&edit.id)).collect();
            content = edit::apply(&source, edits).into_bytes();
            all.extend(finder.mutants.into_iter().map(|mutant| Placed { file: name.to_owned(), mutant }));
        } else if name == CORE {
            content.extend_from_slice(switch::SOURCE.as_bytes());
        } else if name == "Cargo.toml" {
            // The copy need not be pretty.
            let quiet =
                String::from_utf8(content)?.replace("\"deny\"", "\"allow\"").replace("\"warn\"", "\"allow\"");
            content = quiet
                .replace("[workspace.lints.rust]", "[workspace.lints.rust]\nwarnings = \"allow\"")
                .into_bytes();
        }
        let path = tree.join(name);
        // What stays the same keeps its age, so that cargo does not build it again.
        if fs::read(&path).ok().as_ref() != Some(&content) {
            fs::create_dir_all(path.parent().unwrap_or(tree))?;
            fs::write(path, content)?;
        }
    }
    Ok(all)
}

/// The test programs, or the mutants that do not compile.
pub(crate) fn build(
    tree: &Path,
    target: &Path,
) -> Result<Result<Vec<Binary>, BTreeSet<usize>>, Box<dyn Error>> {
    let mut command = Command::new("cargo");
    command.args([
        "test",
        "--no-run",
        "--locked",
        "--all-features",
        "--lib",
        "--tests",
        "--message-format",
        "json",
    ]);
    command.args(PACKAGES.iter().flat_map(|package| ["-p", package])).arg("--target-dir").arg(target);
    let output = command.current_dir(tree).stderr(Stdio::inherit()).output()?;
    let messages: Vec<Value> = output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    if output.status.success() {
        return Ok(Ok(messages.iter().filter_map(binary).collect()));
    }
    let mut culprits = BTreeSet::new();
    for message in messages.iter().filter(|message| message["message"]["level"] == "error") {
        let spans = message["message"]["spans"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut found = BTreeSet::new();
        for span in spans {
            found.extend(mutants_at(tree, span));
        }
        if found.is_empty() && !spans.is_empty() {
            return Err(format!(
                "no mutant to blame for: {}",
                message["message"]["rendered"].as_str().unwrap_or_default()
            )
            .into());
        }
        culprits.extend(found);
    }
    if culprits.is_empty() { Err("the copy does not build".into()) } else { Ok(Err(culprits)) }
}

fn binary(message: &Value) -> Option<Binary> {
    let path = PathBuf::from(message["executable"].as_str()?);
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?.to_path_buf();
    let name = format!("{}/{}", folder.file_name()?.to_str()?, message["target"]["name"].as_str()?);
    (message["profile"]["test"] == true && !name.ends_with("/compile_fail")).then_some(Binary {
        name,
        path,
        folder,
    })
}

/// The mutants that a complaint of the compiler is about: those within its span, or on its lines.
fn mutants_at(tree: &Path, span: &Value) -> BTreeSet<usize> {
    let number =
        |name: &str| span[name].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
    let Ok(text) = fs::read_to_string(tree.join(span["file_name"].as_str().unwrap_or_default())) else {
        return BTreeSet::new();
    };
    let within = ids(text.get(number("byte_start")..number("byte_end")).unwrap_or_default());
    if !within.is_empty() && within.len() < 4 {
        return within;
    }
    let lines = number("line_start")..=number("line_end");
    ids(&text
        .lines()
        .enumerate()
        .filter(|(at, _)| lines.contains(&(at + 1)))
        .map(|(_, line)| line)
        .collect::<String>())
}

fn ids(text: &str) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    for part in text.split("::m(").skip(1) {
        found.extend(part.split(')').next().and_then(|id| id.parse::<usize>().ok()));
    }
    found
}
