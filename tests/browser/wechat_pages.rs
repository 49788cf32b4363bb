//! The simulated WeChat's own pages without our gateway: who navigates where after the phone has acted.
//!
//! "Item N" in a test's comment is the N-th simulator duty of the WeChat reference.

use std::time::Duration;

use menshen::ground::Span;
use menshen::simulator::{Config, DEMO_SERVICE_APP_ID, DEMO_WEBSITE_APP_ID, DoubleCallback, Simulator};
use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::chromium::Browser;
use crate::look::Look;

const PATIENCE: Duration = Duration::from_secs(30);

/// A website: `/` holds `page`, and every request to `/cb` is told.
struct Site {
    listener: TcpListener,
    page: String,
}

impl Site {
    async fn next_callback(&self) -> String {
        timeout(PATIENCE, self.serve_until_callback()).await.unwrap()
    }

    async fn serve_until_callback(&self) -> String {
        loop {
            let (mut stream, _) = self.listener.accept().await.unwrap();
            let mut head = vec![0; 8192];
            let length = stream.read(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..length]).into_owned();
            let body =
                if head.starts_with("GET / ") { self.page.as_str() } else { "<link rel=icon href=data:,>" };
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            if head.starts_with("GET /cb") {
                return head;
            }
        }
    }
}

async fn site() -> (Simulator, Site, u16) {
    let simulator = Simulator::start(Config::demo().with_domain("127.0.0.1")).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (simulator, Site { listener, page: String::new() }, port)
}

/// Item 7: embedded by the script, the top window or the frame itself goes to redirect_uri. The script's frame has no
/// sandbox that would allow it to leave, so browsers let it only where both are one site.
#[rstest]
#[case("false", true, "document")]
#[case("true", true, "iframe")]
#[case("false", false, "document")]
#[tokio::test]
async fn the_embedded_page_navigates(
    #[case] self_redirect: &str,
    #[case] agrees: bool,
    #[case] target: &str,
) {
    let (simulator, mut site, port) = site().await;
    site.page = format!(
        "<link rel=icon href=data:,><div id=box></div><script src=\"{}{}\"></script><script>new WxLogin({{id: 'box', \
         appid: '{DEMO_WEBSITE_APP_ID}', scope: 'snsapi_login', \
         redirect_uri: encodeURIComponent('http://127.0.0.1:{port}/cb?x=1'), state: 'st', \
         self_redirect: {self_redirect}}})</script>",
        simulator.base_url(),
        "/connect/zh_CN/htmledition/js/wxLogin.js"
    );
    let browser = Browser::open(Look::DESKTOP).await;
    let home = format!("http://127.0.0.1:{port}/");
    let handle = simulator.handle();
    let phone = async {
        browser.go(&home).await;
        let uuid = handle.next_waiting(Span::from_secs(30)).await.unwrap();
        handle.scan(&uuid, "zhang").unwrap();
        if agrees { handle.confirm(&uuid) } else { handle.refuse(&uuid) }.unwrap();
    };
    let (head, ()) = tokio::join!(site.next_callback(), phone);
    let expected = if agrees { "GET /cb?x=1&code=0" } else { "GET /cb?x=1&state=st " };
    assert!(head.starts_with(expected), "{head}");
    assert!(head.contains(&format!("Sec-Fetch-Dest: {target}\r\n")), "{head}");
    browser.close().await;
    simulator.stop().await;
}

/// Item 8: double callback from the visitor's own browser.
#[tokio::test]
async fn wechats_browser_delivers_the_same_code_twice() {
    let (simulator, site, port) = site().await;
    simulator.handle().set_double_callback(DoubleCallback::Browser);
    let browser = Browser::open(Look::WECHAT).await;
    let address = format!(
        "{}/connect/oauth2/authorize?appid={DEMO_SERVICE_APP_ID}&redirect_uri=http%3A%2F%2F127.0.0.1%3A{port}%2Fcb\
         &response_type=code&scope=snsapi_base&state=s1#wechat_redirect",
        simulator.base_url()
    );
    let twice = async { (site.next_callback().await, site.next_callback().await) };
    let ((first, second), ()) = tokio::join!(twice, browser.go(&address));
    assert_eq!(first.lines().next(), second.lines().next());
    assert!(second.contains("Sec-Fetch-Dest: document\r\n"), "{second}");
    browser.close().await;
    simulator.stop().await;
}
