//! To come.

use super::cases;

cases! { $ __transports_tests in transports;
}
