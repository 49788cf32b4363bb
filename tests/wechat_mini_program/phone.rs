//! The code of the phone number button.

use super::*;

fn answer(country: &str, app_id: &str) -> Step {
    json(format!(
        r#"{{"errcode":0,"errmsg":"ok","phone_info":{{"phoneNumber":"13580006666","purePhoneNumber":"13580006666",
            "countryCode":{country},"watermark":{{"timestamp":1700000000,"appid":"{app_id}"}}}}}}"#
    ))
}

#[rstest]
#[case::text(r#""86""#)]
#[case::number("86")]
#[case::with_a_plus(r#""+86""#)]
#[tokio::test]
async fn a_phone_code_becomes_a_number(#[case] country: &str) {
    let fake = Fake::start([answer(country, APP_ID)]).await;
    let number = phone_number(&client(&fake), None).await.unwrap();
    assert_eq!((number.country_code.as_str(), number.national.as_str()), ("86", "13580006666"));
    let request = &fake.requests()[0];
    let asked = format!("POST /wxa/business/getuserphonenumber?access_token={TOKEN} HTTP/1.1\r\n");
    assert!(request.starts_with(&asked), "{request}");
    assert_eq!(body_of(request), serde_json::json!({ "code": PHONE_CODE }));
}

#[tokio::test]
async fn wechat_is_asked_whether_the_number_is_that_users() {
    let fake = Fake::start([answer("86", APP_ID)]).await;
    phone_number(&client(&fake), Some(OPENID)).await.unwrap();
    assert_eq!(body_of(&fake.requests()[0]), serde_json::json!({ "code": PHONE_CODE, "openid": OPENID }));
}

#[tokio::test]
async fn a_number_from_abroad_is_read_without_its_country() {
    let fake = Fake::start([json(format!(
        r#"{{"errcode":"0","phone_info":{{"phoneNumber":"+12025550123","purePhoneNumber":2025550123,
            "countryCode":"1","watermark":{{"timestamp":"1700000000","appid":"{APP_ID}"}}}}}}"#
    ))])
    .await;
    let number = phone_number(&client(&fake), None).await.unwrap();
    assert_eq!((number.country_code.as_str(), number.national.as_str()), ("1", "2025550123"));
}

#[tokio::test]
async fn a_number_that_wechat_gave_to_another_mini_program_is_none() {
    let fake = Fake::start([answer("86", "wxfedcba9876543210")]).await;
    let error = phone_number(&client(&fake), None).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Unreadable(Unreadable::SomebodyElse("watermark.appid"))), "{error}");
}

#[rstest]
#[case::bad_or_used(40029, Action::AskAgain, VisitorKind::AskAgain)]
#[case::used(40163, Action::AskAgain, VisitorKind::AskAgain)]
#[case::another_mini_programs(40013, Action::Fail, VisitorKind::Unavailable)]
#[case::a_dead_token(40001, Action::RefreshToken, VisitorKind::Unavailable)]
#[case::an_old_token(42001, Action::RefreshToken, VisitorKind::Unavailable)]
#[case::no_permission(48001, Action::ConfigFault, VisitorKind::Misconfigured)]
#[case::too_many(45011, Action::RateLimit { wait: Span::from_secs(60) }, VisitorKind::TooMany)]
#[tokio::test]
async fn every_refusal_of_a_phone_code_says_who_has_to_act(
    #[case] number: i64,
    #[case] action: Action,
    #[case] visitor: VisitorKind,
) {
    let fake = Fake::start([code(number, &format!("{PHONE_CODE} 13 {TOKEN}")), answer("86", APP_ID)]).await;
    let error = phone_number(&client(&fake), None).await.unwrap_err();
    assert_eq!((error.code(), outcome(&error)), (Some(number), (action, visitor)));
    assert_eq!(
        (error.is_code_used(), error.wants_new_token()),
        (number == 40163, action == Action::RefreshToken)
    );
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn a_phone_code_whose_answer_was_lost_is_not_sent_again() {
    let fake = Fake::start([Step::Drop, answer("86", APP_ID)]).await;
    let error = phone_number(&client(&fake), None).await.unwrap_err();
    assert_eq!((error.action(), fake.requests().len()), (Action::AskAgain, 1));
}

#[tokio::test]
async fn a_slow_answer_ends_with_the_time_for_the_call() {
    let fake = Fake::start([Step::Hang(b"HTTP/1.1 200 OK\r\n")]).await;
    assert!(matches!(phone_number(&hasty(&fake), None).await.unwrap_err().kind(), Kind::Timeout));
}

#[rstest]
#[case::a_page("<html>")]
#[case::no_info(r#"{"errcode":0,"errmsg":"ok"}"#)]
#[case::info_that_is_none(r#"{"errcode":0,"phone_info":"13580006666"}"#)]
#[case::no_watermark(r#"{"phone_info":{"purePhoneNumber":"13580006666","countryCode":"86"}}"#)]
#[case::no_number(r#"{"phone_info":{"countryCode":"86","watermark":{"appid":"wx0123456789abcdef"}}}"#)]
#[case::letters(
    r#"{"phone_info":{"purePhoneNumber":"1358000666x","countryCode":86,"watermark":{"appid":"wx0123456789abcdef"}}}"#
)]
#[tokio::test]
async fn garbage_is_no_number(#[case] body: &str) {
    let fake = Fake::start([json(body)]).await;
    let error = phone_number(&client(&fake), None).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Unreadable(_)), "{error}");
    assert_eq!(outcome(&error), (Action::AskAgain, VisitorKind::Unavailable));
}

#[rstest]
#[case("", None)]
#[case("two words", None)]
#[case(PHONE_CODE, Some("no openid"))]
#[tokio::test]
async fn what_cannot_be_a_code_or_a_user_is_never_sent(#[case] code: &str, #[case] openid: Option<&str>) {
    let fake = Fake::start([answer("86", APP_ID)]).await;
    let (token, code) = (Secret::new(TOKEN), Secret::new(code));
    let error = client(&fake).phone_number(&token, APP_ID, &code, openid).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Input(_)), "{error}");
    assert!(fake.requests().is_empty());
}
