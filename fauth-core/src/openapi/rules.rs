//! Path rules in a document.

use serde_json::Value;

use super::{combine::object_in, members::METHODS, security::Security};
use crate::{protection::Protection, user::AuthUser};

impl<U: AuthUser> Protection<U> {
    /// Adds the requirements of path rules to every operation of a document, beside those that are
    /// there, as with two guards. See [`Security::stamp`]. Call it when the document is complete,
    /// before [`Description::complete`](super::Description::complete), which adds the security
    /// schemes.
    ///
    /// The paths of the document must be full paths, as clients request them. If rules decide
    /// differently about requests for one path with parameters, the operation gets the requirement
    /// for requests that no rule names; but if some of these requests are open, it is listed as
    /// open.
    ///
    /// ```
    /// use fauth_core::{Protection, Requirement, RouteRules};
    /// use serde_json::json;
    /// # let auth = fauth_testing::provider().build().unwrap();
    ///
    /// let rules = RouteRules::private_by_default()
    ///     .require("/admin", Requirement::user().role("admin"))
    ///     .build()?;
    /// let operation = json!({ "get": { "responses": {} } });
    /// let mut document = json!({ "paths": { "/admin/users/{id}": operation } });
    /// Protection::new(&auth, rules).describe(&mut document);
    ///
    /// let operation = &document["paths"]["/admin/users/{id}"]["get"];
    /// assert_eq!(operation["x-requirement"], json!({ "roles": ["admin"] }));
    /// assert!(operation["responses"]["403"].is_object());
    /// # Ok::<(), fauth_core::ConfigError>(())
    /// ```
    pub fn describe(&self, document: &mut Value) {
        let mut schemas = Vec::new();
        let paths = document.get_mut("paths").and_then(Value::as_object_mut);
        for (path, item) in paths.into_iter().flatten() {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                if METHODS.contains(&method.as_str()) {
                    let method = method.to_ascii_uppercase();
                    let security = Security::of(self.guard_of_route(&method, path), &method);
                    security.stamp(operation);
                    schemas.extend(security.schemas().clone());
                }
            }
        }
        let Some(document) = document.as_object_mut() else { return };
        if schemas.is_empty() {
            return;
        }
        let Some(components) = object_in(document, "components") else { return };
        let Some(described) = object_in(components, "schemas") else { return };
        for (name, schema) in schemas {
            described.entry(name).or_insert(schema);
        }
    }
}
