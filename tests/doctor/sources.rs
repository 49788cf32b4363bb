//! Server tokens from elsewhere than `stable_token`, and stores that many processes share.

use std::sync::Arc;

use menshen::config::{self, Inputs};
use menshen::doctor::Outcome::{Ok as Fine, Problem, Unknown};
use menshen::gate::assertion::Signer;
use menshen::ground::SystemClock;
use menshen::login::ServerTokens;
use menshen::simulator::{DEMO_SERVICE_APP_ID, DEMO_SERVICE_SECRET};
use menshen::store;
use menshen::wechat::Transport;

use super::house::{CLASSIC_TOKEN, House, assert_found, problems};
use super::passer_by::PasserBy;
use super::redis_server::RedisServer;

const STABLE: &str = "server_token = \"stable\"";
const CLASSIC: &str = "server_token = \"token\"";

impl House {
    async fn on(redis: &str) -> Self {
        let mut house = Self::with(|_| {}).await;
        let file = format!("embedded:{}/store.redb", house.folder.path().display());
        house.edit(&file, redis);
        house
    }
}

#[tokio::test]
async fn a_token_of_the_older_kind_is_never_fetched() {
    let mut house = House::open().await;
    house.edit(STABLE, CLASSIC);
    let report = house.examine().await;
    assert!(report.is_well(), "{report:#?}");
    assert_found(&report, "server_token", "service", Unknown, "would end the running gateway's");
    assert_found(&report, "ip_whitelist", "service", Unknown, "not asked");
    assert_found(&report, "scene_codes", "service", Unknown, "not asked");
    assert_eq!(house.hand().calls(CLASSIC_TOKEN), 0);
}

#[tokio::test]
async fn a_token_that_gateways_share_is_read_and_used_and_none_is_fetched() {
    let redis = RedisServer::start(&[]);
    let mut house = House::on(&redis.url()).await;
    house.edit(STABLE, CLASSIC);
    let house = house.serve().await;
    let report = house.examine().await;
    assert_found(&report, "server_token", "service", Unknown, "share none yet");
    assert_eq!(house.hand().calls(CLASSIC_TOKEN), 0);

    // What a gateway does at a login.
    let config = house.config();
    let transport = Transport::new(&config.wechat).unwrap();
    let inputs = Inputs { transport, signer: Arc::new(Signer::generate().unwrap()), generation: 1 };
    let snapshot = config::build(&config, inputs).unwrap();
    let store = store::open(&config.store, Arc::new(SystemClock)).await.unwrap();
    let app = snapshot.directory.app("service").unwrap();
    ServerTokens::new(store, Arc::new(SystemClock)).token(&snapshot.wechat, app).await.unwrap();
    assert_eq!(house.hand().calls(CLASSIC_TOKEN), 1);

    let report = house.examine().await;
    assert_eq!(problems(&report), []);
    assert_found(&report, "server_token", "service", Fine, "share one that lives");
    assert_found(&report, "scene_codes", "service", Fine, "");
    assert_eq!(house.hand().calls(CLASSIC_TOKEN), 1);

    house.hand().replace_tokens(DEMO_SERVICE_APP_ID);
    let report = house.examine().await;
    assert_found(&report, "scene_codes", "service", Unknown, "the next login replaces it");
}

#[tokio::test]
async fn a_store_that_processes_share_is_pinged() {
    let mut redis = RedisServer::start(&[]);
    let house = House::on(&redis.url()).await.serve().await;
    let subject = format!("{}/0", redis.url());
    assert_found(&house.examine().await, "store", &subject, Fine, "answers");
    redis.stop();
    assert_found(&house.examine().await, "store", &subject, Problem, "[store]");
}

#[tokio::test]
async fn the_operators_token_server_is_asked_as_the_gateway_asks_it() {
    let mut house = House::open().await;
    let url = format!(
        "{}{CLASSIC_TOKEN}?grant_type=client_credential&appid={DEMO_SERVICE_APP_ID}&secret={DEMO_SERVICE_SECRET}",
        house.wechat.base_url()
    );
    let client = reqwest::Client::builder().no_proxy().timeout(std::time::Duration::from_secs(10)).build();
    let answer = client.unwrap().get(url).send().await.unwrap().text().await.unwrap();
    let token = serde_json::from_str::<serde_json::Value>(&answer).unwrap()["access_token"].to_string();
    let server = PasserBy::start("200 OK", "", answer).await;
    let endpoint = format!(
        "server_token = \"endpoint\"\ntoken_endpoint = \"http://{}/token\"\ntoken_endpoint_secret = \"hidden\"",
        server.address
    );
    house.edit(STABLE, &endpoint);
    let report = house.examine().await;
    assert_eq!(problems(&report), []);
    assert_found(&report, "server_token", "service", Fine, "the token server gives");
    assert_found(&report, "scene_codes", "service", Fine, "");
    assert!(report.findings.iter().all(|finding| finding.check != "ip_whitelist"));
    let text = format!("{report:?}");
    assert!(!text.contains(token.trim_matches('"')) && !text.contains("hidden"), "{text}");

    drop(server);
    assert_found(&house.examine().await, "server_token", "service", Problem, "token server");
}
