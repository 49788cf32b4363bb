//! One's own account in the browser: what it shows, what its forms change, and what they refuse.

use menshen::domain::{Account, AccountId, IdentityKey};

use crate::browser::Browser;
use crate::confirm::agrees;
use crate::logs::Logs;
use crate::redis_server::RedisServer;
use crate::reply::Reply;
use crate::scanning::setup;
use crate::world::{SERVICE, Setup, WEBSITE, World};

pub(crate) const PAGE: &str = "/_menshen/account";
pub(crate) const ADDED: &str = "That WeChat signs in to this account now";

impl World {
    /// `person`, logged in on a computer with the website's code.
    pub(crate) async fn signed_in(&self, person: &str) -> Browser {
        let desktop = self.desktop();
        desktop.log_in_by_qr(person, "/_menshen/login?method=scan&rt=%2F").await.received();
        desktop
    }

    /// `person`, logged in on a computer with the service account's code.
    pub(crate) async fn follower(&self, person: &str) -> Browser {
        let desktop = self.desktop();
        desktop.log_in_by_scan(person, "/_menshen/login?method=follow&rt=%2F").await.received();
        desktop
    }

    pub(crate) async fn account_of(&self, browser: &Browser) -> Account {
        self.stored_account(&browser.account().await.unwrap()).await.unwrap()
    }

    pub(crate) async fn sessions_of(&self, id: &str) -> usize {
        self.store().sessions_of(&AccountId::new(id).unwrap()).await.unwrap().len()
    }

    /// A form of the account page.
    pub(crate) async fn form(&self, browser: &Browser, path: &str, form: &str) -> Reply {
        browser.post_form(&browser.url(&format!("{PAGE}/{path}")), form, &self.origin()).await
    }

    /// The same, and where it leads.
    pub(crate) async fn done(&self, browser: &Browser, path: &str, form: &str) -> Reply {
        browser.follow(self.form(browser, path, form).await).await
    }

    /// From the account page to the page with a code of the service account, which `person` scans; up to the end.
    pub(crate) async fn add_by_scan(&self, browser: &Browser, person: &str) -> Reply {
        let begun = self.form(browser, "wechats/add", "method=follow").await.location();
        let page = browser.show_code(begun.as_str()).await;
        agrees(self, &page, person).await;
        page.go_on().await
    }

    /// The same with WeChat's own code for the website.
    pub(crate) async fn add_by_qr(&self, browser: &Browser, person: &str) -> Reply {
        let begun = self.form(browser, "wechats/add", "method=scan").await.location();
        browser.log_in_by_qr(person, begun.as_str()).await
    }
}

