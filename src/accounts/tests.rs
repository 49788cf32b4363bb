//! Whole files into a store in memory.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use rstest::rstest;
use serde::Deserialize;

use super::*;
use crate::domain::{
    Account, AccountId, AppId, IdentityKey, IdentityRow, OpenId, Phone, PoolId, Status, Username,
};
use crate::ground::{ManualClock, Timestamp};
use crate::login::{AppConfig, PoolConfig};

mod races;

const CONFIG: &str = r#"
pools = [{ id = "people" }, { id = "staff" }]
apps = [
    { id = "website", kind = "website", app_id = "wx0000000000000001", secret = "s", pool = "people" },
    { id = "desk", kind = "website", app_id = "wx0000000000000002", secret = "s", pool = "staff" },
]
"#;

const WHOLE: &str = r#"{"id": "u-1", "pool": "people", "username": "ZhangSan", "phone": "+86 138-0000-0001",
    "phone_verified": true, "email": "Zhang@Example.com", "email_verified": false, "name": "张三", "avatar": "https://a/1",
    "groups": ["staff"], "attributes": {"tier": "gold"}, "disabled": true,
    "password_hash": "$2b$04$2Ox8UDLAXyahqfT5SU1dme7SzNIkX7ZKaRlzLdm.DjzK8BbHfo4SG",
    "identities": [{"app": "website", "open_id": "o-1"}, {"union_id": "U-1"}]}"#;

#[derive(Deserialize)]
struct Sections {
    pools: Vec<PoolConfig>,
    apps: Vec<AppConfig>,
}

struct World {
    store: Arc<dyn Store>,
    clock: Arc<ManualClock>,
    directory: Directory,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_790_000_000_000)));
        let section =
            store::Config { url: StoreUrl::new("embedded:memory".to_owned()), ..store::Config::default() };
        let store = store::open(&section, clock.clone()).await.unwrap();
        let Sections { pools, apps } = toml::from_str(CONFIG).unwrap();
        Self { store, clock, directory: Directory::build(&pools, &apps, &[]).unwrap() }
    }

    async fn run(&self, dry_run: bool, lines: &[&str]) -> (Summary, Vec<String>) {
        let file: Vec<String> = lines.iter().map(|line| line.replace('\n', " ")).collect();
        let (file, mut told) = (file.join("\n"), Vec::new());
        let mut tell = |text: &str| told.push(text.to_owned());
        let lines = Lines::new(file.as_bytes());
        let summary =
            lines_into(lines, &self.directory, &*self.store, dry_run, &*self.clock, &mut tell).await.unwrap();
        (summary, told)
    }

    async fn import(&self, lines: &[&str]) -> (Summary, Vec<String>) {
        self.run(false, lines).await
    }

    async fn account(&self, id: &str) -> Option<Account> {
        self.store.accounts(&[account_id(id)]).await.unwrap().pop().unwrap()
    }

    async fn row(&self, key: &IdentityKey) -> Option<IdentityRow> {
        self.store.identities(std::slice::from_ref(key)).await.unwrap().pop().unwrap()
    }
}

fn account_id(id: &str) -> AccountId {
    AccountId::new(id).unwrap()
}

fn people() -> PoolId {
    PoolId::new("people").unwrap()
}

fn phone(number: &str) -> IdentityKey {
    IdentityKey::Phone { pool: people(), phone: Phone::parse(number).unwrap() }
}

fn username(name: &str) -> IdentityKey {
    IdentityKey::Username { pool: people(), username: Username::parse(name).unwrap() }
}

fn open(id: &str) -> IdentityKey {
    let app_id = AppId::new("wx0000000000000001").unwrap();
    IdentityKey::OpenId { pool: people(), app_id, open_id: OpenId::new(id).unwrap() }
}

fn counts(imported: u64, there: u64, refused: u64, wrong: u64) -> Summary {
    Summary { dry_run: false, imported, there, refused, wrong }
}

