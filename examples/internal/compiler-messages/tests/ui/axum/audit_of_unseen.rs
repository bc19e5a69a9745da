use axum::{Router, routing::any};
use fauth_axum::{AuditedRouter, auth_routes};

fn main() {
    let auth = fauth_testing::provider().build().unwrap();
    let _: AuditedRouter = AuditedRouter::new().merge(Router::new());
    let _: AuditedRouter = AuditedRouter::new().merge(auth_routes(&auth));
    let _: AuditedRouter = AuditedRouter::new().nest_service("/files", any(async || ""));
}
