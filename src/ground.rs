//! The ground every room stands on: time, secrets, random identifiers, errors in one line, the cure for a misspelt
//! name.
//!
//! Knows nothing of HTTP, WeChat, stores or accounts.

mod causes;
mod names;
pub mod secret;
pub mod time;

pub use causes::with_causes;
pub use names::nearest;
pub use secret::{Secret, Token, TokenDigest, random_id};
pub use time::{Clock, ManualClock, Span, SystemClock, Timestamp};
