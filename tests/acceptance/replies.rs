//! What people read in the chat.

use menshen::simulator::{PushFormat, PushMode, PushOutcome};
use rstest::rstest;

use crate::letters::{Pen, scan_event};
use crate::scanning::{directory, setup_with};
use crate::world::{SERVICE, Setup, World};

/// With a title that means something in markup.
fn titled(app: &str, method: &str) -> Setup {
    let setup = setup_with(app, method);
    Setup { routes: format!("{}\n[pages]\ntitle = \"门神 <b>{{host}}</b>\"", setup.routes), ..setup }
}

/// Acceptance: M5f.
#[tokio::test]
async fn by_default_who_scans_reads_where_they_signed_in() {
    let world = World::scanning_with(titled("", "")).await;
    world.desktop().log_in_by_scan("zhang", "/").await.received();
    world.wechat.settled().await;
    // Names are names: they bring no markup and no placeholder of their own.
    assert_eq!(
        world.wechat.chat(SERVICE, "zhang"),
        ["您已扫码登录 门神 bhost/b（127.0.0.1），请回到电脑继续。"]
    );
}

/// Acceptance: M5f.
#[rstest]
#[case::secure_xml(PushMode::Secure, PushFormat::Xml)]
#[case::secure_json(PushMode::Secure, PushFormat::Json)]
#[case::compatible(PushMode::Compatible, PushFormat::Xml)]
#[tokio::test]
async fn the_operators_own_text_is_said_in_every_mode(#[case] mode: PushMode, #[case] format: PushFormat) {
    let replies = r#"replies = { signed_in = "{host} | {site} | ]]> & <a href=\"https://x.example/?a=1&b=2\">x</a> 🎉" }"#;
    let world = World::with(setup_with(replies, "")).await;
    world.push_to(0, mode, format).await;
    world.desktop().log_in_by_scan("zhang", "/").await.received();
    world.wechat.settled().await;
    let text = world.last_text("zhang").unwrap();
    assert!(text.starts_with("127.0.0.1 | "), "{text}");
    assert!(text.ends_with("]]> & <a href=\"https://x.example/?a=1&b=2\">x</a> 🎉"), "{text}");
    assert!(!text.contains("{site}"), "{text}");
}

/// Acceptance: M5f.
#[tokio::test]
async fn an_empty_text_says_nothing_and_logs_in_all_the_same() {
    let world = World::scanning_with(setup_with("replies = { signed_in = \"\" }", "")).await;
    world.desktop().log_in_by_scan("zhang", "/").await.received();
    world.wechat.settled().await;
    let push = world.wechat.pushes(SERVICE).pop().unwrap();
    assert_eq!((push.outcome, push.attempts), (PushOutcome::Handled, 1));
    assert_eq!(world.last_text("zhang"), None);
}

/// Acceptance: M5f, M5c (a code works for one login).
#[rstest]
#[case::ours("", "二维码已失效，请在电脑上刷新后重新扫描。")]
#[case::own("replies = { expired = \"Too late for {site}\" }", "Too late for ")]
#[tokio::test]
async fn who_scans_a_used_code_is_told_so(#[case] replies: &str, #[case] words: &str) {
    let world = World::scanning_with(setup_with(replies, "")).await;
    let desktop = world.desktop();
    let page = desktop.show_code("/").await;
    page.scanned_by("zhang");
    page.becomes("approved").await;
    page.go_on().await.received();
    page.scanned_by("lina");
    world.wechat.settled().await;
    let text = world.last_text("lina").unwrap();
    assert!(text.starts_with(words), "{text}");
    assert_eq!(world.rows(&[world.open_key(SERVICE, "lina")]).await, [None]);
    assert_eq!(world.wechat.calls("/cgi-bin/user/info"), 1);
}

/// Acceptance: M5f (a message that was long on its way).
#[tokio::test]
async fn a_scan_of_a_code_that_has_run_out_is_told_so() {
    let world = World::with(Setup { directory: directory("", ""), ..Setup::default() }).await;
    world.push_to(0, PushMode::Plain, PushFormat::Xml).await;
    let desktop = world.desktop();
    let page = desktop.show_code("/").await;
    world.advance(menshen::ground::Span::from_secs(180));
    for scene in [page.code.scene.as_str(), "menshen_nothing"] {
        let nonce = scene.to_owned();
        let pen = Pen { nonce, ..Pen::of(&world.wechat) };
        let reply = world.post(&pen.plain(scan_event(&world.wechat, "zhang", scene))).await;
        assert_eq!(reply.status, 200, "{reply}");
        assert!(reply.text().contains("二维码已失效"), "{reply}");
    }
    assert_eq!(page.state_name().await, "expired");
}

/// Acceptance: M5f.
#[tokio::test]
async fn a_new_follower_without_a_code_reads_the_operators_welcome() {
    let world = World::scanning_with(setup_with("replies = { follow = \"Welcome to {site}!\" }", "")).await;
    world.is_followed_by("zhang").await;
    let text = world.last_text("zhang").unwrap();
    assert!(text.starts_with("Welcome to ") && text.ends_with('!') && !text.contains("{site}"), "{text}");
    // Nothing else is answered.
    world.wechat.send_text(SERVICE, "zhang", "hello").unwrap();
    world.wechat.click_menu(SERVICE, "zhang", "menu").unwrap();
    world.wechat.settled().await;
    assert_eq!(world.wechat.chat(SERVICE, "zhang").len(), 1);
    assert!(world.wechat.pushes(SERVICE)[1..].iter().all(|push| push.outcome == PushOutcome::Handled));
}

/// Acceptance: M5f.
#[tokio::test]
async fn by_default_a_new_follower_without_a_code_is_told_nothing() {
    let world = World::scanning().await;
    world.is_followed_by("zhang").await;
    assert_eq!(world.last_text("zhang"), None);
    assert_eq!(world.wechat.pushes(SERVICE)[0].outcome, PushOutcome::Handled);
}
