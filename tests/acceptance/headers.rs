//! What the app is told, and what nobody but the gateway can tell it.

use std::sync::LazyLock;

use http::Method;
use rstest::rstest;

use crate::world::{Setup, WEBSITE, World};

/// Names an app may read as one of ours: every fact in every way a server may fold it.
static FORGED: LazyLock<Vec<String>> = LazyLock::new(|| {
    let facts = [
        "ID",
        "UnionID",
        "OpenID",
        "AppID",
        "Name",
        "Username",
        "Groups",
        "Phone",
        "Email",
        "Avatar",
        "Method",
        "Assertion",
    ];
    let mut names = Vec::new();
    for fact in facts {
        for name in [
            format!("X-User-{fact}"),
            format!("x_user_{fact}"),
            format!("X-User_{fact}"),
            format!("X.User.{fact}"),
            format!("XUSER{}", fact.to_uppercase()),
            format!("x--user-{}-", fact.to_lowercase()),
            format!("_X-User-{fact}"),
        ] {
            names.push(name);
        }
    }
    names
});

/// Acceptance: U8.
#[rstest]
#[case("/public", "GET")]
#[case("/public", "OPTIONS")]
#[case("/optional", "GET")]
#[case("/optional", "POST")]
#[tokio::test]
async fn identity_that_a_stranger_claims_never_reaches_the_app(#[case] path: &str, #[case] method: &str) {
    let world = World::start().await;
    let stranger = world.desktop();
    for names in FORGED.chunks(60) {
        let forged: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "forged")).collect();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let reply = stranger.send(method, &stranger.url(path), &forged, None).await;
        assert_eq!(reply.received().identity(), []);
        assert!(!reply.text().contains("forged"), "{reply}");
    }
}

/// Acceptance: U8.
#[rstest]
#[case("/")]
#[case("/optional")]
#[case("/public")]
#[tokio::test]
async fn a_known_visitor_cannot_add_to_or_change_who_they_are(#[case] path: &str) {
    let world = World::start().await;
    let desktop = world.desktop();
    desktop.log_in_by_qr("zhang", "/").await.received();
    let honest = desktop.fetch(path).await.received().identity();
    assert_eq!(honest.is_empty(), path == "/public", "{honest:?}");
    for names in FORGED.chunks(60) {
        let forged: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "forged")).collect();
        let reply = desktop.send(Method::GET, &desktop.url(path), &forged, None).await;
        assert_eq!(reply.received().identity(), honest);
        assert!(!reply.text().contains("forged"), "{reply}");
    }
    // Nor by having the proxy drop a header after it was set.
    let names = honest.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let nominated = [("connection", names.as_str())];
    let reply = desktop.send(Method::GET, &desktop.url(path), &nominated, None).await;
    assert_eq!(reply.received().identity(), honest);
}

/// Acceptance: U8 (configured names).
#[tokio::test]
async fn renamed_headers_are_set_under_their_new_names_and_guarded_under_both() {
    let headers =
        "user_id = \"Remote-User\"\nname = \"\"\nmethod = \"X-Auth-Method\"\nstrip = [\"X-Legacy-User\"]";
    let world = World::with(Setup { headers: headers.into(), ..Setup::default() }).await;
    let desktop = world.desktop();
    desktop.log_in_by_qr("zhang", "/").await.received();
    let forged = [
        ("remote-user", "forged"),
        ("remote_user", "forged"),
        ("x-user-id", "forged"),
        ("x-user-name", "forged"),
        ("x-auth-method", "forged"),
        ("x_legacy_user", "forged"),
    ];
    let known = desktop.send(Method::GET, &desktop.url("/"), &forged, None).await;
    assert!(!known.text().contains("forged"), "{known}");
    let received = known.received();
    let account = desktop.account().await.unwrap();
    assert_eq!(received.header("remote-user"), Some(account.as_str()));
    assert_eq!(received.header("x-auth-method"), Some("scan"));
    assert_eq!(received.header("x-user-appid"), Some(WEBSITE));
    assert_eq!((received.header("x-user-id"), received.header("x-user-name")), (None, None));
    let stranger = world.desktop();
    let reply = stranger.send(Method::GET, &stranger.url("/optional"), &forged, None).await;
    assert!(!reply.text().contains("forged"), "{reply}");
}

/// Acceptance: U8 (our own credentials).
#[tokio::test]
async fn our_cookies_and_tokens_stay_with_us_and_the_apps_own_pass() {
    let world = World::start().await;
    let desktop = world.desktop();
    desktop.set_cookie("app_cookie", "its own; a=\"b c\"");
    desktop.log_in_by_qr("zhang", "/").await.received();
    let session = desktop.session().unwrap();
    for path in ["/", "/optional", "/public"] {
        let reply = desktop.fetch(path).await;
        let received = reply.received();
        assert_eq!(received.header("cookie"), Some("app_cookie=its own; a=\"b c\""));
        assert!(!reply.text().contains(&session), "{reply}");
    }
    // The same token as a bearer, as apps send it, is who they are and goes no further.
    let bearer = format!("Bearer {session}");
    let program = world.desktop();
    let reply = program.send(Method::GET, &program.url("/"), &[("authorization", &bearer)], None).await;
    assert_eq!(reply.received().header("x-user-id"), desktop.account().await.as_deref());
    assert_eq!(reply.received().header("authorization"), None);
    // An app's own tokens are none of our business.
    let own = [("authorization", "Bearer not-ours")];
    let reply = desktop.send(Method::GET, &desktop.url("/"), &own, None).await;
    assert_eq!(reply.received().header("authorization"), Some("Bearer not-ours"));
}
