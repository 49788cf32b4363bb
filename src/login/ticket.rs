//! What a mini program does for a login that began elsewhere: look at it, confirm it, reject it.
//!
//! The ticket stands in the code on the screen or in the path of the launch, so anybody may have seen it: it neither
//! watches nor finishes a login. Every call proves its user with a fresh code, and the first who looked is the only
//! one who can answer.

use super::client::{Call, ClientError};
use super::directory::{App, Method, MethodKind, ProgramOptions};
use super::mini_program::{PhoneProof, Proof};
use super::{FLOW_MEMORY, Login, flow_mark, person_mark};
use crate::domain::flow::NEXT_STEP;
use crate::domain::{Flow, FlowId, FlowRefusal, Identity, Origin, Profile, Stage};
use crate::ground::{Span, Timestamp, Token};
use crate::store::{OnceKey, StoreError};

/// The longest scene of a mini program code; ours are shorter, and so is what is looked up.
const MAX_TICKET_LEN: usize = 32;

const TICKET: &str = "mini_program_ticket";
const RETURN: &str = "return_code";

/// What a person is asked to confirm.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The host that is signed in to.
    pub host: String,
    /// Whether a native app waits for the answer, and not a browser.
    pub for_app: bool,
    /// Whether a yes adds the person's WeChat to the account that is logged in there, and logs nobody in.
    pub adding: bool,
    /// Where the login began.
    pub origin: Origin,
    /// When.
    pub created_at: Timestamp,
    /// How long it can be confirmed.
    pub expires_in: Span,
    /// Whether the mini program should ask for the phone number.
    pub ask_phone: bool,
}

/// The method a ticket's login uses, as far as the phone is concerned.
#[derive(Clone, Copy)]
struct Waits<'a> {
    app: &'a App,
    options: &'a ProgramOptions,
    for_app: bool,
}

impl Login {
    /// Ties a ticket to a flow that begins with it.
    pub(super) async fn put_ticket(
        &self,
        flow: &Flow,
        ticket: &str,
        lifetime: Span,
    ) -> Result<(), StoreError> {
        self.store.put_flow(flow, lifetime.plus(FLOW_MEMORY)).await?;
        // The last moment to look, from there the last to answer, and from there the last for an app to redeem.
        let used_for = lifetime.plus(NEXT_STEP).plus(NEXT_STEP);
        self.store.put_once(&OnceKey::of_text(TICKET, ticket), flow.id.as_str(), used_for).await
    }

    /// The flow that waits for this ticket.
    pub(super) async fn flow_of_ticket(&self, ticket: &str) -> Result<Flow, ClientError> {
        if ticket.len() > MAX_TICKET_LEN {
            return Err(ClientError::Ticket);
        }
        let id = self.store.once(&OnceKey::of_text(TICKET, ticket)).await?.map(FlowId::new);
        let Some(Ok(id)) = id else { return Err(ClientError::Ticket) };
        self.store.flow(&id).await?.ok_or(ClientError::Ticket)
    }

    /// Shows a person what they are asked to confirm, and the page that waits who is about to.
    pub async fn look(&self, call: Call<'_>, ticket: &str, proof: &Proof) -> Result<Shown, ClientError> {
        let flow = self.flow_of_ticket(ticket).await?;
        let (method, waits) = waits(call, &flow)?;
        still_asks(&flow, self.now())?;
        let person = self.mini_program_person(call.context.wechat, waits.app, proof).await?;
        let profile = self.known_profile(&person).await?;
        let who = person_mark(waits.app, person.open_id.as_str());
        let scan = |flow: Flow| flow.scan(person.open_id.clone(), profile.clone(), self.now());
        let flow = self.step(&flow.id, scan).await?.map_err(|problem| {
            tracing::info!(
                target: "audit", event = "scan_refused", method = %method.id, app = %waits.app.id,
                flow = flow_mark(&flow.id), person = who, %problem
            );
            ClientError::of_step(problem)
        })?;
        tracing::info!(
            target: "audit", event = "scanned", method = %method.id, app = %waits.app.id, flow = flow_mark(&flow.id),
            person = who
        );
        Ok(Shown {
            host: flow.return_to.host().to_owned(),
            for_app: waits.for_app,
            expires_in: flow.expires_at.since(self.now()),
            adding: flow.attach_to.is_some(),
            origin: flow.origin,
            created_at: flow.created_at,
            ask_phone: waits.options.ask_phone,
        })
    }

