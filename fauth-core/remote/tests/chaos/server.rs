//! A server of which each test says, byte for byte, what it sends.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        version::{TLS12, TLS13},
    },
};

/// A certificate authority that no system trusts.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("authority of the tests")
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    fn acceptor(&self, host: &str, age: Age) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        if matches!(age, Age::Expired) {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS12, &TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Age {
    Good,
    Expired,
}

/// What is sent after a request.
#[derive(Clone)]
pub(crate) enum Answer {
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// The first bytes, then the second again and again until nobody reads any more.
    Endless(Vec<u8>, Vec<u8>),
    /// Each byte by itself, after this time.
    Dripping(Vec<u8>, Duration),
    /// Nothing, and the connection stays open.
    Silence,
    /// The end.
    HangUp,
}

pub(crate) fn response(status: &str, headers: &[&str], body: &str) -> Answer {
    let mut head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    Answer::Bytes(format!("{head}\r\n{body}").into_bytes())
}

pub(crate) fn ok(body: &str) -> Answer {
    response("200 OK", &[], body)
}

/// Ends with the test.
pub(crate) struct Server {
    address: SocketAddr,
    scheme: &'static str,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    /// For every path that is not among the others.
    answer: Mutex<Answer>,
    at: Mutex<HashMap<String, Answer>>,
    requests: Mutex<Vec<String>>,
    sent: Mutex<usize>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn https(authority: &Authority, answer: Answer) -> Self {
        Self::with_certificate(authority, "localhost", Age::Good, answer).await
    }

    pub(crate) async fn with_certificate(
        authority: &Authority,
        host: &str,
        age: Age,
        answer: Answer,
    ) -> Self {
        Self::start(Some(authority.acceptor(host, age)), answer).await
    }

    pub(crate) async fn http(answer: Answer) -> Self {
        Self::start(None, answer).await
    }

    async fn start(tls: Option<TlsAcceptor>, answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let state = Arc::new(State {
            answer: Mutex::new(answer),
            at: Mutex::default(),
            requests: Mutex::default(),
            sent: Mutex::default(),
        });
        let task = tokio::spawn(accept(listener, tls, Arc::clone(&state)));
        Self { address, scheme, state, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", self.scheme, self.address.port())
    }

    /// From now on.
    pub(crate) fn answers(&self, answer: Answer) {
        *self.state.answer.lock().unwrap() = answer;
    }

    /// From now on, at this path.
    pub(crate) fn answers_at(&self, path: &str, answer: Answer) {
        self.state.at.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// Every request, with its headers.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }

    /// How many bytes were taken of what was sent.
    pub(crate) fn sent(&self) -> usize {
        *self.state.sent.lock().unwrap()
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (tls, state) = (tls.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            match tls {
                None => serve(stream, &state).await,
                Some(tls) => serve_tls(tls, stream, &state).await,
            }
        });
    }
}

async fn serve_tls(tls: TlsAcceptor, stream: TcpStream, state: &State) {
    if let Ok(stream) = tls.accept(stream).await {
        serve(stream, state).await;
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, state: &State) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if !matches!(stream.read(&mut byte).await, Ok(1)) {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let at_path = state.at.lock().unwrap().get(path).cloned();
    let answer = at_path.unwrap_or_else(|| state.answer.lock().unwrap().clone());
    state.requests.lock().unwrap().push(head.to_ascii_lowercase());
    match answer {
        Answer::Bytes(bytes) => drop(send(&mut stream, state, &bytes).await),
        Answer::Endless(first, again) => {
            let mut going = send(&mut stream, state, &first).await;
            while going.is_ok() {
                going = send(&mut stream, state, &again).await;
            }
        }
        Answer::Dripping(bytes, pause) => {
            for byte in bytes {
                if send(&mut stream, state, &[byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(pause).await;
            }
        }
        Answer::Silence => std::future::pending().await,
        Answer::HangUp => {}
    }
    drop(stream.shutdown().await);
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), state: &State, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await?;
    *state.sent.lock().unwrap() += bytes.len();
    Ok(())
}
