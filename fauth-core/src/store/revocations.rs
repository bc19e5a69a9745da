//! Revocation: tokens, sessions and subjects that were revoked before they expired.

use std::{borrow::Cow, fmt::Write as _, time::Duration};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use smallvec::SmallVec;

use super::{Changes, Owner, StoreError, StoreLocation};
use crate::clock::Timestamp;

/// The longest key that is stored in plain text, in bytes. The key of one of the application's own
/// sessions always fits: a name of up to 64 bytes, a subject of up to 255, an id of 22, and the
/// lead.
const MAX_PLAIN_KEY: usize = 384;

/// What can be revoked for an owner. Each target invalidates all tokens that refer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationTarget<'a> {
    /// A single token of the owner, by its `jti`.
    TokenId(&'a str),
    /// A session of the owner, by its `sid`: its access and refresh tokens.
    Session(&'a str),
    /// All tokens of the owner, including those issued while the revocation lasts. To end only what
    /// was issued so far, raise the owner's [epoch](RevocationStore::raise_epoch).
    Subject,
    /// Every token with a custom claim of this value, for any subject: a device, a tenant, a
    /// delegation. Of the owner, only the application and the issuer count.
    Claim {
        /// The name of the claim.
        name: &'a str,
        /// The value of the claim, a string.
        value: &'a str,
    },
}

impl RevocationTarget<'_> {
    /// The key under which a backend stores the target for this owner. Different targets have
    /// different keys; a key has at most 384 bytes.
    #[must_use]
    pub fn key(&self, owner: &Owner<'_>) -> Cow<'static, str> {
        self.with_key(owner, |key| String::from_utf8_lossy(key).into_owned()).into()
    }

    /// Passes the bytes of the [key](Self::key) to a closure without allocating, for backends that
    /// are asked at every request.
    pub fn with_key<T>(&self, owner: &Owner<'_>, look: impl FnOnce(&[u8]) -> T) -> T {
        let subject = &*owner.subject;
        match *self {
            Self::TokenId(id) => with_key(*b"jti", owner, [subject, id], look),
            Self::Session(id) => with_key(*b"sid", owner, [subject, id], look),
            Self::Subject => with_key(*b"sub", owner, [subject, ""], look),
            Self::Claim { name, value } => with_key(*b"clm", owner, [name, value], look),
        }
    }
}

impl<'a> RevocationTarget<'a> {
    /// Parses a [key](Self::key) into its owner and target. `None` for a hashed key, and for
    /// anything else that is not a plain key. The owner of a [claim](Self::Claim) has no subject.
    ///
    /// ```
    /// use fauth_core::store::{Owner, RevocationTarget};
    ///
    /// let (owner, target) = (Owner::new("shop", "", "alice"), RevocationTarget::TokenId("t1"));
    /// assert_eq!(RevocationTarget::parse(&target.key(&owner)), Some((owner, target)));
    /// ```
    #[must_use]
    pub fn parse(key: &'a str) -> Option<(Owner<'a>, Self)> {
        if key.len() > MAX_PLAIN_KEY {
            return None;
        }
        let (lead, texts) = key.split_at_checked(LEAD)?;
        let (kind, lengths) = lead.strip_suffix(':')?.split_once(':')?;
        let mut rest = texts;
        let mut lengths = lengths.as_bytes().chunks_exact(LENGTH_DIGITS);
        let mut next = || {
            let (text, others) = rest.split_at_checked(parse_length(lengths.next()?)?)?;
            rest = others;
            Some(text)
        };
        let (application, issuer, first) = (next()?, next()?, next()?);
        let owned = |target| Some((Owner::new(application, issuer, first), target));
        match (kind, rest) {
            ("jti", id) => owned(Self::TokenId(id)),
            ("sid", id) => owned(Self::Session(id)),
            ("sub", "") => owned(Self::Subject),
            ("clm", value) => Some((Owner::new(application, issuer, ""), Self::Claim { name: first, value })),
            _ => None,
        }
    }
}

/// The keys of several targets of one owner, written one after another into one buffer. The part
/// that they share is written once.
pub(crate) struct OwnerKeys<'a> {
    owner: &'a Owner<'a>,
    key: SmallVec<[u8; 0x200]>,
    /// The length of the prefix that the targets share; 0 if the owner's name is too long for a
    /// plain key.
    shared: usize,
}

