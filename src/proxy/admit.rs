//! What a request must look like before anything is decided about it.
//!
//! Refuses what two programs could read in two ways: whoever stands behind us may read it the other way. Never
//! repairs, except for equal `Content-Length` lines, which it folds into one.

use http::header::{
    CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use http::{Uri, Version};
use pingora::http::RequestHeader;

use crate::gate::host_name;
use crate::pages::ErrorCode;

/// Most header lines of a request.
const MAX_LINES: usize = 100;

/// Why a request is refused. The connection is closed: what follows on it cannot be trusted either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: ErrorCode,
    /// For the sender, in words.
    pub(super) detail: &'static str,
}

const fn refused<T>(detail: &'static str) -> Result<T, Refused> {
    Err(Refused { code: ErrorCode::BadRequest, detail })
}

/// Checks size, framing, host and target form; the answer is the host name, in lower case, without port.
///
/// `raw` is the header as it came, for HTTP/1; pingora has already dropped some of it from `header`.
pub(super) fn admit(header: &RequestHeader, raw: Option<&[u8]>, max_bytes: usize) -> Result<String, Refused> {
    check_size(&header.headers, raw, max_bytes)?;
    check_framing(header, raw)?;
    check_target(header)?;
    let authority = authority(&header.headers, &header.uri)?;
    host(authority)
        .ok_or(Refused { code: ErrorCode::BadRequest, detail: "the Host header is not a host name" })
}

fn check_size(headers: &HeaderMap, raw: Option<&[u8]>, max_bytes: usize) -> Result<(), Refused> {
    // HTTP/2 has no raw form; count what it would be.
    let bytes = || headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if headers.len() > MAX_LINES || raw.map_or_else(bytes, <[u8]>::len) > max_bytes {
        let detail = "the header of this request is larger than this gateway accepts";
        return Err(Refused { code: ErrorCode::HeaderTooLarge, detail });
    }
    Ok(())
}

fn check_framing(header: &RequestHeader, raw: Option<&[u8]>) -> Result<(), Refused> {
    let headers = &header.headers;
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        if !coding.as_bytes().eq_ignore_ascii_case(b"chunked") || codings.next().is_some() {
            return refused("the only transfer coding accepted is a single chunked");
        }
        if header.version != Version::HTTP_11 {
            return refused("Transfer-Encoding belongs to HTTP/1.1");
        }
        // pingora removes Content-Length when both are there: only the raw header still tells.
        if raw.is_some_and(names_content_length) {
            return refused("Content-Length and Transfer-Encoding exclude each other");
        }
    }
    if headers.contains_key(UPGRADE) && has_body(headers) {
        return refused("an upgrade cannot carry a body");
    }
    Ok(())
}

/// Whether some header line is called `Content-Length`.
fn names_content_length(raw: &[u8]) -> bool {
    const NAME: &[u8] = b"content-length:";
    raw.split(|byte| *byte == b'\n')
        .any(|line| line.len() >= NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME))
}

/// Whether the header announces a body.
pub(super) fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) || content_length(headers).is_some_and(|length| length > 0)
}

/// The announced length of the body. Unreadable values never come this far.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(CONTENT_LENGTH)?.to_str().ok()?;
    text.split(',').next()?.trim().parse().ok()
}

/// Whether the sender waits for a word before it sends the body.
pub(super) fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Folds equal `Content-Length` lines into one. pingora has refused differing ones.
pub(super) fn fold_content_length(header: &mut RequestHeader) -> pingora::Result<()> {
    let mut lines = header.headers.get_all(CONTENT_LENGTH).iter();
    let several =
        lines.next().is_some_and(|first| first.as_bytes().contains(&b',')) || lines.next().is_some();
    match content_length(&header.headers) {
        Some(length) if several => header.insert_header(CONTENT_LENGTH, HeaderValue::from(length)),
        _ => Ok(()),
    }
}

fn check_target(header: &RequestHeader) -> Result<(), Refused> {
    let absolute = header.version != Version::HTTP_2 && header.uri.authority().is_some();
    if absolute || !header.raw_path().starts_with(b"/") {
        return refused("the target must be a path that begins with a slash");
    }
    Ok(())
}

/// The one `Host`, or HTTP/2's `:authority` (pingora has refused a Host that differs from it).
fn authority<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Result<&'a str, Refused> {
    if let Some(authority) = uri.authority() {
        return Ok(authority.as_str());
    }
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next().map(HeaderValue::to_str), hosts.next()) {
        (Some(Ok(host)), None) => Ok(host),
        (Some(_), _) => refused("there must be one Host header with a host name"),
        (None, _) => refused("the Host header is missing"),
    }
}

