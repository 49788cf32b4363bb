//! The phone page, used as a browser without scripts uses it.

use reqwest::Response;
use reqwest::header::{COOKIE, SET_COOKIE};

use crate::bench::{Bench, SERVICE, WEBSITE, WECHAT, authorize, location, param};

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
