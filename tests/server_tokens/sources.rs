//! The three places that a server token comes from.

use menshen::ground::Span;
use menshen::login::TokenError;
use menshen::wechat::VisitorKind;

use super::log::log;
use super::token_server::{Reply, TokenServer, code, token};
use super::world::{BEARER, alone};

const FOLLOWER: &str = r#"{"subscribe":1,"openid":"oAlice"}"#;

#[tokio::test]
async fn the_older_token_is_renewed_ten_minutes_early() {
    let mut number = 0;
    let server = TokenServer::start(move |_| {
        number += 1;
        token(&format!("T{number}"))
    })
    .await;
    let (process, clock) = alone(&server, "server_token = 'token'").await;
    assert_eq!(process.token().await.unwrap(), "T1");
    clock.advance(Span::from_secs(7200 - 601));
    assert_eq!(process.token().await.unwrap(), "T1");
    assert_eq!(server.requests().len(), 1);
    clock.advance(Span::from_secs(1));
    assert_eq!(process.token().await.unwrap(), "T1", "it goes on working beside the new one");
    server.requested(2).await;
    assert!(server.requests().iter().all(|request| request.starts_with("GET /cgi-bin/token?")));
}

#[tokio::test]
async fn an_older_token_that_another_program_ended_is_replaced_once_a_minute() {
    let mut number = 0;
    let server = TokenServer::start(move |request: &str| {
        if request.starts_with("GET /cgi-bin/token?") {
            number += 1;
            return token(&format!("T{number}"));
        }
        // The other program ended all but the third.
        if request.contains("access_token=T3&") {
            Reply::Now(FOLLOWER.into())
        } else {
            code(40001, "invalid")
        }
    })
    .await;
    let (process, clock) = alone(&server, "server_token = 'token'").await;
    let fetched = || server.requests().iter().filter(|request| request.contains("/cgi-bin/token?")).count();
    process.follower().await.unwrap_err();
    assert_eq!(fetched(), 2);
    let error = process.follower().await.unwrap_err();
    assert!(matches!(&error, TokenError::Shared { .. }), "{error:?}");
    assert!(error.operator_hint().unwrap().contains("another program"), "{error:?}");
    assert_eq!((fetched(), error.visitor_kind()), (2, VisitorKind::Unavailable));
    clock.advance(Span::from_mins(1));
    assert_eq!(process.follower().await.unwrap().openid, "oAlice");
    assert_eq!(fetched(), 3);
}

#[tokio::test]
async fn the_operators_token_server_is_asked_with_its_secret_and_told_of_a_dead_token() {
    log();
    let mut stale = false;
    let server = TokenServer::start(move |request: &str| {
        if request.starts_with("GET /tokens?key=1&appid=wx0123456789abcdef") {
            stale |= request.contains("&refresh=1");
            return token(if stale { "T2" } else { "T1" });
        }
        if request.contains("access_token=T2&") {
            Reply::Now(FOLLOWER.into())
        } else {
            code(42001, "expired")
        }
    })
    .await;
    let more = format!(
        "server_token = 'endpoint'\ntoken_endpoint = '{}/tokens?key=1'\ntoken_endpoint_secret = '{BEARER}'",
        server.url
    );
    let (process, clock) = alone(&server, &more).await;
    assert_eq!(process.follower().await.unwrap().openid, "oAlice");
    let bearer = format!("authorization: bearer {}", BEARER.to_lowercase());
    let asked: Vec<_> = server.requests().into_iter().filter(|request| request.contains("/tokens")).collect();
    assert!(asked.iter().all(|request| request.to_lowercase().contains(&bearer)), "{asked:?}");
    let refreshes: Vec<_> = asked.iter().map(|request| request.contains("&refresh=1")).collect();
    assert_eq!(refreshes, [false, false, true], "first whether it has another one already");
    // A minute before its end it is asked again.
    let before = server.requests().len();
    clock.advance(Span::from_secs(7200 - 60));
    assert_eq!(process.token().await.unwrap(), "T2");
    server.requested(before + 1).await;
    assert!(!log().contains(BEARER));
}

#[tokio::test]
async fn a_token_that_ends_on_arrival_is_a_fault_and_not_a_loop() {
    let server = TokenServer::start(|_| Reply::Now(r#"{"access_token":"T1","expires_in":1}"#.into())).await;
    let more = format!("server_token = 'endpoint'\ntoken_endpoint = '{}/'", server.url);
    let (process, _) = alone(&server, &more).await;
    for _ in 0..10 {
        let error = process.token().await.unwrap_err();
        assert!(error.operator_hint().unwrap().contains("expires_in"), "{error:?}");
    }
    assert_eq!(server.requests().len(), 1);
}
