//! The browser itself: it shows what a page is, keeps what a user would find again, and leaves
//! nothing behind.
#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "a test waits for real processes")]

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use browser::{Browser, Options, Size, site};
use serde_json::{Value, json};

/// A site of one page that keeps a name in a cookie.
const PAGE: &str = r##"<!DOCTYPE html><title>A page</title><body>
<input id="name"><button id="keep">Keep</button><p id="kept"></p><p id="late"></p>
<script>
const show = () => document.querySelector("#kept").textContent = "kept: " + document.cookie;
document.querySelector("#keep").onclick = () => {
  document.cookie = "name=" + document.querySelector("#name").value + "; max-age=3600";
  show();
};
show();
setTimeout(() => document.querySelector("#late").textContent = "at last", 300);
</script>"##;

#[test]
fn a_user_comes_back() {
    let url = format!("http://{}/", site(PAGE));
    let mut browser = Browser::start(Options::new());
    browser.open(&url);
    assert_eq!(browser.text("#kept"), "kept:");
    browser.fill("#name", "nobody");
    browser.fill("#name", "alice");
    browser.click("#keep");
    browser.wait_for_text("#kept", "kept: name=alice");
    browser.wait_for_text("#late", "at last");
    assert!(browser.shows("#late") && !browser.shows("#nothing"));

    let first = browser.tab();
    let second = browser.open_tab();
    assert_ne!(first, second);
    browser.open(&url);
    browser.wait_for_text("#kept", "name=alice");
    browser.switch_to(&first);

    browser.restart();
    browser.open(&url);
    browser.wait_for_text("#kept", "name=alice");
    assert_eq!(browser.cookie_names(), ["name"]);

    // Another browser is another user.
    let other = Browser::start(Options::new());
    other.open(&url);
    assert_eq!(other.text("#kept"), "kept:");
}

#[test]
fn what_goes_wrong_is_recorded() {
    let url = format!("http://{}/", site(PAGE));
    let browser = Browser::start(Options::new());
    browser.open(&url);
    let complaints =
        || browser.console().into_iter().filter(|entry| entry.message.contains("missing")).count();
    assert_eq!(complaints(), 0);

    browser.script("console.error('something is missing')", &Value::Null);
    assert_eq!(complaints(), 1);
    assert_eq!(complaints(), 0, "said once");

    browser.requests();
    let script = "fetch('/missing.js').then(() => document.body.id = 'done')";
    browser.script(script, &Value::Null);
    browser.wait_for("body#done");
    assert_eq!(complaints(), 1);
    assert!(browser.requests().iter().any(|request| request.url == format!("{url}missing.js")));

    // Nothing leaves the machine.
    let elsewhere = json!("http://elsewhere.example/missing");
    browser.script(
        "document.body.id = ''; fetch(arguments[0]).catch(() => document.body.id = 'failed')",
        &elsewhere,
    );
    browser.wait_for("body#failed");
    assert!(browser.console().iter().any(|entry| entry.message.contains("ERR_NAME_NOT_RESOLVED")));
    assert!(browser.requests().iter().any(|request| request.url == elsewhere));
}

#[test]
fn pages_have_the_size_and_the_colours_asked_for() {
    let url = format!("http://{}/", site(PAGE));
    let size_and_colours =
        "return [innerWidth, innerHeight, matchMedia('(prefers-color-scheme: dark)').matches]";
    let browser = Browser::start(Options::new().size(Size::PHONE).dark());
    browser.open(&url);
    assert_eq!(browser.script(size_and_colours, &Value::Null), json!([390, 844, true]));
    browser.resize(Size::DESKTOP);
    let folder = servers::Folder::new("screenshot");
    let file = folder.path().join("page.png");
    browser.screenshot(&file);
    let png = fs::read(&file).unwrap();
    assert_eq!((&png[1..4], &png[16..24]), (&b"PNG"[..], &[0, 0, 5, 0, 0, 0, 3, 232][..]));

    let browser = Browser::start(Options::new());
    browser.open(&url);
    assert_eq!(browser.script(size_and_colours, &Value::Null), json!([1280, 1000, false]));
}

#[test]
fn nothing_is_left_behind() {
    let browser = Browser::start(Options::new());
    let processes = [browser.pid(), browser.driver_pid()];
    let profile = browser.profile();
    assert!(profile.exists() && processes.iter().all(|pid| is_running(*pid)));
    drop(browser);
    let begun = Instant::now();
    while processes.iter().any(|pid| is_running(*pid)) {
        assert!(begun.elapsed() < Duration::from_secs(10), "{processes:?} still run");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(!profile.exists());
}

/// Whoever has ended and is not waited for counts as ended.
fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}
