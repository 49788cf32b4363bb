//! Mini program codes: a picture or a refusal, told by the bytes and nothing else.

use super::*;

const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0\0\x10JFIF\0{\"errcode\":41030}";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

fn image(headers: &str, body: &[u8]) -> Step {
    http("200 OK", headers, body)
}

#[rstest]
#[case::jpeg("Content-Type: image/jpeg\r\n", JPEG, "image/jpeg")]
#[case::png("Content-Type: image/png\r\n", PNG, "image/png")]
#[case::that_claims_to_be_json("Content-Type: application/json; encoding=utf-8\r\n", JPEG, "image/jpeg")]
#[case::that_claims_another_kind("Content-Type: image/jpeg\r\n", PNG, "image/png")]
#[case::that_claims_nothing("", PNG, "image/png")]
#[tokio::test]
async fn a_picture_is_told_by_its_first_bytes(#[case] header: &str, #[case] file: &[u8], #[case] kind: &str) {
    let fake = Fake::start([image(header, file)]).await;
    let picture = picture(&client(&fake), ProgramVersion::Release).await.unwrap();
    assert_eq!((&picture.bytes[..], picture.content_type), (file, kind));
}

#[rstest]
#[case(ProgramVersion::Release, "release", true)]
#[case(ProgramVersion::Trial, "trial", false)]
#[case(ProgramVersion::Develop, "develop", false)]
#[tokio::test]
async fn only_the_release_is_asked_whether_it_has_the_page(
    #[case] version: ProgramVersion,
    #[case] name: &str,
    #[case] checked: bool,
) {
    let fake = Fake::start([image("", JPEG)]).await;
    picture(&client(&fake), version).await.unwrap();
    let request = &fake.requests()[0];
    assert!(request.starts_with(&format!("POST /wxa/getwxacodeunlimit?access_token={TOKEN} HTTP/1.1\r\n")));
    assert!(request.to_lowercase().contains("content-type: application/json\r\n"), "{request}");
    assert_eq!(
        body_of(request),
        serde_json::json!({
            "scene": SCENE, "page": PAGE, "check_path": checked, "env_version": name, "width": 430,
        })
    );
}

#[tokio::test]
async fn a_refusal_that_claims_to_be_a_picture_is_a_refusal() {
    let body = r#"{"errcode":41030,"errmsg":"invalid page rid: 62fb9bc8-078c24da-4202f278"}"#;
    let fake = Fake::start([image("Content-Type: image/jpeg\r\n", body.as_bytes())]).await;
    let error = picture(&client(&fake), ProgramVersion::Release).await.unwrap_err();
    assert_eq!(outcome(&error), (Action::ConfigFault, VisitorKind::Misconfigured));
    assert!(error.operator_hint().unwrap().contains("published version"));
    assert!(lines(&fake.host)[0].contains("WARN") && lines(&fake.host)[0].contains("errcode=41030"));
}

#[rstest]
#[case::bad_version(40097, Action::ConfigFault)]
#[case::bad_scene(40129, Action::ConfigFault)]
#[case::long_scene(40169, Action::ConfigFault)]
#[case::reserved_word(85096, Action::ConfigFault)]
#[case::not_published(85079, Action::ConfigFault)]
#[case::no_permission(48001, Action::ConfigFault)]
#[case::no_json(47001, Action::ConfigFault)]
#[case::a_dead_token(40001, Action::RefreshToken)]
#[case::another_apps_token(40014, Action::RefreshToken)]
#[case::too_many_a_minute(45011, Action::RateLimit { wait: Span::from_secs(60) })]
// For this call the quota is the minute's, and not the day's.
#[case::too_many(45009, Action::RateLimit { wait: Span::from_secs(60) })]
#[tokio::test]
async fn every_refusal_to_draw_a_code_says_who_has_to_act(#[case] number: i64, #[case] action: Action) {
    let fake = Fake::start([code(number, &format!("no scene {SCENE} for {TOKEN}")), image("", JPEG)]).await;
    let error = picture(&client(&fake), ProgramVersion::Release).await.unwrap_err();
    assert_eq!((error.code(), error.action()), (Some(number), action));
    assert_eq!(error.operator_hint().is_some(), action != Action::RefreshToken);
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn a_picture_whose_answer_was_lost_is_asked_for_again() {
    let half = Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n\xFF\xD8\xFF".to_vec());
    let fake = Fake::start([half, code(-1, "system error"), image("", JPEG)]).await;
    picture(&client(&fake), ProgramVersion::Release).await.unwrap();
    assert_eq!(fake.requests().len(), 3);
}

#[tokio::test]
async fn a_slow_picture_ends_with_the_time_for_the_call() {
    let fake =
        Fake::start([Step::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n\xFF\xD8\xFF\xE0")]).await;
    let error = picture(&hasty(&fake), ProgramVersion::Release).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Timeout), "{error}");
}

#[rstest]
#[case::a_page(b"<html>captive portal</html>")]
#[case::nothing(b"")]
#[case::another_kind_of_picture(b"GIF89a")]
#[case::a_drawing_with_scripts(b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>")]
#[case::half_a_mark(b"\xFF\xD8")]
#[case::a_success_without_a_picture(b"{\"errcode\":0,\"errmsg\":\"ok\"}")]
#[case::half_a_refusal(b"{\"errcode\":41030,\"errm")]
#[tokio::test]
async fn garbage_is_no_picture(#[case] body: &[u8]) {
    let fake = Fake::start([image("Content-Type: image/jpeg\r\n", body)]).await;
    let error = picture(&client(&fake), ProgramVersion::Release).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Unreadable(_)), "{error}");
    assert_eq!(outcome(&error).1, VisitorKind::Unavailable);
}

