//! One request at a time, for looking whether a candidate does what it is about to be measured for.
//!
//! Blocking, with a limit on every wait; never part of the load.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::Fault;

const LIMIT: Duration = Duration::from_secs(5);

/// An answer as text.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Connects with a limit on connecting and on every read and write.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// GETs `path` on a connection of its own; `headers` are whole lines without their ends.
pub(crate) fn get(address: SocketAddr, path: &str, headers: &[String]) -> Result<Answer, Fault> {
    let mut stream = connect(address)?;
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").ok_or("an answer without a header")?;
    let status =
        head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("an answer without a status")?;
    Ok(Answer { status, body: body.to_owned() })
}

/// Asks again and again until `path` answers 200; the error tells the last answer.
pub(crate) fn wait_for(address: SocketAddr, path: &str, limit: Duration) -> Result<(), Fault> {
    let began = Instant::now();
    loop {
        let last = match get(address, path, &[]) {
            Ok(answer) if answer.status == 200 => return Ok(()),
            Ok(answer) => format!("it answers {}", answer.status),
            Err(error) => error.to_string(),
        };
        if began.elapsed() > limit {
            return Err(format!("not ready after {} s: {last}", limit.as_secs()).into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
