"""Checks that each package contains everything it needs, and nothing else.

    cargo package --no-verify --allow-dirty -p fauth-core …
    python3 -B .ci/package.py fauth-core …
"""

import re
import sys
import tarfile
import tomllib
from pathlib import Path

from report import report
from rust_code import code_of

EXPECTED = {"Cargo.toml", "README.md", "LICENSE-APACHE", "LICENSE-MIT", "src/lib.rs"}
# Cargo adds the first three.
ALLOWED = re.compile(r"Cargo\.toml\.orig|Cargo\.lock|\.cargo_vcs_info\.json|(?:ARCHITECTURE|THREAT-MODEL)\.md|src/.+\.(?:rs|md|lua|sql|html|css|js)")
REQUIRED_KEYS = ["description", "keywords", "categories", "license", "readme", "rust-version", "authors"]
INCLUDED = re.compile(r'include_(?:str|bytes)!\(\s*(?:concat!\()?\s*"([^"]*)"')


def contents(archive):
    with tarfile.open(archive) as tar:
        files = {member.name.partition("/")[2]: member for member in tar.getmembers()}
        return {name: tar.extractfile(member).read() if member.isfile() else None for name, member in files.items()}


def wrong_in(crate, folder, files):
    for missing in sorted(EXPECTED - files.keys()):
        yield f"{missing} is missing"
    for name, content in sorted(files.items()):
        if content is None:
            yield f"{name} is not a regular file"
        elif name not in EXPECTED and not ALLOWED.fullmatch(name):
            yield f"{name} must not be published"
    for licence in ("LICENSE-APACHE", "LICENSE-MIT"):
        if licence in files and files[licence] != Path(licence).read_bytes():
            yield f"{licence} differs from the one in the repository"

    manifest = tomllib.loads(files["Cargo.toml"].decode())
    for key in REQUIRED_KEYS:
        if not manifest["package"].get(key):
            yield f"Cargo.toml: {key} is missing"
    if not manifest["package"].get("metadata", {}).get("docs", {}).get("rs", {}).get("all-features"):
        yield "Cargo.toml: package.metadata.docs.rs.all-features is missing, so docs.rs would not document all features"
    for table in ("dependencies", "build-dependencies"):
        for name, dependency in manifest.get(table, {}).items():
            if "version" not in dependency:
                yield f"Cargo.toml: {name} has no version"

    for name in sorted(files):
        if not name.endswith(".rs") or re.search(r"/(?:\w+_)?tests(?:/|\.rs$)", name):
            continue
        text = files[name].decode()
        code = code_of(f"{folder}/{name}")
        for found in INCLUDED.finditer(text):
            # Comments and tests are blanked out.
            if not code.startswith("include_", found.start()):
                continue
            included = Path(name).parent / found.group(1)
            parts = []
            for part in included.parts:
                if part == "..":
                    parts = parts[:-1] if parts else ["outside"]
                else:
                    parts.append(part)
            path = "/".join(parts)
            # If the path is concatenated, only its folder is known.
            if path not in files and not any(file.startswith(f"{path}/") for file in files):
                yield f"{name}: includes {found.group(1)}, which is not in the package"


def folder_of(crate):
    below = Path("fauth-core", crate.removeprefix("fauth-"))
    return below if below.is_dir() else Path(crate)


def main():
    failed = False
    for crate in sys.argv[1:]:
        archives = sorted(Path("target/package").glob(f"{crate}-[0-9]*.crate"), key=lambda path: path.stat().st_mtime)
        if not archives:
            found, files = [f"target/package has no {crate}"], {}
        else:
            files = contents(archives[-1])
            found = list(wrong_in(crate, folder_of(crate), files))
        size = archives[-1].stat().st_size // 1024 if archives else 0
        failed |= report(f"{crate}: {len(files)} files, {size} KiB, {'incorrect' if found else 'ok'}", found)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
