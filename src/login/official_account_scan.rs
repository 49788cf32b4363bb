//! `official_account_scan`: a desktop browser shows a code of a service account, the phone scans it, and WeChat tells
//! us by a message whose phone it was.
//!
//! The value in the code is not the one that watches or finishes the login, and works for the first phone alone. A
//! message is answered at once; who the person is across apps is asked afterwards. Every step before the answer can
//! be done again, so a message that was cut short anywhere counts when WeChat sends it once more.
//! Source: "生成带参数的二维码", "接收事件推送" (parametric codes, event pushes).

mod approval;
mod cooldown;

use tokio::time::Instant;

use super::directory::{App, Directory, Method, MethodKind, OnUnfollow, Picture, ScanOptions};
use super::{BeginError, FLOW_MEMORY, Login, flow_mark, person_mark};
use crate::domain::{Flow, FlowId, IdentityKey, OpenId, Profile, Session};
use crate::ground::{Span, Token, TokenDigest, random_id};
use crate::store::{OnceKey, StoreError};
use crate::wechat;
use crate::wechat::push::{Event, Message};

pub use approval::{Answered, Asking};
pub(super) use cooldown::Cooldown;

/// What our scenes begin with, so that the operator's own parametric codes are told from ours.
const PREFIX: &str = "menshen_";

/// How long a message is remembered: longer than the time in which WeChat sends it again, or anybody can replay it.
const MESSAGE_MEMORY: Span = Span::from_mins(11);

/// How much may go on after its answer; WeChat sends again what finds no room.
const MAX_AFTER: usize = 512;

/// What an account that may make no codes is not asked for again.
const SCENE: &str = "code of the account";

const TICKET: &str = "scan";
const MESSAGE: &str = "push";
const SIGNATURE: &str = "push_signature";

/// A code to scan.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The address in the code, to be drawn.
    pub url: String,
    /// Names WeChat's own picture of it.
    pub ticket: String,
    /// Which of the two the page shows.
    pub picture: Picture,
    /// How long it can be scanned.
    pub expires_in: Span,
}

/// What a message works with.
#[derive(Clone, Copy)]
pub struct PushContext<'a> {
    /// Pools, apps and methods.
    pub directory: &'a Directory,
    /// The client for WeChat.
    pub wechat: &'a wechat::Client,
    /// The account the message was pushed to.
    pub app: &'a App,
    /// The site's name, for texts in the chat.
    pub site: &'a str,
    /// The address that asks for the person's yes.
    pub confirm_url: &'a (dyn Fn(&Token) -> String + Sync),
    /// From when on nothing more is waited for that the answer can do without.
    pub answer_by: Instant,
}

/// What a scan comes to.
struct Scanned {
    /// What the person reads in the chat.
    reply: String,
    /// Whom to ask WeChat for; nobody, where the person is asked first or nobody may go on.
    approval: Option<Approval>,
}

/// Somebody whose scan is all that is wanted of them.
struct Approval {
    flow: FlowId,
    open_id: OpenId,
}

/// What a message comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// It is about a login: what to say in the chat; empty for nothing.
    Ours(String),
    /// The same message once more; it was answered the first time.
    Again,
    /// Not about a login.
    Other,
    /// The signature of another message.
    Replayed,
    /// Too much is going on; WeChat will send it again.
    Busy,
}

impl Login {
    /// A code of `app` to scan for `flow`, which begins with it.
    pub(super) async fn scene(
        &self,
        flow: &Flow,
        options: &ScanOptions,
        app: &App,
        wechat: &wechat::Client,
    ) -> Result<Scene, BeginError> {
        let ticket = random_id(&mut rand::rng(), 26);
        let scene = format!("{PREFIX}{ticket}");
        let create = |token| {
            let scene = &scene;
            async move { wechat.create_scene_code(&token, scene, options.lifetime).await }
        };
        self.cooldown.check(app, SCENE, self.clock.now())?;
        let code = self.tokens.call(wechat, app, create).await;
        let code = code.inspect_err(|error| self.cooldown.note(app, SCENE, error, self.clock.now()))?;
        self.store.put_flow(flow, options.lifetime.plus(FLOW_MEMORY)).await?;
        let key = OnceKey::of_text(TICKET, &ticket);
        self.store.put_once(&key, flow.id.as_str(), options.lifetime).await?;
        Ok(Scene {
            url: code.url,
            ticket: code.ticket,
            picture: options.picture,
            expires_in: options.lifetime,
        })
    }

