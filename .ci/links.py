"""Finds broken links.

    python3 -B .ci/links.py                 the committed Markdown files
    python3 -B .ci/links.py target/doc      the pages made by rustdoc, and the links to docs.rs in all files

rustdoc itself checks links to items. It checks neither anchors (`crate::manual::tokens#claims`) nor paths, and not the
files that only readers on crates.io or of the repository see.
"""

import html
import re
import subprocess
import sys
from functools import cache
from os.path import normpath
from pathlib import Path
from urllib.parse import unquote, urlsplit

from report import report

# Rendered by rustdoc: links to items work there, links to files do not.
RENDERED = re.compile(r"fauth-\w+/(?:(?:derive|remote|testing)/)?(?:README\.md|src/.+\.md)")
CRATES = re.compile(r"fauth-(?:core|derive|remote|testing|axum|actix|poem)")
MANUAL = "fauth-core/src/manual"


def tracked(*patterns):
    listing = subprocess.run(["git", "ls-files", "-z", *patterns], check=True, stdout=subprocess.PIPE).stdout
    return [name for name in listing.decode().split("\0") if name and Path(name).is_file()]


def blank(found):
    return re.sub(r"[^\n]", " ", found.group())


@cache
def prose_of(path):
    """The text of a Markdown file with its code blanked out, so that positions do not change."""
    text = Path(path).read_text(encoding="utf-8")
    text = re.sub(r"^ *(```+|~~~+)[^\n]*\n.*?^ *\1`*[ ]*$", blank, text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"<!--.*?-->", blank, text, flags=re.DOTALL)


@cache
def anchors_of(path):
    """The anchors of headings. GitHub and rustdoc make the same ones."""
    seen, anchors = {}, set(re.findall(r"""<a [^>]*(?:id|name)=["']([^"']+)""", prose_of(path)))
    for heading in re.findall(r"^#{1,6} +(.+?)(?: +#+)? *$", prose_of(path), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])?", r"\1", heading).strip().lower()
        slug = re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", words))
        seen[slug] = seen.get(slug, -1) + 1
        anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
    return anchors


LINK = re.compile(
    r"\]\(<?([^()\s<>]*(?:\([^()\s]*\)[^()\s]*)*)>?(?:\s+[\"'][^\"')]*[\"'])?\)"  # [text](target "title")
    r"|^ {0,3}\[[^\]\n]+\]: +<?(\S+?)>?\s*$"  # [label]: target
    r"""|<(?:a|img|source)\s[^>]*?(?:href|src)=["']([^"']+)["']""",  # in HTML
    re.MULTILINE,
)


DEFINITION = r"^ {0,3}\[([^\]\n]+)\]: "


def defined_twice(path):
    """Labels with two definitions, of which the first counts. Case is ignored: `[limit]` is also `[Limit]`."""
    labels = [label.lower() for label in re.findall(DEFINITION, prose_of(path), re.MULTILINE)]
    return sorted({label for label in labels if labels.count(label) > 1})


def links_of(path):
    text = prose_of(path)
    # Brackets in code spans are not links, but a code span may be the text of a link.
    without_spans = re.sub(r"(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)", lambda found: "x" * len(found.group()), text)
    for found in LINK.finditer(without_spans):
        yield text.count("\n", 0, found.start()) + 1, next(filter(None, found.groups()), "")
    defined = {label.lower() for label in re.findall(DEFINITION, text, re.MULTILINE)}
    for found in re.finditer(r"(?<=\])\[([^\]\n]+)\]", without_spans):
        label = text[found.start(1) : found.end(1)]
        if label.lower() not in defined:
            yield text.count("\n", 0, found.start()) + 1, f"[{label}]"


def wrong_with(path, target, files, folders):
    """The reason why this link in this file is broken, or `None`."""
    if re.match(r"(?:https?|mailto):", target):
        return None
    if target.startswith("["):
        return "is not defined"
    target, _, anchor = target.partition("#")
    if not target:
        return f"there is no heading #{anchor}" if anchor not in anchors_of(path) else None
    if re.fullmatch(r"(?:(?:struct|enum|trait|fn|mod|macro|type|const|method|derive)@)?\w+(?:::\w+)*(?:!|\(\))?", target):
        if not RENDERED.fullmatch(path):
            return None if target in files or target in folders else "names an item, which only rustdoc can link"
        page = re.fullmatch(r"(?:crate|fauth_core)::manual::(\w+)", target)
        if page is None:
            return None
        page = f"{MANUAL}/{page.group(1)}.md"
        if page not in files:
            return f"there is no {page}"
        return f"{page} has no heading #{anchor}" if anchor and anchor not in anchors_of(page) else None
    if RENDERED.fullmatch(path):
        return "a file, which rustdoc and crates.io cannot link: link to an item, or to https://docs.rs/…"
    parts = []
    for part in [*Path(path).parent.parts, *unquote(target).split("/")]:
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    file = "/".join(parts)
    if file not in files and file not in folders:
        return f"there is no {file} in the repository"
    if anchor and file.endswith(".md") and anchor not in anchors_of(file):
        return f"{file} has no heading #{anchor}"
    return None


