//! WeChat's login pages as they have been seen, and what is said about each.

use super::super::finding::Outcome::{self, Ok as Fine, Problem, Unknown, Warning};
use super::*;
use rstest::rstest;

const CALLBACK: &str = "https://login.example.com/_menshen/callback/web";
const ACCOUNT: Door = Door::Account(Scope::Userinfo);

fn shown(door: Door, body: &str, location: Option<&str>) -> Verdict {
    let status = if location.is_some() { 302 } else { 200 };
    let page = Page { status, date: None, location: location.map(Into::into), body: body.into() };
    judge(door, &Ok(page), "https://open.example/connect", CALLBACK)
}

#[rstest]
#[case::qr(
    Door::Website,
    "<img class=\"qrcode\" src=\"/connect/qrcode/061Mloz91c4m000U\">",
    Fine,
    "sends logins"
)]
#[case::domain(Door::Website, "<h4>redirect_uri 参数错误</h4>", Problem, "not registered")]
#[case::app_id(Door::Website, "<h4>AppID 参数错误</h4>", Problem, "AppID")]
#[case::scope(Door::Website, "<h4>Scope 参数错误或没有 Scope 权限</h4>", Problem, "may not")]
#[case::link(Door::Website, "该链接无法访问", Problem, "cannot be opened")]
#[case::anything(Door::Website, "<h1>系统维护中</h1>", Unknown, "nothing that is known")]
#[case::consent_is_no_qr_page(Door::Website, "申请获取并验证你的昵称", Unknown, "nothing that is known")]
#[case::consent(ACCOUNT, "<p>申请获取并验证你的昵称、头像</p>", Fine, "sends logins")]
#[case::number_10003(ACCOUNT, "redirect_uri域名与后台配置不一致，错误码:10003", Problem, "not registered")]
#[case::words_of_10003(ACCOUNT, "redirect_uri 域名与后台配置不一致", Problem, "not registered")]
#[case::number_10004(ACCOUNT, "错误码：10004", Problem, "banned")]
#[case::number_10005(ACCOUNT, "该公众号没有这些 scope 的权限，错误码：10005", Problem, "verified")]
#[case::number_10006(ACCOUNT, "<p>错误码：</p><p>10006</p>", Warning, "test account")]
#[case::number_10009(ACCOUNT, "错误码 10009", Unknown, "too often")]
#[case::number_10016(ACCOUNT, "错误码：10016", Problem, "verified")]
#[case::another_number(ACCOUNT, "错误码：10020", Problem, "10020")]
#[case::no_number(ACCOUNT, "错误码见 var x = 200000;", Unknown, "nothing that is known")]
#[case::a_number_elsewhere(ACCOUNT, "var port = 10003;", Unknown, "nothing that is known")]
#[case::another_browser(ACCOUNT, "请在微信客户端打开链接", Unknown, "its own browser")]
#[case::nothing(ACCOUNT, "", Unknown, "nothing that is known")]
fn each_page_is_told_apart(
    #[case] door: Door,
    #[case] body: &str,
    #[case] outcome: Outcome,
    #[case] says: &str,
) {
    let verdict = shown(door, body, None);
    assert_eq!(verdict.outcome, outcome, "{verdict:?}");
    assert!(verdict.message.contains(says), "{verdict:?}");
    assert_eq!(verdict.cure.is_some(), outcome != Fine);
}

#[test]
fn a_silent_login_that_comes_back_to_us_is_one_that_works() {
    let back = format!("{CALLBACK}?code=x&state=menshendoctor");
    assert_eq!(shown(Door::Account(Scope::Base), "", Some(&back)).outcome, Fine);
    assert_eq!(shown(Door::Account(Scope::Base), "", Some("https://elsewhere.example/")).outcome, Unknown);
    assert_eq!(shown(Door::Website, "", Some(&back)).outcome, Unknown);
}

#[test]
fn what_is_not_known_is_left_to_a_person_with_the_address() {
    let cure = shown(ACCOUNT, "?", None).cure.unwrap_or_default();
    assert!(cure.contains("inside WeChat: https://open.example/connect"), "{cure}");
}

#[test]
fn the_host_to_register_is_named_and_what_wechat_takes_no_host_of_is_said() {
    let cure = shown(Door::Website, "redirect_uri 参数错误", None).cure.unwrap_or_default();
    assert!(cure.contains("exactly `login.example.com`,") && !cure.contains("usual ports"), "{cure}");
    let cure = register(ACCOUNT, "http://127.0.0.1:8080/_menshen/callback/x");
    assert!(cure.contains("exactly `127.0.0.1`,") && cure.contains("usual ports"), "{cure}");
}

#[test]
fn a_page_that_does_not_come_is_a_problem() {
    let verdict = judge(ACCOUNT, &Err("no connection".into()), "https://open.example/", CALLBACK);
    assert_eq!(verdict.outcome, Problem);
}
