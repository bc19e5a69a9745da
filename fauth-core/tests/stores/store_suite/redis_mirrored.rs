//! The store suite on Redis with the mirror.

use super::redis::Mirrored;

fauth_testing::store_suite!(Mirrored);
fauth_testing::store_suite!(Mirrored: throttles);
fauth_testing::store_race!(Mirrored);
