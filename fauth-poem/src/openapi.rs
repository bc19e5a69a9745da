//! Guards, groups and the ready-made endpoints in the `OpenAPI` document of
//! [`poem_openapi`](https://docs.rs/poem-openapi).
//!
//! Handlers say what they do, and nothing of who may call them: that comes from the guard which
//! decides it.
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
//! - [`api`](ApiRoute::api) puts an API beside others. Its paths are guarded whatever the method,
//!   except for methods that another API has on the same path, such as `GET /products` here.
//! - [`nest`](ApiRoute::nest) gives an API everything under a prefix, known or unknown, as
//!   [`SecureRoute`](crate::SecureRoute) does it.
//! - A single operation that needs more than its group is an API of its own, added to the
//!   [`SecureApi`] of the group. Both are asked then, and the document says so.
//! - [`SecureApi::visitor`] is for APIs that users and visitors may call.
//! - [`ApiRoute::from`] takes servers, description and the rest from the `OpenApiService` that an
//!   application has already.
//! - The providers of several applications may stand in one document.
//!
//! A handler that takes a [`CurrentUser`](crate::CurrentUser) and has no guard refuses strangers,
//! and its operation does not say so: put its API into a [`SecureApi`], or with a
//! [`MaybeUser`](crate::MaybeUser) into [`SecureApi::visitor`]. Handlers in there find the
//! provider by themselves; elsewhere it is added by `.data(auth)`.
//!
//! Whether a document is true, a test can ask:
//! `fauth_testing::openapi::walk` calls every operation of it.

mod document;
mod group;
mod route;

use fauth_core::openapi::reach::Misplaced;
use poem::error::RouteError;

pub use self::{
    document::ApiRoute,
    group::{ApiGroup, SecureApi},
};

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

impl From<Misplaced> for ApiError {
    fn from(misplaced: Misplaced) -> Self {
        match misplaced {
            Misplaced::Taken(path) => Self::PathTaken(path),
            Misplaced::UnderPrefix { path, prefix } => Self::UnderPrefix { path, prefix },
            Misplaced::Prefix(prefix) => Self::Prefix(prefix),
        }
    }
}