impl<'a> OwnerKeys<'a> {
    pub(crate) fn new(owner: &'a Owner<'a>) -> Self {
        let mut key = SmallVec::new();
        write_plain(&mut key, *b"sub", owner, [&owner.subject, ""]);
        Self { owner, shared: key.len(), key }
    }

    /// Like [`RevocationTarget::with_key`].
    pub(crate) fn with_key<T>(&mut self, target: &RevocationTarget<'_>, look: impl FnOnce(&[u8]) -> T) -> T {
        let (kind, id) = match *target {
            RevocationTarget::TokenId(id) => (*b"jti", id),
            RevocationTarget::Session(id) => (*b"sid", id),
            RevocationTarget::Subject => (*b"sub", ""),
            RevocationTarget::Claim { .. } => return target.with_key(self.owner, look),
        };
        if self.shared == 0 || self.shared + id.len() > MAX_PLAIN_KEY {
            return target.with_key(self.owner, look);
        }
        self.key.truncate(self.shared);
        if let Some(lead) = self.key.first_chunk_mut() {
            *lead = kind;
        }
        self.key.extend_from_slice(id.as_bytes());
        look(&self.key)
    }
}

fn with_key<T>(kind: [u8; 3], owner: &Owner<'_>, texts: [&str; 2], look: impl FnOnce(&[u8]) -> T) -> T {
    let mut key = SmallVec::new();
    write_plain(&mut key, kind, owner, texts);
    if key.is_empty() { look(hashed(kind, owner, texts).as_bytes()) } else { look(&key) }
}

/// Writes `kind:lengths:texts`. The lengths distinguish `a`, `bc` from `ab`, `c`. Writes nothing if
/// the key would be too long.
fn write_plain(
    key: &mut SmallVec<[u8; 0x200]>,
    kind: [u8; 3],
    owner: &Owner<'_>,
    [first, second]: [&str; 2],
) {
    let (application, issuer) = (owner.application.as_bytes(), owner.issuer.as_bytes());
    let (first, second) = (first.as_bytes(), second.as_bytes());
    let lead = lead(kind, [application.len(), issuer.len(), first.len()]);
    if lead.len() + application.len() + issuer.len() + first.len() + second.len() > MAX_PLAIN_KEY {
        return;
    }
    key.extend_from_slice(&lead);
    for part in [application, issuer, first, second] {
        if !part.is_empty() {
            key.extend_from_slice(part);
        }
    }
}

/// The kind and the lengths, with their colons.
fn lead(kind: [u8; 3], lengths: [usize; 3]) -> [u8; LEAD] {
    let mut lead = *b"...:.........:";
    let [kind_at @ .., _, _, _, _, _, _, _, _, _, _, _] = &mut lead;
    *kind_at = kind;
    if let Some((_, digits)) = lead.split_first_chunk_mut::<4>() {
        for (place, length) in digits.chunks_exact_mut(LENGTH_DIGITS).zip(lengths) {
            place.copy_from_slice(&length_digits(length));
        }
    }
    lead
}

/// The length of the lead in bytes.
const LEAD: usize = 14;

const LENGTH_DIGITS: usize = 3;

/// Parses a length as written by [`length_digits`], and no other form.
fn parse_length(digits: &[u8]) -> Option<usize> {
    digits.iter().try_fold(0, |length, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(length * 16 + usize::from(value))
    })
}

/// A length of up to [`MAX_PLAIN_KEY`], in hexadecimal digits.
const fn length_digits(length: usize) -> [u8; LENGTH_DIGITS] {
    const fn digit(value: usize) -> u8 {
        let [digit, ..] = (value & 0xf).to_le_bytes();
        if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
    }
    [digit(length >> 8), digit(length >> 4), digit(length)]
}

