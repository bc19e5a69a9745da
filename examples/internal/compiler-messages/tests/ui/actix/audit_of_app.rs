use actix_web::{App, Scope};
use fauth_actix::assert_all_guarded;

fn main() {
    assert_all_guarded!(App::new(), except ["/"]);
    assert_all_guarded!(Scope::new(""));
}
