//! From the host of the login to the host the visitor came from, once.
//!
//! WeChat allows one callback host per app, so logins happen on the public host. A ticket that is worth nothing
//! twice, nothing elsewhere and nothing after a minute opens a session of the same login on the other host.

use serde::{Deserialize, Serialize};

use super::{Login, SessionRules, Visit};
use crate::domain::{Handover, Hosts, ReturnTo, Session};
use crate::ground::{Span, Token, TokenDigest};
use crate::store::{OnceKey, StoreError};

/// How long a ticket may travel.
const TICKET_LIFETIME: Span = Span::from_secs(60);

const PURPOSE: &str = "handover";

/// What a ticket is good for.
#[derive(Debug, Serialize, Deserialize)]
struct Ticket {
    /// The session on the login's host; the new one ends with it.
    from: TokenDigest,
    /// The browser on the other host.
    browser: TokenDigest,
    /// Where the visitor goes.
    return_to: ReturnTo,
}

/// How a hand-over ends.
#[derive(Debug)]
pub enum Entered {
    /// A session was opened on this host.
    Welcome {
        /// Its token.
        token: Token,
        /// Where the visitor goes.
        return_to: ReturnTo,
    },
    /// The ticket is used, expired, for another browser or host, or its login has ended.
    Refused,
}

impl Login {
    /// A ticket from the live session `from` to the host of `return_to`, for the browser in `handover`.
    pub async fn hand_over(
        &self,
        from: TokenDigest,
        return_to: ReturnTo,
        handover: &Handover,
    ) -> Result<Token, StoreError> {
        let ticket = Token::generate(&mut rand::rng());
        let value = Ticket { from, browser: handover.browser, return_to };
        let value = serde_json::to_string(&value).expect("a ticket is plain strings");
        let key = OnceKey { purpose: PURPOSE, digest: ticket.digest() };
        self.store.put_once(&key, &value, TICKET_LIFETIME).await?;
        Ok(ticket)
    }

    /// Opens the session that `ticket` stands for, if this is the browser and the host it was made for.
    pub async fn enter(
        &self,
        ticket: &Token,
        visit: &Visit,
        host: &str,
        hosts: &Hosts,
        rules: &SessionRules,
    ) -> Result<Entered, StoreError> {
        let key = OnceKey { purpose: PURPOSE, digest: ticket.digest() };
        let Some(value) = self.store.take_once(&key).await? else { return Ok(Entered::Refused) };
        let Ok(ticket) = serde_json::from_str::<Ticket>(&value) else { return Ok(Entered::Refused) };
        let ours = visit.browser.as_ref().is_some_and(|browser| ticket.browser.matches(browser));
        let Some(return_to) = ticket.return_to.still_ours(hosts).filter(|to| ours && to.host() == host)
        else {
            return Ok(Entered::Refused);
        };
        let now = self.clock.now();
        let Some(origin) = self.store.session(&ticket.from).await? else { return Ok(Entered::Refused) };
        let Ok(live) = origin.check(rules.policy, now) else { return Ok(Entered::Refused) };
        let token = Token::generate(&mut rand::rng());
        let session = Session { host: host.to_owned(), last_seen_at: now, ..live.session().clone() };
        if !self.open_another(&token.digest(), &session, &ticket.from, rules, now).await? {
            return Ok(Entered::Refused);
        }
        if !visit.former.is_empty() {
            self.store.delete_sessions(&visit.former).await?;
        }
        Ok(Entered::Welcome { token, return_to })
    }
}
