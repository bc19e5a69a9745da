//! The guards around an endpoint, as a document shows them and as requests meet them.

use std::sync::Arc;

use fauth_core::{
    AuthProvider, AuthUser, Guard,
    audit::Declaration,
    openapi::{Description, Security},
};
use poem::{EndpointExt as _, endpoint::BoxEndpoint};
use serde_json::Value;

use crate::guard::Require;

/// A guard, of whatever users. What it enforces and what it says come from one value.
pub(super) trait Door: Send + Sync {
    fn close(&self, inner: BoxEndpoint<'static>) -> BoxEndpoint<'static>;
    fn security(&self, method: &str) -> Security;
    fn provider(&self) -> &dyn Described;
    fn declaration(&self) -> &Arc<Declaration>;
}

/// A provider, of whatever users.
pub(super) trait Described: Send + Sync {
    fn application(&self) -> &str;
    fn complete(&self, document: &mut Value, token_url: Option<&str>);
}

impl<U: AuthUser> Door for Guard<U> {
    fn close(&self, inner: BoxEndpoint<'static>) -> BoxEndpoint<'static> {
        // So that inside the group the group's provider decides, and none that the application has
        // beside it.
        let inner = inner.data(self.provider().clone()).map_to_response().boxed();
        Require::new(inner, self.clone()).boxed()
    }

    fn security(&self, method: &str) -> Security {
        Security::of(self, method)
    }

    fn provider(&self) -> &dyn Described {
        self.provider()
    }

    fn declaration(&self) -> &Arc<Declaration> {
        Self::declaration(self)
    }
}

impl<U: AuthUser> Described for AuthProvider<U> {
    fn application(&self) -> &str {
        self.application()
    }

    fn complete(&self, document: &mut Value, token_url: Option<&str>) {
        let description = Description::of(self);
        match token_url {
            Some(url) => description.token_url(url).complete(document),
            None => description.complete(document),
        }
    }
}

/// Guards around each other, outermost first.
#[derive(Clone, Default)]
pub(super) struct Doors(Vec<Arc<dyn Door>>);

impl Doors {
    pub(super) fn of<U: AuthUser>(guard: Guard<U>) -> Self {
        Self(vec![Arc::new(guard)])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &dyn Door> {
        self.0.iter().map(|door| &**door)
    }

    /// These, with others behind them.
    pub(super) fn around(&self, inner: &Self) -> Self {
        Self(self.0.iter().chain(&inner.0).cloned().collect())
    }

    pub(super) fn close(&self, endpoint: BoxEndpoint<'static>) -> BoxEndpoint<'static> {
        self.0.iter().rev().fold(endpoint, |inner, door| door.close(inner))
    }
}
