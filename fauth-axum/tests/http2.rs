//! `WebSocket`s over HTTP/2 (RFC 8441), on a real socket: what hyper and axum make of an extended
//! CONNECT, the guard sees and lets through.
#![expect(clippy::unwrap_used, reason = "a test that fails is meant to panic")]

use std::{net::Ipv4Addr, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, StatusCode},
    routing::{any, get},
};
use fauth_axum::{CurrentUser, SecureRouter};
use fauth_core::{AuthProvider, Purpose, transport::CookieTransport};
use fauth_testing::{TestUser, at_once};
use h2::{RecvStream, SendStream, client::SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

type Auth = AuthProvider<TestUser>;

/// Switches to what is sent to and fro, as axum's `WebSocketUpgrade` does, and sends everything
/// back.
async fn echo(user: CurrentUser<TestUser>, request: Request<Body>) -> StatusCode {
    assert_eq!(user.name, "alice");
    tokio::spawn(async move {
        let mut stream = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
        let mut received = [0; 16];
        while let Ok(length @ 1..) = stream.read(&mut received).await {
            stream.write_all(received.get(..length).unwrap()).await.unwrap();
        }
    });
    StatusCode::OK
}

/// A connection to an application with a WebSocket in a group, and one whose handler asks for the
/// user itself.
async fn connect(auth: &Auth) -> SendRequest<Bytes> {
    let group = SecureRouter::new(auth).route("/echo", any(echo)).route("/panel", get(async || "in"));
    let app = Router::new().nest_service("/group", group).route("/echo", any(echo)).with_state(auth.clone());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let (client, connection) =
        h2::client::handshake(TcpStream::connect(address).await.unwrap()).await.unwrap();
    tokio::spawn(connection);
    let client = client.ready().await.unwrap();
    // The settings of the server arrive by themselves.
    while !client.is_extended_connect_protocol_enabled() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    client
}

/// What came back, with both directions of the stream.
struct Answer {
    status: StatusCode,
    sending: SendStream<Bytes>,
    receiving: RecvStream,
}

impl Answer {
    /// The next bytes that the server sends.
    async fn next(&mut self) -> Bytes {
        let received = tokio::time::timeout(Duration::from_secs(10), self.receiving.data());
        received.await.unwrap().unwrap().unwrap()
    }
}

async fn send(
    client: &SendRequest<Bytes>,
    path: &str,
    headers: &[(&str, &str)],
    protocol: Option<&str>,
) -> Answer {
    let mut builder = Request::builder().method("CONNECT");
    builder = match protocol {
        Some(_) => builder.uri(format!("http://app.example{path}")),
        // A plain CONNECT names nothing but where it wants to go.
        None => builder.uri("app.example:80"),
    };
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let mut request = builder.body(()).unwrap();
    if let Some(protocol) = protocol {
        request.extensions_mut().insert(h2::ext::Protocol::from(protocol));
    }
    let mut client = client.clone().ready().await.unwrap();
    let (response, sending) = client.send_request(request, false).unwrap();
    let (parts, receiving) = response.await.unwrap().into_parts();
    Answer { status: parts.status, sending, receiving }
}

async fn assert_echoes(mut answer: Answer) {
    assert_eq!(answer.status, StatusCode::OK);
    answer.sending.send_data(Bytes::from_static(b"hi"), false).unwrap();
    assert_eq!(&*answer.next().await, b"hi");
}

#[tokio::test]
async fn a_guard_lets_a_websocket_over_http2_through() {
    let auth: Auth = fauth_testing::provider().build().unwrap();
    let client = connect(&auth).await;
    let token = at_once(auth.issue(Purpose::Access, "alice")).unwrap();
    let bearer = format!("Bearer {}", token.expose());
    for path in ["/group/echo", "/echo"] {
        assert_echoes(send(&client, path, &[("authorization", &bearer)], Some("websocket")).await).await;
        for (headers, status) in [
            (vec![], StatusCode::UNAUTHORIZED),
            (vec![("authorization", "Bearer x")], StatusCode::UNAUTHORIZED),
            (vec![("authorization", "Bearer")], StatusCode::BAD_REQUEST),
        ] {
            let mut refused = send(&client, path, &headers, Some("websocket")).await;
            assert_eq!(refused.status, status, "{path}");
            assert!(String::from_utf8_lossy(&refused.next().await).contains("\"error\""), "{path}");
        }
    }
    let unknown = send(&client, "/group/none", &[], Some("websocket")).await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn other_tunnels_stay_refused() {
    let auth: Auth = fauth_testing::provider().build().unwrap();
    let client = connect(&auth).await;
    let token = at_once(auth.issue(Purpose::Access, "alice")).unwrap();
    let bearer = format!("Bearer {}", token.expose());
    let headers = [("authorization", &*bearer)];
    let udp = send(&client, "/group/echo", &headers, Some("connect-udp")).await;
    assert_eq!(udp.status, StatusCode::METHOD_NOT_ALLOWED);
    let plain = send(&client, "", &headers, None).await;
    assert!(plain.status.is_client_error(), "{}", plain.status);
}

#[tokio::test]
async fn a_cookie_needs_proof_of_origin_for_it() {
    let auth: Auth = fauth_testing::provider().transport(CookieTransport::new()).build().unwrap();
    let client = connect(&auth).await;
    let token = at_once(auth.issue(Purpose::Access, "alice")).unwrap();
    let cookie = format!("__Host-session={}", token.expose());
    for path in ["/group/echo", "/echo"] {
        for foreign in
            [None, Some(("origin", "https://evil.example")), Some(("sec-fetch-site", "cross-site"))]
        {
            let headers: Vec<_> = [("cookie", &*cookie)].into_iter().chain(foreign).collect();
            let refused = send(&client, path, &headers, Some("websocket")).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path} {foreign:?}");
        }
        // Over HTTP/2 the own host stands in `:authority`.
        let headers = [("cookie", &*cookie), ("origin", "https://app.example")];
        assert_echoes(send(&client, path, &headers, Some("websocket")).await).await;
    }
}

#[tokio::test]
async fn a_token_in_the_url_opens_it() {
    let auth: Auth = fauth_testing::provider().danger_query_token("token").build().unwrap();
    let client = connect(&auth).await;
    let token = at_once(auth.issue(Purpose::Access, "alice")).unwrap();
    let path = format!("/group/echo?token={}", token.expose());
    assert_echoes(send(&client, &path, &[("origin", "https://elsewhere.example")], Some("websocket")).await)
        .await;
    let refused = send(&client, "/group/echo?token=x", &[], Some("websocket")).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}
