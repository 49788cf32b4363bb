//! What only a file can do to us: a killed process, a second process, foreign bytes, rights.
//!
//! The contract that all stores share is in `store_contract.rs`.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/rows.rs"]
#[allow(dead_code, unreachable_pub)]
mod rows;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use menshen::domain::IdentityRow;
use menshen::ground::{Clock as _, ManualClock, Span, SystemClock, Timestamp};
use menshen::store::{self, Config, OnceKey, OpenError, Store, StoreError, StoreUrl};
use redb::{Database, TableDefinition};
use rows::{account, account_id, digest, flow, key, session};

const LONG: Span = Span::from_mins(10);

async fn open(path: &Path) -> Result<Arc<dyn Store>, OpenError> {
    let url = StoreUrl::new(format!("embedded:{}", path.display()));
    let config = Config { url, timeout: Span::from_secs(20), ..Config::default() };
    store::open(&config, Arc::new(SystemClock)).await
}

fn is_corrupt<T: std::fmt::Debug>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Corrupt { .. }))
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.redb");
    let (token, once) = (digest(), OnceKey { purpose: "ticket", digest: digest() });
    let row = IdentityRow::settled(account_id("a"));
    let begun = flow("f");
    let store = open(&path).await.unwrap();
    store.claim_identity(&key("p"), &row).await.unwrap();
    store.create_account(&account("a")).await.unwrap();
    store.put_session(&token, &session("a", 1), LONG).await.unwrap();
    assert!(store.touch_session(&token, Timestamp::from_millis(77), LONG).await.unwrap());
    store.put_flow(&begun, LONG).await.unwrap();
    store.put_once(&once, "value", LONG).await.unwrap();
    store.keep("name", "value").await.unwrap();
    drop(store);

    let store = open(&path).await.unwrap();
    assert_eq!(store.identities(&[key("p")]).await.unwrap(), [Some(row)]);
    assert_eq!(store.accounts(&[account_id("a")]).await.unwrap(), [Some(account("a"))]);
    let found = store.session(&token).await.unwrap().unwrap();
    assert_eq!(found.last_seen_at, Timestamp::from_millis(77), "an orderly end keeps the idle clock too");
    assert_eq!(store.sessions_of(&account_id("a")).await.unwrap().len(), 1);
    assert_eq!(store.flow(&begun.id).await.unwrap(), Some(begun));
    assert_eq!(store.take_once(&once).await.unwrap().as_deref(), Some("value"));
    assert_eq!(store.keep("name", "other").await.unwrap(), "value");
}

#[tokio::test]
async fn what_expired_while_nobody_ran_is_gone_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let url = StoreUrl::new(format!("embedded:{}", dir.path().join("store.redb").display()));
    let config = Config { url, timeout: Span::from_secs(20), ..Config::default() };
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1000)));
    let token = digest();
    let store = store::open(&config, clock.clone()).await.unwrap();
    store.put_session(&token, &session("a", 1), Span::from_millis(10)).await.unwrap();
    drop(store);
    clock.advance(Span::from_millis(10));
    let store = store::open(&config, clock).await.unwrap();
    assert_eq!(store.session(&token).await.unwrap(), None);
    assert_eq!(store.sessions_of(&account_id("a")).await.unwrap(), []);
}

