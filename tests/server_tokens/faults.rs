//! What does not work is asked for once, by nobody again before its time, and told to everybody.

use std::sync::Arc;

use menshen::ground::{Secret, Span};
use menshen::login::TokenError;
use menshen::store::{Config, Note, Store as _, StoreEvent, StoreUrl, open};
use menshen::wechat::VisitorKind;
use rstest::rstest;

use super::faulty_store::{Fails, FaultyStore};
use super::log::log;
use super::redis_server::RedisServer;
use super::token_server::{TokenServer, code, token};
use super::world::{APP_SECRET, Process, all_at_once, alone, app, connect, manual_clock, together};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_off_the_whitelist_is_named_once_and_wechat_is_left_alone() {
    log();
    let message = "invalid ip 203.0.113.77 ipv6 ::ffff:203.0.113.77, not in whitelist rid: 1";
    let (redis, server) = (RedisServer::start(&[]), TokenServer::start(move |_| code(40164, message)).await);
    let (processes, clock) = together(4, &redis.url(), &server).await;
    // A minute of silence at first, then twice as long each time, at most ten minutes.
    for (asked, pause) in (1..).zip([60, 120, 240, 480, 600, 600]) {
        let ask = async || {
            for answer in all_at_once(&processes, 25).await {
                let error = answer.unwrap_err();
                assert!(matches!(error, TokenError::Shared { .. }), "{error:?}");
                assert_eq!(error.visitor_kind(), VisitorKind::Misconfigured);
                assert!(error.operator_hint().unwrap().contains("203.0.113.77"), "{error:?}");
                assert!(error.to_string().contains("40164"), "{error}");
            }
            assert_eq!(server.requests().len(), asked);
        };
        ask().await;
        clock.advance(Span::from_secs(pause - 1));
        ask().await;
        clock.advance(Span::from_secs(1));
    }
    let log = log();
    let lines = log.lines().filter(|line| line.contains("ERROR") && line.contains("203.0.113.77")).count();
    assert_eq!(lines, 6, "one for each time that WeChat was asked");
    assert!(!log.contains(APP_SECRET));
}

#[rstest]
#[case::a_busy_wechat(-1, 3, 2, VisitorKind::Unavailable)]
#[case::a_minute_quota(45011, 1, 60, VisitorKind::TooMany)]
#[case::a_day_quota(45009, 1, 600, VisitorKind::TooMany)]
#[case::a_wrong_secret(40125, 1, 60, VisitorKind::Misconfigured)]
#[tokio::test]
async fn a_thousand_visitors_ask_once(
    #[case] number: i64,
    #[case] tries: usize,
    #[case] pause: u64,
    #[case] visitor: VisitorKind,
) {
    let server = TokenServer::start(move |_| code(number, "no")).await;
    let (process, clock) = alone(&server, "").await;
    let process = Arc::new(process);
    for round in 1..=2 {
        let answers = all_at_once(std::slice::from_ref(&process), 1000).await;
        assert!(answers.iter().all(|answer| answer.as_ref().unwrap_err().visitor_kind() == visitor));
        assert_eq!(server.requests().len(), round * tries);
        clock.advance(Span::from_millis(pause * 1000 - 1));
        process.token().await.unwrap_err();
        assert_eq!(server.requests().len(), round * tries, "not before its time");
        clock.advance(Span::from_millis(1));
    }
}

