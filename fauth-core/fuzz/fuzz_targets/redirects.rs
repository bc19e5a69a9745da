#![no_main]

use fauth_core::fuzzing;
use libfuzzer_sys::fuzz_target;
use url::{Position, Url};

const PAGES: [&str; 2] = ["https://app.example/login", "https://app.example/a/b/login?x=1#y"];

fuzz_target!(|bytes: &[u8]| {
    for target in fuzzing::redirect_targets(bytes) {
        for page in PAGES {
            let page = Url::parse(page).expect("it is a constant");
            let there = page.join(&target).expect("a browser can go there");
            assert_eq!(there.origin(), page.origin(), "{target}");
            assert!(there.username().is_empty() && there.password().is_none(), "{target}");
            // The same once more, after a proxy has normalised it.
            let normalised = &there[Position::BeforePath..];
            assert_eq!(page.join(normalised).expect("it was a target before"), there, "{target}");
        }
    }
});
