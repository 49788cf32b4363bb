//! Mini programs and mobile apps: the page and the links that a login opens, and what stands in their way.

use menshen::doctor::Outcome::{self, Ok as Fine, Problem, Unknown, Warning};
use menshen::doctor::Report;
use menshen::simulator::{
    self, DEMO_MINI_APP_ID, DEMO_MINI_ORIGINAL_ID, DEMO_MINI_SECRET, DEMO_MOBILE_APP_ID, DEMO_MOBILE_SECRET,
    EnvVersion, Fault,
};
use rstest::rstest;

use super::house::{House, assert_found, found, problems};

const CODE: &str = "/wxa/getwxacodeunlimit";
const URL_LINK: &str = "/wxa/generate_urllink";
const SCHEME: &str = "/wxa/generatescheme";
const TOKEN: &str = "/cgi-bin/stable_token";

/// The method that native apps open, and no other page of the mini program.
const LAUNCH: &str = "[[methods]]\nid = \"launch\"\nkind = \"app_launch\"\napp = \"mini\"\n";

impl House {
    /// A house with a mini program and a mobile app beside the others, with every method of theirs.
    async fn with_programs(change: impl FnOnce(&mut simulator::Config)) -> Self {
        let mut house = Self::with(change).await;
        let programs = format!(
            r#"[[apps]]
id = "mini"
kind = "mini_program"
app_id = "{DEMO_MINI_APP_ID}"
secret = "{DEMO_MINI_SECRET}"
original_id = "{DEMO_MINI_ORIGINAL_ID}"
pool = "people"
[[apps]]
id = "mobile"
kind = "mobile"
app_id = "{DEMO_MOBILE_APP_ID}"
secret = "{DEMO_MOBILE_SECRET}"
pool = "people"
[[methods]]
id = "mini"
kind = "mini_program"
app = "mini"
[[methods]]
id = "phone"
kind = "mini_program_scan"
app = "mini"
open = "url_link"
{LAUNCH}[[methods]]
id = "app"
kind = "mobile_app"
app = "mobile"
[[upstreams]]"#
        );
        house.edit("[[upstreams]]", &programs);
        house.serve().await
    }

    /// The same where only native apps open the mini program.
    async fn with_a_launch_alone() -> Self {
        let mut house = Self::with_programs(|_| {}).await;
        let text = house.text.clone();
        let from = text.find("[[methods]]\nid = \"mini\"").unwrap();
        let to = text.find(LAUNCH).unwrap();
        house.edit(&text[from..to], "");
        house
    }
}

/// What was found about the mini program and its methods, in its order.
fn of_the_program(report: &Report) -> Vec<(&str, &str, Outcome)> {
    let ours =
        report.findings.iter().filter(|one| ["mini", "phone", "launch"].contains(&one.subject.as_str()));
    ours.map(|one| (one.check, one.subject.as_str(), one.verdict.outcome)).collect()
}

/// Acceptance: M8.
#[tokio::test]
async fn a_program_in_order_has_its_token_its_pages_and_its_link() {
    let house = House::with_programs(|_| {}).await;
    let report = house.examine().await;
    assert_eq!(problems(&report), [], "{report:#?}");
    let expected = [
        ("credentials", "mini", Fine),
        ("server_token", "mini", Fine),
        ("ip_whitelist", "mini", Fine),
        ("mini_program_page", "phone", Fine),
        ("mini_program_link", "phone", Fine),
        ("mini_program_page", "launch", Fine),
    ];
    assert_eq!(of_the_program(&report), expected, "{report:#?}");
    assert_found(&report, "mini_program_page", "phone", Fine, "pages/menshen/confirm/confirm");
    assert_found(&report, "mini_program_page", "launch", Fine, "pages/menshen/launch/launch");
    assert_found(&report, "mini_program_link", "phone", Fine, "one of 500,000 a day");
    assert_found(&report, "credentials", "mobile", Fine, "");
}

#[tokio::test]
async fn what_an_examination_makes_leads_to_no_login_and_is_counted() {
    let house = House::with_programs(|_| {}).await;
    let hand = house.hand();
    house.examine().await;
    assert_eq!([CODE, URL_LINK, SCHEME].map(|path| hand.calls(path)), [2, 1, 0]);
    house.examine().await;
    let codes = hand.mini_codes();
    assert_eq!(codes.len(), 4);
    let mut scenes: Vec<_> = codes.iter().map(|code| code.scene.as_str()).collect();
    scenes.sort_unstable();
    scenes.dedup();
    assert_eq!(scenes.len(), 4, "no scene is used twice");
}

