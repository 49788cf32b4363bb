//! One thing wrong at a time: it is named, with its cure, and nothing else is blamed.

use std::sync::Arc;

use menshen::doctor::Outcome::{Ok as Fine, Problem, Unknown, Warning};
use menshen::ground::{Clock, ManualClock, Span, SystemClock};
use menshen::simulator::{
    AppKind, DEMO_PUSH_TOKEN, DEMO_SERVICE_APP_ID, DEMO_SERVICE_SECRET, DEMO_WEBSITE_APP_ID, Fault,
    WrongSecret,
};

use super::house::{House, assert_found, found, problems};

#[rstest::rstest]
#[case(WrongSecret::InvalidSecret, "40125")]
#[case(WrongSecret::InvalidCredential, "40001")]
#[tokio::test]
async fn a_wrong_secret_is_told_by_every_call_that_presents_it(
    #[case] answer: WrongSecret,
    #[case] code: &str,
) {
    let mut house = House::open().await;
    house.hand().set_wrong_secret(answer);
    house.edit(DEMO_SERVICE_SECRET, "00000000000000000000000000000000");
    let report = house.examine().await;
    assert_eq!(problems(&report), [("credentials", "service"), ("server_token", "service")]);
    assert_found(&report, "credentials", "service", Problem, code);
    assert_found(&report, "credentials", "service", Problem, "mp.weixin.qq.com");
    assert_found(&report, "ip_whitelist", "service", Unknown, "first");
    assert_found(&report, "scene_codes", "service", Unknown, "no server token");
}

#[tokio::test]
async fn an_unknown_app_id_is_told() {
    let mut house = House::open().await;
    house.edit(DEMO_WEBSITE_APP_ID, "wx0de00000000000ff");
    let report = house.examine().await;
    assert_eq!(problems(&report), [("credentials", "website"), ("callback_domain", "website")]);
    assert_found(&report, "credentials", "website", Problem, "40013");
    assert_found(&report, "callback_domain", "website", Problem, "AppID");
}

#[tokio::test]
async fn the_address_to_whitelist_is_named() {
    let house = House::open().await;
    let elsewhere = "192.0.2.0/24".parse().unwrap();
    house.hand().set_ip_whitelist(DEMO_SERVICE_APP_ID, Some(vec![elsewhere])).unwrap();
    let report = house.examine().await;
    assert_eq!(problems(&report), [("ip_whitelist", "service")]);
    assert_found(&report, "ip_whitelist", "service", Problem, "WeChat sees 127.0.0.1");
    assert_found(&report, "ip_whitelist", "service", Problem, "IP白名单");
    assert_found(&report, "credentials", "service", Fine, "");
}

#[tokio::test]
async fn an_account_that_is_not_verified_can_neither_make_codes_nor_log_in_on_pages() {
    let house = House::with(|config| config.apps[1].kind = AppKind::ServiceAccount { verified: false }).await;
    let house = house.serve().await;
    let report = house.examine().await;
    assert_eq!(problems(&report), [("scene_codes", "service"), ("callback_domain", "service")]);
    assert_found(&report, "scene_codes", "service", Problem, "48001");
    assert_found(&report, "callback_domain", "service", Problem, "not a verified service account");
}

#[tokio::test]
async fn a_callback_host_that_is_not_registered_is_told_for_both_kinds() {
    let house = House::with(|config| {
        for app in &mut config.apps {
            app.domain = "login.example.com".into();
        }
    })
    .await;
    let house = house.serve().await;
    let report = house.examine().await;
    assert_eq!(problems(&report), [("callback_domain", "website"), ("callback_domain", "service")]);
    assert_found(&report, "callback_domain", "website", Problem, "授权回调域");
    assert_found(&report, "callback_domain", "service", Problem, "网页授权域名");
    assert_found(&report, "callback_domain", "website", Problem, "register exactly `127.0.0.1`");
}

#[tokio::test]
async fn an_account_in_place_of_a_website_may_not_show_codes() {
    let house = House::with(|config| config.apps[0].kind = AppKind::Mobile).await;
    let house = house.serve().await;
    let report = house.examine().await;
    assert_eq!(problems(&report), [("callback_domain", "website")]);
    assert_found(&report, "callback_domain", "website", Problem, "approved website app");
}

#[tokio::test]
async fn a_page_that_is_not_known_is_left_to_a_person() {
    let house = House::open().await;
    house.hand().fault("/connect/qrconnect", Fault::Garbage, 1);
    let report = house.examine().await;
    assert!(report.is_well());
    let address = format!("{}/connect/qrconnect?appid={DEMO_WEBSITE_APP_ID}", house.wechat.base_url());
    assert_found(&report, "callback_domain", "website", Unknown, &address);
}