    /// Takes a person's yes. Where a native app waits, answers with the code that it is to be handed.
    pub async fn confirm(
        &self,
        call: Call<'_>,
        ticket: &str,
        proof: &Proof,
    ) -> Result<Option<Token>, ClientError> {
        let flow = self.flow_of_ticket(ticket).await?;
        let (method, waits) = waits(call, &flow)?;
        still_asks(&flow, self.now())?;
        // A yes that is said again brings the same phone code, which is spent; the number is kept from the first.
        let said = matches!(flow.stage, Stage::Approved { .. });
        let bare = Proof { code: proof.code.clone(), phone: PhoneProof::None };
        let proof = if said { &bare } else { proof };
        let person = self.mini_program_person(call.context.wechat, waits.app, proof).await?;
        let code = match waits.for_app {
            true => Some(self.return_code(&flow, waits.options.lifetime.plus(NEXT_STEP)).await?),
            false => None,
        };
        let approve = |flow: Flow| flow.approve(person.clone(), self.now());
        let done = self.step(&flow.id, approve).await?;
        tracing::info!(
            target: "audit", event = "scan_answered", method = %method.id, app = %waits.app.id,
            flow = flow_mark(&flow.id), person = person_mark(waits.app, person.open_id.as_str()), yes = true,
            in_time = done.is_ok()
        );
        done.map(|_| code).map_err(ClientError::of_step)
    }

    /// Takes a person's no.
    pub async fn reject(&self, call: Call<'_>, ticket: &str, proof: &Proof) -> Result<(), ClientError> {
        let flow = self.flow_of_ticket(ticket).await?;
        let (method, waits) = waits(call, &flow)?;
        still_asks(&flow, self.now())?;
        let person = self.mini_program_person(call.context.wechat, waits.app, proof).await?;
        let reject = |flow: Flow| flow.reject(&person.open_id, FlowRefusal::Denied, self.now());
        let done = self.step(&flow.id, reject).await?;
        tracing::info!(
            target: "audit", event = "scan_answered", method = %method.id, app = %waits.app.id,
            flow = flow_mark(&flow.id), person = person_mark(waits.app, person.open_id.as_str()), yes = false,
            in_time = done.is_ok()
        );
        done.map(|_| ()).map_err(ClientError::of_step)
    }

    /// A code that proves to the app that began `flow` that its own phone confirmed it; good for as long as the flow may
    /// be, whose end it does not outlive.
    async fn return_code(&self, flow: &Flow, lifetime: Span) -> Result<Token, StoreError> {
        let code = Token::generate(&mut rand::rng());
        self.store.put_once(&return_key(&code), flow.id.as_str(), lifetime).await?;
        Ok(code)
    }

    /// Whether `code` is the one that was handed out for `flow`.
    pub(super) async fn is_return_code(&self, flow: &FlowId, code: &Token) -> Result<bool, StoreError> {
        Ok(self.store.once(&return_key(code)).await?.is_some_and(|id| id == flow.as_str()))
    }

    /// Nickname and avatar, if the person has an account: mini programs are told none.
    async fn known_profile(&self, person: &Identity) -> Result<Profile, StoreError> {
        let rows = self.store.identities(&person.keys()).await?;
        let Some(id) = rows.into_iter().flatten().find_map(|row| row.accounts.into_iter().next()) else {
            return Ok(Profile::default());
        };
        let account = self.store.accounts(std::slice::from_ref(&id)).await?.into_iter().flatten().next();
        Ok(account.map(|account| account.profile).unwrap_or_default())
    }
}

fn return_key(code: &Token) -> OnceKey {
    OnceKey { purpose: RETURN, digest: code.digest() }
}

/// Whether a phone can still answer: asked before a code is spent on it.
fn still_asks(flow: &Flow, now: Timestamp) -> Result<(), ClientError> {
    match flow.stage {
        Stage::Waiting | Stage::Scanned { .. } if now >= flow.expires_at => Err(ClientError::ScanExpired),
        Stage::Waiting | Stage::Scanned { .. } | Stage::Approved { .. } => Ok(()),
        _ => Err(ClientError::ScanUsed),
    }
}

/// What waits for a phone behind `flow`, if the config still has it.
fn waits<'a>(call: Call<'a>, flow: &Flow) -> Result<(&'a Method, Waits<'a>), ClientError> {
    let directory = call.context.directory;
    let method = directory.method(&flow.method).ok_or(ClientError::Ticket)?;
    let (options, for_app) = match &method.kind {
        MethodKind::MiniProgramScan(options) => (&options.program, false),
        MethodKind::AppLaunch(options) => (options, true),
        _ => return Err(ClientError::Ticket),
    };
    let app = directory.app(&method.app).ok_or(ClientError::Ticket)?;
    Ok((method, Waits { app, options, for_app }))
}