#[rstest]
#[case("none", [0, 0])]
#[case("url_link", [1, 0])]
#[case("scheme", [0, 1])]
#[tokio::test]
async fn a_link_is_made_of_the_kind_that_is_used_and_none_where_none_is(
    #[case] open: &str,
    #[case] made: [usize; 2],
) {
    let mut house = House::with_programs(|_| {}).await;
    house.edit("open = \"url_link\"", &format!("open = \"{open}\""));
    let report = house.examine().await;
    assert_eq!([URL_LINK, SCHEME].map(|path| house.hand().calls(path)), made);
    let told = report.findings.iter().filter(|one| one.check == "mini_program_link").count();
    assert_eq!(told, made.iter().sum::<usize>());
}

#[tokio::test]
async fn a_wrong_secret_of_either_app_is_told() {
    let mut house = House::with_programs(|_| {}).await;
    house.edit(DEMO_MINI_SECRET, "00000000000000000000000000000000");
    house.edit(DEMO_MOBILE_SECRET, "00000000000000000000000000000000");
    let report = house.examine().await;
    let expected = [("credentials", "mini"), ("server_token", "mini"), ("credentials", "mobile")];
    assert_eq!(problems(&report), expected);
    assert_found(&report, "credentials", "mini", Problem, "开发与服务 > 开发管理");
    assert_found(&report, "credentials", "mobile", Problem, "移动应用");
    assert_found(&report, "mini_program_page", "phone", Unknown, "no server token");
    assert_found(&report, "mini_program_link", "phone", Unknown, "no server token");
    assert_eq!([CODE, URL_LINK].map(|path| house.hand().calls(path)), [0, 0]);
}

#[tokio::test]
async fn a_page_that_is_not_published_is_named_with_the_method_that_opens_it() {
    let house = House::with_programs(|config| {
        let program = config.mini_programs.get_mut(DEMO_MINI_APP_ID).unwrap();
        program.pages.retain(|page| !page.contains("/confirm/"));
    })
    .await;
    let report = house.examine().await;
    assert_eq!(problems(&report), [("mini_program_page", "phone"), ("mini_program_link", "phone")]);
    assert_found(&report, "mini_program_page", "phone", Problem, "pages/menshen/confirm/confirm (41030)");
    assert_found(&report, "mini_program_link", "phone", Problem, "(40165)");
    assert_found(&report, "mini_program_page", "launch", Fine, "");
}

#[tokio::test]
async fn a_program_of_which_nothing_is_published_is_told() {
    let house = House::with_programs(|config| {
        config.mini_programs.get_mut(DEMO_MINI_APP_ID).unwrap().pages.clear();
    })
    .await;
    let report = house.examine().await;
    assert_found(&report, "mini_program_page", "phone", Problem, "41030");
    assert_found(&report, "mini_program_page", "launch", Problem, "41030");
    assert_found(&report, "mini_program_link", "phone", Problem, "85079");
}

/// WeChat does not look into other versions than the published one.
#[rstest]
#[case("trial", EnvVersion::Trial)]
#[case("develop", EnvVersion::Develop)]
#[tokio::test]
async fn a_version_for_members_only_is_a_warning_and_its_page_is_not_judged(
    #[case] version: &str,
    #[case] opens: EnvVersion,
) {
    let mut house = House::with_programs(|config| {
        config.mini_programs.get_mut(DEMO_MINI_APP_ID).unwrap().pages.truncate(1);
    })
    .await;
    for kind in ["mini_program_scan", "app_launch"] {
        let from = format!("kind = \"{kind}\"\n");
        house.edit(&from, &format!("{from}version = \"{version}\"\n"));
    }
    let report = house.examine().await;
    assert_eq!(problems(&report), [], "{report:#?}");
    assert_found(&report, "mini_program_page", "phone", Fine, "does not look");
    assert_found(&report, "mini_program_page", "launch", Unknown, "published version only");
    assert_found(&report, "method", "phone", Warning, "only members");
    assert_found(&report, "method", "launch", Warning, "only members");
    assert!(house.hand().mini_codes().iter().all(|code| code.version == opens));
}

