//! Holds every sample of every page, in both languages, against the rules that all pages keep.

#![allow(clippy::unwrap_used)]

mod scan;

use std::collections::BTreeSet;
use std::fs;

use super::*;
use crate::domain::FlowRefusal;

fn pages() -> Pages {
    Pages::new(&PagesConfig::default(), "/_menshen").unwrap()
}

/// Every sample in both languages, with a name for messages.
fn rendered() -> Vec<(String, Lang, Page, String)> {
    let pages = pages();
    let each = |page: Page| {
        let pages = &pages;
        Lang::ALL.map(|lang| {
            let html =
                pages.templates.render_strictly(lang, &page).unwrap_or_else(|e| panic!("{page:?}: {e:#}"));
            (format!("{lang} {page:?}"), lang, page.clone(), html)
        })
    };
    Page::samples().into_iter().flat_map(each).collect()
}

/// The opening tags of a page, as (name, rest of the tag).
fn tags(html: &str) -> Vec<(String, String)> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = rest.find('>').expect("a tag that ends");
        let (tag, after) = rest.split_at(end);
        rest = after;
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            tags.push((name.to_owned(), attributes.to_owned()));
        }
    }
    tags
}

fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let padded = attributes
        .find(&format!("{name}=\""))
        .filter(|&at| at == 0 || attributes.as_bytes()[at - 1].is_ascii_whitespace())?;
    attributes[padded + name.len() + 2..].split('"').next()
}

#[test]
fn every_page_renders_with_language_title_and_one_heading() {
    for (what, lang, page, html) in rendered() {
        assert!(html.starts_with("<!doctype html>\n<html lang=\""), "{what}: {}", &html[..60]);
        assert!(html.contains(&format!("<html lang=\"{}\">", lang.tag())), "{what}");
        assert_eq!(html.matches("<h1>").count(), 1, "{what}");
        let heading = html.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap();
        assert!(!heading.trim().is_empty(), "{what}");
        let title = html.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
        assert_eq!(title, format!("{heading} · Menshen"), "{what}");
        if let Some(code) = page.code() {
            assert_eq!(heading, code.words(lang).title, "{what}");
        }
    }
}

#[test]
fn no_page_needs_an_inline_script_or_style_or_another_host() {
    for (what, _, page, html) in rendered() {
        for (name, attributes) in tags(&html) {
            assert_ne!(name, "style", "{what}");
            assert!(name != "script" || attribute(&attributes, "src").is_some(), "{what}: inline script");
            let unquoted: String = attributes.split('"').step_by(2).collect();
            for word in unquoted.split_whitespace() {
                assert!(!word.starts_with("on"), "{what}: {word}");
                assert!(!word.starts_with("style="), "{what}: {word}");
            }
            for target in ["src", "href", "action"] {
                let Some(address) = attribute(&attributes, target) else { continue };
                let embedded = name == "iframe" && matches!(page, Page::Login(_));
                // WeChat's picture travels inside the page; a tap opens the mini program, and nothing else does.
                let picture = name == "img" && address.starts_with("data:image/");
                // People's own pictures are at WeChat, wherever a page may show them.
                let face = name == "img" && page.foreign() == Foreign::Pictures;
                let opens = name == "a" && address.starts_with("https://wxaurl.cn/");
                let elsewhere = name == "a" && matches!(page, Page::Account(_));
                let known = embedded || picture || face || opens || elsewhere;
                assert!(known || address.starts_with('/'), "{what}: {address}");
            }
        }
        assert!(!html.contains("javascript:"), "{what}");
    }
}

#[test]
fn every_control_has_words_and_every_frame_a_title() {
    for (what, _, _, html) in rendered() {
        let tags = tags(&html);
        let labels: BTreeSet<&str> =
            tags.iter().filter(|(n, _)| n == "label").filter_map(|(_, a)| attribute(a, "for")).collect();
        let ids: Vec<&str> = tags.iter().filter_map(|(_, a)| attribute(a, "id")).collect();
        assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "{what}: an id twice");
        for (name, attributes) in &tags {
            match name.as_str() {
                "input" if attribute(attributes, "type") == Some("hidden") => {}
                "input" | "select" | "textarea" => {
                    let id = attribute(attributes, "id").unwrap_or_else(|| panic!("{what}: no id"));
                    assert!(labels.contains(id), "{what}: {id} has no label");
                }
                "iframe" => assert!(!attribute(attributes, "title").unwrap().is_empty(), "{what}"),
                "img" => assert!(attributes.contains("alt="), "{what}"),
                "svg" => assert_eq!(attribute(attributes, "aria-hidden"), Some("true"), "{what}"),
                "form" => assert_eq!(attribute(attributes, "method"), Some("post"), "{what}"),
                _ => {}
            }
        }
        for element in ["a", "button", "summary", "label"] {
            for inner in html.split(&format!("<{element} ")).skip(1) {
                let text = inner.split_once('>').unwrap().1.split("</").next().unwrap();
                assert!(!text.trim().is_empty(), "{what}: <{element}> without words");
            }
        }
    }
}

