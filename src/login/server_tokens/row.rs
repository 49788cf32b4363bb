//! The row that all processes share about one account's server token, and the rules of what to do next.
//!
//! Pure: no I/O, and time is an argument. The text of a row holds the token, so it is never printed. Times are those
//! of the machines' clocks; a few seconds between them cost an extra call at worst, because every write is fenced.

use serde::{Deserialize, Serialize, Serializer};

use super::super::token_source::TokenSource;
use crate::ground::{Secret, Span, Timestamp};
use crate::wechat::{Action, ServerToken, VisitorKind};

/// How long a holder may be silent before another one takes over.
pub(super) const LEASE: Span = Span::from_secs(10);
/// A token that ends sooner than this is not handed out: it would die on its way.
const LAST_MOMENT: Span = Span::from_secs(2);
/// How often a dead token may be replaced by force. WeChat: at least 30 s apart.
const FORCED_APART: Span = Span::from_secs(60);
/// WeChat's day of forced tokens may begin at any hour, so ours slides.
const DAY: Span = Span::from_days(1);

/// Everything known about one account's server token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Row {
    /// The latest token, also if it has ended.
    pub(super) token: Option<Held>,
    /// Who is fetching.
    pub(super) lease: Option<Lease>,
    /// What went wrong last, if nothing has gone well since.
    pub(super) fault: Option<Fault>,
    /// When dead tokens were replaced by force, within the last day.
    pub(super) forced: Vec<Timestamp>,
}

/// A token and its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    #[serde(serialize_with = "reveal")]
    pub(super) text: Secret,
    /// From then on somebody renews it while it goes on working.
    pub(super) renew_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

/// The right to fetch, of one process at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lease {
    pub(super) holder: String,
    pub(super) until: Timestamp,
}

/// Why there is no new token, and when somebody may try again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fault {
    /// WeChat's code, if it gave one.
    pub(super) code: Option<i64>,
    /// For operators.
    pub(super) message: String,
    /// What the operator should do.
    pub(super) hint: Option<String>,
    #[serde(with = "Visitor")]
    pub(super) visitor: VisitorKind,
    pub(super) retry_at: Timestamp,
    /// How long the silence is; it grows while the fault persists.
    pub(super) pause: Span,
}

/// The names of [`VisitorKind`] in the row.
#[derive(Serialize, Deserialize)]
#[serde(remote = "VisitorKind", rename_all = "snake_case")]
enum Visitor {
    AskAgain,
    MustFollow,
    Unavailable,
    Misconfigured,
    TooMany,
    Refused,
}

fn reveal<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.reveal())
}

/// What somebody who needs a token does now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Use this one.
    Use(Held),
    /// Use this one, and fetch the next meanwhile.
    UseAndRenew(Held),
    /// Take the lease and fetch.
    Fetch,
    /// Somebody fetches: look again when the row changes, at the latest at this time.
    WaitUntil(Timestamp),
    /// Nobody asks WeChat before the fault's time.
    Fault(Fault),
}

/// How the token server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// For the token that it has.
    Ordinary,
    /// For another one in place of the one that is dead; counted.
    Forced,
    /// Not before this time: dead tokens were replaced too often.
    NotBefore(Timestamp),
}

impl Row {
    /// Reads a row; `None` if another version wrote what this one does not understand.
    pub(super) fn parse(text: &Secret) -> Option<Self> {
        serde_json::from_str(text.reveal()).ok()
    }

    /// The row as a note.
    pub(super) fn text(&self) -> Secret {
        // Structs, lists and texts: nothing that JSON cannot hold.
        Secret::new(serde_json::to_string(self).expect("a row is always JSON"))
    }

    /// What to do at `now`; WeChat has refused the token `dead`.
    pub(super) fn next(&self, now: Timestamp, dead: Option<&Secret>) -> Next {
        let lease = self.lease.as_ref().filter(|lease| now < lease.until);
        let fault = self.fault.as_ref().filter(|fault| now < fault.retry_at);
        let usable = |held: &&Held| Some(&held.text) != dead && now.plus(LAST_MOMENT) < held.expires_at;
        if let Some(held) = self.token.as_ref().filter(usable) {
            let due = now >= held.renew_at && lease.is_none() && fault.is_none();
            return if due { Next::UseAndRenew(held.clone()) } else { Next::Use(held.clone()) };
        }
        match (fault, lease) {
            (Some(fault), _) => Next::Fault(fault.clone()),
            (None, Some(lease)) => Next::WaitUntil(lease.until),
            (None, None) => Next::Fetch,
        }
    }

    /// How a holder of the lease asks first.
    pub(super) fn first_ask(&self, source: &TokenSource, dead: Option<&Secret>, now: Timestamp) -> Ask {
        match source {
            // Each call makes a new token, so replacing a dead one always counts.
            TokenSource::Classic if dead.is_some() => self.forced_ask(source, now),
            _ => Ask::Ordinary,
        }
    }

    /// How a holder asks once more after the answer to `asked` was the dead token.
    pub(super) fn next_ask(&self, source: &TokenSource, asked: Ask, now: Timestamp) -> Ask {
        match asked {
            Ask::Ordinary => self.forced_ask(source, now),
            Ask::Forced | Ask::NotBefore(_) => Ask::NotBefore(now.plus(FORCED_APART)),
        }
    }

