//! To come.

use super::cases;

cases! { $ __groups_tests in groups;
}
