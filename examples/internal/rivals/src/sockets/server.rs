//! The servers: each of the three frameworks as its documentation starts it, with one worker.

use std::{
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process, thread,
};

use actix_web::{App, HttpServer, rt::System, web::ServiceConfig};
use fauth_core::AuthProvider;
use poem::listener::TcpAcceptor;
use tokio::runtime;

use crate::{
    Result,
    backend::Backend,
    on_actix, on_axum, on_poem,
    provider::{User, provider},
};

/// Serves until the input ends or it is killed. The port is the first line of the output.
pub(crate) fn serve(framework: &str, kind: &str) -> Result<()> {
    Backend::install_requested()?;
    thread::spawn(|| {
        // Whoever has started this may die without a chance to tell.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        process::exit(0);
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let SocketAddr::V4(address) = listener.local_addr()? else { return Err("not an IPv4 address".into()) };
    // Nobody gets an answer before the loop below runs, but whoever connects now is kept waiting,
    // not refused.
    writeln!(io::stdout(), "{}", address.port())?;
    let auth = provider()?;
    match framework {
        "axum" => serve_axum(listener, kind, &auth),
        "actix" => serve_actix(listener, kind, &auth),
        "poem" => serve_poem(listener, kind, &auth),
        _ => Err(unknown(framework)),
    }
}

fn unknown(what: &str) -> Box<dyn std::error::Error> {
    format!("nothing is called {what:?}").into()
}

fn serve_axum(listener: TcpListener, kind: &str, auth: &AuthProvider<User>) -> Result<()> {
    let app = match kind {
        "open" => on_axum::open(),
        "hand-written" => on_axum::hand_written(),
        "fauth" => on_axum::guarded(auth, auth),
        _ => return Err(unknown(kind)),
    };
    listener.set_nonblocking(true)?;
    one_thread()?.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        Ok(axum::serve(listener, app).await?)
    })
}

fn serve_actix(listener: TcpListener, kind: &str, auth: &AuthProvider<User>) -> Result<()> {
    let configure: fn(&AuthProvider<User>, &mut ServiceConfig) = match kind {
        "open" => |_, config| on_actix::open(config),
        "hand-written" => |_, config| on_actix::hand_written(config),
        "fauth" => |auth, config| on_actix::guarded(auth, None)(config),
        _ => return Err(unknown(kind)),
    };
    let auth = auth.clone();
    System::new().block_on(async {
        let app = move || {
            let auth = auth.clone();
            App::new().configure(move |config| configure(&auth, config))
        };
        Ok(HttpServer::new(app).workers(1).listen(listener)?.run().await?)
    })
}

fn serve_poem(listener: TcpListener, kind: &str, auth: &AuthProvider<User>) -> Result<()> {
    let app = match kind {
        "open" => on_poem::open(),
        "hand-written" => on_poem::hand_written(),
        "fauth" => on_poem::guarded(auth, None),
        _ => return Err(unknown(kind)),
    };
    listener.set_nonblocking(true)?;
    one_thread()?.block_on(async {
        let acceptor = TcpAcceptor::from_std(listener)?;
        Ok(poem::Server::new_with_acceptor(acceptor).run(app).await?)
    })
}

fn one_thread() -> io::Result<runtime::Runtime> {
    runtime::Builder::new_current_thread().enable_all().build()
}
