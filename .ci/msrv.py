"""Checks that no crate of the workspace declares an older Rust version than its dependencies need.

An older toolchain to build with is not available everywhere, but every crate declares the version that it needs. So the
normal and build dependencies of each member, direct and indirect, are compared with the `rust-version` of the member. A
dependency behind a feature may need a newer version if `package.metadata.rust-version-of` declares it.
"""

import json
import subprocess
import sys


def parse(version):
    """Parses a version so that `1.88` equals `1.88.0`."""
    return tuple((list(map(int, version.split("."))) + [0, 0])[:3])


def metadata():
    command = ["cargo", "metadata", "--locked", "--all-features", "--format-version", "1"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def shipped_with(node):
    """The ids of the dependencies that a user builds: all but the dev-dependencies."""
    return [dep["pkg"] for dep in node["deps"] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])]


def paths_below(nodes, root):
    """For each crate below `root`, the first chain of ids that leads to it."""
    paths, queue = {root: [root]}, [root]
    for crate in queue:
        for dependency in shipped_with(nodes[crate]):
            if dependency not in paths:
                paths[dependency] = [*paths[crate], dependency]
                queue.append(dependency)
    return paths


def declared_on(packages, path):
    """The versions that crates on the path declare in `rust-version-of` for their next dependency on it."""
    for crate, dependency in zip(path, path[1:]):
        declared = (packages[crate]["metadata"] or {}).get("rust-version-of", {})
        if packages[dependency]["name"] in declared:
            yield declared[packages[dependency]["name"]]


def violations(packages, nodes, member):
    own = packages[member]["rust_version"]
    name = packages[member]["name"]
    if own is None:
        yield f"{name} declares no rust-version"
        return
    for crate, path in paths_below(nodes, member).items():
        needed = packages[crate]["rust_version"]
        promised = max([own, *declared_on(packages, path)], key=parse)
        if needed is not None and parse(needed) > parse(promised):
            chain = " -> ".join(f"{packages[step]['name']} {packages[step]['version']}" for step in path)
            yield f"{name} declares Rust {own}, but a dependency needs {needed}: {chain}"


def main():
    data = metadata()
    packages = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    found = []
    for member in data["workspace_members"]:
        own = list(violations(packages, nodes, member))
        found += own
        print(f"{packages[member]['name']}: Rust {packages[member]['rust_version']}, {'too low' if own else 'ok'}")
    for violation in found:
        print(violation, file=sys.stderr)
    return 1 if found else 0


sys.exit(main())