def pages_of_the_manual(files):
    """Each page of the manual is a module, and each module has a page."""
    included = set(re.findall(r'include_str!\("manual/(\w+)\.md"\)', Path(f"{MANUAL}.rs").read_text(encoding="utf-8")))
    written = {Path(file).stem for file in files if re.fullmatch(rf"{MANUAL}/\w+\.md", file)}
    for page in sorted(included ^ written):
        yield f"{MANUAL}/{page}.md: {'the file does not exist' if page in included else 'is not a module in manual.rs'}"


def names_of_front_pages():
    """Labels are defined twice: in the README for crates.io, and in links.md for rustdoc. Both must define the same ones."""
    for page in tracked("fauth-*README.md"):
        links = Path(page).parent / "src/links.md"
        if not links.is_file():
            continue
        elsewhere = set(re.findall(r"^\[([^\]\n]+)\]: ", Path(page).read_text(encoding="utf-8"), re.MULTILINE))
        # Labels for items behind a feature are in lib.rs.
        code = links.read_text(encoding="utf-8") + links.with_name("lib.rs").read_text(encoding="utf-8")
        here = set(re.findall(r"(?:^|doc = \")\[([^\]\n]+)\]: ", code, re.MULTILINE))
        for label in sorted(here ^ elsewhere):
            yield f"{page if label in here else links}: [{label}] is missing; {links if label in here else page} defines it"


def markdown():
    files = set(tracked())
    folders = {str(parent) for file in files for parent in Path(file).parents}
    yield from pages_of_the_manual(files)
    yield from names_of_front_pages()
    for path in sorted(file for file in files if file.endswith(".md")):
        for label in defined_twice(path):
            yield f"{path}: [{label}] is defined twice"
        for line, target in links_of(path):
            if wrong := wrong_with(path, target, files, folders):
                yield f"{path}:{line}: {target}: {wrong}"


@cache
def page(path):
    return Path(path).read_text(encoding="utf-8")


@cache
def ids_of(path):
    return frozenset(html.unescape(id) for id in re.findall(r'\bid="([^"]+)"', page(path)))


def missing(path, anchor):
    """The reason why a browser would not find this anchor on this page, or `None`."""
    if path.is_dir():
        path /= "index.html"
    if not path.is_file():
        return f"there is no {path}"
    # Items re-exported from private modules have redirect pages.
    if forward := re.search(r'<meta http-equiv="refresh" content="0;URL=([^"]+)"', page(path)[:1000]):
        return missing(Path(normpath(path.parent / forward.group(1))), anchor)
    # `#12-34` in sources is a range of lines. rustdoc percent-encodes some ids.
    if anchor and path.suffix == ".html" and not re.fullmatch(r"[\d-]+", anchor) and not {anchor, unquote(anchor)} & ids_of(path):
        return f"{path} has no #{anchor}"
    return None


def at_home(doc, target):
    """The reason why this docs.rs URL has no page or anchor in the local documentation, or `None`."""
    crate, version, inside = re.fullmatch(r"https://docs\.rs/([\w-]+)(?:/([^/]*))?(?:/(.*))?", target).groups()
    if not CRATES.fullmatch(crate.replace("_", "-")):
        return "is not one of our crates"
    if version not in (None, "", "latest"):
        return "use the version `latest`"
    inside, _, anchor = (inside or crate.replace("-", "_")).partition("#")
    return missing(doc / inside, anchor)


def rendered(doc):
    """Broken links on the pages of our crates, and broken links to docs.rs."""
    doc = Path(doc)
    crates = sorted(folder for folder in doc.glob("fauth_*") if folder.is_dir())
    if not crates:
        yield f"{doc}: no documentation of our crates"
    for file in (file for crate in crates for file in crate.rglob("*.html")):
        # The rest is documentation from other crates.
        ours = page(file).partition('id="blanket-implementations-list"')[0]
        for target in map(html.unescape, set(re.findall(r'<a\b[^>]*?\shref="([^"]+)"', ours))):
            parts = urlsplit(target)
            if re.match(r"https://docs\.rs/fauth[-_]", target):
                wrong = at_home(doc, target)
            elif parts.scheme in ("http", "https", "mailto") or parts.netloc:
                continue
            else:
                wrong = missing(Path(normpath(file.parent / unquote(parts.path))) if parts.path else file, parts.fragment)
            if wrong:
                yield f"{file}: {target}: {wrong}"
    for path in tracked("*.md", "*.rs", "*.toml"):
        text = Path(path).read_text(encoding="utf-8")
        for found in re.finditer(r"https://docs\.rs/fauth[-_][^\s)>\"'`]*", text):
            if wrong := at_home(doc, found.group()):
                yield f"{path}:{text.count(chr(10), 0, found.start()) + 1}: {found.group()}: {wrong}"


def main():
    broken = sorted(rendered(sys.argv[1]) if len(sys.argv) > 1 else markdown())
    return int(report(f"all links work: {'no' if broken else 'yes'}", broken))


if __name__ == "__main__":
    sys.exit(main())
