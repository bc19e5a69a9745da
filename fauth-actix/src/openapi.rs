//! Guards, groups and the ready-made endpoints in the `OpenAPI` document of
//! [`utoipa_actix_web`](https://docs.rs/utoipa-actix-web).
//!
//! Handlers say what they do, and nothing of who may call them: that comes from the guard which
//! decides it.
//!
//! ```
//! # use actix_web::{App, get, web::{Data, Json}};
//! # use fauth_actix::{CurrentUser, SecureScope, auth_routes, require_permissions};
//! # use fauth_testing::TestUser;
//! use fauth_actix::openapi::{UtoipaAppExt as _, routes};
//! use utoipa_actix_web::AppExt as _;
//! # let auth = fauth_testing::provider().build().unwrap();
//!
//! #[utoipa::path(responses((status = OK, body = str)))]
//! #[get("/")]
//! async fn home() -> &'static str {
//!     "Welcome"
//! }
//!
//! #[utoipa::path(get, path = "/reports", responses((status = OK, body = Vec<String>)))]
//! async fn reports() -> Json<Vec<String>> {
//!     Json(vec!["2026-10".into(), "2026-11".into()])
//! }
//!
//! #[utoipa::path(responses((status = OK, body = Vec<String>)))]
//! #[get("/users")]
//! async fn users(admin: CurrentUser<TestUser>) -> Json<Vec<String>> {
//!     Json(vec![admin.name.clone()])
//! }
//!
//! let admins = SecureScope::new("/admin", &auth).require_roles(["admin"]).documented(users);
//! let (app, document) = App::new()
//!     .app_data(Data::new(auth.clone()))
//!     .into_utoipa_app()
//!     .service(home)
//!     .service(routes!(reports).guard(require_permissions(&auth, ["write"])))
//!     .service(admins)
//!     .service(auth_routes(&auth))
//!     .describe_auth(&auth) // last: it names the schemes and scopes of all that is there
//!     .split_for_parts();
//! # drop(app);
//! # let document = serde_json::to_value(&document).unwrap();
//! # assert_eq!(document["paths"]["/admin/users"]["get"]["x-requirement"]["roles"][0], "admin");
//! # fauth_testing::openapi::check_document(&document);
//! ```
//!
//! The middlewares of actix-web say nothing of themselves: what
//! [`wrap`](actix_web::Resource::wrap) guards is in no document. A route by itself gets its guard
//! by [`routes!`], and everything else stands in a [`SecureScope`](crate::SecureScope).
//!
//! A handler that takes a [`CurrentUser`](crate::CurrentUser) and has no guard refuses strangers,
//! and its operation does not say so: put [`guard`](Routes::guard) with
//! [`require_user`](crate::require_user) around it, or [`visitor`](crate::visitor) for a
//! [`MaybeUser`](crate::MaybeUser).
//!
//! Whether a document is true, a test can ask:
//! `fauth_testing::openapi::walk` calls every operation of it.

mod document;
mod group;
mod route;

pub use fauth_core::openapi::{Description, utoipa::DescribeAuth};

pub(crate) use self::group::ScopeDocument;
pub use self::{
    document::{Documented, UtoipaAppExt},
    route::Routes,
};
#[doc(inline)]
pub use crate::documented_routes as routes;
