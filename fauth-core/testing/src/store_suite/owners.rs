//! Owners that a store must keep apart.

use fauth_core::store::Owner;

/// Different owners. Many differ in one place only, and some contain every character that a backend
/// may have to escape.
pub(super) fn different_owners() -> Vec<Owner<'static>> {
    let mut owners = vec![
        Owner::new("default", "", "alice"),
        Owner::new("shop", "", "alice"),
        Owner::new("default", "https://issuer.example", "alice"),
        Owner::new("default", "https://issuer.example/", "alice"),
        Owner::new("default", "alice", "default"),
        Owner::new("alice", "default", "default"),
    ];
    owners.extend(shifted_parts());
    owners.extend(odd_subjects());
    owners.extend(long_parts());
    owners.extend(owners_of_one_bucket());
    owners
}

/// Owners whose concatenated parts give the same text.
fn shifted_parts() -> impl Iterator<Item = Owner<'static>> {
    [
        ("ab", "", "c"),
        ("a", "", "bc"),
        ("a", "b", "c"),
        ("a:b", "", "c"),
        ("a", "", "b:c"),
        ("a", ":b", "c"),
        ("a", "b:", "c"),
        ("a:", "b", "c"),
        ("a", "b", ":c"),
        ("a/b", "", "c"),
        ("a", "", "/b/c"),
        ("a", "/b", "/c"),
    ]
    .into_iter()
    .map(|(application, issuer, subject)| Owner::new(application, issuer, subject))
}

/// Subjects that a backend may confuse with "alice" or take for its own syntax.
fn odd_subjects() -> impl Iterator<Item = Owner<'static>> {
    [
        "Alice",
        "alice ",
        " alice",
        "alic",
        "alicee",
        "alic_",
        "alic%",
        "%",
        "*",
        "alice*",
        "{alice}",
        "{",
        "}:{",
        "'",
        "\"",
        "' OR ''='",
        "\\",
        "\\u0061lice",
        "alice\r\n",
        "alice\t",
        "\u{1b}\u{7f}\u{200e}",
        "null",
        "é",
        "e\u{301}",
        "日本🦀",
    ]
    .into_iter()
    .map(|subject| Owner::new("default", "", subject))
}

/// Parts that differ in their first or last byte only.
fn long_parts() -> impl Iterator<Item = Owner<'static>> {
    let long = |first: &str, last: &str| format!("{first}{}{last}", "x".repeat(253));
    let subjects = [long("a", "a"), long("a", "b"), long("b", "a")];
    let issuers = [long("a", "a"), long("a", "b")];
    let by_subject = subjects.map(|subject| Owner::new("default", "", subject));
    let by_issuer = issuers.map(|issuer| Owner::new("default", issuer, "alice"));
    by_subject.into_iter().chain(by_issuer)
}

/// Two owners of the same bucket: a backend may store them in one place.
pub(super) fn owners_of_one_bucket() -> [Owner<'static>; 2] {
    let first = Owner::new("default", "", "user 0");
    let mut others = (1..).map(|number| Owner::new("default", "", format!("user {number}")));
    let second = others.find(|other| other.bucket() == first.bucket()).unwrap();
    [first, second]
}

/// Every second one of these, and the others.
pub(super) fn halves(owners: &[Owner<'static>]) -> [Vec<Owner<'static>>; 2] {
    [0, 1].map(|first| owners.iter().skip(first).step_by(2).cloned().collect())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_owners_are_equal() {
        let owners = different_owners();
        assert_eq!(owners.iter().collect::<HashSet<_>>().len(), owners.len());
        assert!(owners.iter().all(|owner| (1..=255).contains(&owner.subject.len())));
    }

    #[test]
    fn two_owners_share_a_bucket() {
        let [one, other] = owners_of_one_bucket();
        assert!(one != other && one.bucket() == other.bucket());
    }
}
