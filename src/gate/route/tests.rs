#![allow(clippy::unwrap_used)]
use super::super::testing::route;
use super::*;
use proptest::prelude::*;

fn table() -> RouteTable {
    RouteTable::new(vec![
        route("front", &[], "/", Access::Public),
        route("app", &["app.example.com"], "/", Access::Login),
        route("app-admin", &["App.Example.com"], "/admin/", Access::Deny),
        route("app-deep", &["app.example.com"], "/admin/help/faq", Access::Public),
        route("wild", &["*.example.com"], "/w", Access::Login),
        route("wilder", &["*.b.example.com"], "/w", Access::Login),
        route("star", &["*"], "/star", Access::Login),
        route("han", &[], "/%E8%B5%84%E6%96%99", Access::Login),
        route("six", &["[::1]"], "/", Access::Login),
        route("late", &["app.example.com"], "/admin", Access::Public),
    ])
}

#[rstest::rstest]
#[case("app.example.com", "/", "app")]
#[case("app.example.com", "/x/y/z", "app")]
#[case("app.example.com", "/admin", "app-admin")]
#[case("app.example.com", "/admin/", "app-admin")]
#[case("app.example.com", "/admin/x", "app-admin")]
#[case("app.example.com", "/administrator", "app")]
#[case("app.example.com", "/admin/help", "app-admin")]
#[case("app.example.com", "/admin/help/faq", "app-deep")]
#[case("app.example.com", "/admin/help/faq/1", "app-deep")]
#[case("app.example.com", "/admin/help/faqs", "app-admin")]
#[case("APP.Example.COM", "/admin", "app-admin")]
#[case("app.example.com:8443", "/admin", "app-admin")]
#[case("app.example.com.", "/admin", "app-admin")]
#[case("app.example.com", "/w", "app")]
#[case("a.example.com", "/w/1", "wild")]
#[case("a.a.example.com", "/w", "wild")]
#[case("a.b.example.com", "/w", "wilder")]
#[case("b.example.com", "/w", "wild")]
#[case("example.com", "/w", "front")]
#[case("a.example.com", "/star", "star")]
#[case("other", "/star/1", "star")]
#[case("other", "/", "front")]
#[case("", "/", "front")]
#[case("other", "/资料/1", "han")]
#[case("[::1]:80", "/", "six")]
#[case("[::1]", "/", "six")]
fn the_most_particular_route_is_found(#[case] host: &str, #[case] path: &str, #[case] id: &str) {
    assert_eq!(table().find(host, path).unwrap().id, id);
}

#[test]
fn a_request_that_fits_no_route_finds_none() {
    let table = RouteTable::new(vec![
        route("a", &["a.example"], "/app", Access::Login),
        route("w", &["*.b.example"], "/", Access::Login),
    ]);
    assert!(table.find("a.example", "/apple").is_none());
    assert!(table.find("a.example", "/").is_none());
    assert!(table.find("b.example", "/app").is_none());
    assert!(table.find("xb.example", "/app").is_none());
    assert!(table.find(&format!("{}.b.example", "a.".repeat(5000)), "/").is_none());
    assert!(RouteTable::default().find("a.example", "/").is_none());
    assert_eq!(table.host_patterns().collect::<Vec<_>>(), ["a.example", "*.b.example"]);
    assert_eq!(table.routes().count(), 2);
}

#[rstest::rstest]
#[case("/admin;x", None)]
#[case("/x/y;v=1", Some("app"))]
#[case("/admin/y;v=1", Some("app-admin"))]
#[case("/admin;x/help/faq", None)]
#[case("/admin/help/faq;x", None)]
#[case("/admi%6e", Some("app-admin"))]
#[case("/admi%256e", None)]
#[case("/adm%2569n%253bx", None)]
#[case("/x/%256e", Some("app"))]
#[case("/50%25off", Some("app"))]
fn a_path_that_an_app_could_take_for_another_route_is_refused(#[case] text: &str, #[case] id: Option<&str>) {
    let table = table();
    let target = target(text).unwrap();
    match table.find_target("app.example.com", &target) {
        Ok(route) => assert_eq!(route.map(|route| route.id.as_str()), id),
        Err(problem) => {
            assert_eq!(problem, PathProblem::Ambiguous);
            assert_eq!(id, None);
        }
    }
}

