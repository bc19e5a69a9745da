//! To come.

use super::cases;

cases! { $ __failures_tests in failures;
}
