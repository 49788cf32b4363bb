//! What a route asks of known visitors: who passes, and in which form the others are told why not, here and by the
//! answer to another proxy.

use menshen::domain::{Account, Contact, MethodId, Session};
use menshen::ground::{Clock as _, Span, SystemClock, Token};

use super::gateway::{Gateway, HOST, Options, routes};
use super::raw_client::{Raw, Response};
use super::rows::{account, account_id, session};
use super::upstream::App;

const PAGE: &str = "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nAccept-Language: en\r\n";
const SCRIPT: &str = "Accept: */*\r\nSec-Fetch-Mode: cors\r\nAccept-Language: en\r\n";
const SOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n";
const GRPC: &str = "Content-Type: application/grpc\r\n";

/// The usual routes, and some that ask for more; a second method, and a third by which WeChat tells phone numbers.
async fn asking() -> (Gateway, App) {
    let (app, address) = App::tcp().await;
    let mut tables = routes(address);
    tables += "[[methods]]\nid = \"other\"\nkind = \"website_qr\"\napp = \"web\"\n\
               [[apps]]\nid = \"mini\"\nkind = \"mini_program\"\napp_id = \"wx0123456789abcdee\"\nsecret = \"s\"\npool = \"people\"\n\
               [[methods]]\nid = \"mini\"\nkind = \"mini_program\"\napp = \"mini\"\n";
    for (path, lines) in [
        ("/staff", "require = { groups = [\"staff\", \"<i>editors\"] }"),
        (
            "/gold",
            "require = { groups = [\"staff\"], attributes = { level = [\"gold\", \"platinum\"] }, phone = true }",
        ),
        ("/phone", "require = { phone = true }"),
        ("/other", "methods = [\"other\", \"mini\"]\nrequire = { groups = [\"staff\"] }"),
    ] {
        tables += &format!("[[routes]]\nid = \"{path}\"\npath = \"{path}\"\nupstream = \"app\"\n{lines}\n");
    }
    let server = "trusted_proxies = [\"127.0.0.1\"]";
    (Gateway::start(Options { server, tables, ..Options::default() }).await, app)
}

/// A visitor whose account is changed by `change`; the answer is a `Cookie` line.
async fn visitor(gateway: &Gateway, name: &str, change: impl FnOnce(&mut Account)) -> String {
    let mut account = account(name);
    change(&mut account);
    assert!(gateway.store.create_account(&account).await.unwrap());
    let token = gateway.visitor(name).await;
    format!("Cookie: menshen={token}\r\n")
}

async fn get(gateway: &Gateway, path: &str, lines: &str) -> Response {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n");
    Raw::ask(gateway.address, &request).await
}

async fn auth(gateway: &Gateway, query: &str, path: &str, lines: &str) -> Response {
    let about =
        format!("X-Forwarded-Method: GET\r\nX-Forwarded-Host: {HOST}\r\nX-Forwarded-Uri: {path}\r\n{lines}");
    let request = format!("GET /_menshen/auth{query} HTTP/1.1\r\nHost: auth.test\r\n{about}\r\n");
    Raw::ask(gateway.address, &request).await
}

fn staff(account: &mut Account) {
    account.groups = vec!["guests".into(), "staff".into()];
}

/// Acceptance: U9.
#[tokio::test]
async fn who_has_what_a_route_asks_for_passes_and_who_lacks_it_does_not() {
    let (gateway, app) = asking().await;
    let bare = visitor(&gateway, "ada", |_| ()).await;
    let member = visitor(&gateway, "bob", staff).await;
    let full = visitor(&gateway, "cyd", |account| {
        staff(account);
        account.attributes.insert("level".into(), "platinum".into());
        account.phone = Some(Contact { value: "+8613580006666".into(), verified: true });
    })
    .await;
    for (path, passes) in [("/x", 7), ("/staff", 6), ("/gold", 4), ("/phone", 4), ("/other", 0)] {
        for (bit, cookie) in [(4, &full), (2, &member), (1, &bare)] {
            let expected = if passes & bit == 0 { 403 } else { 200 };
            assert_eq!(get(&gateway, path, cookie).await.status, expected, "{path} {bit}");
            assert_eq!(auth(&gateway, "", path, cookie).await.status, expected, "{path} {bit}");
        }
    }
    assert_eq!(app.heads().len(), 7);
}

