//! A server that is not ours answers at our address.

use std::net::SocketAddr;

use menshen::doctor::Outcome::{Problem, Unknown};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::house::{House, assert_found};

/// Answers every request with the same bytes, and ends with its test.
pub(crate) struct PasserBy {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl PasserBy {
    pub(crate) async fn start(status: &'static str, headers: &'static str, body: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
                );
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        match stream.read_u8().await {
                            Ok(byte) => head.push(byte),
                            Err(_) => return,
                        }
                    }
                    // The client may be gone, which is its right.
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { address, task }
    }
}

impl Drop for PasserBy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn met(status: &'static str, headers: &'static str, body: &str) -> (menshen::doctor::Report, String) {
    let passer_by = PasserBy::start(status, headers, body.to_owned()).await;
    let mut house = House::with(|_| {}).await.close();
    let (old, new) = (house.public.clone(), format!("http://{}", passer_by.address));
    house.edit(&old, &new);
    (house.examine().await, new)
}

#[tokio::test]
async fn another_server_at_our_address_is_told() {
    let (report, public) = met("200 OK", "", "<!doctype html><h1>It works!</h1>").await;
    assert_found(&report, "public_address", &public, Problem, "another server answers: a web page");
    assert_found(&report, "push_address", "service", Problem, "another server answers");
    assert_found(&report, "verification_file", super::house::FILE, Problem, "something else");
}

#[tokio::test]
async fn a_proxy_without_its_gateway_is_told() {
    let (report, public) = met("502 Bad Gateway", "", "<html>502</html>").await;
    assert_found(&report, "public_address", &public, Problem, "does not reach the gateway");
}

#[tokio::test]
async fn an_address_that_leads_on_is_told_without_its_query() {
    let headers = "Location: https://www.example.com/x?token=hidden\r\n";
    let (report, public) = met("301 Moved Permanently", headers, "").await;
    assert_found(&report, "public_address", &public, Problem, "leads on to https://www.example.com/x ");
    assert!(report.findings.iter().all(|finding| !finding.to_string().contains("hidden")));
}

/// The page of a careless server may be endless.
#[tokio::test]
async fn a_page_without_measure_is_cut_and_judged() {
    let (report, public) = met("200 OK", "", &"x".repeat(2 * 1024 * 1024)).await;
    assert_found(&report, "public_address", &public, Problem, "something else, status 200");
    assert_found(&report, "callback_domain", "website", menshen::doctor::Outcome::Ok, "");
    assert_found(&report, "push_console", "service", Unknown, "");
}
