//! What must be so on every page.

use std::{env, path::Path};

use serde_json::Value;

use crate::{Browser, ConsoleEntry};

impl Browser {
    /// The errors on the console since it was last asked for are these, each of them at least once,
    /// and no others. The browser reports every refused request of a script as an error.
    #[track_caller]
    pub fn assert_console_says_only(&self, expected: &[&str]) {
        let mut console = self.console();
        console.retain(ConsoleEntry::is_error);
        let is_expected = |entry: &&ConsoleEntry| expected.iter().any(|words| entry.message.contains(words));
        let surprises: Vec<_> =
            console.iter().filter(|entry| !is_expected(entry)).map(ToString::to_string).collect();
        assert!(surprises.is_empty(), "the console says:\n{}", surprises.join("\n"));
        for words in expected {
            assert!(console.iter().any(|entry| entry.message.contains(words)), "no {words:?} in {console:?}");
        }
    }

    /// Nothing is wider than the window.
    #[track_caller]
    pub fn assert_fits(&self) {
        let wider = self.script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth",
            &Value::Null,
        );
        assert_eq!(wider, 0, "{} is wider than the window", self.url());
    }

    /// A screenshot into the folder `FAUTH_SCREENSHOTS`, if there is such a variable.
    pub fn picture(&self, name: &str) {
        if let Ok(folder) = env::var("FAUTH_SCREENSHOTS") {
            let package = env::var("CARGO_PKG_NAME").unwrap_or_default();
            self.screenshot(&Path::new(&folder).join(format!("{package}-{name}.png")));
        }
    }
}
