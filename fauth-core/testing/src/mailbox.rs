//! The mails of an application under test.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

/// The mails of an application under test. Give a clone to the part of the application that sends
/// mails, and let it [`deliver`](Self::deliver) them instead.
///
/// ```
/// # use fauth_core::{OneTimePurpose, one_time::{LinkBase, OneTimeRequest}};
/// # use fauth_testing::{Mailbox, TestAuth, Users};
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let alice = Users::new().find("alice");
/// # let auth = TestAuth::new([alice.clone()]);
/// let mailbox = Mailbox::new();
/// let mailer = mailbox.clone(); // for the application, in place of its mailer
///
/// // What the application does.
/// let page = LinkBase::new("https://app.example/reset").unwrap();
/// let request = OneTimeRequest::for_user(&alice);
/// let token = auth.issue_one_time(OneTimePurpose::PasswordReset, request).await?;
/// let link = token.link(&page);
/// mailer.deliver("alice@app.example", format!("Follow this link: {}", link.expose()));
///
/// // What the test does: it follows the link.
/// let mail = mailbox.next_to("alice@app.example").await;
/// assert!(mail.link().starts_with("https://app.example/reset?token="));
/// auth.redeem(mail.token(), OneTimePurpose::PasswordReset).await?;
/// # Ok::<(), fauth_core::Rejection>(())
/// # }).unwrap();
/// ```
///
/// Clones share the mails.
#[derive(Clone, Default)]
pub struct Mailbox(Arc<Inner>);

#[derive(Default)]
struct Inner {
    mails: Mutex<Vec<Kept>>,
    arrived: Notify,
}

struct Kept {
    mail: CapturedMail,
    taken: bool,
}

/// How long [`Mailbox::next_to`] waits: long enough for a slow machine, because a missing mail
/// fails the test anyway.
const PATIENCE: Duration = Duration::from_secs(10);

impl Mailbox {
    /// Creates an empty mailbox.
    pub fn new() -> Self {
        Self::default()
    }

