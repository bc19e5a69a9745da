//! The metadata that a provider publishes.

use super::inner::AuthProvider;
use crate::{
    error::ConfigError,
    resource_metadata::{PublishedMetadata, ResourceMetadata},
    transport::{SecurityScheme, Transport},
    user::AuthUser,
};

impl<U: AuthUser> AuthProvider<U> {
    /// The metadata of the resource, if it is published.
    pub(crate) fn resource_metadata(&self) -> Option<&PublishedMetadata> {
        self.inner.resource_metadata.as_ref()
    }
}

/// Checks the metadata to publish. `issuers` are those that the provider trusts.
pub(super) fn published(
    metadata: Option<ResourceMetadata>,
    issuers: Vec<String>,
    transports: &[Box<dyn Transport>],
) -> Result<Option<PublishedMetadata>, ConfigError> {
    let Some(metadata) = metadata else { return Ok(None) };
    let has = |is_it: fn(&SecurityScheme) -> bool| {
        transports.iter().any(|transport| !transport.is_for_api_keys() && is_it(&transport.describe()))
    };
    let header = has(|scheme| *scheme == SecurityScheme::Bearer).then_some("header");
    let query = has(|scheme| matches!(scheme, SecurityScheme::Query { .. })).then_some("query");
    let methods: Vec<&str> = header.into_iter().chain(query).collect();
    metadata.publish(issuers, &methods).map(Some)
}
