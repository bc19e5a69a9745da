//! Guards, groups and the ready-made endpoints in the `OpenAPI` document of
//! [`utoipa_axum`](https://docs.rs/utoipa-axum).
//!
//! Document what your handlers do. Their security is documented from the guards that enforce it.
//!
//! ```
//! # use axum::Json;
//! # use fauth_axum::{AuthRoutes, CurrentUser, SecureRouter, require_permissions};
//! # use fauth_testing::TestUser;
//! use fauth_axum::openapi::{OpenApiRouterExt as _, RoutesExt as _};
//! use utoipa_axum::{router::OpenApiRouter, routes};
//! # let auth = fauth_testing::provider().build().unwrap();
//!
//! #[utoipa::path(get, path = "/", responses((status = OK, body = str)))]
//! async fn home() -> &'static str {
//!     "Welcome"
//! }
//!
//! #[utoipa::path(get, path = "/reports", responses((status = OK, body = Vec<String>)))]
//! async fn reports() -> Json<Vec<String>> {
//!     Json(vec!["2026-10".into(), "2026-11".into()])
//! }
//!
//! #[utoipa::path(get, path = "/users", responses((status = OK, body = Vec<String>)))]
//! async fn users(admin: CurrentUser<TestUser>) -> Json<Vec<String>> {
//!     Json(vec![admin.name.clone()])
//! }
//!
//! let admins = SecureRouter::new(&auth).require_roles(["admin"]).routes(routes!(users));
//! let (app, document) = OpenApiRouter::new()
//!     .routes(routes!(home))
//!     .routes(routes!(reports).guard(require_permissions(&auth, ["write"])))
//!     .nest_secure("/admin", admins)
//!     .merge(AuthRoutes::new(&auth).into())
//!     .describe_auth(&auth) // last: adds the schemes and scopes of everything above
//!     .with_state(auth)
//!     .split_for_parts();
//! # let _: axum::Router = app;
//! # let document = serde_json::to_value(&document).unwrap();
//! # assert_eq!(document["paths"]["/admin/users"]["get"]["x-requirement"]["roles"][0], "admin");
//! # fauth_testing::openapi::check_document(&document);
//! ```
//!
//! A handler that takes a [`CurrentUser`](crate::CurrentUser) without a guard refuses anonymous
//! requests, but its operation does not say so. Put [`guard`](RoutesExt::guard) with
//! [`require_user`](crate::require_user) around it, or [`visitor`](crate::visitor) if it takes a
//! [`MaybeUser`](crate::MaybeUser).
//!
//! To test that the document is true, call every operation of it with
//! `fauth_testing::openapi::walk`.

mod document;
mod group;
mod route;

pub use fauth_core::openapi::{Description, utoipa::DescribeAuth};

pub use self::{document::OpenApiRouterExt, route::RoutesExt};
