//! The rules of the shared row, as tables.

#![allow(clippy::unwrap_used)]
use rstest::rstest;

use super::*;

const STABLE: TokenSource = TokenSource::Stable;

fn at(secs: u64) -> Timestamp {
    Timestamp::from_millis((1_000_000 + secs) * 1000)
}

fn token(text: &str, secs: u64) -> ServerToken {
    ServerToken { token: Secret::new(text), expires_in: Span::from_secs(secs) }
}

/// A row whose token was fetched at 0 and lives two hours.
fn fresh() -> Row {
    Row::default().renewed(&STABLE, token("T", 7200), at(0))
}

fn met(action: Action) -> Met {
    let code = match action {
        Action::ConfigFault => Some(40164),
        Action::Retry => Some(-1),
        _ => None,
    };
    Met { action, code, message: "m".into(), hint: None, visitor: VisitorKind::Misconfigured }
}

fn name_of(next: &Next) -> &'static str {
    match next {
        Next::Use(_) => "use",
        Next::UseAndRenew(_) => "use and renew",
        Next::Fetch => "fetch",
        Next::WaitUntil(_) => "wait",
        Next::Fault(_) => "fault",
    }
}

#[rstest]
#[case::nothing_yet(Row::default(), 0, None, "fetch")]
#[case::young(fresh(), 6959, None, "use")]
#[case::old(fresh(), 6960, None, "use and renew")]
#[case::old_while_somebody_renews(fresh().leased("p", at(6960)), 6969, None, "use")]
#[case::old_after_a_renewer_died(fresh().leased("p", at(6960)), 6970, None, "use and renew")]
#[case::old_after_a_fault(fresh().failed(met(Action::Retry), at(6960)), 6961, None, "use")]
#[case::old_when_the_fault_is_over(fresh().failed(met(Action::Retry), at(6960)), 6962, None, "use and renew")]
#[case::the_last_moment(fresh(), 7197, None, "use and renew")]
#[case::over(fresh(), 7198, None, "fetch")]
#[case::over_while_somebody_fetches(fresh().leased("p", at(7198)), 7199, None, "wait")]
#[case::over_after_a_holder_died(fresh().leased("p", at(7198)), 7208, None, "fetch")]
#[case::over_after_a_fault(fresh().failed(met(Action::ConfigFault), at(7190)), 7249, None, "fault")]
#[case::over_when_the_fault_is_over(fresh().failed(met(Action::ConfigFault), at(7190)), 7250, None, "fetch")]
#[case::dead(fresh(), 1, Some("T"), "fetch")]
#[case::dead_but_replaced(fresh(), 1, Some("S"), "use")]
#[case::dead_while_somebody_replaces_it(fresh().leased("p", at(0)), 1, Some("T"), "wait")]
#[case::dead_after_a_fault(fresh().failed(met(Action::Retry), at(0)), 1, Some("T"), "fault")]
fn what_is_next_follows_from_the_row(
    #[case] row: Row,
    #[case] now: u64,
    #[case] dead: Option<&str>,
    #[case] expected: &str,
) {
    let dead = dead.map(Secret::new);
    let next = row.next(at(now), dead.as_ref());
    assert_eq!(name_of(&next), expected);
    // What is stored means the same.
    assert_eq!(Row::parse(&row.text()).unwrap().next(at(now), dead.as_ref()), next);
}

#[test]
fn a_waiter_waits_for_the_end_of_the_lease() {
    let row = Row::default().leased("p", at(0));
    assert_eq!(row.next(at(3), None), Next::WaitUntil(at(10)));
}

#[rstest]
#[case::stable(TokenSource::Stable, 7200, 6960)]
#[case::classic(TokenSource::Classic, 7200, 6600)]
#[case::endpoint(TokenSource::Endpoint { url: "https://t.example.com".parse().unwrap(), secret: None }, 7200, 7140)]
#[case::with_little_left(TokenSource::Stable, 200, 100)]
#[case::the_shortest(TokenSource::Classic, 10, 5)]
fn a_token_is_renewed_early_but_not_at_once(
    #[case] source: TokenSource,
    #[case] secs: u64,
    #[case] renew: u64,
) {
    let row = Row::default().leased("p", at(0)).renewed(&source, token("T", secs), at(0));
    let held = row.token.as_ref().unwrap();
    assert_eq!((held.renew_at, held.expires_at), (at(renew), at(secs)));
    assert_eq!((row.lease, row.fault), (None, None));
}

