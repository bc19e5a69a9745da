//! Groups of APIs, as they are put together, and the route that they become.

use std::{collections::BTreeMap, fmt};

use fauth_core::{
    AuthUser,
    audit::{Declaration, Methods, braced},
    openapi,
};
use poem::{EndpointExt as _, Route, endpoint::BoxEndpoint, http};
use poem_openapi::OpenApi;
use serde_json::Value;

use super::{
    doors::{Described, Doors},
    error::ApiError,
    path::OnePath,
    source::{self, Table},
};
use crate::routes::AuthRoutes;

/// APIs that are open to everybody, except for the groups among them that are a
/// [`SecureApi`](super::SecureApi).
///
/// Every API of poem-openapi becomes one, a tuple of APIs too, and so does every
/// [`SecureApi`](super::SecureApi).
#[derive(Default)]
pub struct ApiGroup {
    /// What guards the group as a whole.
    pub(super) doors: Doors,
    pub(super) apis: Vec<Api>,
    pub(super) nests: Vec<Nest>,
    pub(super) ready_made: Vec<ReadyMade>,
}

/// An API at the place of its group.
pub(super) struct Api {
    pub(super) document: serde_json::Result<Value>,
    pub(super) table: Table,
    pub(super) doors: Doors,
}

/// A group that has everything under a prefix.
pub(super) struct Nest {
    pub(super) prefix: String,
    pub(super) group: ApiGroup,
}

/// The ready-made endpoints of a provider.
pub(super) struct ReadyMade {
    pub(super) provider: Box<dyn Described>,
    pub(super) described: openapi::Endpoints,
    /// By their paths, as poem writes them.
    endpoints: Vec<(String, BoxEndpoint<'static>)>,
    pub(super) doors: Doors,
}

impl ApiGroup {
    /// An empty group.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds APIs, or a [`SecureApi`](super::SecureApi), at the place of this group.
    ///
    /// Of a [`SecureApi`](super::SecureApi), every path of it is guarded, whatever the method, as
    /// far as no other API here has an operation on it. Paths that nobody has are nobody's: with
    /// [`nest`](Self::nest), all paths under a prefix are guarded, known or unknown.
    #[must_use]
    pub fn api(mut self, apis: impl Into<Self>) -> Self {
        let Self { doors, apis, nests, ready_made } = apis.into();
        self.apis.extend(apis.into_iter().map(|api| Api { doors: doors.around(&api.doors), ..api }));
        self.ready_made.extend(
            ready_made.into_iter().map(|routes| ReadyMade { doors: doors.around(&routes.doors), ..routes }),
        );
        self.nests.extend(nests.into_iter().map(|Nest { prefix, group }| {
            let doors = doors.around(&group.doors);
            Nest { prefix, group: Self { doors, ..group } }
        }));
        self
    }

    /// Adds APIs, or a [`SecureApi`](super::SecureApi), under a prefix such as `"/admin"`. All
    /// paths under it are theirs, known or unknown.
    ///
    /// A prefix has no parameters. Write those in the paths of the API.
    #[must_use]
    pub fn nest(mut self, prefix: impl AsRef<str>, apis: impl Into<Self>) -> Self {
        self.nests.push(Nest { prefix: normal(prefix.as_ref()), group: apis.into() });
        self
    }

    /// Adds the ready-made endpoints of a provider: login, refresh, logout, sessions.
    #[must_use]
    pub fn auth_routes<U: AuthUser>(mut self, routes: AuthRoutes<U>) -> Self {
        self.ready_made.push(routes.into());
        self
    }

    /// Makes its routes known to audits, as parts of a group around it. What has a guard of its own
    /// has a declaration of its own, and is listed as a group where it has a prefix.
    #[track_caller]
    pub(super) fn declare(&self, outer: &Declaration, below: &str) {
        for Api { table, .. } in self.apis.iter().filter(|api| api.doors.is_empty()) {
            for (path, endpoints) in table {
                let methods = Methods::of(endpoints.keys().map(http::Method::as_str));
                outer.add_route(&methods, &format!("{below}{}", braced(path)));
            }
        }
        for Nest { prefix, group } in &self.nests {
            let path = format!("{below}{prefix}");
            match group.doors.iter().next() {
                Some(door) => outer.add_group(&path, door.declaration()),
                None => group.declare(outer, &path),
            }
        }
    }

    /// One route of everything, inside the guards of the group as a whole.
    pub(super) fn into_route(self) -> Result<Route, ApiError> {
        let Self { apis, nests, ready_made, .. } = self;
        let mut route = Route::new();
        for ReadyMade { endpoints, doors, .. } in ready_made {
            for (path, endpoint) in endpoints {
                route = route.try_at(path, doors.close(endpoint)).map_err(ApiError::Route)?;
            }
        }
        for Nest { prefix, group } in nests {
            let doors = group.doors.clone();
            route =
                route.try_nest(prefix, doors.close(group.into_route()?.boxed())).map_err(ApiError::Route)?;
        }
        for (path, endpoints) in joined(apis)? {
            route = route.try_at(path, endpoints).map_err(ApiError::Route)?;
        }
        Ok(route)
    }
}

/// The endpoints of all APIs of one place, by their paths.
fn joined(apis: Vec<Api>) -> Result<BTreeMap<String, OnePath>, ApiError> {
    let mut paths: BTreeMap<String, OnePath> = BTreeMap::new();
    for Api { table, doors, .. } in apis {
        for (path, endpoints) in table {
            let shown = openapi::template(&path);
            paths.entry(path).or_default().add(&shown, &doors, endpoints)?;
        }
    }
    Ok(paths)
}

/// With one slash before each segment, and none at the end.
pub(super) fn normal(path: &str) -> String {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .fold(String::new(), |path, segment| path + "/" + segment)
}

/// Without the names of parameters, which tell no paths apart.
pub(super) fn nameless(path: &str) -> String {
    let segments = path.split('/').map(|segment| if is_parameter(segment) { "{}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

pub(super) fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with('}')
}

impl<U: AuthUser> From<AuthRoutes<U>> for ReadyMade {
    fn from(routes: AuthRoutes<U>) -> Self {
        let provider = Box::new(routes.provider().clone());
        let described = openapi::endpoints(routes.provider(), routes.mounts());
        let endpoints = routes.into_endpoints().map(|(path, endpoint)| (path, endpoint.boxed())).collect();
        Self { provider, described, endpoints, doors: Doors::default() }
    }
}

impl<T: OpenApi> From<T> for ApiGroup {
    fn from(api: T) -> Self {
        let (document, table) = (source::document_of::<T>(), source::endpoints_of(api));
        Self { apis: vec![Api { document, table, doors: Doors::default() }], ..Self::default() }
    }
}

impl fmt::Debug for ApiGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefixes: Vec<&str> = self.nests.iter().map(|nest| &*nest.prefix).collect();
        let paths: Vec<&String> = self.apis.iter().flat_map(|api| api.table.keys()).collect();
        f.debug_struct("ApiGroup").field("paths", &paths).field("nests", &prefixes).finish_non_exhaustive()
    }
}
