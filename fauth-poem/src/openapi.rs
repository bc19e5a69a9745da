//! `OpenAPI` documents that say what guards enforce, over poem-openapi.

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
pub(crate) use self::{doors::Doors, group::ReadyMade};
pub use self::{error::ApiError, group::ApiGroup, secure::SecureApi};
use crate::routes::AuthRoutes;

/// APIs of poem-openapi on one route and in one document, which says of each operation what its
/// guards ask for and how they refuse.
///
/// ```
/// # use fauth_testing::TestUser as User;
/// use fauth_poem::{ApiRoute, AuthRoutes, CurrentUser, SecureApi};
/// use poem::{Route, endpoint::make_sync, web::Json};
/// use poem_openapi::{OpenApi, payload::PlainText};
/// # let auth = fauth_testing::provider().build().unwrap();
///
/// struct Shop;
///
/// #[OpenApi]
/// impl Shop {
///     /// What there is to buy.
///     #[oai(path = "/products", method = "get")]
///     async fn products(&self) -> PlainText<&'static str> {
///         PlainText("books")
///     }
/// }
///
/// struct Admin;
///
/// #[OpenApi]
/// impl Admin {
///     /// Who has bought what.
///     #[oai(path = "/orders", method = "get")]
///     async fn orders(&self, user: CurrentUser<User>) -> PlainText<String> {
///         PlainText(format!("none, {}", user.name))
///     }
/// }
///
/// let (route, document) = ApiRoute::new("Shop", "1.0")
///     .auth_routes(AuthRoutes::new(&auth)) // login, refresh, logout, sessions
///     .api(Shop)
///     .nest("/admin", SecureApi::new(&auth, Admin).require_roles(["admin"]))
///     .into_parts()?;
///
/// let orders = &document["paths"]["/admin/orders"]["get"];
/// assert_eq!(orders["x-requirement"]["roles"][0], "admin");
/// assert!(orders["responses"]["403"].is_object());
///
/// let app = route.at("/openapi.json", make_sync(move |_| Json(document.clone())));
/// # Ok::<_, fauth_poem::ApiError>(())
/// ```
pub struct ApiRoute {
    base: Value,
    prefix: String,
    group: ApiGroup,
    token_urls: TokenUrls,
}

impl ApiRoute {
    /// Without any API yet. For servers, a description and the rest, make it
    /// [from](#impl-From<OpenApiService<(),+W>>-for-ApiRoute) an [`OpenApiService`].
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
    /// Both come from the same guards. What the application adds to the route later is not in the
    /// document.
    ///
    /// # Errors
    /// [`ApiError`] if the APIs do not fit together.
    ///
    /// # Panics
    /// As [`OpenApiService`] does, if two types of one API have the same name, or one of its paths
    /// is no path of poem.
    pub fn into_parts(self) -> Result<(Route, Value), ApiError> {
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
/// goes around the route, and the headers that a service adds to each operation, for which there is
/// `#[OpenApi(request_header(..), response_header(..))]`.
///
/// ```
/// use fauth_poem::ApiRoute;
/// use poem_openapi::OpenApiService;
/// # struct Shop;
/// # #[poem_openapi::OpenApi]
/// # impl Shop {}
///
/// let service = OpenApiService::new((), "Shop", "1.0").server("https://shop.example");
/// let (route, document) = ApiRoute::from(service).api(Shop).into_parts()?;
/// assert_eq!(document["servers"][0]["url"], "https://shop.example");
/// # Ok::<_, fauth_poem::ApiError>(())
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
