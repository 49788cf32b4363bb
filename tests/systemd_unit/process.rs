//! The program as systemd starts it: a notification socket, perhaps a listening socket, signals. Ends what it
//! started.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixDatagram};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(30);

/// Puts the socket that came as standard input where systemd puts it, then becomes the program.
const AS_SYSTEMD: &str = r#"exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" "$@""#;

/// A running gateway.
pub(crate) struct Gateway {
    child: Child,
    notes: UnixDatagram,
    folder: TempDir,
}

impl Gateway {
    pub(crate) async fn start(config: &str, held: Option<TcpListener>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("notify");
        let notes = UnixDatagram::bind(&socket).unwrap();
        let file = folder.path().join("menshen.toml");
        std::fs::write(&file, config).unwrap();
        let program = env!("CARGO_BIN_EXE_menshen");
        let mut command = match held {
            None => Command::new(program),
            Some(held) => {
                let mut command = Command::new("sh");
                command.args(["-c", AS_SYSTEMD, program]).stdin(Stdio::from(OwnedFd::from(held)));
                command
            }
        };
        command.args(["run", "--config"]).arg(&file).env("NOTIFY_SOCKET", &socket).kill_on_drop(true);
        let child = command.spawn().unwrap();
        Self { child, notes, folder }
    }

    pub(crate) fn write_config(&self, config: &str) {
        std::fs::write(self.folder.path().join("menshen.toml"), config).unwrap();
    }

    /// The next message, which must have this line.
    pub(crate) async fn hears(&mut self, line: &str) -> String {
        let mut buffer = [0; 4096];
        let length = tokio::select! {
            length = timeout(LIMIT, self.notes.recv(&mut buffer)) => length.unwrap().unwrap(),
            status = self.child.wait() => panic!("ended before {line}: {status:?}"),
        };
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        assert!(text.lines().any(|told| told == line), "{line} was expected, not {text}");
        text
    }

    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().await.unwrap().success());
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        timeout(LIMIT, self.child.wait()).await.unwrap().unwrap()
    }
}

/// The answer to one request.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    timeout(LIMIT, exchange).await.unwrap()
}
