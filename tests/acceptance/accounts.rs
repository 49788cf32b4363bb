//! Who becomes which account: OpenID, UnionID, pools, people who come back, people who may not come in.

use menshen::domain::{
    Account, AccountId, AppId, Identity, IdentityKey, IdentityRow, OpenId, PoolId, Profile, Status, UnionId,
};
use menshen::ground::{Span, Timestamp};
use menshen::simulator::{Consent, Person};
use rstest::rstest;

use crate::browser::Browser;
use crate::logs::Logs;
use crate::reply::Reply;
use crate::world::{DIRECTORY, SERVICE, Setup, WEBSITE, World, open_key, union_key};

async fn by_qr(world: &World, person: &str) -> String {
    let reply = world.desktop().log_in_by_qr(person, "/").await;
    reply.received().header("x-user-id").unwrap().to_owned()
}

async fn by_wechat(world: &World, person: &str) -> String {
    let reply = world.phone().log_in_by_wechat(person, "/").await;
    reply.received().header("x-user-id").unwrap().to_owned()
}

/// An account that an operator or an earlier version left behind, with settled rows for `keys`.
pub(crate) async fn plant(world: &World, id: &str, keys: &[IdentityKey]) {
    let identity = Identity {
        pool: PoolId::new("people").unwrap(),
        app_id: AppId::new(WEBSITE).unwrap(),
        open_id: OpenId::new("planted").unwrap(),
        union_id: None,
        profile: Profile::default(),
        phone: None,
        email: None,
    };
    let id = AccountId::new(id).unwrap();
    let mut account = Account::new(id.clone(), &identity, Timestamp::from_millis(1));
    account.identities = keys.to_vec();
    assert!(world.store().create_account(&account).await.unwrap());
    for key in keys {
        let row = IdentityRow::settled(id.clone());
        assert_eq!(world.store().claim_identity(key, &row).await.unwrap(), row);
    }
}

async fn leads_to(world: &World, key: &IdentityKey, id: &str) {
    let row = world.row(key).await.unwrap();
    assert!(row.settled, "{row:?}");
    assert_eq!(row.accounts, [AccountId::new(id).unwrap()]);
}

pub(crate) async fn disable(world: &World, id: &str) {
    let mut account = world.stored_account(id).await.unwrap();
    account.status = Status::Disabled;
    account.version += 1;
    assert!(world.store().update_account(&account).await.unwrap());
}

/// Acceptance: A4, B1, M3a.
#[tokio::test]
async fn a_new_person_gets_an_account_with_both_rows_and_lands_where_they_wanted_to_go() {
    let world = World::start().await;
    let desktop = world.desktop();
    let reply = desktop.log_in_by_qr("zhang", "/reports?year=2024&x=%2F").await;
    let received = reply.received();
    assert_eq!(received.target, "/reports?year=2024&x=%2F");
    let id = received.header("x-user-id").unwrap().to_owned();
    assert_eq!(received.header("x-user-openid"), Some(world.wechat.openid(WEBSITE, "zhang").as_str()));
    assert_eq!(received.header("x-user-unionid"), world.wechat.unionid(WEBSITE, "zhang").as_deref());
    assert_eq!(received.header("x-user-appid"), Some(WEBSITE));

    let account = world.stored_account(&id).await.unwrap();
    assert_eq!(account.identities, [world.union_key("zhang"), world.open_key(WEBSITE, "zhang")]);
    for key in &account.identities {
        leads_to(&world, key, &id).await;
    }
    // The id is the same on the next request and after the next login.
    assert_eq!(desktop.open("/other").await.received().header("x-user-id"), Some(id.as_str()));
    assert_eq!(by_qr(&world, "zhang").await, id);
}

