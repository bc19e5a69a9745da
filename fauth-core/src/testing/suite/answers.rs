//! To come.

use super::cases;

cases! { $ __answers_tests in answers;
}
