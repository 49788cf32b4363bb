//! A browser in a few words, for somebody who is asked whether it is theirs.
//!
//! Rough on purpose: people know "Chrome, Windows"; a version or a build number only hides it.

/// Browsers, most specific first: nearly all of them say `Chrome` or `Safari` too.
const BROWSERS: [(&str, &str); 13] = [
    ("wxwork/", "WeCom"),
    ("micromessenger/", "WeChat"),
    ("dingtalk", "DingTalk"),
    ("lark/", "Lark"),
    ("edg", "Edge"),
    ("opr/", "Opera"),
    ("qqbrowser/", "QQ"),
    ("360se", "360"),
    ("ucbrowser/", "UC"),
    ("firefox/", "Firefox"),
    ("chrome/", "Chrome"),
    ("crios/", "Chrome"),
    ("safari/", "Safari"),
];

const SYSTEMS: [(&str, &str); 8] = [
    ("openharmony", "HarmonyOS"),
    ("windows", "Windows"),
    ("iphone", "iPhone"),
    ("ipad", "iPad"),
    ("android", "Android"),
    ("macintosh", "macOS"),
    ("cros", "ChromeOS"),
    ("linux", "Linux"),
];

/// "Chrome, Windows"; what is not recognised is left out.
pub fn program_name(user_agent: &str) -> Option<String> {
    let agent = user_agent.to_ascii_lowercase();
    let find = |table: &[(&str, &'static str)]| {
        table.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => Some(format!("{browser}, {system}")),
        (Some(name), None) | (None, Some(name)) => Some(name.to_owned()),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
        Some("Edge, Windows")
    )]
    #[case("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", Some("Firefox, Linux"))]
    #[case(
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
        Some("Safari, macOS")
    )]
    #[case(
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
        Some("Chrome, Android")
    )]
    #[case("curl/8.10.1", None)]
    #[case("", None)]
    fn a_browser_is_named_as_people_know_it(#[case] agent: &str, #[case] name: Option<&str>) {
        assert_eq!(program_name(agent).as_deref(), name);
    }
}
