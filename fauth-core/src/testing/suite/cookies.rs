//! To come.

use super::cases;

cases! { $ __cookies_tests in cookies;
}
