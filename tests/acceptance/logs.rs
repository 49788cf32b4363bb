//! What an operator reads: the log lines of this test's thread while it runs.
//!
//! Only for tests on one thread (the usual `#[tokio::test]`), where everything that logs runs.

use std::io::Write;
use std::sync::{Arc, Mutex, Once};

use tracing::subscriber::DefaultGuard;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(crate) struct Logs {
    sink: Sink,
    _guard: DefaultGuard,
}

impl Logs {
    /// Everything at `info` and above, from now on.
    pub(crate) fn start() -> Self {
        static OTHERS: Once = Once::new();
        // Whether a line is wanted by anybody is remembered for all threads, and tests end while others begin: one
        // listener that stays keeps the answer the same.
        OTHERS.call_once(|| {
            let deaf = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO);
            tracing::subscriber::set_global_default(deaf.with_writer(std::io::sink).finish()).unwrap();
        });
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        Self { sink, _guard: tracing::subscriber::set_default(subscriber) }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.sink.0.lock().unwrap().clone()).unwrap()
    }

    /// The audit lines of this event.
    pub(crate) fn events(&self, name: &str) -> Vec<String> {
        self.lines(&format!("event=\"{name}\""))
    }

    /// The lines that contain `words`.
    pub(crate) fn lines(&self, words: &str) -> Vec<String> {
        self.text().lines().filter(|line| line.contains(words)).map(str::to_owned).collect()
    }
}