/// The ids that the page's buttons send as `name`.
pub(crate) fn buttons(page: &Reply, name: &str) -> Vec<String> {
    let mark = format!("name=\"{name}\" value=\"");
    page.text().split(&mark).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// The id that removes the WeChat with this row.
fn wechat_id(account: &Account, key: &IdentityKey) -> String {
    let wechats = account.wechats();
    wechats.iter().find(|wechat| wechat.keys().contains(key)).unwrap().id()
}

/// Acceptance: B19, U1: who one is, who can log in, and where; also where nothing but an OpenID is known.
#[tokio::test]
async fn the_page_shows_who_one_is_who_can_log_in_and_where() {
    let world = World::scanning().await;
    for person in ["zhang", "nemo"] {
        let desktop = world.signed_in(person).await;
        let mut account = world.account_of(&desktop).await;
        let page = desktop.visit(PAGE).await;
        page.is_page(200, "My account");
        let text = page.text();
        assert!(text.contains(account.id.as_str()), "{page}");
        match &account.profile.nickname {
            Some(name) if !name.is_empty() => assert!(text.contains(name.as_str()), "{page}"),
            _ => assert!(text.contains("No name yet"), "{page}"),
        }
        assert!(text.contains("in use here") && text.contains("Your only WeChat:"), "{page}");
        assert!(text.contains("Chrome, Windows") && text.contains("127.0.0.1"), "{page}");
        assert_eq!((buttons(&page, "wechat").len(), buttons(&page, "session").len()), (0, 0));
        assert_eq!(buttons(&page, "method"), ["follow"], "what fits a computer and is not taken");
        account.groups = vec!["员工".into()];
        account.phone = Some(menshen::domain::Contact { value: "+8613580006666".into(), verified: true });
        account.version += 1;
        assert!(world.store().update_account(&account).await.unwrap());
        let text = desktop.visit(PAGE).await.text();
        assert!(text.contains("员工") && text.contains("+8613*******66"), "{text}");
        assert!(!text.contains("3580006666"), "the number is masked");
    }
}

/// Acceptance: B19: who is not logged in logs in first, and comes back.
#[tokio::test]
async fn a_stranger_logs_in_first_and_comes_back() {
    let world = World::scanning().await;
    let desktop = world.desktop();
    let to = desktop.visit(PAGE).await.location();
    assert_eq!(to.path(), "/_menshen/login");
    let login = format!("{to}&method=scan");
    let page = desktop.log_in_by_qr("zhang", &login).await;
    page.is_page(200, "My account");
    assert_eq!(page.url.path(), PAGE);
    let stranger = world.desktop();
    for (path, form) in [("wechats/remove", "wechat=x"), ("sessions/end", ""), ("wechats/add", "method=scan")]
    {
        assert_eq!(world.form(&stranger, path, form).await.location().path(), "/_menshen/login", "{path}");
    }
}

/// Acceptance: B19: what is removed is gone whole, with its sessions; afterwards it is a stranger.
#[tokio::test]
async fn a_removed_wechat_is_a_stranger_and_its_sessions_are_over() {
    let logs = Logs::start();
    let world = World::scanning().await;
    let zhang = world.signed_in("zhang").await;
    let id = zhang.account().await.unwrap();
    // The same person inside WeChat: one WeChat with a UnionID and two apps.
    let phone = world.phone();
    phone.log_in_by_wechat("zhang", "/").await.received();
    assert_eq!(phone.account().await, Some(id.clone()));
    let keys = [world.union_key("zhang"), world.open_key(WEBSITE, "zhang"), world.open_key(SERVICE, "zhang")];
    // Nobody else can be added by the service account, whose OpenID is zhang's; so plant another.
    let mut account = world.account_of(&zhang).await;
    let extra = world.open_key(WEBSITE, "wang");
    account.learn(extra.clone());
    account.version += 1;
    assert!(world.store().update_account(&account).await.unwrap());
    let row = menshen::domain::IdentityRow::settled(account.id.clone());
    world.store().claim_identity(&extra, &row).await.unwrap();
    assert_eq!(account.wechats().len(), 2);

    let page = zhang.visit(PAGE).await;
    let wechat = wechat_id(&account, &keys[0]);
    assert!(buttons(&page, "wechat").contains(&wechat), "{page}");
    let left = world.form(&zhang, "wechats/remove", &format!("wechat={wechat}")).await;
    assert_eq!(left.location().path(), "/_menshen/login", "their own session is over");
    assert_eq!((zhang.session(), phone.account().await), (None, None));
    assert_eq!(world.rows(&keys).await, [None, None, None]);
    let account = world.stored_account(&id).await.unwrap();
    assert_eq!((account.identities, account.united.len()), (vec![extra], 0));
    assert_eq!(logs.events("detached").len(), 1, "{}", logs.text());
    let again = world.signed_in("zhang").await.account().await.unwrap();
    assert_ne!(again, id, "a stranger with an account of their own");
    assert_eq!(world.row(&keys[0]).await.unwrap().accounts[0].as_str(), again);
}

/// Acceptance: B19: other sessions stay, and so does the other WeChat.
#[tokio::test]
async fn removing_one_wechat_leaves_the_other_and_its_sessions() {
    let world = World::scanning().await;
    let zhang = world.signed_in("zhang").await;
    world.add_by_scan(&zhang, "wang").await.is_page(200, ADDED);
    let wang = world.follower("wang").await;
    assert_eq!(wang.account().await, zhang.account().await);
    let account = world.account_of(&zhang).await;
    let wechat = wechat_id(&account, &world.open_key(SERVICE, "wang"));
    let page = world.done(&zhang, "wechats/remove", &format!("wechat={wechat}")).await;
    page.is_page(200, "The WeChat was removed");
    assert_eq!((buttons(&page, "wechat").len(), wang.account().await), (0, None));
    assert_eq!(zhang.account().await.as_deref(), Some(account.id.as_str()));
    assert_ne!(world.follower("wang").await.account().await, zhang.account().await);
    // It may come back, to wherever it is not taken.
    world.add_by_scan(&zhang, "wang").await.is_page(409, "This WeChat belongs to another account");
}

/// Acceptance: B19: a WeChat of an app that the site no longer uses is no way in, so the other one stays.
#[tokio::test]
async fn beside_a_wechat_that_cannot_log_in_the_other_stays() {
    let world = World::scanning().await;
    let zhang = world.signed_in("zhang").await;
    let mut account = world.account_of(&zhang).await;
    let old = crate::world::open_key("people", "wx0other", "o-wang");
    account.learn(old.clone());
    account.version += 1;
    assert!(world.store().update_account(&account).await.unwrap());
    let row = menshen::domain::IdentityRow::settled(account.id.clone());
    world.store().claim_identity(&old, &row).await.unwrap();
    let page = zhang.visit(PAGE).await;
    assert_eq!(buttons(&page, "wechat"), [wechat_id(&account, &old)], "{page}");
    let mine = wechat_id(&account, &world.union_key("zhang"));
    let page = world.done(&zhang, "wechats/remove", &format!("wechat={mine}")).await;
    page.is_page(200, "Your only WeChat stays");
    assert!(zhang.account().await.is_some());
    let old = wechat_id(&account, &old);
    let page = world.done(&zhang, "wechats/remove", &format!("wechat={old}")).await;
    page.is_page(200, "The WeChat was removed");
}

/// Acceptance: B19: the last login method cannot be removed.
#[tokio::test]
async fn the_last_wechat_stays() {
    let logs = Logs::start();
    let world = World::scanning().await;
    let zhang = world.signed_in("zhang").await;
    let before = world.account_of(&zhang).await;
    let wechat = before.wechats()[0].id();
    let page = world.done(&zhang, "wechats/remove", &format!("wechat={wechat}")).await;
    page.is_page(200, "Your only WeChat stays");
    assert_eq!(world.account_of(&zhang).await, before);
    assert_eq!(logs.events("detach_refused").len(), 1, "{}", logs.text());
    assert_eq!(world.signed_in("zhang").await.account().await.as_deref(), Some(before.id.as_str()));
}

/// Acceptance: A9, B19: nothing a form names reaches another account.
#[tokio::test]
async fn what_is_somebody_elses_is_refused_and_audited() {
    let logs = Logs::start();
    let world = World::scanning().await;
    let (zhang, lina) = (world.signed_in("zhang").await, world.signed_in("lina").await);
    world.add_by_scan(&lina, "wang").await.is_page(200, ADDED);
    let theirs = world.account_of(&lina).await;
    let login = world.store().sessions_of(&theirs.id).await.unwrap().remove(0).1.login_id;
    for wechat in [theirs.wechats()[1].id(), theirs.wechats()[0].id(), String::new(), "%00".into()] {
        let page = world.done(&zhang, "wechats/remove", &format!("wechat={wechat}")).await;
        page.is_page(200, "Your account does not have that WeChat");
    }
    for session in [login.as_str(), "", "x"] {
        let page = world.done(&zhang, "sessions/end", &format!("session={session}")).await;
        page.is_page(200, "That session does not exist");
    }
    assert_eq!(world.account_of(&lina).await, theirs);
    assert_eq!(
        (logs.events("detach_refused").len(), logs.events("end_refused").len()),
        (4, 3),
        "{}",
        logs.text()
    );
}

/// Acceptance: A9, B19: no page of another site changes anything.
#[tokio::test]
async fn forms_from_elsewhere_change_nothing() {
    let world = World::scanning().await;
    let zhang = world.signed_in("zhang").await;
    world.add_by_scan(&zhang, "wang").await.is_page(200, ADDED);
    let other = world.signed_in("zhang").await;
    let before = world.account_of(&zhang).await;
    let wechat = before.wechats()[1].id();
    for (path, form) in [
        ("wechats/remove", format!("wechat={wechat}")),
        ("sessions/end", String::new()),
        ("wechats/add", "method=follow".into()),
    ] {
        let url = zhang.url(&format!("{PAGE}/{path}"));
        for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
            let reply = zhang.post_form(&url, &form, origin).await;
            reply.is_page(403, "This form came from elsewhere");
        }
        assert_eq!(zhang.visit(&format!("{PAGE}/{path}?{form}")).await.status, 405, "{path} is no link");
    }
    assert_eq!(world.account_of(&zhang).await, before);
    assert!(other.account().await.is_some());
}

