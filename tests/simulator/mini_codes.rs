//! Mini program codes over the wire. Item 12.

use menshen::simulator::{EnvVersion, Quotas, SceneLength, SimError};
use rstest::rstest;
use serde_json::{Value, json};

use crate::bench::{Bench, MINI_PROGRAM, SERVICE, SOON, UNBOUND_MINI};

const CONFIRM: &str = "pages/menshen/confirm/confirm";

impl Bench {
    /// The answer's content type and bytes.
    async fn mini_code(&self, token: &str, body: &str) -> (String, Vec<u8>) {
        let url = self.url(&format!("/wxa/getwxacodeunlimit?access_token={token}"));
        let response = self.client.post(url).body(body.to_owned()).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        (kind, response.bytes().await.unwrap().to_vec())
    }

    async fn mini_code_errcode(&self, token: &str, body: &str) -> i64 {
        let (kind, bytes) = self.mini_code(token, body).await;
        assert_eq!(kind, "application/json; encoding=utf-8");
        serde_json::from_slice::<Value>(&bytes).unwrap()["errcode"].as_i64().unwrap()
    }
}

/// Item 12: real JPEG bytes of the wanted size.
#[rstest]
#[case(None, 430)]
#[case(Some(280), 280)]
#[case(Some(1280), 1280)]
#[tokio::test]
async fn a_code_is_a_jpeg_of_the_wanted_width(#[case] width: Option<u32>, #[case] side: u16) {
    let bench = Bench::start().await;
    let token = bench.server_token(MINI_PROGRAM).await;
    let body = json!({"scene": "abc", "page": CONFIRM, "width": width});
    let (kind, bytes) = bench.mini_code(&token, &body.to_string()).await;
    assert_eq!((kind.as_str(), &bytes[..3]), ("image/jpeg", &[0xff, 0xd8, 0xff][..]));
    let at = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    let [height, width] = [5, 7].map(|by| u16::from_be_bytes([bytes[at + by], bytes[at + by + 1]]));
    assert_eq!((height, width), (side, side));
    assert_eq!(bytes[bytes.len() - 2..], [0xff, 0xd9]);
}

/// Item 12.
#[rstest]
#[case(json!({}), 40129)]
#[case(json!({"scene": ""}), 40129)]
#[case(json!({"scene": "x".repeat(33)}), 40129)]
#[case(json!({"scene": "a%20b"}), 40129)]
#[case(json!({"scene": "你好"}), 40129)]
#[case(json!({"scene": "a b"}), 40129)]
#[case(json!({"scene": "a", "page": "/pages/index/index"}), 41030)]
#[case(json!({"scene": "a", "page": "pages/index/index?x=1"}), 41030)]
#[case(json!({"scene": "a", "page": "pages/other/other"}), 41030)]
#[case(json!({"scene": "a", "page": "pages/other/other", "env_version": "trial"}), 41030)]
#[case(json!({"scene": "a", "page": "/pages/other/other", "check_path": false}), 41030)]
#[case(json!({"scene": "scancode_time=1", "page": "pages/index/index"}), 85096)]
#[case(json!({"scene": "a", "page": "pages/index/index?scancode_time=1"}), 85096)]
#[case(json!({"scene": "a", "env_version": "beta"}), 40097)]
#[case(json!({"scene": "a", "width": 279}), 40097)]
#[case(json!({"scene": "a", "width": 1281}), 40097)]
#[case(json!({"scene": "a", "check_path": "false"}), 47001)]
#[tokio::test]
async fn a_wrong_code_is_refused_with_its_number(#[case] body: Value, #[case] errcode: i64) {
    let bench = Bench::start().await;
    let token = bench.server_token(MINI_PROGRAM).await;
    assert_eq!(bench.mini_code_errcode(&token, &body.to_string()).await, errcode, "{body}");
    assert!(bench.handle.mini_codes().is_empty());
}

/// Item 12: every character that is allowed, and 32 of them.
#[tokio::test]
async fn every_allowed_character_makes_a_scene() {
    let bench = Bench::start().await;
    let token = bench.server_token(MINI_PROGRAM).await;
    let all = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#$&'()*+,/:;=?@-._~";
    for scene in all.as_bytes().chunks(32) {
        let scene = std::str::from_utf8(scene).unwrap();
        let (kind, _) = bench.mini_code(&token, &json!({"scene": scene}).to_string()).await;
        assert_eq!(kind, "image/jpeg", "{scene}");
        assert_eq!(bench.handle.mini_codes()[0].scene, scene);
    }
}

/// Item 12: the other number for a scene of the wrong length.
#[tokio::test]
async fn a_scene_of_the_wrong_length_can_answer_40169() {
    let bench = Bench::start().await;
    bench.handle.set_scene_length(SceneLength::InvalidLength);
    let token = bench.server_token(MINI_PROGRAM).await;
    for (scene, errcode) in [(String::new(), 40169), ("x".repeat(33), 40169), ("a b".into(), 40129)] {
        assert_eq!(bench.mini_code_errcode(&token, &json!({"scene": scene}).to_string()).await, errcode);
    }
}

