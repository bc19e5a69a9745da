//! Revocation: what was taken back before it expired.

use std::{borrow::Cow, fmt::Write as _, time::Duration};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use smallvec::SmallVec;

use super::{Changes, Owner, StoreError, StoreLocation};
use crate::clock::Timestamp;

/// The longest text that is kept as it is, in bytes. The key of a session of the application's own
/// always fits: a name of up to 64 bytes, a subject of up to 255, an id of 22, and what leads them.
const MAX_PLAIN_KEY: usize = 384;

/// What can be revoked of an owner: everything that makes a token worthless together with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationTarget<'a> {
    /// One token of the owner, by its `jti`.
    TokenId(&'a str),
    /// One session of the owner, by its `sid`: its access and refresh tokens.
    Session(&'a str),
    /// Everything of the owner, also what will be issued meanwhile. To end only what was issued so
    /// far, raise the owner's [epoch](RevocationStore::raise_epoch).
    Subject,
    /// Every token with a custom claim of this value, whoever its subject is: a device, a tenant,
    /// a delegation. Of the owner only the application and the issuer count.
    Claim {
        /// The name of the claim.
        name: &'a str,
        /// Its value, a string.
        value: &'a str,
    },
}

impl RevocationTarget<'_> {
    /// The name under which a backend keeps it for this owner: different for different targets, at
    /// most 384 bytes.
    #[must_use]
    pub fn key(&self, owner: &Owner<'_>) -> Cow<'static, str> {
        self.with_key(owner, |key| String::from_utf8_lossy(key).into_owned()).into()
    }

    /// Looks at the bytes of the [key](Self::key) without putting them on the heap, for backends
    /// that are asked at every request.
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
    /// Reads a [key](Self::key) back: whose it is, and what. `None` for a key that is a hash, and
    /// for anything else that is not a plain key. The owner of a [claim](Self::Claim) has no
    /// subject.
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

/// The keys of several targets of one owner, written one after the other into one buffer: what
/// they share is written once.
pub(crate) struct OwnerKeys<'a> {
    owner: &'a Owner<'a>,
    key: SmallVec<[u8; 0x200]>,
    /// How much of the buffer the targets share; 0 if the owner's name is too long for a plain
    /// key.
    shared: usize,
}

impl<'a> OwnerKeys<'a> {
    pub(crate) fn new(owner: &'a Owner<'a>) -> Self {
        let mut key = SmallVec::new();
        write_plain(&mut key, *b"sub", owner, [&owner.subject, ""]);
        Self { owner, shared: key.len(), key }
    }

    /// As [`RevocationTarget::with_key`].
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

/// Writes `kind:lengths:texts`; the lengths keep `a` with `bc` and `ab` with `c` apart. Writes
/// nothing if that is too long.
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

/// How long the lead is.
const LEAD: usize = 14;

const LENGTH_DIGITS: usize = 3;

/// Reads a length as [`length_digits`] writes it, and in no other form.
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

/// A length of up to [`MAX_PLAIN_KEY`] in hexadecimal digits.
const fn length_digits(length: usize) -> [u8; LENGTH_DIGITS] {
    const fn digit(value: usize) -> u8 {
        let [digit, ..] = (value & 0xf).to_le_bytes();
        if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
    }
    [digit(length >> 8), digit(length >> 4), digit(length)]
}

/// No plain key begins like this.
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

/// What a revocation store must know of a token to judge it.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "the store suite of other crates makes them")]
pub struct TokenFacts<'a> {
    /// To whom the token was issued.
    pub owner: Owner<'a>,
    /// What the token would be revoked by; [`RevocationTarget::Subject`] is among them.
    pub targets: &'a [RevocationTarget<'a>],
    /// The owner's epoch when the token was issued, as the token says.
    pub epoch: u64,
    /// When the token was issued.
    pub issued_at: Timestamp,
}

/// What a revocation store says of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a new verdict must be handled everywhere")]
pub enum Verdict {
    /// Nothing speaks against it.
    Good,
    /// One of its targets is revoked.
    Revoked,
    /// It is of an earlier epoch of its owner.
    OldEpoch,
    /// It was issued before the store began to remember: whether it was revoked is not known, and
    /// never will be.
    BeforeMemory,
    /// As [`BeforeMemory`](Self::BeforeMemory), but the caller's clock shows a time that lies more
    /// than five minutes before the store began to remember. One of the two clocks is wrong, or
    /// they are not the same: whoever is sent away to log in again comes back with a token that
    /// is refused too. The request is refused with 503, and the log names both clocks.
    ClocksDisagree {
        /// Since when the store remembers, by its own clock.
        remembers_since: Timestamp,
    },
}

/// How far the caller's clock may be behind the beginning of a memory before that is a fault: far
/// more than clocks that are set by the network differ.
const CLOCKS_DIFFER_BY: Duration = Duration::from_secs(5 * 60);

