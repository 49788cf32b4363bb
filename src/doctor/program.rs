//! What a mini program that answers for logins elsewhere needs of WeChat: its page in the version that opens, and links
//! into it where phones' own browsers are to open it.
//!
//! Makes codes and links that lead to no login. A code costs nothing but a place among 5,000 a minute, a link one of
//! 500,000 a day. Source: official pages "获取不限制的小程序码", "获取加密URLLink", "获取加密scheme码".

use super::answer::{Said, UNREACHED, WECHAT, call};
use super::credentials::judge_other;
use super::finding::{Finding, Outcome, Verdict};
use super::token::judge_refused;
use crate::ground::{Secret, random_id};
use crate::login::directory::{OpenIn, ProgramOptions};
use crate::login::{App, Method, MethodKind};
use crate::wechat::{Client, CodeRequest, LinkTarget, ProgramVersion};

/// The shortest life of a link, in days.
const LINK_DAYS: u32 = 1;

/// A method that opens a page of the mini program.
#[derive(Clone, Copy)]
pub(super) struct Opened<'d> {
    method: &'d Method,
    program: &'d ProgramOptions,
    /// How a phone's browser opens it.
    link: OpenIn,
    /// Whether a code opens it.
    scanned: bool,
}

/// The page that `method` opens, if it opens one.
pub(super) fn opened(method: &Method) -> Option<Opened<'_>> {
    match &method.kind {
        MethodKind::MiniProgramScan(options) => {
            Some(Opened { method, program: &options.program, link: options.open, scanned: true })
        }
        // The app opens it by its original id, which the config has: nobody can ask WeChat whether it is the right one.
        MethodKind::AppLaunch(program) => {
            Some(Opened { method, program, link: OpenIn::None, scanned: false })
        }
        _ => None,
    }
}

