//! The conformance suite on the core alone: each case against nothing but its own expectations.

use fauth_testing::Direct;

fauth_testing::conformance!(Direct);
