"""Tests of the check for dependency cycles. Every case is a small crate in a temporary folder."""

import tempfile
import unittest
from pathlib import Path

from circles import Crate


def cycles(files):
    """The cycles that the check finds in `files` (name to text), with paths relative to the crate."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "src")
        for name, text in files.items():
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        crate = Crate(source, sorted(source.rglob("*.rs")))
        return [crate.describe(cycle).replace(f"{source}/", "") for cycle, _ in crate.cycles()]


class Cycles(unittest.TestCase):
    def test_no_cycle(self):
        """Parents re-export, and children use lower layers: no cycle."""
        self.assertEqual(cycles({
            "lib.rs": "mod clock; pub mod store; mod user; pub use clock::Now; pub use store::{Session, Store as Kept};",
            "clock.rs": "pub struct Now; impl Now { pub fn text() -> &'static str { \"crate::user::User\" } }",
            "store.rs": "mod memory; mod sessions;\npub use self::{memory::Store, sessions::*};",
            "store/sessions.rs": "use crate::Now;\npub struct Session(Now);",
            "store/memory.rs": "use super::Session;\npub struct Store(Session);",
            "user.rs": """
                //! See [`crate::store::memory`], which uses `crate::user::User`.
                use crate::store::{self, Kept};
                pub struct User(store::Session, crate::Kept);
                #[cfg(test)]
                mod tests { use crate::guard::Guard; }
                #[cfg(test)]
                use crate::guard::Guard;
            """,
            "guard.rs": "use crate::user::User; pub struct Guard(User);",
        }), [])

    def test_through_super(self):
        """A parent that defines something its children use must not use them."""
        self.assertEqual(cycles({
            "lib.rs": "mod store;",
            "store.rs": "mod memory;\npub struct SecretHash;\npub use memory::Memory;",
            "store/memory.rs": "\n\nuse super::SecretHash;\npub struct Memory(SecretHash);",
        }), ["store -> store/memory -> store (store.rs:3, store/memory.rs:3)"])

    def test_through_a_re_export(self):
        """An edge points at the file that defines, also through two re-exports."""
        self.assertEqual(cycles({
            "lib.rs": "mod event; mod store; pub(crate) use store::SessionId;",
            "event.rs": "use crate::SessionId;\npub struct Event(SessionId);",
            "store.rs": "mod sessions;\npub use sessions::SessionId;",
            "store/sessions.rs": "use crate::{\n    event::{Event as Happened},\n};\npub struct SessionId;",
        }), ["event -> store/sessions -> event (event.rs:1, store/sessions.rs:2)"])

    def test_through_an_inline_path(self):
        """A path in code is an edge, whether it starts at the crate's root, an imported module or a child."""
        self.assertEqual(cycles({
            "lib.rs": "mod token; mod user;",
            "token.rs": "mod purpose;\nuse crate::user;\npub fn subject() -> user::Subject { purpose::any() }",
            "token/purpose.rs": "pub fn any() {}",
            "user.rs": "pub struct Subject;\n\nfn purpose() {\n    crate::token::subject();\n}",
        }), ["token -> user -> token (token.rs:3, user.rs:4)"])

    def test_through_a_glob(self):
        self.assertEqual(cycles({
            "lib.rs": "mod scheme; mod scheme_of_old;",
            "scheme.rs": "use crate::scheme_of_old::*;\npub struct Cost(\nOld);",
            "scheme_of_old.rs": "pub struct Old(super::scheme::Cost);",
        }), ["scheme -> scheme_of_old -> scheme (scheme.rs:3, scheme_of_old.rs:1)"])

    def test_long_cycle(self):
        self.assertEqual(cycles({
            "lib.rs": "mod a; mod b; mod c;",
            "a.rs": "use crate::b::B; pub struct A;",
            "b.rs": "use crate::c::C; pub struct B;",
            "c.rs": "use super::a::A; pub struct C;",
        }), ["a -> b -> c -> a (a.rs:1, b.rs:1, c.rs:1)"])


if __name__ == "__main__":
    unittest.main()