/// The writing half of the next test: acknowledges accounts on its output until it is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started as a process by the test below"]
async fn writing_until_killed() {
    let store = open(Path::new(&std::env::var_os("STORE_PATH").unwrap())).await.unwrap();
    let round = std::env::var("STORE_ROUND").unwrap();
    let writers = (0..8).map(|writer| {
        let (store, round) = (store.clone(), round.clone());
        tokio::spawn(async move {
            for number in 0.. {
                let id = format!("{round}-{writer}-{number}");
                assert!(store.create_account(&account(&id)).await.unwrap());
                let mut out = std::io::stdout().lock();
                writeln!(out, "written {id}").unwrap();
                out.flush().unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

/// Acceptance: nothing that was acknowledged is lost by `kill -9`.
#[tokio::test]
async fn a_killed_writer_loses_nothing_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.redb");
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writing_until_killed", "--ignored", "--nocapture"])
            .env("STORE_PATH", &path)
            .env("STORE_ROUND", round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ids = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
            // The first line shares its line with the harness's "test … ".
            ids.extend(line.split_once("written ").map(|(_, id)| account_id(id)));
            if ids.len() == 40 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(ids.len() >= 40, "the writer ended by itself");
        acknowledged.extend(ids);
        let store = open(&path).await.unwrap();
        let found = store.accounts(&acknowledged).await.unwrap();
        assert!(found.iter().all(Option::is_some), "an acknowledged account is missing");
        assert!(store.create_account(&account(&format!("after{round}"))).await.unwrap());
    }
}

#[tokio::test]
async fn a_second_opening_is_told_which_file_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.redb");
    let store = open(&path).await.unwrap();
    let error = open(&path).await.err().unwrap();
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(path.to_str().unwrap()) && text.contains("stop that process"), "{text}");
    store.create_account(&account("a")).await.unwrap();
    drop(store);
    open(&path).await.unwrap();
}

#[tokio::test]
async fn the_file_and_its_new_directory_belong_to_their_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lib/menshen/store.redb");
    open(&path).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    let notes = "remember the milk\n".repeat(1000);
    std::fs::write(&path, &notes).unwrap();
    let error = open(&path).await.err().unwrap();
    assert_eq!(error.to_string(), format!("cannot use the file {}", path.display()));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), notes);
    let error = open(dir.path()).await.err().unwrap();
    assert!(matches!(error, OpenError::File { .. }), "a directory: {error:?}");
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused() {
    const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.redb");
    let database = Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert("format", 99).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = open(&path).await.err().unwrap();
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error:?}");
}

/// Puts bytes where rows should be; the definitions are those of the store's file.
fn spoil(path: &Path, token: &[u8; 32]) {
    const IDENTITIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("identities");
    const ACCOUNTS: TableDefinition<'_, &str, (u64, &[u8])> = TableDefinition::new("accounts");
    const SESSIONS: TableDefinition<'_, &[u8; 32], (u64, u64, &[u8])> = TableDefinition::new("sessions");
    const FLOWS: TableDefinition<'_, &str, (u64, u64, &[u8])> = TableDefinition::new("flows");
    let database = Database::create(path).unwrap();
    let transaction = database.begin_write().unwrap();
    let storage_key = key("p").storage_key();
    let bytes = b"{\"id\":1}".as_slice();
    let late = SystemClock.now().plus(LONG).millis();
    transaction.open_table(IDENTITIES).unwrap().insert(storage_key.as_str(), bytes).unwrap();
    transaction.open_table(ACCOUNTS).unwrap().insert("a", (1, bytes)).unwrap();
    transaction.open_table(SESSIONS).unwrap().insert(token, (late, 0, bytes)).unwrap();
    transaction.open_table(FLOWS).unwrap().insert("f", (late, 1, bytes)).unwrap();
    transaction.commit().unwrap();
}

#[tokio::test]
async fn unreadable_rows_are_corrupt_and_not_absent() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.redb");
    let token = digest();
    let store = open(&path).await.unwrap();
    store.put_session(&token, &session("a", 1), LONG).await.unwrap();
    drop(store);
    spoil(&path, token.bytes());

    let store = open(&path).await.unwrap();
    let claim = IdentityRow::claim(account_id("a"));
    assert!(is_corrupt(&store.identities(&[key("p")]).await));
    assert!(is_corrupt(&store.claim_identity(&key("p"), &claim).await));
    assert!(is_corrupt(&store.swap_identity(&key("p"), &claim, &claim).await));
    assert!(is_corrupt(&store.remove_identity(&key("p"), &claim).await));
    assert!(is_corrupt(&store.accounts(&[account_id("b"), account_id("a")]).await));
    assert!(is_corrupt(&store.session(&token).await));
    assert!(is_corrupt(&store.sessions_of(&account_id("a")).await));
    assert!(is_corrupt(&store.flow(&flow("f").id).await));
    assert!(!store.create_account(&account("a")).await.unwrap(), "the id stays taken");
    store.delete_sessions(&[token]).await.unwrap();
    assert_eq!(store.session(&token).await.unwrap(), None);
    assert_eq!(store.sessions_of(&account_id("a")).await.unwrap(), []);
}
