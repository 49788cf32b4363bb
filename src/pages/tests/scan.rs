//! The panel with a code of an official account, the words its script says, and the pages the phone shows.

use super::*;

fn scan() -> Scan {
    Scan {
        of: CodeOf::Account,
        picture: "<svg viewBox=\"0 0 1 1\" aria-hidden=\"true\"><path d=\"M0 0h1v1z\"/></svg>".into(),
        picture_href: None,
        logo_href: None,
        open_href: None,
        events_href: "/_menshen/flow/events?flow=f1".into(),
        state_href: "/_menshen/flow/state?flow=f1".into(),
        finish_href: "/_menshen/flow/finish?flow=f1".into(),
        again_href: "/_menshen/login?rt=%2F&method=follow".into(),
        expires_in: 175,
        asks: true,
    }
}

fn login(scan: Scan) -> Page {
    let link =
        |label, href: &str, selected| MethodLink { label, href: href.into(), selected, available: true };
    let methods = vec![
        link(MethodLabel::Follow, "/_menshen/login?method=follow", true),
        link(MethodLabel::Own("<i>Staff</i>".into()), "/_menshen/login?method=staff", false),
        link(MethodLabel::Scan, "/_menshen/login?method=scan", false),
    ];
    Page::Login(Login {
        methods,
        body: LoginBody::Scan(scan),
        notice: None,
        account_href: None,
        instead: None,
    })
}

/// The attributes of the element that has the attribute `name`.
fn element(html: &str, name: &str) -> String {
    let has = |attributes: &String| attributes.split_whitespace().any(|word| word == name);
    tags(html).into_iter().map(|(_, attributes)| attributes).find(has).unwrap_or_else(|| panic!("no {name}"))
}

fn script() -> String {
    let pages = pages();
    String::from_utf8(pages.asset(&pages.assets.scan_script).unwrap().bytes.to_vec()).unwrap()
}

/// What stands between two marks, wherever they do.
fn between<'a>(text: &'a str, start: &str, end: &str) -> BTreeSet<&'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split(end).next()).collect()
}

#[test]
fn the_panel_tells_its_script_where_to_listen_and_for_how_long() {
    let html = pages().render(Lang::En, &login(scan()));
    let panel = element(&html, "data-scan");
    for (name, expected) in [
        ("data-events-href", "/_menshen/flow/events?flow=f1"),
        ("data-state-href", "/_menshen/flow/state?flow=f1"),
        ("data-finish-href", "/_menshen/flow/finish?flow=f1"),
        ("data-again-href", "/_menshen/login?rt=%2F&amp;method=follow"),
        ("data-expires-in", "175"),
        ("data-now", "waiting"),
    ] {
        assert_eq!(attribute(&panel, name), Some(expected), "{name}");
    }
}

#[test]
fn a_drawn_code_stands_in_the_page_as_it_is_and_nothing_else_does() {
    let html = pages().render(Lang::Zh, &login(scan()));
    assert!(html.contains(&scan().picture));
    assert!(html.contains("&lt;i&gt;Staff&lt;/i&gt;") && !html.contains("<i>"));
    for field in 0..5 {
        let mut evil = scan();
        let target = match field {
            0 => &mut evil.events_href,
            1 => &mut evil.state_href,
            2 => &mut evil.finish_href,
            3 => &mut evil.again_href,
            _ => evil.picture_href.insert(String::new()),
        };
        "/\"><script src=\"/x\"></script>".clone_into(target);
        assert!(!pages().render(Lang::Zh, &login(evil)).contains("<script src=\"/x\">"), "{field}");
    }
}

#[test]
fn wechats_own_picture_takes_the_place_of_a_drawn_code() {
    let html = pages().render(Lang::En, &login(Scan { picture_href: Some("/p?flow=f1".into()), ..scan() }));
    assert!(html.contains("<img src=\"/p?flow=f1\" alt=\"\""));
    assert!(!html.contains(&scan().picture));
}

/// Nobody is told to confirm what nobody is asked.
#[test]
fn a_scan_that_asks_nothing_is_said_to_go_on_by_itself() {
    for (asks, said) in [(true, "Please confirm"), (false, "One moment")] {
        let html = pages().render(Lang::En, &login(Scan { asks, ..scan() }));
        let status = element(&html, "data-scan-status");
        assert!(attribute(&status, "data-scanned").unwrap().contains(said), "{status}");
    }
}

#[test]
fn without_scripts_links_lead_on_and_to_a_new_code() {
    let html = pages().render(Lang::En, &login(scan()));
    let bare = html.split("<noscript>").nth(1).unwrap().split("</noscript>").next().unwrap();
    let links: Vec<_> =
        tags(bare).iter().filter_map(|(_, a)| attribute(a, "href").map(str::to_owned)).collect();
    assert_eq!(links, ["/_menshen/flow/finish?flow=f1", "/_menshen/login?rt=%2F&amp;method=follow"]);
}

#[test]
fn only_the_page_with_a_code_runs_its_script() {
    let name = pages().assets.scan_script;
    for (what, _, page, html) in rendered() {
        let scan = matches!(&page, Page::Login(Login { body: LoginBody::Scan(_), .. }));
        assert_eq!(html.contains(&name), scan, "{what}");
    }
}

