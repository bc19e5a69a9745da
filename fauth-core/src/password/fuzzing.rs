//! Fuzz target for stored password hashes.
#![allow(clippy::unwrap_used, reason = "a broken invariant is meant to panic")]

use super::{
    ceilings::Ceilings,
    cost::{ArgonCost, Means, Work},
    own::OwnSchemes,
    pepper::{Pepper, Peppers},
    scheme::{Reading, StoredHash},
};

/// Ceilings so low that every accepted hash is computed at once.
const LOW: Ceilings = Ceilings {
    argon2: ArgonCost { memory_kib: 64, iterations: 2, parallelism: 2 },
    bcrypt: 4,
    #[cfg(feature = "foreign-hashes")]
    scrypt: super::cost::ScryptCeiling { memory_kib: 64, parallelism: 2 },
    #[cfg(feature = "foreign-hashes")]
    pbkdf2: 64,
};

/// Checks that an accepted hash costs no more than the ceilings allow, and can be computed. Only
/// one text in eight is computed.
pub(crate) fn stored_hash(text: &str) -> bool {
    let mut is_accepted = false;
    let peppers =
        Peppers { current: Some(Pepper::new("2026", b"Jq3v9XwT7uPz2LkYb6RmEh4NcDs8GaVf")), previous: vec![] };
    let own = OwnSchemes::NONE;
    for peppers in [&Peppers::NONE, &peppers] {
        let read = |ceilings| StoredHash::parse(text, Reading { ceilings, peppers, own: &own });
        let usual = read(Ceilings::DEFAULT);
        let Ok(mut hash) = read(LOW) else {
            if let Ok(hash) = usual {
                assert!(is_within(hash.work().unwrap(), Ceilings::DEFAULT));
                is_accepted = true;
            }
            continue;
        };
        is_accepted = true;
        assert!(text.len() <= 512);
        let work = hash.work().unwrap();
        assert!(is_within(work, LOW), "{work:?}");
        assert_eq!(usual.ok().and_then(|hash| hash.work()), Some(work));
        if text.bytes().fold(0_u8, u8::wrapping_add) % 8 == 0 {
            let means = Means::default();
            assert!(hash.matches(b"password", &means).is_ok_and(|matches| matches.is_ok()));
            assert_eq!(hash.randomise().ok(), Some(true));
            assert_eq!(hash.work(), Some(work));
        }
    }
    is_accepted
}

fn is_within(work: Work, ceilings: Ceilings) -> bool {
    match work {
        Work::Argon2(cost) => cost.is_possible() && cost.fits(ceilings.argon2),
        Work::Bcrypt(cost) => (4..=ceilings.bcrypt).contains(&cost),
        #[cfg(feature = "foreign-hashes")]
        Work::Scrypt(cost) => {
            cost.log_n > 0
                && (1..=32).contains(&cost.r)
                && (1..=ceilings.scrypt.parallelism).contains(&cost.p)
                && (u128::from(cost.r) * 128) << cost.log_n <= u128::from(ceilings.scrypt.memory_kib) * 1024
        }
        #[cfg(feature = "foreign-hashes")]
        Work::Pbkdf2(cost) => {
            let rounds = u64::from(cost.rounds) * u64::from(cost.blocks);
            rounds > 0 && rounds <= u64::from(ceilings.pbkdf2)
        }
    }
}

/// Returns variant, memory in KiB, passes and lanes of an accepted Argon2 hash.
pub(crate) fn argon2_parameters(text: &str) -> Option<(&str, u32, u32, u32)> {
    let own = OwnSchemes::NONE;
    let reading = Reading { ceilings: Ceilings::DEFAULT, peppers: &Peppers::NONE, own: &own };
    let Ok(StoredHash::Argon2(hash)) = StoredHash::parse(text, reading) else { return None };
    let ArgonCost { memory_kib, iterations, parallelism } = hash.cost();
    Some((text.split('$').nth(1)?, memory_kib, iterations, parallelism))
}
