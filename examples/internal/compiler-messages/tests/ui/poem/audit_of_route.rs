use fauth_poem::assert_all_guarded;
use poem::Route;

fn main() {
    assert_all_guarded!(Route::new(), except ["/"]);
}
