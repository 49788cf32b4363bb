//! Where requests go, and what is said when nobody is there.

use std::net::SocketAddr;

use super::gateway::{Gateway, Options, routes};
use super::raw_client::Raw;
use super::upstream::App;
use menshen::proxy::ServeLimits;
use tokio::net::TcpListener;

const GET: &str = "GET /two HTTP/1.1\r\nHost: app.test\r\n\r\n";

/// A port nobody listens on.
async fn dead() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

async fn with_servers(servers: &[String], more: &str) -> Gateway {
    let list: Vec<String> = servers.iter().map(|server| format!("{server:?}")).collect();
    let tables = format!(
        "[[upstreams]]\nid = \"two\"\nservers = [{}]\n{more}\n\
         [[routes]]\npath = \"/two\"\nupstream = \"two\"\naccess = \"public\"\n",
        list.join(", ")
    );
    Gateway::start(Options { tables, limits: ServeLimits::default(), ..Options::default() }).await
}

#[tokio::test]
async fn servers_take_turns_and_a_dead_one_is_passed_over() {
    let (one, first) = App::tcp().await;
    let (two, second) = App::tcp().await;
    let dead = dead().await;
    let servers = [dead, first, second].map(|address| format!("http://{address}"));
    let gateway = with_servers(&servers, "").await;
    for _ in 0..9 {
        assert_eq!(Raw::ask(gateway.address, GET).await.status, 200);
    }
    let post = "POST /two HTTP/1.1\r\nHost: app.test\r\nContent-Length: 2\r\n\r\nhi";
    assert!(Raw::ask(gateway.address, post).await.text().contains("size=2 "));
    let (one, two) = (one.heads().len(), two.heads().len());
    assert_eq!(one + two, 10);
    assert!(one >= 3 && two >= 3, "{one} and {two}");
}

#[tokio::test]
async fn a_server_is_reached_by_name() {
    let (app, address) = App::tcp().await;
    let gateway = with_servers(&[format!("http://localhost:{}", address.port())], "").await;
    assert_eq!(Raw::ask(gateway.address, GET).await.status, 200);
    assert_eq!(app.heads().len(), 1);
}

#[tokio::test]
async fn a_server_is_reached_by_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let app = App::unix(&path).await;
    let gateway = with_servers(&[format!("unix:{}", path.display())], "").await;
    for _ in 0..3 {
        assert_eq!(Raw::ask(gateway.address, GET).await.status, 200);
    }
    assert_eq!(app.heads().len(), 3);
}

#[tokio::test]
async fn nobody_there_is_502_as_a_page_or_as_json_and_the_gateway_goes_on() {
    let gateway = with_servers(&[format!("http://{}", dead().await)], "").await;
    for _ in 0..3 {
        let answer = Raw::ask(gateway.address, GET).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (502, Some("upstream_down")));
        assert_eq!(answer.header("server"), None);
    }
    let page = "GET /two HTTP/1.1\r\nHost: app.test\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\n\r\n";
    let answer = Raw::ask(gateway.address, page).await;
    assert_eq!((answer.status, answer.header("content-type")), (502, Some("text/html; charset=utf-8")));
    assert!(answer.text().contains(answer.header("x-request-id").unwrap()));
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_502_and_no_panic() {
    let gateway = with_servers(&["http://no-such-name.invalid:80".into()], "").await;
    for _ in 0..2 {
        assert_eq!(Raw::ask(gateway.address, GET).await.status, 502);
    }
}

#[tokio::test]
async fn an_app_that_says_nothing_is_504() {
    let (_app, address) = App::tcp().await;
    let gateway = Gateway::before(address).await;
    let answer = Raw::ask(gateway.address, "GET /hurry/never HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    assert_eq!((answer.status, answer.json()["error"].as_str()), (504, Some("upstream_timeout")));
}

#[tokio::test]
async fn a_reload_moves_an_upstream_for_the_next_request() {
    let (one, first) = App::tcp().await;
    let (two, second) = App::tcp().await;
    let gateway = Gateway::before(first).await;
    let get = "GET /public HTTP/1.1\r\nHost: app.test\r\n\r\n";
    assert_eq!(Raw::ask(gateway.address, get).await.status, 200);
    gateway.reload(&routes(second));
    assert_eq!(Raw::ask(gateway.address, get).await.status, 200);
    assert_eq!((one.heads().len(), two.heads().len()), (1, 1));
}

/// A server reached by TLS whose certificate nobody vouches for gets no request.
#[tokio::test]
async fn an_unverified_server_is_not_spoken_to() {
    let certificate = super::serving::certificate("app.internal");
    let address = super::serving::tls_app(&certificate).await;
    let server = format!("https://127.0.0.1:{}", address.port());
    let named = "tls_name = \"app.internal\"";
    let gateway = with_servers(std::slice::from_ref(&server), named).await;
    assert_eq!(Raw::ask(gateway.address, GET).await.status, 502);

    let trusted = format!("{named}\ntls_ca_file = {:?}", certificate.cert);
    let gateway = with_servers(std::slice::from_ref(&server), &trusted).await;
    assert_eq!(Raw::ask(gateway.address, GET).await.status, 200);

    let other = format!("tls_name = \"other.internal\"\ntls_ca_file = {:?}", certificate.cert);
    let gateway = with_servers(&[server], &other).await;
    assert_eq!(Raw::ask(gateway.address, GET).await.status, 502);
}
