use actix_web::{App, web::get};
use fauth_actix::CurrentUser;

struct NotAUser {
    name: String,
}

async fn greet(user: CurrentUser<NotAUser>) -> String {
    format!("Hello {}", user.name)
}

fn main() {
    let _ = App::new().route("/greet", get().to(greet));
}
