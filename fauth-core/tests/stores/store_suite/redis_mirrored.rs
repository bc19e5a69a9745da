//! The store suite on Redis with the mirror.

use super::redis::Mirrored;

fauth_core::store_suite!(Mirrored);
fauth_core::store_race!(Mirrored);
