//! How often a one-time code may go to one address, and how many whoever asks may have sent: by all processes together.
//!
//! Marks are digests with a time to live; nobody sweeps them, and nothing here knows whether anybody holds the address.

use crate::domain::one_time_code::AGAIN;
use crate::domain::{CodeTarget, IdentityKey};
use crate::ground::{Span, Timestamp, TokenDigest};
use crate::store::{OnceKey, Store, StoreError};

/// Marks an address that was sent a code within the last minute.
const JUST_SENT: &str = "code-just-sent";
/// Marks one of the codes that an address may be sent in a day.
const OF_TODAY: &str = "code-of-today";
/// Marks one of the codes that may be sent in a day for who asks.
const FOR_TODAY: &str = "code-for-today";

/// Codes to one address in a day: more than anybody needs, too few to bury somebody or to run up a bill.
const MOST_A_DAY: usize = 10;
/// Codes for one asker in a day, wherever they go: too few to use up those of an address, or to send to many.
const MOST_FOR_ONE: usize = 5;
const DAY: Span = Span::from_days(1);

/// Why no code may go out.
#[derive(Debug, thiserror::Error)]
pub enum NotNow {
    /// One was sent just now.
    #[error("a code was sent just now")]
    TooSoon {
        /// After how many seconds there may be another.
        seconds: u64,
    },
    /// As many were sent within a day as may be.
    #[error("too many codes were sent today")]
    TooMany {
        /// After how many seconds there may be another.
        seconds: u64,
    },
    /// The store gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who asks for a code, and so what for. The codes of an address are counted apart, so that asking for one thing uses up
/// nothing of the other.
#[derive(Clone, Copy, Debug)]
pub enum Asker<'a> {
    /// An account that verifies an address of its own.
    Account(&'a str),
    /// A WeChat that no account answers to, which proves an account.
    Wechat(&'a IdentityKey),
}

impl Asker<'_> {
    fn name(self) -> String {
        match self {
            Self::Account(id) => format!("account {id}"),
            Self::Wechat(key) => format!("wechat {}", key.storage_key()),
        }
    }

    /// Which of its codes an address counts this as.
    const fn purpose(self) -> &'static str {
        match self {
            Self::Account(_) => "verify ",
            Self::Wechat(_) => "",
        }
    }
}

/// Counts a code to `to`: one a minute in all, ten a day to an address for each purpose, and five a day for who asks.
pub async fn count_code(
    store: &dyn Store,
    asker: Asker<'_>,
    to: &CodeTarget,
    now: Timestamp,
) -> Result<(), NotNow> {
    // The asker first: whoever may have no more uses up nothing of an address.
    let place = place_of_today(store, FOR_TODAY, &asker.name(), MOST_FOR_ONE, now).await?;
    let counted = count_address(store, asker, to, now).await;
    if counted.is_err() {
        // Nothing went out.
        store.take_once(&place).await?;
    }
    counted
}

async fn count_address(
    store: &dyn Store,
    asker: Asker<'_>,
    to: &CodeTarget,
    now: Timestamp,
) -> Result<(), NotNow> {
    let address = TokenDigest::of_text(to.as_str()).text();
    mark(store, &OnceKey::of_text(JUST_SENT, &address), AGAIN, now).await?;
    let of = format!("{}{address}", asker.purpose());
    place_of_today(store, OF_TODAY, &of, MOST_A_DAY, now).await.map(|_| ())
}

/// Takes one of the `most` places that there are for `of` in a day.
async fn place_of_today(
    store: &dyn Store,
    purpose: &'static str,
    of: &str,
    most: usize,
    now: Timestamp,
) -> Result<OnceKey, NotNow> {
    let mut next = DAY.secs();
    for place in 0..most {
        let key = OnceKey::of_text(purpose, &format!("{of} {place}"));
        match mark(store, &key, DAY, now).await {
            Ok(()) => return Ok(key),
            Err(NotNow::TooSoon { seconds }) => next = next.min(seconds),
            Err(error) => return Err(error),
        }
    }
    Err(NotNow::TooMany { seconds: next })
}

