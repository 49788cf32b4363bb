//! Links to mini programs: what `wxa/generatescheme` and `wxa/generate_urllink` accept, and the links there are.
//!
//! Pure. The oldest links are forgotten; expired ones open nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::open::{Opened, component};
use super::pictures::EnvVersion;
use crate::ground::{Span, Timestamp};
use crate::simulator::bounded::Bounded;
use crate::simulator::config::MiniProgram;
use crate::simulator::errcode::Errcode;
use crate::simulator::error::SimError;
use crate::simulator::ids;
use crate::simulator::world::World;

/// The shortest and the longest life of a link (pages of both calls).
const SHORTEST: Span = Span::from_mins(1);
const LONGEST_DAYS: u64 = 30;
/// Before a ticket that holds its link; those in the list are letters and digits alone.
const HELD: &str = "-";

/// How long the query of a link, and what is appended to the link, may be.
const MAX_QUERY: usize = 1024;
const MAX_APPENDED: usize = 256;

/// Beginnings of the two kinds of link.
const SCHEME: &str = "weixin://dl/business/?t=";
const URL_LINKS: [&str; 2] = ["https://wxaurl.cn/", "https://wxmpurl.cn/"];
/// The same on the simulator's own address.
pub(crate) const OWN_PATH: &str = "/wxaurl/";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LinkKind {
    Scheme,
    Url,
}

impl LinkKind {
    /// What the mini program is told it was opened from.
    const fn launch_scene(self) -> u32 {
        match self {
            Self::Scheme => 1065,
            Self::Url => 1194,
        }
    }
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    kind: LinkKind,
    app_id: String,
    page: String,
    query: String,
    version: EnvVersion,
    expires: Timestamp,
}

impl Link {
    /// Reads the body of the call for this kind of link.
    pub(crate) fn parse(
        now: Timestamp,
        kind: LinkKind,
        app_id: &str,
        program: &MiniProgram,
        body: &Value,
    ) -> Result<Self, Errcode> {
        if program.pages.is_empty() {
            return Err(Errcode::NOT_RELEASED);
        }
        let empty = Value::Object(serde_json::Map::new());
        let target = match kind {
            LinkKind::Scheme => body.get("jump_wxa").unwrap_or(&empty),
            LinkKind::Url => body,
        };
        let version = EnvVersion::parse(target.get("env_version")).ok_or(Errcode::INVALID_VERSION)?;
        let page = text(target, "path").ok_or(Errcode::INVALID_PATH)?;
        let page = page.strip_prefix('/').unwrap_or(page);
        let page = if page.is_empty() { program.home() } else { page };
        let known = version != EnvVersion::Release || program.has(page);
        if page.contains('?') || !known {
            return Err(Errcode::INVALID_PATH);
        }
        let query = text(target, "query").ok_or(Errcode::INVALID_QUERY)?;
        if query.len() > MAX_QUERY || !query.bytes().all(is_query_byte) {
            return Err(Errcode::INVALID_QUERY);
        }
        let expires = expiry(now, kind, body).ok_or(Errcode::INVALID_EXPIRY)?;
        let (app_id, page, query) = (app_id.into(), page.into(), query.into());
        Ok(Self { kind, app_id, page, query, version, expires })
    }
}

/// A text that may be absent; `None` if it is something else.
fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    match value.get(key) {
        None | Some(Value::Null) => Some(""),
        Some(value) => value.as_str(),
    }
}

fn is_query_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&'()*+,/:;=?@-._~%`".contains(&byte)
}

/// When the link ends; `None` if that is out of range. Without a wish it is thirty days, as since 2023 for all.
fn expiry(now: Timestamp, kind: LinkKind, body: &Value) -> Option<Timestamp> {
    let longest = now.plus(Span::from_days(LONGEST_DAYS));
    let wish = |key: &str| body.get(key).filter(|wish| !wish.is_null());
    if kind == LinkKind::Scheme && wish("is_expire").is_none_or(|expire| *expire == Value::Bool(false)) {
        return Some(longest);
    }
    match wish("expire_type").map_or(Some(0), Value::as_u64)? {
        0 => match wish("expire_time") {
            None if kind == LinkKind::Url => Some(longest),
            time => {
                let end = Timestamp::from_millis(time?.as_u64()?.checked_mul(1000)?);
                // Seconds: the end of the last one still counts.
                let last = longest.plus(Span::from_secs(1));
                (now.plus(SHORTEST).secs() <= end.secs() && end < last).then_some(end)
            }
        },
        1 => {
            let days = wish("expire_interval")?.as_u64()?;
            (1..=LONGEST_DAYS).contains(&days).then(|| now.plus(Span::from_days(days)))
        }
        _ => None,
    }
}

/// All links, by ticket.
#[derive(Debug)]
pub(crate) struct Links(Bounded<String, Link>);

impl Links {
    pub(crate) fn new() -> Self {
        Self(Bounded::new(10_000))
    }

