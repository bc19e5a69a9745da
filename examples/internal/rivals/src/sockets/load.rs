//! A closed loop of clients in one thread: each connection sends its request again as soon as it
//! has the whole answer. The thread asks its sockets in turns and never sleeps, so that it costs
//! the server nothing to wake it.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use crate::Result;

/// How long a server may be silent before it is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connections to one server, ready for use.
pub(super) struct Load {
    connections: Vec<Connection>,
    request: Vec<u8>,
    /// Every answer has as many bytes as the first.
    answer: usize,
    buffer: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// Bytes of the answer that have not arrived; none when it is time for the next request.
    outstanding: usize,
}

impl Load {
    /// Connects, and has the request answered once on each connection.
    pub(super) fn connect(server: SocketAddr, connections: usize, request: &[u8]) -> Result<Self> {
        let mut load =
            Self { connections: Vec::new(), request: request.to_vec(), answer: 0, buffer: vec![0; 4096] };
        for _ in 0..connections {
            let mut stream = TcpStream::connect(server)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(request)?;
            load.answer = read_answer(&mut stream, &mut load.buffer)?;
            stream.set_nonblocking(true)?;
            load.connections.push(Connection { stream, outstanding: 0 });
        }
        Ok(load)
    }

    /// Asks for so long. How many answers there were, and the time that it took until the last.
    pub(super) fn run(&mut self, time: Duration) -> Result<(u64, Duration)> {
        let begun = Instant::now();
        let mut answers = 0;
        for connection in &mut self.connections {
            connection.send(&self.request, self.answer)?;
        }
        let mut open = self.connections.len();
        let mut last = begun;
        let mut more = true;
        while open > 0 {
            let mut arrived = false;
            for connection in &mut self.connections {
                if connection.outstanding > 0 && connection.receive(&mut self.buffer)? {
                    answers += 1;
                    arrived = true;
                    if more {
                        connection.send(&self.request, self.answer)?;
                    } else {
                        open -= 1;
                    }
                }
            }
            let now = Instant::now();
            if arrived {
                last = now;
            } else if now - last > PATIENCE {
                return Err("the server is silent".into());
            }
            more &= now - begun < time;
        }
        Ok((answers, last - begun))
    }
}

impl Connection {
    fn send(&mut self, request: &[u8], answer: usize) -> io::Result<()> {
        // A kept connection with nothing in flight has room for a few hundred bytes.
        self.stream.write_all(request)?;
        self.outstanding = answer;
        Ok(())
    }

    /// Takes in what has arrived. Is the answer complete?
    fn receive(&mut self, buffer: &mut [u8]) -> Result<bool> {
        match self.stream.read(buffer) {
            Ok(0) => Err("the server has closed a connection".into()),
            Ok(bytes) => {
                let rest = self.outstanding.checked_sub(bytes).ok_or("an answer is longer than the first")?;
                self.outstanding = rest;
                Ok(rest == 0)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads one answer, which must be a success with a length. Its bytes.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<usize> {
    let mut bytes = 0;
    loop {
        let read = stream.read(buffer.get_mut(bytes..).unwrap_or_default())?;
        if read == 0 {
            return Err("the server has closed a connection".into());
        }
        bytes += read;
        let text = String::from_utf8_lossy(buffer.get(..bytes).unwrap_or_default()).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.ok_or("an answer has no length")?.trim().parse()?;
            if !head.starts_with("http/1.1 200") {
                return Err(format!("the answer is {:?}", head.lines().next().unwrap_or_default()).into());
            }
            if body.len() >= length {
                return Ok(bytes);
            }
        }
    }
}
