//! A site of a test's own: one page, on a port of its own.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

/// Answers `GET /` with this HTML, and everything else with 404, until the process ends.
pub fn site(html: impl Into<String>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let html = html.into();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let html = html.clone();
            // Browsers open connections that they do not use at once.
            thread::spawn(move || answer(stream, &html));
        }
    });
    address
}

fn answer(mut stream: TcpStream, html: &str) {
    let mut request = [0; 4096];
    let Ok(length @ 1..) = stream.read(&mut request) else { return };
    let is_page = request.get(..length).is_some_and(|request| request.starts_with(b"GET / "));
    let (status, body) = if is_page { ("200 OK", html) } else { ("404 Not Found", "") };
    let head = "content-type: text/html; charset=utf-8\r\nconnection: close";
    let length = body.len();
    // It may have gone away.
    let _ = write!(stream, "HTTP/1.1 {status}\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}");
}
