#![allow(clippy::unwrap_used)]
use super::*;
use http::HeaderValue;
use proptest::prelude::*;

fn trust(entries: &[&str]) -> Trust {
    Trust::parse(&entries.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn peer(ip: &str) -> Peer {
    Peer { ip: Some(ip.parse().unwrap()), tls: false }
}

fn client(trusted: &[&str], from: &str, lines: &[&str]) -> (String, String) {
    let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
    let origin = trust(trusted).origin(peer(from), &headers(&lines));
    (origin.client_ip.unwrap().to_string(), origin.forwarded_for)
}

const PROXIES: &[&str] = &["10.0.0.0/8", "192.168.1.1", "fd00::/8"];

/// Each case: who connects, its `X-Forwarded-For` lines, the visitor, and what the upstream is told.
#[rstest::rstest]
#[case::nobody_said("10.0.0.1", &[], "10.0.0.1", "10.0.0.1")]
#[case::one_proxy("10.0.0.1", &["203.0.113.7"], "203.0.113.7", "203.0.113.7, 10.0.0.1")]
#[case::spoofed_left("10.0.0.1", &["1.1.1.1, 203.0.113.7"], "203.0.113.7", "203.0.113.7, 10.0.0.1")]
#[case::two_proxies("10.0.0.1", &["1.1.1.1, 203.0.113.7, 10.0.0.2"], "203.0.113.7", "203.0.113.7, 10.0.0.2, 10.0.0.1")]
#[case::two_lines("10.0.0.1", &["1.1.1.1", "203.0.113.7", "10.0.0.2"], "203.0.113.7", "203.0.113.7, 10.0.0.2, 10.0.0.1")]
#[case::all_trusted("10.0.0.1", &["10.0.0.3,10.0.0.2"], "10.0.0.3", "10.0.0.3, 10.0.0.2, 10.0.0.1")]
#[case::port("10.0.0.1", &["203.0.113.7:5123"], "203.0.113.7", "203.0.113.7, 10.0.0.1")]
#[case::six("10.0.0.1", &["2001:db8::7"], "2001:db8::7", "2001:db8::7, 10.0.0.1")]
#[case::six_in_brackets("10.0.0.1", &["[2001:DB8::7]"], "2001:db8::7", "2001:db8::7, 10.0.0.1")]
#[case::six_with_port("10.0.0.1", &["[2001:db8::7]:80"], "2001:db8::7", "2001:db8::7, 10.0.0.1")]
#[case::blanks("10.0.0.1", &["  203.0.113.7\t "], "203.0.113.7", "203.0.113.7, 10.0.0.1")]
#[case::four_in_six("::ffff:10.0.0.1", &["::ffff:203.0.113.7"], "203.0.113.7", "203.0.113.7, 10.0.0.1")]
#[case::six_proxy("fd00::1", &["203.0.113.7"], "203.0.113.7", "203.0.113.7, fd00::1")]
#[case::garbage_behind_the_visitor("10.0.0.1", &["<script>, 203.0.113.7"], "203.0.113.7", "203.0.113.7, 10.0.0.1")]
#[case::untrusted_peer("203.0.113.9", &["1.1.1.1"], "203.0.113.9", "203.0.113.9")]
#[case::neighbour_of_a_proxy("192.168.1.2", &["1.1.1.1"], "192.168.1.2", "192.168.1.2")]
fn the_visitor_is_the_rightmost_address_that_is_no_proxy(
    #[case] from: &str,
    #[case] lines: &[&str],
    #[case] visitor: &str,
    #[case] told: &str,
) {
    assert_eq!(client(PROXIES, from, lines), (visitor.into(), told.into()));
}

#[rstest::rstest]
#[case("unknown")]
#[case("")]
#[case(" ")]
#[case("203.0.113.7,")]
#[case("203.0.113.7, _hidden")]
#[case("203.0.113.7 10.0.0.2")]
#[case("203.0.113.007")]
#[case("203.0.113")]
#[case("3405803783")]
#[case("0x7f.0.0.1")]
#[case("fe80::1%eth0")]
#[case("[fe80::1%1]:80")]
#[case("[203.0.113.7")]
#[case("[203.0.113.7]:x")]
#[case("203.0.113.7:99999")]
#[case("example.com")]
#[case("\u{ff11}.1.1.1")]
fn what_cannot_be_read_is_not_guessed(#[case] line: &str) {
    assert_eq!(client(PROXIES, "10.0.0.1", &[line]), ("10.0.0.1".into(), "10.0.0.1".into()));
}

#[test]
fn a_chain_of_a_thousand_proxies_is_not_followed() {
    let long = vec!["10.0.0.2"; 1000].join(",");
    assert_eq!(client(PROXIES, "10.0.0.1", &[&long]).0, "10.0.0.1");
    let hidden = format!("203.0.113.7,{long}");
    assert_eq!(client(PROXIES, "10.0.0.1", &[&hidden]).0, "10.0.0.1");
    let spoofed = format!("{long},203.0.113.7");
    assert_eq!(client(PROXIES, "10.0.0.1", &[&spoofed]).0, "203.0.113.7", "only what is needed is read");
}

#[rstest::rstest]
#[case(&[], "10.0.0.1", Scheme::Http)]
#[case(&["https"], "10.0.0.1", Scheme::Https)]
#[case(&["HTTPS"], "10.0.0.1", Scheme::Https)]
#[case(&["http"], "10.0.0.1", Scheme::Http)]
#[case(&["https, https"], "10.0.0.1", Scheme::Https)]
#[case(&["https", "https"], "10.0.0.1", Scheme::Https)]
#[case(&["https, http"], "10.0.0.1", Scheme::Http)]
#[case(&["http", "https"], "10.0.0.1", Scheme::Http)]
#[case(&["https,"], "10.0.0.1", Scheme::Http)]
#[case(&["javascript"], "10.0.0.1", Scheme::Http)]
#[case(&["wss"], "10.0.0.1", Scheme::Http)]
#[case(&["https"], "203.0.113.9", Scheme::Http)]
fn the_scheme_is_believed_from_trusted_proxies_only(
    #[case] lines: &[&str],
    #[case] from: &str,
    #[case] scheme: Scheme,
) {
    let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-proto", *line)).collect();
    assert_eq!(trust(PROXIES).origin(peer(from), &headers(&lines)).scheme, scheme);
}

#[test]
fn a_trusted_proxy_can_say_that_the_visitor_came_in_plain() {
    let over_tls = Peer { tls: true, ..peer("10.0.0.1") };
    let origin = |lines: &[(&str, &str)]| trust(PROXIES).origin(over_tls, &headers(lines)).scheme;
    assert_eq!(origin(&[]), Scheme::Https);
    assert_eq!(origin(&[("x-forwarded-proto", "http")]), Scheme::Http);
}

#[test]
fn by_default_nobody_is_trusted() {
    let spoofed = headers(&[
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=1.1.1.1;proto=https"),
        ("x-real-ip", "1.1.1.1"),
        ("x-forwarded-host", "evil.example"),
    ]);
    for ip in ["127.0.0.1", "::1", "10.0.0.1", "203.0.113.9"] {
        let origin = Trust::default().origin(peer(ip), &spoofed);
        assert_eq!(origin.client_ip.unwrap().to_string(), ip);
        assert_eq!((origin.scheme, origin.trusted_peer), (Scheme::Http, false));
        assert_eq!(origin.forwarded_for, ip);
    }
    let socket = Trust::default().origin(Peer { ip: None, tls: false }, &spoofed);
    assert_eq!((socket.client_ip, socket.forwarded_for.as_str()), (None, ""));
}

#[test]
fn a_proxy_on_a_unix_socket_is_trusted_by_name() {
    let lines = headers(&[("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "https")]);
    let origin = trust(&["unix"]).origin(Peer { ip: None, tls: false }, &lines);
    assert_eq!(origin.client_ip.unwrap().to_string(), "203.0.113.7");
    assert_eq!(origin.forwarded_for, "203.0.113.7");
    assert_eq!((origin.scheme, origin.trusted_peer), (Scheme::Https, true));
    assert!(!trust(&["unix"]).origin(peer("10.0.0.1"), &lines).trusted_peer);
}

#[test]
fn every_unreadable_entry_of_the_list_is_told() {
    let entries = ["10.0.0.1", "10.0.0.0/33", "proxy.local", "::/0", ""].map(String::from);
    let problems = Trust::parse(&entries).unwrap_err();
    assert_eq!(problems.iter().map(|problem| problem.index).collect::<Vec<_>>(), [1, 2, 4]);
    assert!(problems[1].to_string().contains("`proxy.local`"));
    assert!(trust(&["::/0"]).trusts_everybody() && !trust(PROXIES).trusts_everybody());
}

#[test]
fn every_alias_of_a_forwarding_header_is_taken_from_clients() {
    let names = [
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "X-Forwarded-Uri",
        "X-Forwarded-Method",
        "X-Forwarded-Server",
        "X-Forwarded-User",
        "X-Forwarded",
        "Forwarded-For",
        "X-Real-IP",
        "X-Original-URL",
        "X-Original-Host",
        "X-Original-URI",
        "X-Rewrite-URL",
        "X-Client-IP",
        "CF-Connecting-IP",
        "True-Client-IP",
        "X-Cluster-Client-IP",
        "Client-IP",
        "X-Originating-IP",
    ];
    for name in names {
        for separator in ["-", "_", ".", "~", "!", ""] {
            let alias = name.replace('-', separator);
            for alias in [alias.to_ascii_lowercase(), alias.to_ascii_uppercase(), format!("-{alias}_")] {
                assert!(is_forwarding_header(&alias), "{alias}");
            }
        }
    }
    assert!(is_forwarding_header(&format!("X-Forwarded-{}", "x".repeat(300))));
    for name in
        ["Via", "X-Forward", "Forward", "X-Real-IPs", "X-Request-ID", "Accept", "X-Origin", "Origin", ""]
    {
        assert!(!is_forwarding_header(name), "{name}");
    }
}

proptest! {
    #[test]
    fn no_value_makes_a_fault_and_strangers_change_nothing(
        lines in proptest::collection::vec("[0-9a-f.:,\\[\\]% ]{0,60}|\\PC{0,40}", 0..4)
    ) {
        let pairs: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", line.as_str())).collect();
        let lines = headers(&pairs);
        let origin = trust(PROXIES).origin(peer("10.0.0.1"), &lines);
        prop_assert!(origin.forwarded_for.ends_with("10.0.0.1"));
        prop_assert!(origin.client_ip.is_some());
        let stranger = trust(PROXIES).origin(peer("203.0.113.9"), &lines);
        prop_assert_eq!(stranger.forwarded_for, "203.0.113.9");
    }
}
