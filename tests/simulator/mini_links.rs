//! Links to mini programs over the wire. Reference, section 12; item 14 for the way back.

use menshen::ground::Span;
use menshen::simulator::{MiniProgram, Quotas, SimError};
use rstest::rstest;
use serde_json::{Value, json};

use crate::bench::{Bench, MINI_PROGRAM, SERVICE};

const CONFIRM: &str = "pages/menshen/confirm/confirm";

impl Bench {
    async fn link(&self, call: &str, token: &str, body: &Value) -> Value {
        self.post_json(&format!("/wxa/{call}?access_token={token}"), &body.to_string()).await
    }

    /// The same target as the body of either call, and its answer.
    async fn both(&self, target: Value) -> [Value; 2] {
        let token = self.server_token(MINI_PROGRAM).await;
        let scheme = self.link("generatescheme", &token, &json!({"jump_wxa": target})).await;
        [scheme, self.link("generate_urllink", &token, &target).await]
    }
}

/// 12.1, 12.2: the layouts, and the numbers that tell from where.
#[tokio::test]
async fn both_kinds_of_link_open_the_page_with_query_and_number() {
    let bench = Bench::start().await;
    let target = json!({"path": format!("/{CONFIRM}"), "query": "a=1&b=%20", "env_version": "release"});
    let [scheme, link] = bench.both(target).await;
    assert_eq!((&scheme["errcode"], &scheme["errmsg"]), (&json!(0), &json!("ok")));
    let (scheme, link) = (scheme["openlink"].as_str().unwrap(), link["url_link"].as_str().unwrap());
    assert!(scheme.starts_with("weixin://dl/business/?t=") && link.starts_with("https://wxaurl.cn/"));
    for (url, number) in [(scheme, 1065), (link, 1194)] {
        let opened = bench.handle.open_link(url, "zhang").unwrap();
        assert_eq!((opened.app_id.as_str(), opened.path.as_str()), (MINI_PROGRAM, CONFIRM));
        assert_eq!((opened.query.as_str(), opened.launch_scene), ("a=1&b=%20", number));
        assert!(matches!(bench.handle.return_to_app(&opened, "x"), Err(SimError::InvalidScene)));
    }
}

/// 12.1, 12.2: an own query of at most 256 characters can be appended to either.
#[tokio::test]
async fn what_is_appended_as_cq_arrives() {
    let bench = Bench::start().await;
    let [scheme, link] = bench.both(json!({"path": CONFIRM})).await;
    let (scheme, link) = (scheme["openlink"].as_str().unwrap(), link["url_link"].as_str().unwrap());
    for (url, joint) in [(scheme, '&'), (link, '?')] {
        let opened = bench.handle.open_link(&format!("{url}{joint}cq=a%2Fb"), "lina").unwrap();
        assert_eq!(opened.query, "cq=a%2Fb");
        assert_eq!(opened.parameter("cq").as_deref(), Some("a/b"));
        assert!(bench.handle.open_link(&format!("{url}{joint}cq={}", "x".repeat(256)), "lina").is_ok());
        let long = bench.handle.open_link(&format!("{url}{joint}cq={}", "x".repeat(257)), "lina");
        assert!(matches!(long, Err(SimError::BadLink { .. })));
    }
}

/// 12.1, 12.2.
#[rstest]
#[case(json!({"path": "pages/other/other"}), 40165)]
#[case(json!({"path": "/pages/index/index?x=1"}), 40165)]
#[case(json!({"path": 7}), 40165)]
#[case(json!({"query": "x".repeat(1025)}), 40212)]
#[case(json!({"query": "name=张伟"}), 40212)]
#[case(json!({"query": "a b"}), 40212)]
#[case(json!({"query": "a|b"}), 40212)]
#[case(json!({"env_version": "beta"}), 85402)]
#[tokio::test]
async fn a_wrong_target_is_refused_with_its_number(#[case] target: Value, #[case] errcode: i64) {
    let bench = Bench::start().await;
    for answer in bench.both(target).await {
        assert_eq!(answer["errcode"], errcode, "{answer}");
    }
}

/// 12.1: 1024 characters of the list are fine, and another version's pages are not known.
#[tokio::test]
async fn what_the_rules_allow_is_accepted() {
    let bench = Bench::start().await;
    let all = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#$&'()*+,/:;=?@-._~%`";
    for target in [
        json!({"query": all}),
        json!({"query": "x".repeat(1024)}),
        json!({"path": "pages/new/new", "env_version": "develop"}),
        json!({}),
    ] {
        for answer in bench.both(target.clone()).await {
            assert_eq!(answer["errcode"], 0, "{target}");
        }
    }
}

