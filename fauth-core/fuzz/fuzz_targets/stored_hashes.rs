#![no_main]

use argon2::PasswordHash;
use fauth_core::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    fuzzing::stored_hashes(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some((variant, memory, passes, lanes)) = fuzzing::argon2_parameters(text) else { return };
    // The crate refuses salts of more than 48 bytes.
    let Ok(theirs) = PasswordHash::new(text) else { return };
    assert_eq!(theirs.algorithm.as_str(), variant);
    for (name, value) in [("m", memory), ("t", passes), ("p", lanes)] {
        assert_eq!(theirs.params.get_decimal(name), Some(value), "{name}");
    }
});