#[test]
fn values_are_escaped_wherever_they_stand() {
    for (what, _, _, html) in rendered() {
        for raw in ["<b>", "<Staff>", "<here>", "&b=\"2\""] {
            assert!(!html.contains(raw), "{what}: {raw}");
        }
    }
    let config = PagesConfig {
        title: "<i>\"A & B\"</i>".into(),
        contact: "<u>help</u>".into(),
        logo: "/logo.svg?a=\"><s>".into(),
        ..PagesConfig::default()
    };
    let pages = Pages::new(&config, "/_menshen").unwrap();
    for page in Page::samples() {
        let html = pages.render(Lang::En, &page);
        assert!(!html.contains("<i>") && !html.contains("<u>") && !html.contains("<s>"), "{html}");
    }
}

#[test]
fn both_languages_have_the_same_texts_and_no_page_mixes_them() {
    fn keys(prefix: &str, table: &toml::Table, into: &mut BTreeSet<String>) {
        for (key, value) in table {
            let path = format!("{prefix}.{key}");
            match value {
                toml::Value::Table(inner) => keys(&path, inner, into),
                toml::Value::String(text) => {
                    assert!(!text.trim().is_empty(), "{path} is empty");
                    let slots = text.split('{').skip(1).map(|s| s.split('}').next().unwrap_or_default());
                    into.insert(format!("{path} {:?}", slots.collect::<Vec<_>>()));
                }
                other => panic!("{path} is no text: {other}"),
            }
        }
    }
    let [zh, en] = Lang::ALL.map(|lang| {
        let mut found = BTreeSet::new();
        keys("", &templates::texts(lang), &mut found);
        found
    });
    assert_eq!(zh, en);
    for (what, lang, page, html) in rendered() {
        // The button in WeChat itself has a Chinese name in every language.
        let snapshot = matches!(&page, Page::Ended(ended) if ended.reason == FlowRefusal::Snapshot);
        // An operator's label, and what people call themselves, stay as they are.
        let own_label = match &page {
            Page::Login(login) => login.methods.len() > 1,
            Page::Choose(_) | Page::Account(_) => true,
            _ => false,
        };
        let han = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
        if lang == Lang::En && !snapshot && !own_label {
            assert!(!html.contains(han), "{what}");
        }
        if lang == Lang::Zh {
            let heading = html.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap();
            assert!(heading.contains(han), "{what}");
        }
    }
}

#[test]
fn every_text_is_used_by_a_page() {
    let shown: String = rendered().into_iter().map(|(.., html)| html).collect();
    let shown = shown.replace("&#x27;", "'");
    let with_contact = PagesConfig { contact: "the desk".into(), ..PagesConfig::default() };
    let with_contact = Pages::new(&with_contact, "/_menshen").unwrap();
    let contact: String = Page::samples()
        .iter()
        .flat_map(|page| Lang::ALL.map(|lang| with_contact.render(lang, page)))
        .collect();
    fn walk(table: &toml::Table, check: &impl Fn(&str)) {
        for value in table.values() {
            match value {
                toml::Value::Table(inner) => walk(inner, check),
                other => check(other.as_str().unwrap()),
            }
        }
    }
    for lang in Lang::ALL {
        let texts = templates::texts(lang);
        walk(&texts, &|text| {
            let filled = text
                .replace("{contact}", "the desk")
                .replace("{host}", "intranet.example.com")
                .replace("{minutes}", "2")
                .replace("{days}", "12")
                .replace("{id}", "a&quot;1")
                .replace("{to}", "z***@example.com")
                .replace("{account}", "Ann &lt;b&gt;")
                .replace("{number}", "+8613*******66")
                .replace(
                    "{seconds}",
                    if text.contains("just now") || text.contains("刚刚发送") { "42" } else { "58" },
                )
                .replace("{hours}", "23")
                .replace("{count}", "2")
                .replace("{when}", if lang == Lang::Zh { "刚刚" } else { "just now" });
            // What a mail says stands on no page.
            let letter =
                texts["letter"].as_table().unwrap().values().any(|words| words.as_str() == Some(text));
            assert!(shown.contains(text) || contact.contains(&filled) || letter, "no page says {text:?}");
        });
    }
}

