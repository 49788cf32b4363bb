//! What came back, in a shape that a pure rule can judge: a call to WeChat, a page of anybody's.
//!
//! Bounds the time of every question.

use std::time::Duration;

use tokio::time::timeout;
use url::Url;

use crate::ground::with_causes;
use crate::wechat::{self, Action, Client, Kind, Page};

/// How long one question may take.
pub(super) const CHECK_LIMIT: Duration = Duration::from_secs(10);

/// How a call to WeChat ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It succeeded.
    Yes,
    /// WeChat answered with an error code.
    Refused { code: i64, action: Action, text: String, hint: Option<String> },
    /// No answer.
    Silence { text: String, hint: Option<String> },
    /// An answer that WeChat would not give.
    Strange { text: String, hint: Option<String> },
}

impl Said {
    /// Of a call that failed.
    pub(super) fn of(error: &wechat::Error) -> Self {
        let (text, hint) = (with_causes(error), error.operator_hint());
        match error.kind() {
            Kind::Refused(refusal) => {
                Self::Refused { code: refusal.code, action: error.action(), text: refusal.to_string(), hint }
            }
            Kind::Connect(_) | Kind::Lost(_) | Kind::Timeout => Self::Silence { text, hint },
            Kind::Input(_) | Kind::Status(_) | Kind::Unreadable(_) => Self::Strange { text, hint },
        }
    }
}

/// Who is called, as a finding names them.
pub(super) const WECHAT: &str = "WeChat";

/// What to do when WeChat gives no answer in time.
pub(super) const UNREACHED: &str = "WeChat cannot be reached: check this machine's network, DNS and firewall";

/// Makes a call within the limit; `hint` says what to do if it is not answered in time.
pub(super) async fn call<T>(
    call: impl Future<Output = Result<T, wechat::Error>>,
    hint: &str,
) -> Result<T, Said> {
    match timeout(CHECK_LIMIT, call).await {
        Ok(answer) => answer.map_err(|error| Said::of(&error)),
        Err(_) => Err(Said::Silence { text: "no answer in time".into(), hint: Some(hint.into()) }),
    }
}

/// Gets a page, or says why there is none.
pub(super) async fn page(client: &Client, url: &Url, user_agent: Option<&str>) -> Result<Page, String> {
    client.probe(url, user_agent, CHECK_LIMIT).await.map_err(|error| with_causes(&error))
}

/// Whether a text looks like a web page.
pub(super) fn is_html(text: &str) -> bool {
    let beginning: String = text.trim_start().chars().take(200).collect::<String>().to_ascii_lowercase();
    beginning.starts_with("<!doctype") || beginning.contains("<html")
}

/// Where a redirect leads, without what may be secret in it.
pub(super) fn destination(base: &Url, location: &str) -> String {
    match base.join(location) {
        Ok(url) => format!("{}{}", url.origin().ascii_serialization(), url.path()),
        Err(_) => "an unreadable address".into(),
    }
}