#[tokio::test]
async fn a_refusal_says_what_is_missing_in_the_form_that_suits_the_request() {
    let (gateway, app) = asking().await;
    let bare = visitor(&gateway, "ada", |_| ()).await;
    let page = get(&gateway, "/staff/a?b", &format!("{PAGE}{bare}Referer: http://{HOST}/from\r\n")).await;
    assert_eq!((page.status, page.header("content-type")), (403, Some("text/html; charset=utf-8")));
    let text = page.text();
    for words in [
        "<strong>staff</strong>",
        "<strong>&lt;i&gt;editors</strong>",
        "门神",
        "href=\"http://app.test/from\"",
        "other=1",
    ] {
        assert!(text.contains(words), "no {words} in {text}");
    }
    let script = get(&gateway, "/gold", &format!("{SCRIPT}{bare}")).await;
    assert_eq!((script.status, &script.json()["error"]), (403, &"missing_rights".into()));
    assert_eq!(
        script.json()["missing"],
        serde_json::json!({
            "groups": ["staff"], "attributes": { "level": ["gold", "platinum"] }, "phone": true, "methods": [],
        })
    );
    let socket = get(&gateway, "/staff", &format!("{SOCKET}{bare}")).await;
    assert_eq!((socket.status, &socket.json()["error"]), (403, &"missing_rights".into()));
    let grpc = get(&gateway, "/staff", &format!("{GRPC}{bare}")).await;
    assert_eq!((grpc.status, grpc.header("grpc-status")), (200, Some("7")));
    // Strangers are told nothing of it.
    let stranger = get(&gateway, "/staff", SCRIPT).await;
    assert_eq!((stranger.status, stranger.text().contains("staff")), (401, false));
    assert_eq!(get(&gateway, "/staff", PAGE).await.status, 303);
    assert_eq!(app.heads().len(), 0);
    let words: Vec<_> = gateway.log.wait(6).await.iter().map(|line| line["decision"].clone()).collect();
    assert_eq!(
        words,
        ["rights_missing", "rights_missing", "rights_missing", "denied", "unauthorized", "login"]
    );
}

/// Acceptance: U9. A form that a browser sends is not redirected, but whoever sent it looks at the answer.
#[tokio::test]
async fn a_form_to_a_route_whose_group_was_lost_meanwhile_is_answered_with_a_page() {
    let (gateway, app) = asking().await;
    let bare = visitor(&gateway, "ada", |_| ()).await;
    for (path, words) in [("/staff/save", "<strong>staff</strong>"), ("/phone", "phone")] {
        let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n";
        let request = format!("POST {path} HTTP/1.1\r\nHost: {HOST}\r\n{PAGE}{bare}{form}\r\na=b");
        let answer = Raw::ask(gateway.address, &request).await;
        assert_eq!((answer.status, answer.header("content-type")), (403, Some("text/html; charset=utf-8")));
        assert!(answer.text().contains(words), "{}", answer.text());
    }
    assert_eq!(app.heads().len(), 0);
}

/// Acceptance: U9.
#[tokio::test]
async fn a_missing_phone_number_is_asked_for_on_its_page() {
    let (gateway, _app) = asking().await;
    let bare = visitor(&gateway, "ada", |_| ()).await;
    let address = "/_menshen/phone?rt=http%3A%2F%2Fapp.test%2Fphone%3Fa%3Db";
    let page = get(&gateway, "/phone?a=b", &format!("{PAGE}{bare}")).await;
    assert_eq!((page.status, page.header("location")), (303, Some(address)));
    let script = get(&gateway, "/phone", &format!("{SCRIPT}{bare}")).await;
    assert_eq!((script.status, &script.json()["error"]), (403, &"phone_required".into()));
    assert_eq!(script.json()["page"], "http://app.test/_menshen/phone");
    assert_eq!(gateway.log.wait(2).await[0]["decision"], "phone");
    let absolute = format!("http://app.test{address}");
    let asked = auth(&gateway, "", "/phone?a=b", &format!("{PAGE}{bare}")).await;
    assert_eq!((asked.status, asked.header("location")), (401, Some(&*absolute)));
    assert_eq!(asked.json()["error"], "phone_required");
    let sent = auth(&gateway, "?redirect=1", "/phone?a=b", &format!("{PAGE}{bare}")).await;
    assert_eq!((sent.status, sent.header("location")), (302, Some(&*absolute)));
    let script = auth(&gateway, "?redirect=1", "/phone", &format!("{SCRIPT}{bare}")).await;
    assert_eq!((script.status, script.header("location")), (403, None));
}

