"""The code of Rust sources: comments, the contents of literals, and test modules are blanked out.

Positions do not change: an offset or a line number in the blanked text is valid in the file.
"""

import re
from functools import cache
from pathlib import Path

# Comments first, then everything that starts with a quote. A character literal needs a closing quote; a lifetime has none.
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
    """Replaces everything except line breaks by spaces, so that line numbers do not change."""
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
