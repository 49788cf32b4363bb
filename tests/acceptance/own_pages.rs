//! What the gateway answers itself: who am I, signing out, the keys that apps check assertions with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use menshen::ground::{Clock as _, Span};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::reply::Reply;
use crate::world::{WEBSITE, World};

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Checks an assertion as an app does: signature by the published key that it names. Answers what it says.
fn verified(assertion: &str, keys: &Value) -> Value {
    let parts: Vec<&str> = assertion.split('.').collect();
    let header: Value = serde_json::from_slice(&decoded(parts[0])).unwrap();
    assert_eq!(header["alg"], "ES256");
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    assert_eq!((&key["kty"], &key["crv"]), (&json!("EC"), &json!("P-256")));
    let number = |name: &str| BigNum::from_slice(&decoded(key[name].as_str().unwrap())).unwrap();
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = EcKey::from_public_key_affine_coordinates(&group, &number("x"), &number("y")).unwrap();
    let signature = decoded(parts[2]);
    let half = |bytes: &[u8]| BigNum::from_slice(bytes).unwrap();
    let signature =
        EcdsaSig::from_private_components(half(&signature[..32]), half(&signature[32..])).unwrap();
    let signed = openssl::sha::sha256(format!("{}.{}", parts[0], parts[1]).as_bytes());
    assert!(signature.verify(&signed, &key).unwrap());
    serde_json::from_slice(&decoded(parts[1])).unwrap()
}

async fn signed_in(world: &World, person: &str) -> Browser {
    let desktop = world.desktop();
    desktop.log_in_by_qr(person, "/").await.received();
    desktop
}

/// An app can check that an identity came through the gateway and was meant for it.
#[tokio::test]
async fn the_assertion_is_verified_by_the_published_key_and_says_who_for_whom_and_until_when() {
    let world = World::start().await;
    let desktop = signed_in(&world, "zhang").await;
    let received = desktop.fetch("/").await.received();
    let keys = world.desktop().fetch("/_menshen/jwks.json").await;
    assert_eq!(keys.header("cache-control"), Some("public, max-age=300"));
    let claims = verified(received.header("x-user-assertion").unwrap(), &keys.json());
    let now = world.clock.now().secs();
    assert_eq!(claims["iss"], world.origin());
    assert_eq!(claims["aud"], "127.0.0.1");
    assert_eq!(claims["sub"], received.header("x-user-id").unwrap());
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(now), &json!(now + 300)));
    assert_eq!(claims["openid"], world.wechat.openid(WEBSITE, "zhang"));
    assert_eq!(claims["unionid"], world.wechat.unionid(WEBSITE, "zhang").unwrap());
    assert_eq!((&claims["appid"], &claims["method"]), (&json!(WEBSITE), &json!("scan")));
    assert_eq!(claims["name"], "张伟");
    // No secret part of the key is published.
    assert!(keys.json()["keys"][0].get("d").is_none());
    // It is renewed long before it ends.
    world.advance(Span::from_mins(3));
    let renewed = desktop.fetch("/").await.received();
    let claims = verified(renewed.header("x-user-assertion").unwrap(), &keys.json());
    assert_eq!(claims["exp"], json!(world.clock.now().secs() + 300));
}

#[tokio::test]
async fn userinfo_tells_a_visitor_about_themselves_and_strangers_where_to_log_in() {
    let world = World::start().await;
    let stranger = world.desktop().fetch("/_menshen/userinfo").await;
    assert_eq!((stranger.status, stranger.error().as_str()), (401, "login_required"));
    assert_eq!(stranger.json()["login"], format!("{}/_menshen/login", world.origin()));
    let desktop = signed_in(&world, "zhang").await;
    let reply = desktop.fetch("/_menshen/userinfo").await;
    let account = desktop.fetch("/").await.received().header("x-user-id").unwrap().to_owned();
    let avatar = format!("{}/mmopen/vi_32/zhang/132", world.wechat.base_url());
    let expected = json!({
        "account": account,
        "pool": "people",
        "union_id": world.wechat.unionid(WEBSITE, "zhang"),
        "open_id": world.wechat.openid(WEBSITE, "zhang"),
        "app_id": WEBSITE,
        "name": "张伟",
        "avatar": avatar,
        "groups": [],
        "method": "scan",
        "logged_in_at": world.clock.now().secs(),
    });
    assert_eq!(reply.json(), expected);
}

