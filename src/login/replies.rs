//! What people read in the chat of a service account after they scanned or followed.
//!
//! Texts of the operator, with the built-in ones behind them. An empty text means: say nothing.

use serde::Deserialize;

/// `replies` of an app: the operator's own texts. `{site}` is the title of the pages, `{host}` the site that is logged
/// in to, `{link}` (in `confirm` and `add`) the address that asks for the person's yes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RepliesConfig {
    /// After a scan that signs in.
    pub signed_in: Option<String>,
    /// After a scan that asks first; must contain `{link}`.
    pub confirm: Option<String>,
    /// After scanning a code that adds the person's WeChat to an account; must contain `{link}`.
    pub add: Option<String>,
    /// After scanning a code that has run out or was used.
    pub expired: Option<String>,
    /// To somebody who follows the account without any code, unless `relay_to` answers them. Empty by default.
    pub follow: Option<String>,
}

/// The texts in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replies {
    signed_in: String,
    confirm: String,
    add: String,
    expired: String,
    follow: String,
}

/// The longest text WeChat shows in one message is 2048 bytes; the link and names still have to fit.
const MAX_BYTES: usize = 1500;

/// Names that come from elsewhere (a host, a title) are cut to this.
const MAX_NAME_CHARS: usize = 80;

impl Replies {
    /// The operator's texts, else ours; problems are (key, message).
    pub fn new(config: &RepliesConfig) -> Result<Self, Vec<(&'static str, String)>> {
        let mut problems = Vec::new();
        let mut text = |key: &'static str, own: &Option<String>, ours: &str| {
            let text = own.clone().unwrap_or_else(|| ours.to_owned());
            if text.len() > MAX_BYTES {
                problems.push((key, format!("has {} bytes; WeChat shows at most {MAX_BYTES}", text.len())));
            }
            text
        };
        let replies = Self {
            signed_in: text(
                "signed_in",
                &config.signed_in,
                "您已扫码登录 {site}（{host}），请回到电脑继续。",
            ),
            confirm: text(
                "confirm",
                &config.confirm,
                "有人正用这个二维码登录 {site}（{host}）。如果是您本人，请<a href=\"{link}\">点此确认</a>；否则请不要理会。",
            ),
            add: text(
                "add",
                &config.add,
                "有人正用这个二维码把您的微信绑定到 {site}（{host}）的账号。如果是您本人的账号，请<a href=\"{link}\">点此确认</a>；否则请不要理会。",
            ),
            expired: text("expired", &config.expired, "二维码已失效，请在电脑上刷新后重新扫描。"),
            follow: text("follow", &config.follow, ""),
        };
        for (key, text) in [("confirm", &replies.confirm), ("add", &replies.add)] {
            if !text.contains("{link}") {
                let message =
                    "must contain {link}, the address where the person says yes; without it nobody could";
                problems.push((key, message.into()));
            }
        }
        if problems.is_empty() { Ok(replies) } else { Err(problems) }
    }

    /// Our own texts.
    pub fn built_in() -> Self {
        Self::new(&RepliesConfig::default()).expect("the built-in texts are short and hold their link")
    }

    /// After a scan that signs in to `host`.
    pub fn signed_in(&self, site: &str, host: &str) -> String {
        filled(&self.signed_in, site, host)
    }

    /// After a scan that asks at `link` first.
    pub fn confirm(&self, site: &str, host: &str, link: &str) -> String {
        filled(&self.confirm, site, host).replace("{link}", link)
    }

    /// After a scan that asks at `link` whether the person's WeChat is to be added to an account.
    pub fn add(&self, site: &str, host: &str, link: &str) -> String {
        filled(&self.add, site, host).replace("{link}", link)
    }

    /// After scanning a dead code.
    pub fn expired(&self, site: &str) -> String {
        filled(&self.expired, site, "")
    }

    /// To a new follower who came without a code.
    pub fn follow(&self, site: &str) -> String {
        filled(&self.follow, site, "")
    }
}

fn filled(text: &str, site: &str, host: &str) -> String {
    text.replace("{site}", &name(site)).replace("{host}", &name(host))
}

/// A name inside a message: no markup, no placeholder of its own, not too long.
fn name(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '<' | '>' | '{' | '}')).take(MAX_NAME_CHARS).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn texts_are_filled_in_and_names_bring_no_markup() {
        let config = RepliesConfig {
            confirm: Some("{site} {host} <a href=\"{link}\">ok</a>".into()),
            ..RepliesConfig::default()
        };
        let replies = Replies::new(&config).unwrap();
        let text = replies.confirm("<b>{link}", "a.example", "https://a.example/c?t=1");
        assert_eq!(text, "blink a.example <a href=\"https://a.example/c?t=1\">ok</a>");
        assert!(replies.signed_in("门神", "a.example").contains("门神（a.example）"));
    }

    #[test]
    fn an_empty_text_stays_empty_and_nothing_is_said_to_a_follower_by_default() {
        let config = RepliesConfig { signed_in: Some(String::new()), ..RepliesConfig::default() };
        let replies = Replies::new(&config).unwrap();
        assert_eq!(replies.signed_in("s", "h"), "");
        assert_eq!(replies.follow("s"), "");
    }

    #[test]
    fn a_confirmation_without_its_link_or_an_endless_text_is_a_config_error() {
        let config = RepliesConfig {
            confirm: Some("好".into()),
            add: Some("好".into()),
            expired: Some("长".repeat(600)),
            ..RepliesConfig::default()
        };
        let keys: Vec<_> = Replies::new(&config).unwrap_err().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["expired", "confirm", "add"]);
    }
}
