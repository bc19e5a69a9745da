//! Password hashing, with bounded work and never on an async worker.
//!
//! ```
//! use fauth_core::password::{PasswordConfig, PasswordHasher, Verification};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hasher = PasswordHasher::new(PasswordConfig::argon2id())?;
//!
//! let stored = hasher.hash("correct horse battery staple").await?;
//! assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
//!
//! let answer = hasher.verify("correct horse battery staple", Some(&stored)).await?;
//! assert_eq!(answer, Verification::Match);
//! // An unknown user takes as long as a wrong password, and gets the same answer.
//! let answer = hasher.verify("correct horse battery staple", None).await?;
//! assert_eq!(answer, Verification::Mismatch);
//! # Ok(())
//! # }
//! ```
//!
//! | type | purpose |
//! |---|---|
//! | [`PasswordConfig`] | scheme and cost of new hashes, and every limit; checked when the hasher is made |
//! | [`PasswordHasher`] | hashes and verifies; clone it freely |
//! | [`OnBehalfOf`] | whose request it is, which decides the order while the hasher is busy |
//! | [`Verification`] | the outcome for a password |
//! | [`PasswordError`] | why there is no outcome: the hasher is too busy, or hashing failed |
//! | [`PasswordPolicy`], [`NewPassword`] | which new passwords are accepted; [`Blocklist`], [`BreachCheck`] |
//! | [`PasswordScheme`] | a scheme of your own, for the hashes of an old system |
//!
//! # Which stored hashes are read
//!
//! | scheme | strings | bounds |
//! |---|---|---|
//! | Argon2 | `$argon2id$`, `$argon2i$`, `$argon2d$` with `v=19`, `v=16` or no version (which means 16) | parameters under the ceilings, salt 8 to 64 bytes, hash 16 to 64 bytes, fields in the order `m,t,p`, no `keyid` and no `data` |
//! | bcrypt | `$2a$`, `$2b$`, `$2y$` | cost under the ceiling, passwords of up to 72 bytes |
//! | one of these, with a [pepper](PasswordConfig::pepper) | `$fauth-pepper$v=1,k=2026$argon2id$…` | the pepper must be configured |
//! | your own | what a [`PasswordScheme`] recognizes | 512 bytes |
//!
//! With the feature `foreign-hashes`:
//!
//! | system | strings | bounds |
//! |---|---|---|
//! | werkzeug | `scrypt:N:r:p$salt$hex`, `pbkdf2:DIGEST:ROUNDS$salt$hex` with `sha1`, `sha256`, `sha512` | complete strings; older versions omit parameters, and their strings are refused |
//! | Django | `pbkdf2_sha256$`, `pbkdf2_sha1$`, `scrypt$`, `argon2$`, `bcrypt$`, `bcrypt_sha256$` | |
//! | passlib | `$pbkdf2$`, `$pbkdf2-sha256$`, `$pbkdf2-sha512$`, `$bcrypt-sha256$` of both versions | |
//! | Spring Security | `{bcrypt}`, `{argon2}`, `{scrypt}`, `{pbkdf2}`, and the last three with `@SpringSecurity_v5_8` | encoders with their default settings and no secret |
//! | PHC | `$scrypt$ln=,r=,p=`, `$pbkdf2$i=`, `$pbkdf2-sha256$i=`, `$pbkdf2-sha512$i=`, with `l=` or without | hash 16 to 64 bytes |
//!
//! For scrypt, memory and parallelism must not exceed `scrypt_ceiling`, and r is at most 32. For
//! PBKDF2, the rounds must not exceed `pbkdf2_ceiling`. Salts have 4 to 64 bytes, and hashes have
//! the length that their system uses. All of these hashes are replaced by a new one at the next
//! login.
//!
//! `$2$` and `$2x$` are refused, because they mark hashes of faulty implementations. Passwords in
//! plain text (`{noop}`) and plain digests are refused too. Any other string is an unusable hash.
//! An unusable hash never matches, costs as much as a wrong password, and leaves one log record
//! with the target `fauth`. The record names the problem and the keyed hash of the identifier that
//! was typed, but not the stored hash. A hasher logs 4096 of them at most.
//!
//! # How long an answer takes
//!
//! An unknown user, a user without a password, and a user with an unusable hash cost one
//! verification of a dummy with the scheme and cost of new hashes. A wrong password costs one
//! verification of the stored hash. The two take the same time only for hashes with the current
//! settings. While there are older ones, [`equalise_with`](PasswordConfig::equalise_with) makes
//! every login cost one verification of a new hash and one of an old hash, whoever logs in and
//! whatever the outcome. It covers neither hashes of a third cost nor the work of a scheme of your
//! own.
//!
//! # Defaults
//!
//! | setting | default | why |
//! |---|---|---|
//! | new hashes | Argon2id, 19456 KiB, 2 passes, 1 lane | the minimum that OWASP recommends |
//! | maximum password length | 1024 bytes | enough for any passphrase; longer ones only cost time |
//! | concurrent hashes | one per core | more would only slow down each other and the service |
//! | waiting hashes | 64, for at most 3 s | a burst is served, a flood is refused with 503 |
//! | waiting hashes per address | all 64, while no other address waits | a flood from one address does not lock out the others |
//! | for logged-in users | 16 more, and one turn in four | a flood of logins does not keep users from changing their password |
//! | Unicode form | as received | `PasswordConfig::nfc` (feature `nfc`) normalizes passwords; decide before the first user is created |
//! | ceiling on stored Argon2 | 262144 KiB, 16 passes, 16 lanes | a planted hash cannot exhaust the machine |
//! | ceiling on stored bcrypt | cost 16 | cost 31 would occupy a core for a day |
//! | ceiling on stored scrypt | 262144 KiB, p 16 | the same memory as for Argon2 |
//! | ceiling on stored PBKDF2 | 10000000 rounds | ten times the recommended number; they take some seconds |
//! | pepper | none | it is a key to keep, and losing it means losing all passwords |
//! | policy for new passwords | [`PasswordPolicy::new`], where a provider hashes them | what NIST and OWASP recommend: 15 characters, no rules about kinds of characters |
//!
//! # Seventy-two bytes
//!
//! bcrypt reads 72 bytes of key, of which the last is a terminating NUL if the password is shorter.
//! If longer passwords were truncated, everything with the same beginning would match, so nothing
//! here ever truncates:
//!
//! - [`hash`](PasswordHasher::hash) accepts up to **71** bytes, so that the whole password and its
//!   terminator count.
//! - [`verify`](PasswordHasher::verify) also accepts a password of exactly **72** bytes for a
//!   stored hash, because other systems allow that many and their users must be able to log in.
//!   From 73 bytes on, the outcome is [`Mismatch`](Verification::Mismatch), after the work of a
//!   full verification.
//!
//! A system that truncated passwords leaves hashes that match only the first 72 bytes. Their users
//! cannot log in with the longer password and have to set a new one.
//!
//! With a [pepper](PasswordConfig::pepper) these limits do not apply: bcrypt gets 43 characters,
//! whatever the password.

mod argon;
mod bcrypt;
mod ceilings;
mod config;
mod cost;
mod error;
#[cfg(feature = "foreign-hashes")]
mod foreign;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod hasher;
mod line;
mod memory;
mod named;
mod normal;
mod own;
mod pepper;
mod policy;
mod pool;
mod queue;
mod sample;
mod scheme;
mod unusable;

pub use config::PasswordConfig;
pub use error::{PasswordError, UnacceptablePassword};
pub(crate) use hasher::Turn;
pub use hasher::{PasswordHasher, Verification};
pub use line::OnBehalfOf;
pub use own::PasswordScheme;
pub use policy::{Blocklist, BreachCheck, NewPassword, PasswordPolicy, WhenUnchecked};
