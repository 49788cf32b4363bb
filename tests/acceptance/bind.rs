//! Somebody whom no account answers to, in a browser: they prove an account of theirs, have one made, or leave.

use std::time::Duration;

use menshen::domain::{AccountId, Status};
use menshen::ground::Span;
use menshen::simulator::{PushFormat, PushMode};
use rstest::rstest;

use crate::binding::{ASKS, Bind, EMAIL, PASSWORD, PHONE, Question, USERNAME, WRONG, plant_legacy};
use crate::confirm::agrees;
use crate::logs::Logs;
use crate::world::WEBSITE;

/// Acceptance: B8, B15, B18: a new account, asked once, and the same form twice makes one.
#[tokio::test]
async fn who_says_they_are_new_gets_an_account_and_is_not_asked_again() {
    let bind = Bind::asking().await;
    let asked = bind.asked("zhang").await;
    bind.nothing_happened("zhang", &asked.browser).await;
    assert!(bind.world.app.received().is_empty());
    let received = asked.new_account().await.received();
    assert_eq!(received.target, "/deep?a=1");
    let id = received.header("x-user-id").unwrap().to_owned();
    assert_ne!(id, "ann");
    assert_eq!(asked.new_account().await.received().header("x-user-id"), Some(id.as_str()));
    let again = bind.world.desktop().log_in_by_qr("zhang", "/").await.received();
    assert_eq!(again.header("x-user-id"), Some(id.as_str()));
}

/// Acceptance: B9, B15, A10: by every name of the account; both rows of the identity lead there.
#[rstest]
#[case::user_name(USERNAME)]
#[case::as_typed(" ANNETTE ")]
#[case::email("Ann@Example.com")]
#[case::phone("13580008888")]
#[case::phone_with_country("+86 135-8000-8888")]
#[tokio::test]
async fn the_password_of_an_account_binds_it_and_signs_in(#[case] name: &str) {
    let bind = Bind::asking().await;
    let asked = bind.asked("zhang").await;
    let received = asked.password(name, PASSWORD).await.received();
    assert_eq!((received.target.as_str(), received.header("x-user-id")), ("/deep?a=1", Some("ann")));
    assert_eq!(bind.leads_to("zhang").await.as_deref(), Some("ann"));
    assert_eq!(bind.world.row(&bind.world.union_key("zhang")).await.unwrap().accounts[0].as_str(), "ann");
    let again = bind.world.desktop().log_in_by_qr("zhang", "/").await.received();
    assert_eq!(again.header("x-user-id"), Some("ann"));
    // In WeChat's browser too, by the UnionID.
    let phone = bind.world.phone().log_in_by_wechat("zhang", "/").await.received();
    assert_eq!(phone.header("x-user-id"), Some("ann"));
}

/// Acceptance: B9: an outdated hash is replaced, and the password still works.
#[tokio::test]
async fn a_legacy_hash_is_renewed_by_the_first_right_password() {
    let bind = Bind::asking().await;
    bind.asked("zhang").await.password(USERNAME, PASSWORD).await.received();
    let renewed = async {
        loop {
            let account = bind.world.stored_account("ann").await.unwrap();
            if account.password.as_ref().is_some_and(menshen::ground::PasswordHash::is_current) {
                return account;
            }
            tokio::task::yield_now().await;
        }
    };
    let account = tokio::time::timeout(Duration::from_secs(30), renewed).await.unwrap();
    assert!(account.password.unwrap().verify(PASSWORD));
}

