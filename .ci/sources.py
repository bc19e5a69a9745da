"""Invariants of the source tree that the compiler does not check.

Each rule is a generator of violations. A rule that looks at code sees only code: comments, the contents of string
literals and `#[cfg(test)]` modules are blanked out first.
"""

import re
import subprocess
import sys
from pathlib import Path

from circles import Crate
from report import report
from rust_code import code_of

ADAPTERS = ["axum", "actix", "poem"]

def tracked():
    listing = subprocess.run(["git", "ls-files", "-z"], check=True, stdout=subprocess.PIPE).stdout
    return [name for name in listing.decode().split("\0") if name and Path(name).is_file()]


def is_library(path):
    """Sources that users build: no tests, benches, examples, fuzz targets."""
    return re.fullmatch(r"fauth-\w+/(?:(?:derive|remote|testing)/)?src/.+\.rs", path) and not re.search(r"/(?:(?:\w+_)?tests|fuzzing)(?:/|\.rs$)", path)


def is_test_or_bench(path):
    return path.startswith("examples/internal/rivals/") or re.search(r"/(?:(?:\w+_)?tests|benches|fuzz|fuzzing)(?:/|\.rs$)", path)


def matches(pattern, path, code):
    for found in re.finditer(pattern, code):
        line = code.count("\n", 0, found.start()) + 1
        yield f"{path}:{line}", found


def only_the_clock_reads_the_time(paths):
    pattern = r"\b(?:SystemTime|Instant|Utc|Local|OffsetDateTime)::now(?:_utc|_local)?\b"
    for path in filter(is_library, paths):
        # The other two measure response times.
        if path in ("fauth-core/src/clock.rs", *(f"fauth-core/testing/src/{file}.rs" for file in ("suite/login", "sockets/stopwatch"))):
            continue
        for place, found in matches(pattern, path, code_of(path)):
            yield f"{place}: {found.group()}: only clock.rs may read the time"


def tokens_pass_through_our_verifier(paths):
    pattern = r"\bjsonwebtoken::(?:(?:en|de)code\b|\{[^;]*\b(?:en|de)code\b)"
    for path in paths:
        if path.endswith(".rs") and not is_test_or_bench(path):
            for place, _ in matches(pattern, path, code_of(path)):
                yield f"{place}: jsonwebtoken's encode and decode are for tests only: use fauth-core/src/token/"


def modules_are_named(paths):
    for path in paths:
        if Path(path).name == "mod.rs":
            yield f"{path}: name the file after its module instead of mod.rs"


def nothing_is_unsafe(paths):
    for path in paths:
        if path.endswith(".rs"):
            for place, _ in matches(r"\bunsafe\b", path, code_of(path)):
                yield f"{place}: unsafe code is forbidden"


def siblings_look_alike(paths):
    """The adapters have the same files, and so have the quickstarts."""
    for family in ("fauth-{}", "examples/quickstart-{}"):
        roots = [family.format(adapter) + "/src/" for adapter in ADAPTERS]
        names = [{path.removeprefix(root) for path in paths if path.startswith(root)} for root in roots]
        everything = set().union(*names)
        for root, own in zip(roots, names):
            for missing in sorted(everything - own):
                yield f"{root}{missing}: missing, but a sibling has this file"
    for shared in ("desk.rs", "pages.css", "pages.rs", "stores.rs", "users.rs"):
        files = [f"examples/quickstart-{adapter}/src/{shared}" for adapter in ADAPTERS]
        if len({Path(file).read_bytes() for file in files}) > 1:
            yield f"{', '.join(files)}: must be identical in all quickstarts"


# The registered error codes. Numbers such as 512 are sizes, not status codes.
STATUS = r"(?<![\w.])(?:4(?:0\d|1[0-8]|2[1-689]|31|51)|5(?:0[0-8]|1[01]))(?:_?u16)?(?![\w.])"
# Round numbers are also limits and durations. A line with such a type or name contains no status code.
QUANTITY = re.compile(r"Duration|\b(?:usize|u32|u64|i64|f64)\b|_?(?:millis|micros|secs|len|limit|max|min|capacity)\w*\b|not a status", re.I)


def only_rejections_know_status_codes(paths):
    home = re.compile(r"fauth-core/(?:src/(?:rejection|reply|render)\w*(?:/.+)?\.rs|testing/src/.+\.rs)")
    for path in filter(is_library, paths):
        if home.fullmatch(path):
            continue
        lines = Path(path).read_text(encoding="utf-8").split("\n")
        for place, found in matches(STATUS, path, code_of(path)):
            if not QUANTITY.search(lines[int(place.rpartition(":")[2]) - 1]):
                yield f"{place}: {found.group()} looks like a status code, which only rejection/ may contain (if it is not one, end the line with `// not a status`)"


