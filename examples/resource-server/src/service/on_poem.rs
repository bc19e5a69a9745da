//! The service on poem.

use std::net::{Ipv4Addr, SocketAddr};

use fauth_core::{AuthProvider, BoxError};
use fauth_poem::{CurrentUser, SecureRoute};
use poem::{EndpointExt as _, Route, Server, get, handler, listener::TcpAcceptor};
use tokio::net::TcpListener;

use super::User;

pub(super) async fn start(auth: AuthProvider<User>) -> Result<SocketAddr, BoxError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let group =
        SecureRoute::new(&auth).require_roles(["clerk"]).require_scopes(["orders"]).at("/", get(orders));
    let routes = Route::new().nest("/orders", group).data(auth);
    let server = Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?);
    tokio::spawn(async move { server.run(routes).await });
    Ok(address)
}

#[handler]
fn orders(CurrentUser(user): CurrentUser<User>) -> String {
    format!("No orders for {}\n", user.id)
}
