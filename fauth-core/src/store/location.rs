//! Where a store keeps its data.

use std::{fmt, sync::Arc};

/// Where a store keeps its data, as far as it knows: the result of `location`, which every storage
/// trait has.
///
/// A provider asks for it when it is built, never while it serves requests:
/// - A store that other processes can reach may be used by other applications too. The application
///   must then have [a name](crate::AuthConfigBuilder::application).
/// - Two providers in one process that have the same name, and whose stores are in the same place,
///   share all stored data. If their user types differ, the second one is refused.
///
/// A backend without a location of its own is [`unknown`](Self::unknown), which is safe: it counts
/// as shareable. A backend that knows its place returns [`shared`](Self::shared).
///
/// ```
/// use std::sync::Arc;
/// use fauth_core::store::StoreLocation;
///
/// let contents = Arc::new(());
/// let (here, again) = (StoreLocation::in_process(&contents), StoreLocation::in_process(&contents));
/// assert!(here.is_same_as(&again) && !here.can_be_shared());
///
/// let there = StoreLocation::shared("postgres db.example:5432/app, tables fauth_");
/// assert!(there.can_be_shared() && there.is_same_as(&there.clone()));
/// assert!(!StoreLocation::unknown().is_same_as(&StoreLocation::unknown()));
/// ```
#[derive(Clone)]
pub struct StoreLocation(Place);

#[derive(Clone)]
enum Place {
    /// The address of the contents.
    Process(usize),
    Shared(Box<str>),
    Unknown,
}

impl StoreLocation {
    /// The memory of this process, identified by its contents. Clones of a store that share their
    /// contents are in one place.
    #[must_use]
    pub fn in_process<T: ?Sized>(contents: &Arc<T>) -> Self {
        Self(Place::Process(Arc::as_ptr(contents).cast::<()>().addr()))
    }

    /// A place that others can reach: a server or a file. The text names it and the part of it that
    /// the store uses, such as a prefix of tables or a namespace. As far as possible, two stores
    /// have the same text if and only if they share their contents.
    ///
    /// # Security
    /// The text may appear in `Debug` output. It must not contain a password.
    #[must_use]
    pub fn shared(place: impl Into<String>) -> Self {
        Self(Place::Shared(place.into().into_boxed_str()))
    }

    /// An unidentified place, which others may be able to reach. It is never the same as another
    /// place.
    #[must_use]
    pub const fn unknown() -> Self {
        Self(Place::Unknown)
    }

    /// Whether other processes can reach the place, as far as is known.
    #[must_use]
    pub const fn can_be_shared(&self) -> bool {
        !matches!(self.0, Place::Process(_))
    }

    /// Whether both are known to be the same place.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Place::Process(own), Place::Process(others)) => own == others,
            (Place::Shared(own), Place::Shared(others)) => own == others,
            _ => false,
        }
    }
}

impl fmt::Debug for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreLocation(")?;
        match &self.0 {
            Place::Process(_) => f.write_str("in this process")?,
            Place::Shared(place) => write!(f, "{place:?}")?,
            Place::Unknown => f.write_str("unknown")?,
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_to_be_the_same_is_the_same() {
        let (one, other) = (Arc::new(1), Arc::new(1));
        let places = [
            StoreLocation::in_process(&one),
            StoreLocation::in_process(&other),
            StoreLocation::shared("here"),
            StoreLocation::shared("there"),
            StoreLocation::unknown(),
        ];
        for (number, place) in places.iter().enumerate() {
            for (another, other) in places.iter().enumerate() {
                assert_eq!(place.is_same_as(other), number == another && number < 4, "{place:?} {other:?}");
            }
        }
        assert!(places[0].is_same_as(&StoreLocation::in_process(&Arc::clone(&one))));
        assert_eq!(places.map(|place| place.can_be_shared()), [false, false, true, true, true]);
    }
}