    fn forced_ask(&self, source: &TokenSource, now: Timestamp) -> Ask {
        let most = match source {
            // WeChat gives no more.
            TokenSource::Stable => 20,
            // Of 2000 calls a day.
            TokenSource::Classic | TokenSource::Endpoint { .. } => 100,
        };
        let recent: Vec<_> = self.forced_within_a_day(now).collect();
        let apart = recent.last().map(|last| last.plus(FORCED_APART)).filter(|then| now < *then);
        let full = (recent.len() >= most).then(|| recent[recent.len() - most].plus(DAY));
        apart.max(full).map_or(Ask::Forced, Ask::NotBefore)
    }

    fn forced_within_a_day(&self, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        self.forced.iter().copied().filter(move |then| now < then.plus(DAY))
    }

    /// With the lease of `holder`, from `now` on.
    pub(super) fn leased(&self, holder: &str, now: Timestamp) -> Self {
        let lease = Lease { holder: holder.to_owned(), until: now.plus(LEASE) };
        Self { lease: Some(lease), ..self.clone() }
    }

    /// With one forced refresh more, counted before it is made: a crash must not make it free.
    pub(super) fn counted(&self, now: Timestamp) -> Self {
        let forced = self.forced_within_a_day(now).chain([now]).collect();
        Self { forced, ..self.clone() }
    }

    /// With a new token, or with the fault that it lives too short to be one, and without a lease.
    pub(super) fn renewed(&self, source: &TokenSource, token: ServerToken, now: Timestamp) -> Self {
        let early = match source {
            // WeChat has a new one in the last 5 minutes, and the old one works to its end.
            TokenSource::Stable => Span::from_mins(4),
            // The old one works for 5 minutes beside the new one.
            TokenSource::Classic => Span::from_mins(10),
            TokenSource::Endpoint { .. } => Span::from_mins(1),
        };
        if token.expires_in <= LAST_MOMENT {
            let met = Met {
                action: Action::Fail,
                code: None,
                message: format!("the token that is given ends in {}", token.expires_in),
                hint: Some("check `expires_in` in the answers of the token server".to_owned()),
                visitor: VisitorKind::Unavailable,
            };
            return self.failed(met, now);
        }
        let expires_at = now.plus(token.expires_in);
        // What is given with little time left is not asked for again at once, over and over.
        let soonest = now.plus(Span::from_millis(token.expires_in.millis() / 2));
        let renew_at = expires_at.minus(early).max(soonest);
        let held = Held { text: token.token, renew_at, expires_at };
        Self { token: Some(held), lease: None, fault: None, forced: self.forced.clone() }
    }

    /// With a fault and without a lease. `action` says how long everybody stays silent.
    pub(super) fn failed(&self, met: Met, now: Timestamp) -> Self {
        let (first, most) = match met.action {
            Action::ConfigFault => (Span::from_mins(1), Span::from_mins(10)),
            Action::RateLimit { wait } => (wait, wait),
            Action::Retry => (Span::from_secs(2), Span::from_secs(2)),
            Action::RefreshToken | Action::AskAgain | Action::AskToFollow | Action::Fail => {
                (Span::from_secs(5), Span::from_mins(1))
            }
        };
        let before = self.fault.as_ref().filter(|before| before.code == met.code);
        let doubled =
            before.map_or(first, |before| Span::from_millis(before.pause.millis().saturating_mul(2)));
        let pause = doubled.clamp(first, most);
        let Met { code, message, hint, visitor, .. } = met;
        let fault = Fault { code, message, hint, visitor, retry_at: now.plus(pause), pause };
        Self { lease: None, fault: Some(fault), ..self.clone() }
    }

    /// What the operator should do about the fault.
    pub(super) fn hint(&self) -> Option<&str> {
        self.fault.as_ref().and_then(|fault| fault.hint.as_deref())
    }

    /// With the fault that a dead token cannot be replaced before `retry_at`, and without a lease.
    pub(super) fn stuck(&self, source: &TokenSource, now: Timestamp, retry_at: Timestamp) -> Self {
        let hint = match source {
            TokenSource::Classic => {
                "another program seems to fetch tokens for this AppID with cgi-bin/token, which ends ours: let it use \
                 stable_token, or give both one token server (`server_token = \"endpoint\"`)"
            }
            TokenSource::Stable => {
                "WeChat refuses the token that it has just given: perhaps another program forces new ones"
            }
            TokenSource::Endpoint { .. } => "the token server goes on giving a token that WeChat refuses",
        };
        let fault = Fault {
            code: None,
            message: "the server token is dead and was replaced too often".to_owned(),
            hint: Some(hint.to_owned()),
            visitor: VisitorKind::Unavailable,
            retry_at,
            pause: retry_at.since(now),
        };
        Self { lease: None, fault: Some(fault), ..self.clone() }
    }
}

/// A failed attempt to get a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Met {
    pub(super) action: Action,
    pub(super) code: Option<i64>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) visitor: VisitorKind,
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
