//! What is asked of WeChat for a mini program, over real sockets: its users, their phone numbers, codes and links.
//!
//! Every call in here also checks that no secret, no scene and no phone number got into an error, a `Debug` text or a
//! log line.

#![allow(clippy::unwrap_used)]

use menshen::ground::{Secret, Span};
use menshen::wechat::{
    Action, Backoff, Client, CodePicture, CodeRequest, Config, Error, JsSession, Kind, LinkTarget,
    PhoneNumber, ProgramVersion, Transport, Unreadable, VisitorKind,
};
use rstest::rstest;

#[path = "wechat_client/fake.rs"]
mod fake;
#[path = "wechat_mini_program/links.rs"]
mod links;
#[path = "support/log.rs"]
mod log;
#[path = "wechat_mini_program/phone.rs"]
mod phone;
#[path = "wechat_mini_program/picture.rs"]
mod picture;
#[path = "wechat_mini_program/session.rs"]
mod session;

use fake::{Fake, Step, code, http, json, nobody};
use log::{chain, lines, log};

const APP_ID: &str = "wx0123456789abcdef";
const APP_SECRET: &str = "5ec2e7aaaabbbbccccddddeeeeffff00";
const JS_CODE: &str = "0a3CodeOfWxLoginThatNobodyMayRead1";
const SESSION_KEY: &str = "AAECAwQFBgcICQoLDA0ODw==";
const TOKEN: &str = "SERVER-TOKEN-THAT-NOBODY-MAY-READ";
const PHONE_CODE: &str = "e31968a7f94cc5ee25fafc2aef2773f0bb8c3937b22520eb8ee345274d00c144";
const OPENID: &str = "oABCDEFGHIJKLMNOPQRSTUVWXYZ0";
const SCENE: &str = "s-abcdefghijkmnpqrstuvwxyz23";
const QUERY: &str = "t=ticket-that-nobody-may-read";
const PAGE: &str = "pages/menshen/confirm/confirm";

fn config(api: &str, backup: &str) -> Config {
    Config { api: api.into(), api_backup: backup.into(), ..Config::default() }
}

fn client_of(config: &Config) -> Client {
    let no_wait = Backoff::from(Span::from_secs(0));
    Client::with_backoff(Transport::new(config).unwrap(), config, no_wait).unwrap()
}

fn client(fake: &Fake) -> Client {
    client_of(&config(&fake.url(), ""))
}

/// A client that gives up soon.
fn hasty(fake: &Fake) -> Client {
    let (timeout, connect_timeout) = (Span::from_millis(300), Span::from_millis(200));
    client_of(&Config { timeout, connect_timeout, ..config(&fake.url(), "") })
}

/// What `call` gives, once it is sure that it shows nothing.
async fn quietly<T: std::fmt::Debug>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    log();
    let outcome = call.await;
    let mut text = log();
    match &outcome {
        Ok(answer) => text += &format!("{answer:?}"),
        Err(error) => text += &(chain(error) + &error.operator_hint().unwrap_or_default()),
    }
    let hidden = [
        APP_SECRET,
        JS_CODE,
        "AAECAwQFBgc",
        TOKEN,
        PHONE_CODE,
        SCENE,
        "ticket-that",
        "13580006666",
        "2025550123",
        "appid=",
        "js_code=",
        "access_token=",
    ];
    for secret in hidden {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    outcome
}

async fn js_session(client: &Client) -> Result<JsSession, Error> {
    quietly(client.js_session(APP_ID, &Secret::new(APP_SECRET), &Secret::new(JS_CODE))).await
}

async fn phone_number(client: &Client, openid: Option<&str>) -> Result<PhoneNumber, Error> {
    quietly(client.phone_number(&Secret::new(TOKEN), APP_ID, &Secret::new(PHONE_CODE), openid)).await
}

async fn picture(client: &Client, version: ProgramVersion) -> Result<CodePicture, Error> {
    quietly(client.mini_program_code(&Secret::new(TOKEN), &CodeRequest::new(SCENE, PAGE, version))).await
}

const TARGET: LinkTarget<'_> =
    LinkTarget { page: PAGE, query: QUERY, version: ProgramVersion::Release, days: 30 };

async fn url_link(client: &Client) -> Result<String, Error> {
    quietly(client.url_link(&Secret::new(TOKEN), &TARGET)).await
}

async fn url_scheme(client: &Client) -> Result<String, Error> {
    quietly(client.url_scheme(&Secret::new(TOKEN), &TARGET)).await
}

/// The body of a request, as JSON.
fn body_of(request: &str) -> serde_json::Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn outcome(error: &Error) -> (Action, VisitorKind) {
    (error.action(), error.visitor_kind())
}
