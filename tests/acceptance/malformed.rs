//! Nonsense from the outside: answered with a status that says whose fault it is, never with 500, never silently.

use std::net::SocketAddr;
use std::time::Duration;

use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::World;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Sends bytes and answers the status line's number; 0 if the connection was closed without one.
async fn status(address: SocketAddr, bytes: &[u8]) -> u16 {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The gateway may answer and close before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut answer = vec![0; 16];
        let mut read = 0;
        while read < 12 {
            match stream.read(&mut answer[read..]).await {
                Ok(0) | Err(_) => break,
                Ok(more) => read += more,
            }
        }
        answer.truncate(read);
        let text = String::from_utf8_lossy(&answer).into_owned();
        text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0)
    };
    tokio::time::timeout(LIMIT, exchange).await.expect("an answer in time")
}

fn get(target: &str, headers: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}\r\n").into_bytes()
}

#[rstest]
#[case::state_of_odd_bytes("/_menshen/callback/website?code=abc&state=%ff%fe", 400)]
#[case::state_with_nul("/_menshen/callback/website?code=abc&state=%00", 400)]
#[case::endless_state(&format!("/_menshen/callback/website?code=abc&state={}", "a".repeat(6000)), 400)]
#[case::endless_code(&format!("/_menshen/callback/website?code={}&state=abc", "a".repeat(513)), 400)]
#[case::code_of_odd_bytes("/_menshen/callback/website?code=%ff%00&state=abc", 400)]
#[case::code_with_newline("/_menshen/callback/website?code=a%0d%0ab&state=abc", 400)]
#[case::endless_query(&format!("/_menshen/callback/website?{}", "a=b&".repeat(4000)), 400)]
#[case::broken_percent("/_menshen/callback/website?code=%zz&state=%", 400)]
#[case::unknown_app("/_menshen/callback/nobody?code=abc&state=abc", 404)]
#[case::odd_app("/_menshen/callback/%ff?code=abc&state=abc", 400)]
#[case::dots_in_app("/_menshen/callback/..?code=abc&state=abc", 400)]
#[case::slash_in_app("/_menshen/callback/a%2fb?code=abc&state=abc", 400)]
#[case::no_ticket("/_menshen/enter", 400)]
#[case::short_ticket("/_menshen/enter?ticket=abc", 400)]
#[case::odd_ticket("/_menshen/enter?ticket=%ff%ff", 400)]
#[case::two_tickets("/_menshen/enter?ticket=a&ticket=b", 400)]
#[case::endless_ticket(&format!("/_menshen/enter?ticket={}", "a".repeat(9000)), 400)]
#[case::unknown_ticket(&format!("/_menshen/enter?ticket={}", "A".repeat(43)), 403)]
#[case::two_goals("/_menshen/login?rt=%2Fa&rt=%2Fb", 400)]
#[case::odd_goal("/_menshen/login?rt=%ff%fe%00&from=%00&method=%ff&notice=%ff", 200)]
#[case::endless_goal(&format!("/_menshen/login?rt=/{}", "a".repeat(9000)), 200)]
#[case::odd_method("/_menshen/login/%E5%90%8D", 404)]
#[case::endless_method(&format!("/_menshen/login/{}", "a".repeat(5000)), 404)]
#[case::nothing("/_menshen/nothing", 404)]
#[case::nothing_at_all("/_menshen", 404)]
#[case::asset_outside("/_menshen/assets/..%2f..%2fetc%2fpasswd", 400)]
#[case::unknown_asset("/_menshen/assets/passwd", 404)]
#[case::odd_query("/public?%ff=%zz&&&=", 200)]
#[tokio::test]
async fn odd_addresses_are_answered_with_whose_fault_it_is(#[case] target: &str, #[case] expected: u16) {
    let world = World::start().await;
    assert_eq!(status(world.address(0), &get(target, "")).await, expected);
    assert_eq!(world.exchanges(), 0);
}

