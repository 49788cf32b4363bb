//! Parametric codes, their picture, their scans, and `user/info`. Items 15 and 16.

use menshen::ground::Span;
use menshen::simulator::{App, AppKind, Quotas, SceneScan, SimError};
use qrcode::{Color, QrCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::bench::{Bench, SERVICE, SOON, UNBOUND, UNVERIFIED, WEBSITE};

impl Bench {
    async fn create_with(&self, token: &str, body: &Value) -> Value {
        self.post_json(&format!("/cgi-bin/qrcode/create?access_token={token}"), &body.to_string()).await
    }

    /// A temporary code with a text scene: its ticket.
    pub(crate) async fn scene_code(&self, app_id: &str, scene: &str) -> String {
        let token = self.server_token(app_id).await;
        let body = json!({"expire_seconds": 180, "action_name": "QR_STR_SCENE",
                          "action_info": {"scene": {"scene_str": scene}}});
        let answer = self.create_with(&token, &body).await;
        answer["ticket"].as_str().unwrap_or_else(|| panic!("{answer}")).into()
    }

    async fn user_info(&self, app_id: &str, openid: &str) -> Value {
        let token = self.server_token(app_id).await;
        self.json(&format!("/cgi-bin/user/info?access_token={token}&openid={openid}&lang=zh_CN")).await
    }
}

fn asked(action: &str, scene: Value) -> Value {
    json!({"expire_seconds": 60, "action_name": action, "action_info": {"scene": scene}})
}

fn escaped(ticket: &str) -> String {
    percent_encoding::utf8_percent_encode(ticket, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Item 15: all four kinds.
#[rstest]
#[case("QR_SCENE", json!({"scene_id": 123}), Some(60))]
#[case("QR_STR_SCENE", json!({"scene_str": "menshen_a"}), Some(60))]
#[case("QR_LIMIT_SCENE", json!({"scene_id": 100_000}), None)]
#[case("QR_LIMIT_STR_SCENE", json!({"scene_str": "a"}), None)]
#[tokio::test]
async fn a_code_has_a_ticket_an_address_and_its_life(
    #[case] action: &str,
    #[case] scene: Value,
    #[case] life: Option<u64>,
) {
    let bench = Bench::start().await;
    let token = bench.server_token(SERVICE).await;
    let code = bench.create_with(&token, &asked(action, scene)).await;
    let ticket = code["ticket"].as_str().unwrap();
    assert!(ticket.starts_with("gQ") && ticket.ends_with("=="), "{ticket}");
    assert_eq!(code.get("expire_seconds").and_then(Value::as_u64), life);
    let url = code["url"].as_str().unwrap();
    assert!(url.starts_with(&bench.url("/q/")), "{url}");
    assert!(code.get("errcode").is_none());
    let listed = bench.handle.scene_codes();
    assert_eq!((listed[0].ticket.as_str(), listed[0].url.as_str()), (ticket, url));
    assert_eq!(listed[0].expires_in, life.map(Span::from_secs));
}

/// Item 15; the table of limits is tested beside the code.
#[rstest]
#[case(asked("QR_STR_SCENE", json!({"scene_str": "x".repeat(65)})))]
#[case(asked("QR_SCENE", json!({"scene_id": 0})))]
#[case(asked("QR_LIMIT_SCENE", json!({"scene_id": 100_001})))]
#[case(asked("QR_ANY", json!({"scene_id": 1})))]
#[case(json!({"expire_seconds": 2_592_001, "action_name": "QR_SCENE", "action_info": {"scene": {"scene_id": 1}}}))]
#[case(json!({"action_name": "QR_SCENE"}))]
#[tokio::test]
async fn what_exceeds_the_limits_is_refused(#[case] body: Value) {
    let bench = Bench::start().await;
    let token = bench.server_token(SERVICE).await;
    assert_eq!(bench.create_with(&token, &body).await["errcode"], 40053);
    assert!(bench.handle.scene_codes().is_empty());
}

/// Item 15: only verified service accounts, on their own tokens.
#[tokio::test]
async fn other_kinds_of_app_may_not() {
    const SUBSCRIPTION: &str = "wx0de0000000000007";
    let bench = Bench::start_with(|config| {
        let service = config.apps[1].clone();
        let (app_id, secret) = (SUBSCRIPTION.into(), "5ec2e7".into());
        config.apps.push(App {
            id: "s".into(),
            kind: AppKind::SubscriptionAccount,
            app_id,
            secret,
            ..service
        });
    })
    .await;
    for app_id in [WEBSITE, UNVERIFIED, SUBSCRIPTION] {
        let token = bench.server_token(app_id).await;
        let body = asked("QR_STR_SCENE", json!({"scene_str": "a"}));
        assert_eq!(bench.create_with(&token, &body).await["errcode"], 48001);
        let openid = bench.handle.openid(app_id, "zhang");
        assert_eq!(bench.user_info(app_id, &openid).await["errcode"], 48001);
    }
    let body = asked("QR_STR_SCENE", json!({"scene_str": "a"}));
    assert_eq!(bench.create_with("x", &body).await["errcode"], 40014);
    assert_eq!(bench.json("/cgi-bin/qrcode/create").await["errcode"], 43002);
    let token = bench.server_token(SERVICE).await;
    let path = format!("/cgi-bin/qrcode/create?access_token={token}");
    assert_eq!(bench.post_json(&path, "").await["errcode"], 44002);
    assert_eq!(bench.post_json(&path, "scene").await["errcode"], 47001);
}

#[tokio::test]
async fn codes_have_a_quota() {
    let bench = Bench::start().await;
    bench.handle.set_quotas(Quotas { scene_codes: 1, ..Quotas::default() });
    bench.scene_code(SERVICE, "a").await;
    let token = bench.server_token(SERVICE).await;
    let body = asked("QR_STR_SCENE", json!({"scene_str": "b"}));
    assert_eq!(bench.create_with(&token, &body).await["errcode"], 45009);
    bench.handle.advance(Span::from_days(1));
    bench.scene_code(SERVICE, "b").await;
}

/// Item 15: no token needed; 404 with a text for a bad ticket.
#[tokio::test]
async fn the_picture_shows_the_address() {
    let bench = Bench::start().await;
    let ticket = bench.scene_code(SERVICE, "a").await;
    let response = bench.get(&format!("/cgi-bin/showqrcode?ticket={}", escaped(&ticket))).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "image/jpg");
    assert_eq!(response.headers()["cache-control"], "max-age=604800");
    let picture = image::load_from_memory(&response.bytes().await.unwrap()).unwrap().to_luma8();
    let code = QrCode::new(bench.handle.scene_codes()[0].url.as_bytes()).unwrap();
    let scale = picture.width() / u32::try_from(code.width() + 8).unwrap();
    for (at, color) in code.to_colors().into_iter().enumerate() {
        let centre = |module: usize| (u32::try_from(module).unwrap() + 4) * scale + scale / 2;
        let pixel = picture.get_pixel(centre(at % code.width()), centre(at / code.width()));
        assert_eq!(pixel.0[0] < 128, color == Color::Dark);
    }
    for bad in ["", "?ticket=", "?ticket=gQnope%3D%3D"] {
        let response = bench.get(&format!("/cgi-bin/showqrcode{bad}")).await;
        assert_eq!(response.status(), 404);
        assert_eq!(response.headers()["content-type"], "text/plain");
    }
}

#[tokio::test]
async fn the_address_of_a_code_opens_the_phone() {
    let bench = Bench::start().await;
    bench.scene_code(SERVICE, "a").await;
    let url = bench.handle.scene_codes()[0].url.clone();
    let response = bench.client.get(&url).send().await.unwrap();
    assert_eq!(response.status(), 303);
    let page = bench.text(response.headers()["location"].to_str().unwrap()).await;
    assert!(page.contains("门神服务号") && page.contains("扫一扫"), "{page}");
}

/// Item 16: who follows, and how `user/info` shows it.
#[tokio::test]
async fn a_stranger_becomes_a_follower_through_a_code() {
    let bench = Bench::start().await;
    let openid = bench.handle.openid(SERVICE, "zhang");
    let stranger = json!({"subscribe": 0, "openid": openid, "tagid_list": []});
    assert_eq!(bench.user_info(SERVICE, &openid).await, stranger);

    let ticket = bench.scene_code(SERVICE, "login_1").await;
    assert_eq!(bench.handle.scan_scene(&ticket, "zhang").unwrap(), SceneScan::Profile);
    assert!(!bench.handle.is_follower(SERVICE, "zhang"));
    assert_eq!(bench.user_info(SERVICE, &openid).await, stranger, "a look is no following");

    bench.handle.follow(SERVICE, "zhang").unwrap();
    assert!(bench.handle.is_follower(SERVICE, "zhang"));
    let follower = bench.user_info(SERVICE, &openid).await;
    let expected = json!({
        "subscribe": 1, "openid": openid, "nickname": "", "sex": 0, "language": "zh_CN", "city": "",
        "province": "", "country": "", "headimgurl": "", "subscribe_time": 1_700_000_000,
        "unionid": bench.handle.unionid(SERVICE, "zhang").unwrap(), "remark": "", "groupid": 0,
        "tagid_list": [], "subscribe_scene": "ADD_SCENE_QR_CODE", "qr_scene": 0, "qr_scene_str": "login_1"
    });
    assert_eq!(follower, expected);
    assert_eq!(
        bench.handle.scan_scene(&ticket, "zhang").unwrap(),
        SceneScan::Chat,
        "a code has no end of scans"
    );

    bench.handle.unfollow(SERVICE, "zhang").unwrap();
    assert_eq!(bench.user_info(SERVICE, &openid).await, stranger);
    bench.handle.follow(SERVICE, "zhang").unwrap();
    assert_eq!(bench.user_info(SERVICE, &openid).await["subscribe_scene"], "ADD_SCENE_SEARCH");
}

/// Item 16: no UnionID of an unbound account or a person without one.
#[tokio::test]
async fn the_unionid_is_told_by_bound_accounts_only() {
    let bench = Bench::start_with(|config| {
        let everybody = |people: &[&str]| people.iter().map(|id| (*id).to_owned()).collect();
        config.followers.insert(UNBOUND.into(), everybody(&["zhang"]));
        config.followers.insert(SERVICE.into(), everybody(&["wang"]));
    })
    .await;
    for (app_id, person) in [(UNBOUND, "zhang"), (SERVICE, "wang")] {
        let info = bench.user_info(app_id, &bench.handle.openid(app_id, person)).await;
        assert_eq!(info["subscribe"], 1);
        assert!(info.get("unionid").is_none(), "{info}");
    }
}

#[tokio::test]
async fn an_openid_of_nobody_or_of_another_account_is_refused() {
    let bench = Bench::start().await;
    let foreign = bench.handle.openid(UNBOUND, "zhang");
    assert_eq!(bench.user_info(SERVICE, &foreign).await["errcode"], 40003);
    assert_eq!(bench.user_info(SERVICE, "x").await["errcode"], 40003);
    assert_eq!(bench.user_info(SERVICE, "").await["errcode"], 41009);
    let nobody = bench.handle.openid(SERVICE, "nobody");
    assert_eq!(bench.user_info(SERVICE, &nobody).await["errcode"], 46004);
}

/// Item 15: an expired ticket's scan does nothing.
#[tokio::test]
async fn an_expired_code_does_nothing() {
    let bench = Bench::start().await;
    let ticket = bench.scene_code(SERVICE, "a").await;
    bench.handle.advance(Span::from_secs(180));
    assert_eq!(bench.handle.scan_scene(&ticket, "zhang").unwrap(), SceneScan::Expired);
    bench.handle.follow(SERVICE, "zhang").unwrap();
    let openid = bench.handle.openid(SERVICE, "zhang");
    assert_eq!(bench.user_info(SERVICE, &openid).await["subscribe_scene"], "ADD_SCENE_SEARCH");
    assert!(bench.handle.scene_codes().is_empty());
    let other = bench.scene_code(SERVICE, "b").await;
    bench.handle.expire_scene(&other).unwrap();
    assert_eq!(bench.handle.scan_scene(&other, "zhang").unwrap(), SceneScan::Expired);
}

#[tokio::test]
async fn every_code_is_handed_out_once_and_waited_for() {
    let bench = Bench::start().await;
    let first = bench.scene_code(SERVICE, "a").await;
    assert_eq!(bench.handle.next_scene_code(SOON).await.unwrap().ticket, first);
    let handle = bench.handle.clone();
    let waiting = tokio::spawn(async move { handle.next_scene_code(SOON).await });
    let second = bench.scene_code(UNBOUND, "b").await;
    let code = waiting.await.unwrap().unwrap();
    assert_eq!((code.ticket, code.scene.as_str(), code.app_id.as_str()), (second, "b", UNBOUND));
    let none = bench.handle.next_scene_code(Span::from_millis(10)).await;
    assert!(matches!(none, Err(SimError::NothingWaiting)));
}

#[tokio::test]
async fn mistakes_are_named() {
    let bench = Bench::start().await;
    let handle = &bench.handle;
    let ticket = bench.scene_code(SERVICE, "a").await;
    assert!(matches!(handle.scan_scene("gQ", "zhang"), Err(SimError::UnknownTicket)));
    assert!(matches!(handle.scan_scene(&ticket, "nobody"), Err(SimError::UnknownPerson { .. })));
    assert!(matches!(handle.follow(WEBSITE, "zhang"), Err(SimError::NotAnAccount { .. })));
    assert!(matches!(handle.send_text(SERVICE, "zhang", "?"), Err(SimError::NotFollowing { .. })));
    assert!(matches!(handle.click_menu(SERVICE, "zhang", "k"), Err(SimError::NotFollowing { .. })));
    assert!(matches!(handle.replay_push(SERVICE), Err(SimError::NothingToReplay)));
}
