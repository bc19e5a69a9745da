use fauth_poem::{AuditedRoute, auth_routes};
use poem::Route;

fn main() {
    let auth = fauth_testing::provider().build().unwrap();
    let _ = AuditedRoute::new().nest("/x", Route::new());
    let _ = AuditedRoute::new().nest("/auth", auth_routes(&auth));
}
