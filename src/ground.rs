//! The ground every room stands on: time, secrets, random identifiers, and the cure for a misspelt name.
//!
//! Knows nothing of HTTP, WeChat, stores or accounts.

mod names;
pub mod secret;
pub mod time;

pub use names::nearest;
pub use secret::{Secret, Token, TokenDigest, random_id};
pub use time::{Clock, ManualClock, Span, SystemClock, Timestamp};