#[tokio::test]
async fn odd_cookies_and_tokens_are_nobody() {
    let world = World::start().await;
    let token = "A".repeat(43);
    let headers = [
        "Cookie: menshen=\r\n".to_owned(),
        "Cookie: menshen=abc\r\n".to_owned(),
        format!("Cookie: menshen={}\r\n", "a".repeat(42)),
        format!("Cookie: menshen={}\r\n", "!".repeat(43)),
        format!("Cookie: menshen={}\r\n", "a".repeat(20_000)),
        format!("Cookie: menshen=\"{token}\"; menshen-browser=\"\r\n"),
        format!("Cookie: {}\r\n", "menshen=a; ".repeat(1000)),
        format!("Cookie: ;;;=;menshen;={token};menshen =\r\n"),
        "Cookie:\r\n".to_owned(),
        format!("Authorization: Bearer {token}\r\n"),
        "Authorization: Bearer\r\n".to_owned(),
        format!("Authorization: Bearer {token} {token}\r\n"),
        format!("Authorization: Bearer {}\r\n", "a".repeat(10_000)),
        "Authorization: Basic OmE=\r\n".to_owned(),
    ];
    for headers in &headers {
        for target in ["/", "/_menshen/userinfo"] {
            let request = get(target, &format!("Accept: application/json\r\n{headers}"));
            assert_eq!(status(world.address(0), &request).await, 401, "{headers}");
        }
        let request = get("/_menshen/callback/website?code=abc&state=abc", headers);
        assert_eq!(status(world.address(0), &request).await, 400, "{headers}");
    }
    let mut bytes =
        b"GET /_menshen/userinfo HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nCookie: menshen="
            .to_vec();
    bytes.extend([0xff, 0xfe, 0x80]);
    bytes.extend(b"\r\nUser-Agent: \xff\xfe\r\nAccept-Language: \xff\r\n\r\n");
    assert_eq!(status(world.address(0), &bytes).await, 401);
}

#[rstest]
#[case::header_too_large(get("/", &format!("X-Filler: {}\r\n", "a".repeat(40_000))), 431)]
#[case::too_many_headers(get("/", &"X-Filler: a\r\n".repeat(120)), 431)]
#[case::no_host(b"GET / HTTP/1.1\r\n\r\n".to_vec(), 400)]
#[case::two_hosts(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: b\r\n\r\n".to_vec(), 400)]
#[case::odd_host(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n".to_vec(), 400)]
#[case::absolute_target(b"GET http://127.0.0.1/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".to_vec(), 400)]
#[case::announced_too_large(b"POST /small HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1001\r\n\r\n".to_vec(), 413)]
#[case::two_lengths(b"POST /public HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_vec(), 400)]
#[case::both_framings(b"POST /public HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(), 400)]
#[case::dots(get("/public/../private", ""), 400)]
#[case::encoded_slash(get("/public/%2e%2e%2fprivate", ""), 400)]
#[case::double_slash(get("//public", ""), 400)]
#[case::backslash(get("/public\\x", ""), 400)]
#[tokio::test]
async fn what_two_programs_could_read_differently_is_refused(
    #[case] request: Vec<u8>,
    #[case] expected: u16,
) {
    let world = World::start().await;
    assert_eq!(status(world.address(0), &request).await, expected);
    assert!(world.app.received().is_empty());
}

fn post(target: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn odd_forms_are_refused_and_sign_nobody_out() {
    const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
    let world = World::start().await;
    let origin = format!("{FORM}Origin: {}\r\n", world.origin());
    let large = vec![b'a'; 70 * 1024];
    let table: [(Vec<u8>, &[u16]); 9] = [
        (post("/_menshen/logout", FORM, b"scope=here"), &[403]),
        (post("/_menshen/logout", "Content-Type: application/json\r\n", b"{}"), &[403, 415]),
        (post("/_menshen/logout", &origin, &large), &[413]),
        (post("/_menshen/logout", &origin, b"scope=a&scope=b"), &[400, 422]),
        (post("/_menshen/logout", "", b""), &[403, 415]),
        (post("/_menshen/login", FORM, b"a=b"), &[405]),
        (post("/_menshen/callback/website", FORM, b"code=abc&state=abc"), &[405]),
        (post("/_menshen/jwks.json", FORM, &large), &[405, 413]),
        (post("/_menshen/nothing", FORM, &large), &[404, 413]),
    ];
    for (request, expected) in &table {
        let answered = status(world.address(0), request).await;
        let head = String::from_utf8_lossy(&request[..request.len().min(60)]).into_owned();
        assert!(expected.contains(&answered), "{answered} to {head}");
    }
}