    /// Takes a verified message of WeChat's.
    pub async fn pushed(
        &self,
        context: PushContext<'_>,
        message: &Message,
    ) -> Result<PushOutcome, StoreError> {
        let scene = match &message.event {
            Event::Subscribe { scene: Some(scene) } | Event::Scan { scene } => scene,
            Event::Unsubscribe => return self.unfollowed(context, message).await,
            Event::Subscribe { scene: None } | Event::Other { .. } => return Ok(PushOutcome::Other),
        };
        let Some(ticket) = scene.strip_prefix(PREFIX) else { return Ok(PushOutcome::Other) };
        if self.is_replayed(context.app, message).await? {
            return Ok(PushOutcome::Replayed);
        }
        let seen = OnceKey::of_text(MESSAGE, &format!("{} {}", context.app.app_id, message.id));
        if self.store.once(&seen).await?.is_some() {
            return Ok(PushOutcome::Again);
        }
        let Scanned { reply, approval } = self.scanned(context, message, ticket).await?;
        if approval.is_some() && self.after.len() >= MAX_AFTER {
            return Ok(PushOutcome::Busy);
        }
        // Noted last: a message that came to nothing must not look like one that was answered. And once all is done
        // the answer goes out, whether or not this can be written down.
        let noting = self.store.put_once(&seen, "", MESSAGE_MEMORY);
        if let Ok(Err(StoreError::Conflict { .. })) = tokio::time::timeout_at(context.answer_by, noting).await
        {
            return Ok(PushOutcome::Again);
        }
        if let Some(Approval { flow, open_id }) = approval {
            let (login, wechat, app) = (self.clone(), context.wechat.clone(), context.app.clone());
            self.after.spawn(async move { login.approve_after(&wechat, &app, &flow, open_id).await });
        }
        Ok(PushOutcome::Ours(reply))
    }

    /// Somebody scanned the code with `ticket`. The same phone may scan it again, so this can be done twice.
    async fn scanned(
        &self,
        context: PushContext<'_>,
        message: &Message,
        ticket: &str,
    ) -> Result<Scanned, StoreError> {
        let PushContext { directory, app, site, .. } = context;
        let expired = || Ok(Scanned { reply: app.replies.expired(site), approval: None });
        let Ok(open_id) = OpenId::new(message.from.as_str()) else { return expired() };
        let key = OnceKey::of_text(TICKET, ticket);
        let flow = match self.store.once(&key).await?.map(FlowId::new) {
            Some(Ok(id)) => self.store.flow(&id).await?,
            _ => None,
        };
        let Some(flow) = flow else { return expired() };
        let method = directory.method(&flow.method).filter(|method| method.app == app.id);
        let Some((method, options)) = method.and_then(scan_options) else { return expired() };
        let scan = |flow: Flow| flow.scan(open_id.clone(), Profile::default(), self.clock.now());
        let (id, person) = (flow.id, person_mark(app, open_id.as_str()));
        let flow = match self.step(&id, scan).await? {
            Ok(flow) => flow,
            Err(problem) => {
                tracing::info!(
                    target: "audit", event = "scan_refused", method = %method.id, app = %app.id, flow = flow_mark(&id), person,
                    %problem
                );
                return expired();
            }
        };
        let host = flow.return_to.host();
        tracing::info!(target: "audit", event = "scanned", method = %method.id, app = %app.id, flow = flow_mark(&id), person);
        // Who scans a code that somebody else sent them would add their WeChat to that person's account: they are told.
        let adding = flow.attach_to.is_some();
        let binds = adding || (method.policy.may_ask() && self.is_new(app, &open_id).await?);
        if options.confirm || binds {
            let token = self.ask(&flow, app, open_id).await?;
            let link = (context.confirm_url)(&token);
            let reply = match adding {
                true => app.replies.add(site, host, &link),
                false => app.replies.confirm(site, host, &link),
            };
            return Ok(Scanned { reply, approval: None });
        }
        let reply = app.replies.signed_in(site, host);
        Ok(Scanned { reply, approval: Some(Approval { flow: flow.id, open_id }) })
    }