/// Acceptance: A5, A6.
#[tokio::test]
async fn a_person_without_unionid_gets_an_account_with_the_openid_alone_and_keeps_it() {
    let world = World::start().await;
    let reply = world.desktop().log_in_by_qr("wang", "/").await;
    let received = reply.received();
    assert_eq!(received.header("x-user-unionid"), None);
    let id = received.header("x-user-id").unwrap().to_owned();
    let account = world.stored_account(&id).await.unwrap();
    assert_eq!(account.identities, [world.open_key(WEBSITE, "wang")]);
    leads_to(&world, &account.identities[0], &id).await;
    assert_eq!(by_qr(&world, "wang").await, id);
    assert_eq!(world.stored_account(&id).await.unwrap().identities.len(), 1);
}

/// Acceptance: A1.
#[tokio::test]
async fn without_unionid_one_person_in_two_apps_is_two_accounts() {
    let world = World::start().await;
    let (website, service) = (by_qr(&world, "wang").await, by_wechat(&world, "wang").await);
    assert_ne!(website, service);
    leads_to(&world, &world.open_key(WEBSITE, "wang"), &website).await;
    leads_to(&world, &world.open_key(SERVICE, "wang"), &service).await;
}

/// Acceptance: A2, A10.
#[tokio::test]
async fn the_unionid_joins_two_apps_into_one_account_with_three_rows() {
    let world = World::start().await;
    let id = by_qr(&world, "zhang").await;
    assert_eq!(by_wechat(&world, "zhang").await, id);
    let keys = [world.union_key("zhang"), world.open_key(WEBSITE, "zhang"), world.open_key(SERVICE, "zhang")];
    assert_eq!(world.stored_account(&id).await.unwrap().identities, keys);
    for key in &keys {
        leads_to(&world, key, &id).await;
    }
}

/// Acceptance: A10.
#[tokio::test]
async fn a_known_unionid_lets_an_unknown_openid_in_and_adds_its_row() {
    let world = World::start().await;
    plant(&world, "imported", &[world.union_key("lina")]).await;
    assert_eq!(by_qr(&world, "lina").await, "imported");
    leads_to(&world, &world.open_key(WEBSITE, "lina"), "imported").await;
    let identities = world.stored_account("imported").await.unwrap().identities;
    assert_eq!(identities, [world.union_key("lina"), world.open_key(WEBSITE, "lina")]);
}

const TWO_POOLS: &str = r#"
[[pools]]
id = "people"
[[pools]]
id = "others"
"#;

/// Acceptance: A3.
#[tokio::test]
async fn the_same_unionid_in_two_pools_is_two_people() {
    let rest = DIRECTORY.split_once("id = \"people\"\n").unwrap().1;
    let (website, service) = rest.split_once("pool = \"people\"").unwrap();
    let service = service.replacen("pool = \"people\"", "pool = \"others\"", 1);
    let directory = format!("{TWO_POOLS}{website}pool = \"people\"{service}");
    let world = World::with(Setup { directory, ..Setup::default() }).await;
    let unionid = world.wechat.unionid(WEBSITE, "zhang").unwrap();
    assert_eq!(world.wechat.unionid(SERVICE, "zhang").as_deref(), Some(unionid.as_str()));
    let (website, service) = (by_qr(&world, "zhang").await, by_wechat(&world, "zhang").await);
    assert_ne!(website, service);
    leads_to(&world, &union_key("people", &unionid), &website).await;
    leads_to(&world, &union_key("others", &unionid), &service).await;
    leads_to(&world, &open_key("others", SERVICE, &world.wechat.openid(SERVICE, "zhang")), &service).await;
}

/// Acceptance: A7 (`on_conflict = "unionid"`).
#[tokio::test]
async fn a_pool_may_let_the_unionid_decide_silently() {
    let directory = DIRECTORY.replacen("id = \"people\"", "id = \"people\"\non_conflict = \"unionid\"", 1);
    let world = World::with(Setup { directory, ..Setup::default() }).await;
    plant(&world, "anna", &[world.open_key(WEBSITE, "zhang")]).await;
    plant(&world, "berta", &[world.union_key("zhang")]).await;
    assert_eq!(by_qr(&world, "zhang").await, "berta");
    leads_to(&world, &world.open_key(WEBSITE, "zhang"), "anna").await;
}

