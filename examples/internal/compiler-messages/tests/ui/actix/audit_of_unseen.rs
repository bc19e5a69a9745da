use actix_web::{Scope, web::resource};
use fauth_actix::AuditedScope;

fn main() {
    let _ = AuditedScope::new("").service(resource("/x"));
    let _ = AuditedScope::new("").service(Scope::new("/x"));
}
