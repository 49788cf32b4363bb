//! The README's nginx snippet, taken from the README itself, in a real nginx: nginx stays in front, asks the gateway
//! whether a request may pass (`auth_request`), and forwards it to an app that knows nothing of either.
#![allow(clippy::unwrap_used, missing_docs)]

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::any;
use menshen::config::Config;
use menshen::ground::SystemClock;
use menshen::server::{self, Running};
use menshen::simulator::{self, Consent, Simulator};
use reqwest::redirect::Policy;
use tempfile::TempDir;

const WECHAT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 16_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
    Mobile/15E148 MicroMessenger/8.0.62(0x18003e33) NetType/4G Language/zh_CN";

/// nginx, ended by its id when the test is over.
struct Nginx {
    child: Child,
    _folder: TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The one nginx block of the README, pointed at these addresses.
fn snippet(gateway: SocketAddr, app: SocketAddr) -> String {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let chinese = std::fs::read_to_string("README.zh-CN.md").unwrap();
    let block = |text: &str| text.split("```nginx\n").nth(1).unwrap().split("```").next().unwrap().to_owned();
    assert_eq!(block(&readme), block(&chinese), "both READMEs show the same snippet");
    block(&readme).replace("127.0.0.1:8080", &gateway.to_string()).replace("127.0.0.1:3000", &app.to_string())
}

fn start_nginx(port: u16, gateway: SocketAddr, app: SocketAddr) -> Nginx {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display();
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temp: String = temp.map(|name| format!("{name}_temp_path {root}/{name};\n")).concat();
    let config = format!(
        "daemon off; master_process off; pid {root}/pid; error_log stderr;\n\
         events {{ worker_connections 64; }}\n\
         http {{ access_log off; {temp} server {{ listen 127.0.0.1:{port}; {} }} }}\n",
        snippet(gateway, app)
    );
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, config).unwrap();
    let child = Command::new("/usr/sbin/nginx")
        .args(["-p", &root.to_string(), "-c", &file.display().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("nginx is missing: `make test` installs it");
    let nginx = Nginx { child, _folder: folder };
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "nginx did not start");
        std::thread::yield_now();
    }
    nginx
}

/// An app that answers with the identity headers it got.
async fn start_app() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let echo = |headers: HeaderMap| async move {
        let ours = headers.iter().filter(|(name, _)| name.as_str().starts_with("x-user-"));
        ours.map(|(name, value)| format!("{name}={}\n", value.to_str().unwrap())).collect::<String>()
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(any(echo))).await });
    address
}

struct World {
    front: String,
    gateway: Running,
    simulator: Simulator,
    _nginx: Nginx,
}

async fn world() -> World {
    let simulator = Simulator::start(simulator::Config::demo()).await.unwrap();
    simulator.handle().set_consent(Consent::Silent);
    let app = start_app().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway_address = listener.local_addr().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let wechat = simulator.base_url();
    let text = format!(
        r#"
        [server]
        public_url = "http://127.0.0.1:{port}"
        trusted_proxies = ["127.0.0.1"]
        verification_files = {{ "MP_verify_aB3dE5fG7h.txt" = "aB3dE5fG7h" }}
        [store]
        url = "embedded:memory"
        [wechat]
        api = "{wechat}"
        api_backup = ""
        open = "{wechat}"
        mp = "{wechat}"
        [log]
        access = false
        [[pools]]
        id = "people"
        [[apps]]
        id = "service"
        kind = "official_account"
        app_id = "{app_id}"
        secret = "{secret}"
        pool = "people"
        [[methods]]
        id = "wechat"
        kind = "official_account_web"
        app = "service"
        [[upstreams]]
        id = "app"
        servers = ["http://{app}"]
        [[routes]]
        path = "/"
        upstream = "app"
        "#,
        app_id = simulator::DEMO_SERVICE_APP_ID,
        secret = simulator::DEMO_SERVICE_SECRET,
    );
    let config = Config::parse(Path::new("nginx.toml"), &text, []).unwrap();
    let gateway = server::start_with(config, Arc::new(SystemClock), vec![listener]).await.unwrap();
    let nginx = start_nginx(port, gateway_address, app);
    World { front: format!("http://127.0.0.1:{port}"), gateway, simulator, _nginx: nginx }
}

fn browser(policy: Policy) -> reqwest::Client {
    let mut headers = HeaderMap::new();
    headers.insert("accept", "text/html".parse().unwrap());
    headers.insert("sec-fetch-mode", "navigate".parse().unwrap());
    headers.insert("sec-fetch-dest", "document".parse().unwrap());
    let builder = reqwest::Client::builder().user_agent(WECHAT).default_headers(headers).redirect(policy);
    builder.cookie_store(true).no_proxy().timeout(Duration::from_secs(20)).build().unwrap()
}

/// Acceptance: M6a, U8.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_nginx_a_stranger_logs_in_and_the_app_learns_who_came() {
    let world = world().await;
    let page = format!("{}/cart?item=1", world.front);
    let stranger = browser(Policy::none()).get(&page).header("x-user-id", "forged").send().await.unwrap();
    assert_eq!(stranger.status(), 303, "nginx sends a stranger to the login page");

    let visitor = browser(Policy::limited(10));
    let landed = visitor.get(&page).send().await.unwrap();
    assert_eq!(landed.status(), 200);
    assert_eq!(landed.url().as_str(), page, "the page first asked for");
    let seen = landed.text().await.unwrap();
    let id = seen.lines().find_map(|line| line.strip_prefix("x-user-id=")).unwrap().to_owned();

    let forging = visitor.get(&page).header("x-user-id", "forged").send().await.unwrap();
    let seen = forging.text().await.unwrap();
    assert!(seen.contains(&format!("x-user-id={id}\n")), "{seen}");
    assert!(!seen.contains("forged"), "{seen}");

    world.gateway.stop().await;
    world.simulator.stop().await;
}

/// Acceptance: M6c, for a gateway that is only asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_nginx_a_verification_file_is_answered_without_a_login() {
    let world = world().await;
    let ask = async |path: &str| {
        let answer = browser(Policy::none()).get(format!("{}{path}", world.front)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ask("/MP_verify_aB3dE5fG7h.txt").await, (200, "aB3dE5fG7h".to_owned()));
    // What is not one of ours is the app's, behind the login, wherever it lies.
    for path in ["/MP_verify_other.txt", "/notes.txt", "/a/MP_verify_aB3dE5fG7h.txt"] {
        assert_eq!(ask(path).await.0, 303, "{path}");
    }
    world.gateway.stop().await;
    world.simulator.stop().await;
}
