//! The user's type does not implement `AuthUser`.

use fauth_poem::CurrentUser;
use poem::handler;

struct NotAUser;

#[handler]
async fn me(_: CurrentUser<NotAUser>) {}

fn main() {}
