use axum::Router;
use fauth_axum::SecureRouter;

fn main() {
    let auth = fauth_testing::provider().build().unwrap();
    let _: Router = Router::new().merge(SecureRouter::new(&auth));
}
