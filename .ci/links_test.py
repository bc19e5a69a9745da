"""Tests of the check for broken links. Every case is a file in a temporary folder."""

import os
import tempfile
import unittest
from pathlib import Path

import links

FILES = {
    "README.md": "# One\n## What `it` does, and why?\n## One\n",
    "CONTRIBUTING.md": "# Rules\n",
    "fauth-core/README.md": "# fauth-core\n",
    "fauth-core/src/manual/tokens.md": "# Tokens\n## Claims\n",
}


def wrong(name, text):
    """The broken links of this text in the file `name`."""
    folder, before = tempfile.TemporaryDirectory(), os.getcwd()
    with folder:
        os.chdir(folder.name)
        try:
            for path, content in {**FILES, name: FILES.get(name, "") + text}.items():
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                Path(path).write_text(content, encoding="utf-8")
            links.prose_of.cache_clear()
            links.anchors_of.cache_clear()
            files = {*FILES, name}
            folders = {str(parent) for file in files for parent in Path(file).parents}
            return [target for _, target in links.links_of(name) if links.wrong_with(name, target, files, folders)]
        finally:
            os.chdir(before)


class Links(unittest.TestCase):
    def test_no_broken_link(self):
        self.assertEqual(wrong("README.md", """
[a](CONTRIBUTING.md) [`b`](fauth-core) [c](#one) [d](#one-1) [e](#what-it-does-and-why) [f](CONTRIBUTING.md#rules)
[g](https://example.com/x) [`array[0](x)`](CONTRIBUTING.md) `[no](link)` [label][l] <a href="#one">h</a>

[l]: fauth-core/README.md

```text
[no](link)
```
"""), [])

    def test_files_and_anchors(self):
        text = '[a](NONE.md) [b](#none) [c](CONTRIBUTING.md#none) <img src="none.png"> [d](../README.md/x) [e][none]\n\n[l]: none/\n'
        self.assertEqual(
            sorted(wrong("README.md", text)),
            ["#none", "../README.md/x", "CONTRIBUTING.md#none", "NONE.md", "[none]", "none.png", "none/"],
        )

    def test_items_where_rustdoc_renders(self):
        text = "[a](crate::Item) [b](crate::manual::tokens) [c](crate::manual::tokens#claims)"
        self.assertEqual(wrong("fauth-core/README.md", text), [])
        self.assertEqual(wrong("CONTRIBUTING.md", "[a](crate::Item)"), ["crate::Item"])

    def test_pages_of_the_manual(self):
        text = "[b](crate::manual::none) [c](crate::manual::tokens#none)"
        self.assertEqual(wrong("fauth-core/README.md", text), ["crate::manual::none", "crate::manual::tokens#none"])

    def test_files_where_rustdoc_renders(self):
        self.assertEqual(wrong("fauth-core/src/manual/tokens.md", "[a](../../README.md)"), ["../../README.md"])


if __name__ == "__main__":
    unittest.main()
