//! Memory: of an idle gateway, and how far it grows while a gibibyte streams through a guarded route.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::candidates::{App, Gateway, Settings};
use crate::process::Process;
use crate::{Fault, http};

const STREAM: u64 = 1 << 30;
const PIECE: usize = 64 * 1024;

/// All in bytes of resident memory.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Memory {
    pub(crate) idle: u64,
    /// The peak during the upload over what was there before it.
    pub(crate) upload: u64,
    pub(crate) download: u64,
}

/// Measures on a gateway of its own, just started and with default settings.
pub(crate) fn measure(folder: &Path, app: &App) -> Result<Memory, Fault> {
    let settings = Settings { access_log: true, ..Settings::default() };
    let gateway = Gateway::prepare(folder, app, "memory", &settings)?;
    let process = gateway.start()?.ready(gateway.address, "/pub/ready")?;
    // What a start leaves to be done in the background is done by then.
    std::thread::sleep(Duration::from_secs(1));
    let idle = process.resident()?;
    let upload = growth(&process, || upload(&gateway))?;
    let download = growth(&process, || download(&gateway))?;
    Ok(Memory { idle, upload, download })
}

fn growth(process: &Process, during: impl FnOnce() -> Result<(), Fault>) -> Result<u64, Fault> {
    process.forget_peak()?;
    let before = process.resident()?;
    during()?;
    Ok(process.peak()?.saturating_sub(before))
}

fn head(gateway: &Gateway, line: &str, length: u64) -> String {
    let Gateway { address, token, .. } = gateway;
    format!(
        "{line} HTTP/1.1\r\nHost: {address}\r\nCookie: menshen={token}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn upload(gateway: &Gateway) -> Result<(), Fault> {
    let mut stream = http::connect(gateway.address)?;
    stream.write_all(head(gateway, "PUT /app/upload", STREAM).as_bytes())?;
    let piece = vec![b'u'; PIECE];
    for _ in 0..STREAM / PIECE as u64 {
        stream.write_all(&piece)?;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let whole = answer.starts_with("HTTP/1.1 200") && answer.ends_with(&STREAM.to_string());
    if whole { Ok(()) } else { Err(format!("the upload did not arrive whole: {answer}").into()) }
}

fn download(gateway: &Gateway) -> Result<(), Fault> {
    let mut stream = http::connect(gateway.address)?;
    stream.write_all(head(gateway, &format!("GET /app/stream/{STREAM}"), 0).as_bytes())?;
    let mut piece = vec![0; PIECE];
    let (mut body, mut header) = (0, Vec::new());
    let mut pause_at = 0;
    loop {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            break;
        }
        if body > 0 {
            body += read as u64;
        } else {
            header.extend_from_slice(&piece[..read]);
            if let Some(at) = header.windows(4).position(|window| window == b"\r\n\r\n") {
                body = (header.len() - at - 4) as u64;
            }
        }
        // A visitor who is slower than the app: the gateway must wait too, not gather.
        if body > pause_at {
            pause_at += 4 << 20;
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    let whole = header.starts_with(b"HTTP/1.1 200") && body == STREAM;
    if whole { Ok(()) } else { Err(format!("the download did not arrive whole: {body} bytes").into()) }
}