/// Acceptance: B9, B12: a wrong password, an unknown name and an account without a password get one answer.
#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_told_the_same() {
    let bind = Bind::asking().await;
    plant_legacy(&bind.world, "bare", |account| {
        (account.username, account.phone, account.email) = (Some("bare".into()), None, None);
        account.password = None;
    })
    .await;
    let mut pages = Vec::new();
    for (name, password) in
        [(USERNAME, "wrong"), ("nobody", PASSWORD), ("bare", PASSWORD), ("bare", ""), ("", PASSWORD)]
    {
        let asked = bind.asked("zhang").await;
        let reply = asked.password(name, password).await;
        reply.is_page(403, WRONG);
        bind.nothing_happened("zhang", &asked.browser).await;
        // Flow and name differ, nothing else may.
        let typed = format!("spellcheck=\"false\" maxlength=\"254\" value=\"{name}\"");
        pages.push(reply.text().replace(&asked.flow(), "FLOW").replace(&typed, "NAME"));
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "{pages:#?}");
    // The question stays.
    let asked = bind.asked("zhang").await;
    asked.password(USERNAME, "wrong").await.is_page(403, WRONG);
    asked.password(USERNAME, PASSWORD).await.received();
}

/// Acceptance: B9: after a few wrong ones even the right one has to wait, from another browser too; then it works.
#[tokio::test]
async fn guessing_passwords_is_locked_out_and_the_lock_ends() {
    let logs = Logs::start();
    let bind = Bind::asking().await;
    let asked = bind.asked("zhang").await;
    // However the name is written, it is one name.
    for name in [USERNAME, "ANNETTE", " annette", "Annette", "ａnnette"] {
        asked.password(name, "wrong").await.is_page(403, WRONG);
    }
    let reply = asked.password(USERNAME, PASSWORD).await;
    reply.is_page(429, "Next try in 30 seconds");
    assert_eq!(reply.header("retry-after"), Some("30"));
    bind.asked("lina").await.password(USERNAME, PASSWORD).await.is_page(429, "Next try in 30");
    // Somebody else's name is free.
    asked.password("berta", PASSWORD).await.is_page(403, WRONG);
    assert_eq!(logs.lines("bind_refused").len(), 8, "{}", logs.text());
    bind.world.advance(Span::from_secs(30));
    asked.password(USERNAME, PASSWORD).await.received();
}

/// Acceptance: B10: a code by mail, through a real mail server.
#[tokio::test]
async fn a_code_by_mail_binds_the_account_that_has_verified_the_address() {
    let bind = Bind::asking().await;
    let asked = bind.asked("zhang").await;
    asked
        .send("email_code", "ANN@example.com")
        .await
        .is_page(200, "If an account here has verified a***@example.com");
    let mail = bind.mail.mail(EMAIL, 1).await;
    let code = mail.code(6);
    assert!(mail.subject.contains(&code) && mail.tls, "{mail:?}");
    assert!(!mail.text.contains("http"), "{}", mail.text);
    let received = asked.code(&code).await.received();
    assert_eq!((received.target.as_str(), received.header("x-user-id")), ("/deep?a=1", Some("ann")));
    assert_eq!(bind.leads_to("zhang").await.as_deref(), Some("ann"));
}

/// Acceptance: B10: a code by SMS, through the operator's signed webhook; typed with blanks, as phones show it.
#[tokio::test]
async fn a_code_by_sms_binds_the_account_that_has_verified_the_number() {
    let bind = Bind::asking().await;
    let asked = bind.asked("zhang").await;
    asked.send("sms_code", "135 8000 8888").await.is_page(200, "If an account here has verified +8613");
    let order = bind.sms.call(1).await;
    assert_eq!((order.body["phone"].as_str(), order.body["purpose"].as_str()), (Some(PHONE), Some("bind")));
    let code = order.body["code"].as_str().unwrap().to_owned();
    let received = asked.code(&format!("{} {}", &code[..3], &code[3..])).await.received();
    assert_eq!(received.header("x-user-id"), Some("ann"));
    assert_eq!((bind.sms.calls().len(), bind.sms.refused()), (1, 0));
}

