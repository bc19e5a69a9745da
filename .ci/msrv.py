"""No crate of the workspace promises an older Rust than its dependencies need.

An older toolchain to try it with is not at hand everywhere, but every crate declares what it needs. So each member's
normal and build dependencies, however deep, are compared with the `rust-version` that the member itself declares, or
that is declared in `package.metadata.rust-version-of` for what a dependency behind a feature brings.
"""

import json
import subprocess
import sys


def parse(version):
    """`1.88` and `1.88.0` as the same comparable value."""
    return tuple((list(map(int, version.split("."))) + [0, 0])[:3])


def metadata():
    command = ["cargo", "metadata", "--locked", "--all-features", "--format-version", "1"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def shipped_with(node):
    """Ids of what a crate needs to be built by a user: everything but its dev-dependencies."""
    return [dep["pkg"] for dep in node["deps"] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])]


def paths_below(nodes, root):
    """For each crate below `root`, the chain of ids by which it is reached first."""
    paths, queue = {root: [root]}, [root]
    for crate in queue:
        for dependency in shipped_with(nodes[crate]):
            if dependency not in paths:
                paths[dependency] = [*paths[crate], dependency]
                queue.append(dependency)
    return paths


def declared_on(packages, path):
    """What crates on the way declare in `rust-version-of` for the dependency by which it goes on."""
    for crate, dependency in zip(path, path[1:]):
        declared = (packages[crate]["metadata"] or {}).get("rust-version-of", {})
        if packages[dependency]["name"] in declared:
            yield declared[packages[dependency]["name"]]


def complaints(packages, nodes, member):
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
            yield f"{name} promises Rust {own}, but {needed} is needed by {chain}"


def main():
    data = metadata()
    packages = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    found = []
    for member in data["workspace_members"]:
        own = list(complaints(packages, nodes, member))
        found += own
        print(f"{packages[member]['name']}: Rust {packages[member]['rust_version']}, {'too low' if own else 'ok'}")
    for complaint in found:
        print(complaint, file=sys.stderr)
    return 1 if found else 0


sys.exit(main())
