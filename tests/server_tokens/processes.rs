//! Many processes, one token: who fetches, who waits, and what is left of a holder that dies or is overtaken.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use menshen::ground::{Span, SystemClock};
use tokio::sync::oneshot;

use super::LIMIT;
use super::redis_server::RedisServer;
use super::token_server::{Reply, TokenServer, code, token, token_json};
use super::world::{Process, all_at_once, app, connect, together};

/// Gives `T1`, `T2`, … in the order of the calls.
fn numbered() -> impl FnMut(&str) -> Reply + Send + 'static {
    let mut number = 0;
    move |_| {
        number += 1;
        token(&format!("T{number}"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_processes_that_ask_at_once_make_one_call() {
    let (redis, server) = (RedisServer::start(&[]), TokenServer::start(numbered()).await);
    let (processes, _) = together(8, &redis.url(), &server).await;
    let answers = all_at_once(&processes, 10).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap() == "T1"), "{answers:?}");
    assert_eq!(server.requests().len(), 1);
    assert!(server.requests()[0].starts_with("POST /cgi-bin/stable_token"), "{:?}", server.requests());
}

/// The other half of the next test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started as a process by the test below"]
async fn asking_in_a_process_of_its_own() {
    let store = connect(&std::env::var("TOKENS_STORE").unwrap()).await;
    let api = std::env::var("TOKENS_API").unwrap();
    let process = Process::new(store, Arc::new(SystemClock), &api, app(""));
    println!("token {}.", process.token().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_real_processes_make_one_call() {
    let (redis, server) = (RedisServer::start(&[]), TokenServer::start(numbered()).await);
    let children: Vec<_> = (0..8)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "processes::asking_in_a_process_of_its_own", "--ignored", "--nocapture"])
                .env("TOKENS_STORE", redis.url())
                .env("TOKENS_API", &server.url)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let read = tokio::task::spawn_blocking(|| {
        let mut found = Vec::new();
        for mut child in children {
            let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
            found.extend(lines.filter_map(|line| Some(line.split_once("token ")?.1.to_owned())));
            assert!(child.wait().unwrap().success());
        }
        found
    });
    assert_eq!(read.await.unwrap(), ["T1."; 8]);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_renewed_early_by_one_process_while_the_old_one_works() {
    let (redis, server) = (RedisServer::start(&[]), TokenServer::start(numbered()).await);
    let (processes, clock) = together(4, &redis.url(), &server).await;
    all_at_once(&processes, 1).await;
    clock.advance(Span::from_secs(7200 - 241));
    assert!(all_at_once(&processes, 3).await.iter().all(|answer| answer.as_ref().unwrap() == "T1"));
    assert_eq!(server.requests().len(), 1);
    clock.advance(Span::from_secs(1));
    let answers = all_at_once(&processes, 3).await;
    let seen: HashSet<_> = answers.iter().map(|answer| answer.as_ref().unwrap().as_str()).collect();
    assert!(seen.contains("T1") && seen.len() <= 2, "nobody waits: {seen:?}");
    server.requested(2).await;
    for process in &processes {
        let renewed = async {
            while process.token().await.unwrap() != "T2" {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, renewed).await.expect("it is never renewed");
    }
    assert_eq!(server.requests().len(), 2);
}

/// Answers the first request when the test says so, and the others at once.
fn held_back() -> (oneshot::Sender<()>, impl FnMut(&str) -> Reply + Send + 'static) {
    let (go, wait) = oneshot::channel();
    let (mut wait, mut others) = (Some(wait), numbered());
    let script = move |request: &str| match (wait.take(), others(request)) {
        (Some(wait), _) => Reply::When(wait, token_json("T1", 7200)),
        (None, other) => other,
    };
    (go, script)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_that_dies_is_succeeded_when_its_lease_is_over() {
    let (_go, script) = held_back();
    let (redis, server) = (RedisServer::start(&[]), TokenServer::start(script).await);
    let (processes, clock) = together(1, &redis.url(), &server).await;
    let (url, api, its_clock) = (redis.url(), server.url.clone(), clock.clone());
    let doomed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    doomed.spawn(async move {
        let process = Process::new(connect(&url).await, its_clock, &api, app(""));
        process.token().await.map(drop)
    });
    server.requested(1).await;
    doomed.shutdown_background();
    clock.advance(Span::from_secs(11));
    assert_eq!(processes[0].token().await.unwrap(), "T2");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_that_was_overtaken_writes_nothing() {
    let (go, script) = held_back();
    let (redis, server) = (RedisServer::start(&[]), TokenServer::start(script).await);
    let (processes, clock) = together(3, &redis.url(), &server).await;
    let slow = tokio::spawn({
        let slow = processes[0].clone();
        async move { slow.token().await }
    });
    server.requested(1).await;
    clock.advance(Span::from_secs(11));
    assert_eq!(processes[1].token().await.unwrap(), "T2");
    go.send(()).unwrap();
    assert_eq!(slow.await.unwrap().unwrap(), "T2", "the slow one takes what the other one wrote");
    assert_eq!(processes[2].token().await.unwrap(), "T2");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_who_leaves_does_not_take_the_lease_along() {
    let (go, script) = held_back();
    let (redis, server) = (RedisServer::start(&[]), TokenServer::start(script).await);
    let (processes, _) = together(2, &redis.url(), &server).await;
    let visitor = tokio::spawn({
        let process = processes[0].clone();
        async move { process.token().await }
    });
    server.requested(1).await;
    visitor.abort();
    assert!(visitor.await.unwrap_err().is_cancelled());
    go.send(()).unwrap();
    for process in &processes {
        assert_eq!(process.token().await.unwrap(), "T1");
    }
    assert_eq!(server.requests().len(), 1);
}

/// WeChat's stable token: the same until it is forced, and dead where `dead` says so.
fn stable(dead: &'static str) -> impl FnMut(&str) -> Reply + Send + 'static {
    let mut number = 1;
    move |request| {
        if request.starts_with("POST /cgi-bin/stable_token") {
            if request.contains("\"force_refresh\":true") {
                number += 1;
            }
            return token(&format!("T{number}"));
        }
        let refused = dead == "all" || request.contains(&format!("access_token={dead}&"));
        if refused {
            code(40001, "invalid credential")
        } else {
            Reply::Now(r#"{"subscribe":1,"openid":"oAlice"}"#.into())
        }
    }
}

fn shape(requests: &[String]) -> Vec<&'static str> {
    let shape = |request: &String| match request {
        request if request.contains("\"force_refresh\":true") => "force",
        request if request.contains("stable_token") => "fetch",
        request if request.contains("access_token=T1&") => "call with T1",
        request if request.contains("access_token=T2&") => "call with T2",
        _ => "call with another",
    };
    requests.iter().map(shape).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_token_is_replaced_once_and_the_call_repeated_once() {
    let (redis, server) = (RedisServer::start(&[]), TokenServer::start(stable("T1")).await);
    let (processes, _) = together(2, &redis.url(), &server).await;
    assert_eq!(processes[0].follower().await.unwrap().openid, "oAlice");
    let expected = ["fetch", "call with T1", "fetch", "force", "call with T2"];
    assert_eq!(shape(&server.requests()), expected);
    assert_eq!(processes[1].follower().await.unwrap().openid, "oAlice");
    assert_eq!(shape(&server.requests())[5..], ["call with T2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_processes_that_meet_a_dead_token_one_replaces_it() {
    let (redis, server) = (RedisServer::start(&[]), TokenServer::start(stable("T1")).await);
    let (processes, _) = together(8, &redis.url(), &server).await;
    all_at_once(&processes, 1).await;
    let calls: Vec<_> = processes
        .iter()
        .flat_map(|process| [process.clone(), process.clone()])
        .map(|process| tokio::spawn(async move { process.follower().await.map(drop) }))
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let shape = shape(&server.requests());
    assert_eq!(shape.iter().filter(|what| **what == "fetch").count(), 2, "{shape:?}");
    assert_eq!(shape.iter().filter(|what| **what == "force").count(), 1, "{shape:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_are_always_dead_are_forced_once_a_minute_and_twenty_times_a_day() {
    let (redis, server) = (RedisServer::start(&[]), TokenServer::start(stable("all")).await);
    let (processes, clock) = together(2, &redis.url(), &server).await;
    let forced = || shape(&server.requests()).iter().filter(|what| **what == "force").count();
    for minute in 1..=25 {
        for process in [&processes[0], &processes[1], &processes[0]] {
            process.follower().await.unwrap_err();
        }
        assert_eq!(forced(), minute.min(20), "in minute {minute}");
        clock.advance(Span::from_mins(1));
    }
    clock.advance(Span::from_days(1));
    processes[1].follower().await.unwrap_err();
    assert_eq!(forced(), 21);
    // A visitor's failure costs at most one call with a dead token and one with its successor.
    let requests = server.requests().len();
    assert!(requests < 26 * 3 * 4, "{requests}");
}
