//! Certificates: a renewed one after a reload, old connections undisturbed, wrong ones refused.

use std::path::Path;
use std::process::Command;

use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode, SslVersion};
use tokio::net::TcpStream;

use super::bench::{Bench, serving};
use super::program::{LIMIT, Program};

/// A self-signed certificate for `name` in `cert.pem` and `key.pem`.
fn certify(folder: &Path, name: &str) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", &format!("/CN={name}"), "-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn config(bench: &Bench) -> String {
    let folder = bench.folder.path().display();
    let tls =
        format!("[[server.tls]]\nhost = \"*\"\ncert = \"{folder}/cert.pem\"\nkey = \"{folder}/key.pem\"\n");
    let config = bench.config().replacen("public_url = \"http://", "public_url = \"https://", 1);
    config.replacen("[store]", &format!("{tls}[store]"), 1)
}

/// A TLS connection over a blocking socket; small, and every byte is seen.
struct Connection(openssl::ssl::SslStream<std::net::TcpStream>);

impl Connection {
    async fn open(bench: &Bench) -> Self {
        let socket = TcpStream::connect(bench.address()).await.unwrap().into_std().unwrap();
        socket.set_nonblocking(false).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        tokio::task::spawn_blocking(move || {
            let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
            connector.set_verify(SslVerifyMode::NONE);
            connector.set_min_proto_version(Some(SslVersion::TLS1_2)).unwrap();
            let settings = connector.build().configure().unwrap().verify_hostname(false);
            Self(settings.connect("menshen.test", socket).unwrap())
        })
        .await
        .unwrap()
    }

    /// The name in the certificate that the gateway showed.
    fn certified(&self) -> String {
        let certificate = self.0.ssl().peer_certificate().unwrap();
        let mut names = certificate.subject_name().entries();
        names.next().unwrap().data().to_string().unwrap()
    }

    /// The status of one request, on this connection.
    async fn ask(mut self, path: &str) -> (u16, Self) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        tokio::task::spawn_blocking(move || {
            use std::io::{Read as _, Write as _};
            self.0.write_all(request.as_bytes()).unwrap();
            let mut answer = Vec::new();
            let mut byte = [0];
            while !answer.ends_with(b"\r\n\r\n") {
                self.0.read_exact(&mut byte).unwrap();
                answer.push(byte[0]);
            }
            let head = String::from_utf8(answer).unwrap().to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            let mut body = vec![0; length.parse().unwrap()];
            self.0.read_exact(&mut body).unwrap();
            (head[9..12].parse().unwrap(), self)
        })
        .await
        .unwrap()
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_after_a_reload_and_old_connections_live_on() {
    let bench = Bench::new().await;
    certify(bench.folder.path(), "first.test");
    bench.write(&config(&bench));
    let gateway = serving(Program::start(bench.command())).await;
    let old = Connection::open(&bench).await;
    assert_eq!(old.certified(), "first.test");
    let (status, old) = old.ask("/public").await;
    assert_eq!(status, 200);
    certify(bench.folder.path(), "second.test");
    gateway.signal("HUP");
    gateway.err.with("the new config is in force").await;
    let new = Connection::open(&bench).await;
    assert_eq!(new.certified(), "second.test");
    assert_eq!(new.ask("/public").await.0, 200);
    assert_eq!(old.certified(), "first.test");
    assert_eq!(old.ask("/public").await.0, 200);
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_refuses_the_reload_as_a_whole() {
    let bench = Bench::new().await;
    certify(bench.folder.path(), "first.test");
    bench.write(&config(&bench));
    let gateway = serving(Program::start(bench.command())).await;
    // The key of one and the certificate of another, and a change that would show.
    let cert = std::fs::read(bench.folder.path().join("cert.pem")).unwrap();
    certify(bench.folder.path(), "second.test");
    std::fs::write(bench.folder.path().join("cert.pem"), cert).unwrap();
    bench.write(&config(&bench).replace("access = \"public\"", "access = \"deny\""));
    gateway.signal("HUP");
    let line = gateway.err.with("the new config is refused").await;
    assert!(line.contains("server.tls: ") && line.contains("does not belong to the certificate"), "{line}");
    let connection = Connection::open(&bench).await;
    assert_eq!(connection.certified(), "first.test");
    assert_eq!(connection.ask("/public").await.0, 200);
}

#[tokio::test]
async fn tls_taken_out_of_the_config_stays_until_a_restart_and_says_so() {
    let bench = Bench::new().await;
    certify(bench.folder.path(), "first.test");
    bench.write(&config(&bench));
    let gateway = serving(Program::start(bench.command())).await;
    bench.write(&bench.config());
    gateway.signal("HUP");
    gateway.err.with("the new config is in force").await;
    let line = gateway.err.with("needs a restart").await;
    assert!(line.contains("server.tls"), "{line}");
    assert_eq!(Connection::open(&bench).await.ask("/public").await.0, 200);
}

#[tokio::test]
async fn a_bad_certificate_is_found_by_a_check() {
    let bench = Bench::new().await;
    certify(bench.folder.path(), "first.test");
    std::fs::write(bench.folder.path().join("key.pem"), "not a key").unwrap();
    bench.write(&config(&bench));
    let (code, _, err) = Program::start(bench.command_of("check")).outcome().await;
    assert_eq!(code, Some(78));
    assert!(err.contains("key.pem: not a readable PEM private key"), "{err}");
}
