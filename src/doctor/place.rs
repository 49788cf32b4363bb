//! Our own public address as it is met from here: the ping, the push addresses, the verification files.
//!
//! Everything is asked as a stranger would; nothing is changed by asking.

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::{Duration, Instant, timeout_at};
use url::Url;

use super::answer::{destination, is_html, page};
use super::finding::{Finding, Verdict};
use crate::gate::site::Site;
use crate::ground::{Timestamp, random_id};
use crate::login::App;
use crate::wechat::push::PushKeys;
use crate::wechat::{Client, Page};

/// How many verification files are asked for at a time, and how long for all of them.
const FILES_AT_ONCE: usize = 8;
const FILES_LIMIT: Duration = Duration::from_secs(20);

/// What the ping answers.
const PONG: &str = "ok";

/// What to do about a gateway that runs with another config.
const RELOAD: &str = "reload the gateway so that it runs with this config (systemctl reload menshen)";

type Answer = Result<Page, String>;

/// Asks our own ping; and whether anybody answered at all.
pub(super) async fn ping(client: &Client, site: &Site) -> (Finding, bool) {
    let address = site.url("ping");
    let (verdict, answered) = match Url::parse(&address) {
        Ok(url) => {
            let answer = page(client, &url, None).await;
            (judge_ping(&url, &answer), answer.is_ok())
        }
        Err(_) => (Verdict::skipped("server.public_url cannot be asked"), false),
    };
    (verdict.about("public_address", site.hosts.public_origin()), answered)
}

fn judge_ping(url: &Url, answer: &Answer) -> Verdict {
    match answer {
        Ok(page) if page.status == 200 && page.text().trim() == PONG => Verdict::ok("the gateway answers"),
        other => not_ours(url, other),
    }
}

/// What it means when something else than this gateway answers.
fn not_ours(url: &Url, answer: &Answer) -> Verdict {
    let page = match answer {
        Ok(page) => page,
        Err(error) => {
            return Verdict::problem(
                format!("nobody answers: {error}"),
                "start the gateway (`menshen run`), then check DNS, firewall and certificate; if browsers elsewhere \
                 reach it, only this machine cannot see its own public address",
            );
        }
    };
    match (page.status, &page.location) {
        (300..=399, Some(location)) => Verdict::problem(
            format!("the address leads on to {}", destination(url, location)),
            "set server.public_url to the address that visitors end at, or let the proxy in front pass our paths on",
        ),
        (status @ 502..=504, _) => Verdict::problem(
            format!("a proxy in front answers {status}: it does not reach the gateway"),
            "start the gateway (`menshen run`) and compare the proxy's target with server.listen",
        ),
        (status @ (401 | 403), _) => Verdict::problem(
            format!("something in front refuses with {status}"),
            "let the proxy or firewall in front pass our paths on without a login of its own",
        ),
        (status, _) => {
            let what = if is_html(&page.text()) { "a web page" } else { "something else" };
            Verdict::problem(
                format!("another server answers: {what}, status {status}"),
                "lead the host of server.public_url to this gateway, all paths below server.prefix included",
            )
        }
    }
}

/// Asks one push address as WeChat's console does.
pub(super) async fn push(
    client: &Client,
    site: &Site,
    app: &App,
    keys: &PushKeys,
    now: Timestamp,
) -> Finding {
    let address = site.url(&format!("push/{}", app.id));
    let (echostr, nonce) = (random_id(&mut rand::rng(), 20), random_id(&mut rand::rng(), 10));
    let verdict = match Url::parse(&address) {
        Ok(mut url) => {
            url.set_query(Some(&keys.address_check(&echostr, &nonce, now)));
            judge_push(&url, &page(client, &url, None).await, &echostr)
        }
        Err(_) => Verdict::skipped("server.public_url cannot be asked"),
    };
    verdict.about("push_address", &app.id)
}

fn judge_push(url: &Url, answer: &Answer, echostr: &str) -> Verdict {
    let Ok(page) = answer else { return not_ours(url, answer) };
    let text = page.text();
    if page.status == 200 && text == echostr {
        return Verdict::ok("the gateway answers WeChat's check of the address, with the configured Token");
    }
    if page.status == 200 && text.contains(echostr) {
        return Verdict::problem(
            "something in between changes the answer to WeChat's check of the address",
            "let the proxy in front pass answers on as they are: nothing added, nothing wrapped",
        );
    }
    match error_code(&text).as_deref() {
        Some("push_signature") => {
            Verdict::problem("the running gateway has another Token for this app than this config", RELOAD)
        }
        Some("push_stale") => Verdict::problem(
            "the clock of the gateway differs from this machine's by more than 5 minutes",
            "set both by NTP",
        ),
        Some("not_found") => {
            Verdict::problem("the running gateway knows no account of this name with a Token", RELOAD)
        }
        _ => not_ours(url, answer),
    }
}

/// The code of an error answer of ours.
fn error_code(text: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    Some(value.get("error")?.as_str()?.to_owned())
}

/// Asks for every verification file.
pub(super) async fn files(client: &Client, site: &Site) -> Vec<Finding> {
    let all: Vec<(String, String)> =
        site.verification.iter().map(|(name, content)| (name.to_owned(), content.to_owned())).collect();
    let origin = site.hosts.public_origin();
    let asked = all.iter().map(|(name, content)| {
        let address = format!("{origin}/{name}");
        let asked = async move {
            match Url::parse(&address) {
                Ok(url) => judge_file(&url, &page(client, &url, None).await, content, &site.prefix),
                Err(_) => Verdict::skipped("server.public_url cannot be asked"),
            }
        };
        (name.as_str(), asked)
    });
    in_time(asked, Instant::now() + FILES_LIMIT).await
}

/// Asks about some files at a time. One that is not answered by `deadline` takes nothing from the others.
async fn in_time<'n, A>(asked: impl Iterator<Item = (&'n str, A)>, deadline: Instant) -> Vec<Finding>
where
    A: Future<Output = Verdict>,
{
    let each = stream::iter(asked).map(|(name, asked)| async move {
        let late = |_| Verdict::skipped("could not be asked in time");
        timeout_at(deadline, asked).await.unwrap_or_else(late).about("verification_file", name)
    });
    each.buffered(FILES_AT_ONCE).collect().await
}

fn judge_file(url: &Url, answer: &Answer, content: &str, prefix: &str) -> Verdict {
    let Ok(page) = answer else { return not_ours(url, answer) };
    if page.status == 200 && page.body == content.as_bytes() {
        return Verdict::ok("is answered with its content");
    }
    let leads_to_us = page.location.as_deref().and_then(|location| url.join(location).ok());
    let login = leads_to_us.is_some_and(|to| to.path() == format!("{prefix}/login"));
    if login || error_code(&page.text()).is_some() {
        return Verdict::problem(
            format!("the running gateway does not know this file, or is not asked for it: {}", page.status),
            format!("{RELOAD}, or let the proxy in front pass this path to the gateway itself"),
        );
    }
    if page.status == 200 {
        return Verdict::problem(
            "is answered with something else than its content",
            "let the proxy in front pass this path on to the gateway, and reload the gateway",
        );
    }
    not_ours(url, answer)
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
