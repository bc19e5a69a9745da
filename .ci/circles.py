"""Dependency cycles between the modules of one crate: `a -> b` means that the file `a` names something that `b` defines.

A module is a file. A name is followed through every `pub use` to the file that defines it. A file that only declares and
re-exports its children and defines nothing therefore never has an edge to it and closes no cycle. A parent that defines
something may be used by its children, or use them, but not both.

Edges come from `use` trees and from paths in code, of items outside test modules. Two kinds of use are not detected,
because only the compiler can resolve them: methods, and macros in textual scope.
"""

import re
from collections import deque
from pathlib import Path
from typing import NamedTuple

from rust_code import code_of

TOKEN = re.compile(r"r#\w+|[A-Za-z_]\w*|::|[^\s\w]")
WORD = re.compile(r"[A-Za-z_]\w*")
DEFINES = {"struct", "enum", "union", "trait", "fn", "const", "static", "type"}


class CodePath(NamedTuple):
    """A path as written in the source: `super::Inner` is `("super", "Inner")`."""

    segments: tuple
    at: int


class Import(NamedTuple):
    path: CodePath
    name: str  # the name that it has here; `*` for a glob


class Item(NamedTuple):
    """The target of a path: a module, or something that `module` defines."""

    module: str
    is_module: bool


class Module:
    """One file: what it declares, imports, defines and mentions."""

    def __init__(self, name, path):
        self.name, self.path = name, path
        self.code = code_of(path)
        self.children, self.defined, self.imports, self.mentions = set(), set(), [], []
        self.tokens = [(found.group(), found.start()) for found in TOKEN.finditer(self.code)]
        self.inline = []  # the brace depths of the inline modules around the current token
        self.read()

    def line(self, at):
        return self.code.count("\n", 0, at) + 1

    def token(self, index):
        return self.tokens[index][0] if index < len(self.tokens) else ""

    def read(self):
        index, depth = 0, 0
        while index < len(self.tokens):
            word, after = self.token(index), self.token(index + 1)
            if word == "{":
                depth += 1
            elif word == "}":
                depth -= 1
                if self.inline and self.inline[-1] == depth:
                    self.inline.pop()
            elif word == "use" and after != "<":
                index = self.read_use(index + 1, ())
            elif word == "mod" and WORD.fullmatch(after):
                (self.children if self.token(index + 2) == ";" else self.defined).add(after)
                if self.token(index + 2) == "{":
                    self.inline.append(depth)
                index += 1
            elif depth == 0 and word in DEFINES and WORD.fullmatch(after) and after not in DEFINES:
                self.defined.add(after)
                index += 1
            elif depth == 0 and word == "macro_rules":
                self.defined.add(self.token(index + 2))
                index += 2
            elif WORD.fullmatch(word) and after == "::":
                index = self.read_mention(index)
            index += 1

    def outside(self, segments):
        """The path as the file would write it: an inline module's first `super` is the file itself."""
        for _ in self.inline:
            if segments[:1] != ("super",):
                break
            segments = segments[1:]
        return segments

    def read_use(self, index, before):
        """Reads one branch of a `use` tree; returns the index of the token that ends it: a comma, a brace, or a semicolon."""
        segments, at = before, self.tokens[index][1]
        if self.token(index) == "::":
            segments, index = ("",), index + 1  # an absolute path starts at another crate
        while True:
            word = self.token(index)
            if word == "{":
                return self.read_branches(index + 1, segments)
            if word == "*":
                self.imports.append(Import(CodePath(self.outside(segments), at), "*"))
                return index + 1
            segments = segments if word == "self" and segments else (*segments, word)
            index += 1
            if self.token(index) != "::":
                break
            index += 1
        name = segments[-1]
        if self.token(index) == "as":
            name, index = self.token(index + 1), index + 2
        self.imports.append(Import(CodePath(self.outside(segments), at), name))
        return index

    def read_branches(self, index, segments):
        while self.token(index) not in ("}", ""):
            index = self.read_use(index, segments) if self.token(index) != "," else index + 1
        return index + 1

    def read_mention(self, index):
        """Reads `a::b::c` inside code; returns the index of its last part."""
        is_absolute = self.token(index - 1) == "::" if index else False
        segments, at = [self.token(index)], self.tokens[index][1]
        while self.token(index + 1) == "::" and WORD.fullmatch(self.token(index + 2)):
            segments.append(self.token(index + 2))
            index += 2
        if not is_absolute and len(segments) > 1:
            self.mentions.append(CodePath(self.outside(tuple(segments)), at))
        return index

    def words(self):
        """Every bare word, which may be a name that a glob import has brought in."""
        for index, (word, at) in enumerate(self.tokens):
            if WORD.fullmatch(word) and self.token(index - 1) not in (".", "::"):
                yield word, at