/// Acceptance: B6, B12: nothing is sent to an address that nobody has verified, and the page says the same.
#[tokio::test]
async fn a_code_for_an_unknown_or_unverified_address_is_announced_and_never_sent() {
    let bind = Bind::asking().await;
    plant_legacy(&bind.world, "claims", |account| {
        (account.username, account.phone) = (None, None);
        account.email.as_mut().unwrap().value = "boss@example.com".into();
        account.email.as_mut().unwrap().verified = false;
    })
    .await;
    let logs = Logs::start();
    for to in ["nobody@example.com", "boss@example.com"] {
        let asked = bind.asked("zhang").await;
        asked.send("email_code", to).await.is_page(200, "@example.com, a code is on its way there");
        asked.code("000000").await.is_page(403, WRONG);
        bind.nothing_happened("zhang", &asked.browser).await;
    }
    // The mail of somebody known comes after whatever would have come before it.
    bind.asked("lina").await.send("email_code", EMAIL).await;
    bind.mail.mail(EMAIL, 1).await;
    assert_eq!((bind.mail.mails().len(), logs.lines("bind_code_unknown").len()), (1, 2), "{}", logs.text());
}

/// Acceptance: B10: five tries, ten minutes, once; a new code ends the old one.
#[tokio::test]
async fn a_code_stands_five_tries_and_ten_minutes_and_works_once() {
    let bind = Bind::asking().await;
    let asked = bind.asked("zhang").await;
    asked.code("123456").await.is_page(400, "Ask for another one");
    asked.send("email_code", EMAIL).await;
    let first = bind.mail.mail(EMAIL, 1).await.code(6);
    let wrong = if first == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        asked.code(wrong).await.is_page(403, WRONG);
    }
    asked.code(&first).await.is_page(400, "Ask for another one");
    // The address has had its free tries; a minute later the lock is over, and so is the wait for a new code.
    asked.send("email_code", EMAIL).await.is_page(429, "Next try in 60 seconds");
    bind.world.advance(Span::from_mins(1));
    asked.send("email_code", EMAIL).await.is_page(200, "a code is on its way");
    let second = bind.mail.mail(EMAIL, 2).await.code(6);
    if second != first {
        asked.code(&first).await.is_page(403, WRONG);
        bind.world.advance(Span::from_mins(1));
    }
    // The login lives as long as its last code.
    bind.world.advance(Span::from_mins(9));
    asked.code(&second).await.is_page(200, "Your last attempt took too long");
    bind.nothing_happened("zhang", &asked.browser).await;
}

/// Acceptance: B10: one a minute for an address, from however many logins, and each only opens its own.
#[tokio::test]
async fn one_code_a_minute_goes_to_an_address_and_it_opens_one_login() {
    let bind = Bind::asking().await;
    let (one, two) = (bind.asked("zhang").await, bind.asked("lina").await);
    one.send("email_code", EMAIL).await.is_page(200, "a code is on its way");
    two.send("email_code", EMAIL).await.is_page(429, "Next try in 60 seconds");
    let code = bind.mail.mail(EMAIL, 1).await.code(6);
    two.code(&code).await.is_page(400, "Ask for another one");
    bind.world.advance(Span::from_mins(1));
    two.send("email_code", EMAIL).await.is_page(200, "a code is on its way");
    let other = bind.mail.mail(EMAIL, 2).await.code(6);
    if other != code {
        two.code(&code).await.is_page(403, WRONG);
    }
    one.code(&code).await.received();
    assert_eq!((bind.leads_to("lina").await, two.browser.session()), (None, None));
}

/// Acceptance: B11, B13: what the operator did not tick is neither shown nor accepted.
#[tokio::test]
async fn only_what_the_operator_allows_is_offered_and_accepted() {
    let bind = Bind::with("registration = \"closed\"\nbinding = \"ask\"\nproofs = [\"email_code\"]").await;
    let asked = bind.asked("zhang").await;
    let page = asked.page.text();
    for hidden in ["value=\"new\"", "type=\"password\"", "value=\"sms_code\""] {
        assert!(!page.contains(hidden), "{hidden}: {page}");
    }
    assert!(page.contains("value=\"email_code\""), "{page}");
    asked.new_account().await.is_page(403, "Only people who already have an account");
    asked.password(USERNAME, PASSWORD).await.is_page(403, "Choose one of the ways");
    asked.send("sms_code", PHONE).await.is_page(403, "Choose one of the ways");
    asked.send("email_code", "no address").await.is_page(400, "not an email address");
    asked.answer(&[]).await.is_page(400, "cannot be");
    bind.nothing_happened("zhang", &asked.browser).await;
    assert!(bind.sms.calls().is_empty());
}

