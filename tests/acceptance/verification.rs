//! The small files by which WeChat checks that a host is the operator's.

use http::Method;

use crate::world::{ROUTES, Setup, World};

const FILE: &str = "/MP_verify_aB3dE5fG7h.txt";
const CONTENT: &str = "aB3dE5fG7h";
const SHOP: &str = "shop.localhost";

async fn start(more: &str) -> World {
    let server = format!("verification_files = {{ \"MP_verify_aB3dE5fG7h.txt\" = \"{CONTENT}\" }}\n{more}");
    // A public route would forward it, a route with a host of its own too.
    let routes = format!(
        "{}\n[[routes]]\nhost = \"{SHOP}\"\nupstream = \"app\"\naccess = \"public\"\n",
        ROUTES.replacen("upstream = \"app\"", "upstream = \"app\"\naccess = \"public\"", 1)
    );
    World::with(Setup { server, routes, ..Setup::default() }).await
}

/// Acceptance: M6c.
#[tokio::test]
async fn a_verification_file_is_served_at_the_root_of_every_host_and_no_app_hears_of_it() {
    let world = start("").await;
    let desktop = world.desktop();
    for url in [desktop.url(FILE), desktop.url_on(SHOP, FILE), desktop.url_on("other.localhost", FILE)] {
        let reply = desktop.navigate(&url).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, CONTENT), "{reply}");
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(reply.set_cookies().is_empty(), "{reply}");
        let head = desktop.send(Method::HEAD, &url, &[], None).await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{head}");
        assert_eq!(head.header("content-length"), Some(CONTENT.len().to_string().as_str()), "{head}");
    }
    // WeChat asks with a query sometimes.
    assert_eq!(desktop.visit(&format!("{FILE}?t=1")).await.text(), CONTENT);
    assert!(world.app.received().is_empty());
}

/// Acceptance: M6c (only that, only so).
#[tokio::test]
async fn everything_else_goes_its_usual_way() {
    let world = start("").await;
    let desktop = world.desktop();
    let mut count = 0;
    for path in [
        "/MP_verify_other.txt",
        "/mp_verify_ab3de5fg7h.txt",
        "/deep/MP_verify_aB3dE5fG7h.txt",
        "/MP_verify_aB3dE5fG7h.txt/",
    ] {
        assert_eq!(desktop.fetch(path).await.received().target, path);
        count += 1;
    }
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let reply = desktop.send(method.clone(), &desktop.url(FILE), &[], Some(b"x".to_vec())).await;
        assert_eq!(reply.received().method, method.as_str());
        count += 1;
    }
    assert_eq!(world.app.received().len(), count);
}

/// Acceptance: M6c, before a route that asks for a login.
#[tokio::test]
async fn no_login_is_asked_for() {
    let server = format!("verification_files = {{ \"MP_verify_aB3dE5fG7h.txt\" = \"{CONTENT}\" }}");
    let world = World::with(Setup { server, ..Setup::default() }).await;
    let reply = world.desktop().visit(FILE).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, CONTENT), "{reply}");
    assert_eq!(world.desktop().visit("/MP_verify_other.txt").await.status, 303);
    assert!(world.app.received().is_empty());
}

/// Acceptance: M6c, from a directory.
#[tokio::test]
async fn files_of_a_directory_are_served_beside_those_of_the_config() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("MP_verify_dir.txt"), "from the folder\n").unwrap();
    std::fs::write(folder.path().join("WW_verify_1.txt"), "wecom").unwrap();
    let world = start(&format!("verification_dir = \"{}\"", folder.path().display())).await;
    let desktop = world.desktop();
    for (path, content) in
        [(FILE, CONTENT), ("/MP_verify_dir.txt", "from the folder\n"), ("/WW_verify_1.txt", "wecom")]
    {
        let reply = desktop.visit(path).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, content), "{reply}");
    }
    assert!(world.app.received().is_empty());
}
