//! The issuer. `CARACAL_ZONE_ID` names its zone. It asks nobody who they are, and so it listens on a
//! loopback address only.

use std::{env, process::ExitCode};

use fauth_core::BoxError;
use payouts::{issuer::Issuer, start};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    start::run("payouts-issuer", serve()).await
}

async fn serve() -> Result<(), BoxError> {
    start::log()?;
    let (listener, address) = start::listen("127.0.0.1:3100")?;
    if !address.ip().is_loopback() {
        return Err(format!(
            "FAUTH_ADDR: {address} is no loopback address, and whoever reaches the issuer gets any mandate: it \
             asks nobody who they are. Let it listen at 127.0.0.1 or [::1]"
        )
        .into());
    }
    let zone = env::var("CARACAL_ZONE_ID").unwrap_or_else(|_| "zone_demo".to_owned());
    let issuer = Issuer::new(&format!("http://{address}"), &zone)?;
    #[cfg(feature = "redis")]
    let issuer = issuer.announcing().await?;
    start::say(&format!("payouts-issuer listens on http://{address}"))?;
    axum::serve(TcpListener::from_std(listener)?, issuer.routes()).await?;
    Ok(())
}