#[tokio::test]
async fn a_line_becomes_an_account_to_which_everything_leads() {
    let world = World::new().await;
    assert_eq!(world.import(&[WHOLE]).await, (counts(1, 0, 0, 0), vec![]));
    let account = world.account("u-1").await.unwrap();
    assert_eq!(account.username.as_deref(), Some("zhangsan"));
    assert_eq!(account.profile.nickname.as_deref(), Some("张三"));
    assert_eq!(account.profile.avatar.as_deref(), Some("https://a/1"));
    assert_eq!(
        (account.groups.as_slice(), account.attributes["tier"].as_str()),
        (&["staff".to_owned()][..], "gold")
    );
    assert_eq!(account.status, Status::Disabled);
    assert!(account.password.as_ref().unwrap().verify("legacy"));
    let (number, email) = (account.phone.as_ref().unwrap(), account.email.as_ref().unwrap());
    assert_eq!((number.value.as_str(), number.verified), ("+8613800000001", true));
    assert_eq!((email.value.as_str(), email.verified), ("zhang@example.com", false));
    assert_eq!(account.identities.len(), 2);
    assert!(matches!(account.identities[0], IdentityKey::UnionId { .. }), "the widest first");
    assert_eq!(account.wechats().len(), 1, "one person");
    let mut keys = account.identities.clone();
    keys.extend([phone("+8613800000001"), username("zhangsan")]);
    for key in keys {
        assert_eq!(world.row(&key).await, Some(IdentityRow::settled(account_id("u-1"))), "{key:?}");
    }
    let pool = people();
    let unverified =
        IdentityKey::Email { pool, email: crate::domain::Email::parse("zhang@example.com").unwrap() };
    assert_eq!(world.row(&unverified).await, None, "an unverified address leads nowhere");
}

#[tokio::test]
async fn the_same_file_again_changes_nothing_also_after_people_have_logged_in() {
    let world = World::new().await;
    let nameless = r#"{"pool": "people", "username": "li"}"#;
    assert_eq!(world.import(&[WHOLE, nameless]).await.0, counts(2, 0, 0, 0));
    let mut account = world.account("u-1").await.unwrap();
    account.profile.nickname = Some("三三".into());
    account.password = Some(crate::ground::PasswordHash::new("legacy", &mut rand::rng()));
    account.learn(open("o-of-another-device"));
    account.version += 1;
    assert!(world.store.update_account(&account).await.unwrap());
    assert_eq!(world.import(&[WHOLE, nameless]).await, (counts(0, 2, 0, 0), vec![]));
    assert_eq!(world.account("u-1").await.unwrap(), account);
}

#[tokio::test]
async fn what_leads_to_another_account_is_refused_and_the_other_lines_go_in() {
    let world = World::new().await;
    let lines = [
        WHOLE,
        r#"{"id": "u-1", "pool": "people", "username": "zhangsan", "groups": ["staff", "admin"]}"#,
        r#"{"id": "u-2", "pool": "people", "phone": "+8613800000001", "phone_verified": true, "username": "ZHANGSAN"}"#,
        r#"{"id": "u-3", "pool": "people", "identities": [{"app": "website", "open_id": "o-1"}]}"#,
        r#"{"id": "u-4", "pool": "people", "identities": [{"union_id": "U-1"}]}"#,
        r#"{"id": "u-5", "pool": "people", "phone": "+8613800000001", "email": "zhang@example.com"}"#,
        r#"{"id": "u-6", "pool": "staff", "username": "zhangsan", "phone": "+8613800000001", "phone_verified": true}"#,
        r#"{"id": "u-1", "pool": "staff"}"#,
    ];
    let (summary, told) = world.import(&lines).await;
    assert_eq!(summary, counts(3, 0, 5, 0), "{told:#?}");
    let beginnings = [
        "line 2: id: the account `u-1` is there and differs in groups, attributes, disabled; an import changes no account",
        "line 3: phone: this verified phone number leads to the account `u-1` already",
        "line 3: username: this user name leads to the account `u-1` already",
        "line 4: identities: this OpenID leads to the account `u-1` already",
        "line 5: identities: this UnionID leads to the account `u-1` already",
        "line 8: id: the account `u-1` is there and differs in pool, groups",
    ];
    assert_eq!(told.len(), beginnings.len(), "{told:#?}");
    for (told, beginning) in told.iter().zip(beginnings) {
        assert!(told.starts_with(beginning), "{told}");
    }
    for nobody in ["u-2", "u-3", "u-4"] {
        assert_eq!(world.account(nobody).await, None);
    }
    // What is told of a dry run is what happens, and nothing is written.
    let fresh = World::new().await;
    let (dry, told_before) = fresh.run(true, &lines).await;
    assert_eq!((Summary { dry_run: false, ..dry }, told_before), (summary, told));
    assert!(dry.to_string().ends_with("nothing was written"), "{dry}");
    assert_eq!(fresh.account("u-1").await, None);
    assert_eq!(fresh.row(&username("zhangsan")).await, None);
}

