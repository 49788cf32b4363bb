//! What only Redis can do to us: vanish, freeze, refuse, forget its scripts, hold foreign bytes.
//!
//! Every test has a server of its own. The contract that all stores share is in `store_contract.rs`.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/redis_server.rs"]
#[allow(dead_code, unreachable_pub)]
mod redis_server;
#[path = "support/rows.rs"]
#[allow(dead_code, unreachable_pub)]
mod rows;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use menshen::domain::IdentityRow;
use menshen::ground::{Secret, Span, SystemClock, Timestamp, TokenDigest};
use menshen::store::{self, Config, OnceKey, OpenError, Store, StoreError, StoreEvent, StoreUrl};
use redis_server::RedisServer;
use rows::{account, account_id, digest, flow, key, session};

/// Longest wait for anything; reached only by a failing test.
const LIMIT: Duration = Duration::from_secs(20);
const LONG: Span = Span::from_mins(10);

fn config(url: &str) -> Config {
    Config { url: StoreUrl::new(url), timeout: Span::from_millis(500), ..Config::default() }
}

async fn open(config: &Config) -> Result<Arc<dyn Store>, OpenError> {
    store::open(config, Arc::new(SystemClock)).await
}

async fn eventually(so: impl AsyncFn() -> bool) {
    let wait = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("it never came to be so");
}

/// A look at the server behind the store's back.
async fn raw<T: redis::FromRedisValue>(server: &RedisServer, command: &[&str]) -> T {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd(command[0]).arg(&command[1..]).query_async(&mut connection).await.unwrap()
}

/// An error with all its causes, as a log would show it.
fn whole(error: &(dyn Error + 'static)) -> String {
    let mut text = format!("{error} / {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(" / {error} / {error:?}");
        cause = error.source();
    }
    text
}

fn is_unavailable<T: std::fmt::Debug>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable { .. }))
}

fn is_corrupt<T: std::fmt::Debug>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Corrupt { .. }))
}