/// Acceptance: B14, B18: from another browser, without a cookie, too late, or not at all: nobody is signed in.
#[tokio::test]
async fn only_the_browser_that_was_asked_can_answer_and_only_in_time() {
    let bind = Bind::asking().await;
    let asked = bind.asked("zhang").await;
    let thief = bind.world.desktop();
    let form = [("do", "password"), ("name", USERNAME), ("password", PASSWORD)];
    asked.answer_from(&thief, &form).await.is_page(403, "another browser");
    thief.open("/_menshen/login").await;
    asked.answer_from(&thief, &[("do", "new")]).await.is_page(403, "another browser");
    thief.open_url(&asked.page.url).await.is_page(403, "another browser");
    asked.answer_from(&thief, &[("do", "email_code"), ("to", EMAIL)]).await.is_page(403, "another browser");
    bind.world.advance(Span::from_mins(10));
    asked.password(USERNAME, PASSWORD).await.is_page(200, "Your last attempt took too long");
    bind.nothing_happened("zhang", &asked.browser).await;
    assert!(bind.mail.mails().is_empty());
}

/// Acceptance: B16, B7: an account that belongs to another WeChat is not taken from it, whoever knows its password.
#[tokio::test]
async fn an_account_of_another_wechat_is_not_taken_from_it() {
    let bind = Bind::asking().await;
    bind.asked("lina").await.password(USERNAME, PASSWORD).await.received();
    let asked = bind.asked("zhang").await;
    asked.password(USERNAME, PASSWORD).await.is_page(409, "signed in to with another WeChat already");
    assert_eq!((bind.leads_to("zhang").await, asked.browser.session()), (None, None));
    assert_eq!(bind.leads_to("lina").await.as_deref(), Some("ann"));
    // The question stays, and a new account is another way on.
    let id = asked.new_account().await.received().header("x-user-id").unwrap().to_owned();
    assert_ne!(id, "ann");
}

/// Acceptance: A14: a disabled account lets nobody in, not even by its password.
#[tokio::test]
async fn a_disabled_account_cannot_be_bound() {
    let bind = Bind::asking().await;
    crate::accounts::disable(&bind.world, "ann").await;
    let asked = bind.asked("zhang").await;
    asked.password(USERNAME, PASSWORD).await.is_page(403, "has been disabled");
    bind.nothing_happened("zhang", &asked.browser).await;
    assert_eq!(bind.world.stored_account("ann").await.unwrap().status, Status::Disabled);
}

/// Acceptance: B18, A13: two answers at once, in two tabs or by a double click: one account, one session that lives.
#[rstest]
#[case::new(&[("do", "new")])]
#[case::password(&[("do", "password"), ("name", USERNAME), ("password", PASSWORD)])]
#[tokio::test]
async fn of_two_answers_at_once_one_counts(#[case] form: &[(&str, &str)]) {
    let bind = Bind::asking().await;
    let asked = bind.asked("zhang").await;
    let (one, other) = tokio::join!(asked.answer(form), asked.answer(form));
    let id = |reply: &crate::reply::Reply| reply.received().header("x-user-id").unwrap().to_owned();
    assert_eq!(id(&one), id(&other));
    let led = bind.leads_to("zhang").await.unwrap();
    assert_eq!(led, id(&one));
    let sessions = bind.world.store().sessions_of(&AccountId::new(led.as_str()).unwrap()).await.unwrap();
    assert_eq!((sessions.len(), asked.browser.account().await), (1, Some(led)));
}

