//! Somebody whose WeChat nobody knows, and somebody whom two accounts fit: the pages that ask them.

use menshen::domain::{
    Account, AccountId, AppId, Contact, Identity, IdentityKey, IdentityRow, OpenId, Phone, PoolId, Profile,
    Username,
};
use menshen::ground::{PasswordHash, Timestamp};
use menshen::simulator::DEMO_WEBSITE_APP_ID as WEBSITE;

use crate::chromium::Browser;
use crate::house::{House, Plan};
use crate::look::Look;
use crate::webhook::WebhookServer;

/// Of "open sesame", made by Python's hashlib in Django's form.
const HASH: &str = "pbkdf2_sha256$1000$q1w2e3r4t5y6u7i8$+Rx+ezdZoxxK6TmdsYLlrEuwFv10gnKf9w8KQAlMOqg=";

const NARROW: Look = Look { size: (360, 900), ..Look::DESKTOP };

async fn house(service: &WebhookServer) -> House {
    let pool = "binding = \"ask\"\nproofs = [\"password\", \"sms_code\"]";
    House::built(Plan { pool, more: service.section(), ..Plan::default() }).await
}

/// An account that was imported: with a user name, a password and a verified phone number.
async fn import(house: &House, id: &str, phone: &str) {
    let pool = PoolId::new("people").unwrap();
    let nobody = Identity {
        pool: pool.clone(),
        app_id: AppId::new(WEBSITE).unwrap(),
        open_id: OpenId::new(id).unwrap(),
        union_id: None,
        profile: Profile { nickname: Some("张老师".into()), avatar: None },
        phone: None,
        email: None,
    };
    let mut account = Account::new(AccountId::new(id).unwrap(), &nobody, Timestamp::from_millis(1));
    account.identities.clear();
    account.username = Some(id.into());
    account.phone = Some(Contact { value: phone.into(), verified: true });
    account.password = Some(PasswordHash::parse(HASH).unwrap());
    assert!(house.store().create_account(&account).await.unwrap());
    let username = Username::parse(id).unwrap();
    for key in [
        IdentityKey::Username { pool: pool.clone(), username },
        IdentityKey::Phone { pool: pool.clone(), phone: Phone::parse(phone).unwrap() },
    ] {
        house.store().claim_identity(&key, &IdentityRow::settled(account.id.clone())).await.unwrap();
    }
}

async fn types(browser: &Browser, css: &str, text: &str) {
    let field = browser.see(css).await;
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

async fn scans(house: &House, browser: &Browser, person: &str) {
    browser.go(&house.at("/_menshen/login?method=scan&rt=%2Fpage")).await;
    browser.log_in_as(person).await;
}

/// Acceptance: B8, B9, B12, B15: the page of the question, a wrong password, the right one, and straight in afterwards.
#[tokio::test]
async fn somebody_new_connects_the_account_they_have() {
    let service = WebhookServer::start().await;
    let house = house(&service).await;
    for (number, (look, name, person, heading)) in [
        (Look::DESKTOP, "zh", "zhang", "您在本站已有账号吗？"),
        (Look::DESKTOP.english(), "en", "lina", "Do you have an account here?"),
        (NARROW.dark(), "narrow", "qiang", "您在本站已有账号吗？"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("teacher{number}");
        import(&house, &id, &format!("+861350000000{number}")).await;
        let mut browser = Browser::open(look.clone()).await;
        browser.expect_console("403 (Forbidden)");
        scans(&house, &browser, person).await;
        browser.arrive(&house.at("/_menshen/bind")).await;
        browser.read("h1", heading).await;
        browser.inspect(&format!("bind-1-asked-{name}")).await;
        types(&browser, "#name", &id).await;
        types(&browser, "#password", "wrong").await;
        browser.click("button[value=password]").await;
        browser.see("[role=alert]").await;
        browser.inspect(&format!("bind-2-wrong-{name}")).await;
        types(&browser, "#password", "open sesame").await;
        browser.click("button[value=password]").await;
        browser.arrive(&house.at("/page")).await;
        assert_eq!(browser.header("X-User-ID").await, Some(id.clone()));
        let again = Browser::open(look).await;
        scans(&house, &again, person).await;
        again.arrive(&house.at("/page")).await;
        assert_eq!(again.header("X-User-ID").await, Some(id));
        again.close().await;
        browser.close().await;
    }
    house.close().await;
}

/// Acceptance: B10: by a code that comes by SMS.
#[tokio::test]
async fn somebody_new_connects_their_account_by_a_code() {
    let service = WebhookServer::start().await;
    let house = house(&service).await;
    for (number, (look, name, person)) in
        [(Look::DESKTOP.english(), "en", "zhang"), (NARROW.dark(), "narrow", "lina")].into_iter().enumerate()
    {
        let (id, phone) = (format!("teacher{number}"), format!("+861350000000{number}"));
        import(&house, &id, &phone).await;
        let browser = Browser::open(look).await;
        scans(&house, &browser, person).await;
        browser.arrive(&house.at("/_menshen/bind")).await;
        browser.click("details:not([open]) summary").await;
        types(&browser, "#phone", &phone).await;
        browser.inspect(&format!("bind-3-number-{name}")).await;
        browser.click("button[value=sms_code]").await;
        browser.see("#code").await;
        browser.inspect(&format!("bind-4-code-{name}")).await;
        let code = service.call(number + 1).await.body["code"].as_str().unwrap().to_owned();
        types(&browser, "#code", &code).await;
        browser.click("button[value=code]").await;
        browser.arrive(&house.at("/page")).await;
        assert_eq!(browser.header("X-User-ID").await, Some(id));
        browser.close().await;
    }
    house.close().await;
}

/// Acceptance: A7, A8: both accounts are shown, one is chosen, and nobody is asked again.
#[tokio::test]
async fn somebody_whom_two_accounts_fit_chooses_once() {
    let house = House::start().await;
    let first = Browser::open(Look::DESKTOP).await;
    // WeChat tells a UnionID only since lately: one account by the website's OpenID, one by the UnionID.
    scans(&house, &first, "wang").await;
    first.arrive(&house.at("/page")).await;
    let old = first.header("X-User-ID").await;
    first.close().await;
    house.wechat.set_unionid("wang", Some("u-wang".into())).unwrap();
    let phone = Browser::open(Look::WECHAT).await;
    house.wechat.set_current_person("wang").unwrap();
    phone.go(&house.at("/page")).await;
    phone.arrive(&house.wechat_at("/connect/oauth2/authorize")).await;
    phone.click("[name=answer][value=allow]").await;
    phone.arrive(&house.at("/page")).await;
    assert_ne!(phone.header("X-User-ID").await, old);
    phone.close().await;
    for (look, name) in [(Look::DESKTOP, "zh"), (Look::DESKTOP.english(), "en"), (NARROW.dark(), "narrow")] {
        let mut browser = Browser::open(look).await;
        browser.expect_console("Loading the image");
        scans(&house, &browser, "wang").await;
        browser.arrive(&house.at("/_menshen/choose")).await;
        browser.see("button.account").await;
        browser.inspect(&format!("choose-{name}")).await;
        browser.close().await;
    }
    let mut browser = Browser::open(Look::DESKTOP).await;
    browser.expect_console("Loading the image");
    scans(&house, &browser, "wang").await;
    let old = old.unwrap();
    browser.click(&format!("button[value='{old}']")).await;
    browser.arrive(&house.at("/page")).await;
    assert_eq!(browser.header("X-User-ID").await, Some(old));
    browser.close().await;
    house.close().await;
}
