//! AppID and AppSecret of an app: a code that nobody issued is offered, and WeChat says what it refuses.
//!
//! Source: official page "通过code换取网页授权access_token". That WeChat looks at the secret before the code is not
//! documented, and was not seen on the real WeChat.

use super::answer::{Said, UNREACHED, WECHAT, call};
use super::finding::{Finding, Verdict};
use crate::ground::{Secret, random_id};
use crate::login::{App, AppKind};
use crate::wechat::{Action, Client};

/// Asks about one app.
pub(super) async fn check(wechat: &Client, app: &App) -> Finding {
    let invented = Secret::new(random_id(&mut rand::rng(), 32));
    let app_id = app.app_id.as_str();
    let said = if app.kind == AppKind::MiniProgram {
        call(wechat.js_session(app_id, &app.secret, &invented), UNREACHED).await.err()
    } else {
        call(wechat.exchange_code(app_id, &app.secret, &invented), UNREACHED).await.err()
    };
    judge(&said.unwrap_or(Said::Yes), app.kind).about("credentials", &app.id)
}

/// Where an app's AppSecret stands.
pub(super) const fn console(kind: AppKind) -> &'static str {
    match kind {
        AppKind::Website => "open.weixin.qq.com, 管理中心 > 网站应用",
        AppKind::OfficialAccount => "mp.weixin.qq.com, 设置与开发 > 基本配置",
        AppKind::MiniProgram => "mp.weixin.qq.com, 开发与服务 > 开发管理",
        AppKind::Mobile => "open.weixin.qq.com, 管理中心 > 移动应用",
    }
}

fn judge(said: &Said, kind: AppKind) -> Verdict {
    let console = console(kind);
    match said {
        Said::Refused { code: 40029 | 40163 | 42003, .. } => Verdict::ok("AppID and AppSecret are right"),
        Said::Refused { code: code @ (40001 | 40125), .. } => Verdict::problem(
            format!("WeChat refuses the AppSecret ({code})"),
            format!("copy the AppSecret from {console}, or reset it there, into the app's `secret`"),
        ),
        Said::Refused { code: 40013, .. } => Verdict::problem(
            "WeChat does not know this AppID (40013)",
            format!("compare the app's `app_id` and `kind` with {console}"),
        ),
        Said::Yes => Verdict::unknown(
            "an invented code was accepted, which WeChat never does",
            "check [wechat] api: it seems not to lead to WeChat",
        ),
        other => judge_other(WECHAT, other),
    }
}

/// What is the same for every call; `who` was called.
pub(super) fn judge_other(who: &str, said: &Said) -> Verdict {
    let cure = |hint: &Option<String>, otherwise: &str| hint.clone().unwrap_or_else(|| otherwise.to_owned());
    match said {
        Said::Yes => Verdict::ok(format!("{who} agrees")),
        Said::Refused { action: Action::ConfigFault, text, hint, .. } => Verdict::problem(
            text,
            cure(hint, "look the number up among WeChat's global return codes (全局返回码)"),
        ),
        Said::Refused { text, hint, .. } => Verdict::unknown(text, cure(hint, "try again in a minute")),
        Said::Silence { text, hint } => Verdict::problem(
            format!("{who} does not answer: {text}"),
            cure(hint, "check this machine's network, DNS and firewall"),
        ),
        Said::Strange { text, hint } => Verdict::problem(
            format!("{who} answers something else: {text}"),
            cure(hint, "see what answers at that address, and any proxy in between"),
        ),
    }
}

#[cfg(test)]
pub(super) fn refused(code: i64, action: Action, hint: Option<&str>) -> Said {
    Said::Refused { code, action, text: format!("WeChat answered {code}"), hint: hint.map(Into::into) }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome::{self, Ok, Problem, Unknown};
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::invented(40029, Action::AskAgain, Ok, "are right")]
    #[case::used(40163, Action::AskAgain, Ok, "are right")]
    #[case::secret(40125, Action::ConfigFault, Problem, "AppSecret (40125)")]
    #[case::secret_as_credential(40001, Action::ConfigFault, Problem, "AppSecret (40001)")]
    #[case::app_id(40013, Action::ConfigFault, Problem, "AppID (40013)")]
    #[case::frozen(40243, Action::ConfigFault, Problem, "40243")]
    #[case::busy(-1, Action::Retry, Unknown, "-1")]
    #[case::too_many(45011, Action::Fail, Unknown, "45011")]
    #[case::of_tomorrow(99_999, Action::Fail, Unknown, "99999")]
    fn the_number_says_what_is_wrong(
        #[case] code: i64,
        #[case] action: Action,
        #[case] outcome: Outcome,
        #[case] says: &str,
    ) {
        let verdict = judge(&refused(code, action, None), AppKind::Website);
        assert_eq!(verdict.outcome, outcome);
        assert!(verdict.message.contains(says), "{verdict:?}");
        assert_eq!(verdict.cure.is_some(), outcome != Ok, "{verdict:?}");
    }

    #[test]
    fn an_address_that_is_not_allowed_keeps_the_hint_that_names_it() {
        let said = refused(40164, Action::ConfigFault, Some("whitelist (WeChat sees 192.0.2.7)"));
        let verdict = judge(&said, AppKind::OfficialAccount);
        assert_eq!(verdict.outcome, Problem);
        assert!(verdict.cure.is_some_and(|cure| cure.contains("192.0.2.7")));
    }

    #[test]
    fn silence_is_a_problem_and_agreement_is_not_believed() {
        let silence = Said::Silence { text: "no connection".into(), hint: None };
        assert_eq!(judge(&silence, AppKind::Website).outcome, Problem);
        let strange = Said::Strange { text: "status 404".into(), hint: None };
        assert!(judge(&strange, AppKind::Website).message.contains("answers something else: status 404"));
        assert_eq!(judge(&Said::Yes, AppKind::Website).outcome, Unknown);
    }
}
