//! The login throttle: how often a password may be tried, so that nobody guesses one, and nobody
//! keeps its owner out.
//!
//! Every provider has one, with the settings of [`LoginThrottle::new`], and counts in the memory of
//! its process, or in the backend that
//! [`AuthProviderBuilder::store`](crate::AuthProviderBuilder::store) gets.
//!
//! # What is counted
//! | failures | default | what happens then |
//! |---|---|---|
//! | of one account from one address | 5 a minute | 429, until the next comes back |
//! | of one address | 20 a minute | the same |
//! | of one account, one after the other, from any address | from the 5th on | a delay, which doubles from a second to 15 minutes |
//! | the same | 100 | only with a mailed token, see below |
//! | of refresh tokens, one-time tokens and API keys that nobody has issued, of one address | 20 a minute | 429 in place of 401 |
//!
//! The attempt is counted before the password waits to be checked, so that parallel attempts are
//! not one; if it succeeds, it is taken back. One that is refused is not counted, asks for no user
//! and costs no hash. While there is a delay, the right password is refused too, with the same
//! answer. Whether an account exists makes no difference but to an address that is familiar to it,
//! see below: from there its attempts are still checked (401) while those with other names get 429.
//!
//! # Who is spared
//! An address from which the account has logged in (within 30 days, the last 16) is *familiar* to
//! it. A right password at [`authenticate`](crate::AuthProvider::authenticate) is such a login,
//! whatever the application asks for after it; one by other means, such as a magic link, is none.
//! If all logins of the account are ended later, as by
//! [`password_changed`](crate::AuthProvider::password_changed) or by a higher
//! [`token_epoch`](crate::AuthUser::token_epoch), the address stays familiar until an attempt from
//! it fails: whoever has known an old password is spared no longer.
//! Its attempts are counted by themselves: what strangers do from elsewhere delays nobody there.
//! That also holds for others behind the same address, such as that of an office: one client that
//! fails all the time keeps from logging in only those who have not logged in there before, and
//! those whose names it knows. Both have the way below. Where *all* clients seem to have one
//! address, the proxy in front has to be [named](crate::client::TrustedProxies).
//!
//! A token that is good is never refused, whatever its address has sent before.
//!
//! # The way in
//! A user who is kept out asks for a mail with a token of the purpose
//! [`LoginUnlock`](crate::OneTimePurpose::LoginUnlock). Strangers may ask for it too: of five that
//! are live none ends by it, a sixth is not issued, and nothing is to be mailed then. With it one
//! attempt is checked whatever was counted, at
//! [`authenticate_unlocked`](crate::AuthProvider::authenticate_unlocked) or in the field
//! `unlock_token` of `POST /login`; the password must be right too, and makes the address a
//! familiar one. [`unlock_login`](crate::AuthProvider::unlock_login) does that without a password.
//!
//! ```
//! # use fauth_core::{AuthProvider, AuthUser, OneTimePurpose, Rejection};
//! # use fauth_core::one_time::{LinkBase, OneTimeRequest};
//! # async fn find<U>(_: &str) -> Option<U> { None }
//! # fn send_in_the_background<T>(_: T) {}
//! /// What the sign-in page calls for "I cannot get in". It answers the same, whoever is asked
//! /// for.
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
//!             // There are enough in the mailbox. The answer does not tell.
//!             Err(Rejection::TooManyRequests { .. }) => {}
//!             Err(rejection) => return Err(rejection),
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # What is kept
//! Records of bytes under keyed hashes, which say neither a name nor an address; see
//! [`ThrottleStore`](crate::store::ThrottleStore). Names are trimmed, written in small letters and,
//! with the feature `nfc`, in one Unicode form (NFKC) before failures are counted by them. A loader
//! that finds one user by more spellings than these gives as many budgets, see
//! [`IdentityLoader`](crate::IdentityLoader). A stranger who tries many names fills 2^18 records
//! and no more, which accounts may then share: delays come sooner. In memory there are 100 000 of
//! each kind, and beyond that the one nearest to its end is dropped.

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