#[tokio::test]
async fn a_session_of_another_method_is_sent_to_log_in_by_one_that_counts() {
    let (gateway, app) = asking().await;
    let bob = visitor(&gateway, "bob", staff).await;
    let address = "/_menshen/login?rt=http%3A%2F%2Fapp.test%2Fother";
    let page = get(&gateway, "/other", &format!("{PAGE}{bob}")).await;
    assert_eq!((page.status, page.header("location")), (303, Some(address)));
    assert_eq!(page.header("set-cookie"), None, "the session goes on");
    let script = get(&gateway, "/other", &format!("{SCRIPT}{bob}")).await;
    assert_eq!((script.status, &script.json()["error"]), (403, &"login_method_required".into()));
    assert_eq!(script.json()["login"], "http://app.test/_menshen/login");
    assert_eq!(script.json()["missing"]["methods"], serde_json::json!(["other", "mini"]));
    assert!(!script.text().contains("staff"), "what else is asked is not for this session");
    let absolute = format!("http://app.test{address}");
    let asked = auth(&gateway, "", "/other", &format!("{PAGE}{bob}")).await;
    assert_eq!((asked.status, asked.header("location")), (401, Some(&*absolute)));
    let sent = auth(&gateway, "?redirect=1", "/other", &format!("{PAGE}{bob}")).await;
    assert_eq!((sent.status, sent.header("location")), (302, Some(&*absolute)));
    assert_eq!(app.heads().len(), 0);

    let token = Token::generate(&mut rand::rng());
    let method = MethodId::new("other").unwrap();
    let session = Session { host: HOST.into(), method, ..session("bob", SystemClock.now().millis()) };
    gateway.store.put_session(&token.digest(), &session, Span::from_days(1)).await.unwrap();
    let cookie = format!("Cookie: menshen={}\r\n", token.reveal());
    assert_eq!(get(&gateway, "/other", &format!("{PAGE}{cookie}")).await.status, 200);
}

/// Acceptance: M0. The front page takes the session: with it for a goal the login page would send the visitor there.
#[tokio::test]
async fn an_address_too_long_to_remember_still_leads_to_a_login_that_the_route_takes() {
    let (gateway, _app) = asking().await;
    let bob = visitor(&gateway, "bob", staff).await;
    let location = async |path: &str| {
        let page = get(&gateway, path, &format!("{PAGE}{bob}")).await;
        assert_eq!(page.status, 303);
        page.header("location").unwrap().to_owned()
    };
    let goal = "/_menshen/login?rt=http%3A%2F%2Fapp.test%2Fother";
    assert_eq!(location(&format!("/other/a?b={}", "c".repeat(5000))).await, format!("{goal}%2Fa"));
    assert_eq!(location(&format!("/other/a/{}", "c".repeat(5000))).await, format!("{goal}%2Fa"));
    assert_eq!(
        location(&format!("/other/{}", "c/".repeat(500))).await,
        format!("{goal}%2F{}", "c%2F".repeat(500))
    );
}

/// Acceptance: A14. As with an account that is disabled: the news of the change are heard, not a time waited.
#[tokio::test]
async fn a_group_that_is_taken_away_or_given_counts_for_the_next_request() {
    let (gateway, _app) = asking().await;
    let bob = visitor(&gateway, "bob", staff).await;
    for round in 0..3 {
        assert_eq!(get(&gateway, "/staff", &bob).await.status, 200, "{round}");
        change(&gateway, |account| account.groups.clear()).await;
        refused_soon(&gateway, &bob, 403).await;
        change(&gateway, staff).await;
        refused_soon(&gateway, &bob, 200).await;
    }
}

async fn change(gateway: &Gateway, change: impl FnOnce(&mut Account)) {
    let mut account = gateway.store.accounts(&[account_id("bob")]).await.unwrap().remove(0).unwrap();
    change(&mut account);
    account.version += 1;
    assert!(gateway.store.update_account(&account).await.unwrap());
}

/// Asks until the news are heard, which takes a moment and no recheck interval; after that the answer stays.
async fn refused_soon(gateway: &Gateway, cookie: &str, status: u16) {
    let heard = async { while get(gateway, "/staff", cookie).await.status != status {} };
    tokio::time::timeout(super::raw_client::LIMIT, heard).await.unwrap();
    for _ in 0..10 {
        assert_eq!(get(gateway, "/staff", cookie).await.status, status);
    }
}
