//! Guards, groups and the ready-made endpoints in the `OpenAPI` document of
//! [`utoipa_actix_web`](https://docs.rs/utoipa-actix-web).
//!
//! Document what your handlers do. Their security is documented from the guards that enforce it.
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
//!     .describe_auth(&auth) // last: adds the schemes and scopes of everything above
//!     .split_for_parts();
//! # drop(app);
//! # let document = serde_json::to_value(&document).unwrap();
//! # assert_eq!(document["paths"]["/admin/users"]["get"]["x-requirement"]["roles"][0], "admin");
//! # fauth_testing::openapi::check_document(&document);
//! ```
//!
//! Middleware of actix-web does not document itself: a guard added by
//! [`wrap`](actix_web::Resource::wrap) is in no document. Add a guard to a single route with
//! [`routes!`], and put all other guarded routes into a [`SecureScope`](crate::SecureScope).
//!
//! A handler that takes a [`CurrentUser`](crate::CurrentUser) without a guard refuses anonymous
//! requests, but its operation does not say so. Put [`guard`](Routes::guard) with
//! [`require_user`](crate::require_user) around it, or [`visitor`](crate::visitor) if it takes a
//! [`MaybeUser`](crate::MaybeUser).
//!
//! To test that the document is true, call every operation of it with
//! `fauth_testing::openapi::walk`.

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
