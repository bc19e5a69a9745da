//! Which faults in the sources would the tests not notice?
//!
//! A mutant is a small fault: `<` for `<=`, a condition that always holds, a call left out. A tool
//! that builds each by itself builds for days. Here all of them are in one build of a copy of the
//! sources, each behind a switch, and the environment says which one is on (`FAUTH_MUTANT`). Each
//! test runs once to see which mutants it reaches, and each mutant then runs against the tests that
//! reach it until one fails.
//!
//! ```sh
//! cargo build -p mutants -p servers
//! alias mutants='target/debug/servers target/debug/mutants'
//! mutants plan             # writes the copy and builds it
//! mutants trace 10         # for ten minutes; again until nothing is left
//! mutants run 10 csrf      # those whose file's path contains `csrf`; again until nothing is left
//! mutants again 10         # those that have survived, after tests were written and traced
//! mutants report           # how many were found, and which were not
//! ```
//!
//! Everything is below `target/mutants`. A change of the sources that are mutated numbers the
//! mutants anew: remove that folder. A test that was changed is traced again when its line in
//! `tests.jsonl` is gone. A mutant that survives need not be a gap: many do what the source does,
//! only slower. CI does not run this.

#![expect(clippy::disallowed_methods, reason = "it measures real time, and waits for other programs")]
#![expect(clippy::indexing_slicing, reason = "of a JSON value: what is not there is null, and no panic")]

mod edit;
mod operators;
mod switch;
mod tree;
mod trial;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    env,
    error::Error,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use tree::{Binary, Placed};

/// What decides who comes in.
const ROOMS: [&str; 15] = [
    "fauth-core/src/provider.rs",
    "fauth-core/src/provider/",
    "fauth-core/src/guard.rs",
    "fauth-core/src/requirement.rs",
    "fauth-core/src/csrf.rs",
    "fauth-core/src/path.rs",
    "fauth-core/src/token/verify.rs",
    "fauth-core/src/transport/query.rs",
    "fauth-core/src/store.rs",
    "fauth-core/src/store/redis/mirror",
    "fauth-core/src/store/redis/verdict.rs",
    "fauth-core/src/user_store/json_file/disk.rs",
    "fauth-axum/src/",
    "fauth-actix/src/",
    "fauth-poem/src/",
];
/// The rules of the stores, which the backends call.
const STORE_RULES: [&str; 11] = [
    "api_keys",
    "combined",
    "error",
    "hash_keys",
    "location",
    "one_times",
    "owner",
    "revocations",
    "rotation",
    "secret_hash",
    "sessions",
];
const ADAPTER_FILES: [&str; 4] = ["extract.rs", "guard.rs", "respond.rs", "router.rs"];

/// What a mutant may take at first, and again.
const FIRST: Duration = Duration::from_secs(12);
const AGAIN: Duration = Duration::from_secs(45);

fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error}"));
            ExitCode::FAILURE
        }
    }
}

struct Place {
    tree: PathBuf,
    target: PathBuf,
    dropped: PathBuf,
    tests: PathBuf,
    results: PathBuf,
}

fn start() -> Result<(), Box<dyn Error>> {
    let home = env::current_dir()?.join("target/mutants");
    fs::create_dir_all(&home)?;
    let place = Place {
        tree: home.join("tree"),
        target: env::current_dir()?.join("target"),
        dropped: home.join("dropped.json"),
        tests: home.join("tests.jsonl"),
        results: home.join("results.jsonl"),
    };
    let words: Vec<String> = env::args().skip(1).collect();
    let minutes: u64 = words.get(1).and_then(|word| word.parse().ok()).unwrap_or(10);
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let only = words.get(2).map(String::as_str).unwrap_or_default();
    match words.first().map(String::as_str) {
        Some("plan") => build(&place).map(|(mutants, _)| say(&format!("{} mutants", mutants.len()))),
        Some("trace") => {
            let (_, binaries) = build(&place)?;
            let left = trial::trace(&binaries, &place.tests, end)?;
            say(&format!("{left} tests left"));
            Ok(())
        }
        Some("run") => run(&place, end, only, FIRST, |outcome| outcome.is_none()),
        Some("again") => {
            run(&place, end, only, AGAIN, |outcome| matches!(outcome, Some("survived" | "unreached")))
        }
        Some("report") => report(&place, words.get(1).map(String::as_str).unwrap_or_default()),
        _ => Err(
            "usage: mutants plan | trace MINUTES | run MINUTES [PATH] | again MINUTES [PATH] | report [PATH]"
                .into(),
        ),
    }
}