#[test]
fn a_trouble_page_shows_the_request_and_a_way_on() {
    for (what, _, page, html) in rendered() {
        if page.code().is_none() {
            continue;
        }
        if !matches!(&page, Page::Error(error) if error.request_id.is_empty()) {
            assert!(html.contains("01J9ZK3M7T5RQW"), "{what}");
            let snapshot = matches!(&page, Page::Ended(ended) if ended.reason == FlowRefusal::Snapshot);
            assert!(snapshot || html.contains("<a class=\"button"), "{what}");
        }
    }
}

/// Acceptance: A14.
#[test]
fn every_refusal_has_a_page_of_its_own() {
    let pages = pages();
    let mut seen = BTreeSet::new();
    for sample in Ended::samples() {
        let page = Page::Ended(sample);
        assert!(page.status().is_client_error() || page.status().is_server_error(), "{page:?}");
        assert!(seen.insert(pages.render(Lang::Zh, &page)), "{page:?}");
    }
    assert_eq!(seen.len(), 16);
}

#[test]
fn the_snapshot_page_names_the_button_in_both_languages() {
    let snapshot = Ended {
        reason: FlowRefusal::Snapshot,
        again_href: "/".into(),
        adding: false,
        request_id: "r".into(),
    };
    for lang in Lang::ALL {
        assert!(pages().render(lang, &Page::Ended(snapshot.clone())).contains("「使用完整服务」"));
    }
}

#[test]
fn every_linked_asset_exists_under_a_name_that_follows_its_content() {
    let pages = pages();
    for (what, _, _, html) in rendered() {
        let linked: Vec<String> = tags(&html)
            .iter()
            .flat_map(|(_, attributes)| ["src", "href"].map(|name| attribute(attributes, name)))
            .flatten()
            .filter_map(|address| address.strip_prefix("/_menshen/assets/").map(str::to_owned))
            .collect();
        assert!(linked.len() >= 4, "{what}: {linked:?}");
        for name in linked {
            assert!(!pages.asset(&name).unwrap_or_else(|| panic!("{name}")).bytes.is_empty());
        }
    }
    let red = PagesConfig { accent: "#b00020".into(), ..PagesConfig::default() };
    let red = Pages::new(&red, "/_menshen").unwrap();
    assert_ne!(red.assets.theme, pages.assets.theme);
    assert_eq!(red.assets.style, pages.assets.style);
    let logo = red.asset(&red.assets.logo).unwrap();
    assert_eq!(logo.content_type, "image/svg+xml");
    let logo = String::from_utf8(logo.bytes.to_vec()).unwrap();
    assert!(logo.contains("#b00020") && !logo.contains("#07854a"));
    assert_eq!(pages.asset("style.css"), None);
}

#[test]
fn the_style_sheet_loads_nothing_and_no_script_makes_markup() {
    let pages = pages();
    let text = |name: &str| String::from_utf8(pages.asset(name).unwrap().bytes.to_vec()).unwrap();
    let style = text(&pages.assets.style);
    assert!(!style.contains("url(") && !style.contains("@import"));
    for script in [text(&pages.assets.login_script), text(&pages.assets.scan_script)] {
        assert!(script.contains("\"use strict\""));
        for forbidden in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "document.write", ".style."]
        {
            assert!(!script.contains(forbidden), "{forbidden}");
        }
    }
}

#[test]
fn the_policy_allows_one_frame_and_nothing_foreign() {
    let pages = pages();
    let bare = pages.csp(Foreign::Nothing);
    assert!(bare.starts_with("default-src 'none'; ") && !bare.contains("frame-src"));
    assert!(bare.contains("frame-ancestors 'none'") && bare.contains("base-uri 'none'"));
    assert!(!bare.contains("unsafe") && !bare.contains('*') && !bare.contains("https:"));
    let framed = pages.csp(Foreign::Frame("https://open.weixin.qq.com"));
    assert_eq!(framed, format!("{bare}; frame-src https://open.weixin.qq.com"));
    for bad in ["", "https://a.example; script-src *", "https://a.example 'unsafe-inline'", "a\r\nb"] {
        assert_eq!(pages.csp(Foreign::Frame(bad)), bare, "{bad:?}");
    }
}

