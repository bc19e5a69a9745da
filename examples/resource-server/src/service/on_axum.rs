//! The service on axum.

use std::net::{Ipv4Addr, SocketAddr};

use axum::{Router, routing::get};
use fauth_axum::{CurrentUser, SecureRouter};
use fauth_core::{AuthProvider, BoxError};
use tokio::net::TcpListener;

use super::User;

pub(super) async fn start(auth: AuthProvider<User>) -> Result<SocketAddr, BoxError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let group =
        SecureRouter::new(&auth).require_roles(["clerk"]).require_scopes(["orders"]).route("/", get(orders));
    let routes = Router::new().nest_service("/orders", group).with_state(auth);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(address)
}

async fn orders(CurrentUser(user): CurrentUser<User>) -> String {
    format!("No orders for {}\n", user.id)
}
