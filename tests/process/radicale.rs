//! An unmodified app from the distribution behind the gateway: Radicale, a calendar server that believes the header
//! `X-Remote-User`. The mission of the project in one file.

use std::path::Path;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use super::bench::{Bench, plain};
use super::program::{LIMIT, Program, free_port};

/// Spellings that a WSGI server folds into the one that Radicale reads, and the plain one.
const SPELLINGS: [&str; 6] =
    ["X-Remote-User", "x-remote-user", "X_Remote_User", "x.remote.user", "X-REMOTE_USER", "XRemoteUser"];

const EVENT: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VEVENT\r\nUID:dinner\r\n\
                     DTSTAMP:20260101T000000Z\r\nDTSTART:20260102T180000Z\r\nDTEND:20260102T200000Z\r\n\
                     SUMMARY:Dinner of {who}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

struct Calendars {
    bench: Bench,
    port: u16,
    _radicale: Program,
    _gateway: Program,
}

impl Calendars {
    /// Radicale as Debian ships it, told to believe the header; the gateway, told to send it.
    async fn start() -> Self {
        let bench = Bench::new().await;
        let port = free_port();
        let file = bench.folder.path().join("radicale.conf");
        let folder = bench.folder.path().join("collections");
        let config = format!(
            "[server]\nhosts = 127.0.0.1:{port}\n[auth]\ntype = http_x_remote_user\n\
             [rights]\ntype = owner_only\n[web]\ntype = none\n[storage]\nfilesystem_folder = {}\n",
            folder.display()
        );
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new("/usr/bin/radicale");
        command.arg("--config").arg(&file).env_clear().env("PATH", "/usr/bin:/bin");
        let mut radicale = Program::start(command);
        let listens = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                assert!(radicale.has_ended().is_none(), "{}", radicale.err.text());
                tokio::task::yield_now().await;
            }
        };
        timeout(LIMIT, listens).await.unwrap();
        // The whole site needs a login, but for a second name that shows it to everybody.
        let app = format!("http://{}", bench.app.address);
        let config = bench.config().replace(&app, &format!("http://127.0.0.1:{port}"));
        bench.write(&format!(
            "{config}\n[[routes]]\nhost = \"open.test\"\nupstream = \"app\"\naccess = \"public\"\n\
             [headers]\nuser_id = \"X-Remote-User\"\n"
        ));
        let gateway = bench.start().await;
        Self { bench, port, _radicale: radicale, _gateway: gateway }
    }

    fn folder(&self) -> std::path::PathBuf {
        self.bench.folder.path().join("collections")
    }

    /// A request through the gateway.
    fn ask(&self, client: &Client, method: &str, path: &str) -> RequestBuilder {
        client.request(Method::from_bytes(method.as_bytes()).unwrap(), self.bench.url(path))
    }

    /// Logs in through WeChat; the browser, and the path that Radicale calls this person's own.
    async fn login(&self, person: &str) -> (Client, String) {
        self.bench.wechat.handle().set_current_person(person).unwrap();
        let client = super::bench::browser(super::bench::WECHAT);
        let page = self.ask(&client, "GET", "/.web/").header("accept", "text/html").send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK, "{}", page.url());
        let body = "<propfind xmlns=\"DAV:\"><prop><current-user-principal/></prop></propfind>";
        let found = self.ask(&client, "PROPFIND", "/").header("depth", "0").body(body).send().await.unwrap();
        assert_eq!(found.status(), 207);
        let text = found.text().await.unwrap();
        let (_, rest) = text.split_once("<current-user-principal><href>").unwrap_or_else(|| panic!("{text}"));
        (client, rest.split_once("</href>").unwrap().0.to_owned())
    }

    /// Makes a calendar with one event.
    async fn fill(&self, client: &Client, home: &str, who: &str) {
        let made = self.ask(client, "MKCALENDAR", &format!("{home}cal/")).send().await.unwrap();
        assert_eq!(made.status(), 201);
        let event = self.ask(client, "PUT", &format!("{home}cal/dinner.ics"));
        let event = event.header("content-type", "text/calendar").body(EVENT.replace("{who}", who));
        assert_eq!(event.send().await.unwrap().status(), 201);
    }
}

async fn text(response: Response, status: u16) -> String {
    assert_eq!(response.status(), status);
    response.text().await.unwrap()
}