/// Many apps answer `/STAFF` with the page of `/staff`.
#[rstest::rstest]
#[case("a.example", "/staff/x", Some("staff"))]
#[case("a.example", "/Staff/x", None)]
#[case("a.example", "/STAFF", None)]
#[case("a.example", "/%53taff/x", None)]
#[case("a.example", "/x;y/STAFF", Some("all"))]
#[case("a.example", "/STAFF;v/x", None)]
#[case("a.example", "/\u{17f}taff", None)]
#[case("a.example", "/x/STAFF", Some("all"))]
#[case("a.example", "/Staffroom", Some("all"))]
#[case("a.example", "/staff/X/Y", Some("staff"))]
#[case("a.example", "/Wiki/A", Some("wiki"))]
#[case("a.example", "/wiki/a", None)]
#[case("a.example", "/API/x", Some("big"))]
#[case("a.example", "/api/x", Some("small"))]
#[case("a.example", "/Api/x", None)]
#[case("a.example", "/\u{c4}mter", Some("umlaut"))]
#[case("a.example", "/\u{e4}mter", None)]
#[case("b.example", "/STAFF", None)]
#[case("b.example", "/wiki", Some("only b"))]
#[case("b.example", "/Wiki", None)]
fn a_path_that_leads_to_another_route_in_letters_of_the_other_case_is_refused(
    #[case] host: &str,
    #[case] text: &str,
    #[case] id: Option<&str>,
) {
    let table = RouteTable::new(vec![
        route("all", &[], "/", Access::Login),
        route("staff", &[], "/staff", Access::Login),
        route("wiki", &[], "/Wiki", Access::Public),
        route("only b", &["b.example"], "/wiki", Access::Login),
        route("big", &[], "/API", Access::Login),
        route("small", &[], "/api", Access::Login),
        route("umlaut", &[], "/\u{c4}mter", Access::Login),
    ]);
    match (table.find_target(host, &target(text).unwrap()), id) {
        (Ok(route), Some(id)) => assert_eq!(route.map(|route| route.id.as_str()), Some(id)),
        (found, id) => assert_eq!((found.map(|_| ()), id), (Err(PathProblem::Ambiguous), None)),
    }
}

#[rstest::rstest]
#[case("a.b", "a.b")]
#[case("A.b:80", "a.b")]
#[case("a.b.:80", "a.b")]
#[case("[2001:DB8::1]:80", "[2001:db8::1]")]
#[case("[::1]", "[::1]")]
#[case("", "")]
#[case(":80", "")]
fn a_host_is_compared_by_its_name(#[case] authority: &str, #[case] name: &str) {
    assert_eq!(host_name(authority), name);
}

#[test]
fn every_problem_of_a_route_list_is_told() {
    let bad = [
        route("one", &["a.example"], "/x", Access::Login),
        route("same", &["b.example", "A.example"], "/x/", Access::Login),
        route("dots", &[], "/a/../b", Access::Login),
        route("query", &[], "/a?b", Access::Login),
        route("port", &["a.example:80"], "/", Access::Login),
        route("star", &["a.*.example"], "/", Access::Login),
        route("empty", &[], "", Access::Login),
    ];
    let found: Vec<_> =
        problems(&bad).into_iter().map(|(index, key, _)| (bad[index].id.as_str(), key)).collect();
    let expected = [
        ("same", "path"),
        ("dots", "path"),
        ("query", "path"),
        ("port", "host"),
        ("star", "host"),
        ("empty", "path"),
    ];
    assert_eq!(found, expected);
    assert!(problems(&bad)[0].2.contains("one"));
    let good = [
        route("a", &["*", "[::1]", "x_y.example"], "/", Access::Login),
        route("b", &["*.a.example"], "/资料", Access::Login),
        route("c", &["a.example"], "/资料", Access::Login),
    ];
    assert_eq!(problems(&good), []);
}

/// What the table must agree with: look at every route and keep the best.
fn by_scanning<'r>(routes: &'r [Route], host: &str, path: &str) -> Option<&'r str> {
    let under = |route: &Route| {
        let prefix = route.path.trim_end_matches('/');
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let rank = |route: &Route| match route.hosts.first().map(String::as_str) {
        None => Some(0),
        Some(pattern) if pattern == host => Some(usize::MAX),
        Some(pattern) => {
            let suffix = pattern.strip_prefix('*')?;
            (host.len() > suffix.len() && host.ends_with(suffix)).then_some(suffix.len())
        }
    };
    let mut best: Option<((usize, usize), &Route)> = None;
    for route in routes.iter().filter(|route| under(route)) {
        let Some(rank) = rank(route) else { continue };
        let score = (rank, route.path.trim_end_matches('/').len());
        if best.is_none_or(|(other, _)| score > other) {
            best = Some((score, route));
        }
    }
    best.map(|(_, route)| route.id.as_str())
}

proptest! {
    #[test]
    fn the_table_agrees_with_a_scan(
        places in proptest::collection::vec(("(\\*\\.)?([ab]\\.){0,2}c|", "(/[ab]{1,2}){0,3}/?"), 0..12),
        host in "([ab]\\.){0,3}c",
        path in "(/[ab]{1,2}){1,5}/?|/",
    ) {
        let routes: Vec<_> = places.iter().enumerate().map(|(index, (host, path))| {
            let hosts: &[&str] = if host.is_empty() { &[] } else { &[host] };
            route(&index.to_string(), hosts, &format!("/{}", path.trim_start_matches('/')), Access::Login)
        }).collect();
        let table = RouteTable::new(routes.clone());
        let found = table.find(&host, &path).map(|route| route.id.as_str());
        prop_assert_eq!(found, by_scanning(&routes, &host, &path));
    }
}