/// Uses every operation of the store once.
async fn use_everything(store: &dyn Store) {
    let token = digest();
    let claim = IdentityRow::claim(account_id("a"));
    store.claim_identity(&key("p"), &claim).await.unwrap();
    let settled = IdentityRow::settled(account_id("a"));
    assert!(store.swap_identity(&key("p"), &claim, &settled).await.unwrap());
    assert_eq!(store.identities(&[key("p")]).await.unwrap(), [Some(settled.clone())]);
    assert!(store.remove_identity(&key("p"), &settled).await.unwrap());
    assert!(store.create_account(&account("a")).await.unwrap());
    let mut changed = account("a");
    changed.version = 2;
    assert!(store.update_account(&changed).await.unwrap());
    assert_eq!(store.accounts(&[account_id("a")]).await.unwrap(), [Some(changed)]);
    store.put_session(&token, &session("a", 1), LONG).await.unwrap();
    assert!(store.touch_session(&token, Timestamp::from_millis(2), LONG).await.unwrap());
    assert!(store.session(&token).await.unwrap().is_some());
    assert_eq!(store.sessions_of(&account_id("a")).await.unwrap().len(), 1);
    store.delete_sessions(&[token]).await.unwrap();
    let begun = flow("f");
    store.put_flow(&begun, LONG).await.unwrap();
    let taken = begun.begin_exchange(Timestamp::from_millis(1)).unwrap();
    assert!(store.swap_flow(&taken, LONG).await.unwrap());
    assert_eq!(store.flow(&taken.id).await.unwrap(), Some(taken));
    let once = OnceKey { purpose: "ticket", digest: token };
    store.put_once(&once, "value", LONG).await.unwrap();
    assert_eq!(store.take_once(&once).await.unwrap().as_deref(), Some("value"));
    assert_eq!(store.keep("name", "value").await.unwrap(), "value");
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_killed_news_connection_comes_back_and_says_that_news_were_missed() {
    let server = RedisServer::start(&[]);
    let store = open(&config(&server.url())).await.unwrap();
    let mut news = store.events();
    let killed: u32 = raw(&server, &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    assert_eq!(killed, 1);
    let first = tokio::time::timeout(LIMIT, news.recv()).await.unwrap().unwrap();
    assert_eq!(first, StoreEvent::Missed);
    eventually(async || store.events_flow()).await;
    store.delete_sessions(&[digest()]).await.unwrap();
    let next = tokio::time::timeout(LIMIT, news.recv()).await.unwrap().unwrap();
    assert!(matches!(next, StoreEvent::SessionEnded { .. }), "{next:?}");
}

#[tokio::test]
async fn news_that_this_version_does_not_know_mean_look_again() {
    let server = RedisServer::start(&[]);
    let store = open(&config(&server.url())).await.unwrap();
    let mut news = store.events();
    let _: u32 = raw(&server, &["PUBLISH", "menshen:events", "{\"event\":\"new_thing\"}"]).await;
    let event = tokio::time::timeout(LIMIT, news.recv()).await.unwrap().unwrap();
    assert_eq!(event, StoreEvent::Missed);
}

/// Acceptance: a stopped store is an outage, not a stranger, and its return needs no restart of ours.
#[tokio::test]
async fn a_stopped_server_is_unavailable_and_its_return_is_noticed() {
    let mut server = RedisServer::start(&[]);
    let store = open(&config(&server.url())).await.unwrap();
    let mut news = store.events();
    server.stop();
    let unavailable = async {
        assert!(is_unavailable(&store.session(&digest()).await));
        assert!(is_unavailable(&store.accounts(&[account_id("a")]).await));
        assert!(is_unavailable(&store.touch_session(&digest(), Timestamp::default(), LONG).await));
        assert!(is_unavailable(&store.create_account(&account("a")).await));
        assert!(is_unavailable(&store.put_flow(&flow("f"), LONG).await));
        assert!(is_unavailable(&store.ping().await));
    };
    tokio::time::timeout(LIMIT, unavailable).await.expect("an outage must not hang");
    eventually(async || !store.events_flow()).await;
    server.restart();
    eventually(async || store.ping().await.is_ok()).await;
    use_everything(store.as_ref()).await;
    let first = tokio::time::timeout(LIMIT, news.recv()).await.unwrap().unwrap();
    assert_eq!(first, StoreEvent::Missed);
    eventually(async || store.events_flow()).await;
}

#[tokio::test]
async fn a_frozen_server_is_unavailable_in_time_and_works_when_it_moves_again() {
    let server = RedisServer::start(&[]);
    let store = open(&config(&server.url())).await.unwrap();
    server.freeze();
    let unavailable = async {
        // Many at once: they wait together, not one after the other.
        let calls = (0..100).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { is_unavailable(&store.session(&digest()).await) })
        });
        for call in calls.collect::<Vec<_>>() {
            assert!(call.await.unwrap());
        }
        assert!(is_unavailable(&store.sessions_of(&account_id("a")).await));
    };
    tokio::time::timeout(LIMIT, unavailable).await.expect("an outage must not hang");
    eventually(async || !store.events_flow()).await;
    server.thaw();
    eventually(async || store.ping().await.is_ok()).await;
    use_everything(store.as_ref()).await;
    eventually(async || store.events_flow()).await;
}