/// Acceptance: A11.
#[tokio::test]
async fn a_unionid_that_appears_later_is_added_to_the_account() {
    let world = World::start().await;
    let id = by_qr(&world, "wang").await;
    world.wechat.set_unionid("wang", Some("o6_late".into())).unwrap();
    assert_eq!(by_qr(&world, "wang").await, id);
    leads_to(&world, &union_key("people", "o6_late"), &id).await;
    let identities = world.stored_account(&id).await.unwrap().identities;
    assert_eq!(identities, [world.open_key(WEBSITE, "wang"), union_key("people", "o6_late")]);
    // And now it joins the other app.
    assert_eq!(by_wechat(&world, "wang").await, id);
}

/// Acceptance: A12.
#[tokio::test]
async fn a_unionid_that_disappears_changes_nothing() {
    let world = World::start().await;
    let id = by_qr(&world, "zhang").await;
    let union = world.union_key("zhang");
    world.wechat.set_unionid("zhang", None).unwrap();
    let reply = world.desktop().log_in_by_qr("zhang", "/").await;
    assert_eq!(reply.received().header("x-user-id"), Some(id.as_str()));
    // The account is known by it still, so the app is told.
    let IdentityKey::UnionId { union_id, .. } = &union else { unreachable!() };
    assert_eq!(reply.received().header("x-user-unionid"), Some(union_id.as_str()));
    leads_to(&world, &union, &id).await;
    assert!(world.stored_account(&id).await.unwrap().identities.contains(&union));
}

/// Acceptance: A14.
#[tokio::test]
async fn a_suspended_person_is_refused_by_every_method_and_nothing_is_stored() {
    let world = World::start().await;
    let id = by_qr(&world, "zhang").await;
    disable(&world, &id).await;
    let logs = Logs::start();
    let before = world.stored_account(&id).await.unwrap();
    let (desktop, phone) = (world.desktop(), world.phone());
    desktop.log_in_by_qr("zhang", "/").await.is_page(403, "This account is disabled");
    phone.log_in_by_wechat("zhang", "/").await.is_page(403, "This account is disabled");
    assert_eq!((desktop.account().await, phone.account().await), (None, None));
    assert_eq!(world.stored_account(&id).await.unwrap(), before);
    assert_eq!(world.row(&world.open_key(SERVICE, "zhang")).await, None);
    let audit = logs.lines("login_refused");
    assert_eq!(audit.len(), 2, "{audit:?}");
    assert!(audit.iter().all(|line| line.contains("AccountDisabled")), "{audit:?}");
}

/// Acceptance: A14 (sessions that are open already).
#[tokio::test]
async fn suspending_a_person_ends_what_they_have_open() {
    let world = World::start().await;
    let desktop = world.desktop();
    let id = desktop.log_in_by_qr("zhang", "/").await.received().header("x-user-id").unwrap().to_owned();
    world.advance(Span::from_millis(1));
    assert_eq!(desktop.fetch("/").await.status, 200);
    disable(&world, &id).await;
    // The news travel through the store; a moment is allowed, a minute is not.
    let heard = async { while desktop.fetch("/").await.status == 200 {} };
    tokio::time::timeout(std::time::Duration::from_secs(5), heard).await.unwrap();
    assert_eq!(desktop.fetch("/").await.error(), "login_required");
}

/// Acceptance: B2.
#[tokio::test]
async fn with_closed_registration_strangers_are_refused_and_leave_no_trace() {
    let directory = DIRECTORY.replacen("id = \"people\"", "id = \"people\"\nregistration = \"closed\"", 1);
    let world = World::with(Setup { directory, ..Setup::default() }).await;
    for browser in [world.desktop(), world.phone()] {
        let reply = log_in(&world, &browser, "zhang").await;
        reply.is_page(403, "No account for this WeChat");
        assert_eq!((browser.session(), browser.account().await), (None, None));
    }
    let keys = [world.union_key("zhang"), world.open_key(WEBSITE, "zhang"), world.open_key(SERVICE, "zhang")];
    assert_eq!(world.rows(&keys).await, [None, None, None]);
    assert!(world.app.received().is_empty());
    // Who has an account comes in all the same.
    plant(&world, "imported", &[world.union_key("lina")]).await;
    assert_eq!(by_qr(&world, "lina").await, "imported");
}

