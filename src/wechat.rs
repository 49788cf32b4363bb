//! The WeChat client: what this process asks of WeChat, and how it reads the answers.
//!
//! Knows nothing of visitors, sessions or stores. No secret, code or token ever leaves this room in a log line,
//! an error or a `Debug` text; addresses with a query are never printed.

mod authorize;
mod client;
mod codes;
mod config;
mod error;
mod followers;
mod hosts;
mod links;
mod mini_code;
mod mini_program;
mod phone;
mod probe;
pub mod push;
mod relay;
mod server_api;
mod session_key;
mod sns;
mod transport;
mod wire;

pub use authorize::{
    CallbackAnswer, MAX_CODE_LEN, MAX_STATE_LEN, OAuthScope, QrLang, QrOptions, QrStyle, is_valid_code,
    is_valid_state, oauth2_authorize_url, qrconnect_url,
};
pub use client::Client;
pub use codes::{Action, Call, Credential, action_for};
pub use config::{Config, InvalidConfig, Problem};
pub use error::{Error, Kind, Refusal, VisitorKind};
pub use followers::{Follower, SceneCode};
pub use links::LinkTarget;
pub use mini_code::{CodePicture, CodeRequest, is_valid_scene};
pub use mini_program::{JsSession, ProgramVersion, is_valid_page};
pub use phone::PhoneNumber;
pub use probe::Page;
pub use relay::Relayed;
pub use server_api::ServerToken;
pub use session_key::{DecryptError, Opened, SessionKey};
pub use sns::{Lang, Sex, SnsToken, UserInfo};
pub use transport::{Backoff, NoAnswer, Transport, TransportError};
pub use wire::Unreadable;
