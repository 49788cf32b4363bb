//! Everything the program writes, at its most talkative, searched for everything that must never be written.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use menshen::ground::Span;
use menshen::simulator::Fault;
use reqwest::{Client, Url};
use serde_json::Value;

use super::bench::{Bench, WECHAT, builder, serving};
use super::program::Program;

/// What must not be written, with a word on what it is.
type Found = Arc<Mutex<BTreeSet<(String, String)>>>;

fn note(found: &Found, what: &str, value: &str) {
    assert!(value.len() >= 8, "{what} `{value}` is too short to be searched for");
    found.lock().unwrap().insert((what.to_owned(), value.to_owned()));
}

/// Stands between gateway and WeChat and notes the tokens that pass.
async fn tapped(wechat: &str, found: &Found) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let state = (wechat.to_owned(), Arc::clone(found), super::bench::plain());
    let router = Router::new().fallback(tap).with_state(state);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

async fn tap(State((wechat, found, client)): State<(String, Found, Client)>, request: Request) -> Response {
    let url = format!("{wechat}{}", request.uri());
    // A connection that WeChat drops is a broken answer here, which is as unwelcome.
    let Ok(answer) = client.get(url).send().await else {
        return Response::builder().status(502).body(Body::empty()).unwrap();
    };
    let status = answer.status();
    let body = answer.bytes().await.unwrap_or_default();
    if let Ok(Value::Object(fields)) = serde_json::from_slice(&body) {
        for key in ["access_token", "refresh_token"] {
            if let Some(token) = fields.get(key).and_then(Value::as_str) {
                note(&found, key, token);
            }
        }
    }
    Response::builder().status(status).body(body.into()).unwrap()
}

/// Follows redirects by hand and notes what passes through the browser; the last address and status.
async fn follow(client: &Client, start: &str, found: &Found) -> (Url, u16) {
    let mut url: Url = start.parse().unwrap();
    for _ in 0..12 {
        let answer = client.get(url.clone()).header("accept", "text/html").send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = value.split(';').next().unwrap();
            if !value.is_empty() {
                note(found, &format!("cookie {name}"), value);
            }
        }
        let Some(next) = answer.headers().get("location") else {
            return (url, answer.status().as_u16());
        };
        url = url.join(next.to_str().unwrap()).unwrap();
        for (key, value) in url.query_pairs() {
            if matches!(&*key, "code" | "state" | "ticket") {
                note(found, &key, &value);
            }
        }
    }
    panic!("the redirects do not end: {url}");
}

/// Invariant 2. Acceptance: M6d, U4 (no secrets).
#[tokio::test]
async fn no_secret_is_written_at_any_log_level() {
    let bench = Bench::with_domain("a.localhost").await;
    let found = Found::default();
    let api = tapped(bench.wechat.base_url(), &found).await;
    let origin = |host: &str| format!("http://{host}:{}", bench.port);
    let config = bench
        .config()
        .replace(
            &format!("public_url = \"{}\"", bench.url("")),
            &format!("public_url = \"{}\"", origin("a.localhost")),
        )
        .replace(&format!("api = \"{}\"", bench.wechat.base_url()), &format!("api = \"{api}\""))
        .replace("[log]\n", "[log]\nformat = \"json\"\naccess = true\n");
    bench.write(&format!("{config}\n[[routes]]\nhost = \"b.localhost\"\nupstream = \"app\"\n"));
    let mut command = bench.command();
    command.env("MENSHEN__LOG__LEVEL", "trace");
    let mut gateway = serving(Program::start(command)).await;
    let visitor = || {
        let client =
            builder().redirect(reqwest::redirect::Policy::none()).cookie_store(true).user_agent(WECHAT);
        client
            .resolve("a.localhost", bench.address())
            .resolve("b.localhost", bench.address())
            .build()
            .unwrap()
    };

    // On the other host, so that the login is handed over; then requests with the session.
    let known = visitor();
    let (url, status) = follow(&known, &format!("{}/me?q=1", origin("b.localhost")), &found).await;
    assert_eq!((url.host_str(), status), (Some("b.localhost"), 200), "{url}");
    for path in ["/me", "/public", "/_menshen/login", "/_menshen/logout", "/a/../b"] {
        known.get(format!("{}{path}", origin("b.localhost"))).send().await.unwrap();
    }
    // As a bearer, and on a host of nobody.
    let token = found.lock().unwrap().iter().find(|(what, _)| what == "cookie menshen").unwrap().1.clone();
    let bearer = known.get(bench.url("/me")).header("authorization", format!("Bearer {token}"));
    bearer.send().await.unwrap();
    // Logins that fail in all the ways WeChat has.
    let faults = [
        Fault::Errcode(-1),
        Fault::Errcode(40163),
        Fault::Errcode(40125),
        Fault::Drop,
        Fault::Cut,
        Fault::Http(502),
        Fault::Garbage,
        Fault::Slow(Span::from_millis(1)),
    ];
    for fault in faults {
        for path in ["/sns/oauth2/access_token", "/sns/userinfo"] {
            let handle = bench.wechat.handle();
            handle.fault(path, fault.clone(), 3);
            follow(&visitor(), &format!("{}/me", origin("a.localhost")), &found).await;
            handle.clear_faults();
        }
    }
    // The app is gone: an answer that fails, with a session on it.
    bench.write(&config.replace(&bench.app.address.to_string(), "127.0.0.1:9"));
    gateway.signal("HUP");
    gateway.err.with("the new config is in force").await;
    follow(&visitor(), &format!("{}/me", origin("a.localhost")), &found).await;
    gateway.signal("TERM");
    gateway.ended().await;

    note(&found, "AppSecret", menshen::simulator::DEMO_SERVICE_SECRET);
    note(&found, "AppSecret", menshen::simulator::DEMO_WEBSITE_SECRET);
    let found = found.lock().unwrap().clone();
    for what in ["access_token", "refresh_token", "code", "state", "ticket", "cookie menshen", "AppSecret"] {
        assert!(found.iter().any(|(known, _)| known == what), "no {what} was seen: {found:?}");
    }
    let browser = found.iter().filter(|(what, _)| what.starts_with("cookie")).map(|(what, _)| what);
    assert!(browser.collect::<BTreeSet<_>>().len() >= 2, "session and browser: {found:?}");
    let (out, err) = (gateway.out.end().await, gateway.err.end().await);
    assert!(err.contains("\"TRACE\"") || err.contains("\"DEBUG\"") || err.contains("\"audit\""), "{err}");
    assert!(out.contains("/_menshen/callback/service"), "{out}");
    for line in out.lines().chain(err.lines()) {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for (what, value) in &found {
            assert!(!line.contains(value.as_str()), "{what} in: {line}");
        }
    }
}
