//! The names of all keys.
//!
//! - `{fauth:417}:…` is what owners of bucket 417 have. The braces are the hash tag of a cluster:
//!   the slot follows from the namespace and [`Owner::bucket`] alone, and the rest of a name says
//!   whose it is, as [`Owner::digest`] in hexadecimal.
//! - Sessions of one owner are **one** hash of id and packed record, so that ending all of them,
//!   or those above the limit, touches no key that a script learns only on its way. Tombstones are
//!   a sorted set beside it, and payloads a hash of their own, so that nobody reads them who wants
//!   to know the sessions.
//! - One-time tokens of one owner are one sorted set. API keys have a key each, found by the id
//!   alone, and a sorted set of ids for each owner. Only API keys say in clear whose they are:
//!   everything else is always asked for by its owner.
//! - `{fauth:r}:…` is all that is revoked, of all owners: few entries, which every mirror reads as
//!   a whole.
//! - What owners have leaves by itself: every key has an end, that of the longest entry in it.
//!   What is revoked has none, so that a server that evicts what has an end does not take it.
//!   Only the stream has one: a mirror that misses it reads everything anew.
//! - `{fauth:r}:share:…` is what is revoked for one owner, so that its share can be counted. It
//!   may be lost: then the count begins anew.
//! - Records of attempts to log in, and counters of rate limits, are a key each, in the bucket that
//!   their own name gives.
//! - Entries that are over leave with later writes.

use redis::{Pipeline, Script};

use super::step::{Step, hexadecimal};
use crate::{
    clock::Timestamp,
    store::{ApiKeyId, Owner},
};

/// The names of one namespace.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) namespace: String,
    pub(super) revocations: RevocationNames,
}

/// The keys of the revocations.
#[derive(Debug)]
pub(super) struct RevocationNames {
    /// The id of this memory, since when it lasts, and the number of the last change. Each of the
    /// sorted sets has a member that names it: losing one of them is losing the memory.
    pub(super) memory: String,
    /// There is never anything here. Only a master lets its time to live be set.
    pub(super) nothing: String,
    /// The stream of changes, which mirrors read.
    pub(super) changes: String,
    sets: [String; 3],
    share: String,
}

/// The names in the slot of a bucket.
pub(super) struct BucketNames {
    prefix: String,
}

/// The names of what one owner has.
pub(super) struct OwnerNames {
    bucket: BucketNames,
    digest: String,
}

impl Names {
    pub(super) fn new(namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), revocations: RevocationNames::new(namespace) }
    }

    /// A key that every namespace of the layouts before this one has. In the first all keys had one
    /// slot and no owner; in the second the keys of the revocations did not vouch for each other.
    pub(super) fn of_old_layouts(&self) -> [String; 2] {
        ["", ":r"].map(|slot| format!("{{{}{slot}}}:generation", self.namespace))
    }

    pub(super) fn owner(&self, owner: &Owner<'_>) -> OwnerNames {
        OwnerNames { bucket: self.bucket(owner.bucket()), digest: hexadecimal(&owner.digest()) }
    }

    pub(super) fn bucket(&self, bucket: u16) -> BucketNames {
        BucketNames { prefix: format!("{{{}:{bucket}}}", self.namespace) }
    }
}

impl RevocationNames {
    fn new(namespace: &str) -> Self {
        let name = |rest| format!("{{{namespace}:r}}:{rest}");
        Self {
            memory: name("memory"),
            nothing: name("nothing"),
            changes: name("changes"),
            share: name("share"),
            sets: ["revoked", "epochs", "epoch-ends"].map(name),
        }
    }

    /// The script that begins a memory.
    pub(super) fn begin(&self, script: &'static Script) -> Step {
        let mut step = Step::new(script);
        step.key(&self.nothing).key(&self.memory).key(&self.sets).key(&self.changes);
        step
    }

