//! The load: `wrk`, one thread, keep-alive connections, a request as a browser sends it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::Fault;
use crate::process::{LOAD_CORE, pinned};

/// What wrk saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) per_second: f64,
    /// Latency in microseconds: the median and the 99th percentile.
    pub(crate) latency: [f64; 2],
}

/// The header lines of a browser that opens a page, besides Host; `token` is the session's.
pub(crate) fn browser_headers(token: &str) -> Vec<String> {
    [
        "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/142.0.0.0 Safari/537.36",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "Accept-Language: zh-CN,zh;q=0.9,en;q=0.8",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Referer: https://app.example.com/items",
        "Upgrade-Insecure-Requests: 1",
        "Sec-CH-UA: \"Chromium\";v=\"142\", \"Google Chrome\";v=\"142\", \"Not_A Brand\";v=\"99\"",
        "Sec-CH-UA-Platform: \"Windows\"",
        "Sec-Fetch-Dest: document",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Site: same-origin",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain([format!("Cookie: theme=dark; app_session=0a1b2c3d4e5f60718293a4b5c6d7e8f9; menshen={token}")])
    .collect()
}

/// Loads `path` for some seconds; an error if any answer was not a success.
pub(crate) fn run(
    address: SocketAddr,
    path: &str,
    headers: &[String],
    connections: usize,
    seconds: u64,
) -> Result<Seen, Fault> {
    let mut command = pinned(LOAD_CORE, Path::new("wrk"));
    command.args(["-t", "1", "-c", &connections.to_string(), "-d", &format!("{seconds}s"), "--latency"]);
    for header in headers {
        command.args(["-H", header]);
    }
    let output = command.arg(format!("http://{address}{path}")).stderr(Stdio::inherit()).output()?;
    read(&String::from_utf8_lossy(&output.stdout))
}

fn read(text: &str) -> Result<Seen, Fault> {
    for bad in ["Socket errors:", "Non-2xx"] {
        if let Some(line) = text.lines().find(|line| line.contains(bad)) {
            return Err(format!("the load met errors: {}", line.trim()).into());
        }
    }
    let word = |marker: &str, index: usize| {
        let line = text.lines().find(|line| line.contains(marker))?;
        line.split_whitespace().nth(index)
    };
    let missing = || format!("wrk said nothing of use: {text}");
    let requests = word(" requests in ", 0).and_then(|text| text.parse().ok()).ok_or_else(missing)?;
    let per_second = word("Requests/sec:", 1).and_then(|text| text.parse().ok()).ok_or_else(missing)?;
    let latency = |marker| word(marker, 1).and_then(micros).ok_or_else(missing);
    Ok(Seen { requests, per_second, latency: [latency(" 50%")?, latency(" 99%")?] })
}

fn micros(text: &str) -> Option<f64> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text[..unit].parse().ok()?;
    let unit = match &text[unit..] {
        "us" => Duration::from_micros(1),
        "ms" => Duration::from_millis(1),
        "s" => Duration::from_secs(1),
        _ => return None,
    };
    Some(number * unit.as_secs_f64() * 1e6)
}