class Crate:
    """The modules below `source`, whose root is `lib.rs`."""

    def __init__(self, source, paths):
        self.modules = {}
        for path in paths:
            name = str(Path(path).relative_to(source).with_suffix(""))
            self.modules["" if name == "lib" else name] = Module(name, path)

    def child(self, module, name):
        path = f"{module}/{name}" if module else name
        return path if name in self.modules[module].children and path in self.modules else None

    def exports(self, module, name, seen=()):
        """The items that `name` stands for inside `module`. A name may be a module and an item at once."""
        if (module, name) in seen:
            return set()
        seen = (*seen, (module, name))
        here, found = self.modules[module], set()
        if child := self.child(module, name):
            found.add(Item(child, True))
        if name in here.defined:
            found.add(Item(module, False))
        for brought in here.imports:
            if brought.name == name:
                found |= self.resolve(module, brought.path.segments, seen)
        if not found:
            for brought in here.imports:
                if brought.name == "*":
                    for item in self.resolve(module, brought.path.segments, seen):
                        found |= self.exports(item.module, name, seen) if item.is_module else set()
        return found

    def resolve(self, module, segments, seen=()):
        """The targets of a path written in `module`; none for other crates."""
        if not segments:
            return {Item(module, True)}
        first, *rest = segments
        if first == "crate":
            items = {Item("", True)}
        elif first == "self":
            items = {Item(module, True)}
        elif first == "super":
            items = {Item(module.rpartition("/")[0], True)}
        else:
            items = self.exports(module, first, seen)
        for name in rest:
            items = set().union(*(self.step(item, name, seen) for item in items))
        return items

    def step(self, item, name, seen):
        if not item.is_module:
            return {item}  # a variant, an associated item
        if name == "super":
            return {Item(item.module.rpartition("/")[0], True)}
        found = self.exports(item.module, name, seen)
        # A name made by a macro belongs to the module; a name from another crate to no module.
        is_foreign = any(brought.name == name for brought in self.modules[item.module].imports)
        return found or (set() if is_foreign else {Item(item.module, False)})

    def edges(self):
        """For each module: the modules that it uses, with the first line that uses each."""
        edges = {}
        for name, module in self.modules.items():
            uses = edges.setdefault(name, {})
            for target, at in sorted(self.uses(name, module), key=lambda use: use[1]):
                if target != name:
                    uses.setdefault(target, module.line(at))
        return edges

    def uses(self, name, module):
        for path in [*(brought.path for brought in module.imports), *module.mentions]:
            for item in self.resolve(name, path.segments):
                if not item.is_module:
                    yield item.module, path.at
        for brought in module.imports:
            if brought.name == "*":
                for item in self.resolve(name, brought.path.segments):
                    yield from self.uses_through(item, module) if item.is_module else [(item.module, brought.path.at)]

    def uses_through(self, glob, module):
        for word, at in module.words():
            if word not in module.defined:
                for item in self.exports(glob.module, word):
                    if not item.is_module:
                        yield item.module, at

    def cycles(self):
        """For every strongly connected group: one of its shortest cycles, as (module, line) pairs, and the group's size."""
        edges = self.edges()
        for group in connected_groups(edges):
            yield min((shortest(edges, group, start) for start in sorted(group)), key=len), len(group)

    def describe(self, cycle):
        names = " -> ".join(name or "lib" for name, _ in [*cycle, cycle[0]])
        places = [f"{self.modules[name].path}:{line}" for name, line in cycle]
        return f"{names} ({', '.join(places)})"


def reachable(edges, start):
    seen, waiting = set(), [start]
    while waiting:
        for target in edges[waiting.pop()]:
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen


def connected_groups(edges):
    """The groups of modules in which each reaches every other."""
    reach = {name: reachable(edges, name) for name in edges}
    done = set()
    for name in sorted(edges):
        if name in reach[name] and name not in done:
            group = {other for other in reach[name] if name in reach[other]}
            done |= group
            yield group


def shortest(edges, group, start):
    """The shortest path from `start` back to itself, each step with the line of its edge."""
    came_from, waiting = {}, deque([start])
    while waiting:
        here = waiting.popleft()
        for target in sorted(edges[here].keys() & group):
            if target == start:
                way = [here]
                while way[0] != start:
                    way.insert(0, came_from[way[0]])
                return [(one, edges[one][to]) for one, to in zip(way, [*way[1:], start])]
            if target not in came_from:
                came_from[target] = here
                waiting.append(target)
    raise ValueError(f"{start} is in no cycle")
