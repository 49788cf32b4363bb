//! What this process logs, at the most verbose level, and what an error shows of itself.

use std::error::Error;
use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything that this process has logged, those parts of the HTTP library included that use the `log` crate.
pub(crate) fn log() -> String {
    static LOG: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();
    let log = LOG.get_or_init(|| {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || Log(writer.clone()))
            .try_init()
            .unwrap();
        log
    });
    String::from_utf8_lossy(&log.lock().unwrap()).into_owned()
}

/// The client's own log lines about calls to `host`.
pub(crate) fn lines(host: &str) -> Vec<String> {
    let mark = format!("host=\"{host}\"");
    log()
        .lines()
        .filter(|line| line.contains("menshen::wechat") && line.contains(&mark))
        .map(Into::into)
        .collect()
}

/// Everything that an error and its causes print.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        text += &format!("{error} {error:?} ");
        next = error.source();
    }
    text
}