#[test]
fn a_token_that_is_over_on_arrival_is_a_fault_and_not_a_loop() {
    let row = Row::default().leased("p", at(0)).renewed(&STABLE, token("T", 2), at(0));
    assert_eq!(name_of(&row.next(at(0), None)), "fault");
}

#[rstest]
#[case::config(Action::ConfigFault, &[60, 120, 240, 480, 600, 600])]
#[case::busy(Action::Retry, &[2, 2, 2])]
#[case::rate(Action::RateLimit { wait: Span::from_secs(30) }, &[30, 30])]
#[case::unclear(Action::Fail, &[5, 10, 20, 40, 60, 60])]
fn the_silence_grows_while_a_fault_persists(#[case] action: Action, #[case] pauses: &[u64]) {
    let mut row = Row::default();
    for secs in pauses {
        row = row.failed(met(action), at(0));
        let fault = row.fault.as_ref().unwrap();
        assert_eq!((fault.pause, fault.retry_at), (Span::from_secs(*secs), at(*secs)));
    }
    let other = row.failed(Met { code: Some(7), ..met(action) }, at(0)).fault.unwrap();
    assert_eq!(other.pause, Span::from_secs(pauses[0]), "another fault begins afresh");
    assert_eq!(row.renewed(&STABLE, token("T", 7200), at(0)).fault, None);
}

#[test]
fn forced_refreshes_are_a_minute_apart_and_twenty_a_day() {
    let mut row = fresh();
    let mut now = 0;
    for number in 0..20 {
        assert_eq!(row.next_ask(&STABLE, Ask::Ordinary, at(now)), Ask::Forced, "{number}");
        row = Row::parse(&row.counted(at(now)).text()).unwrap();
        // After the twentieth, the day's limit is the later one.
        let then = if number == 19 { 86_400 } else { now + 60 };
        assert_eq!(row.next_ask(&STABLE, Ask::Ordinary, at(now)), Ask::NotBefore(at(then)));
        now += 60;
    }
    let day = 86_400;
    assert_eq!(row.next_ask(&STABLE, Ask::Ordinary, at(now)), Ask::NotBefore(at(day)));
    assert_eq!(row.next_ask(&STABLE, Ask::Ordinary, at(day - 1)), Ask::NotBefore(at(day)));
    assert_eq!(row.next_ask(&STABLE, Ask::Ordinary, at(day)), Ask::Forced);
    assert_eq!(row.counted(at(day)).forced.len(), 20, "what is older than a day is forgotten");
}

#[test]
fn a_dead_token_is_asked_for_before_it_is_forced_unless_every_call_makes_a_new_one() {
    let dead = Secret::new("T");
    let row = fresh();
    assert_eq!(row.first_ask(&STABLE, None, at(0)), Ask::Ordinary);
    assert_eq!(row.first_ask(&STABLE, Some(&dead), at(0)), Ask::Ordinary);
    assert_eq!(row.next_ask(&STABLE, Ask::Ordinary, at(0)), Ask::Forced);
    assert_eq!(row.next_ask(&STABLE, Ask::Forced, at(0)), Ask::NotBefore(at(60)), "forced, and dead again");
    let classic = TokenSource::Classic;
    assert_eq!(row.first_ask(&classic, None, at(0)), Ask::Ordinary);
    assert_eq!(row.first_ask(&classic, Some(&dead), at(0)), Ask::Forced);
    assert_eq!(row.counted(at(0)).first_ask(&classic, Some(&dead), at(1)), Ask::NotBefore(at(60)));
    assert_eq!(
        row.counted(at(0)).first_ask(&classic, None, at(1)),
        Ask::Ordinary,
        "an ordinary renewal is free"
    );
}

#[test]
fn a_row_never_prints_its_token_and_reads_what_it_wrote() {
    let row = fresh().counted(at(5)).failed(met(Action::ConfigFault), at(5)).leased("p", at(6));
    assert_eq!(Row::parse(&row.text()), Some(row));
    let secret = Row::default().renewed(&STABLE, token("S3CRET", 7200), at(0));
    assert!(!format!("{secret:?} {:?}", secret.text()).contains("S3CRET"));
    assert_eq!(Row::parse(&Secret::new("{}")), Some(Row::default()));
    assert_eq!(Row::parse(&Secret::new("not a row")), None);
}