#[test]
fn methods_are_tabs_in_the_order_given_and_one_is_current() {
    let html = pages().render(Lang::En, &login(scan()));
    let links: Vec<(String, bool)> = tags(&html)
        .iter()
        .filter_map(|(name, a)| {
            attribute(a, "href").filter(|href| name == "a" && href.contains("method=")).map(|href| (a, href))
        })
        .take(3)
        .map(|(a, href)| (href.rsplit('=').next().unwrap().to_owned(), a.contains("aria-current=\"page\"")))
        .collect();
    assert_eq!(links, [("follow".into(), true), ("staff".into(), false), ("scan".into(), false)]);
}

/// Whatever the script shows or says, the page has the words and the cover for it.
#[test]
fn the_script_and_the_page_know_the_same_states_and_words() {
    let script = script();
    let html = pages().render(Lang::En, &login(scan()));
    let states = script.split("STATES = [").nth(1).unwrap().split(']').next().unwrap();
    let states: BTreeSet<&str> = states.split('"').skip(1).step_by(2).collect();
    assert_eq!(states, BTreeSet::from(["approved", "expired", "refused", "scanned", "waiting"]));
    let covers = between(&html, "data-cover=\"", "\"");
    assert_eq!(covers, states.iter().copied().filter(|state| *state != "waiting").collect());
    let status = element(&html, "data-scan-status");
    assert_eq!(attribute(&status, "aria-live"), Some("polite"));
    let mut said = between(&script, "say(\"", "\"");
    said.extend(covers);
    // What is no single word is the rest of `say("")`, which falls silent.
    said.retain(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()));
    assert!(said.len() > 8, "{said:?}");
    for word in said {
        assert!(attribute(&status, &format!("data-{word}")).is_some(), "{word}");
    }
    for name in ["data-code", "data-who", "data-face", "data-renew", "data-scan-plain"] {
        assert!(script.contains(&format!("[{name}]")), "{name}");
        element(&html, name);
    }
}

#[test]
fn the_script_stores_nothing_and_reaches_only_what_the_page_names() {
    let script = script();
    for forbidden in
        ["localStorage", "sessionStorage", "document.cookie", "http://", "XMLHttpRequest", "window.open"]
    {
        assert!(!script.contains(forbidden), "{forbidden}");
    }
    assert_eq!(script.matches("fetch(").count(), 1);
    assert_eq!(script.matches("new EventSource(").count(), 1);
}

fn confirm() -> Confirm {
    Confirm {
        site_host: "app.example".into(),
        browser: Some("Edge, Windows".into()),
        ip: Some("203.0.113.7".into()),
        began_secs_ago: 59,
        action: "/_menshen/confirm".into(),
        adding: false,
        token: "t0ken".into(),
    }
}

#[rstest::rstest]
#[case(0, "just now", "刚刚")]
#[case(59, "just now", "刚刚")]
#[case(60, "1 min ago", "1 分钟前")]
#[case(179, "2 min ago", "2 分钟前")]
fn the_phone_is_told_which_site_which_browser_and_when(
    #[case] secs: u64,
    #[case] en: &str,
    #[case] zh: &str,
) {
    let page = Page::Confirm(Confirm { began_secs_ago: secs, ..confirm() });
    assert_eq!((page.status().as_u16(), page.code()), (200, None));
    let html = pages().render(Lang::En, &page);
    for told in ["Sign in to app.example?", "Edge, Windows", "203.0.113.7", en, "decline"] {
        assert!(html.contains(told), "{told}");
    }
    let html = pages().render(Lang::Zh, &page);
    for told in ["在 app.example 登录？", zh, "如果不是您本人在电脑上扫码，请拒绝"] {
        assert!(html.contains(told), "{told}");
    }
}

#[test]
fn the_phone_answers_yes_or_no_with_a_form() {
    let html = pages().render(Lang::En, &Page::Confirm(confirm()));
    let tags = tags(&html);
    let of = |kind: &str| {
        tags.iter().filter(|(name, _)| name == kind).map(|(_, a)| a.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(attribute(of("form")[0], "action"), Some("/_menshen/confirm"));
    let field = of("input")[0];
    assert_eq!((attribute(field, "name"), attribute(field, "value")), (Some("token"), Some("t0ken")));
    let answers: Vec<_> =
        of("button").iter().map(|a| (attribute(a, "name"), attribute(a, "value"))).collect();
    assert_eq!(answers, [(Some("answer"), Some("yes")), (Some("answer"), Some("no"))]);
}

#[test]
fn the_phone_is_told_what_its_answer_did() {
    let html = |approved, adding| pages().render(Lang::En, &Page::Confirmed(Confirmed { approved, adding }));
    assert!(
        html(true, false).contains("<h1>You have confirmed</h1>")
            && html(true, false).contains("Go on at the computer")
    );
    let no = html(false, false);
    assert!(no.contains("<h1>You have declined</h1>") && no.contains("was not signed in"));
    // Whoever adds their WeChat reads nothing about signing in.
    assert!(html(true, true).contains("your WeChat is added to the account"));
    let no = html(false, true);
    assert!(no.contains("Your WeChat was not added") && !no.contains("signed in"), "{no}");
}