/// Items 2, 5, 12.
#[tokio::test]
async fn tokens_methods_and_bodies_are_checked() {
    let bench = Bench::start().await;
    let token = bench.server_token(MINI_PROGRAM).await;
    let body = r#"{"scene":"a"}"#;
    assert_eq!(bench.mini_code_errcode(&token, "").await, 44002);
    assert_eq!(bench.mini_code_errcode(&token, "scene=a").await, 47001);
    assert_eq!(bench.mini_code_errcode("", body).await, 41001);
    assert_eq!(bench.mini_code_errcode(&"x".repeat(99), body).await, 40001);
    assert_eq!(bench.mini_code_errcode(&bench.server_token(SERVICE).await, body).await, 48001);
    let get = bench.json(&format!("/wxa/getwxacodeunlimit?access_token={token}")).await;
    assert_eq!(get["errcode"], 43002);
    let scene = r#"{"action_name":"QR_STR_SCENE","action_info":{"scene":{"scene_str":"a"}}}"#;
    let create = bench.post_json(&format!("/cgi-bin/qrcode/create?access_token={token}"), scene).await;
    assert_eq!(create["errcode"], 48001, "parametric codes are for service accounts");
}

/// Item 12: 5000 a minute, and 45009 beyond.
#[tokio::test]
async fn codes_a_minute_are_limited() {
    let bench = Bench::start().await;
    assert_eq!(Quotas::default().mini_codes_a_minute, 5000);
    bench.handle.set_quotas(Quotas { mini_codes_a_minute: 1, ..Quotas::default() });
    let token = bench.server_token(MINI_PROGRAM).await;
    assert_eq!(bench.mini_code(&token, r#"{"scene":"a"}"#).await.0, "image/jpeg");
    assert_eq!(bench.mini_code_errcode(&token, r#"{"scene":"a"}"#).await, 45009);
    let other = bench.server_token(UNBOUND_MINI).await;
    assert_eq!(bench.mini_code(&other, r#"{"scene":"a"}"#).await.0, "image/jpeg");
}

/// Item 12: a scan delivers the scene percent-encoded, with 1047.
#[tokio::test]
async fn a_scan_opens_the_page_with_the_scene_percent_encoded() {
    let bench = Bench::start().await;
    let token = bench.server_token(MINI_PROGRAM).await;
    let scene = "t=a/b?c&d:e~f*(g)'!";
    bench.mini_code(&token, &json!({"scene": scene, "page": CONFIRM}).to_string()).await;
    let code = bench.handle.next_mini_code(SOON).await.unwrap();
    assert_eq!((code.app_id.as_str(), code.scene.as_str()), (MINI_PROGRAM, scene));
    assert_eq!((code.page.as_str(), code.version), (CONFIRM, EnvVersion::Release));
    let opened = bench.handle.scan_mini_code(scene, "zhang").unwrap();
    assert_eq!((opened.app_id.as_str(), opened.person.as_str()), (MINI_PROGRAM, "zhang"));
    assert_eq!((opened.path.as_str(), opened.launch_scene), (CONFIRM, 1047));
    assert_eq!(opened.query, "scene=t%3Da%2Fb%3Fc%26d%3Ae~f*(g)'!");
    assert_eq!(opened.parameter("scene").as_deref(), Some(scene));
}

/// Item 12: without a page, the home page; unpublished pages only without the check, and only for members.
#[tokio::test]
async fn a_page_that_is_not_published_opens_only_in_another_version() {
    let bench = Bench::start().await;
    let token = bench.server_token(MINI_PROGRAM).await;
    bench.mini_code(&token, r#"{"scene":"home"}"#).await;
    assert_eq!(bench.handle.scan_mini_code("home", "zhang").unwrap().path, "pages/index/index");
    let body = |version: &str, scene: &str| {
        json!({"scene": scene, "page": "pages/new/new", "check_path": false, "env_version": version})
            .to_string()
    };
    bench.mini_code(&token, &body("release", "r")).await;
    bench.mini_code(&token, &body("trial", "t")).await;
    let missing = bench.handle.scan_mini_code("r", "zhang");
    assert!(matches!(missing, Err(SimError::NoSuchPage { .. })));
    assert_eq!(bench.handle.scan_mini_code("t", "zhang").unwrap().version, EnvVersion::Trial);
    let stranger = bench.handle.scan_mini_code("t", "nemo").unwrap_err();
    assert!(matches!(stranger, SimError::NotAMember { .. }), "{stranger}");
    bench.mini_code(&token, &json!({"scene": "d", "env_version": "develop"}).to_string()).await;
    assert_eq!(bench.handle.scan_mini_code("d", "lina").unwrap().version, EnvVersion::Develop);
    assert!(matches!(bench.handle.scan_mini_code("d", "nemo"), Err(SimError::NotAMember { .. })));
    let unknown = bench.handle.scan_mini_code("nope", "zhang");
    assert!(matches!(unknown, Err(SimError::UnknownMiniCode { .. })));
    assert!(matches!(bench.handle.scan_mini_code("t", "nobody"), Err(SimError::UnknownPerson { .. })));
}

/// Newest first in the list, oldest first for who waits.
#[tokio::test]
async fn every_code_is_waited_for_once_and_the_newest_with_a_scene_is_scanned() {
    let bench = Bench::start().await;
    let handle = bench.handle.clone();
    let waiting = tokio::spawn(async move { handle.next_mini_code(SOON).await.unwrap() });
    let token = bench.server_token(MINI_PROGRAM).await;
    for (scene, page) in [("a", "pages/index/index"), ("b", CONFIRM), ("a", CONFIRM)] {
        bench.mini_code(&token, &json!({"scene": scene, "page": page}).to_string()).await;
    }
    assert_eq!(waiting.await.unwrap().page, "pages/index/index");
    assert_eq!(bench.handle.next_mini_code(SOON).await.unwrap().scene, "b");
    let scenes: Vec<_> = bench.handle.mini_codes().into_iter().map(|code| code.scene).collect();
    assert_eq!(scenes, ["a", "b", "a"]);
    assert_eq!(bench.handle.scan_mini_code("a", "zhang").unwrap().path, CONFIRM);
}
