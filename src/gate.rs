//! The gate: what a request is, where it belongs, who sent it and what is decided about it.
//!
//! Pure functions over `http` types, shared by the proxy and by the forward-auth endpoint, so that both decide
//! alike. It never does I/O, never waits and never reads the clock.

pub mod access;
pub mod assertion;
pub mod client;
pub mod cookies;
mod fold;
pub mod forwarded;
pub mod headers;
pub mod path;
pub mod require;
pub mod route;
pub mod site;
pub mod verification;

#[cfg(test)]
pub(crate) mod testing;

pub use access::{Access, Decision, Preflight, Refusal, RequestKind, Visitor, decide, request_kind};
pub use assertion::{AssertionError, Claims, Signer};
pub use client::{ClientKind, client_kind};
pub use cookies::{Cookies, bearer};
pub use fold::fold;
pub use forwarded::{Origin, Peer, Scheme, Trust, is_forwarding_header};
pub use headers::{HeadersConfig, IdentityHeaders};
pub use path::{PathProblem, Target, target};
pub use require::{Missing, Require};
pub use route::{Route, RouteTable, host_name};
pub use site::Site;
