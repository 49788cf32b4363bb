//! `mini_program_scan`: a browser shows a code of a mini program, the phone opens it, and its user confirms there.
//!
//! The value in the code is a ticket: it neither watches nor finishes the login. A phone's own browser gets a link into
//! the mini program instead, made once and shared: the ticket rides behind it.
//! Source: "获取不限制的小程序码", "获取加密 URL Link", "获取加密 scheme 码" (code, links).

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::directory::{App, OpenIn, ProgramOptions, ProgramScanOptions};
use super::{BeginError, Login, Start};
use crate::domain::Flow;
use crate::ground::{Secret, Span, Timestamp, TokenDigest, random_id};
use crate::store::Note;
use crate::wechat::{self, CodeRequest, LinkTarget};

/// Pixels of a code: sharp at twice the size that the page shows.
const WIDTH: u32 = 560;

/// How long WeChat keeps a link; thirty days is the longest.
const LINK_DAYS: u32 = 30;

/// How long a link is used: far within its life, so that one that WeChat ends early does little harm. WeChat makes
/// 500,000 a day.
const LINK_LIFETIME: Span = Span::from_days(1);

/// A code of a mini program.
#[derive(Clone, Debug)]
pub struct ProgramCode {
    /// WeChat's picture.
    pub picture: Bytes,
    /// Its type.
    pub content_type: &'static str,
}

/// A link into a mini program, as all processes share it.
#[derive(Serialize, Deserialize)]
struct Link {
    url: String,
    made_at: Timestamp,
}

impl Login {
    /// Begins a login that a phone confirms by scanning a mini program code.
    pub async fn begin_program_code(
        &self,
        start: Start<'_, &ProgramScanOptions>,
        wechat: &wechat::Client,
    ) -> Result<(Flow, ProgramCode), BeginError> {
        let program = &start.way.program;
        let (flow, ticket) = (start.flow(self.now(), program.lifetime), random_id(&mut rand::rng(), 26));
        let code =
            CodeRequest { scene: &ticket, page: &program.page, version: program.version, width: WIDTH };
        let make = |token| async move { wechat.mini_program_code(&token, &code).await };
        let what = format!("code of {} in {}", program.page, program.version.as_str());
        self.cooldown.check(start.app, &what, self.now())?;
        let picture = self.tokens.call(wechat, start.app, make).await;
        let picture = picture.inspect_err(|error| self.cooldown.note(start.app, &what, error, self.now()))?;
        self.put_ticket(&flow, &ticket, program.lifetime).await?;
        Ok((flow, ProgramCode { picture: picture.bytes, content_type: picture.content_type }))
    }

    /// Begins a login on a phone whose own browser opens the mini program by a link; answers with the link.
    pub async fn begin_program_link(
        &self,
        start: Start<'_, &ProgramScanOptions>,
        wechat: &wechat::Client,
    ) -> Result<(Flow, String), BeginError> {
        let program = &start.way.program;
        let (flow, ticket) = (start.flow(self.now(), program.lifetime), random_id(&mut rand::rng(), 26));
        let link = self.program_link(wechat, start.app, program, start.way.open).await?;
        self.put_ticket(&flow, &ticket, program.lifetime).await?;
        Ok((flow, with_ticket(&link, &ticket)))
    }

    /// The link into the mini program, made if there is none that lives long enough.
    async fn program_link(
        &self,
        wechat: &wechat::Client,
        app: &App,
        program: &ProgramOptions,
        open: OpenIn,
    ) -> Result<String, BeginError> {
        let name = link_name(app, program, open);
        let there = self.store.note(&name).await?;
        let link = there.as_ref().and_then(|note| serde_json::from_str::<Link>(note.text.reveal()).ok());
        let now = self.now();
        if let Some(link) = link.filter(|link| now.since(link.made_at) < LINK_LIFETIME) {
            return Ok(link.url);
        }
        self.cooldown.check(app, &name, now)?;
        let target = LinkTarget { page: &program.page, query: "", version: program.version, days: LINK_DAYS };
        let make = |token| async move {
            match open {
                OpenIn::Scheme => wechat.url_scheme(&token, &target).await,
                OpenIn::UrlLink | OpenIn::None => wechat.url_link(&token, &target).await,
            }
        };
        let url = self.tokens.call(wechat, app, make).await;
        let url = url.inspect_err(|error| self.cooldown.note(app, &name, error, self.now()))?;
        let link = Link { url, made_at: now };
        let text = serde_json::to_string(&link).expect("a link is an address and a time");
        let version = there.map_or(0, |note| note.version) + 1;
        // Two processes may make one each; whichever is kept, both work.
        self.store.swap_note(&name, &Note { version, text: Secret::new(text) }, LINK_LIFETIME).await?;
        Ok(link.url)
    }
}

/// Under which name all processes share a link.
fn link_name(app: &App, program: &ProgramOptions, open: OpenIn) -> String {
    let target = TokenDigest::of_text(&format!("{} {} {open:?}", program.page, program.version.as_str()));
    format!("program_link/{}/{}", app.app_id, target.text())
}

/// The link with a ticket behind it, which the page gets as `cq`.
fn with_ticket(link: &str, ticket: &str) -> String {
    let mark = if link.contains('?') { '&' } else { '?' };
    format!("{link}{mark}cq={}", utf8_percent_encode(ticket, NON_ALPHANUMERIC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_rides_behind_links_of_both_kinds() {
        assert_eq!(with_ticket("https://wxaurl.cn/AbC", "t1"), "https://wxaurl.cn/AbC?cq=t1");
        assert_eq!(with_ticket("weixin://dl/business/?t=AbC", "t1"), "weixin://dl/business/?t=AbC&cq=t1");
    }
}
