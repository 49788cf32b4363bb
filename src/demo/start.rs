//! The demo's first page: what the seven ways to log in are, and what to click to try each of them here.
//!
//! One file in two languages; of what is marked with a language, the visitor gets their own.

use http::HeaderMap;
use http::header::{ACCEPT_LANGUAGE, HOST};

use super::sample_app::{escape, visitor};
use crate::pages::Lang;
use crate::simulator::DEMO_MINI_APP_ID;

/// Where the page is.
pub(super) const PATH: &str = "/start";

/// The page for whoever sends these headers and `query`; `wechat` is the simulated WeChat.
pub(super) fn page(headers: &HeaderMap, query: Option<&str>, wechat: &str) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wish = query.and_then(|query| query.strip_prefix("lang=")).and_then(|lang| lang.parse().ok());
    let lang = wish.unwrap_or_else(|| Lang::from_accept(text(ACCEPT_LANGUAGE.as_str()), &Lang::ALL));
    let visitor = visitor(headers);
    let state = if visitor.is_some() { "known" } else { "stranger" };
    // Mini programs are told no name.
    let name = visitor.flatten().unwrap_or_else(|| text("x-user-id").to_owned());
    ours(include_str!("start.html"), lang, state)
        .replace("{lang}", lang.tag())
        .replace("{name}", &escape(&name))
        .replace("{method}", &escape(text("x-user-method")))
        .replace("{site}", &escape(&format!("http://{}", text(HOST.as_str()))))
        .replace("{mini}", DEMO_MINI_APP_ID)
        .replace("{wechat}", wechat)
}

/// The lines for this language and this kind of visitor, and all that are for everybody.
fn ours(page: &str, lang: Lang, state: &str) -> String {
    let others = |line: &&str| {
        let foreign = Lang::ALL.iter().any(|other| *other != lang && line.contains(&mark(*other)));
        let elsewhere = ["known", "stranger"]
            .iter()
            .any(|other| *other != state && line.contains(&format!("data-for=\"{other}\"")));
        foreign || elsewhere
    };
    page.lines().filter(|line| !others(line)).fold(String::new(), |page, line| page + line + "\n")
}

fn mark(lang: Lang) -> String {
    format!("lang=\"{}\"", lang.tag())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::HeaderValue;

    use super::*;

    fn shown(lang: &str, name: Option<&'static str>) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, lang.parse().unwrap());
        headers.insert(HOST, HeaderValue::from_static("127.0.0.1:8080"));
        if let Some(name) = name {
            headers.insert("x-user-id", HeaderValue::from_static("u1"));
            headers.insert("x-user-name", HeaderValue::from_static(name));
        }
        page(&headers, None, "http://127.0.0.1:9880")
    }

    #[test]
    fn a_visitor_reads_all_seven_ways_in_their_language_alone() {
        let kinds = [
            "website_qr",
            "official_account_scan",
            "mini_program_scan",
            "official_account_web",
            "mini_program",
            "mobile_app",
            "app_launch",
        ];
        for (lang, own, other) in [("zh-CN", "七种方式", "Seven ways"), ("en", "Seven ways", "七种方式")]
        {
            let page = shown(lang, None);
            assert!(page.contains(own) && !page.contains(other), "{page}");
            assert!(kinds.iter().all(|kind| page.contains(&format!("<code>{kind}</code>"))), "{page}");
            let text = page.split_once("</style>").unwrap().1;
            assert!(!text.contains('{'), "{text}");
        }
    }

    #[test]
    fn who_is_logged_in_is_told_so_by_an_escaped_name() {
        assert!(!shown("zh", None).contains("data-for=\"known\""));
        let page = shown("zh", Some("%E5%BC%A0%3Cb%3E"));
        assert!(page.contains("张&lt;b&gt;") && !page.contains("data-for=\"stranger\""), "{page}");
    }
}
