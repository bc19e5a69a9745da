//! Nothing: this package is there for its tests, which compile the mistakes in `tests/ui`.
