//! What this machine itself must have: the right time, and a store.
//!
//! The embedded store belongs to the running process and is never opened here.

use std::path::Path;
use std::sync::Arc;

use tokio::time::timeout;
use url::Url;

use super::answer::{CHECK_LIMIT, page};
use super::finding::{Finding, Verdict};
use crate::config::Config;
use crate::ground::{Clock, Span, Timestamp, with_causes};
use crate::store::{self, Store, Target};
use crate::wechat::Client;

/// Beyond this something is wrong with the clock, though logins work yet.
const SUSPECT: Span = Span::from_secs(60);
/// Beyond this pushes come close to counting as stale, which they are after 5 minutes.
const WRONG: Span = Span::from_mins(4);

/// Asks WeChat what time it is.
pub(super) async fn clock(client: &Client, api: &str, clock: &dyn Clock) -> Finding {
    let about = |verdict: Verdict| verdict.about("clock", "this machine");
    // Without parameters this is refused, and costs no quota.
    let address = Url::parse(api).and_then(|api| api.join("/sns/auth"));
    let Ok(address) = address else { return about(Verdict::skipped("[wechat] api cannot be asked")) };
    let answer = page(client, &address, None).await;
    let ours = clock.now();
    about(match answer.map(|page| page.date) {
        Ok(Some(theirs)) => judge_clock(theirs, ours),
        Ok(None) => {
            Verdict::unknown("WeChat's answer names no time", "see that NTP runs: timedatectl status")
        }
        Err(error) => Verdict::problem(
            format!("WeChat does not answer: {error}"),
            "check this machine's network, DNS and firewall",
        ),
    })
}

fn judge_clock(theirs: Timestamp, ours: Timestamp) -> Verdict {
    let (ahead, behind) = (ours.since(theirs), theirs.since(ours));
    let (apart, side) = if ahead >= behind { (ahead, "ahead of") } else { (behind, "behind") };
    let told = format!("{} {side} WeChat's", Span::from_secs(apart.secs()));
    let cure = "let NTP set the clock: timedatectl set-ntp true";
    if apart > WRONG {
        let message = format!("the clock is {told}: messages from WeChat would count as stale");
        Verdict::problem(message, cure)
    } else if apart > SUSPECT {
        Verdict::warning(format!("the clock is {told}"), cure)
    } else {
        Verdict::ok("the clock agrees with WeChat's")
    }
}

/// Asks the store, if it is one that many processes share; it is then given back for reading.
pub(super) async fn store(config: &Config, clock: Arc<dyn Clock>) -> (Finding, Option<Arc<dyn Store>>) {
    let about = |verdict: Verdict| verdict.about("store", config.store.url.to_string());
    match config.store.url.target() {
        Ok(Target::Redis(_)) => {}
        Ok(Target::Memory) => return (about(memory()), None),
        Ok(Target::File(path)) => return (about(file(&path)), None),
        Err(message) => return (about(Verdict::problem(message, "correct [store] url")), None),
    }
    let asked = async {
        let store = store::open(&config.store, clock).await.map_err(|error| with_causes(&error))?;
        store.ping().await.map_err(|error| with_causes(&error))?;
        Ok::<_, String>(store)
    };
    let cure = "check [store] in the config, and that the server runs and lets this machine in";
    match timeout(CHECK_LIMIT, asked).await {
        Ok(Ok(store)) => (about(Verdict::ok("answers")), Some(store)),
        Ok(Err(error)) => (about(Verdict::problem(error, cure)), None),
        Err(_) => (about(Verdict::problem("does not answer in time", cure)), None),
    }
}

fn memory() -> Verdict {
    Verdict::warning(
        "accounts and sessions are lost when the gateway stops",
        "name a file, as in [store] url = \"embedded:/var/lib/menshen/menshen.redb\"",
    )
}

/// Looks whether the file is there, without opening it.
fn file(path: &Path) -> Verdict {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            Verdict::ok("the file is there; it belongs to the running gateway and was not opened")
        }
        Ok(_) => Verdict::problem("this is not a file", "name a file in [store] url"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Verdict::warning(
            "there is no such file: no gateway has run with this store here",
            "start the gateway (`menshen run`); it makes the file",
        ),
        Err(error) => Verdict::unknown(
            format!("the file cannot be looked at: {error}"),
            "run `menshen doctor` as the user that the gateway runs as",
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::finding::Outcome::{self, Ok as Fine, Problem, Warning};
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0, Fine)]
    #[case(60, Fine)]
    #[case(61, Warning)]
    #[case(240, Warning)]
    #[case(241, Problem)]
    #[case(1_000_000, Problem)]
    fn a_clock_may_be_off_a_little_in_either_direction(#[case] secs: u64, #[case] outcome: Outcome) {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let off = now.plus(Span::from_secs(secs));
        for (theirs, ours, side) in [(now, off, "ahead of"), (off, now, "behind")] {
            let verdict = judge_clock(theirs, ours);
            assert_eq!(verdict.outcome, outcome, "{verdict:?}");
            assert!(outcome == Fine || verdict.message.contains(side), "{verdict:?}");
        }
    }

    #[test]
    fn a_store_in_a_file_is_looked_at_and_neither_opened_nor_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("menshen.redb");
        assert_eq!(file(&path).outcome, Warning);
        assert!(!path.exists());
        std::fs::write(&path, "not a store").unwrap();
        assert_eq!(file(&path).outcome, Fine);
        assert_eq!(file(folder.path()).outcome, Problem);
    }
}