/// The name of `host[:port]` in lower case, if it is one: letters, digits, `-`, `_`, `.`, or an IPv6 address.
pub(super) fn host(authority: &str) -> Option<String> {
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (authority, None),
    };
    let port_fits = port.is_none_or(|port| (1..=5).contains(&port.len()) && port.parse::<u16>().is_ok());
    let ipv6 = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let fits = match ipv6 {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        // One dot at the end is the same host, said completely.
        None => name.len() <= 255 && name.strip_suffix('.').unwrap_or(name).split('.').all(label),
    };
    (port_fits && fits).then(|| host_name(authority).into_owned())
}

/// The value of a header that may be there once; `Err` if it is there twice or is no text.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(drop),
        (Some(_), Some(_)) => Err(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[rstest::rstest]
    #[case("App.Example.com", "app.example.com")]
    #[case("app.example.com:8443", "app.example.com")]
    #[case("app.example.com.", "app.example.com")]
    #[case("127.0.0.1:80", "127.0.0.1")]
    #[case("[::1]:8080", "[::1]")]
    #[case("a_b", "a_b")]
    fn a_host_is_read_without_its_port(#[case] authority: &str, #[case] name: &str) {
        assert_eq!(host(authority).as_deref(), Some(name));
    }

    #[rstest::rstest]
    #[case("")]
    #[case(":80")]
    #[case("a:")]
    #[case("a:port")]
    #[case("a:123456")]
    #[case("a..b")]
    #[case(".a")]
    #[case("a b")]
    #[case("a/b")]
    #[case("me@a")]
    #[case("a,b")]
    #[case("[::1")]
    #[case("[x]")]
    #[case("::1")]
    fn what_is_no_host_is_refused(#[case] authority: &str) {
        assert_eq!(host(authority), None);
    }

    fn get(lines: &[(&'static str, &str)]) -> RequestHeader {
        let mut header = RequestHeader::build("GET", b"/", None).unwrap();
        header.append_header("Host", "a").unwrap();
        for (name, value) in lines {
            header.append_header(*name, *value).unwrap();
        }
        header
    }

    fn verdict(header: &RequestHeader, raw: &[u8]) -> Result<String, Refused> {
        admit(header, Some(raw), 32 * 1024)
    }

    #[test]
    fn a_length_beside_a_transfer_coding_is_seen_though_pingora_hides_it() {
        let header = get(&[("Transfer-Encoding", "chunked")]);
        assert!(verdict(&header, b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").is_ok());
        let both = b"GET / HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(verdict(&header, both).is_err());
    }

    #[rstest::rstest]
    #[case(&[("Transfer-Encoding", "gzip, chunked")])]
    #[case(&[("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")])]
    #[case(&[("Upgrade", "websocket"), ("Content-Length", "5")])]
    #[case(&[("Upgrade", "x"), ("Transfer-Encoding", "chunked")])]
    #[case(&[("Host", "b")])]
    fn ambiguous_framing_is_refused(#[case] lines: &[(&'static str, &str)]) {
        assert!(verdict(&get(lines), b"").is_err());
    }

    #[test]
    fn equal_lengths_become_one() {
        for lines in [&[("Content-Length", "5"), ("Content-Length", "5")][..], &[("Content-Length", "5, 5")]]
        {
            let mut header = get(lines);
            fold_content_length(&mut header).unwrap();
            let left: Vec<_> = header.headers.get_all(CONTENT_LENGTH).iter().collect();
            assert_eq!(left, ["5"]);
        }
    }

    #[test]
    fn a_header_of_too_many_lines_or_bytes_is_refused_with_its_own_code() {
        let many = vec![("X-A", "1"); 100];
        assert_eq!(verdict(&get(&many), b"").unwrap_err().code, ErrorCode::HeaderTooLarge);
        assert_eq!(verdict(&get(&[]), &[b'x'; 40_000]).unwrap_err().code, ErrorCode::HeaderTooLarge);
        let wide = "x".repeat(40_000);
        assert_eq!(
            admit(&get(&[("X-A", &wide)]), None, 32 * 1024).unwrap_err().code,
            ErrorCode::HeaderTooLarge
        );
    }

    proptest! {
        #[test]
        fn an_admitted_host_is_lower_case_and_plain(text in ".{0,40}") {
            if let Some(name) = host(&text) {
                let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.[]:".contains(&b);
                prop_assert!(!name.is_empty() && name.bytes().all(ok));
            }
        }
    }
}
