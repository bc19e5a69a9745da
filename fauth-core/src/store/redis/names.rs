//! The names of all keys.
//!
//! - `{fauth:417}:…` are the keys of the owners in bucket 417. The braces are the hash tag of a
//!   cluster: the slot follows from the namespace and [`Owner::bucket`] alone. The rest of a name
//!   identifies the owner by [`Owner::digest`] in hexadecimal.
//! - The sessions of an owner are **one** hash of ids and packed records. So a script that ends all
//!   of them, or those above the limit, needs no key that it would learn of only while it runs.
//!   Tombstones are a sorted set of their own. Payloads are a hash of their own, so listing
//!   sessions does not read them.
//! - The one-time tokens of an owner are one sorted set. API keys have one key each, found by the
//!   id alone, and a sorted set of ids for each owner. Only API keys name their owner in clear:
//!   everything else is always looked up by its owner.
//! - `{fauth:r}:…` are the revocations of all owners: few entries, which every mirror reads
//!   completely.
//! - Keys of owners expire by themselves: each lives as long as its longest-lived entry.
//!   Revocations have no time to live, so a `volatile-*` policy does not evict them. Only the
//!   stream of changes has one: a mirror that misses it reads everything again.
//! - `{fauth:r}:share:…` are the revocations of one owner, for counting the owner's share. If one
//!   is lost, the count starts again.
//! - Records of failed logins and counters of rate limits are one key each, in the bucket that
//!   their own name selects.
//! - Expired entries are removed by later writes.

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
    /// The id of the revocation memory, the time at which it began, and the number of the last
    /// change. Each sorted set has a member that names this id: if one of the keys is lost, the
    /// memory is lost.
    pub(super) memory: String,
    /// A key that never exists. Only a master accepts setting its time to live.
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

/// The names of one owner's keys.
pub(super) struct OwnerNames {
    bucket: BucketNames,
    digest: String,
}

impl Names {
    pub(super) fn new(namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), revocations: RevocationNames::new(namespace) }
    }

    /// Returns a key that every namespace of each earlier layout has. In the first layout, all keys
    /// were in one slot and named no owner; in the second, the revocation keys had no markers for
    /// detecting loss.
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

    /// Returns the script that begins a revocation memory.
    pub(super) fn begin(&self, script: &'static Script) -> Step {
        let mut step = Step::new(script);
        step.key(&self.nothing).key(&self.memory).key(&self.sets).key(&self.changes);
        step
    }

    /// Returns a script on revocations, with their keys and the current time.
    pub(super) fn step(&self, script: &'static Script, now: Timestamp) -> Step {
        let mut step = self.begin(script);
        step.time(now);
        step
    }

    /// Returns the key of an owner's share.
    pub(super) fn share(&self, owner: &Owner<'_>) -> String {
        format!("{}:{}", self.share, hexadecimal(&owner.digest()))
    }

    /// Adds commands that ask for the markers of a memory in the sorted sets.
    pub(super) fn ask_for_marks(&self, memory: &str, pipe: &mut Pipeline) {
        for set in &self.sets {
            pipe.cmd("ZSCORE").arg(set).arg(format!("memory:{memory}"));
        }
    }
}

impl BucketNames {
    /// Returns a script whose keys are in this bucket.
    pub(super) fn step(&self, script: &'static Script) -> Step {
        let mut step = Step::new(script);
        step.key(self.name("nothing"));
        step
    }

    pub(super) fn api_key(&self, id: &ApiKeyId) -> String {
        self.name(&format!("api-key:{id}"))
    }

    /// Returns the key of a rate-limit counter, by the digest of its name.
    pub(super) fn counter(&self, digest: &[u8]) -> String {
        self.name(&format!("limit:{}", hexadecimal(digest)))
    }

    /// Returns the key of a record of failed logins.
    pub(super) fn throttle(&self, name: &[u8]) -> String {
        self.name(&format!("throttle:{}", hexadecimal(name)))
    }

    fn name(&self, rest: &str) -> String {
        format!("{}:{rest}", self.prefix)
    }
}

impl OwnerNames {
    /// Returns a script on this owner's keys.
    pub(super) fn step(&self, script: &'static Script) -> Step {
        self.bucket.step(script)
    }

    /// Returns a script on this owner's sessions, with the current time.
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
