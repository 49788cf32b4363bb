//! An answer, and what a test reads from it: redirects, cookies, errors, and where a page leads.

use http::HeaderMap;
use reqwest::Url;
use serde_json::Value;

use crate::app::Received;

/// What a gateway, the simulator or the app answered.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) url: Url,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The stable code of a JSON error.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }

    /// What the app got, where the app has answered.
    pub(crate) fn received(&self) -> Received {
        assert_eq!(self.status, 200, "{self}");
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Where it redirects to, as an absolute address.
    pub(crate) fn location(&self) -> Url {
        assert!(matches!(self.status, 302 | 303), "{self}");
        self.url.join(self.header("location").unwrap()).unwrap()
    }

    pub(crate) fn set_cookies(&self) -> Vec<String> {
        let all = self.headers.get_all("set-cookie").iter();
        all.map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    /// Whether it opens a session in the browser.
    pub(crate) fn opens_session(&self) -> bool {
        self.set_cookies()
            .iter()
            .any(|cookie| cookie.strip_prefix("menshen=").is_some_and(|rest| !rest.starts_with(';')))
    }

    /// Asserts that it is a page with this status and these words.
    #[track_caller]
    pub(crate) fn is_page(&self, status: u16, words: &str) {
        assert_eq!(self.status, status, "{self}");
        let kind = self.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("text/html"), "{self}");
        assert!(self.text().contains(words), "no {words:?} in {self}");
        assert!(!self.opens_session(), "{self}");
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} from {}", self.status, self.url)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        write!(f, "\n{}", self.text())
    }
}

impl Reply {
    /// Where a login page leads: the frame with WeChat's code, or the button.
    pub(crate) fn qr_link(&self) -> Url {
        let page = self.text();
        let link = if page.contains("<iframe src=\"") {
            between(&page, "<iframe src=\"", "\"")
        } else {
            let (_, button) =
                page.split_once("<a class=\"button").unwrap_or_else(|| panic!("no button: {self}"));
            between(button, "href=\"", "\"")
        };
        self.url.join(&unescaped(link)).unwrap()
    }
}

/// What stands between two marks.
#[track_caller]
pub(crate) fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("no {before} in {page}"));
    rest.split_once(after).unwrap_or_else(|| panic!("no {after} in {rest}")).0
}

/// An attribute's value without HTML's escapes.
pub(crate) fn unescaped(text: &str) -> String {
    let escapes = [("&#x2f;", "/"), ("&#x27;", "'"), ("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">")];
    escapes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)).replace("&amp;", "&")
}
