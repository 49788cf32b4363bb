//! The document of the API: served, whole, and equal to what the code does. Every answer that a test of the API gets is
//! held to it.

use std::collections::{BTreeMap, BTreeSet};

use menshen::pages::{ErrorCode, Lang};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::browser::Browser;
use crate::reply::Reply;
use crate::world::World;

const BASE: &str = "/_menshen/api";

/// Answers to what is no call; every other code is answered by some call.
const TO_NO_CALL: [&str; 2] = ["not_found", "method_not_allowed"];

/// The document, asked for once in each process: but for its address it is the same of every gateway.
pub(crate) async fn document(browser: &Browser) -> &'static Value {
    static DOCUMENT: OnceCell<Value> = OnceCell::const_new();
    DOCUMENT.get_or_init(|| async { fetch(browser).await.json() }).await
}

async fn fetch(browser: &Browser) -> Reply {
    let reply =
        browser.send(http::Method::GET, &browser.url(&format!("{BASE}/openapi.json")), &[], None).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")), "{reply}");
    reply
}

/// Asserts that an answer to `path`, below `api/`, is one that the document lists.
#[track_caller]
pub(crate) fn is_documented(document: &Value, method: &str, path: &str, reply: &Reply) {
    let Some(call) = call_of(document, method, path) else {
        return assert_eq!((reply.status, reply.error().as_str()), (404, "not_found"), "{reply}");
    };
    let listed = &call["responses"][reply.status.to_string()];
    assert!(listed.is_object(), "{path} does not list this: {reply}");
    assert_eq!(
        listed["headers"]["Retry-After"].is_object(),
        reply.header("retry-after").is_some(),
        "{reply}"
    );
    let challenge = reply.header("www-authenticate");
    assert_eq!(listed["headers"]["WWW-Authenticate"].is_object(), challenge.is_some(), "{reply}");
    let Some(content) = listed["content"].as_object() else {
        return assert!(reply.body.is_empty(), "{reply}");
    };
    assert!(content.contains_key(reply.header("content-type").unwrap()), "{reply}");
    if let Some(error) = reply.json()["error"].as_str() {
        assert!(codes(listed).contains(error), "{path} does not list this code: {reply}");
    }
}

/// The call that `path` is of.
fn call_of<'a>(document: &'a Value, method: &str, path: &str) -> Option<&'a Value> {
    let fits = |template: &str| {
        let (parts, given): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        parts.len() == given.len()
            && parts.iter().zip(&given).all(|(part, given)| part == given || part.starts_with('{'))
    };
    let paths = document["paths"].as_object().unwrap();
    paths.iter().find(|(template, _)| fits(&template[1..])).map(|(_, item)| &item[method])
}

/// The codes of a response: its examples are named by them.
fn codes(response: &Value) -> BTreeSet<&str> {
    let examples = response["content"]["application/json"]["examples"].as_object();
    examples.into_iter().flatten().map(|(code, _)| code.as_str()).collect()
}

fn calls(document: &Value) -> BTreeMap<&str, &Value> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().map(|(path, item)| (path.as_str(), item)).collect()
}

