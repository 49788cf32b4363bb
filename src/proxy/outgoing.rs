//! The request as an upstream gets it.
//!
//! Works on pingora's fresh copy after it has dropped what the client nominated for dropping, on every path:
//! public routes, preflights, upgrades, our own pages. Whatever looks like a header of ours is removed by
//! folded name first and set afterwards. Runs again for a further attempt and then does the same.

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, HOST};
use http::{HeaderName, HeaderValue};
use pingora::http::RequestHeader;

use super::answer::X_REQUEST_ID;
use super::context::{Context, Goal};
use super::wardrobe::Dress;
use crate::gate::{Scheme, Site, is_forwarding_header};
use crate::login::STEP_ASIDE;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// On the way to our own pages, which believe them because nobody else can set them.
const HOP_CLIENT_IP: HeaderName = HeaderName::from_static("x-menshen-client-ip");
const HOP_SCHEME: HeaderName = HeaderName::from_static("x-menshen-scheme");
const HOP_REQUEST_ID: HeaderName = HeaderName::from_static("x-menshen-request-id");
const HOP_STEP_ASIDE: HeaderName = HeaderName::from_static(STEP_ASIDE);

/// Rewrites `request` for where it goes; `dress` says who the visitor is, if the app is told.
pub(super) fn rewrite(
    request: &mut RequestHeader,
    context: &Context,
    dress: Option<&Dress>,
) -> pingora::Result<()> {
    let site = &context.snapshot.site;
    strip(request, site);
    match &context.goal {
        Goal::App { .. } => {
            strip_credentials(request, site, context.hide_bearer);
            set_forwarded(request, context)?;
            for (name, value) in dress.into_iter().flat_map(|dress| &dress.headers) {
                request.insert_header(name.clone(), value.clone())?;
            }
            if let Some(host) = context.route().and_then(|route| route.upstream_host.as_deref()) {
                request.insert_header(HOST, host)?;
            }
        }
        Goal::Portal | Goal::Here => set_hop(request, context)?,
    }
    Ok(())
}

/// Removes every copy of every header that only we set.
fn strip(request: &mut RequestHeader, site: &Site) {
    let ours = |name: &&HeaderName| {
        let name = name.as_str();
        site.headers.is_reserved(name) || is_forwarding_header(name) || is_own(name)
    };
    // Empty as a rule, and then nothing is allocated.
    let names: Vec<HeaderName> = request.headers.keys().filter(ours).cloned().collect();
    for name in names {
        request.remove_header(&name);
    }
}

/// `X-Menshen-…` and `X-Request-ID`, with whatever stands between the letters.
fn is_own(name: &str) -> bool {
    folds_to(name, b"xmenshen", true) || folds_to(name, b"xrequestid", false)
}

/// Whether the letters and digits of `name`, in lower case, are `word` (or begin with it).
fn folds_to(name: &str, word: &[u8], prefix: bool) -> bool {
    let mut letters = name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    word.iter().all(|expected| letters.next() == Some(*expected)) && (prefix || letters.next().is_none())
}

/// Removes our cookies and our bearer token, and joins the `Cookie` lines that HTTP/2 may split.
fn strip_credentials(request: &mut RequestHeader, site: &Site, hide_bearer: bool) {
    if hide_bearer {
        request.remove_header(&AUTHORIZATION);
    }
    if !request.headers.contains_key(COOKIE) {
        return;
    }
    let lines = request.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let rest = site.cookies.strip_own(lines).map(Bytes::from).map(HeaderValue::from_maybe_shared);
    let kept = match rest {
        Some(Ok(rest)) => request.insert_header(COOKIE, rest).is_ok(),
        Some(Err(_)) | None => false,
    };
    if !kept {
        request.remove_header(&COOKIE);
    }
}

fn set_forwarded(request: &mut RequestHeader, context: &Context) -> pingora::Result<()> {
    let client = &context.client;
    if let Some(chain) = &client.forwarded_for {
        request.insert_header(X_FORWARDED_FOR, chain.clone())?;
    }
    if let Some(ip) = &client.real_ip {
        request.insert_header(X_REAL_IP, ip.clone())?;
    }
    request.insert_header(X_FORWARDED_PROTO, scheme(client.scheme))?;
    if let Some(host) = request.headers.get(HOST).cloned() {
        request.insert_header(X_FORWARDED_HOST, host)?;
    }
    request.insert_header(X_REQUEST_ID, context.request_id.clone())
}

fn set_hop(request: &mut RequestHeader, context: &Context) -> pingora::Result<()> {
    if let Some(ip) = &context.client.real_ip {
        request.insert_header(HOP_CLIENT_IP, ip.clone())?;
    }
    request.insert_header(HOP_SCHEME, scheme(context.client.scheme))?;
    request.insert_header(HOP_REQUEST_ID, context.request_id.clone())?;
    if context.may_step_aside {
        request.insert_header(HOP_STEP_ASIDE, HeaderValue::from_static("1"))?;
    }
    Ok(())
}

const fn scheme(scheme: Scheme) -> HeaderValue {
    match scheme {
        Scheme::Http => HeaderValue::from_static("http"),
        Scheme::Https => HeaderValue::from_static("https"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("x-menshen-scheme", true)]
    #[case("X_Menshen.Client-IP", true)]
    #[case("XMENSHEN", true)]
    #[case("x-request-id", true)]
    #[case("X_Request.ID", true)]
    #[case("x-request-identity", false)]
    #[case("x-mens", false)]
    #[case("accept", false)]
    fn our_own_names_are_known_however_they_are_written(#[case] name: &str, #[case] ours: bool) {
        assert_eq!(is_own(name), ours);
    }
}
