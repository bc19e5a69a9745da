//! What a browser session is made of: its cookie, and what the application keeps in it.

use std::{env, net::IpAddr};

use fauth_core::{BoxError, Rejection, SessionHandle, transport::SessionCookie};
use serde::{Deserialize, Serialize};

use crate::users::User;

const SECURE: &str = "FAUTH_SECURE_COOKIES";

/// The cookie of a service that listens at this address. It ends with the browser, unless the user
/// asks to be remembered.
///
/// On the machine itself it may travel in clear text, so that the pages work at
/// `http://127.0.0.1:3000` in every browser. `FAUTH_SECURE_COOKIES=true` is for a proxy that ends
/// TLS on the same machine.
///
/// # Errors
/// If the variable is neither `true` nor `false`, or `false` where others can reach the service.
pub fn cookie(address: IpAddr) -> Result<SessionCookie, BoxError> {
    let is_secure = match env::var(SECURE) {
        Ok(text) => text.parse().map_err(|_| format!("{SECURE}: `{text}` is neither true nor false"))?,
        Err(_) => !address.is_loopback(),
    };
    let cookie = SessionCookie::new().end_with_browser();
    Ok(if is_secure {
        cookie
    } else {
        cookie.insecure_on_loopback(address).map_err(|error| format!("{SECURE}: {error}"))?
    })
}

/// What the application keeps in a session.
#[derive(Default, Serialize, Deserialize)]
pub struct Desk {
    /// How often the dashboard was looked at.
    pub(crate) visits: u32,
    /// The newest notes.
    pub(crate) notes: Vec<String>,
}

impl Desk {
    const MOST_NOTES: usize = 5;
    const LONGEST_NOTE: usize = 200;

    pub(crate) fn visit(&mut self) {
        self.visits = self.visits.saturating_add(1);
    }

    /// A session has room for little: what is older goes.
    pub(crate) fn add(&mut self, note: &str) {
        self.notes.push(note.chars().take(Self::LONGEST_NOTE).collect());
        if self.notes.len() > Self::MOST_NOTES {
            self.notes.remove(0);
        }
    }
}

/// Changes what a session keeps.
///
/// # Errors
/// Why the session cannot be changed, such as that it has ended.
pub async fn change(
    session: &mut SessionHandle<User>,
    how: impl Fn(&mut Desk) + Send,
) -> Result<Desk, Rejection> {
    // A loop, because another request of the same session may be quicker.
    loop {
        // What an earlier version has kept, and this one cannot read, is dropped.
        let mut desk: Desk = session.payload().unwrap_or_default().unwrap_or_default();
        how(&mut desk);
        if session.update(&desk).await? {
            return Ok(desk);
        }
    }
}