/// The key of a target whose plain key would be too long. No plain key begins with `sha256:`.
fn hashed(kind: [u8; 3], owner: &Owner<'_>, [first, second]: [&str; 2]) -> String {
    let mut hash = Sha256::new_with_prefix(kind);
    for part in [&*owner.application, &*owner.issuer, first, second] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().fold("sha256:".to_owned(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The facts about a token that a revocation store needs to check it.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "the store test suite in another crate constructs them")]
pub struct TokenFacts<'a> {
    /// The subject that the token was issued for.
    pub owner: Owner<'a>,
    /// The targets whose revocation invalidates the token, always including
    /// [`RevocationTarget::Subject`].
    pub targets: &'a [RevocationTarget<'a>],
    /// The owner's epoch when the token was issued, as carried by the token.
    pub epoch: u64,
    /// When the token was issued.
    pub issued_at: Timestamp,
}

/// The result of checking a token against a revocation store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a new verdict must be handled everywhere")]
pub enum Verdict {
    /// Not revoked.
    Good,
    /// One of its targets is revoked.
    Revoked,
    /// The token belongs to an earlier epoch of its owner.
    OldEpoch,
    /// The token was issued before the store's memory begins, so whether it was revoked is unknown
    /// and cannot be found out.
    BeforeMemory,
    /// Like [`BeforeMemory`](Self::BeforeMemory), but the caller's clock is more than five minutes
    /// behind the time at which the store's memory begins. One of the two clocks is wrong. Logging
    /// in again would not help, because the new token would be refused too. The request is refused
    /// with 503, and the log names both times.
    ClocksDisagree {
        /// When the store's memory begins, by its own clock.
        remembers_since: Timestamp,
    },
}

/// How far the caller's clock may lag behind the beginning of the memory before that counts as a
/// fault: far more than the difference between clocks synchronised over the network.
const CLOCKS_DIFFER_BY: Duration = Duration::from_secs(5 * 60);

impl Verdict {
    /// Decides about a token from what a store knows of it. The reasons have an order: a token that
    /// is revoked and belongs to an old epoch is [`Revoked`](Self::Revoked). `now` is the caller's
    /// time.
    #[must_use]
    pub fn of(token: &TokenFacts<'_>, known: &Known, now: Timestamp) -> Self {
        if known.is_revoked {
            return Self::Revoked;
        }
        if token.epoch < known.epoch {
            return Self::OldEpoch;
        }
        match known.remembers_since {
            Some(since) if token.issued_at >= since => Self::Good,
            Some(since) if since.since(now) > CLOCKS_DIFFER_BY => {
                Self::ClocksDisagree { remembers_since: since }
            }
            _ => Self::BeforeMemory,
        }
    }
}

/// What a store knows about a token when it computes the [`Verdict`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends construct it from stored data")]
pub struct Known {
    /// Whether one of the token's targets is revoked.
    pub is_revoked: bool,
    /// The owner's epoch; 0 if it was never raised.
    pub epoch: u64,
    /// When the store's memory begins; `None` if the store has lost that too.
    pub remembers_since: Option<Timestamp>,
}

/// Computes the epoch after a raise: one more than before, but at least the milliseconds since 1970
/// at `now`, and at least 1. `None` if there is no higher epoch.
///
/// Two raises within one second therefore differ, and an epoch raised after its entry was deleted
/// is still higher than every epoch that a token may carry.
#[must_use]
pub fn raised_epoch(before: Option<u64>, now: Timestamp) -> Option<u64> {
    let milliseconds = u64::try_from(now.unix_seconds()).unwrap_or(0).saturating_mul(1000);
    let next = before.map_or(Some(0), |before| before.checked_add(1))?;
    Some(next.max(milliseconds).max(1))
}

