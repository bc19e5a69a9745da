//! The service on actix-web.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use actix_web::{
    App, HttpServer,
    web::{Data, get},
};
use fauth_actix::{CurrentUser, SecureScope};
use fauth_core::{AuthProvider, BoxError};

use super::User;

#[expect(clippy::unused_async, reason = "its siblings are")]
pub(super) async fn start(auth: AuthProvider<User>) -> Result<SocketAddr, BoxError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let routes = move || {
        let group = SecureScope::new("/orders", &auth)
            .require_roles(["clerk"])
            .require_scopes(["orders"])
            .resource("", get().to(orders));
        App::new().app_data(Data::new(auth.clone())).service(group)
    };
    let server = HttpServer::new(routes).workers(1).disable_signals().listen(listener)?.run();
    tokio::spawn(server);
    Ok(address)
}

async fn orders(CurrentUser(user): CurrentUser<User>) -> String {
    format!("No orders for {}\n", user.id)
}