    /// A script on revocations, with their keys and the present.
    pub(super) fn step(&self, script: &'static Script, now: Timestamp) -> Step {
        let mut step = self.begin(script);
        step.time(now);
        step
    }

    /// The share of an owner.
    pub(super) fn share(&self, owner: &Owner<'_>) -> String {
        format!("{}:{}", self.share, hexadecimal(&owner.digest()))
    }

    /// Asks for the marks of a memory in the sorted sets.
    pub(super) fn ask_for_marks(&self, memory: &str, pipe: &mut Pipeline) {
        for set in &self.sets {
            pipe.cmd("ZSCORE").arg(set).arg(format!("memory:{memory}"));
        }
    }
}

impl BucketNames {
    /// A script whose keys lie in this bucket.
    pub(super) fn step(&self, script: &'static Script) -> Step {
        let mut step = Step::new(script);
        step.key(self.name("nothing"));
        step
    }

    pub(super) fn api_key(&self, id: &ApiKeyId) -> String {
        self.name(&format!("api-key:{id}"))
    }

    /// The counter of a rate limit, by the digest of its key.
    pub(super) fn counter(&self, digest: &[u8]) -> String {
        self.name(&format!("limit:{}", hexadecimal(digest)))
    }

    /// A record of attempts to log in.
    pub(super) fn throttle(&self, name: &[u8]) -> String {
        self.name(&format!("throttle:{}", hexadecimal(name)))
    }

    fn name(&self, rest: &str) -> String {
        format!("{}:{rest}", self.prefix)
    }
}

impl OwnerNames {
    /// A script on what this owner has.
    pub(super) fn step(&self, script: &'static Script) -> Step {
        self.bucket.step(script)
    }

    /// A script on this owner's sessions, with the present.
    pub(super) fn sessions_step(&self, script: &'static Script, now: Timestamp) -> Step {
        let mut step = self.step(script);
        step.key(self.sessions()).key(self.tombstones()).key(self.payloads()).time(now);
        step
    }

    fn sessions(&self) -> String {
        self.name("sessions")
    }

    fn tombstones(&self) -> String {
        self.name("tombstones")
    }

    fn payloads(&self) -> String {
        self.name("payloads")
    }

    pub(super) fn one_times(&self) -> String {
        self.name("one-times")
    }

    pub(super) fn api_keys(&self) -> String {
        self.name("api-keys")
    }

    pub(super) fn api_key(&self, id: &ApiKeyId) -> String {
        self.bucket.api_key(id)
    }

    fn name(&self, kind: &str) -> String {
        self.bucket.name(&format!("{kind}:{}", self.digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_an_owner_are_fixed() {
        let names = Names::new("fauth");
        let owner = Owner::new("default", "", "alice");
        let (bucket, digest) = (owner.bucket(), hexadecimal(&owner.digest()));
        let of_owner = names.owner(&owner);
        assert_eq!(of_owner.sessions(), format!("{{fauth:{bucket}}}:sessions:{digest}"));
        assert_eq!(digest.len(), 64);
        let id = ApiKeyId::new(&owner, [7; 16]);
        assert_eq!(names.bucket(id.bucket()).api_key(&id), of_owner.api_key(&id));
    }

    #[test]
    fn no_two_owners_and_no_two_kinds_share_a_name() {
        let owners = [
            Owner::new("shop", "", "alice"),
            Owner::new("staff", "", "alice"),
            Owner::new("shop", "https://issuer.example", "alice"),
            Owner::new("shop", "", "bob"),
        ];
        let mut all = std::collections::HashSet::new();
        for namespace in ["fauth", "fauth.1"] {
            let names = Names::new(namespace);
            for owner in &owners {
                let of = names.owner(owner);
                for name in [of.sessions(), of.tombstones(), of.payloads(), of.one_times(), of.api_keys()] {
                    assert!(name.starts_with(&format!("{{{namespace}:{}}}:", owner.bucket())));
                    assert!(all.insert(name));
                }
            }
        }
    }
}