#[test]
fn only_pages_that_show_people_take_pictures_from_other_hosts() {
    let pages = pages();
    let bare = pages.csp(Foreign::Nothing);
    assert_eq!(
        pages.csp(Foreign::Pictures),
        bare.replace("img-src 'self' data:", "img-src 'self' data: https:")
    );
    for page in Page::samples() {
        let scan = matches!(&page, Page::Login(Login { body: LoginBody::Scan(_), .. }));
        let faces = scan || matches!(&page, Page::Choose(_) | Page::Account(_));
        assert_eq!(page.foreign() == Foreign::Pictures, faces, "{page:?}");
    }
}

#[test]
fn a_notice_survives_its_way_through_an_address() {
    for notice in Notice::ALL {
        assert_eq!(notice.as_str().parse(), Ok(notice));
        assert_eq!(serde_json::to_value(notice).unwrap(), notice.as_str());
    }
    for notice in AccountNotice::ALL {
        assert_eq!(notice.as_str().parse(), Ok(notice));
        assert_eq!(serde_json::to_value(notice).unwrap(), notice.as_str());
    }
    assert!("<script>".parse::<Notice>().is_err() && "<script>".parse::<AccountNotice>().is_err());
}

fn with_templates(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Pages, Vec<(String, String)>>) {
    let directory = tempfile::tempdir().unwrap();
    for (name, source) in files {
        fs::write(directory.path().join(name), source).unwrap();
    }
    let config = PagesConfig { templates: Some(directory.path().to_owned()), ..PagesConfig::default() };
    let pages = Pages::new(&config, "/_menshen");
    (directory, pages)
}

#[test]
fn an_operator_replaces_one_page_and_keeps_the_rest() {
    let own = "{% extends \"layout.html\" %}{% block heading %}Bye{% endblock %}\
               {% block content %}{% include \"_foot.html\" %}{% endblock %}";
    let (_directory, pages) = with_templates(&[
        ("logged_out.html", own),
        ("_foot.html", "{{ t.common.home }}"),
        ("notes.txt", "{{"),
    ]);
    let pages = pages.unwrap();
    let html = pages.render(Lang::En, &Page::LoggedOut(LoggedOut { login_href: "/".into() }));
    assert!(html.contains("<h1>Bye</h1>") && html.contains("To the front page"), "{html}");
    let other =
        Page::Logout(Logout { action: "/x".into(), account_href: "/y".into(), stay_href: "/".into() });
    assert_eq!(pages.render(Lang::En, &other), super::tests::pages().render(Lang::En, &other));
}

#[rstest::rstest]
#[case("login.html", "<p>\n{% if %}", "login.html line 2: syntax error")]
#[case("login.html", "<p>\n\n{{ page.nickname }}", "login.html line 3: undefined value")]
#[case(
    "ended.html",
    "{% if page.reason == 'snapshot' %}\n{{ words.colour }}{% endif %}",
    "ended.html line 2"
)]
#[case("layout.html", "\n{{ site.tilte }}", "layout.html line 2: undefined value")]
#[case("error.html", "{% include 'nothing.html' %}", "error.html line 1")]
#[case("signin.html", "", "replaces no page: the names are layout.html")]
fn a_broken_override_is_named_with_file_and_line(
    #[case] name: &str,
    #[case] source: &str,
    #[case] told: &str,
) {
    let (directory, pages) = with_templates(&[(name, source)]);
    let problems = pages.unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let (key, message) = &problems[0];
    assert_eq!(key, "pages.templates");
    assert!(message.contains(told), "{message}");
    assert!(message.contains(directory.path().to_str().unwrap()), "{message}");
}

#[test]
fn a_missing_template_directory_is_a_problem() {
    let config = PagesConfig { templates: Some("/nonexistent/menshen".into()), ..PagesConfig::default() };
    let problems = Pages::new(&config, "/_menshen").unwrap_err();
    assert!(problems[0].1.contains("cannot read /nonexistent/menshen"), "{problems:?}");
}

#[test]
fn an_override_that_fails_on_a_live_value_gives_way_to_the_built_in_page() {
    let own = "{% if page.request_id == 'live' %}{{ page.nothing }}{% endif %}<h1>own</h1>";
    let (_directory, pages) = with_templates(&[("error.html", own)]);
    let pages = pages.unwrap();
    let page = |request_id: &str| {
        Page::Error(ErrorPage {
            code: ErrorCode::UpstreamDown,
            detail: None,
            request_id: request_id.into(),
            retry_href: None,
            home_href: None,
        })
    };
    assert_eq!(pages.render(Lang::En, &page("other")), "<h1>own</h1>");
    assert!(pages.render(Lang::En, &page("live")).contains("The application is not answering"));
}
