//! Back from WeChat: check whose flow this is, exchange the code once, learn who came.
//!
//! The state is checked before the code is used, and a callback that is delivered twice exchanges once.

use super::Login;
use super::directory::{App, MethodKind, Scope};
use super::finish::{Context, Ending, Taken, Visit};
use crate::domain::{FlowId, FlowRefusal, Identity, OpenId, Profile, UnionId};
use crate::ground::Secret;
use crate::store::StoreError;
use crate::wechat::{self, CallbackAnswer, VisitorKind};

/// Why it is not known who somebody is.
pub(super) enum Unidentified {
    /// WeChat does not say.
    Wechat(wechat::Error),
    /// WeChat shows a snapshot page, so what it says is virtual.
    Snapshot,
    /// WeChat names them in a way that cannot be.
    Strange,
}

impl Unidentified {
    /// What the flow ends with.
    pub(super) const fn refusal(&self) -> FlowRefusal {
        match self {
            Self::Wechat(error) => refusal_of(error.visitor_kind()),
            Self::Snapshot => FlowRefusal::Snapshot,
            Self::Strange => FlowRefusal::WechatUnavailable,
        }
    }
}

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
        let (flow, browser) = match self.own_flow(&id, visit).await? {
            Ok(own) => own,
            Err(ending) => return Ok(ending),
        };
        let Some(method) = context.directory.method(&flow.method).filter(|method| {
            // The others end by an approval; a code that names such a flow comes from nobody we asked.
            method.app == app.id
                && matches!(method.kind, MethodKind::WebsiteQr(_) | MethodKind::OfficialAccountWeb(_))
        }) else {
            return Ok(Ending::Unknown);
        };
        let taken = match self.take(flow).await? {
            Taken::Ours(flow) => flow,
            Taken::Finished(flow) | Taken::NotYet(flow) => return self.answer_again(flow, browser).await,
            Taken::Busy | Taken::Gone => return Ok(Ending::Unknown),
        };
        let identity = match code {
            None => Err(FlowRefusal::Denied),
            Some(code) => {
                let profile = has_profile(&method.kind);
                let identity = self.identify(context.wechat, app, profile, &code).await;
                identity.map_err(|unknown| unknown.refusal())
            }
        };
        self.conclude(context, taken, browser, method, identity, visit).await
    }

    /// Asks WeChat who brought this code, and, if the scope allows it, their profile.
    pub(super) async fn identify(
        &self,
        wechat: &wechat::Client,
        app: &App,
        profile: bool,
        code: &Secret,
    ) -> Result<Identity, Unidentified> {
        let failed = |error: wechat::Error| {
            report(app, &error);
            Unidentified::Wechat(error)
        };
        let token = wechat.exchange_code(app.app_id.as_str(), &app.secret, code).await.map_err(failed)?;
        if token.snapshot {
            return Err(Unidentified::Snapshot);
        }
        let mut union_id = token.unionid.clone();
        let mut shown = Profile::default();
        if profile {
            match wechat.user_info(&token, wechat::Lang::default()).await {
                Ok(info) if info.snapshot => return Err(Unidentified::Snapshot),
                Ok(info) => {
                    union_id = union_id.or(info.unionid);
                    shown = Profile { nickname: info.nickname, avatar: info.avatar };
                }
                // The profile is decoration: WeChat advises to keep it off the critical path. Without a
                // UnionID, though, it may hold what tells a new person from a known one.
                Err(error) if union_id.is_some() => report(app, &error),
                Err(error) => return Err(failed(error)),
            }
        }
        let strange = |_| Unidentified::Strange;
        Ok(Identity {
            pool: app.pool.clone(),
            app_id: app.app_id.clone(),
            open_id: OpenId::new(token.openid.clone()).map_err(strange)?,
            union_id: union_id.map(UnionId::new).transpose().map_err(strange)?,
            profile: shown,
            phone: None,
            email: None,
        })
    }
}

/// Whether WeChat gives a profile; with the silent scope it answers 48001 to such a call.
fn has_profile(kind: &MethodKind) -> bool {
    !matches!(kind, MethodKind::OfficialAccountWeb(Scope::Base))
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

pub(super) fn report(app: &App, error: &wechat::Error) {
    let hint = error.operator_hint();
    match error.visitor_kind() {
        VisitorKind::Misconfigured => {
            tracing::error!(app = %app.id, %error, hint, "a WeChat setting is wrong");
        }
        _ => tracing::warn!(app = %app.id, %error, hint, "a WeChat call failed"),
    }
}
