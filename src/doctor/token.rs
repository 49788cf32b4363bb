//! The server token that some logins need, and the place on the IP whitelist that it needs.
//!
//! Never forces a new token, and never fetches one of the older kind: that would end the running gateway's.

use std::sync::Arc;

use super::answer::{CHECK_LIMIT, Said, UNREACHED, WECHAT, call};
use super::credentials::{console, judge_other};
use super::finding::{Finding, Verdict};
use crate::ground::{Secret, Timestamp, with_causes};
use crate::login::{App, AppKind, TokenSource, shared_token};
use crate::store::Store;
use crate::wechat::Client;

/// What to do when the operator's own token server gives no answer in time.
const TOKEN_SERVER_UNREACHED: &str = "the token server cannot be reached: check the app's `token_endpoint`";

/// Asks for a token. `store` is the shared store, if it can be read.
pub(super) async fn check(
    wechat: &Client,
    app: &App,
    store: Option<&Arc<dyn Store>>,
    now: Timestamp,
) -> (Option<Secret>, Vec<Finding>) {
    let (token, answered, listed) = token(wechat, app, store, now).await;
    let mut findings = vec![answered.about("server_token", &app.id)];
    findings.extend(listed.map(|listed| listed.about("ip_whitelist", &app.id)));
    (token, findings)
}

/// The token, what is to be said of it, and what of the whitelist where it is ours that counts.
async fn token(
    wechat: &Client,
    app: &App,
    store: Option<&Arc<dyn Store>>,
    now: Timestamp,
) -> (Option<Secret>, Verdict, Option<Verdict>) {
    let app_id = app.app_id.as_str();
    let answer = match &app.server_token {
        TokenSource::Stable => call(wechat.stable_token(app_id, &app.secret, false), UNREACHED).await,
        TokenSource::Endpoint { url, secret } => {
            call(wechat.endpoint_token(url, secret.as_ref(), app_id, false), TOKEN_SERVER_UNREACHED).await
        }
        TokenSource::Classic => {
            let (token, verdict) = shared(app, store, now).await;
            let listed = Verdict::skipped("not asked, because a new token would end the running gateway's");
            return (token, verdict, Some(listed));
        }
    };
    let (token, said) = match answer {
        Ok(answer) => (Some(answer.token), Said::Yes),
        Err(said) => (None, said),
    };
    let ours = app.server_token == TokenSource::Stable;
    let (verdict, listed) = judge_token(&said, app.kind, ours);
    (token, verdict, listed.filter(|_| ours))
}

/// The token of the older kind that the running gateways share.
async fn shared(app: &App, store: Option<&Arc<dyn Store>>, now: Timestamp) -> (Option<Secret>, Verdict) {
    const LATER: &str = "begin one login with this account: the log names what WeChat refuses";
    let Some(store) = store else {
        let message = "not asked: a new token of this kind would end the running gateway's, and the store that \
                       holds that one cannot be read here";
        return (None, Verdict::unknown(message, LATER));
    };
    match tokio::time::timeout(CHECK_LIMIT, shared_token(&**store, app, now)).await {
        Ok(Ok(Some(token))) => (Some(token), Verdict::ok("the running gateways share one that lives")),
        Ok(Ok(None)) => {
            let message = "not asked: a new token of this kind would end the running gateway's, and the gateways \
                           share none yet";
            (None, Verdict::unknown(message, LATER))
        }
        Ok(Err(error)) => {
            let message = format!("the shared token cannot be read: {}", with_causes(&error));
            (None, Verdict::unknown(message, "mend the store"))
        }
        Err(_) => (None, Verdict::unknown("the shared token could not be read in time", "mend the store")),
    }
}

