//! Listeners: TLS, limits, and the orderly end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::gateway::{Gateway, HOST, Options, routes};
use super::raw_client::{LIMIT, Raw};
use super::upstream::{App, header};
use menshen::proxy::{Certificate, Certificates, ServeLimits};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::ssl::{SslAcceptor, SslConnector, SslFiletype, SslMethod, SslVerifyMode};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509Builder, X509NameBuilder};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const GET: &str = "GET /public HTTP/1.1\r\nHost: app.test\r\n\r\n";

/// A certificate that vouches for itself, as files.
pub(super) struct Issued {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
    _folder: TempDir,
}

pub(super) fn certificate(host: &str) -> Issued {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", host).unwrap();
    let name = name.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    let names = SubjectAlternativeName::new().dns(host).build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (cert, key_file) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, builder.build().to_pem().unwrap()).unwrap();
    std::fs::write(&key_file, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    Issued { cert, key: key_file, _folder: folder }
}

/// An app that speaks TLS with this certificate.
pub(super) async fn tls_app(issued: &Issued) -> SocketAddr {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    acceptor.set_certificate_chain_file(&issued.cert).unwrap();
    acceptor.set_private_key_file(&issued.key, SslFiletype::PEM).unwrap();
    let acceptor = acceptor.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let ssl = openssl::ssl::Ssl::new(acceptor.context()).unwrap();
            let mut stream = tokio_openssl::SslStream::new(ssl, stream).unwrap();
            if Pin::new(&mut stream).accept().await.is_ok() {
                tokio::spawn(App::default().serve(stream));
            }
        }
    });
    address
}

fn entry(host: &str, issued: &Issued) -> Certificate {
    Certificate { host: host.into(), cert: issued.cert.clone(), key: issued.key.clone() }
}

/// A TLS connection; the names are the server's certificate and the protocol that was agreed on.
async fn tls_client(
    address: SocketAddr,
    host: &str,
    alpn: &[u8],
) -> (tokio_openssl::SslStream<TcpStream>, String, Option<String>) {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
    connector.set_verify(SslVerifyMode::NONE);
    connector.set_alpn_protos(alpn).unwrap();
    let ssl = connector.build().configure().unwrap().into_ssl(host).unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = tokio_openssl::SslStream::new(ssl, stream).unwrap();
    timeout(LIMIT, Pin::new(&mut stream).connect()).await.unwrap().unwrap();
    let certificate = stream.ssl().peer_certificate().unwrap();
    let name = certificate.subject_name().entries().next().unwrap().data().to_string().unwrap();
    let protocol =
        stream.ssl().selected_alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    (stream, name, protocol)
}

#[tokio::test]
async fn certificates_are_chosen_by_name_and_changed_while_running() {
    let (app, address) = App::tcp().await;
    let (one, two, three) = (certificate("fallback"), certificate("named"), certificate("wild"));
    let certificates =
        Certificates::load(&[entry("*", &one), entry(HOST, &two), entry("*.wild.test", &three)]);
    let certificates = Arc::new(certificates.unwrap());
    let tls = Some(certificates.clone());
    let gateway = Gateway::start(Options { tables: routes(address), tls, ..Options::default() }).await;
    let http1 = b"\x08http/1.1";
    for (host, name) in [(HOST, "named"), ("a.wild.test", "wild"), ("other.test", "fallback")] {
        assert_eq!(tls_client(gateway.address, host, http1).await.1, name, "{host}");
    }
    let (stream, ..) = tls_client(gateway.address, HOST, http1).await;
    let mut client = Raw::over(stream);
    client.send(GET).await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(header(&app.heads()[0], "x-forwarded-proto"), Some("https"));

    certificates.replace(&[entry("*", &three)]).unwrap();
    assert_eq!(tls_client(gateway.address, HOST, http1).await.1, "wild");
    client.send(GET).await;
    assert_eq!(client.answer().await.status, 200, "the open connection goes on");
    assert!(certificates.replace(&[Certificate { key: one.key.clone(), ..entry("*", &two) }]).is_err());
    assert_eq!(tls_client(gateway.address, HOST, http1).await.1, "wild", "a bad reload changes nothing");
}

