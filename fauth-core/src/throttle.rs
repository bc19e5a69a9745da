//! The login throttle: limits password attempts, so that passwords cannot be guessed and attackers
//! cannot lock the owner of an account out.
//!
//! Every provider has one, with the settings of [`LoginThrottle::new`]. It counts in the memory of
//! its process, or in the backend passed to
//! [`AuthProviderBuilder::store`](crate::AuthProviderBuilder::store).
//!
//! # What is counted
//! | failures | default | effect |
//! |---|---|---|
//! | of one account from one address | 5 a minute | 429, until another attempt becomes available |
//! | of one address | 20 a minute | the same |
//! | of one account in a row, from any address | from the 5th on | a delay, which doubles from one second to 15 minutes |
//! | the same | 100 | only with a mailed token, see below |
//! | of unknown refresh tokens, one-time tokens and API keys, from one address | 20 a minute | 429 instead of 401 |
//!
//! An attempt is counted before it waits for the password check, so that parallel attempts cannot
//! share one count; if it succeeds, the count is taken back. A refused attempt is not counted,
//! loads no user and costs no hash. During a delay, the right password is refused too, with the
//! same response. Whether an account exists makes no difference, except to an address that is
//! familiar to the account (see below): from there, its attempts are still checked (401) while
//! those with other names get 429.
//!
//! # Familiar addresses
//! An address from which the account has logged in (within 30 days; the last 16) is *familiar* to
//! the account. A correct password at [`authenticate`](crate::AuthProvider::authenticate) counts as
//! such a login, whatever the application requires afterwards; a login by other means, such as a
//! magic link, does not. If all logins of the account are ended later, for example by
//! [`password_changed`](crate::AuthProvider::password_changed) or by a higher
//! [`token_epoch`](crate::AuthUser::token_epoch), the address stays familiar until an attempt from
//! it fails: knowing an old password gives no further advantage.
//!
//! Attempts from a familiar address are counted separately: attackers elsewhere cannot delay them.
//! This also holds for other users behind the same address, such as that of an office. One client
//! that fails all the time blocks only those users who have not logged in from there before, and
//! those whose names it knows. Both can use the mailed token described below. If *all* clients
//! appear to have one address, [name the proxy](crate::client::TrustedProxies) in front.
//!
//! A valid token is never refused, whatever its address has sent before.
//!
//! # The unlock token
//! A user who is locked out requests a mail with a token of the purpose
//! [`LoginUnlock`](crate::OneTimePurpose::LoginUnlock). Anybody may request it: while five tokens
//! are live, none of them is invalidated and no sixth is issued; send no mail in that case. With
//! the token, one attempt is checked whatever was counted, at
//! [`authenticate_unlocked`](crate::AuthProvider::authenticate_unlocked) or in the field
//! `unlock_token` of `POST /login`. The password must be correct too, and makes the address
//! familiar. [`unlock_login`](crate::AuthProvider::unlock_login) does the same without a password.
//!
//! ```
//! # use fauth_core::{AuthProvider, AuthUser, OneTimePurpose, Rejection};
//! # use fauth_core::one_time::{LinkBase, OneTimeRequest};
//! # async fn find<U>(_: &str) -> Option<U> { None }
//! # fn send_in_the_background<T>(_: T) {}
//! /// Called by the sign-in page for "I cannot log in". The response does not depend on whether
//! /// the account exists.
//! async fn mail_me_a_way_in<U: AuthUser>(
//!     auth: &AuthProvider<U>,
//!     // A form with name, password and the token of its URL, sent to `POST /login`.
//!     page: &LinkBase,
//!     identifier: &str,
//! ) -> Result<(), Rejection> {
//!     let user: Option<U> = find(identifier).await;
//!     if let Some(user) = user {
//!         let request = OneTimeRequest::for_user(&user);
//!         match auth.issue_one_time(OneTimePurpose::LoginUnlock, request).await {
//!             Ok(token) => send_in_the_background(token.link(page)),
//!             // Enough tokens are in the mailbox. The response does not reveal it.
//!             Err(Rejection::TooManyRequests { .. }) => {}
//!             Err(rejection) => return Err(rejection),
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # What is stored
//! Byte records under keyed hashes, which reveal neither a name nor an address; see
//! [`ThrottleStore`](crate::store::ThrottleStore). Before failures are counted by a name, the name
//! is trimmed, converted to lower case and, with the feature `nfc`, normalised to Unicode NFKC. If
//! a loader finds one user under further spellings, each of them has its own budget; see
//! [`IdentityLoader`](crate::IdentityLoader). An attacker who tries many names fills at most 2^18
//! records, which accounts may then share, so that delays begin sooner. The memory store holds
//! 100 000 records of each kind; beyond that, the record closest to its end is dropped.

mod account;
mod address;
mod backoff;
mod bytes;
mod cell;
mod familiar;
#[cfg(all(feature = "redis", any(test, fuzzing)))]
pub(crate) mod fuzzing;
mod identifier;
mod record;
mod rules;
mod settings;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    account::AccountRecord,
    address::AddressRecord,
    familiar::{Epochs, FamiliarRecord},
    identifier::normal,
    record::{Record, Refusal, Verdict},
    rules::Rules,
};
pub use self::{record::ThrottleState, settings::LoginThrottle};