/// The files that are mutated.
fn chosen() -> Result<Vec<String>, Box<dyn Error>> {
    let listing = std::process::Command::new("git").args(["ls-files", "-z"]).output()?.stdout;
    let wanted = |name: &&str| {
        let path = Path::new(name);
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
        let room = ROOMS.iter().any(|room| name.starts_with(room))
            && (name.starts_with("fauth-core/") || ADAPTER_FILES.contains(&file));
        let rule = path.parent() == Some(Path::new("fauth-core/src/store")) && STORE_RULES.contains(&stem);
        path.extension().is_some_and(|extension| extension == "rs") && (room || rule)
    };
    Ok(String::from_utf8(listing)?.split('\0').filter(wanted).map(str::to_owned).collect())
}

fn dropped(place: &Place) -> BTreeSet<usize> {
    let text = fs::read_to_string(&place.dropped).unwrap_or_default();
    serde_json::from_str::<Vec<usize>>(&text).unwrap_or_default().into_iter().collect()
}

/// Builds the copy, without the mutants that do not compile.
fn build(place: &Place) -> Result<(Vec<Placed>, Vec<Binary>), Box<dyn Error>> {
    let chosen = chosen()?;
    loop {
        let mut dropped = dropped(place);
        let mut mutants = tree::write(&place.tree, &chosen, &dropped)?;
        match tree::build(&place.tree, &place.target)? {
            Ok(binaries) => {
                mutants.retain(|placed| !dropped.contains(&placed.mutant.id));
                return Ok((mutants, binaries));
            }
            Err(culprits) => {
                say(&format!("{} mutants do not compile: {culprits:?}", culprits.len()));
                dropped.extend(culprits);
                fs::write(&place.dropped, serde_json::to_string(&dropped)?)?;
            }
        }
    }
}

/// What became of each mutant.
fn outcomes(place: &Place) -> HashMap<usize, (String, String)> {
    let mut found = HashMap::new();
    for line in trial::lines(&place.results) {
        if let (Some(id), Some(outcome)) =
            (line["id"].as_u64().and_then(|id| usize::try_from(id).ok()), line["outcome"].as_str())
        {
            found.insert(id, (outcome.to_owned(), format!("{} of {} tests", line["ran"], line["of"])));
        }
    }
    found
}

fn run(
    place: &Place,
    end: Instant,
    only: &str,
    patience: Duration,
    wanted: impl Fn(Option<&str>) -> bool,
) -> Result<(), Box<dyn Error>> {
    let (mutants, binaries) = build(place)?;
    let (tests, outcomes) = (trial::tests(&place.tests), outcomes(place));
    let left: Vec<&Placed> = mutants
        .iter()
        .filter(|placed| {
            placed.file.contains(only)
                && wanted(outcomes.get(&placed.mutant.id).map(|(outcome, _)| outcome.as_str()))
        })
        .collect();
    let left = trial::judge(&left, &binaries, &tests, &place.results, patience, end)?;
    say(&format!("{left} mutants left"));
    Ok(())
}

fn report(place: &Place, only: &str) -> Result<(), Box<dyn Error>> {
    let (outcomes, dropped) = (outcomes(place), dropped(place));
    let mut files: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for placed in tree::write(&place.tree, &chosen()?, &dropped)? {
        let mutant = &placed.mutant;
        let (file, Some((outcome, ran))) = (placed.file, outcomes.get(&mutant.id)) else { continue };
        if !file.contains(only) {
            continue;
        }
        let survived = matches!(outcome.as_str(), "survived" | "unreached");
        if survived {
            say(&format!(
                "{file}:{}: {} => {} ({outcome}, {ran}, no. {})",
                mutant.line, mutant.before, mutant.after, mutant.id
            ));
        }
        for name in [file, "total".to_owned()] {
            let (all, alive) = files.entry(name).or_default();
            *all += 1;
            *alive += usize::from(survived);
        }
    }
    for (file, (all, alive)) in files {
        say(&format!("{file}: {all} mutants, {alive} survived"));
    }
    say(&format!("{} do not compile", dropped.len()));
    Ok(())
}
