"""Rust sources without what is no code: comments, the contents of literals, and test modules are blanked out.

Everything keeps its place, so that an offset or a line number in the blanked text is one in the file.
"""

import re
from functools import cache
from pathlib import Path

# Comments first, then everything a quote can start. A lifetime is no character literal: that needs a closing quote.
COMMENT_OR_LITERAL = re.compile(
    r"""//[^\n]*
      | /\*.*?\*/
      | b?r(?P<hashes>\#*)".*?"(?P=hashes)
      | b?"(?:\\.|[^"\\])*"
      | b?'(?:\\[^\n]+?|[^'\\\n])'
    """,
    re.DOTALL | re.VERBOSE,
)
TEST = r"#\[cfg\((?:test|all\(test\b[^\]]*|any\(test, fuzzing\))\)\]\s*(?:#\[[^\n]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?"
TEST_MODULE = re.compile(TEST + r"mod\s+\w+\s*\{")
TEST_LINE = re.compile(TEST + r"(?:mod|use)\s[^;{]*(?:\{[^;]*)?;")


def blank(text):
    """Spaces for everything but line breaks, so that line numbers stay right."""
    return re.sub(r"[^\n]", " ", text)


def without_test_modules(code):
    while start := TEST_MODULE.search(code):
        depth, end = 1, start.end()
        while depth and end < len(code):
            depth += {"{": 1, "}": -1}.get(code[end], 0)
            end += 1
        code = code[: start.start()] + blank(code[start.start() : end]) + code[end:]
    return TEST_LINE.sub(lambda found: blank(found.group()), code)


def code_in(text):
    return without_test_modules(COMMENT_OR_LITERAL.sub(lambda found: blank(found.group()), text))


@cache
def code_of(path):
    return code_in(Path(path).read_text(encoding="utf-8"))
