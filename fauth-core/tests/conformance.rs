//! The conformance suite on the core alone: each case against nothing but its own expectations.

use fauth_core::testing::Direct;

fauth_core::conformance!(Direct);