/// Sets a mark for `ttl`, unless it is set; else says how long it stays.
pub async fn mark(store: &dyn Store, key: &OnceKey, ttl: Span, now: Timestamp) -> Result<(), NotNow> {
    let until = now.plus(ttl).millis().to_string();
    match store.put_once(key, &until, ttl).await {
        Ok(()) => Ok(()),
        Err(StoreError::Conflict { .. }) => {
            let until = store.once(key).await?.and_then(|text| text.parse().ok()).map(Timestamp::from_millis);
            let left = until.map_or(ttl, |until| until.since(now));
            Err(NotNow::TooSoon { seconds: left.millis().div_ceil(1000).clamp(1, ttl.secs()) })
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::*;
    use crate::domain::{Email, PoolId, UnionId};
    use crate::ground::{Clock, ManualClock};
    use crate::store::embedded::Embedded;

    fn email(of: &str) -> CodeTarget {
        CodeTarget::Email(Email::parse(&format!("{of}@example.com")).unwrap())
    }

    fn wechat(of: usize) -> IdentityKey {
        let pool = PoolId::new("people").unwrap();
        IdentityKey::UnionId { pool, union_id: UnionId::new(format!("u{of}")).unwrap() }
    }

    fn street() -> (Arc<ManualClock>, Embedded) {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1)));
        let store = Embedded::memory(Span::from_secs(5), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        (clock, store)
    }

    /// Acceptance: B10.
    #[tokio::test]
    async fn an_address_gets_one_code_a_minute_and_ten_a_day_and_the_wait_is_true() {
        let (clock, store) = street();
        let ann = email("ann");
        for asker in 0..MOST_A_DAY {
            let wechat = wechat(asker);
            let asker = Asker::Wechat(&wechat);
            count_code(&store, asker, &ann, clock.now()).await.unwrap();
            clock.advance(Span::from_secs(20));
            let again = count_code(&store, asker, &ann, clock.now()).await;
            assert!(matches!(again, Err(NotNow::TooSoon { seconds: 40 })), "{again:?}");
            clock.advance(Span::from_secs(40));
        }
        let other = wechat(99);
        let asker = Asker::Wechat(&other);
        let full = count_code(&store, asker, &ann, clock.now()).await;
        // Ten minutes ago the first of them went out.
        assert!(matches!(full, Err(NotNow::TooMany { seconds: 85_800 })), "{full:?}");
        count_code(&store, asker, &email("bob"), clock.now()).await.unwrap();
        // Who verifies the address as their own is not kept from it by those who claim accounts.
        clock.advance(AGAIN);
        count_code(&store, Asker::Account("a1"), &ann, clock.now()).await.unwrap();
        clock.advance(Span::from_secs(85_800));
        count_code(&store, asker, &ann, clock.now()).await.unwrap();
    }

    /// Acceptance: B10.
    #[tokio::test]
    async fn whoever_asks_has_five_codes_a_day_wherever_they_go_and_what_was_not_sent_does_not_count() {
        let (clock, store) = street();
        let key = wechat(1);
        for asker in [Asker::Account("a1"), Asker::Wechat(&key)] {
            for at in 0..MOST_FOR_ONE {
                let to = email(&format!("{}{at}", asker.purpose().trim()));
                count_code(&store, asker, &to, clock.now()).await.unwrap();
                assert!(count_code(&store, asker, &to, clock.now()).await.is_err());
            }
            let full = count_code(&store, asker, &email("eve"), clock.now()).await;
            assert!(matches!(full, Err(NotNow::TooMany { seconds: 86_400 })), "{full:?}");
        }
        // Nothing of the address was used up by who may have none.
        count_code(&store, Asker::Account("a2"), &email("eve"), clock.now()).await.unwrap();
    }
}
