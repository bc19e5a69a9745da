use actix_web::{Scope, web::resource};
use fauth_actix::{AuditedScope, auth_routes};

fn main() {
    let auth = fauth_testing::provider().build().unwrap();
    let _ = AuditedScope::new("").service(resource("/x"));
    let _ = AuditedScope::new("").service(Scope::new("/x"));
    let _ = AuditedScope::new("").service(auth_routes(&auth));
}