    /// Remembers a link and answers its text; on `own` address if there is one. That text holds the link itself, since
    /// a server keeps links longer than a simulator runs.
    pub(crate) fn create(&mut self, rng: &mut impl CryptoRng, link: Link, own: Option<&str>) -> String {
        if let Some((base_url, ticket)) = own.filter(|_| link.kind == LinkKind::Url).zip(held(&link)) {
            return format!("{base_url}{OWN_PATH}{ticket}");
        }
        let ticket = ids::letters(rng, 11);
        let beginning = if link.kind == LinkKind::Scheme { SCHEME } else { URL_LINKS[0] };
        let text = format!("{beginning}{ticket}");
        self.0.insert(ticket, link);
        text
    }

    fn find(&self, ticket: &str) -> Option<Link> {
        let Some(text) = ticket.strip_prefix(HELD) else { return self.0.get(ticket).cloned() };
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }
}

/// A ticket that holds its link. Anybody could write one; it leads nowhere but to a page of a mini program here.
fn held(link: &Link) -> Option<String> {
    Some(format!("{HELD}{}", URL_SAFE_NO_PAD.encode(serde_json::to_vec(link).ok()?)))
}

/// Ticket and appended query of a link. A scheme's is joined with `&`, that of an address with `?`.
fn read<'a>(base_url: &str, url: &'a str) -> Option<(LinkKind, &'a str, Option<&'a str>)> {
    if let Some(rest) = url.strip_prefix(SCHEME) {
        let (ticket, more) = rest.split_once('&').map_or((rest, None), |(ticket, more)| (ticket, Some(more)));
        return Some((LinkKind::Scheme, ticket, more));
    }
    let own = url.strip_prefix(base_url).and_then(|rest| rest.strip_prefix(OWN_PATH));
    let rest = URL_LINKS.iter().find_map(|beginning| url.strip_prefix(beginning)).or(own)?;
    let (ticket, more) = rest.split_once('?').map_or((rest, None), |(ticket, more)| (ticket, Some(more)));
    Some((LinkKind::Url, ticket, more))
}

impl World {
    /// `person` opens a link outside WeChat.
    pub(crate) fn open_link(
        &mut self,
        now: Timestamp,
        base_url: &str,
        url: &str,
        person: &str,
    ) -> Result<Opened, SimError> {
        let bad = |why| SimError::BadLink { why };
        let (kind, ticket, more) = read(base_url, url).ok_or(bad("it has another beginning"))?;
        let link = self.minis.links.find(ticket).filter(|link| link.kind == kind);
        let link = link.ok_or(bad("nobody made it"))?;
        if now >= link.expires {
            return Err(SimError::LinkExpired);
        }
        let appended = more.into_iter().flat_map(|more| more.split('&'));
        let appended = appended.filter_map(|pair| pair.strip_prefix("cq=")).next();
        let mut query = link.query;
        if let Some(text) = appended {
            if text.len() > MAX_APPENDED {
                return Err(bad("its `cq` is longer than 256 characters"));
            }
            let text = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
            let joint = if query.is_empty() { "" } else { "&" };
            query = format!("{query}{joint}cq={}", component(&text));
        }
        self.open_mini(&link.app_id, person, &link.page, query, kind.launch_scene(), link.version)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    /// Reference, 12.1 and 12.2: from one minute to thirty days.
    #[rstest]
    #[case(json!({}), Some(30 * 86_400), Some(30 * 86_400))]
    #[case(json!({"is_expire": true}), None, Some(30 * 86_400))]
    #[case(json!({"is_expire": true, "expire_time": 1_700_000_060}), Some(60), Some(60))]
    #[case(json!({"is_expire": true, "expire_time": 1_700_000_059}), None, None)]
    #[case(json!({"is_expire": true, "expire_time": 1_702_592_000}), Some(2_592_000), Some(2_592_000))]
    #[case(json!({"is_expire": true, "expire_time": 1_702_592_001}), None, None)]
    #[case(json!({"is_expire": true, "expire_type": 1, "expire_interval": 1}), Some(86_400), Some(86_400))]
    #[case(json!({"is_expire": true, "expire_type": 1, "expire_interval": 30}), Some(2_592_000), Some(2_592_000))]
    #[case(json!({"is_expire": true, "expire_type": 1, "expire_interval": 0}), None, None)]
    #[case(json!({"is_expire": true, "expire_type": 1, "expire_interval": 31}), None, None)]
    #[case(json!({"is_expire": true, "expire_type": 1}), None, None)]
    #[case(json!({"is_expire": true, "expire_type": 2}), None, None)]
    #[case(json!({"is_expire": false, "expire_type": 2}), Some(30 * 86_400), None)]
    fn a_link_lives_from_a_minute_to_thirty_days(
        #[case] body: Value,
        #[case] scheme: Option<u64>,
        #[case] url: Option<u64>,
    ) {
        let life = |kind| expiry(NOW, kind, &body).map(|end| end.since(NOW).secs());
        assert_eq!((life(LinkKind::Scheme), life(LinkKind::Url)), (scheme, url), "{body}");
    }
}
