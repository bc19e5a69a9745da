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
    /// Requests to this path go elsewhere.
    #[error(
        "no request reaches {path}: {by} takes it. Move the API into what is nested there, or rename its path"
    )]
    Unreachable {
        /// The path, as it would be served.
        path: Box<str>,
        /// The prefix of a group, or the path of a ready-made endpoint.
        by: Box<str>,
    },
    /// A prefix is empty, or has a parameter.
    #[error("{0}: a prefix is a path without parameters. For those, write `prefix_path` in `#[OpenApi]`")]
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