    /// Whether nothing final leads from this person to an account by their OpenID.
    async fn is_new(&self, app: &App, open_id: &OpenId) -> Result<bool, StoreError> {
        let key = open_key(app, open_id);
        Ok(self.store.identities(std::slice::from_ref(&key)).await?.iter().flatten().all(|row| !row.settled))
    }

    /// Whether this message stands below the signature of another one.
    ///
    /// A signature of plain messages does not cover the body: whoever got hold of one could write another below it. That
    /// of encrypted ones does.
    async fn is_replayed(&self, app: &App, message: &Message) -> Result<bool, StoreError> {
        if message.encrypted {
            return Ok(false);
        }
        // The id holds the scene, which is good for a login.
        let id = TokenDigest::of_text(&message.id).text();
        let signature = OnceKey::of_text(SIGNATURE, &format!("{} {}", app.app_id, message.signature));
        match self.store.put_once(&signature, &id, MESSAGE_MEMORY).await {
            Err(StoreError::Conflict { .. }) => {
                let first = self.store.once(&signature).await?;
                Ok(first.is_some_and(|first| first != id))
            }
            other => other.map(|()| false),
        }
    }

    /// Somebody left the account: noted, and where the operator wants it their sessions end.
    async fn unfollowed(
        &self,
        context: PushContext<'_>,
        message: &Message,
    ) -> Result<PushOutcome, StoreError> {
        let app = context.app;
        let ends = context.directory.methods().iter().filter(|method| method.app == app.id).any(|method| {
            scan_options(method).is_some_and(|(_, options)| options.on_unfollow == OnUnfollow::EndSessions)
        });
        if ends && self.is_replayed(app, message).await? {
            return Ok(PushOutcome::Replayed);
        }
        let person = person_mark(app, &message.from);
        tracing::info!(target: "audit", event = "unfollowed", app = %app.id, person);
        if let (true, Ok(open_id)) = (ends, OpenId::new(message.from.as_str())) {
            // Before the answer: where it fails, WeChat sends the message again.
            self.end_sessions_through(app, &open_id).await?;
        }
        Ok(PushOutcome::Other)
    }

    /// Ends the sessions that `open_id` opened through `app`.
    async fn end_sessions_through(&self, app: &App, open_id: &OpenId) -> Result<(), StoreError> {
        let through = |session: &Session| session.app_id == app.app_id && session.open_id == *open_id;
        let key = open_key(app, open_id);
        let row = self.store.identities(std::slice::from_ref(&key)).await?.pop().flatten();
        for account in row.map(|row| row.accounts).unwrap_or_default() {
            let ended = self.sessions.end_where(&account, &through).await?;
            let person = person_mark(app, open_id.as_str());
            tracing::info!(target: "audit", event = "sessions_ended", app = %app.id, person, %account, ended);
        }
        Ok(())
    }
}

fn open_key(app: &App, open_id: &OpenId) -> IdentityKey {
    IdentityKey::OpenId { pool: app.pool.clone(), app_id: app.app_id.clone(), open_id: open_id.clone() }
}

fn scan_options(method: &Method) -> Option<(&Method, &ScanOptions)> {
    match &method.kind {
        MethodKind::OfficialAccountScan(options) => Some((method, options)),
        _ => None,
    }
}