/// Acceptance: B18: somebody new in one tab, with an account in the other: one of them counts, and both tabs go on as that.
#[tokio::test]
async fn of_two_different_answers_one_counts() {
    let bind = Bind::asking().await;
    let asked = bind.asked("zhang").await;
    let (new, known) = tokio::join!(asked.new_account(), asked.password(USERNAME, PASSWORD));
    let id = |reply: &crate::reply::Reply| reply.received().header("x-user-id").unwrap().to_owned();
    assert_eq!((id(&new), bind.leads_to("zhang").await), (id(&known), Some(id(&new))));
}

/// Acceptance: B16: while somebody was asked, their WeChat was bound elsewhere: that stays, and it is explained.
#[tokio::test]
async fn a_wechat_that_was_bound_meanwhile_stays_where_it_is() {
    let bind = Bind::asking().await;
    let (first, second) = (bind.asked("zhang").await, bind.asked("zhang").await);
    let new = second.new_account().await.received().header("x-user-id").unwrap().to_owned();
    first.password(USERNAME, PASSWORD).await.is_page(409, "signs in to another account");
    assert_eq!((bind.leads_to("zhang").await, first.browser.session()), (Some(new), None));
}

/// Section 4 of the house's rules: what changes something for a cookie is taken from our own pages alone.
#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let bind = Bind::asking().await;
    let asked = bind.asked("zhang").await;
    let form = format!("flow={}&do=new", asked.flow());
    for origin in ["https://evil.example", "null", ""] {
        let url = asked.browser.url("/_menshen/bind");
        asked
            .browser
            .post_form(&url, &form, origin)
            .await
            .is_page(403, "only accepted from pages of this site");
    }
    bind.nothing_happened("zhang", &asked.browser).await;
}

/// Acceptance: M5a, B18: a scan may be of a code that somebody else sent: before it can lead to an account of theirs, the
/// phone is asked, though the method does not ask by itself. Who is known is not asked.
#[tokio::test]
async fn a_scan_of_somebody_new_is_asked_about_on_the_phone() {
    let bind = Bind::of("binding = \"ask\"\nproofs = [\"password\"]", crate::scanning::setup()).await;
    let world = &bind.world;
    world.push_to(0, PushMode::Secure, PushFormat::Xml).await;
    world.is_followed_by("zhang").await;
    let desktop = world.desktop();
    let page = desktop.show_code("/deep").await;
    agrees(world, &page, "zhang").await;
    let asked = page.go_on().await;
    asked.is_page(200, ASKS);
    let id = Question::of(world, desktop, asked).new_account().await.received();
    let id = id.header("x-user-id").unwrap().to_owned();
    let again = world.desktop();
    let received = again.log_in_by_scan("zhang", "/").await.received();
    assert_eq!(received.header("x-user-id"), Some(id.as_str()));
}

/// Acceptance: B12: what is typed stays out of the log: passwords, codes, addresses, names.
#[tokio::test]
async fn nothing_that_is_typed_is_logged() {
    let logs = Logs::start();
    let bind = Bind::asking().await;
    let asked = bind.asked("zhang").await;
    asked.password(EMAIL, "wrong-and-secret").await;
    asked.send("sms_code", PHONE).await;
    let code = bind.sms.call(1).await.body["code"].as_str().unwrap().to_owned();
    asked.code(&code).await.received();
    let text = logs.text();
    for secret in ["wrong-and-secret", USERNAME, EMAIL, PHONE, "3580008888", &code, &asked.flow()] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(logs.lines("bound").len(), 1, "{text}");
}

/// A page that is opened once more leads on once the login is done, and says so where it has ended.
#[tokio::test]
async fn the_page_of_an_answered_question_leads_on() {
    let bind = Bind::asking().await;
    let asked = bind.asked("zhang").await;
    asked.browser.open_url(&asked.page.url).await.is_page(200, ASKS);
    asked.password(USERNAME, PASSWORD).await.received();
    let received = asked.browser.open_url(&asked.page.url).await.received();
    assert_eq!(received.header("x-user-id"), Some("ann"));
    assert_eq!(bind.world.wechat.calls("/sns/oauth2/access_token"), 1);
    assert!(bind.world.row(&bind.world.open_key(WEBSITE, "zhang")).await.unwrap().settled);
}
