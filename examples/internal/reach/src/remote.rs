//! An instance as its clients see it.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use fauth_core::BoxError;
use futures_util::StreamExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue},
};

/// A process that is killed when this is dropped.
pub(crate) struct Remote {
    child: Child,
    address: SocketAddr,
}

impl Remote {
    pub(crate) fn start(redis: Option<&str>) -> Result<Self, BoxError> {
        let mut command = Command::new(env::current_exe()?);
        let mut child = command.arg("instance").args(redis).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
        let address = line.trim().parse().map_err(|_| "the instance does not start")?;
        Ok(Self { child, address })
    }

    /// The access token of a new login.
    pub(crate) async fn enter(&self, name: &str) -> Result<String, BoxError> {
        self.post(&format!("/enter/{name}"), None).await
    }

    pub(crate) async fn log_out(&self, token: &str) -> Result<(), BoxError> {
        self.post("/logout", Some(token)).await.map(drop)
    }

    async fn post(&self, path: &str, token: Option<&str>) -> Result<String, BoxError> {
        let authorization =
            token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\n{authorization}content-length: 0\r\nconnection: close\r\n\r\n",
            self.address
        );
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("half an answer")?;
        if !head.starts_with("HTTP/1.1 2") {
            return Err(format!("{path}: {head}").into());
        }
        Ok(body.to_owned())
    }

    /// A socket that is open on both sides.
    pub(crate) async fn open(&self, path: &str, token: &str) -> Result<Socket, BoxError> {
        let mut request = format!("ws://{}{path}", self.address).into_client_request()?;
        let authorization = HeaderValue::try_from(format!("Bearer {token}"))?;
        request.headers_mut().insert("authorization", authorization);
        let (mut stream, _) = connect_async(request).await?;
        match stream.next().await {
            Some(Ok(Message::Text(_))) => Ok(Socket(stream)),
            other => Err(format!("not open, but {other:?}").into()),
        }
    }

    /// Bytes of memory that are in use.
    pub(crate) fn resident(&self) -> Result<u64, BoxError> {
        Ok(1024 * field(&fs::read_to_string(self.proc("status"))?, "VmRSS:")?)
    }

    /// How often its threads have begun to wait so far.
    pub(crate) fn waits(&self) -> Result<u64, BoxError> {
        let mut waits = 0;
        for task in fs::read_dir(self.proc("task"))? {
            let status = fs::read_to_string(task?.path().join("status"))?;
            waits += field(&status, "voluntary_ctxt_switches:")?;
        }
        Ok(waits)
    }

    /// Hundredths of a second of CPU time that it has used so far.
    pub(crate) fn ticks(&self) -> Result<u64, BoxError> {
        let stat = fs::read_to_string(self.proc("stat"))?;
        let (_, after_name) = stat.rsplit_once(") ").ok_or("no name")?;
        let mut words = after_name.split(' ').skip(11);
        let mut next = || words.next().and_then(|word| word.parse::<u64>().ok()).ok_or("no CPU time");
        Ok(next()? + next()?)
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.child.id())
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn field(text: &str, name: &str) -> Result<u64, BoxError> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such field")?;
    Ok(line.split_whitespace().next().ok_or("no value")?.parse()?)
}

pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// When the server has closed it, with which code.
    pub(crate) async fn closed(mut self) -> Result<(Instant, u16), BoxError> {
        match self.0.next().await {
            Some(Ok(Message::Close(Some(frame)))) => Ok((Instant::now(), frame.code.into())),
            other => Err(format!("not closed, but {other:?}").into()),
        }
    }
}
