//! Running tests: each once to see which mutants it reaches, and then each mutant against the tests
//! that reach it.

use std::{
    collections::{BTreeSet, HashMap},
    error::Error,
    fs::{self, File, OpenOptions},
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::tree::{Binary, Placed};

const WORKERS: usize = 2;
/// A test of its own that takes longer than this is no use here.
const LONGEST_TEST: Duration = Duration::from_secs(60);

pub(crate) struct Test {
    pub(crate) binary: String,
    pub(crate) name: String,
    pub(crate) took: Duration,
    pub(crate) passed: bool,
    pub(crate) reached: BTreeSet<usize>,
}

/// The lines of a file, each of which is JSON.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn append(path: &Path) -> Result<Mutex<File>, Box<dyn Error>> {
    Ok(Mutex::new(OpenOptions::new().append(true).create(true).open(path)?))
}

fn write_line(file: &Mutex<File>, line: &Value) -> Result<(), Box<dyn Error>> {
    file.lock().unwrap_or_else(PoisonError::into_inner).write_all(format!("{line}\n").as_bytes())?;
    Ok(())
}

pub(crate) fn tests(path: &Path) -> Vec<Test> {
    let test = |line: &Value| {
        Some(Test {
            binary: line["binary"].as_str()?.to_owned(),
            name: line["name"].as_str()?.to_owned(),
            took: Duration::from_millis(line["ms"].as_u64()?),
            passed: line["passed"].as_bool()?,
            reached: line["reached"]
                .as_array()?
                .iter()
                .filter_map(|id| usize::try_from(id.as_u64()?).ok())
                .collect(),
        })
    };
    lines(path).iter().filter_map(test).collect()
}

/// Runs one test. `None` if it took longer than `limit`.
fn run(
    binary: &Binary,
    test: &str,
    limit: Duration,
    variable: &str,
    value: &str,
) -> Result<Option<bool>, Box<dyn Error>> {
    let mut child = Command::new(&binary.path)
        .args(["--exact", test, "--quiet"])
        .current_dir(&binary.folder)
        .env("RUST_BACKTRACE", "0")
        .env("CARGO_MANIFEST_DIR", &binary.folder)
        .env(variable, value)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        if begun.elapsed() > limit {
            // Its children too: some tests start servers.
            Command::new("kill").args(["-9", "--", &format!("-{}", child.id())]).status()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Does `work` for each of `items` on all workers, until `end`.
fn each<T: Sync>(items: &[T], end: Instant, work: impl Fn(&T) -> Result<(), Box<dyn Error>> + Sync) -> usize {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while Instant::now() < end
                    && let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    if let Err(error) = work(item) {
                        crate::say(&format!("{error}"));
                    }
                }
            });
        }
    });
    items.len().saturating_sub(next.into_inner())
}

/// Runs each test that is not yet in the file `into`, and notes there what it reaches. Returns how
/// many are left.
pub(crate) fn trace(binaries: &[Binary], into: &Path, end: Instant) -> Result<usize, Box<dyn Error>> {
    let known: BTreeSet<_> = tests(into).into_iter().map(|test| (test.binary, test.name)).collect();
    let mut left = Vec::new();
    for binary in binaries {
        let list = |more: &[&str]| {
            let output = Command::new(&binary.path)
                .args(["--list", "--format", "terse"])
                .args(more)
                .current_dir(&binary.folder)
                .output()?;
            let names = String::from_utf8_lossy(&output.stdout)
                .lines()
                .filter_map(|line| Some(line.strip_suffix(": test")?.to_owned()))
                .collect();
            Ok::<BTreeSet<String>, std::io::Error>(names)
        };
        let ignored = list(&["--ignored"])?;
        left.extend(
            list(&[])?
                .into_iter()
                .filter(|name| {
                    !ignored.contains(name) && !known.contains(&(binary.name.clone(), name.clone()))
                })
                .map(|name| (binary, name)),
        );
    }
    let file = append(into)?;
    Ok(each(&left, end, |(binary, name)| {
        let reached =
            into.with_file_name(format!("reached-{:?}", thread::current().id()).replace(['(', ')'], "-"));
        let _ = fs::remove_file(&reached);
        let begun = Instant::now();
        let passed = run(binary, name, LONGEST_TEST, "FAUTH_MUTANT_TRACE", &reached.display().to_string())?
            == Some(true);
        let took = u64::try_from(begun.elapsed().as_millis())?;
        let ids: BTreeSet<usize> = fs::read_to_string(&reached)
            .unwrap_or_default()
            .lines()
            .filter_map(|id| id.parse().ok())
            .collect();
        write_line(
            &file,
            &json!({ "binary": binary.name, "name": name, "ms": took, "passed": passed, "reached": ids }),
        )
    }))
}

/// Runs the tests that reach each of `mutants`, until one fails, or for `patience`: what is not
/// found by then has survived. Returns how many mutants are left.
pub(crate) fn judge(
    mutants: &[&Placed],
    binaries: &[Binary],
    tests: &[Test],
    into: &Path,
    patience: Duration,
    end: Instant,
) -> Result<usize, Box<dyn Error>> {
    let by_name: HashMap<&str, &Binary> =
        binaries.iter().map(|binary| (binary.name.as_str(), binary)).collect();
    // A test that has found a neighbour is asked first.
    let finds: Mutex<HashMap<(&str, &str), usize>> = Mutex::default();
    let file = append(into)?;
    Ok(each(mutants, end, |placed| {
        let (id, begun) = (placed.mutant.id, Instant::now());
        let mut reaching: Vec<&Test> =
            tests.iter().filter(|test| test.passed && test.reached.contains(&id)).collect();
        // Each adapter runs the conformance suite, and for the core one of them will do.
        let mut seen = BTreeSet::new();
        reaching.retain(|test| !placed.file.starts_with("fauth-core/") || seen.insert(&test.name));
        {
            let finds = finds.lock().unwrap_or_else(PoisonError::into_inner);
            let found =
                |test: &Test| finds.get(&(placed.file.as_str(), test.name.as_str())).copied().unwrap_or(0);
            reaching.sort_by_key(|test| (usize::MAX - found(test), test.took));
        }
        let (mut outcome, mut by, mut ran) =
            (if reaching.is_empty() { "unreached" } else { "survived" }, "", 0);
        for test in &reaching {
            if begun.elapsed() > patience {
                break;
            }
            let Some(binary) = by_name.get(test.binary.as_str()) else { continue };
            ran += 1;
            let limit = test.took * 10 + Duration::from_secs(5);
            let once = || run(binary, &test.name, limit, "FAUTH_MUTANT", &id.to_string());
            // Twice, because a busy machine may fail a test too.
            match once()? {
                Some(true) => continue,
                Some(false) if once()? == Some(true) => continue,
                Some(false) => outcome = "killed",
                None => outcome = "timeout",
            }
            by = test.name.as_str();
            *finds
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry((placed.file.as_str(), by))
                .or_default() += 1;
            break;
        }
        write_line(
            &file,
            &json!({ "id": id, "outcome": outcome, "by": by, "ran": ran, "of": reaching.len() }),
        )
    }))
}