/// Acceptance: B19, U3: one login, all others, or all of them end; somebody else's stay.
#[tokio::test]
async fn sessions_are_ended_one_by_one_all_others_or_everywhere() {
    let world = World::scanning().await;
    let (here, one, two) =
        (world.signed_in("zhang").await, world.signed_in("zhang").await, world.signed_in("zhang").await);
    let lina = world.signed_in("lina").await;
    let page = here.visit(PAGE).await;
    assert_eq!(buttons(&page, "session").len(), 2, "all but this one: {page}");
    let known = async |browsers: [&Browser; 3]| {
        let mut known = Vec::new();
        for browser in browsers {
            known.push(browser.account().await.is_some());
        }
        known
    };
    let session = buttons(&one.visit(PAGE).await, "session");
    let login = session.iter().find(|id| buttons(&page, "session").contains(id)).unwrap();
    let page = world.done(&here, "sessions/end", &format!("session={login}")).await;
    page.is_page(200, "Signed out there");
    let left = known([&here, &one, &two]).await;
    assert_eq!((left[0], left.iter().filter(|known| **known).count()), (true, 2), "{left:?}");
    let third = world.signed_in("zhang").await;
    world.done(&here, "sessions/end", "").await.is_page(200, "Only this one is left");
    assert_eq!(known([&here, &two, &third]).await, [true, false, false]);
    // Their own is a logout.
    let id = here.account().await.unwrap();
    let own = world.store().sessions_of(&AccountId::new(&*id).unwrap()).await.unwrap().remove(0).1.login_id;
    let left = world.form(&here, "sessions/end", &format!("session={own}")).await;
    assert_eq!((left.location().path(), here.session()), ("/_menshen/login", None));
    assert_eq!((world.sessions_of(&id).await, lina.account().await.is_some()), (0, true));
}

