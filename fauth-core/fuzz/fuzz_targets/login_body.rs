#![no_main]

use fauth_core::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    fuzzing::login_body(bytes);
});
