//! To come.

use super::cases;

cases! { $ __requirements_tests in requirements;
}
