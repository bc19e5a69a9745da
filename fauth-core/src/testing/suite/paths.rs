//! To come.

use super::cases;

cases! { $ __paths_tests in paths;
}