#[tokio::test]
async fn a_fault_while_renewing_harms_nobody_and_a_success_ends_it() {
    let mut number = 0;
    let server = TokenServer::start(move |_| {
        number += 1;
        if number == 2 { code(40164, "invalid ip 203.0.113.9") } else { token(&format!("T{number}")) }
    })
    .await;
    let (process, clock) = alone(&server, "").await;
    assert_eq!(process.token().await.unwrap(), "T1");
    clock.advance(Span::from_secs(7200 - 200));
    assert_eq!(process.token().await.unwrap(), "T1");
    server.requested(2).await;
    clock.advance(Span::from_secs(199));
    // The old one has ended, and the fault's minute is over.
    assert_eq!(process.token().await.unwrap(), "T3");
    assert_eq!(process.token().await.unwrap(), "T3");
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_changed_secret_starts_afresh() {
    let server = TokenServer::start(|request: &str| match request.contains("another-secret") {
        true => token("T2"),
        false => code(40125, "invalid appsecret"),
    })
    .await;
    let (mut process, _) = alone(&server, "").await;
    process.token().await.unwrap_err();
    process.app.secret = Secret::new("another-secret");
    assert_eq!(process.token().await.unwrap(), "T2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_store_nobody_asks_wechat() {
    let mut redis = RedisServer::start(&[]);
    let server = TokenServer::start(|_| token("T1")).await;
    let (processes, _) = together(2, &redis.url(), &server).await;
    redis.stop();
    for answer in all_at_once(&processes, 50).await {
        let error = answer.unwrap_err();
        assert!(matches!(error, TokenError::Store(_)), "{error:?}");
        assert_eq!(error.visitor_kind(), VisitorKind::Unavailable);
    }
    assert_eq!(server.requests(), [""; 0]);
    redis.restart();
    let mut answer = processes[0].token().await;
    while let Err(TokenError::Store(_)) = answer {
        tokio::task::yield_now().await;
        answer = processes[0].token().await;
    }
    assert_eq!(answer.unwrap(), "T1");
}

/// Each call to the store that a fetch makes fails once, in both ways.
#[rstest]
#[tokio::test]
async fn a_store_that_fails_in_the_middle_causes_no_storm_and_loses_no_token(
    #[values(Fails::Before, Fails::After)] fails: Fails,
    #[values(0, 1, 2)] call: usize,
) {
    let server = TokenServer::start(|_| token("T1")).await;
    let clock = manual_clock();
    let config = Config { url: StoreUrl::new("embedded:memory"), ..Default::default() };
    let store = Arc::new(FaultyStore::new(open(&config, clock.clone()).await.unwrap()));
    let process = Process::new(store.clone(), clock.clone(), &server.url, app(""));
    store.fail_at(call, fails);
    let first = process.token().await;
    // A write whose answer alone was lost is seen by looking again.
    assert_eq!(first.is_ok(), call > 0 && fails == Fails::After, "{first:?}");
    assert!(server.requests().len() <= 1);
    // What was not written is fetched again when the lease is over.
    clock.advance(Span::from_secs(11));
    assert_eq!(process.token().await.unwrap(), "T1");
    assert!(server.requests().len() <= 2);
}

#[tokio::test]
async fn a_fresh_token_costs_no_look_into_the_store() {
    let server = TokenServer::start(|_| token("T1")).await;
    let clock = manual_clock();
    let config = Config { url: StoreUrl::new("embedded:memory"), ..Default::default() };
    let store = Arc::new(FaultyStore::new(open(&config, clock.clone()).await.unwrap()));
    let process = Process::new(store.clone(), clock.clone(), &server.url, app(""));
    for _ in 0..2 {
        // The first time to fetch it, the second because that was news to this process, too.
        process.token().await.unwrap();
    }
    let calls = store.calls();
    for _ in 0..100 {
        assert_eq!(process.token().await.unwrap(), "T1");
    }
    assert_eq!(store.calls(), calls);
    assert!(
        store
            .swap_note("server_token/other", &Note { version: 1, text: Secret::new("") }, Span::from_mins(1))
            .await
            .unwrap()
    );
    process.token().await.unwrap();
    assert_eq!(store.calls(), calls + 1, "other notes are no news to it");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_begun_again() {
    let server = TokenServer::start(|_| token("T1")).await;
    let redis = RedisServer::start(&[]);
    let store = connect(&redis.url()).await;
    let clock = manual_clock();
    let mut events = store.events();
    let before = Process::new(store.clone(), clock.clone(), &server.url, app(""));
    before.token().await.unwrap();
    let Ok(StoreEvent::NoteChanged { name }) = events.recv().await else { panic!("a note was written") };
    let version = store.note(&name).await.unwrap().unwrap().version;
    let strange = Note { version: version + 1, text: Secret::new("v2 of something") };
    assert!(store.swap_note(&name, &strange, Span::from_mins(1)).await.unwrap());
    let after = Process::new(store.clone(), clock, &server.url, app(""));
    assert_eq!(after.token().await.unwrap(), "T1");
    assert_eq!(server.requests().len(), 2);
    assert!(name.starts_with("server_token/wx0123456789abcdef/") && !name.contains(APP_SECRET), "{name}");
}

#[tokio::test]
async fn a_call_that_fails_for_another_reason_is_not_repeated() {
    let server = TokenServer::start(|request: &str| match request.contains("stable_token") {
        true => token("T1"),
        false => code(48001, "api unauthorized"),
    })
    .await;
    let (process, _) = alone(&server, "").await;
    let error = process.follower().await.unwrap_err();
    assert!(matches!(&error, TokenError::Wechat(error) if error.code() == Some(48001)), "{error:?}");
    assert_eq!(error.visitor_kind(), VisitorKind::Misconfigured);
    assert_eq!(server.requests().len(), 2);
}
