//! Listening sockets: our own, or those that systemd holds across a restart.

use std::net::TcpListener;

use crate::proxy::{BindError, Bound, bind as bind_one};

/// The handed-over sockets if there are any, else one for each address.
pub(super) fn bind(addresses: &[String], handed_over: Vec<TcpListener>) -> Result<Vec<Bound>, BindError> {
    if handed_over.is_empty() {
        addresses.iter().map(|address| bind_one(address)).collect()
    } else {
        handed_over.into_iter().map(Bound::adopt).collect()
    }
}

/// The sockets of `menshen.socket` (`LISTEN_FDS`), if this process was started by it.
pub(super) fn from_systemd() -> Vec<TcpListener> {
    let mut passed = listenfd::ListenFd::from_env();
    (0..passed.len()).filter_map(|index| passed.take_tcp_listener(index).ok().flatten()).collect()
}
