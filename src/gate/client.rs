//! Which program a visitor uses, by its `User-Agent`: decides which login is offered.
//!
//! Anybody can send any `User-Agent`, so this never proves anything and no access depends on it.

mod name;

pub use name::program_name;

/// The program in front of a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientKind {
    /// A browser on a computer.
    Desktop,
    /// A browser on a phone or tablet.
    Mobile,
    /// WeChat's own browser.
    WeChat {
        /// Whether it runs on a computer.
        desktop: bool,
    },
    /// A web page inside a mini program.
    MiniProgramWebView,
    /// A request that mini program code makes (`wx.request`), not a page.
    MiniProgramRequest,
    /// WeCom (企业微信). Looks like WeChat and is not.
    WeCom {
        /// Whether it runs on a computer.
        desktop: bool,
    },
    /// The browser of another mobile app: QQ, DingTalk, Lark (Feishu), Alipay. Cannot open WeChat's login.
    OtherInApp,
}

impl ClientKind {
    /// Whether it shows its pages on a computer, where a phone can scan a code from the screen.
    pub const fn is_on_a_computer(self) -> bool {
        matches!(self, Self::Desktop | Self::WeChat { desktop: true } | Self::WeCom { desktop: true })
    }
}

/// Bytes of a `User-Agent` that are read; real ones stay below 500.
const MAX_READ: usize = 2048;

/// The program that sends `user_agent`.
///
/// Sources: web-view component (web-view 组件, `miniProgram` in the `User-Agent` and the rule for HarmonyOS),
/// official H5 sample (静态网站 H5 跳小程序, which tests WeCom first), captured strings for the rest.
pub fn client_kind(user_agent: &str) -> ClientKind {
    let read = &user_agent.as_bytes()[..user_agent.len().min(MAX_READ)];
    let agent = String::from_utf8_lossy(read).to_ascii_lowercase();
    let has = |part: &str| agent.contains(part);

    // WeCom also says MicroMessenger, even in parentheses, so it goes first.
    if has("wxwork") {
        return ClientKind::WeCom { desktop: on_a_computer(&agent) };
    }
    if has("micromessenger") {
        return wechat(&agent);
    }
    let mobile = ["mobile", "android", "iphone", "ipad", "ipod"].iter().any(|part| has(part))
        || (has("openharmony") && (has("(phone") || has("(tablet")));
    match (mobile, in_other_app(&agent)) {
        (true, true) => ClientKind::OtherInApp,
        (true, false) => ClientKind::Mobile,
        // An app on a computer can show a QR code like any browser there.
        (false, _) => ClientKind::Desktop,
    }
}

fn wechat(agent: &str) -> ClientKind {
    let marks = || agent.match_indices("miniprogram").map(|(at, mark)| &agent[at + mark.len()..]);
    // A web-view of a desktop mini program carries both marks.
    if marks().any(|rest| !rest.starts_with("env")) {
        return ClientKind::MiniProgramWebView;
    }
    if marks().next().is_some() {
        return ClientKind::MiniProgramRequest;
    }
    ClientKind::WeChat { desktop: on_a_computer(agent) }
}

fn on_a_computer(agent: &str) -> bool {
    let desktop = ["windowswechat", "macwechat", "linuxwechat", "windows nt", "macintosh", "x11;"];
    desktop.iter().any(|part| agent.contains(part))
}

fn in_other_app(agent: &str) -> bool {
    let qq = || {
        // QQ says ` QQ/8.9`; the QQ browser says `MQQBrowser/` and is a browser like any other.
        agent
            .match_indices("qq/")
            .any(|(at, _)| !agent[..at].ends_with(|before: char| before.is_ascii_alphanumeric()))
    };
    ["dingtalk", "lark/", "feishu", "alipayclient"].iter().any(|part| agent.contains(part)) || qq()
}

#[cfg(test)]
mod tests;
