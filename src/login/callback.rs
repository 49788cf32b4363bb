//! Back from WeChat: check whose flow this is, exchange the code once, learn who came.
//!
//! The state is checked before the code is used, and a callback that is delivered twice exchanges once.

use super::Login;
use super::directory::{App, Method, MethodKind, Scope};
use super::finish::{Context, Ending, Taken, Visit};
use crate::domain::{FlowId, FlowRefusal, Identity, OpenId, Profile, UnionId};
use crate::ground::Secret;
use crate::store::StoreError;
use crate::wechat::{self, CallbackAnswer, VisitorKind};

impl Login {
    /// Finishes the flow that a callback of `app` belongs to.
    pub async fn callback(
        &self,
        context: Context<'_>,
        app: &App,
        answer: CallbackAnswer,
        visit: &Visit,
    ) -> Result<Ending, StoreError> {
        let (state, code) = match answer {
            CallbackAnswer::Malformed(problem) => return Ok(Ending::Malformed(problem)),
            CallbackAnswer::Denied { state: None } => return Ok(Ending::DeniedSomewhere),
            CallbackAnswer::Denied { state: Some(state) } => (state, None),
            CallbackAnswer::Code { code, state } => (state, Some(code)),
        };
        let Ok(id) = FlowId::new(state) else { return Ok(Ending::Unknown) };
        let Some(flow) = self.store.flow(&id).await? else { return Ok(Ending::Unknown) };
        let Some(browser) = visit.browser.as_ref().filter(|token| flow.browser.matches(token)) else {
            return Ok(Ending::Foreign);
        };
        let Some(method) = context.directory.method(&flow.method).filter(|method| {
            // A scan ends by an approval; a code that names its flow comes from nobody we asked.
            method.app == app.id && !matches!(method.kind, MethodKind::OfficialAccountScan(_))
        }) else {
            return Ok(Ending::Unknown);
        };
        let taken = match self.take(flow).await? {
            Taken::Ours(flow) => flow,
            Taken::Finished(flow) => return self.answer_again(flow, browser).await,
            Taken::NotYet | Taken::Gone => return Ok(Ending::Unknown),
        };
        let identity = match code {
            None => Err(FlowRefusal::Denied),
            Some(code) => self.identify(context, app, method, &code).await,
        };
        self.conclude(context, taken, browser, method, identity, visit).await
    }

    /// Asks WeChat who this is.
    async fn identify(
        &self,
        context: Context<'_>,
        app: &App,
        method: &Method,
        code: &Secret,
    ) -> Result<Identity, FlowRefusal> {
        let failed = |error: &wechat::Error| {
            report(app, error);
            refusal_of(error.visitor_kind())
        };
        let token = context
            .wechat
            .exchange_code(app.app_id.as_str(), &app.secret, code)
            .await
            .map_err(|error| failed(&error))?;
        if token.snapshot {
            return Err(FlowRefusal::Snapshot);
        }
        let mut union_id = token.unionid.clone();
        let mut profile = Profile::default();
        let wants_profile = match method.kind {
            MethodKind::WebsiteQr(_) => true,
            // With the silent scope WeChat answers 48001 to a profile call.
            MethodKind::OfficialAccountWeb(scope) => scope == Scope::Userinfo,
            MethodKind::OfficialAccountScan(_) => false,
        };
        if wants_profile {
            match context.wechat.user_info(&token, wechat::Lang::default()).await {
                Ok(info) if info.snapshot => return Err(FlowRefusal::Snapshot),
                Ok(info) => {
                    union_id = union_id.or(info.unionid);
                    profile = Profile { nickname: info.nickname, avatar: info.avatar };
                }
                // The profile is decoration: WeChat advises to keep it off the critical path. Without a
                // UnionID, though, it may hold what tells a new person from a known one.
                Err(error) if union_id.is_some() => report(app, &error),
                Err(error) => return Err(failed(&error)),
            }
        }
        let union_id = union_id.map(UnionId::new).transpose().map_err(|_| FlowRefusal::WechatUnavailable)?;
        let open_id = OpenId::new(token.openid.clone()).map_err(|_| FlowRefusal::WechatUnavailable)?;
        Ok(Identity {
            pool: app.pool.clone(),
            app_id: app.app_id.clone(),
            open_id,
            union_id,
            profile,
            phone: None,
        })
    }
}

/// What a flow ends with when WeChat does not say who somebody is.
pub(super) const fn refusal_of(kind: VisitorKind) -> FlowRefusal {
    match kind {
        VisitorKind::AskAgain => FlowRefusal::CodeRejected,
        VisitorKind::MustFollow => FlowRefusal::MustFollow,
        VisitorKind::Unavailable => FlowRefusal::WechatUnavailable,
        VisitorKind::Misconfigured => FlowRefusal::Misconfigured,
        VisitorKind::TooMany => FlowRefusal::WechatBusy,
        VisitorKind::Refused => FlowRefusal::WechatRefused,
    }
}

fn report(app: &App, error: &wechat::Error) {
    let hint = error.operator_hint();
    match error.visitor_kind() {
        VisitorKind::Misconfigured => {
            tracing::error!(app = %app.id, %error, hint, "a WeChat setting is wrong");
        }
        _ => tracing::warn!(app = %app.id, %error, hint, "a WeChat call failed"),
    }
}