#[rstest::rstest]
#[case(90, Warning, &[])]
#[case(270, Problem, &[("clock", "this machine")])]
#[tokio::test]
async fn a_clock_that_is_wrong_is_told_before_pushes_are_stale(
    #[case] ahead: u64,
    #[case] outcome: menshen::doctor::Outcome,
    #[case] expected: &[(&str, &str)],
) {
    let house = House::open().await;
    let clock = ManualClock::new(SystemClock.now().plus(Span::from_secs(ahead)));
    let report = house.examine_at(Arc::new(clock)).await;
    assert_eq!(problems(&report), expected);
    assert_found(&report, "clock", "this machine", outcome, "ahead of WeChat's");
}

/// Here the doctor's machine is not the gateway's.
#[tokio::test]
async fn a_gateway_that_takes_the_check_for_stale_has_another_clock() {
    let house = House::open().await;
    let clock = ManualClock::new(SystemClock.now().plus(Span::from_mins(10)));
    let report = house.examine_at(Arc::new(clock)).await;
    assert_found(&report, "push_address", "service", Problem, "differs from this machine's");
}

#[tokio::test]
async fn without_a_gateway_one_line_says_so_and_what_hangs_on_it_is_unknown() {
    let house = House::with(|_| {}).await.close();
    let report = house.examine().await;
    assert_eq!(problems(&report), [("public_address", house.public.as_str())]);
    assert_found(&report, "public_address", &house.public, Problem, "menshen run");
    assert_found(&report, "push_address", "service", Unknown, "nobody answers");
    assert_found(&report, "verification_file", super::house::FILE, Unknown, "nobody answers");
    assert_found(&report, "store", found_store(&report), Warning, "no gateway has run");
    assert!(!house.folder.path().join("store.redb").exists(), "a check makes no store");
}

fn found_store(report: &menshen::doctor::Report) -> &str {
    &report.findings.iter().find(|finding| finding.check == "store").unwrap().subject
}

#[tokio::test]
async fn a_gateway_that_runs_with_another_token_is_told_but_wechats_console_cannot_be() {
    let mut house = House::open().await;
    house.edit(DEMO_PUSH_TOKEN, "AnotherToken");
    let report = house.examine().await;
    assert_eq!(problems(&report), [("push_address", "service")]);
    assert_found(&report, "push_address", "service", Problem, "reload");
    assert_found(&report, "push_console", "service", Unknown, "nobody can ask WeChat");
}

#[tokio::test]
async fn a_gateway_that_runs_with_an_older_config_is_told() {
    let mut house = House::open().await;
    house.edit("id = \"service\"", "id = \"renamed\"");
    house.edit("app = \"service\"", "app = \"renamed\"");
    house.edit("doctor-content\"", "newer-content\"\n\"MP_verify_new.txt\" = \"new\"");
    let report = house.examine().await;
    let expected = [
        ("verification_file", super::house::FILE),
        ("verification_file", "MP_verify_new.txt"),
        ("push_address", "renamed"),
    ];
    assert_eq!(problems(&report), expected);
    assert_found(&report, "verification_file", "MP_verify_new.txt", Problem, "does not know this file");
    assert_found(&report, "push_address", "renamed", Problem, "knows no account of this name");
}

#[tokio::test]
async fn a_wechat_that_cannot_be_reached_is_a_problem_of_everything_that_asks_it() {
    let mut house = House::open().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let wechat = house.wechat.base_url().to_owned();
    house.edit(&wechat, &address);
    house.edit("api_backup = \"\"", "api_backup = \"\"\ntimeout = \"500ms\"\nconnect_timeout = \"400ms\"");
    let report = house.examine().await;
    assert_found(&report, "clock", "this machine", Problem, "firewall");
    assert_found(&report, "credentials", "website", Problem, "does not answer");
    assert_found(&report, "server_token", "service", Problem, "does not answer");
    assert_found(&report, "callback_domain", "service", Problem, "does not answer");
    assert_eq!(found(&report, "public_address", &house.public).verdict.outcome, Fine);
}

#[tokio::test]
async fn a_busy_wechat_is_no_problem_of_ours() {
    let house = House::open().await;
    house.hand().fault("/cgi-bin/qrcode/create", Fault::Errcode(45011), 1);
    let report = house.examine().await;
    assert!(report.is_well());
    assert_found(&report, "scene_codes", "service", Unknown, "45011");
}
