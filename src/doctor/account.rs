//! What scanning an official account needs of WeChat beside a server token: the right to make parametric codes.

use super::answer::{Said, UNREACHED, WECHAT, call};
use super::credentials::judge_other;
use super::finding::{Finding, Verdict};
use super::token::judge_refused;
use crate::ground::{Secret, Span};
use crate::login::{App, TokenSource};
use crate::wechat::Client;

/// What the code of the check carries. Nobody sees the code, so nobody scans it.
const SCENE: &str = "menshen_doctor";
/// How long the code of the check lives.
const CODE_LIFE: Span = Span::from_secs(60);

/// Asks for a code, if there is a token to ask with.
pub(super) async fn check(wechat: &Client, app: &App, token: Option<&Secret>) -> Finding {
    let Some(token) = token else { return Verdict::without_token().about("scene_codes", &app.id) };
    let made = call(wechat.create_scene_code(token, SCENE, CODE_LIFE), UNREACHED).await;
    let verdict = judge_codes(&made.map_or_else(|said| said, |_| Said::Yes), &app.server_token);
    verdict.about("scene_codes", &app.id)
}

/// What is to be said of the right to make codes.
fn judge_codes(said: &Said, source: &TokenSource) -> Verdict {
    match said {
        Said::Yes => Verdict::ok("WeChat makes parametric QR codes for this account"),
        Said::Refused { code: 48001, .. } => Verdict::problem(
            "WeChat makes no parametric QR codes for this account (48001): it is not a verified service account",
            "verify the account (mp.weixin.qq.com, 设置与开发 > 微信认证), use a service account (服务号), or remove \
             the official_account_scan method",
        ),
        Said::Refused { code: 45009, .. } => Verdict::problem(
            "today's parametric QR codes are used up (45009)",
            "wait for tomorrow, or clear the quota: mp.weixin.qq.com, 设置与开发 > 接口权限",
        ),
        other => judge_refused(other, source).unwrap_or_else(|| judge_other(WECHAT, other)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::credentials::refused;
    use super::super::finding::Outcome::{self, Ok, Problem, Unknown};
    use super::*;
    use crate::wechat::Action;
    use rstest::rstest;

    #[rstest]
    #[case(48001, Problem)]
    #[case(45009, Problem)]
    #[case(40001, Unknown)]
    #[case(-1, Unknown)]
    fn the_right_to_make_codes_is_judged_by_the_number(#[case] code: i64, #[case] outcome: Outcome) {
        let said = refused(code, Action::Fail, None);
        assert_eq!(judge_codes(&said, &TokenSource::Stable).outcome, outcome);
        assert_eq!(judge_codes(&Said::Yes, &TokenSource::Stable).outcome, Ok);
    }
}
