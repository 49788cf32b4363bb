//! The nouns of a login and the rules between them: pure, no async, no I/O; `now` is an argument.
//!
//! Nothing here knows of HTTP, of a store or of WeChat's wire.

pub mod account;
pub mod email;
pub mod flow;
pub mod identity;
pub mod ids;
pub mod newcomer;
pub mod one_time_code;
pub mod phone;
pub mod principal;
pub mod resolve;
pub mod return_to;
pub mod session;
pub mod username;
pub mod wechat;

pub use account::{Account, Contact, Profile, Status};
pub use email::Email;
pub use flow::{Flow, FlowRefusal, Handover, InvalidTransition, Origin, Stage};
pub use identity::{Identity, IdentityKey, IdentityRow};
pub use ids::{AccountId, AppId, FlowId, IdError, MethodId, OpenId, PoolId, UnionId};
pub use newcomer::{Binding, Otherwise, Policy, Proof, Registration};
pub use one_time_code::{CodeSpent, CodeTarget, OneTimeCode};
pub use phone::Phone;
pub use principal::{NotAdmitted, Principal};
pub use resolve::{OnConflict, Refusal, Resolution, resolve};
pub use return_to::{Hosts, ReturnTo};
pub use session::{Expired, LiveSession, Session, SessionPolicy};
pub use username::Username;
pub use wechat::Wechat;
