use fauth_poem::{guests_only, require_user};
use poem::{EndpointExt as _, endpoint::make_sync, get};

fn main() {
    let auth = fauth_testing::provider().build().unwrap();
    let _ = get(make_sync(|_| "ok")).with(require_user(&auth));
    let _ = get(make_sync(|_| "ok")).with(require_user);
    let _ = get(make_sync(|_| "ok")).with(guests_only);
}
