//! The ground every room stands on: time, secrets, password hashes, random identifiers, client networks, errors in one
//! line, the cure for a misspelt name.
//!
//! Knows nothing of HTTP, WeChat, stores or accounts.

mod causes;
mod names;
mod network;
pub mod password;
pub mod secret;
pub mod time;

pub use causes::with_causes;
pub use names::nearest;
pub use network::network_of;
pub use password::{NotAPasswordHash, PasswordHash};
pub use secret::{Secret, Token, TokenDigest, random_id};
pub use time::{Clock, ManualClock, Span, SystemClock, Timestamp};
