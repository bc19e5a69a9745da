//! Why APIs cannot stand in one document, or on one route.

use poem::error::RouteError;

/// Why APIs cannot stand in one document, or on one route.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// Two APIs at the same place have an operation of the same path and method.
    #[error("two APIs have {method} {path}: remove it from one, or nest them under different prefixes")]
    OperationTwice {
        /// The method.
        method: Box<str>,
        /// The path, as it is served.
        path: Box<str>,
    },
    /// Two paths differ in the names of their parameters only, which `OpenAPI` forbids.
    #[error("{first} and {second} are one path: give their parameters the same names")]
    PathTwice {
        /// The one.
        first: Box<str>,
        /// The other.
        second: Box<str>,
    },
    /// A ready-made endpoint has this path.
    #[error("a ready-made endpoint has the path {0}: rename that of the API, or give `AuthRoutes` a `page`")]
    PathTaken(Box<str>),
    /// A path lies under the prefix of a group, and is not in it.
    #[error(
        "{path} lies under {prefix}, but not in the group that is nested there: move it there, or rename it"
    )]
    UnderPrefix {
        /// The path, as it would be served.
        path: Box<str>,
        /// The prefix.
        prefix: Box<str>,
    },
    /// A prefix is empty, or has a parameter.
    #[error("{0}: a prefix is a path without parameters. Write those in the paths of the API")]
    Prefix(Box<str>),
    /// Two components have the same name and differ.
    #[error("two different {kind} are called {name}: rename one of them")]
    ComponentTwice {
        /// `schemas`, `securitySchemes`, `tags` …
        kind: Box<str>,
        /// Its name.
        name: Box<str>,
    },
    /// Two operations have the same `operation_id`.
    #[error("two operations have the operation_id {0}: rename one of them")]
    OperationIdTwice(Box<str>),
    /// What poem-openapi writes about an API is no document that can be read.
    #[error("the document of an API cannot be read: {0}")]
    Unreadable(Box<str>),
    /// The routes of an API do not fit together.
    #[error("the routes of the APIs: {0}")]
    Route(RouteError),
}
