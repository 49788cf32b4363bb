//! How often a one-time code may go to one address, whoever asks for it and for whatever: by all processes together.
//!
//! Marks are digests with a time to live; nobody sweeps them, and nothing here knows whether anybody holds the address.

use crate::domain::CodeTarget;
use crate::domain::one_time_code::AGAIN;
use crate::ground::{Span, TokenDigest};
use crate::store::{OnceKey, Store, StoreError};

/// Marks an address that was sent a code within the last minute.
const JUST_SENT: &str = "code-just-sent";
/// Marks one of the codes that an address may be sent in a day.
const OF_TODAY: &str = "code-of-today";

/// Codes to one address in a day: more than anybody needs, too few to bury somebody or to run up a bill.
const MOST_A_DAY: usize = 10;
const DAY: Span = Span::from_days(1);

/// Why no code may go out.
#[derive(Debug, thiserror::Error)]
pub enum NotNow {
    /// One was sent just now, or too many were today.
    #[error("too many codes were sent")]
    TooSoon {
        /// After how many seconds it makes sense to ask again.
        seconds: u64,
    },
    /// The store gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Counts a code to `to`: one a minute and ten a day, in all pools together.
pub async fn count_code(store: &dyn Store, to: &CodeTarget) -> Result<(), NotNow> {
    let address = TokenDigest::of_text(to.as_str()).text();
    mark(store, &OnceKey::of_text(JUST_SENT, &address), AGAIN).await?;
    for place in 0..MOST_A_DAY {
        match mark(store, &OnceKey::of_text(OF_TODAY, &format!("{address} {place}")), DAY).await {
            Err(NotNow::TooSoon { .. }) => {}
            counted_or_failed => return counted_or_failed,
        }
    }
    Err(NotNow::TooSoon { seconds: 60 * 60 })
}

/// Sets a mark for `ttl`, unless it is set.
pub async fn mark(store: &dyn Store, key: &OnceKey, ttl: Span) -> Result<(), NotNow> {
    match store.put_once(key, "", ttl).await {
        Ok(()) => Ok(()),
        Err(StoreError::Conflict { .. }) => Err(NotNow::TooSoon { seconds: ttl.secs() }),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::*;
    use crate::domain::{Email, Phone};
    use crate::ground::{Clock, ManualClock, Timestamp};
    use crate::store::embedded::Embedded;

    /// Acceptance: B10.
    #[tokio::test]
    async fn an_address_gets_one_code_a_minute_and_ten_a_day() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1)));
        let store = Embedded::memory(Span::from_secs(5), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let ann = CodeTarget::Email(Email::parse("ann@example.com").unwrap());
        for _ in 0..MOST_A_DAY {
            count_code(&store, &ann).await.unwrap();
            let again = count_code(&store, &ann).await;
            assert!(matches!(again, Err(NotNow::TooSoon { seconds: 60 })), "{again:?}");
            clock.advance(AGAIN);
        }
        let full = count_code(&store, &ann).await;
        assert!(matches!(full, Err(NotNow::TooSoon { seconds: 3600 })), "{full:?}");
        let bob = CodeTarget::Phone(Phone::parse("+8613580006666").unwrap());
        count_code(&store, &bob).await.unwrap();
        clock.advance(DAY);
        count_code(&store, &ann).await.unwrap();
    }
}
