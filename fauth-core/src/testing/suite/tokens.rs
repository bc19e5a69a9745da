//! To come.

use super::cases;

cases! { $ __tokens_tests in tokens;
}
