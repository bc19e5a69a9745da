//! Passwords: hashed for storage, verified at login, never on an async worker and never without a bound.
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
//! // An unknown user takes as long as a wrong password, and is told the same.
//! let answer = hasher.verify("correct horse battery staple", None).await?;
//! assert_eq!(answer, Verification::Mismatch);
//! # Ok(())
//! # }
//! ```
//!
//! | type | what it is |
//! |---|---|
//! | [`PasswordConfig`] | scheme and cost of new hashes, and every limit; checked when the hasher is made |
//! | [`PasswordHasher`] | hashes and verifies; clone it freely |
//! | [`OnBehalfOf`] | for whom: who is next while the hasher is busy |
//! | [`Verification`] | the answer about a password |
//! | [`PasswordError`] | why there is no answer: too busy, or the hasher broke |
//! | [`PasswordPolicy`], [`NewPassword`] | which new passwords are accepted; [`Blocklist`], [`BreachCheck`] |
//! | [`PasswordScheme`] | a scheme of your own, for the hashes of an old system |
//!
//! # Which stored hashes are read
//!
//! | scheme | strings | bounds |
//! |---|---|---|
//! | Argon2 | `$argon2id$`, `$argon2i$`, `$argon2d$` with `v=19`, `v=16` or no version (which means 16) | parameters under the ceilings, salt 8 to 64 bytes, hash 16 to 64 bytes, fields in the order `m,t,p`, no `keyid` and no `data` |
//! | bcrypt | `$2a$`, `$2b$`, `$2y$` | cost under the ceiling, passwords of up to 72 bytes |
//! | one of these, with a [pepper](PasswordConfig::pepper) | `$fauth-pepper$v=1,k=2026$argon2id$…` | the pepper is configured |
//! | your own | what a [`PasswordScheme`] recognizes | 512 bytes |
//!
//! With the feature `foreign-hashes`:
//!
//! | system | strings | bounds |
//! |---|---|---|
//! | werkzeug | `scrypt:N:r:p$salt$hex`, `pbkdf2:DIGEST:ROUNDS$salt$hex` with `sha1`, `sha256`, `sha512` | in full, without what older versions left out |
//! | Django | `pbkdf2_sha256$`, `pbkdf2_sha1$`, `scrypt$`, `argon2$`, `bcrypt$`, `bcrypt_sha256$` | |
//! | passlib | `$pbkdf2$`, `$pbkdf2-sha256$`, `$pbkdf2-sha512$`, `$bcrypt-sha256$` of both versions | |
//! | Spring Security | `{bcrypt}`, `{argon2}`, `{scrypt}`, `{pbkdf2}`, and the last three with `@SpringSecurity_v5_8` | encoders with their default settings and no secret |
//! | PHC | `$scrypt$ln=,r=,p=`, `$pbkdf2$i=`, `$pbkdf2-sha256$i=`, `$pbkdf2-sha512$i=`, with `l=` or without | hash 16 to 64 bytes |
//!
//! scrypt: memory and parallelism under `scrypt_ceiling`, r up to 32. PBKDF2: rounds under
//! `pbkdf2_ceiling`. Salts have 4 to 64 bytes, hashes the length that the system
//! gives them. All of these ask for a new hash at the next login.
//!
//! `$2$` and `$2x$` are refused: both names stand for faulty implementations. So are passwords in
//! plain text (`{noop}`) and plain digests. Everything else is an unusable hash. It never matches,
//! costs as much as a wrong password, and leaves one record at the target `fauth` that names the
//! problem, with the keyed hash of the identifier that was typed, but not the hash. A hasher names
//! 4096 of them and then falls silent.
//!
//! # How long an answer takes
//!
//! An unknown user, a user without a password, and one with an unusable hash cost one verification
//! of a dummy with the scheme and cost of new hashes. A wrong password costs one verification of
//! the stored hash. That is the same only for hashes as they are made now: while there are older
//! ones, [`equalise_with`](PasswordConfig::equalise_with) makes every login, whoever it is and
//! whatever comes out, one of a new hash and one of an old hash. It cannot know hashes of a third
//! cost, nor the work of a scheme of your own.
//!
//! # Defaults
//!
//! | setting | default | why |
//! |---|---|---|
//! | new hashes | Argon2id, 19456 KiB, 2 passes, 1 lane | the minimum that OWASP recommends |
//! | longest password | 1024 bytes | room for any passphrase; longer ones only cost time |
//! | hashes at once | one for each core | more would only slow each other and the service |
//! | waiting hashes | 64, for at most 3 s | a burst is served, a flood is shed with 503 |
//! | of them for each address | all, while no other address waits | one that floods does not lock the others out |
//! | for users who are logged in | 16 more, and one turn of four | a flood of logins does not keep them from changing their password |
//! | Unicode form | as it came | `PasswordConfig::nfc` (feature `nfc`) makes it one, and has to be decided before the first user |
//! | ceiling on stored Argon2 | 262144 KiB, 16 passes, 16 lanes | a planted hash cannot exhaust the machine |
//! | ceiling on stored bcrypt | cost 16 | cost 31 would occupy a core for a day |
//! | ceiling on stored scrypt | 262144 KiB, p 16 | the same memory as for Argon2 |
//! | ceiling on stored PBKDF2 | 10000000 rounds | ten times what is recommended, some seconds |
//! | pepper | none | a key has to be kept, and its loss is that of all passwords |
//! | policy for new passwords | [`PasswordPolicy::new`], where a provider hashes them | what NIST and OWASP ask for: 15 characters, no rule about their kinds |
//!
//! # Seventy-two bytes
//!
//! bcrypt reads 72 bytes of key, of which the last is a terminating NUL when the password is shorter. Cutting a
//! longer password off would let everything with the same beginning in, so nothing here ever cuts:
//!
//! - [`hash`](PasswordHasher::hash) takes up to **71** bytes, so that the whole password and its terminator count.
//! - [`verify`](PasswordHasher::verify) also honours a stored hash of exactly **72** bytes, because other systems
//!   accept that many and their users must be able to sign in. From 73 on the answer is
//!   [`Mismatch`](Verification::Mismatch), after the work of a full verification.
//!
//! A system that used to cut passwords off leaves hashes which only the first 72 bytes match. Their owners cannot
//! sign in with the longer password and have to set a new one.
//!
//! With a [pepper](PasswordConfig::pepper) none of this applies: bcrypt gets 43 characters,
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
