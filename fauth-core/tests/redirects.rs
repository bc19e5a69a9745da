//! Redirect targets against what browsers make of them: the `url` crate is the WHATWG parser.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails is meant to panic")]

use std::{env, fs, path::PathBuf};

use fauth_core::redirect::{LocalTarget, UnsafeTarget};
use fauth_testing::WireRequest;
use proptest::prelude::*;
use serde_json::Value;
use url::Url;

/// Where the sign-in page is, below a folder so that relative targets show.
const PAGES: [&str; 2] = ["https://app.example/login", "https://app.example/a/b/login?x=1#y"];

fn vectors(name: &str) -> Value {
    let folder = env::var_os("FAUTH_VECTORS").map_or_else(
        || panic!("set FAUTH_VECTORS to the folder of the external test vectors"),
        PathBuf::from,
    );
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

/// What passes stays on the origin, as it is, once it is normalised, and after that again.
#[track_caller]
fn stays_on_the_origin(target: &LocalTarget) {
    for page in PAGES {
        let page = Url::parse(page).unwrap();
        let mut emitted = target.as_str().to_owned();
        for _ in 0..3 {
            let there = page.join(&emitted).unwrap();
            assert_eq!(there.origin(), page.origin(), "{target} leads to {there}");
            assert!(there.username().is_empty() && there.password().is_none(), "{target}");
            // What a proxy or another library makes of it is a target too, and the same one.
            let normalised = there[url::Position::BeforePath..].to_owned();
            let again = LocalTarget::parse(&normalised).unwrap();
            assert_eq!(page.join(again.as_str()).unwrap(), there, "{target}");
            emitted = normalised;
        }
    }
    assert_eq!(LocalTarget::parse(target.as_str()).as_ref(), Ok(target), "checked twice");
}

fn leaves_the_origin(text: &str) -> bool {
    let page = Url::parse(PAGES[0]).unwrap();
    page.join(text).is_ok_and(|there| there.origin() != page.origin())
}

/// All inputs of the WHATWG URL tests.
#[test]
fn nothing_of_the_url_tests_leaves_the_origin() {
    let tests = vectors("urltestdata.json");
    let inputs: Vec<_> = tests.as_array().unwrap().iter().filter_map(|test| test["input"].as_str()).collect();
    assert_eq!(inputs.len(), 869);
    let passed: Vec<_> = inputs.iter().filter_map(|input| LocalTarget::parse(input).ok()).collect();
    passed.iter().for_each(stays_on_the_origin);
    // Both sides of it are not empty: a check that refuses all, or none, would fail here.
    assert_eq!(inputs.iter().filter(|input| leaves_the_origin(input)).count(), 459);
    assert_eq!(passed.len(), URL_TESTS_THAT_PASS, "{passed:?}");
    let leaving: Vec<_> =
        inputs.iter().filter(|input| leaves_the_origin(input) && LocalTarget::parse(input).is_ok()).collect();
    assert!(leaving.is_empty(), "{leaving:?}");
}

const URL_TESTS_THAT_PASS: usize = 21;

/// Facts about these inputs: "begins with `/`" lets twelve of them leave, "and not with `//`" still
/// three.
#[test]
fn what_simpler_checks_let_through_is_refused() {
    let tests = vectors("urltestdata.json");
    let inputs = tests.as_array().unwrap().iter().filter_map(|test| test["input"].as_str());
    let fooled: Vec<_> = inputs.filter(|input| input.starts_with('/') && leaves_the_origin(input)).collect();
    assert_eq!(fooled.len(), 12);
    assert_eq!(fooled.iter().filter(|input| !input.starts_with("//")).count(), 3);
    for input in fooled {
        assert!(LocalTarget::parse(input).is_err(), "{input:?}");
    }
}

/// They stay on the origin once, and their normalised path `//path` leaves it when it is emitted.
#[test]
fn what_leaves_only_after_normalisation_is_refused() {
    let tests = vectors("urltestdata.json");
    let page = Url::parse(PAGES[0]).unwrap();
    let inputs = tests.as_array().unwrap().iter().filter_map(|test| test["input"].as_str());
    let twice: Vec<_> = inputs
        .filter(|input| {
            page.join(input).is_ok_and(|there| {
                let emitted = &there[url::Position::BeforePath..];
                there.origin() == page.origin()
                    && page.join(emitted).is_ok_and(|there| there.origin() != page.origin())
            })
        })
        .collect();
    assert_eq!(twice.len(), 5, "{twice:?}");
    for input in twice {
        assert!(LocalTarget::parse(input).is_err(), "{input:?}");
    }
    assert_eq!(LocalTarget::parse("/.//evil.example"), Err(UnsafeTarget::AmbiguousPath));
    assert_eq!(LocalTarget::parse("/..//evil.example"), Err(UnsafeTarget::AmbiguousPath));
}

/// Of the ten that Django accepts, six name a host that is allowed there, or are relative.
#[test]
fn the_cases_of_django() {
    let file = vectors("open_redirect_django.json");
    let (mut refused, mut passed) = (0, vec![]);
    for case in file["cases"].as_array().unwrap() {
        let input = case["url"].as_str().unwrap();
        match (case["result"].as_str().unwrap(), LocalTarget::parse(input)) {
            ("reject", Ok(target)) => panic!("{target}"),
            ("reject", Err(_)) => refused += 1,
            (_, Ok(target)) => {
                stays_on_the_origin(&target);
                passed.push(input);
            }
            (_, Err(_)) => assert!(!input.starts_with('/') || input == "//testserver/", "{input}"),
        }
    }
    assert_eq!(refused, 31);
    let expected = [
        "/view/?param=http://example.com",
        "/view/?param=https://example.com",
        "/view?param=ftp://example.com",
        "/url%20with%20spaces/",
    ];
    assert_eq!(passed, expected);
}

#[test]
fn paths_of_the_application_pass_unchanged() {
    for target in [
        "/",
        "/dashboard",
        "/dashboard/",
        "/a/b.html?x=1&y=a+b#top",
        "/?",
        "/#",
        "/caf%C3%A9%20au%20lait",
        "/a;v=1/b",
        "/a:b@c/!$&'()*+,=~-_.",
        "/files/a%2Fb",
        "/100%25",
        "/.well-known/x",
        "/a..b/...",
        "/x?next=//evil.example&u=https://evil.example/..//",
        "/x?q=%0d%0a%00%5c%ff",
        "/x?a?b",
        "/x#/../y?z",
    ] {
        let parsed = LocalTarget::parse(target).unwrap();
        assert_eq!(parsed.as_str(), target);
        assert_eq!(
            (parsed.to_string(), String::from(parsed.clone())),
            (target.to_owned(), target.to_owned())
        );
        assert_eq!(parsed, target.parse().unwrap());
        stays_on_the_origin(&parsed);
    }
}

#[test]
fn each_fault_has_its_name() {
    use UnsafeTarget::{AmbiguousPath, Character, Escape, NoPath, TooLong};
    for (target, fault) in [
        ("", NoPath),
        ("dashboard", NoPath),
        ("?x", NoPath),
        ("#x", NoPath),
        ("//evil.example", NoPath),
        ("///evil.example", NoPath),
        ("https://app.example/", NoPath),
        ("HTTPS:/x", NoPath),
        ("javascript:alert(1)", NoPath),
        (" /x", NoPath),
        (" //evil.example", NoPath),
        ("\t//evil.example", NoPath),
        ("\\evil.example", NoPath),
        ("/\\evil.example", Character),
        ("/\t/evil.example", Character),
        ("/\n/evil.example", Character),
        ("/\r\nset-cookie: x=1", Character),
        ("/x ", Character),
        ("/a b", Character),
        ("/x\0", Character),
        ("/x\u{7f}", Character),
        ("/x\u{85}", Character),
        ("/ü", Character),
        ("/\u{2215}evil.example", Character),
        ("/\u{ff0f}evil.example", Character),
        ("/x\"", Character),
        ("/<x>", Character),
        ("/x|y", Character),
        ("/x?a[]=1", Character),
        ("/x?^`{}", Character),
        ("/x#a#b", Character),
        ("/%", Escape),
        ("/%4", Escape),
        ("/%zz", Escape),
        ("/x?100%", Escape),
        ("/x#%u0041", Escape),
        ("/a//b", AmbiguousPath),
        ("/.", AmbiguousPath),
        ("/./x", AmbiguousPath),
        ("/../x", AmbiguousPath),
        ("/a/..", AmbiguousPath),
        ("/%2e%2e/x", AmbiguousPath),
        ("/a/%2E./b", AmbiguousPath),
        ("/%252e%252e/x", AmbiguousPath),
        ("/..;x/y", AmbiguousPath),
        ("/;//evil.example", AmbiguousPath),
        ("/;/evil.example", AmbiguousPath),
        ("/%2Fevil.example", AmbiguousPath),
        ("/%252Fevil.example", AmbiguousPath),
        ("/%5Cevil.example", AmbiguousPath),
        ("/%255Cevil.example", AmbiguousPath),
        ("/%09/evil.example", AmbiguousPath),
        ("/a%0d%0ax", AmbiguousPath),
        ("/%00", AmbiguousPath),
        ("/%7f", AmbiguousPath),
        ("/%ff", AmbiguousPath),
        ("/%c0%ae%c0%ae/x", AmbiguousPath),
    ] {
        assert_eq!(LocalTarget::parse(target), Err(fault), "{target:?}");
    }
    let longest = format!("/{}", "x".repeat(LocalTarget::MAX_BYTES - 1));
    assert!(LocalTarget::parse(&longest).is_ok());
    assert_eq!(LocalTarget::parse(format!("{longest}x")), Err(TooLong));
}

#[test]
fn its_parts_are_known() {
    let parts = |target: &str| {
        let target = LocalTarget::parse(target).unwrap();
        (target.path().to_owned(), target.query().map(str::to_owned))
    };
    assert_eq!(parts("/x"), ("/x".into(), None));
    assert_eq!(parts("/x?a=1?b#c?d"), ("/x".into(), Some("a=1?b".into())));
    assert_eq!(parts("/x#c?d"), ("/x".into(), None));
    assert_eq!(parts("/?"), ("/".into(), Some(String::new())));
    assert_eq!(LocalTarget::root().as_str(), "/");
}

#[test]
fn a_parameter_is_written_encoded_and_read_back() {
    let with = |target: &str, value: &str| {
        let target = LocalTarget::parse(target).unwrap().with_parameter("next", value);
        target.map(String::from)
    };
    let expected = Some("/signin?next=%2Fa%3Fb%3D1%26c%3Dd%2Be%23f".to_owned());
    assert_eq!(with("/signin", "/a?b=1&c=d+e#f"), expected);
    assert_eq!(with("/signin?lang=de", "/").as_deref(), Some("/signin?lang=de&next=%2F"));
    assert_eq!(with("/signin?", "/").as_deref(), Some("/signin?next=%2F"));
    assert_eq!(with("/signin?a&", "/").as_deref(), Some("/signin?a&next=%2F"));
    assert_eq!(with("/signin#form", "ü \r\n").as_deref(), Some("/signin?next=%C3%BC%20%0D%0A#form"));
    assert_eq!(with("/signin", &format!("/{}", "x".repeat(LocalTarget::MAX_BYTES))), None);
    assert_eq!(with("/signin", &"ü".repeat(500)), None);
    let read = |query| LocalTarget::from_query(query, "next").map(String::from);
    assert_eq!(read(Some("x=1&next=%2Fa%3Fb%3D1&y")).as_deref(), Some("/a?b=1"));
    assert_eq!(read(Some("next=/a?b=1")).as_deref(), Some("/a?b=1"));
    for unsafe_or_none in [
        None,
        Some(""),
        Some("next"),
        Some("next="),
        Some("Next=/a"),
        Some("next=//evil.example"),
        Some("next=%2F%2Fevil.example"),
        Some("next=%2F%5Cevil.example"),
        Some("next=https%3A%2F%2Fevil.example"),
        Some("next=/a&next=/b"),
        Some("next=/a&next=//evil.example"),
        Some("next=/a+b"),
        Some("next=/%FF"),
    ] {
        assert_eq!(read(unsafe_or_none), None, "{unsafe_or_none:?}");
    }
}

#[test]
fn a_request_is_a_target_if_its_path_is_clear() {
    let of = |target: &str| LocalTarget::of_request(&WireRequest::new("GET", target)).map(String::from);
    assert_eq!(of("/dashboard?tab=2").as_deref(), Some("/dashboard?tab=2"));
    assert_eq!(of("/list?filter[x]=1|2&q=100%").as_deref(), Some("/list?filter%5Bx%5D=1%7C2&q=100%25"));
    assert_eq!(of("/a?b=\u{fc}#\"").as_deref(), Some("/a?b=%C3%BC%23%22"));
    assert_eq!(of("/?").as_deref(), Some("/?"));
    for unclear in ["//evil.example", "/a//b", "/../x", "/\\evil.example", "*", "", "app.example:443"] {
        assert_eq!(of(unclear), None, "{unclear}");
    }
    assert_eq!(of(&format!("/?{}", "x".repeat(LocalTarget::MAX_BYTES))), None);
    assert_eq!(of(&format!("/?{}", "[".repeat(1000))), None);
}

#[test]
fn a_redirect_is_303_and_kept_by_nobody() {
    let reply = LocalTarget::parse("/a?b").unwrap().see_other();
    let headers: Vec<_> = reply.headers().iter().map(|header| (header.name(), header.value())).collect();
    assert_eq!((reply.status(), headers), (303, vec![("location", "/a?b"), ("cache-control", "no-store")]));
    assert!(reply.body_bytes().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Of whatever text.
    #[test]
    fn what_passes_stays_on_the_origin(text in "/?.{0,24}") {
        if let Ok(target) = LocalTarget::parse(&text) {
            stays_on_the_origin(&target);
        }
    }

    /// Of what attacks are made of.
    #[test]
    fn no_mixture_of_tricks_leaves_the_origin(
        tricks in prop::collection::vec(prop::sample::select(vec![
            "/", "\\", ".", "..", "%2e", "%2F", "%5c", "%25", "%09", ";", ":", "@", "?", "#", "\t", "\n", " ",
            "evil.example", "http:", "%00", "a", "%C3%A9", "[::1]", "&", "next=",
        ]), 0..8),
    ) {
        let text = format!("/{}", tricks.concat());
        if let Ok(target) = LocalTarget::parse(&text) {
            stays_on_the_origin(&target);
        }
        if leaves_the_origin(&text) {
            prop_assert!(LocalTarget::parse(&text).is_err(), "{}", text);
        }
    }

    /// Written into a query and read back, it is the same.
    #[test]
    fn a_target_survives_the_way_through_the_sign_in_page(path in "/[a-z.;%/?#&=+:@!$'()*,]{0,20}") {
        if let Ok(target) = LocalTarget::parse(&path) {
            let sign_in = LocalTarget::parse("/signin?lang=de#form").unwrap();
            let there = sign_in.with_parameter("next", target.as_str()).unwrap();
            stays_on_the_origin(&there);
            prop_assert_eq!(LocalTarget::from_query(there.query(), "next"), Some(target));
        }
    }

    /// Of any request head, the parts of which anybody may have written.
    #[test]
    fn a_request_never_leads_away(path in "/?.{0,16}", query in proptest::option::of(".{0,16}")) {
        let target = query.map_or(path.clone(), |query| format!("{path}?{query}"));
        if let Some(target) = LocalTarget::of_request(&WireRequest::new("GET", &target)) {
            stays_on_the_origin(&target);
        }
    }
}
