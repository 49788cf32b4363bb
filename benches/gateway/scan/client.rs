//! The other end of a connection: asks, one request after the other, and reads event streams line by line.
//!
//! As little as these measurements need of HTTP/1.1, so that the load's core stays with the load. Every wait has a
//! limit, except the one for the next event.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::Fault;

const LIMIT: Duration = Duration::from_secs(15);

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer, its body as text.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Connection {
    /// Connects to `address`, from `source` if there is one.
    pub(crate) async fn open(address: SocketAddr, source: Option<SocketAddr>) -> Result<Self, Fault> {
        let socket = TcpSocket::new_v4()?;
        if let Some(source) = source {
            socket.bind(source)?;
        }
        let stream = timeout(LIMIT, socket.connect(address)).await??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends `request` and reads the whole answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Answer, Fault> {
        timeout(LIMIT, self.whole(request)).await.map_err(|_| "no whole answer in time")?
    }

    /// Sends `request` and reads the header of an answer that goes on for ever.
    pub(crate) async fn begin(&mut self, request: &[u8]) -> Result<Answer, Fault> {
        timeout(LIMIT, self.head(request)).await.map_err(|_| "no answer in time")?
    }

    /// The next line that holds something; `None` at the end.
    pub(crate) async fn line(&mut self) -> Result<Option<String>, Fault> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let line = String::from_utf8(line)?;
                if !line.trim_end().is_empty() {
                    return Ok(Some(line.trim_end().to_owned()));
                }
            } else if self.more().await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn more(&mut self) -> Result<usize, Fault> {
        // Ten thousand of them wait in this process; a buffer is there only while it holds something.
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
            self.stream.readable().await?;
        }
        Ok(self.stream.read_buf(&mut self.buffer).await?)
    }

    async fn head(&mut self, request: &[u8]) -> Result<Answer, Fault> {
        self.stream.write_all(request).await?;
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if self.more().await? == 0 {
                return Err("the connection ended before the answer".into());
            }
        };
        let head = String::from_utf8(self.buffer.drain(..end).collect())?;
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Ok(Answer { status: status.ok_or("an answer without a status")?, head, body: String::new() })
    }

    async fn whole(&mut self, request: &[u8]) -> Result<Answer, Fault> {
        let mut answer = self.head(request).await?;
        let length = answer.field("content-length").and_then(|text| text.parse::<usize>().ok());
        let length = length.ok_or_else(|| format!("an answer of unknown length: {}", answer.head))?;
        while self.buffer.len() < length {
            if self.more().await? == 0 {
                return Err("the connection ended within the answer".into());
            }
        }
        answer.body = String::from_utf8(self.buffer.drain(..length).collect())?;
        Ok(answer)
    }
}

impl Answer {
    /// The first field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields(name).next()
    }

    /// All fields of that name.
    pub(crate) fn fields(&self, name: &str) -> impl Iterator<Item = &str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}