#[tokio::test]
async fn http2_is_agreed_on_and_carries_identity() {
    let (app, address) = App::tcp().await;
    let issued = certificate(HOST);
    let tls = Some(Arc::new(Certificates::load(&[entry("*", &issued)]).unwrap()));
    let gateway = Gateway::start(Options { tables: routes(address), tls, ..Options::default() }).await;
    let token = gateway.visitor("ada").await;
    let (stream, _, protocol) = tls_client(gateway.address, HOST, b"\x02h2\x08http/1.1").await;
    assert_eq!(protocol.as_deref(), Some("h2"));
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("https://app.test/x")
        .header("cookie", "a=1")
        .header("cookie", format!("menshen={token}"))
        .header("cookie", "b=2")
        .header("x-user-id", "forged");
    let (response, _) = sender.send_request(request.body(()).unwrap(), true).unwrap();
    assert_eq!(timeout(LIMIT, response).await.unwrap().unwrap().status(), 200);
    let head = app.heads().pop().unwrap();
    assert_eq!(super::upstream::headers(&head, "cookie"), ["a=1; b=2"]);
    assert_eq!(super::upstream::headers(&head, "x-user-id"), ["ada"]);
    assert_eq!(header(&head, "host"), Some(HOST));
    let stranger = http::Request::post("https://app.test/x").body(()).unwrap();
    let (response, mut body) = sender.send_request(stranger, false).unwrap();
    body.send_data("hello".into(), true).unwrap();
    assert_eq!(timeout(LIMIT, response).await.unwrap().unwrap().status(), 401);
}

#[tokio::test]
async fn a_stop_lets_running_requests_finish_and_closes_idle_connections() {
    let (app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let mut idle = Raw::connect(gateway.address).await;
    idle.send(GET).await;
    assert_eq!(idle.answer().await.status, 200);
    let mut busy = Raw::connect(gateway.address).await;
    busy.send("GET /public/wait HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    timeout(LIMIT, app.waiting.notified()).await.unwrap();
    gateway.stop();
    idle.closed().await;
    app.go_on.notify_one();
    assert_eq!(busy.answer().await.status, 200);
    busy.closed().await;
    let address = gateway.address;
    gateway.ended().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_stop_cuts_what_is_still_busy_after_the_grace_time() {
    let (app, address) = App::tcp().await;
    let limits = ServeLimits { grace: Duration::from_millis(200), ..ServeLimits::default() };
    let gateway = Gateway::start(Options { tables: routes(address), limits, ..Options::default() }).await;
    let mut busy = Raw::connect(gateway.address).await;
    busy.send("GET /public/wait HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    timeout(LIMIT, app.waiting.notified()).await.unwrap();
    gateway.stop();
    gateway.ended().await;
    busy.closed().await;
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_for_its_turn() {
    let (_app, address) = App::tcp().await;
    let limits = ServeLimits { max_connections: 1, ..ServeLimits::default() };
    let gateway = Gateway::start(Options { tables: routes(address), limits, ..Options::default() }).await;
    let mut first = Raw::connect(gateway.address).await;
    first.send(GET).await;
    assert_eq!(first.answer().await.status, 200);
    let mut second = Raw::connect(gateway.address).await;
    second.send(GET).await;
    let early = timeout(Duration::from_millis(200), second.stream.readable()).await;
    assert!(early.is_err(), "answered beyond the limit");
    drop(first);
    assert_eq!(second.answer().await.status, 200);
}

#[tokio::test]
async fn a_header_that_drips_loses_its_connection() {
    let (_app, address) = App::tcp().await;
    let limits = ServeLimits { header: Duration::from_millis(200), ..ServeLimits::default() };
    let gateway = Gateway::start(Options { tables: routes(address), limits, ..Options::default() }).await;
    let mut client = Raw::connect(gateway.address).await;
    client.send("GET /public HTTP/1.1\r\nHost: ").await;
    client.closed().await;
    // The deadline is for headers: a connection between two requests outlives it.
    let mut client = Raw::connect(gateway.address).await;
    client.send(GET).await;
    assert_eq!(client.answer().await.status, 200);
    let closed = timeout(Duration::from_millis(400), client.stream.readable()).await;
    assert!(closed.is_err(), "closed between two requests");
    client.send(GET).await;
    assert_eq!(client.answer().await.status, 200);
}
