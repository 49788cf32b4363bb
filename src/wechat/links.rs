//! Links that open a mini program from outside WeChat: an address (URL link) and a scheme of WeChat's own.
//!
//! What comes back ends up in pages, so it is what it claims to be, or an error.

use std::fmt;

use serde_json::{Value, json};
use url::Url;

use super::client::{Client, Request};
use super::codes::{Call, Credential};
use super::error::{Error, Kind};
use super::mini_program::{ProgramVersion, is_valid_page};
use super::wire::{Answer, Unreadable};
use crate::ground::Secret;

static URL_LINK: Call =
    Call { name: "wxa/generate_urllink", credential: Credential::ServerToken, spends_code: false };
static URL_SCHEME: Call =
    Call { name: "wxa/generatescheme", credential: Credential::ServerToken, spends_code: false };

const MAX_QUERY_LEN: usize = 1024;
const MAX_DAYS: u32 = 30;
const MAX_LINK_LEN: usize = 2048;
/// How every scheme begins.
const SCHEME: &str = "weixin://dl/business/";

/// What a link opens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LinkTarget<'a> {
    /// The page that opens ([`is_valid_page`]); must be in the published version.
    pub page: &'a str,
    /// What the page is handed, at most 1024 characters that an address may hold; may be empty.
    pub query: &'a str,
    /// The version that opens.
    pub version: ProgramVersion,
    /// How long the link lives, 1 to 30 days.
    pub days: u32,
}

impl LinkTarget<'_> {
    /// What WeChat would refuse.
    fn check(&self) -> Result<(), &'static str> {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&'()*+,/:;=?@-._~%`".contains(&byte);
        if !is_valid_page(self.page) {
            return Err("this cannot be a page of a mini program");
        }
        if self.query.len() > MAX_QUERY_LEN || !self.query.bytes().all(fine) {
            return Err("this cannot be the query of a mini program's page");
        }
        if !(1..=MAX_DAYS).contains(&self.days) {
            return Err("a link lives 1 to 30 days");
        }
        Ok(())
    }

    /// Unlike in a code, a page in a link begins with a slash.
    fn path(&self) -> String {
        format!("/{}", self.page)
    }
}

impl fmt::Debug for LinkTarget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { page, query: _, version, days } = self;
        f.debug_struct("LinkTarget")
            .field("page", page)
            .field("version", version)
            .field("days", days)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// An `https` address that opens the mini program from any browser of a phone.
    ///
    /// Parameters of a visitor's own go behind it as `?cq=…`. Source: official page "获取加密URLLink".
    ///
    /// # Errors
    /// 85079 says that nothing is published, 40165 that the page is not; else as [`Error::action`] says.
    pub async fn url_link(&self, token: &Secret, target: &LinkTarget<'_>) -> Result<String, Error> {
        let body = json!({
            "path": target.path(),
            "query": target.query,
            "env_version": target.version.as_str(),
            "is_expire": true,
            "expire_type": 1,
            "expire_interval": target.days,
        });
        self.make_link(&URL_LINK, "/wxa/generate_urllink", token, target, &body, |answer| {
            let link = link(answer, "url_link")?;
            if self.leads_to_a_page(&link) { Ok(link) } else { Err(Unreadable::Impossible("url_link")) }
        })
        .await
    }

    /// A scheme (`weixin://dl/business/…`) that opens the mini program from apps and from browsers that allow it.
    ///
    /// Parameters of a visitor's own go behind it as `&cq=…`. Source: official page "获取加密scheme码".
    ///
    /// # Errors
    /// 85079 says that nothing is published, 40165 that the page is not; else as [`Error::action`] says.
    pub async fn url_scheme(&self, token: &Secret, target: &LinkTarget<'_>) -> Result<String, Error> {
        let body = json!({
            "jump_wxa": {
                "path": target.path(),
                "query": target.query,
                "env_version": target.version.as_str(),
            },
            "is_expire": true,
            "expire_type": 1,
            "expire_interval": target.days,
        });
        self.make_link(&URL_SCHEME, "/wxa/generatescheme", token, target, &body, |answer| {
            let link = link(answer, "openlink")?;
            if link.starts_with(SCHEME) { Ok(link) } else { Err(Unreadable::Impossible("openlink")) }
        })
        .await
    }

    /// Whether it is an address with TLS, or one at WeChat as the config names it: there visitors are sent anyway.
    fn leads_to_a_page(&self, link: &str) -> bool {
        let known = link.starts_with("https://")
            || link.strip_prefix(self.open()).is_some_and(|path| path.starts_with('/'));
        known && Url::parse(link).is_ok_and(|url| url.username().is_empty())
    }

    async fn make_link(
        &self,
        call: &'static Call,
        path: &'static str,
        token: &Secret,
        target: &LinkTarget<'_>,
        body: &Value,
        read: impl Fn(&Answer) -> Result<String, Unreadable>,
    ) -> Result<String, Error> {
        target.check().map_err(|why| Error::new(call, Kind::Input(why)))?;
        let request = Request {
            query: &[("access_token", token.reveal())],
            json: Some(body.to_string().into()),
            hidden: &[token.reveal(), target.query],
            ..Request::get(call, path)
        };
        self.call(&request, read).await
    }
}

/// A link exactly as it came: only characters that an address holds, none that could end an attribute of a page.
fn link(answer: &Answer, key: &'static str) -> Result<String, Unreadable> {
    let link = answer.word(key)?.ok_or(Unreadable::Missing(key))?;
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&()*+,/:;=?@-._~%".contains(&byte);
    if link.len() <= MAX_LINK_LEN && link.bytes().all(fine) {
        Ok(link)
    } else {
        Err(Unreadable::Impossible(key))
    }
}