/// All files below a folder; none if there is no folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// Acceptance: U8, M6a.
#[tokio::test]
async fn a_visitor_known_through_wechat_keeps_a_calendar_in_an_app_that_knows_nothing_of_it() {
    let calendars = Calendars::start().await;
    let (client, home) = calendars.login("zhang").await;
    calendars.fill(&client, &home, "zhang").await;
    let read = calendars.ask(&client, "GET", &format!("{home}cal/dinner.ics")).send().await.unwrap();
    assert!(text(read, 200).await.contains("SUMMARY:Dinner of zhang"));
    let listed = calendars.ask(&client, "PROPFIND", &format!("{home}cal/")).header("depth", "1");
    assert!(text(listed.send().await.unwrap(), 207).await.contains("dinner.ics"));
    let query = "<C:calendar-query xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\">\
                 <prop><getetag/><C:calendar-data/></prop><C:filter><C:comp-filter name=\"VCALENDAR\"/>\
                 </C:filter></C:calendar-query>";
    let reported = calendars.ask(&client, "REPORT", &format!("{home}cal/")).header("depth", "1").body(query);
    assert!(text(reported.send().await.unwrap(), 207).await.contains("SUMMARY:Dinner of zhang"));
    let deleted = calendars.ask(&client, "DELETE", &format!("{home}cal/dinner.ics")).send().await.unwrap();
    assert!(deleted.status().is_success(), "{}", deleted.status());
}

#[tokio::test]
async fn a_stranger_is_asked_to_log_in_and_leaves_nothing_behind() {
    let calendars = Calendars::start().await;
    let stranger = plain();
    for method in ["MKCALENDAR", "PUT", "PROPFIND", "REPORT", "DELETE", "GET", "OPTIONS"] {
        let request = calendars.ask(&stranger, method, "/somebody/cal/").body(EVENT);
        let answer = request.header("x-remote-user", "somebody").send().await.unwrap();
        assert_eq!(answer.status(), 401, "{method}");
    }
    let page = calendars.ask(&stranger, "GET", "/").header("accept", "text/html").send().await.unwrap();
    assert_eq!(page.status(), 303);
    assert_eq!(files(&calendars.folder()), Vec::<std::path::PathBuf>::new());
}

/// Acceptance: U8. Invariant 1.
#[tokio::test]
async fn nobody_becomes_somebody_else_by_sending_the_header() {
    let calendars = Calendars::start().await;
    let (zhang, zhangs) = calendars.login("zhang").await;
    calendars.fill(&zhang, &zhangs, "zhang").await;
    let (lina, linas) = calendars.login("lina").await;
    let name = zhangs.trim_matches('/');
    let event = format!("{zhangs}cal/dinner.ics");
    // The attack is real: without the gateway in front, the header is all it takes.
    let direct = format!("http://127.0.0.1:{}{event}", calendars.port);
    for spelling in ["X-Remote-User", "X_Remote_User"] {
        let answer = plain().get(&direct).header(spelling, name).send().await.unwrap();
        assert!(text(answer, 200).await.contains("Dinner of zhang"), "{spelling}");
    }
    let before = files(&calendars.folder());
    for spelling in SPELLINGS {
        let attempts = [
            // A stranger where everybody may pass, and a known visitor.
            (plain(), "open.test"),
            (lina.clone(), "127.0.0.1"),
        ];
        for (client, host) in attempts {
            for method in ["GET", "PROPFIND", "DELETE", "PUT", "MKCALENDAR"] {
                let path = if method == "MKCALENDAR" { format!("{zhangs}new/") } else { event.clone() };
                let request = calendars.ask(&client, method, &path).header("host", host);
                let request = request.header(spelling, name).body(if method == "PUT" { EVENT } else { "" });
                let answer = request.send().await.unwrap();
                assert!(answer.status().is_client_error(), "{spelling} {host} {method}: {}", answer.status());
                assert!(!answer.text().await.unwrap().contains("Dinner"));
            }
        }
    }
    assert_eq!(files(&calendars.folder()), before);
    // The header does not stand in the way of the visitor's own name either.
    let own = calendars.ask(&lina, "MKCALENDAR", &format!("{linas}cal/")).header("x-remote-user", name);
    assert_eq!(own.send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn two_people_have_separate_calendars() {
    let calendars = Calendars::start().await;
    let (zhang, zhangs) = calendars.login("zhang").await;
    let (lina, linas) = calendars.login("lina").await;
    assert_ne!(zhangs, linas);
    calendars.fill(&zhang, &zhangs, "zhang").await;
    calendars.fill(&lina, &linas, "lina").await;
    for (client, home, who) in [(&zhang, &zhangs, "zhang"), (&lina, &linas, "lina")] {
        let own = calendars.ask(client, "GET", &format!("{home}cal/dinner.ics")).send().await.unwrap();
        assert!(text(own, 200).await.contains(&format!("Dinner of {who}")));
    }
    for (client, home) in [(&zhang, &linas), (&lina, &zhangs)] {
        let other = calendars.ask(client, "GET", &format!("{home}cal/dinner.ics")).send().await.unwrap();
        assert_eq!(other.status(), 403);
    }
}