/// 12.1, 12.2: as codes, links to what is not released open for members alone.
#[tokio::test]
async fn a_link_to_another_version_opens_for_members_alone() {
    let bench = Bench::start().await;
    for version in ["trial", "develop"] {
        let [scheme, link] = bench.both(json!({"path": CONFIRM, "env_version": version})).await;
        for url in [scheme["openlink"].as_str().unwrap(), link["url_link"].as_str().unwrap()] {
            assert_eq!(bench.handle.open_link(url, "zhang").unwrap().version.text(), version);
            assert!(matches!(bench.handle.open_link(url, "nemo"), Err(SimError::NotAMember { .. })));
        }
    }
}

/// 12.1, 12.2: one minute to thirty days.
#[tokio::test]
async fn an_expired_link_opens_nothing() {
    let bench = Bench::start().await;
    let token = bench.server_token(MINI_PROGRAM).await;
    let ends = bench.handle.now().plus(Span::from_secs(90)).secs();
    let body = json!({"path": CONFIRM, "expire_type": 0, "expire_time": ends});
    let link = bench.link("generate_urllink", &token, &body).await;
    let link = link["url_link"].as_str().unwrap();
    assert!(bench.handle.open_link(link, "zhang").is_ok());
    bench.handle.advance(Span::from_secs(90));
    assert!(matches!(bench.handle.open_link(link, "zhang"), Err(SimError::LinkExpired)));
    let body = json!({"expire_type": 1, "expire_interval": 31});
    assert_eq!(bench.link("generate_urllink", &token, &body).await["errcode"], 85401);
    let body = json!({"is_expire": true, "expire_type": 1, "expire_interval": 31});
    assert_eq!(bench.link("generatescheme", &token, &body).await["errcode"], 85401);
}

/// Limits: a hundred a second and half a million a day, both kinds together.
#[tokio::test]
async fn links_are_limited_by_second_and_day() {
    let bench = Bench::start().await;
    let usual = Quotas::default();
    assert_eq!((usual.links_a_second, usual.links), (100, 500_000));
    bench.handle.set_quotas(Quotas { links_a_second: 1, ..usual });
    let [first, second] = bench.both(json!({})).await;
    assert_eq!((&first["errcode"], &second["errcode"]), (&json!(0), &json!(44990)));
    bench.handle.advance(Span::from_secs(1));
    bench.handle.set_quotas(Quotas { links: 2, ..usual });
    let [first, second] = bench.both(json!({})).await;
    assert_eq!((&first["errcode"], &second["errcode"]), (&json!(0), &json!(44993)));
}

/// 12.2: only published mini programs; 5: only a mini program's token.
#[tokio::test]
async fn only_a_released_mini_program_has_links() {
    let bench = Bench::start_with(|config| {
        let unpublished = MiniProgram { pages: Vec::new(), ..MiniProgram::of(MINI_PROGRAM) };
        config.mini_programs.insert(MINI_PROGRAM.into(), unpublished);
    })
    .await;
    for answer in bench.both(json!({})).await {
        assert_eq!(answer["errcode"], 85079);
    }
    let other = bench.server_token(SERVICE).await;
    assert_eq!(bench.link("generate_urllink", &other, &json!({})).await["errcode"], 48001);
    let get = bench.json(&format!("/wxa/generatescheme?access_token={other}")).await;
    assert_eq!(get["errcode"], 43002);
    assert_eq!(bench.post_json("/wxa/generatescheme", "{}").await["errcode"], 41001);
}

#[tokio::test]
async fn what_is_no_link_is_said_so() {
    let bench = Bench::start().await;
    let [scheme, _] = bench.both(json!({})).await;
    let ticket = scheme["openlink"].as_str().unwrap().rsplit('=').next().unwrap().to_owned();
    let other_kind = format!("https://wxaurl.cn/{ticket}");
    for url in
        ["", "https://example.com/x", "https://wxaurl.cn/nope", "weixin://dl/business/?t=", &other_kind]
    {
        let refused = bench.handle.open_link(url, "zhang");
        assert!(matches!(refused, Err(SimError::BadLink { .. })), "{url}");
    }
    let body = json!({"url": scheme["openlink"]});
    let opened: Value = bench
        .client
        .post(bench.url("/_sim/open_link"))
        .json(&body)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(opened["launch_scene"], 1065);
}