/// Every `$ref` below `value`.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// Section "API" of the documents.
#[tokio::test]
async fn the_document_names_every_call_and_no_other() {
    let world = World::of_programs().await;
    let reply = fetch(&world.desktop()).await;
    let document = reply.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{reply}");
    assert_eq!(document["servers"], json!([{ "url": world.desktop().url(BASE).as_str() }]));
    let expected = [
        "/account",
        "/account/phone",
        "/account/phone/verify",
        "/account/sessions/end",
        "/account/wechats/remove",
        "/attach/{method}",
        "/begin/{method}",
        "/confirm",
        "/flow/{flow}/bind",
        "/flow/{flow}/choose",
        "/flow/{flow}/create",
        "/flow/{flow}/send_code",
        "/launch",
        "/login/{method}",
        "/logout",
        "/redeem",
        "/reject",
        "/scan",
    ];
    let calls = calls(&document);
    assert_eq!(calls.keys().copied().collect::<Vec<_>>(), expected);
    for (path, item) in calls {
        let method = if path == "/account" { "get" } else { "post" };
        assert_eq!(item.as_object().unwrap().keys().collect::<Vec<_>>(), [method], "{path}");
        let call = &item[method];
        for words in ["summary", "description", "operationId"] {
            assert!(call[words].as_str().is_some_and(|words| !words.is_empty()), "{path} has no {words}");
        }
        let secured = path.starts_with("/account") || matches!(path, "/attach/{method}" | "/logout");
        assert_eq!(call["security"], if secured { json!([{ "bearer": [] }]) } else { Value::Null }, "{path}");
        assert_eq!(call["requestBody"].is_object(), !matches!(path, "/logout" | "/account"), "{path}");
        // It is there, and asks for a token if it says so.
        let target = path[1..].replace("{method}", "mini").replace("{flow}", "f1");
        let reply = match method {
            "get" => world.client().get(&format!("{BASE}/{target}")).await,
            _ => {
                world
                    .client()
                    .call(&target, &json!({ "code": "c", "id": "i", "phone": "+8613580006666" }))
                    .await
            }
        };
        assert_ne!(reply.error(), "not_found", "{path}: {reply}");
        assert_eq!(reply.status == 401, secured, "{path}: {reply}");
    }
    let mut found = Vec::new();
    references(&document, &mut found);
    for reference in found {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
    }
}

/// Section "API" of the documents: the table of codes is that of the code, both ways.
#[tokio::test]
async fn the_document_tells_every_code_with_its_status_and_meaning() {
    let world = World::of_programs().await;
    let document = fetch(&world.desktop()).await.json();
    let code = &document["components"]["schemas"]["ErrorCode"];
    let rows = code["description"].as_str().unwrap().lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<Vec<String>> = rows
        .map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect())
        .collect();
    let of_the_api = || ErrorCode::ALL.iter().filter(|code| code.is_of_the_api());
    let ours: Vec<Vec<String>> = of_the_api()
        .map(|code| {
            let meaning = code.words(Lang::En).message.replace('`', "");
            [code.as_str(), code.status().as_str(), &code.retryable().to_string(), &meaning]
                .map(str::to_owned)
                .into()
        })
        .collect();
    assert_eq!(rows, ours);
    assert_eq!(code["enum"], json!(of_the_api().map(|code| code.as_str()).collect::<Vec<_>>()));
    for code in of_the_api() {
        let example = &document["components"]["examples"][code.as_str()]["value"];
        assert_eq!(example["error"], code.as_str());
        assert_eq!(example["retryable"], code.retryable(), "{code:?}");
    }
    assert_eq!(document["components"]["examples"].as_object().unwrap().len(), of_the_api().count());
}

/// Section "API" of the documents: each call lists what it may be answered with.
#[tokio::test]
async fn each_call_lists_its_codes_under_their_status() {
    let world = World::of_programs().await;
    let document = fetch(&world.desktop()).await.json();
    let statuses: BTreeMap<_, _> =
        ErrorCode::ALL.iter().map(|code| (code.as_str(), code.status().as_u16().to_string())).collect();
    let mut answered = BTreeSet::new();
    for (path, item) in calls(&document) {
        let call = item.as_object().unwrap().values().next().unwrap();
        for (status, response) in call["responses"].as_object().unwrap() {
            for code in codes(response) {
                assert_eq!(Some(status), statuses.get(code), "{code} of {path}");
                assert!(
                    response["description"].as_str().unwrap().contains(&format!("`{code}`")),
                    "{code} of {path}"
                );
                answered.insert(code);
            }
            let waits = response["headers"]["Retry-After"].is_object();
            assert_eq!(waits, matches!(status.as_str(), "429" | "503"), "{status} of {path}");
        }
    }
    answered.extend(TO_NO_CALL);
    let ours = ErrorCode::ALL.iter().filter(|code| code.is_of_the_api());
    assert_eq!(answered, ours.map(|code| code.as_str()).collect());
}
