//! Guards, groups and the ready-made endpoints in the `OpenAPI` document of
//! [`poem_openapi`](https://docs.rs/poem-openapi).
//!
//! Document what your handlers do. Their security is documented from the guards that enforce it.
//!
//! ```
//! # use fauth_testing::TestUser;
//! use fauth_poem::{AuthRoutes, CurrentUser, openapi::{ApiRoute, SecureApi}};
//! use poem::{endpoint::make_sync, web::Json};
//! use poem_openapi::{OpenApi, payload};
//! # let auth = fauth_testing::provider().build().unwrap();
//!
//! struct Shop;
//!
//! #[OpenApi]
//! impl Shop {
//!     /// What is for sale.
//!     #[oai(path = "/products", method = "get")]
//!     async fn products(&self) -> payload::Json<Vec<String>> {
//!         payload::Json(vec!["book".into()])
//!     }
//! }
//!
//! struct Stock;
//!
//! #[OpenApi]
//! impl Stock {
//!     /// Adds a product.
//!     #[oai(path = "/products", method = "post")]
//!     async fn add(&self, product: payload::PlainText<String>) {
//!         drop(product);
//!     }
//! }
//!
//! struct Orders;
//!
//! #[OpenApi]
//! impl Orders {
//!     /// What was bought.
//!     #[oai(path = "/orders", method = "get")]
//!     async fn orders(&self, admin: CurrentUser<TestUser>) -> payload::Json<Vec<String>> {
//!         payload::Json(vec![format!("a book by {}", admin.name)])
//!     }
//! }
//!
//! let (route, document) = ApiRoute::new("Shop", "1.0")
//!     .api(Shop)
//!     .api(SecureApi::new(&auth, Stock).require_permissions(["write"]))
//!     .nest("/admin", SecureApi::new(&auth, Orders).require_roles(["admin"]))
//!     .auth_routes(AuthRoutes::new(&auth)) // login, refresh, logout, sessions
//!     .into_parts();
//! # assert_eq!(document["paths"]["/admin/orders"]["get"]["x-requirement"]["roles"][0], "admin");
//! # fauth_testing::openapi::check_document(&document);
//!
//! let app = route.at("/openapi.json", make_sync(move |_| Json(document.clone())));
//! ```
//!
//! - [`api`](ApiRoute::api) adds an API beside others. Its paths are guarded for all methods,
//!   except methods that another API has on the same path, such as `GET /products` here.
//! - [`nest`](ApiRoute::nest) gives an API everything under a prefix, known or unknown, like
//!   [`SecureRoute`](crate::SecureRoute).
//! - For a single operation that requires more than its group, write an API of its own and add it
//!   to the [`SecureApi`] of the group. Both guards apply, and the document says so.
//! - [`SecureApi::visitor`] is for APIs that users and guests may call.
//! - [`ApiRoute::from`] takes servers, description and the rest from an existing `OpenApiService`.
//! - Providers of several applications may be in one document.
//!
//! A handler that takes a [`CurrentUser`](crate::CurrentUser) without a guard refuses anonymous
//! requests, but its operation does not say so. Put its API into a [`SecureApi`], or into
//! [`SecureApi::visitor`] if it takes a [`MaybeUser`](crate::MaybeUser). Handlers there find the
//! provider by themselves; elsewhere, add it with `.data(auth)`.
//!
//! To test that the document is true, call every operation of it with
//! `fauth_testing::openapi::walk`.

mod document;
mod group;
mod route;

use fauth_core::openapi::reach::Misplaced;
use poem::error::RouteError;

pub use self::{
    document::ApiRoute,
    group::{ApiGroup, SecureApi},
};

/// Why APIs cannot be combined in one document or on one route.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// Two APIs have an operation with the same path and method.
    #[error("two APIs have {method} {path}: remove it from one, or nest them under different prefixes")]
    OperationTwice {
        /// The method.
        method: Box<str>,
        /// The path as it is served.
        path: Box<str>,
    },
    /// Two paths differ only in the names of their parameters, which `OpenAPI` forbids.
    #[error("{first} and {second} are one path: give their parameters the same names")]
    PathTwice {
        /// One path.
        first: Box<str>,
        /// The other path.
        second: Box<str>,
    },
    /// A ready-made endpoint has this path.
    #[error("a ready-made endpoint has the path {0}: rename that of the API, or give `AuthRoutes` a `page`")]
    PathTaken(Box<str>),
    /// A path lies under the prefix of a group, but does not belong to it.
    #[error(
        "{path} lies under {prefix}, but not in the group that is nested there: move it there, or rename it"
    )]
    UnderPrefix {
        /// The path as it would be served.
        path: Box<str>,
        /// The prefix of the group.
        prefix: Box<str>,
    },
    /// A prefix is empty or has a parameter.
    #[error("{0}: a prefix is a path without parameters. Write those in the paths of the API")]
    Prefix(Box<str>),
    /// Two components have the same name and differ.
    #[error("two different {kind} are called {name}: rename one of them")]
    ComponentTwice {
        /// `schemas`, `securitySchemes`, `tags` …
        kind: Box<str>,
        /// The shared name.
        name: Box<str>,
    },
    /// Two operations have the same `operation_id`.
    #[error("two operations have the operation_id {0}: rename one of them")]
    OperationIdTwice(Box<str>),
    /// The document that poem-openapi writes for an API cannot be parsed.
    #[error("the document of an API cannot be read: {0}")]
    Unreadable(Box<str>),
    /// The routes of the APIs conflict.
    #[error("the routes of the APIs: {0}")]
    Route(RouteError),
}

impl From<Misplaced> for ApiError {
    fn from(misplaced: Misplaced) -> Self {
        match misplaced {
            Misplaced::Taken(path) => Self::PathTaken(path),
            Misplaced::UnderPrefix { path, prefix } => Self::UnderPrefix { path, prefix },
            Misplaced::Prefix(prefix) => Self::Prefix(prefix),
        }
    }
}
