//! To come.

use super::cases;

cases! { $ __login_tests in login;
}