/// A store of revocations and epochs.
///
/// # Security
/// - An entry stays until its time has passed, however much memory that takes: a bounded store that
///   is full refuses new entries and drops none.
/// - A store must not judge tokens whose revocation it may have lost, for example in a restart with
///   an empty memory. It records when its memory begins; a token issued before that is
///   [`BeforeMemory`](Verdict::BeforeMemory).
/// - A store that answers from a copy (a mirror) knows the age of the copy, and fails if it is
///   older than allowed.
#[async_trait]
pub trait RevocationStore: Send + Sync + 'static {
    /// Where the store keeps its data. [Unknown](StoreLocation::unknown) by default, which counts
    /// as a place that other applications can reach.
    fn location(&self) -> StoreLocation {
        StoreLocation::unknown()
    }

    /// Revokes all of the targets at least until `until`. A target that is already revoked never
    /// becomes valid earlier than before. Takes one round trip and one atomic step.
    ///
    /// A target that is already revoked until `until` or later is not written again, so repeating a
    /// logout adds nothing to the store.
    ///
    /// `limit` is the owner's share, and is given for actions of the owner: the maximum number of
    /// targets that may be revoked for this owner at `now` after a call that adds some. If there
    /// would be more, the result is `false` and nothing has changed; the same holds if a bounded
    /// store has no room for such actions. The caller then [raises the epoch](Self::raise_epoch),
    /// which always takes a single entry. A target that is already revoked takes no further place,
    /// so a call whose targets are all revoked returns `true` even if the share is used up.
    /// [Claims](RevocationTarget::Claim) belong to no owner and are not counted.
    ///
    /// Without a `limit` the result is always `true`: a revocation by an administrator finds room
    /// as long as the store has any.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether all targets are revoked.
    async fn revoke(
        &self,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
        limit: Option<usize>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Checks a token against all its targets and its epoch, as [`Verdict::of`] defines. Takes at
    /// most one round trip.
    ///
    /// # Errors
    /// [`StoreError`] if the token cannot be checked.
    async fn check(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<Verdict, StoreError>;

    /// Checks several tokens, as [`check`](Self::check) does, and returns one verdict for each, in
    /// the same order. The tokens may have different owners. Used for open connections, with at
    /// most 500 tokens per call.
    ///
    /// The default implementation checks them one after another. A store in the network answers in
    /// one round trip.
    ///
    /// # Errors
    /// [`StoreError`] if one of the tokens cannot be checked.
    async fn check_all(&self, tokens: &[TokenFacts<'_>], now: Timestamp) -> Result<Vec<Verdict>, StoreError> {
        let mut verdicts = Vec::with_capacity(tokens.len());
        for token in tokens {
            verdicts.push(self.check(token, now).await?);
        }
        Ok(verdicts)
    }

    /// Subscribes to changes from now on: every change that may alter a [verdict](Self::check),
    /// including revocations by other instances. A change is announced once this store's verdict
    /// reflects it.
    ///
    /// `None`, the default, if the store does not learn of changes. The provider then
    /// [checks](Self::check_all) all open connections at intervals.
    fn changes(&self) -> Option<Changes> {
        None
    }

    /// Returns the owner's epoch, which new tokens carry; 0 if it was never raised, or was deleted
    /// after its time. Never answered from a copy.
    ///
    /// # Errors
    /// [`StoreError`] if the epoch cannot be read.
    async fn epoch(&self, owner: &Owner<'_>, now: Timestamp) -> Result<u64, StoreError>;

    /// Raises the owner's epoch to its [successor](raised_epoch) and returns the new one.
    /// Everything issued with an earlier epoch is refused from then on. The epoch is kept until
    /// `until`, which lies after the expiry of everything issued so far.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether the epoch was raised.
    async fn raise_epoch(
        &self,
        owner: &Owner<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u64, StoreError>;

    /// [Raises the epoch](Self::raise_epoch) of an owner whose data is erased. In the same step,
    /// deletes the revocations of the owner's tokens and sessions that end no later than the entry
    /// of the epoch: every token that they apply to belongs to an earlier epoch. The revocation of
    /// the [subject](RevocationTarget::Subject) stays.
    ///
    /// The default implementation raises the epoch; the revocations are deleted after their time,
    /// which is the expiry of the last token that they apply to.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether the epoch was raised.
    async fn forget(&self, owner: &Owner<'_>, now: Timestamp, until: Timestamp) -> Result<u64, StoreError> {
        self.raise_epoch(owner, now, until).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn different_targets_have_different_keys() {
        let long = "x".repeat(MAX_PLAIN_KEY);
        let alice = Owner::new("shop", "", "alice");
        let owners = [
            alice.clone(),
            Owner::new("staff", "", "alice"),
            Owner::new("shop", "", "bob"),
            Owner::new("shop", "https://issuer.example", "alice"),
            Owner::new("shopa", "", "lice"),
            Owner::new("shop", "a", "lice"),
            Owner::new("shop", "", &long),
        ];
        let targets = [
            RevocationTarget::TokenId("a"),
            RevocationTarget::Session("a"),
            RevocationTarget::Session(&long),
            RevocationTarget::TokenId(&long),
            RevocationTarget::Subject,
        ];
        let mut keys = HashSet::new();
        for owner in &owners {
            for target in &targets {
                assert!(target.with_key(owner, |key| key == target.key(owner).as_bytes()), "{target:?}");
                let mut written = OwnerKeys::new(owner);
                for target in targets.iter().chain([target]) {
                    assert!(
                        written.with_key(target, |key| key == target.key(owner).as_bytes()),
                        "{target:?}"
                    );
                }
                assert!(keys.insert(target.key(owner)), "{owner:?} {target:?}");
            }
        }
        let claims = [("a", "b:c"), ("a:b", "c"), ("a", "bc"), ("ab", "c"), (&long, ""), ("", &long)];
        for (name, value) in claims {
            let claim = RevocationTarget::Claim { name, value };
            assert!(keys.insert(claim.key(&alice)), "{name} {value}");
            assert_eq!(claim.key(&alice), claim.key(&Owner::new("shop", "", "bob")), "whoever has it");
            assert!(keys.insert(claim.key(&Owner::new("staff", "", "alice"))), "another application");
        }
        assert!(keys.iter().all(|key| key.len() <= MAX_PLAIN_KEY));
    }

    #[test]
    fn the_longest_plain_key_is_kept_and_one_more_is_hashed() {
        let owner = Owner::new("shop", "", "");
        let fits = "x".repeat(MAX_PLAIN_KEY - "sid:004000000:shop".len());
        let key = |id: &str| RevocationTarget::Session(id).key(&owner);
        assert_eq!(key(&fits), format!("sid:004000000:shop{fits}"));
        assert!(key(&format!("{fits}x")).starts_with("sha256:"));
        let plain = key(&fits);
        let target = RevocationTarget::Session(&fits);
        assert_eq!(RevocationTarget::parse(&plain), Some((owner.clone(), target)));
        assert_eq!(RevocationTarget::parse(&format!("{plain}x")), None, "no store has such a key");
        // A lookup uses the key under which it was stored.
        for end in ["", "x", "xx"] {
            let id = format!("{fits}{end}");
            for id in [&id[1..], &id] {
                let target = RevocationTarget::Session(id);
                let found =
                    OwnerKeys::new(&owner).with_key(&target, |key| key == target.key(&owner).as_bytes());
                assert!(found, "{}", id.len());
            }
        }
    }

    /// The longest that there are: a mirror must find the session of every revocation that it
    /// writes back.
    #[test]
    fn the_key_of_every_session_of_an_application_can_be_read_back() {
        let id = crate::store::SessionId::from_random([0xff; 16]);
        let (application, subject) = ("a".repeat(64), "ä".repeat(127) + "x");
        let longest = Owner::new(&application, "", &subject);
        assert_eq!(longest.subject.len(), 255);
        let owners = [
            longest,
            Owner::new("shop", "", "a"),
            Owner::new("", "", ""),
            Owner::new("a", "https://b", "日本"),
        ];
        for owner in &owners {
            for target in [
                RevocationTarget::Session(id.as_str()),
                RevocationTarget::Session(""),
                RevocationTarget::TokenId("sid:000000000:"),
                RevocationTarget::Subject,
            ] {
                let key = target.key(owner);
                assert_eq!(RevocationTarget::parse(&key), Some((owner.clone(), target)), "{key}");
            }
        }
        let claim = RevocationTarget::Claim { name: "device", value: "d:1" };
        let key = claim.key(&owners[1]);
        assert_eq!(RevocationTarget::parse(&key), Some((Owner::new("shop", "", ""), claim)));
    }

    #[test]
    fn what_is_no_plain_key_is_not_read() {
        let long = "x".repeat(400);
        let hashed = RevocationTarget::Session(&long).key(&Owner::new("shop", "", "alice"));
        let too_long = format!("sid:004000005:shopalice{long}");
        for key in [
            &*hashed,
            &too_long,
            "",
            "sid:004000005",
            "sid:004000005:shopalic",
            "sid:00400000A:shopalice     x",
            "sid:+04000005:shopalicex",
            "sid:00400000é:shopalice",
            "sid-004000005:shopalicex",
            "sid:004000005-shopalicex",
            "xyz:004000005:shopalicex",
            "sub:004000005:shopalicex",
            "sid:001000000:é",
            "sidé00400000:shopalicex",
        ] {
            assert_eq!(RevocationTarget::parse(key), None, "{key}");
        }
    }

    #[test]
    fn verdicts_are_given_in_this_order() {
        let at = Timestamp::from_unix_seconds;
        let owner = Owner::new("shop", "", "alice");
        let token = TokenFacts { owner, targets: &[], epoch: 5, issued_at: at(100) };
        let table = [
            // revoked, epoch, remembers since: the verdict
            (true, 6, None, Verdict::Revoked),
            (true, 5, Some(100), Verdict::Revoked),
            (false, 6, None, Verdict::OldEpoch),
            (false, 6, Some(100), Verdict::OldEpoch),
            (false, 5, None, Verdict::BeforeMemory),
            (false, 5, Some(101), Verdict::BeforeMemory),
            (false, 5, Some(100), Verdict::Good),
            (false, 0, Some(0), Verdict::Good),
        ];
        for (is_revoked, epoch, since, expected) in table {
            let known = Known { is_revoked, epoch, remembers_since: since.map(at) };
            assert_eq!(Verdict::of(&token, &known, at(200)), expected, "{known:?}");
        }
    }

    /// Whole seconds and clocks that differ a little are no fault; a clock that is far behind is,
    /// unless the token is refused for another reason, or is good.
    #[test]
    fn a_clock_that_is_far_behind_the_memory_is_noticed() {
        let at = Timestamp::from_unix_seconds;
        let since = at(10_000);
        let facts = |issued_at: i64| TokenFacts {
            owner: Owner::new("shop", "", "alice"),
            targets: &[],
            epoch: 5,
            issued_at: at(issued_at),
        };
        let known = Known { is_revoked: false, epoch: 0, remembers_since: Some(since) };
        let disagree = Verdict::ClocksDisagree { remembers_since: since };
        for (now, expected) in [
            (10_001, Verdict::BeforeMemory),
            (9_999, Verdict::BeforeMemory),
            (9_970, Verdict::BeforeMemory),
            (9_700, Verdict::BeforeMemory),
            (9_699, disagree),
            (-5, disagree),
        ] {
            assert_eq!(Verdict::of(&facts(9_000), &known, at(now)), expected, "{now}");
            assert_eq!(Verdict::of(&facts(10_000), &known, at(now)), Verdict::Good, "{now}");
            let revoked = Known { is_revoked: true, ..known };
            assert_eq!(Verdict::of(&facts(9_000), &revoked, at(now)), Verdict::Revoked, "{now}");
            let raised = Known { epoch: 6, ..known };
            assert_eq!(Verdict::of(&facts(9_000), &raised, at(now)), Verdict::OldEpoch, "{now}");
            let lost = Known { remembers_since: None, ..known };
            assert_eq!(Verdict::of(&facts(9_000), &lost, at(now)), Verdict::BeforeMemory, "{now}");
        }
    }

    #[test]
    fn an_epoch_is_raised_above_every_other() {
        let at = Timestamp::from_unix_seconds;
        assert_eq!(raised_epoch(None, at(5)), Some(5000));
        assert_eq!(raised_epoch(Some(5000), at(5)), Some(5001));
        assert_eq!(raised_epoch(Some(9000), at(5)), Some(9001), "also where the clock went back");
        assert_eq!(raised_epoch(None, at(-5)), Some(1));
        assert_eq!(raised_epoch(Some(u64::MAX), at(5)), None);
    }
}
