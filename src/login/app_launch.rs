//! `app_launch`: a native app opens a mini program, whose user confirms; the app comes back with a code and redeems it.
//!
//! Three parts have to come together: the ticket that the phone saw, the verifier that only the app has, and the code
//! that only the mini program was given. Each works once and for minutes.
//! Source: "打开小程序" (launching a mini program), "打开 App" (and back).

use super::client::{self, Call, ClientError, Entered};
use super::directory::{MethodKind, ProgramOptions};
use super::finish::{SESSION, Taken, session_salt};
use super::{FLOW_MEMORY, Login, flow_mark};
use crate::domain::{Flow, FlowRefusal, Identity, Stage};
use crate::ground::{Secret, Span, Token, TokenDigest, random_id};
use crate::wechat::ProgramVersion;

/// What the app opens the mini program with.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Names the login to the mini program.
    pub ticket: String,
    /// The mini program's original id, `gh_…`.
    pub original_id: String,
    /// The page, with the ticket.
    pub path: String,
    /// Which version of it is opened.
    pub version: ProgramVersion,
    /// How long it can be confirmed.
    pub expires_in: Span,
}

/// What the app brings back.
#[derive(Clone, Debug)]
pub struct Redemption {
    /// The ticket it was given.
    pub ticket: String,
    /// The text whose SHA-256 it gave as its challenge.
    pub verifier: Secret,
    /// What the mini program handed to it.
    pub return_code: Secret,
}

impl Login {
    /// Begins the login of an app that keeps the verifier of `challenge` (S256, as in RFC 7636).
    pub async fn launch(
        &self,
        call: Call<'_>,
        method: &str,
        challenge: TokenDigest,
    ) -> Result<Launch, ClientError> {
        let (method, app) = self.client_method(call.context, method, |kind| options(kind).is_some())?;
        let options = options(&method.kind).ok_or(ClientError::WrongMethod)?;
        let original_id = app.original_id.clone().ok_or(ClientError::Refused(FlowRefusal::Misconfigured))?;
        let flow = client::begin(call, method, app.pool.clone(), challenge, self.now(), options.lifetime);
        let ticket = random_id(&mut rand::rng(), 26);
        self.put_ticket(&flow, &ticket, options.lifetime).await?;
        Ok(Launch {
            path: format!("{}?t={ticket}", options.page),
            ticket,
            original_id,
            version: options.version,
            expires_in: options.lifetime,
        })
    }

    /// Ends the login that an app began.
    pub async fn redeem(&self, call: Call<'_>, brought: &Redemption) -> Result<Entered, ClientError> {
        let flow = self.flow_of_ticket(&brought.ticket).await?;
        let method = call.context.directory.method(&flow.method).ok_or(ClientError::Ticket)?;
        if options(&method.kind).is_none() {
            return Err(ClientError::Ticket);
        }
        if TokenDigest::of_text(brought.verifier.reveal()) != flow.browser {
            tracing::warn!(target: "audit", event = "redeem_refused", flow = flow_mark(&flow.id), reason = "verifier");
            return Err(ClientError::Verifier);
        }
        // The person was shown where the login began; the session is for that host.
        if flow.return_to.host() != call.home.host() {
            return Err(ClientError::Ticket);
        }
        match flow.stage {
            Stage::Waiting | Stage::Scanned { .. } | Stage::Approved { .. }
                if self.now() >= flow.expires_at =>
            {
                return Err(ClientError::FlowExpired);
            }
            Stage::Waiting | Stage::Scanned { .. } => return Err(ClientError::NotApproved),
            Stage::Refused { reason } => return Err(ClientError::Refused(reason)),
            _ => {}
        }
        let code = Token::parse(brought.return_code.reveal().as_bytes()).ok_or(ClientError::ReturnCode)?;
        if !self.is_return_code(&flow.id, &code).await? {
            tracing::warn!(target: "audit", event = "redeem_refused", flow = flow_mark(&flow.id), reason = "return_code");
            return Err(ClientError::ReturnCode);
        }
        let taken = match self.take(flow).await? {
            Taken::Ours(taken) => taken,
            Taken::Finished(_) => return Err(ClientError::FlowFinished),
            Taken::NotYet(_) => return Err(ClientError::NotApproved),
            Taken::Busy => return Err(ClientError::Busy),
            Taken::Gone => return Err(ClientError::FlowExpired),
        };
        let Stage::Exchanging { approved: Some(identity), .. } = &taken.stage else {
            return Err(ClientError::NotApproved);
        };
        // Whoever repeats the call after it was cut short gets the same session, and no second one.
        let token = brought.verifier.derive(SESSION, session_salt(&taken).as_bytes());
        let entered = self.log_in(call, method, Identity::clone(identity), token).await;
        match &entered {
            Ok(Entered::SignedIn { account, token, .. }) => {
                self.close(taken.sign_in(account.id.clone()), token).await?;
            }
            // The question is a flow of its own.
            Ok(Entered::Asked { .. }) => self.give_up(taken, FlowRefusal::SeveralAccounts).await?,
            Err(ClientError::Refused(reason)) => self.give_up(taken, *reason).await?,
            // The app may try again once the lease has run out.
            Err(_) => {}
        }
        entered
    }

    /// Ends a flow that yields no session; if another request has ended it, that outcome counts anyway.
    async fn give_up(&self, taken: Flow, reason: FlowRefusal) -> Result<(), ClientError> {
        self.store.swap_flow(&taken.refuse(reason)?, FLOW_MEMORY).await?;
        Ok(())
    }
}

fn options(kind: &MethodKind) -> Option<&ProgramOptions> {
    match kind {
        MethodKind::AppLaunch(options) => Some(options),
        _ => None,
    }
}