impl Verdict {
    /// The verdict on a token from what a store knows, in the order in which reasons are given: a
    /// token that is revoked and of an old epoch is [`Revoked`](Self::Revoked). `now` is the time
    /// of the caller.
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

/// What a store knows of a token when it gives its [`Verdict`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends make it from what they have stored")]
pub struct Known {
    /// Whether one of the token's targets is revoked.
    pub is_revoked: bool,
    /// The owner's epoch; 0 if it was never raised.
    pub epoch: u64,
    /// Since when the store remembers; `None` if it has lost that too.
    pub remembers_since: Option<Timestamp>,
}

/// The epoch after a raise: one more than before, but at least the milliseconds since 1970 of
/// `now`, and at least 1. `None` if there is no higher one.
///
/// So two raises within one second differ, and one after an entry was forgotten is still higher
/// than every epoch that a token may carry.
#[must_use]
pub fn raised_epoch(before: Option<u64>, now: Timestamp) -> Option<u64> {
    let milliseconds = u64::try_from(now.unix_seconds()).unwrap_or(0).saturating_mul(1000);
    let next = before.map_or(Some(0), |before| before.checked_add(1))?;
    Some(next.max(milliseconds).max(1))
}

/// Keeps what was revoked.
///
/// # Security
/// - An entry stays until its time has come, whatever the memory it takes: a bounded store that is
///   full refuses new entries and forgets none.
/// - What a store has lost (it was restarted empty) it must not judge. It remembers since when it
///   remembers, and a token that was issued before is [`BeforeMemory`](Verdict::BeforeMemory).
/// - A store that answers from a copy knows how old the copy is, and fails where it is older than
///   was allowed.
#[async_trait]
pub trait RevocationStore: Send + Sync + 'static {
    /// Where it keeps what it is given. By default [unknown](StoreLocation::unknown), which counts
    /// as a place that other applications can reach.
    fn location(&self) -> StoreLocation {
        StoreLocation::unknown()
    }

    /// Revokes all of these until `until` at least; one that is revoked already never ends earlier
    /// than before. All in one trip and one atomic step.
    ///
    /// A target that is revoked until `until` or later already is not written again: whoever
    /// repeats a logout adds nothing to the store.
    ///
    /// `limit` is the owner's share: the most targets that may be revoked for this owner at `now`
    /// after this call, if an act of the owner's own adds some. If there would be more, the answer
    /// is `false`, and nothing has changed; so it is if a bounded store has no room for such acts.
    /// The caller then [raises the epoch](Self::raise_epoch), which always takes one place. A
    /// target that is revoked already takes no further place, so that a call in which all are is
    /// `true` also where the share is full. [Claims](RevocationTarget::Claim) are nobody's and are
    /// not counted.
    ///
    /// Without a `limit` the answer is always `true`: what an administrator revokes finds room as
    /// long as there is any at all.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether all are revoked.
    async fn revoke(
        &self,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
        limit: Option<usize>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Judges a token by all its targets and its epoch, in one trip at most, as [`Verdict::of`]
    /// says.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be judged.
    async fn check(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<Verdict, StoreError>;

    /// [Judges](Self::check) several tokens, which need not have the same owner. There are as many
    /// verdicts, in the same order. For what stays open: it is asked about at most 500 at a time.
    ///
    /// By default one after the other. A store that is asked over a network answers in one trip.
    ///
    /// # Errors
    /// [`StoreError`] if one of them cannot be judged.
    async fn check_all(&self, tokens: &[TokenFacts<'_>], now: Timestamp) -> Result<Vec<Verdict>, StoreError> {
        let mut verdicts = Vec::with_capacity(tokens.len());
        for token in tokens {
            verdicts.push(self.check(token, now).await?);
        }
        Ok(verdicts)
    }

    /// What changes from now on, as it happens: all that could make a [verdict](Self::check)
    /// another, also what other instances have revoked. Told after this store's verdict is the
    /// new one.
    ///
    /// `None`, the default, where the store does not hear of it: then it is
    /// [asked](Self::check_all) now and again about everything that stays open.
    fn changes(&self) -> Option<Changes> {
        None
    }

    /// The epoch of an owner, which new tokens are to carry; 0 if it was never raised, or
    /// forgotten after its time. Never from a copy.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    async fn epoch(&self, owner: &Owner<'_>, now: Timestamp) -> Result<u64, StoreError>;

    /// Raises the epoch of an owner to its [successor](raised_epoch), so that everything issued
    /// with an earlier one is refused, and returns the new one. It is remembered until `until`,
    /// which lies after the end of everything that was issued so far.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether it was raised.
    async fn raise_epoch(
        &self,
        owner: &Owner<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u64, StoreError>;

    /// [Raises the epoch](Self::raise_epoch) of an owner who is to be forgotten, and in the same
    /// step deletes the revocations of the owner's tokens and sessions that the entry of the epoch
    /// outlasts: every token that they stand for is of an earlier epoch. That of the
    /// [subject](RevocationTarget::Subject) stays.
    ///
    /// By default it raises the epoch, and the others are forgotten after their time, which is the
    /// end of the last token that they stand for.
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
        // Whoever looks for it finds it under the key that it was written with.
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