/// Between any two steps of an import that was killed.
#[tokio::test]
async fn an_import_that_was_killed_is_finished_by_the_next() {
    let whole = World::new().await;
    whole.import(&[WHOLE]).await;
    let account = whole.account("u-1").await.unwrap();
    let mut keys = account.identities.clone();
    keys.extend([phone("+8613800000001"), username("zhangsan")]);
    for pointed in 0..=keys.len() {
        let world = World::new().await;
        assert!(world.store.create_account(&account).await.unwrap());
        for key in &keys[..pointed] {
            world.store.claim_identity(key, &IdentityRow::settled(account.id.clone())).await.unwrap();
        }
        let (summary, told) = world.import(&[WHOLE]).await;
        assert_eq!((summary, told), (counts(0, 1, 0, 0), vec![]), "{pointed}");
        assert_eq!(world.account("u-1").await, Some(account.clone()));
        for key in &keys {
            assert_eq!(world.row(key).await, Some(IdentityRow::settled(account.id.clone())), "{key:?}");
        }
    }
}

#[tokio::test]
async fn claims_without_an_account_and_names_that_were_let_go_are_free() {
    let world = World::new().await;
    for key in [open("o-1"), phone("+8613800000001")] {
        world.store.claim_identity(&key, &IdentityRow::claim(account_id("abandoned"))).await.unwrap();
    }
    world.import(&[r#"{"id": "u-0", "pool": "people", "username": "zhangsan"}"#]).await;
    let mut renamed = world.account("u-0").await.unwrap();
    renamed.username = Some("li".into());
    renamed.version += 1;
    assert!(world.store.update_account(&renamed).await.unwrap());
    let (summary, told) = world.import(&[WHOLE]).await;
    assert_eq!((summary, told), (counts(1, 0, 0, 0), vec![]));
    assert_eq!(world.row(&username("zhangsan")).await, Some(IdentityRow::settled(account_id("u-1"))));
    assert_eq!(world.row(&open("o-1")).await, Some(IdentityRow::settled(account_id("u-1"))));
}

#[tokio::test]
async fn a_user_name_that_reads_as_the_phone_or_email_of_somebody_else_is_refused() {
    let world = World::new().await;
    let (summary, told) = world
        .import(&[
            r#"{"id": "a", "pool": "people", "phone": "+8613800000001", "phone_verified": true, "username": "13800000001"}"#,
            r#"{"id": "b", "pool": "people", "email": "li@example.com", "email_verified": true}"#,
            r#"{"id": "c", "pool": "people", "username": "13800000002", "email": "wang@example.com"}"#,
            r#"{"id": "d", "pool": "people", "username": "+86 138 0000 0001"}"#,
            r#"{"id": "e", "pool": "people", "username": "Li@Example.com"}"#,
        ])
        .await;
    assert_eq!(summary, counts(3, 0, 2, 0), "{told:?}");
    assert!(told[0].starts_with(
        "line 4: username: this user name reads as the verified phone or email of the account `a`"
    ));
    assert!(told[1].starts_with(
        "line 5: username: this user name reads as the verified phone or email of the account `b`"
    ));
}

#[tokio::test]
async fn a_long_import_says_how_far_it_is() {
    let world = World::new().await;
    let mut lines = vec![""; 5_000];
    lines[0] = r#"{"pool": "people", "username": "li"}"#;
    lines[4_999] = r#"{"pool": "people", "username": "wang"}"#;
    let (summary, told) = world.import(&lines).await;
    assert_eq!(summary, counts(2, 0, 0, 0));
    assert_eq!(told, ["line 5000: 1 imported, 0 already there, 0 refused, 0 not understood, so far"]);
}

/// Its password would be lost without a word.
#[tokio::test]
async fn a_line_that_brings_a_password_to_an_account_without_one_is_refused() {
    let world = World::new().await;
    let bare = r#"{"pool": "people", "identities": [{"app": "website", "open_id": "o-1"}]}"#;
    assert_eq!(world.import(&[bare]).await.0, counts(1, 0, 0, 0));
    let hash = "$2b$04$2Ox8UDLAXyahqfT5SU1dme7SzNIkX7ZKaRlzLdm.DjzK8BbHfo4SG";
    let line = bare.replace("}]}", &format!("}}], \"password_hash\": \"{hash}\"}}"));
    let (summary, told) = world.import(&[&line]).await;
    assert_eq!(summary, counts(0, 0, 1, 0));
    assert!(told[0].contains("differs in password_hash"), "{told:?}");
}

/// Its owner changed it at the older site between two imports, and has not logged in here since.
#[tokio::test]
async fn a_line_that_brings_another_password_is_refused_unless_today_s_hash_took_its_place() {
    let world = World::new().await;
    let line = r#"{"id": "a", "pool": "people", "password_hash": "HASH"}"#;
    let before = line.replace("HASH", "$2b$04$2Ox8UDLAXyahqfT5SU1dme7SzNIkX7ZKaRlzLdm.DjzK8BbHfo4SG");
    let after = line.replace("HASH", "$2b$04$qAp66MgmHHqxZHTHDjsB0en5vc/6ByJMtaKNlVogv4yhdrcP6ZrBq");
    assert_eq!(world.import(&[&before, &before]).await.0, counts(1, 1, 0, 0));
    let (summary, told) = world.import(&[&after]).await;
    assert_eq!(summary, counts(0, 0, 1, 0));
    assert!(told[0].contains("differs in password_hash"), "{told:?}");

    let mut account = world.account("a").await.unwrap();
    account.password = Some(crate::ground::PasswordHash::new("legacy", &mut rand::rng()));
    account.version += 1;
    assert!(world.store.update_account(&account).await.unwrap());
    assert_eq!(world.import(&[&before]).await.0, counts(0, 1, 0, 0));
}

/// What is behind a refused line leads nowhere: it would lead into the account of whoever gets that id later.
#[tokio::test]
async fn a_refused_line_leaves_no_row_behind() {
    let world = World::new().await;
    world.import(&[r#"{"id": "7", "pool": "people", "username": "li"}"#]).await;
    let line = r#"{"id": "7", "pool": "people", "identities": [{"app": "website", "open_id": "o-1"}]}"#;
    assert_eq!(world.import(&[line]).await.0, counts(0, 0, 1, 0));
    assert_eq!(world.row(&open("o-1")).await, None);
    let taken =
        line.replace("\"7\"", "\"8\"").replace("}]", "}, {\"union_id\": \"U-1\"}], \"username\": \"li\"");
    assert_eq!(world.import(&[&taken]).await.0, counts(0, 0, 1, 0));
    assert_eq!(world.row(&open("o-1")).await, None);
    assert_eq!(world.account("8").await, None);
}

/// A first login settles its rows before it writes the account.
#[tokio::test]
async fn a_row_that_a_login_is_finishing_is_left_to_it() {
    let world = World::new().await;
    world.store.claim_identity(&open("o-1"), &IdentityRow::settled(account_id("new"))).await.unwrap();
    let (summary, told) = world.import(&[WHOLE]).await;
    assert_eq!(summary, counts(0, 0, 1, 0));
    assert!(told[0].starts_with("line 1: identities: this OpenID leads to the account `new`"), "{told:?}");
}

#[rstest]
#[case("{", &["line 1: is no JSON object in one line: EOF while parsing an object (column 1)"])]
#[case("[1]", &["line 1: is no JSON object in one line: it begins"])]
#[case(r#"{"pool": "people"} x"#, &["line 1: is no JSON object in one line: trailing characters"])]
#[case(r#"{"username": "a"}"#, &["line 1: missing field `pool`"])]
#[case(r#"{"pool": "peple", "username": "a"}"#, &["line 1: pool: there is no such pool in the config; did you mean `people`?"])]
#[case(r#"{"pool": "people", "emial": "a@b.cn"}"#, &["line 1: emial: unknown field `emial`, expected one of"])]
#[case(r#"{"pool": "people", "id": "a", "id": "b"}"#, &["line 1: duplicate field `id`"])]
#[case(r#"{"pool": "people", "disabled": "$2b$04$secret"}"#, &["line 1: disabled: must be a boolean, not string"])]
#[case(r#"{"pool": "people", "username": 1}"#, &["line 1: username: must be a string, not integer"])]
#[case(r#"{"pool": "people"}"#, &["line 1: needs an `id`, or something that leads to it"])]
#[case(r#"{"pool": "people", "phone": "+8613800000001", "email": "a@b.cn"}"#, &["line 1: needs an `id`"])]
#[case(
    r#"{"pool": "people", "id": "a b", "phone": "13800000001", "email": "a@b", "username": "", "password_hash": "md5"}"#,
    &[
        "line 1: id: an account id must be",
        "line 1: phone: this is not a phone number with its country code",
        "line 1: email: this is not an email address",
        "line 1: username: a user name has",
        "line 1: password_hash: this is no password hash that is understood",
    ]
)]
#[case(
    r#"{"pool": "people", "id": "a", "phone_verified": true, "email_verified": false}"#,
    &["line 1: phone_verified: there is no `phone`", "line 1: email_verified: there is no `email`"]
)]
#[case(
    r#"{"pool": "people", "id": "a", "identities": [{"app": "webiste", "open_id": "o"}, {"app": "desk", "open_id": "o"},
        {"app": "website"}, {"app": "website", "open_id": ""}, {"union_id": "a b"}]}"#,
    &[
        "line 1: identities[0].app: there is no such app in the config; did you mean `website`?",
        "line 1: identities[1].app: this app belongs to the pool `staff`, the account to `people`",
        "line 1: identities[2]: expected {\"app\"",
        "line 1: identities[3].open_id: an OpenID must be",
        "line 1: identities[4].union_id: a UnionID must be",
    ]
)]
#[case(
    r#"{"pool": "people", "identities": [{"app": "website", "open_id": "o-1"}, {"app": "website", "open_id": "o-2"}]}"#,
    &["line 1: identities: has two people of one app"]
)]
#[case(r#"{"pool": "people", "identities": [{"union": "U"}]}"#, &["line 1: identities[0].union: unknown field `union`"])]
#[case(r#"{"pool": "people", "attributes": {"level": 1}}"#, &["line 1: attributes.level: must be a string"])]
#[tokio::test]
async fn a_wrong_line_is_told_with_its_number_its_key_and_the_cure(
    #[case] line: &str,
    #[case] expected: &[&str],
) {
    let world = World::new().await;
    let (summary, told) = world.import(&[line, r#"{"pool": "people", "username": "good"}"#]).await;
    assert_eq!(summary, counts(1, 0, 0, 1));
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}");
        assert!(!told.contains("secret"), "{told}");
    }
}

#[tokio::test]
async fn null_is_as_good_as_nothing_and_the_same_identity_twice_is_one() {
    let world = World::new().await;
    let line = r#"{"id": null, "pool": "people", "username": "a", "phone": null, "groups": null, "disabled": null,
        "identities": [{"union_id": "U", "app": null}, {"union_id": "U"}]}"#;
    assert_eq!(world.import(&[line]).await, (counts(1, 0, 0, 0), vec![]));
}
