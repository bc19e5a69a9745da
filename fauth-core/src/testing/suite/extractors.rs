//! To come.

use super::cases;

cases! { $ __extractors_tests in extractors;
}
