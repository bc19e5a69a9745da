//! The browser session: its cookie, and its payload.

use std::{env, net::IpAddr};

use fauth_core::{BoxError, Rejection, SessionHandle, transport::SessionCookie};
use serde::{Deserialize, Serialize};

use crate::users::User;

const SECURE: &str = "FAUTH_SECURE_COOKIES";

/// The session cookie of a service that listens at this address. It ends with the browser, unless
/// the user asks to be remembered.
///
/// On this machine it may be sent in clear text, so that the pages work at `http://127.0.0.1:3000`
/// in every browser. Set `FAUTH_SECURE_COOKIES=true` if a proxy terminates TLS on the same machine.
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

/// The payload of a session.
#[derive(Default, Serialize, Deserialize)]
pub struct Desk {
    /// How often the dashboard was opened.
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

    /// The space in a session is limited: older notes are dropped.
    pub(crate) fn add(&mut self, note: &str) {
        self.notes.push(note.chars().take(Self::LONGEST_NOTE).collect());
        if self.notes.len() > Self::MOST_NOTES {
            self.notes.remove(0);
        }
    }
}

/// Changes the payload of a session.
///
/// # Errors
/// If the session cannot be changed, such as when it has ended.
pub async fn change(
    session: &mut SessionHandle<User>,
    how: impl Fn(&mut Desk) + Send,
) -> Result<Desk, Rejection> {
    // A loop, because another request of the same session may be faster.
    loop {
        // A payload of an earlier version that cannot be read is dropped.
        let mut desk: Desk = session.payload().unwrap_or_default().unwrap_or_default();
        how(&mut desk);
        if session.update(&desk).await? {
            return Ok(desk);
        }
    }
}