    fn mails(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.0.mails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delivers a mail. The application calls this instead of sending it.
    pub fn deliver(&self, to: impl Into<String>, text: impl Into<String>) {
        let mail = CapturedMail { to: to.into(), text: text.into() };
        self.mails().push(Kept { mail, taken: false });
        self.0.arrived.notify_waiters();
    }

    /// Returns the last mail to this address.
    ///
    /// # Panics
    /// If there is none. The message lists the addresses that received mails.
    #[track_caller]
    pub fn last_to(&self, to: &str) -> CapturedMail {
        let last = self.mails().iter().rev().find(|kept| kept.mail.to == to).map(|kept| kept.mail.clone());
        last.unwrap_or_else(|| panic!("there is no mail to {to}: {self:?}"))
    }

    /// Returns the next mail to this address that this method has not returned yet. Waits for a
    /// mail that a task of the application has not sent yet.
    ///
    /// # Panics
    /// If no mail arrives within ten seconds.
    pub async fn next_to(&self, to: &str) -> CapturedMail {
        let waiting = async {
            loop {
                let arrived = self.0.arrived.notified();
                let mut arrived = std::pin::pin!(arrived);
                // From here on, no delivery is missed.
                arrived.as_mut().enable();
                if let Some(mail) = self.take(to) {
                    return mail;
                }
                arrived.await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        waited.unwrap_or_else(|_| panic!("no mail came to {to}: {self:?}"))
    }

    fn take(&self, to: &str) -> Option<CapturedMail> {
        let mut mails = self.mails();
        let next = mails.iter_mut().find(|kept| !kept.taken && kept.mail.to == to)?;
        next.taken = true;
        Some(next.mail.clone())
    }

    /// Returns all mails, in order of delivery.
    pub fn all(&self) -> Vec<CapturedMail> {
        self.mails().iter().map(|kept| kept.mail.clone()).collect()
    }

    /// Whether there are no mails.
    pub fn is_empty(&self) -> bool {
        self.mails().is_empty()
    }
}

/// Prints the addresses only.
impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox with mails to ")?;
        f.debug_list().entries(self.mails().iter().map(|kept| &kept.mail.to)).finish()
    }
}

/// A mail of a [`Mailbox`].
#[derive(Clone, PartialEq, Eq)]
pub struct CapturedMail {
    to: String,
    text: String,
}

impl CapturedMail {
    /// Returns the address.
    pub fn to(&self) -> &str {
        &self.to
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the first link with a parameter `token`, otherwise the first link.
    ///
    /// # Panics
    /// If there is no link.
    #[track_caller]
    pub fn link(&self) -> &str {
        let links = || self.links();
        let found = links().find(|link| token_in(link).is_some()).or_else(|| links().next());
        found.unwrap_or_else(|| panic!("there is no link in the mail to {}", self.to))
    }

    /// Returns the one-time token in the [link](Self::link).
    ///
    /// # Panics
    /// If there is no link with a token.
    #[track_caller]
    pub fn token(&self) -> &str {
        let found = self.links().find_map(token_in);
        found.unwrap_or_else(|| panic!("there is no link with a token in the mail to {}", self.to))
    }

    fn links(&self) -> impl Iterator<Item = &str> {
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>');
        let words = self.text.split(ends);
        words.filter(|word| word.starts_with("https://") || word.starts_with("http://"))
    }
}

/// Parses a link of `OneTimeToken::link`: the token is a parameter of the query or of the fragment.
fn token_in(link: &str) -> Option<&str> {
    let mut parameters = link.split(['?', '&', '#']).skip(1);
    let token = parameters.find_map(|parameter| parameter.strip_prefix("token="))?;
    // Punctuation after a link in a sentence.
    Some(token.trim_end_matches(['.', ',', ';', ')']))
}

/// Prints the address only: the text may contain a token.
impl fmt::Debug for CapturedMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CapturedMail").field("to", &self.to).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(text: &str) -> CapturedMail {
        CapturedMail { to: "alice@app.example".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn links_are_found_in_text_and_html() {
        for (text, link) in [
            ("Go to https://a.example/reset?token=x.y.z", "https://a.example/reset?token=x.y.z"),
            ("<a href=\"https://a.example/#/r?token=x.y.z\">", "https://a.example/#/r?token=x.y.z"),
            (
                "https://a.example/ or\nhttps://a.example/r?a=1&token=x.y.z",
                "https://a.example/r?a=1&token=x.y.z",
            ),
        ] {
            assert_eq!((mail(text).link(), mail(text).token()), (link, "x.y.z"), "{text}");
        }
        assert_eq!(mail("https://a.example/r?token=x.y.z.").token(), "x.y.z", "the end of a sentence");
        assert_eq!(mail("https://a.example/").link(), "https://a.example/");
    }

    #[test]
    #[should_panic(expected = "no link with a token in the mail to alice@app.example")]
    fn a_link_without_token_is_none_with_one() {
        let _ = mail("https://a.example/?tokens=x").token();
    }

    #[test]
    #[should_panic(expected = r#"no mail to bob@app.example: Mailbox with mails to ["alice@app.example"]"#)]
    fn what_is_missing_is_said() {
        let mailbox = Mailbox::new();
        mailbox.deliver("alice@app.example", "token=secret");
        let _ = mailbox.last_to("bob@app.example");
    }

    #[tokio::test]
    async fn a_mail_that_is_still_to_come_is_waited_for() {
        let mailbox = Mailbox::new();
        let late = mailbox.clone();
        tokio::spawn(async move {
            tokio::task::yield_now().await;
            late.deliver("bob", "1");
            late.deliver("alice", "2");
            late.deliver("alice", "3");
        });
        assert_eq!(mailbox.next_to("alice").await.text(), "2");
        assert_eq!(mailbox.next_to("alice").await.text(), "3");
        assert_eq!(mailbox.last_to("bob").text(), "1");
        assert_eq!(mailbox.all().len(), 3);
    }

    #[test]
    fn no_token_is_shown() {
        let mailbox = Mailbox::new();
        mailbox.deliver("alice", "https://a.example/?token=secret");
        let shown = format!("{mailbox:?} {:?}", mailbox.last_to("alice"));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