#[tokio::test]
async fn a_picture_with_a_status_of_failure_is_none() {
    let fake = Fake::start([http("403 Forbidden", "Content-Type: image/jpeg\r\n", JPEG)]).await;
    let error = picture(&client(&fake), ProgramVersion::Release).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Status(403)), "{error}");
}

#[rstest]
#[case::as_large_as_may_be(1024 * 1024, true)]
#[case::larger(1024 * 1024 + 1, false)]
#[tokio::test]
async fn a_picture_is_at_most_a_mebibyte(#[case] size: usize, #[case] fits: bool) {
    let mut file = JPEG.to_vec();
    file.resize(size, 7);
    let unmeasured = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", &file[..]].concat();
    let fake = Fake::start([image("", &file), Step::Send(unmeasured)]).await;
    for _ in 0..2 {
        match picture(&client(&fake), ProgramVersion::Release).await {
            Ok(picture) => assert!(fits && picture.bytes.len() == size),
            Err(error) => {
                assert!(!fits && matches!(error.kind(), Kind::Unreadable(Unreadable::TooLarge)), "{error}");
            }
        }
    }
}

#[rstest]
#[case::no_scene("", PAGE, 430)]
#[case::a_long_scene("abcdefghijklmnopqrstuvwxyz0123456", PAGE, 430)]
#[case::a_percent_sign("a%20b", PAGE, 430)]
#[case::a_reserved_word("scancode_time", PAGE, 430)]
#[case::a_slash_before_the_page(SCENE, "/pages/index/index", 430)]
#[case::a_query_behind_the_page(SCENE, "pages/index/index?a=b", 430)]
#[case::no_page(SCENE, "", 430)]
#[case::too_small(SCENE, PAGE, 279)]
#[case::too_wide(SCENE, PAGE, 1281)]
#[tokio::test]
async fn what_wechat_would_refuse_is_never_sent(#[case] scene: &str, #[case] page: &str, #[case] width: u32) {
    let fake = Fake::start([image("", JPEG)]).await;
    let request = CodeRequest { width, ..CodeRequest::new(scene, page, ProgramVersion::Release) };
    let error = client(&fake).mini_program_code(&Secret::new(TOKEN), &request).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Input(_)), "{error}");
    assert!(fake.requests().is_empty());
}