async fn log_out(browser: &Browser, form: &str, headers: &[(&str, &str)]) -> Reply {
    let mut all = vec![("content-type", "application/x-www-form-urlencoded"), ("accept", "text/html")];
    all.extend(headers);
    browser.send(Method::POST, &browser.url("/_menshen/logout"), &all, Some(form.into())).await
}

#[tokio::test]
async fn asking_for_the_sign_out_page_signs_nobody_out() {
    let world = World::start().await;
    let desktop = signed_in(&world, "zhang").await;
    desktop.visit("/_menshen/logout").await.is_page(200, "Sign out of this browser");
    assert!(desktop.account().await.is_some());
}

#[tokio::test]
async fn signing_out_here_ends_this_login_and_no_other() {
    let world = World::start().await;
    let (desktop, other) = (signed_in(&world, "zhang").await, signed_in(&world, "zhang").await);
    let session = desktop.session().unwrap();
    let reply = log_out(&desktop, "scope=here", &[("origin", &world.origin())]).await;
    reply.is_page(200, "You have signed out");
    assert_eq!(desktop.session(), None);
    desktop.set_cookie("menshen", &session);
    assert_eq!(desktop.account().await, None);
    assert!(other.account().await.is_some());
    // Doing it again does no harm.
    log_out(&desktop, "scope=here", &[("origin", &world.origin())]).await.is_page(200, "You have signed out");
}

#[tokio::test]
async fn signing_out_everywhere_ends_all_logins_of_the_account_and_nobody_elses() {
    let world = World::start().await;
    let (desktop, other) = (signed_in(&world, "zhang").await, signed_in(&world, "zhang").await);
    let stranger = signed_in(&world, "lina").await;
    let phone = world.phone();
    phone.log_in_by_wechat("zhang", "/").await.received();
    log_out(&desktop, "scope=everywhere", &[("origin", &world.origin())])
        .await
        .is_page(200, "You have signed out");
    for browser in [&desktop, &other, &phone] {
        assert_eq!(browser.account().await, None);
    }
    assert!(stranger.account().await.is_some());
}

/// A page of another site cannot sign a visitor out.
#[tokio::test]
async fn a_form_from_elsewhere_signs_nobody_out() {
    let world = World::start().await;
    let desktop = signed_in(&world, "zhang").await;
    let origin = world.origin();
    let foreign: [&[(&str, &str)]; 9] = [
        &[],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://127.0.0.1")],
        &[("origin", "http://127.0.0.1:1")],
        &[("origin", &origin), ("sec-fetch-site", "cross-site")],
        &[("origin", &origin), ("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("referer", &origin)],
    ];
    for headers in foreign {
        let reply = log_out(&desktop, "scope=everywhere", headers).await;
        reply.is_page(403, "This form came from elsewhere");
        assert!(desktop.session().is_some(), "{headers:?}");
    }
    assert!(desktop.account().await.is_some());
    let own: [&[(&str, &str)]; 1] = [&[("origin", &origin), ("sec-fetch-site", "same-origin")]];
    for headers in own {
        assert_eq!(log_out(&desktop, "scope=here", headers).await.status, 200);
    }
    assert_eq!(desktop.account().await, None);
}

#[tokio::test]
async fn a_known_visitor_at_the_login_page_just_goes_on() {
    let world = World::start().await;
    let desktop = signed_in(&world, "zhang").await;
    let reply = desktop.visit("/_menshen/login?rt=%2Fdeep%3Fa%3D1").await;
    assert_eq!(reply.location(), desktop.url("/deep?a=1"));
    assert_eq!(world.desktop().visit("/_menshen/ping").await.text(), "ok\n");
}