/// Acceptance: A14: who was disabled is not logged in, and changes nothing.
#[tokio::test]
async fn a_disabled_account_sees_and_changes_nothing() {
    let world = World::scanning().await;
    let zhang = world.signed_in("zhang").await;
    let id = zhang.account().await.unwrap();
    world.disable(&id).await;
    assert_eq!(zhang.visit(PAGE).await.location().path(), "/_menshen/login");
    let reply = world.form(&zhang, "sessions/end", "").await;
    assert_eq!(reply.location().path(), "/_menshen/login");
}

/// Acceptance: B19, U10: of two removals at once, on two gateways, one WeChat is left, and leads there.
#[tokio::test]
async fn two_removals_at_once_on_two_gateways_leave_one() {
    let redis = RedisServer::start(&[]);
    let world = World::scanning_with(Setup { store: redis.url(), gateways: 2, ..setup() }).await;
    let mut nemo_is_left = true;
    for _ in 0..6 {
        // Whoever was taken off the last time has not logged in since, and is added again.
        let (here, page) = if nemo_is_left {
            let here = world.signed_in("nemo").await;
            let page = world.add_by_scan(&here, "wang").await;
            (here, page)
        } else {
            let here = world.follower("wang").await;
            let page = world.add_by_qr(&here, "nemo").await;
            (here, page)
        };
        page.is_page(200, ADDED);
        let account = world.account_of(&here).await;
        assert_eq!(account.wechats().len(), 2);
        let there = here.at(1);
        let ids: Vec<String> = account.wechats().iter().map(menshen::domain::Wechat::id).collect();
        let (one, two) = (format!("wechat={}", ids[0]), format!("wechat={}", ids[1]));
        let (one, two) = tokio::join!(
            world.form(&here, "wechats/remove", &one),
            world.form(&there, "wechats/remove", &two)
        );
        assert!(matches!((one.status, two.status), (303, 303)), "{one}\n{two}");
        let left = world.stored_account(account.id.as_str()).await.unwrap();
        assert_eq!(left.wechats().len(), 1, "{one}\n{two}");
        let row = world.row(&left.wechats()[0].keys()[0]).await.unwrap();
        assert_eq!(row.accounts, std::slice::from_ref(&left.id));
        nemo_is_left = left.identities.contains(&world.open_key(WEBSITE, "nemo"));
    }
}
