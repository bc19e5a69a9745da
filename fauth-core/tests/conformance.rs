//! The conformance suite on the core alone: each case against nothing but its own expectations.
#![expect(unused_crate_dependencies, reason = "each test binary uses its own part of the dependencies")]

use fauth_core::testing::Direct;

fauth_core::conformance!(Direct);