#[tokio::test]
async fn a_connection_closed_while_idle_costs_no_read() {
    let server = RedisServer::start(&[]);
    let store = open(&config(&server.url())).await.unwrap();
    for _ in 0..5 {
        let _: u32 = raw(&server, &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
        assert_eq!(store.session(&digest()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_server_that_forgot_its_scripts_is_taught_again() {
    let server = RedisServer::start(&[]);
    let store = open(&config(&server.url())).await.unwrap();
    let _: String = raw(&server, &["SCRIPT", "FLUSH"]).await;
    use_everything(store.as_ref()).await;
}

#[tokio::test]
async fn a_demoted_server_is_unavailable_until_it_is_primary_again() {
    let server = RedisServer::start(&["--replica-serve-stale-data", "no"]);
    let store = open(&config(&server.url())).await.unwrap();
    let _: String = raw(&server, &["REPLICAOF", "127.0.0.1", "1"]).await;
    assert!(is_unavailable(&store.session(&digest()).await), "MASTERDOWN is not absence");
    assert!(is_unavailable(&store.create_account(&account("a")).await), "MASTERDOWN on a write");
    let _: String = raw(&server, &["CONFIG", "SET", "replica-serve-stale-data", "yes"]).await;
    assert!(is_unavailable(&store.create_account(&account("a")).await), "READONLY on a command");
    let claim = IdentityRow::claim(account_id("a"));
    assert!(is_unavailable(&store.claim_identity(&key("p"), &claim).await), "READONLY in a script");
    let _: String = raw(&server, &["REPLICAOF", "NO", "ONE"]).await;
    eventually(async || store.create_account(&account("b")).await.is_ok()).await;
    use_everything(store.as_ref()).await;
}

#[tokio::test]
async fn a_full_server_is_unavailable_for_writes() {
    let server = RedisServer::start(&[]);
    let store = open(&config(&server.url())).await.unwrap();
    store.create_account(&account("a")).await.unwrap();
    let _: String = raw(&server, &["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(is_unavailable(&store.create_account(&account("b")).await));
    assert!(is_unavailable(&store.put_session(&digest(), &session("a", 1), LONG).await));
    assert!(store.accounts(&[account_id("a")]).await.unwrap()[0].is_some());
}

#[rstest::rstest]
#[case::wrong(Some("sesam-oeffne-dich"))]
#[case::missing(None)]
#[tokio::test]
async fn a_refused_login_says_so_and_shows_no_password(#[case] password: Option<&str>) {
    let server = RedisServer::start(&["--requirepass", "richtiges-geheimnis"]);
    let config = Config { password: password.map(Secret::new), ..config(&server.url()) };
    let error = open(&config).await.err().unwrap();
    assert!(matches!(error, OpenError::Credentials { .. }), "{error:?}");
    assert!(error.to_string().contains("refuses the user or password"), "{error}");
    let text = whole(&error);
    assert!(!text.contains("sesam") && !text.contains("geheimnis"), "{text}");
}

#[tokio::test]
async fn the_password_may_come_from_the_address_or_the_config() {
    let server = RedisServer::start(&["--requirepass", "p@ss/word"]);
    let by_url = config(&format!("redis://:p%40ss%2Fword@127.0.0.1:{}", server.port()));
    let by_key = Config { password: Some(Secret::new("p@ss/word")), ..config(&server.url()) };
    for config in [by_url, by_key] {
        open(&config).await.unwrap().ping().await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let mut server = RedisServer::start(&[]);
    server.stop();
    let error = open(&config(&server.url())).await.err().unwrap();
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("redis://127.0.0.1:{}/0 cannot be reached", server.port()));
}

/// The user of the documentation, word for word.
#[tokio::test]
async fn the_documented_acl_user_suffices_and_can_do_nothing_else() {
    let server = RedisServer::start(&[]);
    let documented = include_str!("../src/store/redis.rs");
    let (_, rule) = documented.split_once("//! ACL SETUSER menshen").unwrap();
    let (rule, _) = rule.split_once("//! ```").unwrap();
    let rule = rule.replace("//!", " ").replace(">PASSWORD", ">geheim");
    let mut command = vec!["ACL", "SETUSER", "menshen"];
    command.extend(rule.split_whitespace());
    let _: String = raw(&server, &command).await;
    let url = format!("redis://menshen:geheim@127.0.0.1:{}", server.port());
    let store = open(&config(&url)).await.unwrap();
    use_everything(store.as_ref()).await;
    let foreign = Config { key_prefix: "other:".into(), ..config(&url) };
    let error = open(&foreign).await.err().unwrap();
    assert!(whole(&error).contains("NoPerm"), "the channel of another prefix: {}", whole(&error));
    // Without `info` the version is not checked, and everything else works.
    let _: String = raw(&server, &["ACL", "SETUSER", "menshen", "-info"]).await;
    open(&config(&url)).await.unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn tls_works_with_a_trusted_certificate_and_fails_without() {
    let server = RedisServer::start_tls();
    let trusting = Config { ca_file: Some(server.ca_file()), ..config(&server.url()) };
    let store = open(&trusting).await.unwrap();
    use_everything(store.as_ref()).await;
    let mut news = store.events();
    store.delete_sessions(&[digest()]).await.unwrap();
    tokio::time::timeout(LIMIT, news.recv()).await.unwrap().unwrap();

    let error = open(&config(&server.url())).await.err().unwrap();
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
    assert!(whole(&error).contains("certificate"), "{}", whole(&error));
    let other_name = format!("rediss://127.0.0.1:{}", server.port());
    let wrong = Config { ca_file: Some(server.ca_file()), ..config(&other_name) };
    assert!(matches!(open(&wrong).await.err().unwrap(), OpenError::Unreachable { .. }));
}

#[tokio::test]
async fn a_ca_file_that_holds_no_certificate_is_named() {
    let server = RedisServer::start_tls();
    let file = tempfile::NamedTempFile::new().unwrap();
    let wrong = Config { ca_file: Some(file.path().into()), ..config(&server.url()) };
    let error = open(&wrong).await.err().unwrap();
    assert!(!matches!(error, OpenError::Credentials { .. }), "{error:?}");
}

#[rstest::rstest]
#[case::no_row("gibberish")]
#[case::another_row("1 {\"id\":\"a\"}")]
#[case::no_text("\u{0}")]
#[tokio::test]
async fn unreadable_rows_are_corrupt_and_not_absent(#[case] bytes: &str) {
    let server = RedisServer::start(&[]);
    let store = open(&config(&server.url())).await.unwrap();
    let token = digest();
    store.put_session(&token, &session("a", 1), LONG).await.unwrap();
    for key in [
        format!("menshen:identity:{}", key("p").storage_key()),
        "menshen:account:a".into(),
        format!("menshen:session:{}", token.text()),
        "menshen:flow:f".into(),
    ] {
        let _: String = raw(&server, &["SET", &key, bytes]).await;
    }
    let claim = IdentityRow::claim(account_id("a"));
    assert!(is_corrupt(&store.identities(&[key("p")]).await));
    assert!(is_corrupt(&store.claim_identity(&key("p"), &claim).await));
    assert!(is_corrupt(&store.swap_identity(&key("p"), &claim, &claim).await));
    assert!(is_corrupt(&store.remove_identity(&key("p"), &claim).await));
    assert!(is_corrupt(&store.accounts(&[account_id("b"), account_id("a")]).await));
    assert!(is_corrupt(&store.session(&token).await));
    assert!(is_corrupt(&store.touch_session(&token, Timestamp::default(), LONG).await));
    assert!(is_corrupt(&store.sessions_of(&account_id("a")).await));
    assert!(is_corrupt(&store.flow(&flow("f").id).await));
    // An unreadable session can still be ended.
    store.delete_sessions(&[token]).await.unwrap();
    assert_eq!(store.session(&token).await.unwrap(), None);
}

/// How often a command was called, by clients and scripts.
async fn called(server: &RedisServer, command: &str) -> u64 {
    let told: String = raw(server, &["INFO", "commandstats"]).await;
    let line = told.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_row_that_another_version_wrote_otherwise_is_swapped_and_removed_all_the_same() {
    let server = RedisServer::start(&[]);
    let store = open(&config(&server.url())).await.unwrap();
    let place = format!("menshen:identity:{}", key("p").storage_key());
    let (claim, settled) = (IdentityRow::claim(account_id("a")), IdentityRow::settled(account_id("a")));
    let otherwise = async |settled: bool| {
        let row = format!(r#"{{ "later": [1], "settled": {settled}, "accounts": ["a"] }}"#);
        let _: String = raw(&server, &["SET", &place, &row]).await;
    };
    otherwise(false).await;
    assert!(!store.swap_identity(&key("p"), &settled, &claim).await.unwrap(), "another row");
    assert!(!store.remove_identity(&key("p"), &settled).await.unwrap(), "another row");
    assert!(store.swap_identity(&key("p"), &claim, &settled).await.unwrap());
    assert_eq!(store.identities(&[key("p")]).await.unwrap(), [Some(settled.clone())]);
    otherwise(true).await;
    assert!(store.remove_identity(&key("p"), &settled).await.unwrap());
    assert_eq!(store.identities(&[key("p")]).await.unwrap(), [None]);
}

#[tokio::test]
async fn a_row_as_we_write_it_is_swapped_and_removed_without_reading_it_first() {
    let server = RedisServer::start(&[]);
    let store = open(&config(&server.url())).await.unwrap();
    let (claim, settled) = (IdentityRow::claim(account_id("a")), IdentityRow::settled(account_id("a")));
    let chosen = IdentityRow { chosen: Some(account_id("a")), ..settled.clone() };
    store.claim_identity(&key("p"), &claim).await.unwrap();
    assert!(store.swap_identity(&key("p"), &claim, &settled).await.unwrap());
    assert!(store.swap_identity(&key("p"), &settled, &chosen).await.unwrap());
    assert!(store.remove_identity(&key("p"), &chosen).await.unwrap());
    assert_eq!(called(&server, "mget").await, 0);
}

#[tokio::test]
async fn a_swap_over_an_unreadable_row_is_corrupt_and_changes_nothing() {
    let server = RedisServer::start(&[]);
    let store = open(&config(&server.url())).await.unwrap();
    for key in ["menshen:account:a", "menshen:flow:f"] {
        let _: String = raw(&server, &["SET", key, "gibberish"]).await;
    }
    let mut row = account("a");
    row.version = 2;
    assert!(is_corrupt(&store.update_account(&row).await));
    let taken = flow("f").begin_exchange(Timestamp::from_millis(1)).unwrap();
    assert!(is_corrupt(&store.swap_flow(&taken, LONG).await));
    for key in ["menshen:account:a", "menshen:flow:f"] {
        assert_eq!(raw::<String>(&server, &["GET", key]).await, "gibberish");
    }
}

#[tokio::test]
async fn a_key_of_another_type_is_corrupt() {
    let server = RedisServer::start(&[]);
    let store = open(&config(&server.url())).await.unwrap();
    let token = digest();
    let claim = IdentityRow::claim(account_id("a"));
    let session_key = format!("menshen:session:{}", token.text());
    let identity_key = format!("menshen:identity:{}", key("p").storage_key());
    for key in [&session_key, &identity_key, "menshen:kept:k", "menshen:account:a"] {
        let _: u32 = raw(&server, &["RPUSH", key, "x"]).await;
    }
    let _: String = raw(&server, &["SET", "menshen:sessions-of:a", "x"]).await;
    assert!(is_corrupt(&store.session(&token).await));
    assert!(is_corrupt(&store.sessions_of(&account_id("a")).await));
    assert!(is_corrupt(&store.keep("k", "v").await));
    assert!(is_corrupt(&store.claim_identity(&key("p"), &claim).await));
    let mut row = account("a");
    row.version = 2;
    assert!(is_corrupt(&store.update_account(&row).await));
}

#[tokio::test]
async fn rows_with_a_time_to_live_have_one_in_redis_and_others_none() {
    let server = RedisServer::start(&[]);
    let store = open(&config(&server.url())).await.unwrap();
    let token = digest();
    store.put_session(&token, &session("a", 1), LONG).await.unwrap();
    assert!(store.touch_session(&token, Timestamp::from_millis(2), Span::from_mins(60)).await.unwrap());
    store.put_flow(&flow("f"), LONG).await.unwrap();
    store.put_once(&OnceKey { purpose: "ticket", digest: token }, "value", LONG).await.unwrap();
    store.create_account(&account("a")).await.unwrap();
    let lives = async |key: String| raw::<i64>(&server, &["PTTL", &key]).await;
    let session_lives = lives(format!("menshen:session:{}", token.text())).await;
    assert!((3_000_000..=3_600_000).contains(&session_lives), "{session_lives}");
    let index_lives = lives("menshen:sessions-of:a".into()).await;
    assert!(index_lives >= session_lives, "the index outlives its sessions: {index_lives}");
    assert!(lives("menshen:flow:f".into()).await > 0);
    assert!(lives(format!("menshen:once:ticket:{}", token.text())).await > 0);
    assert_eq!(lives("menshen:account:a".into()).await, -1);
    let keys: Vec<String> = raw(&server, &["KEYS", "*"]).await;
    assert!(keys.iter().all(|key| key.starts_with("menshen:")), "{keys:?}");
}

#[tokio::test]
async fn the_index_of_an_account_is_cleaned_by_writing_and_by_listing() {
    let server = RedisServer::start(&[]);
    let store = open(&config(&server.url())).await.unwrap();
    let members = async || raw::<Vec<String>>(&server, &["ZRANGE", "menshen:sessions-of:a", "0", "-1"]).await;
    let enter = async |digest: TokenDigest, score: &str| {
        let _: u32 = raw(&server, &["ZADD", "menshen:sessions-of:a", score, &digest.text()]).await;
    };
    let (live, expired, orphan) = (digest(), digest(), digest());
    enter(expired, "1000").await;
    store.put_session(&live, &session("a", 1), LONG).await.unwrap();
    assert_eq!(members().await, [live.text()], "writing drops what has expired");
    enter(orphan, "9999999999999").await;
    assert_eq!(store.sessions_of(&account_id("a")).await.unwrap().len(), 1);
    assert_eq!(members().await, [live.text()], "listing drops what leads nowhere");
    store.delete_sessions(&[live]).await.unwrap();
    assert_eq!(members().await, Vec::<String>::new(), "deleting leaves nothing");
}

#[tokio::test]
async fn prefixes_and_databases_keep_installations_apart() {
    let server = RedisServer::start(&[]);
    let one = open(&config(&server.url())).await.unwrap();
    let other = Config { key_prefix: "other:".into(), ..config(&server.url()) };
    let other = open(&other).await.unwrap();
    let third = open(&config(&format!("{}/3", server.url()))).await.unwrap();
    let mut news = other.events();
    one.create_account(&account("a")).await.unwrap();
    assert_eq!(other.accounts(&[account_id("a")]).await.unwrap(), [None]);
    assert_eq!(third.accounts(&[account_id("a")]).await.unwrap(), [None]);
    let (ours, theirs) = (digest(), digest());
    one.delete_sessions(&[ours]).await.unwrap();
    other.delete_sessions(&[theirs]).await.unwrap();
    let event = tokio::time::timeout(LIMIT, news.recv()).await.unwrap().unwrap();
    assert_eq!(event, StoreEvent::SessionEnded { digest: theirs });
}

#[tokio::test]
async fn writes_that_wait_for_a_replica_fail_without_one() {
    let primary = RedisServer::start(&[]);
    let waits = |wait_timeout: Span| Config {
        wait_replicas: 1,
        wait_timeout,
        timeout: Span::from_secs(20),
        ..config(&primary.url())
    };
    let hasty = open(&waits(Span::from_millis(100))).await.unwrap();
    let lonely = hasty.create_account(&account("a")).await;
    assert!(is_unavailable(&lonely), "{lonely:?}");
    assert!(whole(&lonely.unwrap_err()).contains("0 of 1 replicas confirmed"));
    let port = primary.port().to_string();
    let replica = RedisServer::start(&["--replicaof", &format!("127.0.0.1 {port}")]);
    // A machine with much to do is no reason for a replica to be missing.
    let store = open(&waits(Span::from_secs(10))).await.unwrap();
    eventually(async || store.create_account(&account("b")).await.is_ok()).await;
    let claim = IdentityRow::claim(account_id("b"));
    assert_eq!(store.claim_identity(&key("p"), &claim).await.unwrap(), claim);
    let copied: bool =
        raw(&replica, &["EXISTS", &format!("menshen:identity:{}", key("p").storage_key())]).await;
    assert!(copied, "acknowledged, so it is on the replica");
    // A script that the server does not know must not fail between the write and the wait.
    let _: String = raw(&primary, &["SCRIPT", "FLUSH"]).await;
    let settled = IdentityRow::settled(account_id("b"));
    assert!(store.swap_identity(&key("p"), &claim, &settled).await.unwrap());
}