def no_machine_is_named(paths):
    pattern = r"(?:^|(?<=[^\w.:/-]))(?:/(?:root|work|tmp|mnt)/[\w.]|/(?:home|Users)/\w+/|[A-Z]:\\Users)"
    for path in paths:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for place, found in matches(re.compile(pattern, re.MULTILINE), path, text):
            yield f"{place}: {found.group()} is a path on a developer's machine"


MACRO = r"\b(?:trace|debug|info|warn|error|event|(?:(?:trace|debug|info|warn|error)_)?span)"


def log_records_carry_our_target(paths):
    """All log records have the target `fauth`, so that a filter by it shows all of them."""
    for path in filter(is_library, paths):
        code, text = code_of(path), Path(path).read_text(encoding="utf-8")
        for place, found in matches(rf"\btracing::{MACRO}!\s*[({{\[]", path, code):
            if not re.match(r'\s*target:\s*"fauth"', text[found.end() :]):
                yield f'{place}: {found.group()}…): start the arguments with `target: "fauth"`'
        for place, _ in matches(rf"\buse\s+tracing::[^;]*{MACRO}\b", path, code):
            yield f"{place}: call the macro as `tracing::…`, so that its target is checked"


def comments_fit_in_100_columns(paths):
    """Code in examples may have the 110 columns of other code; tables and addresses cannot be wrapped."""
    for path in filter(is_library, paths):
        is_code = False
        for number, line in enumerate(Path(path).read_text(encoding="utf-8").split("\n"), 1):
            comment = re.match(r" *//[/!]? ?(.*)", line)
            if not comment:
                is_code = False
            elif comment[1].startswith("```"):
                is_code = not is_code
            elif len(line) > (110 if is_code else 100) and not re.match(r"\||.*https?://", comment[1]):
                yield f"{path}:{number}: {len(line)} columns: wrap the comment"


CORE = "fauth-core/src/"

# From the bottom up. `fauth-core/ARCHITECTURE.md` describes each module.
LAYERS = [
    ["clock", "error", "authority", "body", "path", "request", "reply", "demands", "client", "escape", "trace_context"],
    ["token", "password", "role", "user", "visitor", "derive", "requirement", "access"],
    ["store"],
    ["transport", "csrf", "navigation", "redirect", "rejection", "event", "limit", "rules"],
    ["session", "api_key", "one_time", "ended", "starlette", "user_store", "throttle", "remote", "resource_metadata", "mandate"],
    ["trusted_issuer"],
    ["provider", "limiter", "guard", "protection", "routes", "mounts", "audit", "config"],
    ["openapi", "swagger_ui"],
]
LAYER_OF = {module: layer for layer, modules in enumerate(LAYERS) for module in modules}


def core(paths):
    """The modules of the core, without the conformance suite, which is above all layers."""
    return Crate(CORE, [path for path in filter(is_library, paths) if re.match(rf"{CORE}(?!testing\b)", path)])


def modules_form_no_cycle(paths):
    crate = core(paths)
    for cycle, size in crate.cycles():
        yield f"{crate.describe(cycle)}: the shortest cycle among {size} files that depend on each other"


def modules_use_no_higher_layer(paths):
    crate = core(paths)
    for name, uses in crate.edges().items():
        module, path = name.partition("/")[0], crate.modules[name].path
        if module in ("", "manual"):
            continue
        if module not in LAYER_OF:
            yield f"{path}: add `{module}` to a layer in .ci/sources.py"
            continue
        for target, line in uses.items():
            other = target.partition("/")[0]
            if LAYER_OF.get(other, 0) > LAYER_OF[module]:
                yield f"{path}:{line}: `{module}` uses `{other}` of a higher layer"


RULES = [
    only_the_clock_reads_the_time,
    tokens_pass_through_our_verifier,
    modules_are_named,
    nothing_is_unsafe,
    siblings_look_alike,
    only_rejections_know_status_codes,
    no_machine_is_named,
    log_records_carry_our_target,
    comments_fit_in_100_columns,
    modules_form_no_cycle,
    modules_use_no_higher_layer,
]


def main():
    paths = tracked()
    failed = False
    for rule in RULES:
        found = list(rule(paths))
        failed |= report(f"{rule.__name__.replace('_', ' ')}: {'no' if found else 'yes'}", found)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