/// Acceptance: B2 (a method of its own mind).
#[tokio::test]
async fn one_method_may_be_closed_where_the_pool_is_open() {
    let closed = "id = \"scan\"\nregistration = \"closed\"";
    let directory = DIRECTORY.replacen("id = \"scan\"", closed, 1);
    let world = World::with(Setup { directory, ..Setup::default() }).await;
    world.desktop().log_in_by_qr("zhang", "/").await.is_page(403, "No account for this WeChat");
    let id = by_wechat(&world, "zhang").await;
    assert_eq!(by_qr(&world, "zhang").await, id);
}

async fn log_in(world: &World, browser: &Browser, person: &str) -> Reply {
    world.wechat.set_consent(Consent::Silent);
    let reply = browser.visit("/_menshen/login").await;
    if reply.status == 200 {
        browser.log_in_by_qr(person, "/").await
    } else {
        browser.log_in_by_wechat(person, "/").await
    }
}

/// Acceptance: U1.
#[rstest]
#[case::chinese("张伟", Some("%E5%BC%A0%E4%BC%9F"))]
#[case::emoji("李娜🌸👩‍👩‍👧", None)]
#[case::markup("<b>&\"';--", None)]
#[case::english("Ann Lee", Some("Ann Lee"))]
#[case::percent("100%", Some("100%25"))]
#[case::right_to_left("مرحبا", None)]
#[case::long(&"名".repeat(64), None)]
#[tokio::test]
async fn every_nickname_reaches_the_app_and_the_page_as_it_is(
    #[case] name: &str,
    #[case] header: Option<&str>,
) {
    let world = World::start().await;
    world.wechat.put_person(Person::new("named", name)).unwrap();
    let desktop = world.desktop();
    let received = desktop.log_in_by_qr("named", "/").await.received();
    let sent = received.header("x-user-name").unwrap();
    assert!(sent.is_ascii(), "{sent}");
    assert_eq!(percent_encoding::percent_decode_str(sent).decode_utf8().unwrap(), name);
    if let Some(header) = header {
        assert_eq!(sent, header);
    }
    assert_eq!(desktop.fetch("/_menshen/userinfo").await.json()["name"], name);
    let id = received.header("x-user-id").unwrap();
    let account = world.stored_account(id).await.unwrap();
    assert_eq!(account.profile.nickname.as_deref(), Some(name));
    assert_eq!((account.username, account.email, account.phone), (None, None, None));
}

/// Acceptance: U1.
#[tokio::test]
async fn nobody_needs_a_nickname_and_two_may_have_the_same() {
    let world = World::start().await;
    let desktop = world.desktop();
    let received = desktop.log_in_by_qr("nemo", "/").await.received();
    assert_eq!(received.header("x-user-name"), None);
    assert_eq!(desktop.fetch("/_menshen/userinfo").await.json().get("name"), None);
    for id in ["first", "second"] {
        world.wechat.put_person(Person::new(id, "同名")).unwrap();
    }
    assert_ne!(by_qr(&world, "first").await, by_qr(&world, "second").await);
}

/// Acceptance: U1 (a profile follows the person).
#[tokio::test]
async fn a_changed_nickname_is_taken_over_at_the_next_login() {
    let world = World::start().await;
    let id = by_qr(&world, "zhang").await;
    world.wechat.put_person(Person::new("zhang", "张三")).unwrap();
    assert_eq!(by_qr(&world, "zhang").await, id);
    let account = world.stored_account(&id).await.unwrap();
    assert_eq!(account.profile.nickname.as_deref(), Some("张三"));
    let union = UnionId::new(world.wechat.unionid(WEBSITE, "zhang").unwrap()).unwrap();
    assert_eq!(account.union_id(), Some(&union));
}
