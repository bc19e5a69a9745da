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
mod doors;
mod error;
mod group;
mod path;
mod reach;
mod secure;
mod source;

use std::fmt;

use fauth_core::{AuthProvider, AuthUser};
use poem::Route;
use poem_openapi::{OpenApiService, Webhook};
use serde_json::Value;

use self::{document::TokenUrls, group::normal};
pub use self::{error::ApiError, group::ApiGroup, secure::SecureApi};
use crate::{protect::Protect, routes::AuthRoutes};

/// APIs of poem-openapi on one route and in one document, which says of each operation what its
/// guards ask for and how they refuse. See the [module](self) for an example.
pub struct ApiRoute {
    base: Value,
    prefix: String,
    group: ApiGroup,
    token_urls: TokenUrls,
}

impl ApiRoute {
    /// Without any API yet. For servers, a description and the rest, use
    /// [`ApiRoute::from`] with an [`OpenApiService`].
    #[must_use]
    pub fn new(title: impl Into<String>, version: impl Into<String>) -> Self {
        Self::from(OpenApiService::new((), title, version))
    }

    /// Adds APIs, or a [`SecureApi`]; see [`ApiGroup::api`].
    #[must_use]
    pub fn api(self, apis: impl Into<ApiGroup>) -> Self {
        Self { group: self.group.api(apis), ..self }
    }

    /// Adds APIs, or a [`SecureApi`], under a prefix such as `"/admin"`; see [`ApiGroup::nest`].
    #[must_use]
    pub fn nest(self, prefix: impl AsRef<str>, apis: impl Into<ApiGroup>) -> Self {
        Self { group: self.group.nest(prefix, apis), ..self }
    }

    /// Adds the ready-made endpoints of a provider: login, refresh, logout, sessions.
    #[must_use]
    pub fn auth_routes<U: AuthUser>(self, routes: AuthRoutes<U>) -> Self {
        Self { group: self.group.auth_routes(routes), ..self }
    }

    /// Says where the application nests the route, so that the document has whole paths. Use it
    /// instead of `url_prefix` of [`OpenApiService`], which would not reach the login.
    #[must_use]
    pub fn url_prefix(self, prefix: impl AsRef<str>) -> Self {
        Self { prefix: normal(prefix.as_ref()), ..self }
    }

    /// Says where clients, such as the Authorize button of Swagger UI, exchange a name and a
    /// password for tokens of this provider. Default: the ready-made login of these
    /// [`auth_routes`](Self::auth_routes); without one, the document has no such scheme.
    #[must_use]
    pub fn token_url<U: AuthUser>(mut self, auth: &AuthProvider<U>, url: impl Into<String>) -> Self {
        self.token_urls.insert(auth.application().to_owned(), url.into());
        self
    }

    /// The route, from which the application goes on, and the document.
    ///
    /// Both come from the same guards.
    ///
    /// # Security
    /// What the application adds to the route later is neither in the document nor behind the
    /// guards of the groups, wherever its path lies: guard it by itself.
    ///
    /// # Panics
    /// As [`Route::at`] and [`OpenApiService`] do, if the APIs do not fit together:
    /// [`try_into_parts`](Self::try_into_parts) says what is wrong then.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "it is what poem does where routes do not fit together")]
    pub fn into_parts(self) -> (Route, Value) {
        self.try_into_parts().unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`into_parts`](Self::into_parts), without the panic.
    ///
    /// # Errors
    /// [`ApiError`] if the APIs do not fit together.
    ///
    /// # Panics
    /// As [`OpenApiService`] does, if two types of one API have the same name.
    pub fn try_into_parts(self) -> Result<(Route, Value), ApiError> {
        reach::check(&self.group)?;
        let document = document::of(&self.base, &self.prefix, &self.group, &self.token_urls)?;
        Ok((self.group.into_route()?, document))
    }
}

/// Takes title, servers, description, licence, webhooks and the rest from a service. The APIs of
/// an application that has one already move from there to [`ApiRoute::api`].
///
/// Not taken over are `cookie_key`, for which
/// [`CookieJarManager::with_key`](https://docs.rs/poem/3/poem/middleware/struct.CookieJarManager.html)
///  goes around the route, and the headers that a service adds to each operation, for which there
/// is `#[OpenApi(request_header(..), response_header(..))]`.
///
/// ```
/// use fauth_poem::openapi::ApiRoute;
/// use poem_openapi::OpenApiService;
/// # struct Shop;
/// # #[poem_openapi::OpenApi]
/// # impl Shop {}
///
/// let service = OpenApiService::new((), "Shop", "1.0").server("https://shop.example");
/// let (route, document) = ApiRoute::from(service).api(Shop).into_parts();
/// assert_eq!(document["servers"][0]["url"], "https://shop.example");
/// ```
impl<W: Webhook> From<OpenApiService<(), W>> for ApiRoute {
    fn from(service: OpenApiService<(), W>) -> Self {
        // It has no operations, and so cannot be too deep to be read. poem-openapi has written it.
        let base = serde_json::from_str(&service.spec()).unwrap_or_default();
        Self { base, prefix: String::new(), group: ApiGroup::new(), token_urls: TokenUrls::new() }
    }
}

impl fmt::Debug for ApiRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiRoute").field("group", &self.group).finish_non_exhaustive()
    }
}

impl<U: AuthUser> Protect<U> {
    /// Says in every operation of a document what its rule asks for, beside what its guards ask
    /// for. Call it with what [`ApiRoute::into_parts`] gives.
    ///
    /// The paths of the document must be whole ones, as clients write them. See
    /// [`Protection::describe`](fauth_core::Protection::describe). Where no guard and no endpoint of
    /// the document is of the same provider,
    /// [`Description::complete`](fauth_core::openapi::Description::complete) adds the security
    /// schemes afterwards.
    pub fn describe(&self, document: &mut Value) {
        self.protection().describe(document);
    }
}
