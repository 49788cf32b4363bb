//! The phone page, used as a browser without scripts uses it.

use menshen::simulator::{PushFormat, PushMode};
use reqwest::Response;
use reqwest::header::{COOKIE, SET_COOKIE};

use crate::bench::{Bench, SERVICE, WEBSITE, WECHAT, authorize, location, param};
use crate::receiver::{Answer, Receiver, text_reply};

async fn press(bench: &Bench, action: &str, form: &[(&str, &str)], person: &str) -> Response {
    let url = bench.url(&format!("/phone/{action}"));
    let request = bench.client.post(url).header(COOKIE, format!("sim_person={person}"));
    request.form(form).send().await.unwrap()
}

#[tokio::test]
async fn a_human_picks_a_person_scans_and_agrees() {
    let bench = Bench::start().await;
    let uuid = bench.show_qr().await;
    let page = bench.text("/phone").await;
    assert!(page.contains("张伟") && page.contains("李娜🌸") && page.contains(&uuid), "{page}");
    assert!(page.contains("阿强 &lt;b&gt;"), "names are escaped");

    let chosen = press(&bench, "person", &[("person", "maria"), ("uuid", &uuid)], "zhang").await;
    assert_eq!(chosen.status(), 303);
    assert_eq!(chosen.headers()["location"], format!("/phone?uuid={uuid}"));
    assert!(chosen.headers()[SET_COOKIE].to_str().unwrap().starts_with("sim_person=maria; "));

    assert_eq!(press(&bench, "scan", &[("uuid", &uuid)], "maria").await.status(), 303);
    assert_eq!(bench.poll(&uuid, "").await.0, 404);
    let page = bench.text(&format!("/phone?uuid={uuid}")).await;
    assert!(page.contains("同意") && page.contains("拒绝"));
    assert_eq!(press(&bench, "confirm", &[("uuid", &uuid)], "maria").await.status(), 303);
    let (number, code) = bench.poll(&uuid, "").await;
    assert_eq!(number, 405);
    assert_eq!(bench.exchange(WEBSITE, &code).await["openid"], bench.handle.openid(WEBSITE, "maria"));
}

#[tokio::test]
async fn the_chosen_person_is_the_one_in_the_same_browsers_wechat() {
    let bench = Bench::start().await;
    let chosen = press(&bench, "person", &[("person", "qiang")], "zhang").await;
    let cookie = chosen.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let query = authorize(SERVICE, "snsapi_base", "");
    let target = location(&bench.authorize(&query, WECHAT, Some(&cookie)).await);
    let token = bench.exchange(SERVICE, &param(&target, "code").unwrap()).await;
    assert_eq!(token["openid"], bench.handle.openid(SERVICE, "qiang"));
}

#[tokio::test]
async fn refusing_and_expiring_work_and_a_late_tap_says_why_not() {
    let bench = Bench::start().await;
    let uuid = bench.show_qr().await;
    press(&bench, "scan", &[("uuid", &uuid)], "zhang").await;
    press(&bench, "refuse", &[("uuid", &uuid)], "zhang").await;
    assert_eq!(bench.handle.phase(&uuid).unwrap(), "refused");
    let late = press(&bench, "confirm", &[("uuid", &uuid)], "zhang").await;
    assert_eq!(late.status(), 409);
    assert!(late.text().await.unwrap().contains("role=\"alert\""));

    let uuid = bench.show_qr().await;
    press(&bench, "expire", &[("uuid", &uuid)], "zhang").await;
    assert_eq!(bench.handle.phase(&uuid).unwrap(), "expired");
    assert_eq!(press(&bench, "dance", &[], "zhang").await.status(), 404);
}

#[tokio::test]
async fn everybody_has_a_portrait_in_the_sizes_wechat_has() {
    let bench = Bench::start().await;
    let svg = bench.get("/avatar/zhang.svg").await;
    assert_eq!(svg.headers()["content-type"], "image/svg+xml");
    assert!(svg.text().await.unwrap().contains(">张<"));
    assert!(bench.text("/avatar/nemo.svg").await.contains(">?<"));
    for (size, status) in [(0, 200), (46, 200), (64, 200), (96, 200), (132, 200), (100, 404)] {
        assert_eq!(bench.get(&format!("/mmopen/vi_32/zhang/{size}")).await.status(), status);
    }
    assert_eq!(bench.get("/avatar/nobody.svg").await.status(), 404);
}

/// A human scans a service account's code, follows, reads the answer, opens its link, and leaves; no scripts.
#[tokio::test]
async fn a_human_follows_through_a_code_and_reads_the_answer() {
    let receiver = Receiver::start(|request, _| {
        Answer::Body(text_reply(&request.body, "<a href=\"http://sso.test/confirm\">确认登录</a>"))
    })
    .await;
    let push = receiver.push(PushMode::Plain, PushFormat::Xml);
    let bench = Bench::start_with(|config| drop(config.pushes.insert(SERVICE.into(), push))).await;
    bench.scene_code(SERVICE, "login_1").await;
    let website = bench.show_qr().await;
    let page = bench.text("/phone").await;
    assert!(page.contains(&website) && page.contains("login_1"), "both kinds of code are listed");
    assert!(page.contains("扫描后看到资料页") && page.contains("扫描后问你是否登录这个网站"));
    assert!(page.contains(&format!("/phone/account/{SERVICE}")));

    let key = bench.handle.scene_codes()[0].url.rsplit('/').next().unwrap().to_owned();
    let account = format!("/phone/account/{SERVICE}");
    let scanned = press(&bench, "scan", &[("uuid", &key)], "zhang").await;
    assert_eq!(
        (scanned.status().as_u16(), scanned.headers()["location"].to_str().unwrap()),
        (303, &*account)
    );
    let profile = bench.text(&account).await;
    assert!(profile.contains("关注 Follow") && profile.contains("来自二维码"), "{profile}");

    let on_account = format!("account/{SERVICE}");
    let followed = press(&bench, &format!("{on_account}/follow"), &[], "zhang").await;
    assert_eq!(followed.status(), 303);
    let chat = bench.text(&account).await;
    assert!(chat.contains("<a href=\"http:&#x2f;&#x2f;sso.test&#x2f;confirm\">确认登录</a>"), "{chat}");
    assert!(bench.text("/phone").await.contains("扫描后打开聊天"));
    press(&bench, &format!("{on_account}/text"), &[("text", "你好吗")], "zhang").await;
    press(&bench, &format!("{on_account}/menu"), &[], "zhang").await;
    assert!(bench.text(&format!("{account}/chat")).await.contains("你好吗"));
    assert_eq!(bench.handle.chat(SERVICE, "zhang").len(), 3);

    press(&bench, &format!("{on_account}/unfollow"), &[], "zhang").await;
    assert!(!bench.handle.is_follower(SERVICE, "zhang"));
    assert!(bench.text(&account).await.contains("普通关注"));
    let refused = press(&bench, &format!("{on_account}/text"), &[("text", "x")], "zhang").await;
    assert_eq!(refused.status(), 409);
    press(&bench, "expire", &[("uuid", &key)], "zhang").await;
    let expired = bench.text(&format!("/phone?uuid={key}")).await;
    assert!(expired.contains("二维码已过期"), "{expired}");
    let late = press(&bench, "scan", &[("uuid", &key)], "zhang").await;
    assert_eq!(late.headers()["location"], format!("/phone?uuid={key}"));
    assert_eq!(bench.get("/phone/account/wx0de0000000000001").await.status(), 404);
}