/// What is to be said of the token, and of the whitelist. `ours`: WeChat was asked by this machine.
fn judge_token(said: &Said, kind: AppKind, ours: bool) -> (Verdict, Option<Verdict>) {
    match said {
        Said::Yes if ours => (
            Verdict::ok("WeChat gives a server token"),
            Some(Verdict::ok("WeChat gives tokens to this machine's address")),
        ),
        Said::Yes => (Verdict::ok("the token server gives a server token"), None),
        Said::Refused { code: 40164 | 61004 | 89503 | 89506 | 89507, text, hint, .. } if ours => {
            let cure =
                hint.clone().unwrap_or_else(|| "add this machine's address to the IP whitelist".into());
            let cure = format!("{cure}: {} > IP白名单", console(kind));
            (
                Verdict::skipped("WeChat gives none to an address that is not on the whitelist"),
                Some(Verdict::problem(text, cure)),
            )
        }
        Said::Refused { code: 40013 | 40001 | 40125, .. } if ours => (
            judge_other(WECHAT, said),
            Some(Verdict::skipped("WeChat looks at AppID and AppSecret first, and refuses them")),
        ),
        other => {
            let who = if ours { WECHAT } else { "the token server" };
            (judge_other(who, other), Some(Verdict::skipped("not found out, because there was no token")))
        }
    }
}

/// What is to be said where WeChat refuses the token itself, if it does.
pub(super) fn judge_refused(said: &Said, source: &TokenSource) -> Option<Verdict> {
    let Said::Refused { code: code @ (40001 | 40014 | 42001), .. } = said else { return None };
    Some(match source {
        TokenSource::Stable => Verdict::unknown(
            format!("WeChat refuses the token that it has just given ({code})"),
            "see whether another program forces new tokens for this AppID (force_refresh)",
        ),
        TokenSource::Classic => Verdict::unknown(
            format!("the token that the gateways share is dead ({code}); the next login replaces it"),
            "if this repeats, another program fetches tokens with cgi-bin/token: let it use stable_token",
        ),
        TokenSource::Endpoint { .. } => Verdict::problem(
            format!("the token server gives a token that WeChat refuses ({code})"),
            "let the token server fetch a new one, and no other program fetch tokens for this AppID",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::credentials::refused;
    use super::super::finding::Outcome::{self, Ok, Problem, Unknown};
    use super::*;
    use crate::wechat::Action;
    use rstest::rstest;

    #[rstest]
    #[case::whitelist(40164, Unknown, Problem)]
    #[case::whitelist_elsewhere(61004, Unknown, Problem)]
    #[case::administrator(89503, Unknown, Problem)]
    #[case::secret(40125, Problem, Unknown)]
    #[case::app_id(40013, Problem, Unknown)]
    fn token_and_whitelist_are_told_apart(
        #[case] code: i64,
        #[case] token: Outcome,
        #[case] listed: Outcome,
    ) {
        let said = refused(code, Action::ConfigFault, Some("(WeChat sees 192.0.2.7)"));
        let (about_token, about_list) = judge_token(&said, AppKind::OfficialAccount, true);
        assert_eq!(about_token.outcome, token);
        let about_list = about_list.expect("the whitelist is spoken of");
        assert_eq!(about_list.outcome, listed);
        let names = about_list.cure.is_some_and(|cure| cure.contains("192.0.2.7"));
        assert_eq!(names, listed == Problem);
    }

    #[test]
    fn a_token_given_is_a_place_on_the_whitelist() {
        let (token, listed) = judge_token(&Said::Yes, AppKind::OfficialAccount, true);
        assert_eq!((token.outcome, listed.map(|listed| listed.outcome)), (Ok, Some(Ok)));
        assert_eq!(judge_token(&Said::Yes, AppKind::OfficialAccount, false).1, None);
    }

    #[test]
    fn the_operators_own_token_server_is_not_taken_for_wechat() {
        let text = || "status 404".to_owned();
        for said in [Said::Silence { text: text(), hint: None }, Said::Strange { text: text(), hint: None }] {
            let (verdict, _) = judge_token(&said, AppKind::OfficialAccount, false);
            assert!(verdict.message.starts_with("the token server "), "{verdict:?}");
            assert!(!verdict.message.contains("WeChat"), "{verdict:?}");
        }
    }
}
