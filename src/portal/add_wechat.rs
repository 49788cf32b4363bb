//! `POST account/wechats/add`: begins a login whose WeChat is added to the account of this browser.
//!
//! The pages that follow are those of every login, with a proof in their address. Only a form of our account page gives
//! it out, and it is worth nothing in another browser or session: nobody is led into adding a stranger's WeChat.

use axum::extract::{Form, State};
use axum::http::HeaderMap;
use serde::Deserialize;

use super::answer::Answer;
use super::login::{Goal, with_browser_cookie};
use super::origin::only_from_here;
use super::visitor::Visitor;
use super::{Portal, account};
use crate::domain::{AccountId, PoolId};
use crate::ground::Token;
use crate::login::directory::Presentation;
use crate::login::{Known, Method, MethodKind, Presence};
use crate::pages::ErrorCode;
use axum::response::Response;

/// What proofs are derived for from the browser's secret.
const PURPOSE: &str = "add a WeChat";

/// Another WeChat is to be added to this account.
pub(super) struct Adding {
    account: AccountId,
    pool: PoolId,
    proof: Token,
    shown: String,
}

impl Adding {
    /// Of the account that `browser` is logged in to.
    fn of(browser: &Token, known: &Known) -> Option<Self> {
        let session = format!("{} {}", known.account_id(), known.login_id());
        let proof = browser.derive(PURPOSE, session.as_bytes());
        let (account, pool) = (AccountId::new(known.account_id()).ok()?, PoolId::new(known.pool()).ok()?);
        Some(Self { account, pool, shown: proof.reveal(), proof })
    }

    /// What `proof` stands for in this browser; to the account page where it stands for nothing.
    pub(super) async fn check(portal: &Portal, visitor: &Visitor, proof: &str) -> Result<Self, Response> {
        let adding = match visitor.session(portal).await {
            (Presence::Known(known), _) => {
                visitor.browser.as_ref().and_then(|browser| Self::of(browser, &known))
            }
            (Presence::StoreDown, _) => return Err(visitor.refuse(ErrorCode::StoreDown)),
            _ => None,
        };
        let shown = Token::parse(proof.as_bytes());
        let same = |adding: &Self| {
            shown.as_ref().is_some_and(|shown| adding.proof.digest().matches(shown))
                && visitor.on_public_host()
        };
        adding.filter(same).ok_or_else(|| account::go(visitor, None))
    }

    /// The proof, for an address.
    pub(super) fn proof(&self) -> &str {
        &self.shown
    }

    pub(super) const fn pool(&self) -> &PoolId {
        &self.pool
    }

    pub(super) fn account(self) -> AccountId {
        self.account
    }
}

/// The methods by which this browser can add somebody of `pool`.
pub(super) fn methods<'v>(visitor: &'v Visitor, pool: &PoolId) -> Vec<&'v Method> {
    let directory = &visitor.snapshot.directory;
    let of_pool = |method: &&Method| directory.app(&method.app).is_some_and(|app| app.pool == *pool);
    directory.methods_for(visitor.client, &[]).into_iter().filter(of_pool).collect()
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    method: String,
}

/// `POST account/wechats/add`.
pub(super) async fn begin(
    State(portal): State<Portal>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(wish): Form<Wish>,
) -> Answer {
    only_from_here(&headers, &visitor)?;
    if !visitor.on_public_host() {
        // Logins happen there, and so does this.
        return Ok(account::go(&visitor, None));
    }
    let (known, _) = account::known(&portal, &visitor).await?;
    let browser = visitor.browser.clone().unwrap_or_else(|| Token::generate(&mut rand::rng()));
    let Some(adding) = Adding::of(&browser, &known) else {
        return Err(visitor.refuse(ErrorCode::Internal));
    };
    let fitting = methods(&visitor, adding.pool());
    let Some(method) = fitting.into_iter().find(|method| method.id.as_str() == wish.method) else {
        return Err(visitor.refuse(ErrorCode::UnknownMethod));
    };
    let goal = Goal::adding(&visitor, adding);
    // Straight to WeChat where there is nothing to show before.
    let path = match method.kind {
        MethodKind::WebsiteQr(Presentation::Redirect) | MethodKind::OfficialAccountWeb(_) => {
            format!("login/{}?{}", method.id, goal.query(&[]))
        }
        _ => format!("login?{}", goal.query(&[("method", method.id.as_str())])),
    };
    let response = visitor.go_own(&visitor.host, &visitor.own(&path));
    Ok(with_browser_cookie(response, &visitor, &browser))
}
