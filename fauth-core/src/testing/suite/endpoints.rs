//! To come.

use super::cases;

cases! { $ __endpoints_tests in endpoints;
}