/// Individuals' mini programs and those that are not verified may make none.
#[tokio::test]
async fn a_program_without_the_right_to_links_is_told_how_to_do_without() {
    let house = House::with_programs(|_| {}).await;
    house.hand().fault(URL_LINK, Fault::Errcode(40002), 1);
    let report = house.examine().await;
    assert_eq!(problems(&report), [("mini_program_link", "phone")]);
    assert_found(&report, "mini_program_link", "phone", Problem, "verified");
    assert_found(&report, "mini_program_link", "phone", Problem, "`open` to \"none\"");
}

#[tokio::test]
async fn an_interface_that_wechat_has_closed_is_told() {
    let house = House::with_programs(|_| {}).await;
    house.hand().fault(CODE, Fault::Errcode(48001), 2);
    house.hand().fault(URL_LINK, Fault::Errcode(85408), 1);
    let report = house.examine().await;
    assert_found(&report, "mini_program_page", "phone", Problem, "48001");
    assert_found(&report, "mini_program_page", "launch", Problem, "48001");
    assert_found(&report, "mini_program_link", "phone", Problem, "banned");
}

#[tokio::test]
async fn limits_that_pass_by_themselves_are_no_problem() {
    let house = House::with_programs(|_| {}).await;
    house.hand().fault(CODE, Fault::Errcode(45009), 1);
    house.hand().fault(URL_LINK, Fault::Errcode(44990), 1);
    let report = house.examine().await;
    assert!(report.is_well(), "{report:#?}");
    assert_found(&report, "mini_program_page", "phone", Unknown, "last minute");
    assert_found(&report, "mini_program_link", "phone", Unknown, "44990");
}

#[tokio::test]
async fn the_address_to_whitelist_is_named_with_the_programs_own_console() {
    let house = House::with_programs(|_| {}).await;
    let elsewhere = "192.0.2.0/24".parse().unwrap();
    house.hand().set_ip_whitelist(DEMO_MINI_APP_ID, Some(vec![elsewhere])).unwrap();
    let report = house.examine().await;
    assert_eq!(problems(&report), [("ip_whitelist", "mini")]);
    assert_found(&report, "ip_whitelist", "mini", Problem, "WeChat sees 127.0.0.1");
    assert_found(&report, "ip_whitelist", "mini", Problem, "开发管理 > IP白名单");
    // Logins of the mini program itself ask without a token.
    assert_found(&report, "credentials", "mini", Fine, "");
}

/// The app is opened by its original id and proves its user with the AppSecret.
#[tokio::test]
async fn what_only_the_examination_needs_is_no_problem_of_a_launch() {
    let mut house = House::with_a_launch_alone().await;
    let elsewhere = "192.0.2.0/24".parse().unwrap();
    house.hand().set_ip_whitelist(DEMO_MINI_APP_ID, Some(vec![elsewhere])).unwrap();
    let report = house.examine().await;
    assert!(report.is_well(), "{report:#?}");
    assert_found(&report, "ip_whitelist", "mini", Warning, "no login needs it");
    assert_found(&report, "mini_program_page", "launch", Unknown, "no server token");

    house.edit(LAUNCH, &format!("{LAUNCH}ask_phone = true\n"));
    assert_eq!(problems(&house.examine().await), [("ip_whitelist", "mini")], "phone numbers need it");
}

#[tokio::test]
async fn where_the_program_only_logs_its_own_users_in_no_token_is_asked_for() {
    let mut house = House::with_programs(|_| {}).await;
    let text = house.text.clone();
    let from = text.find("[[methods]]\nid = \"phone\"").unwrap();
    let to = text.find("[[methods]]\nid = \"app\"").unwrap();
    house.edit(&text[from..to], "");
    let before = house.hand().calls(TOKEN);
    let report = house.examine().await;
    // The service account's.
    assert_eq!(house.hand().calls(TOKEN), before + 1);
    assert_eq!(of_the_program(&report), [("credentials", "mini", Fine)]);
    let finding = found(&report, "credentials", "mini");
    assert!(finding.verdict.cure.is_none(), "{finding}");
}
