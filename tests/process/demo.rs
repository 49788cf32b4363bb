//! `menshen demo`: what somebody meets who tries it for the first time.

use std::net::TcpListener;
use std::path::Path;

use super::bench::{WECHAT, browser};
use super::program::{Program, free_port, menshen};

fn demo(port: u16, wechat: u16, data: &Path) -> Program {
    let (port, wechat) = (port.to_string(), wechat.to_string());
    let arguments = ["demo", "--port", &port, "--wechat-port", &wechat, "--data", data.to_str().unwrap()];
    Program::start(menshen(&arguments))
}

#[tokio::test]
async fn a_session_outlives_a_restart_of_the_demo_with_the_same_data() {
    let folder = tempfile::tempdir().unwrap();
    let (port, wechat) = (free_port(), free_port());
    let home = format!("http://127.0.0.1:{port}/");
    let visitor = browser(WECHAT);
    let page = || async {
        let response = visitor.get(&home).header("accept", "text/html").send().await.unwrap();
        let url = response.url().to_string();
        (url, response.error_for_status().unwrap().text().await.unwrap())
    };
    let mut first = demo(port, wechat, folder.path());
    first.out.with("Ctrl-C ends it").await;
    let switch = format!("http://127.0.0.1:{wechat}/_sim/switches");
    let switched = browser("").post(switch).body("{\"consent\": \"silent\"}").send().await.unwrap();
    assert_eq!(switched.status(), 200);
    let (url, greeted) = page().await;
    assert_eq!(url, home);
    assert!(greeted.contains("Hello, 张伟!") && greeted.contains("X-User-ID"), "{greeted}");
    first.signal("TERM");
    assert!(first.ended().await.success(), "{}", first.err.text());

    let mut second = demo(port, wechat, folder.path());
    second.out.with("Ctrl-C ends it").await;
    // The new simulator would ask for consent: only a session leads straight to the app.
    let (url, again) = page().await;
    assert_eq!(url, home);
    assert!(again.contains("Hello, 张伟!"), "{again}");
    second.signal("INT");
    assert!(second.ended().await.success(), "{}", second.err.text());
}

#[tokio::test]
async fn one_port_for_both_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let (code, _, err) = demo(port, port, &folder.path().join("data")).outcome().await;
    assert_eq!(code, Some(1));
    assert!(err.contains(&format!("--port and --wechat-port are both {port}")), "{err}");
    assert!(!folder.path().join("data").exists(), "nothing was made");
}

#[rstest::rstest]
#[case::of_the_gateway(true, "--port")]
#[case::of_the_simulator(false, "--wechat-port")]
#[tokio::test]
async fn a_taken_port_names_the_option_for_another(#[case] gateway: bool, #[case] option: &str) {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().map(|address| (taken, address.port())).unwrap();
    let free = free_port();
    let (port, wechat) = if gateway { (taken.1, free) } else { (free, taken.1) };
    let (code, _, err) = demo(port, wechat, folder.path()).outcome().await;
    assert_eq!(code, Some(1));
    assert!(err.contains(&format!("another port: {option})")), "{err}");
    assert!(err.contains(&taken.1.to_string()), "{err}");
    // Nothing of it runs on.
    assert!(TcpListener::bind(("127.0.0.1", free)).is_ok());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let (code, _, err) = demo(free_port(), free_port(), Path::new("/dev/null/data")).outcome().await;
    assert_eq!(code, Some(1));
    assert!(err.contains("cannot make the folder `/dev/null/data`; name another with --data"), "{err}");
}
