//! A small HTTP/1.1 client that hides nothing.

use std::{
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// No answer takes this long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// A GET.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST.
    pub fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// Sets a body of JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sets a body of form fields.
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", body)
    }

    fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(own, _)| own == name)
    }

    fn to_bytes(&self, address: SocketAddr) -> Vec<u8> {
        let mut lines = vec![format!("{} {} HTTP/1.1", self.method, self.path), format!("host: {address}")];
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        if !self.body.is_empty() {
            lines.push(format!("content-length: {}", self.body.len()));
        }
        let head = lines.join("\r\n");
        [head.as_bytes(), b"\r\n\r\n", &self.body].concat()
    }
}

/// What came back.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, without its transfer encoding.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header that occurs at most once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(own, _)| own == name).map(|(_, value)| &**value);
        let value = values.next();
        assert_eq!(values.next(), None, "{name} occurs twice");
        value
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body is UTF-8")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

/// A connection that can be used more than once.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("connected");
        Self { address, stream: BufReader::new(stream) }.patience(PATIENCE)
    }

    /// How long an answer may take, instead of the usual 20 seconds.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        self.stream.get_ref().set_read_timeout(Some(patience)).unwrap();
        self.stream.get_ref().set_write_timeout(Some(patience)).unwrap();
        self
    }

    /// One request on a connection of its own, which must carry nothing but the answer.
    pub fn exchange(address: SocketAddr, request: Request) -> Response {
        let mut connection = Self::open(address);
        if request.has_header("connection") {
            return connection.send(&request);
        }
        let response = connection.send(&request.header("connection", "close"));
        let mut rest = Vec::new();
        match connection.stream.read_to_end(&mut rest) {
            Ok(_) => {}
            // Who refuses a body without reading all of it resets the connection.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the connection stays open: {error}"),
        }
        assert_eq!(rest, b"", "bytes behind the answer");
        response
    }

    /// Sends a request and reads the answer.
    pub fn send(&mut self, request: &Request) -> Response {
        // A body that is too large may be refused before all of it is written.
        let _ = self.stream.get_mut().write_all(&request.to_bytes(self.address));
        loop {
            let response = self.read(&request.method);
            if response.status >= 200 {
                return response;
            }
        }
    }

    /// Sends bytes, whatever they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    fn read(&mut self, method: &str) -> Response {
        let status_line = self.line();
        let (version, rest) = status_line.split_at(9);
        assert_eq!(version, "HTTP/1.1 ");
        let status = rest[..3].parse().expect("a status");
        let mut response = Response { status, headers: Vec::new(), body: Vec::new() };
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(':') else { break };
            response.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if method != "HEAD" && status >= 200 && ![204, 304].contains(&status) {
            response.body = self.body(&response);
        }
        response
    }

    fn body(&mut self, head: &Response) -> Vec<u8> {
        let mut body = Vec::new();
        match (head.header("transfer-encoding"), head.header("content-length")) {
            (None, Some(length)) => {
                body.resize(length.parse().expect("a length"), 0);
                self.stream.read_exact(&mut body).expect("the whole body");
            }
            (Some("chunked"), None) => loop {
                let length = usize::from_str_radix(&self.line(), 16).expect("a length");
                let start = body.len();
                body.resize(start + length, 0);
                self.stream.read_exact(&mut body[start..]).expect("the whole chunk");
                assert_eq!(self.line(), "", "the end of a chunk");
                if length == 0 {
                    break;
                }
            },
            (None, None) => {
                self.stream.read_to_end(&mut body).expect("the whole body");
            }
            other => panic!("no way to frame a body: {other:?}"),
        }
        body
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        (&mut self.stream).take(16 * 1024).read_line(&mut line).expect("a line of the answer");
        line.strip_suffix("\r\n").unwrap_or_else(|| panic!("the answer breaks off: {line:?}")).to_owned()
    }
}
