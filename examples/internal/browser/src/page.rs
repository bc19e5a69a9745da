//! What is done with a page, and what is seen of it.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use thirtyfour::{By, WebElement, WindowHandle, error::WebDriverResult};

use crate::{Browser, ConsoleEntry, Request, Size};

/// How long a page may take for what is waited for, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

/// Elements are named by CSS selectors.
impl Browser {
    /// Opens a URL in the current tab, and returns when it is loaded.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.run(url, self.client().goto(url));
    }

    /// Loads the page again.
    #[track_caller]
    pub fn reload(&self) {
        self.run("reload", self.client().refresh());
    }

    /// Presses the back button.
    #[track_caller]
    pub fn back(&self) {
        self.run("back", self.client().back());
    }

    /// Waits until the URL of the current page ends so.
    #[track_caller]
    pub fn wait_for_url(&self, end: &str) {
        let there = self.becomes(async || Ok(self.client().current_url().await?.as_str().ends_with(end)));
        assert!(there, "not at {end} within {PATIENCE:?}, but at {}:\n{}", self.url(), self.text("body"));
    }

    /// The URL of the current page.
    #[track_caller]
    pub fn url(&self) -> String {
        self.run("the URL", self.client().current_url()).into()
    }

    /// The title of the current page.
    #[track_caller]
    pub fn title(&self) -> String {
        self.run("the title", self.client().title())
    }

    /// Clicks on an element once it can be clicked on.
    #[track_caller]
    pub fn click(&self, css: &str) {
        self.until(&format!("click on `{css}`"), async || {
            self.client().find(By::Css(css)).await?.click().await
        });
    }

    /// Puts text into a field in place of what is there.
    #[track_caller]
    pub fn fill(&self, css: &str, text: &str) {
        self.until(&format!("fill `{css}`"), async || {
            let field = self.client().find(By::Css(css)).await?;
            field.clear().await?;
            field.send_keys(text).await
        });
    }

    /// Waits until an element is shown.
    #[track_caller]
    pub fn wait_for(&self, css: &str) {
        let shown = self.becomes(async || Ok(self.find(css).await?.is_displayed().await?));
        assert!(shown, "`{css}` is not shown within {PATIENCE:?}; the page says:\n{}", self.text("body"));
    }

    /// Waits until an element is not shown any more, or not there.
    #[track_caller]
    pub fn wait_until_gone(&self, css: &str) {
        let gone = self.becomes(async || {
            for element in self.client().find_all(By::Css(css)).await? {
                if element.is_displayed().await? {
                    return Ok(false);
                }
            }
            Ok(true)
        });
        assert!(gone, "`{css}` is shown still after {PATIENCE:?}; the page says:\n{}", self.text("body"));
    }

    /// Waits until the text of an element holds these words.
    #[track_caller]
    pub fn wait_for_text(&self, css: &str, words: &str) {
        let said = self.becomes(async || Ok(self.find(css).await?.text().await?.contains(words)));
        assert!(
            said,
            "`{css}` does not say {words:?} within {PATIENCE:?}; the page says:\n{}",
            self.text("body")
        );
    }

    /// The text of an element as it is shown; empty if there is none.
    #[track_caller]
    pub fn text(&self, css: &str) -> String {
        self.block_on(async { self.find(css).await?.text().await }).unwrap_or_default()
    }

    /// Is such an element shown, now?
    #[track_caller]
    pub fn shows(&self, css: &str) -> bool {
        self.block_on(async { self.find(css).await?.is_displayed().await }).unwrap_or(false)
    }

    /// What a script returns, with this argument as `arguments[0]`.
    #[track_caller]
    pub fn script(&self, script: &str, argument: &Value) -> Value {
        let ran = self.client().execute(script, vec![argument.clone()]);
        self.run(script, ran).json().clone()
    }

    /// The names of the cookies that the current page can be sent with.
    #[track_caller]
    pub fn cookie_names(&self) -> Vec<String> {
        let cookies = self.run("the cookies", self.client().get_all_cookies());
        cookies.into_iter().map(|cookie| cookie.name).collect()
    }

    /// Waits until the browser has dropped a cookie, because its time is over.
    #[track_caller]
    pub fn wait_until_cookie_ends(&self, name: &str) {
        let ended = self.becomes(async || {
            Ok(self.client().get_all_cookies().await?.iter().all(|cookie| cookie.name != name))
        });
        assert!(ended, "the cookie {name} is kept still after {PATIENCE:?}");
    }

    /// Deletes one cookie of the current page, as the browser does when its time is over.
    #[track_caller]
    pub fn delete_cookie(&self, name: &str) {
        self.run("delete a cookie", self.client().delete_cookie(name));
    }

    /// Deletes the cookies of the current page, as a user does who clears the browser's data.
    #[track_caller]
    pub fn delete_cookies(&self) {
        self.run("delete the cookies", self.client().delete_all_cookies());
    }

    /// What the console has recorded since this was last asked for, in every tab.
    #[track_caller]
    pub fn console(&self) -> Vec<ConsoleEntry> {
        let entries = self.run("the console", self.client().browser_log());
        entries.into_iter().map(ConsoleEntry::from).collect()
    }

    /// The requests that pages have made, or tried to, since this was last asked for.
    #[track_caller]
    pub fn requests(&self) -> Vec<Request> {
        let entries = self.run("the requests", self.client().get_log("performance"));
        entries.iter().filter_map(Request::of).collect()
    }

    /// Makes the page as large as this.
    #[track_caller]
    pub fn resize(&self, size: Size) {
        let Size { width, height } = size;
        self.run("resize", self.client().set_window_rect(0, 0, width, height));
        // The frame of the window takes some of it.
        let inner = self.script("return [innerWidth, innerHeight]", &Value::Null);
        let missing = |at: usize, wanted: u32| {
            let shown = inner.get(at).and_then(Value::as_u64).and_then(|shown| u32::try_from(shown).ok());
            wanted.saturating_sub(shown.expect("a size"))
        };
        let (width, height) = (width + missing(0, width), height + missing(1, height));
        self.run("resize", self.client().set_window_rect(0, 0, width, height));
    }

    /// Tells pages from now on that the user prefers dark colours, or light ones.
    #[track_caller]
    pub fn prefer_dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let wanted = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        let tools = self.client().cdp();
        self.run(value, tools.send_raw("Emulation.setEmulatedMedia", wanted));
    }

    /// Writes a PNG of what is shown.
    #[track_caller]
    pub fn screenshot(&self, file: &Path) {
        let png = self.run("a screenshot", self.client().screenshot_as_png());
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).expect("a folder for screenshots");
        }
        fs::write(file, png).expect("to write a screenshot");
    }

    /// Opens another tab and goes to it.
    #[track_caller]
    pub fn open_tab(&self) -> WindowHandle {
        let tab = self.run("another tab", self.client().new_tab());
        self.switch_to(&tab);
        tab
    }

    /// The current tab.
    #[track_caller]
    pub fn tab(&self) -> WindowHandle {
        self.run("the tab", self.client().window())
    }

    /// Goes to another tab.
    #[track_caller]
    pub fn switch_to(&self, tab: &WindowHandle) {
        self.run("switch to a tab", self.client().switch_to_window(tab.clone()));
    }

    async fn find(&self, css: &str) -> WebDriverResult<WebElement> {
        self.client().find(By::Css(css)).await
    }

    /// Tries something until it succeeds.
    #[track_caller]
    fn until(&self, step: &str, mut action: impl AsyncFnMut() -> WebDriverResult<()>) {
        let mut last = None;
        let done = self.becomes(async || match action().await {
            Ok(()) => Ok(true),
            Err(error) => {
                last = Some(error);
                Ok(false)
            }
        });
        if !done {
            let why = last.map(|error| error.to_string()).unwrap_or_default();
            panic!("{step}: not within {PATIENCE:?}: {why}\nthe page says:\n{}", self.text("body"));
        }
    }

    /// Does it become true in time? What fails meanwhile is not there yet.
    fn becomes(&self, mut condition: impl AsyncFnMut() -> WebDriverResult<bool>) -> bool {
        let begun = Instant::now();
        self.block_on(async {
            loop {
                if condition().await.unwrap_or(false) {
                    return true;
                }
                if begun.elapsed() > PATIENCE {
                    return false;
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
    }
}