/// Asks for a code, and a link where one is used, of every method; if there is a token to ask with.
pub(super) async fn check(
    wechat: &Client,
    app: &App,
    token: Option<&Secret>,
    opened: &[Opened<'_>],
) -> Vec<Finding> {
    // One after the other: there are few, and WeChat counts links by the second.
    let mut findings = Vec::new();
    for one in opened {
        let subject = one.method.id.as_str();
        findings.push(code(wechat, app, token, one).await.about("mini_program_page", subject));
        if one.link != OpenIn::None {
            findings.push(link(wechat, app, token, one).await.about("mini_program_link", subject));
        }
    }
    findings
}

/// Where no login asks anything with a server token, what is wrong with it is not in the way of one.
pub(super) fn soften(findings: &mut [Finding], opened: &[Opened<'_>]) {
    if opened.iter().any(|one| one.scanned || one.program.ask_phone) {
        return;
    }
    for Finding { verdict, .. } in findings {
        if verdict.outcome == Outcome::Problem {
            verdict.outcome = Outcome::Warning;
            verdict.message.push_str("; no login needs it unless a mini program sends a phone number");
        }
    }
}

async fn code(wechat: &Client, app: &App, token: Option<&Secret>, opened: &Opened<'_>) -> Verdict {
    let ProgramOptions { page, version, .. } = opened.program;
    if !opened.scanned && *version != ProgramVersion::Release {
        return Verdict::skipped("not asked, because WeChat looks for pages in the published version only");
    }
    let Some(token) = token else { return Verdict::without_token() };
    // No login waits for this scene.
    let scene = random_id(&mut rand::rng(), 26);
    let request = CodeRequest::new(&scene, page, *version);
    let made = call(wechat.mini_program_code(token, &request), UNREACHED).await;
    let said = made.map_or_else(|said| said, |_| Said::Yes);
    judge_refused(&said, &app.server_token).unwrap_or_else(|| judge_code(&said, page, *version))
}

async fn link(wechat: &Client, app: &App, token: Option<&Secret>, opened: &Opened<'_>) -> Verdict {
    let ProgramOptions { page, version, .. } = opened.program;
    let Some(token) = token else { return Verdict::without_token() };
    let target = LinkTarget { page, query: "", version: *version, days: LINK_DAYS };
    let made = match opened.link {
        OpenIn::Scheme => call(wechat.url_scheme(token, &target), UNREACHED).await,
        OpenIn::UrlLink | OpenIn::None => call(wechat.url_link(token, &target), UNREACHED).await,
    };
    let said = made.map_or_else(|said| said, |_| Said::Yes);
    judge_refused(&said, &app.server_token).unwrap_or_else(|| judge_link(&said, page))
}

fn judge_code(said: &Said, page: &str, version: ProgramVersion) -> Verdict {
    match said {
        Said::Yes if version == ProgramVersion::Release => {
            Verdict::ok(format!("the published version has {page}, and WeChat makes codes for it"))
        }
        Said::Yes => Verdict::ok(format!(
            "WeChat makes codes for {page}; whether the {} version has it, WeChat does not look",
            version.as_str()
        )),
        Said::Refused { code: 41030, .. } => unpublished(page, 41030),
        Said::Refused { code: 45009, .. } => Verdict::unknown(
            "WeChat has made 5,000 codes for this mini program within the last minute (45009)",
            "try again in a minute; if this repeats, see what else makes codes",
        ),
        Said::Refused { code: 48001, .. } => Verdict::problem(
            "WeChat makes no codes for this app (48001)",
            "compare the app's `app_id` and `kind` with mp.weixin.qq.com, 开发与服务 > 开发管理, and see 接口设置 there",
        ),
        other => judge_other(WECHAT, other),
    }
}

fn judge_link(said: &Said, page: &str) -> Verdict {
    const WITHOUT: &str = "set the method's `open` to \"none\": phones' browsers then offer other logins";
    match said {
        Said::Yes => {
            Verdict::ok("WeChat makes links into this mini program; this check has used one of 500,000 a day")
        }
        Said::Refused { code: 40165, .. } => unpublished(page, 40165),
        Said::Refused { code: code @ (40002 | 48001 | 85407), .. } => Verdict::problem(
            format!(
                "WeChat makes no links into this mini program ({code}): it does so for published ones of verified \
                 organisations"
            ),
            format!("verify it (mp.weixin.qq.com, 设置 > 基本设置 > 微信认证), or {WITHOUT}"),
        ),
        Said::Refused { code: code @ (40013 | 85408), .. } => Verdict::problem(
            format!("WeChat has banned this mini program from making links ({code})"),
            format!("see the messages at mp.weixin.qq.com, or {WITHOUT}"),
        ),
        Said::Refused { code: 44993, .. } => Verdict::problem(
            "today's links are used up (44993)",
            "wait for tomorrow, and see what else makes links: Menshen makes one in 25 days for each page",
        ),
        other => judge_other(WECHAT, other),
    }
}

fn unpublished(page: &str, code: i64) -> Verdict {
    Verdict::problem(
        format!("the published version has no page {page} ({code})"),
        "publish a version that contains it, correct the method's `page`, or set its `version` to the one that does",
    )
}

#[cfg(test)]
mod tests {
    use super::super::credentials::refused;
    use super::super::finding::Outcome::{self, Ok, Problem, Unknown};
    use super::*;
    use crate::wechat::Action;
    use rstest::rstest;

    #[rstest]
    #[case::no_page(41030, Action::ConfigFault, Problem, "no page p/q (41030)")]
    #[case::this_minute(45009, Action::Fail, Unknown, "(45009)")]
    #[case::no_right(48001, Action::ConfigFault, Problem, "(48001)")]
    #[case::banned(50004, Action::ConfigFault, Problem, "50004")]
    #[case::busy(-1, Action::Retry, Unknown, "-1")]
    fn a_refused_code_is_judged_by_the_number(
        #[case] code: i64,
        #[case] action: Action,
        #[case] outcome: Outcome,
        #[case] says: &str,
    ) {
        let verdict = judge_code(&refused(code, action, None), "p/q", ProgramVersion::Release);
        assert_eq!(verdict.outcome, outcome);
        assert!(verdict.message.contains(says) && verdict.cure.is_some(), "{verdict:?}");
    }

    #[rstest]
    #[case::no_page(40165, Action::ConfigFault, Problem, "no page p/q (40165)")]
    #[case::no_right(40002, Action::ConfigFault, Problem, "verified")]
    #[case::no_right_of_the_owner(85407, Action::ConfigFault, Problem, "(85407)")]
    #[case::banned(85408, Action::ConfigFault, Problem, "banned")]
    #[case::unpublished(85079, Action::ConfigFault, Problem, "85079")]
    #[case::today(44993, Action::Fail, Problem, "used up")]
    #[case::this_second(44990, Action::Fail, Unknown, "44990")]
    fn a_refused_link_is_judged_by_the_number(
        #[case] code: i64,
        #[case] action: Action,
        #[case] outcome: Outcome,
        #[case] says: &str,
    ) {
        let verdict = judge_link(&refused(code, action, None), "p/q");
        assert_eq!(verdict.outcome, outcome);
        assert!(verdict.message.contains(says) && verdict.cure.is_some(), "{verdict:?}");
    }

    #[test]
    fn a_code_of_a_version_that_wechat_does_not_look_into_says_so() {
        let release = judge_code(&Said::Yes, "p/q", ProgramVersion::Release);
        let trial = judge_code(&Said::Yes, "p/q", ProgramVersion::Trial);
        assert_eq!((release.outcome, trial.outcome), (Ok, Ok));
        assert!(release.message.contains("published version has p/q"), "{release:?}");
        assert!(trial.message.contains("does not look"), "{trial:?}");
    }
}
