//! Taking the addresses that visitors connect to, apart from serving them.
//!
//! An address is bound, or refused with words an operator can act on, before anything else starts: a gateway
//! that runs without its door is worse than one that says why it did not start. Never retries, never unlinks.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait for `accept` while all permits are taken or the process restarts.
const BACKLOG: i32 = 4096;

/// A bound, listening socket that nobody serves yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

/// Why an address could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Not an address with a port.
    #[error("`{text}` is not an address to listen on; write for example \"0.0.0.0:443\" or \"[::]:443\"")]
    Address {
        /// What was configured.
        text: String,
        /// The cause.
        #[source]
        source: std::net::AddrParseError,
    },
    /// Another process listens there.
    #[error("{address} is taken by another process; `ss -ltnp` shows which")]
    Taken {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A port below 1024 without the right to it.
    #[error(
        "no permission to listen on {address}; ports below 1024 need CAP_NET_BIND_SERVICE \
         (the systemd unit grants it) or a socket unit"
    )]
    Permission {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// No interface of this machine has the address.
    #[error("{address} is not an address of this machine; `ip addr` lists them")]
    NotOurs {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Anything else.
    #[error("cannot listen on {address}")]
    Other {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A socket handed over by the service manager that cannot be used.
    #[error("the socket that was handed over cannot be used")]
    HandedOver {
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Binds `text`, an IP address with a port (port 0 takes any free one), and listens.
pub fn bind(text: &str) -> Result<Bound, BindError> {
    let address: SocketAddr =
        text.parse().map_err(|source| BindError::Address { text: text.into(), source })?;
    let listener = listen(address).map_err(|source| BindError::of(address, source))?;
    Bound::adopt(listener)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Without it a restart fails while connections of the old process linger in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Bound {
    /// Takes over a listening socket bound elsewhere, for example by systemd.
    pub fn adopt(listener: TcpListener) -> Result<Self, BindError> {
        let prepared = listener.set_nonblocking(true).and_then(|()| listener.local_addr());
        let address = prepared.map_err(|source| BindError::HandedOver { source })?;
        Ok(Self { listener, address })
    }

    /// The address, with the port that was given for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn into_std(self) -> TcpListener {
        self.listener
    }
}

impl BindError {
    fn of(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::Taken { address, source },
            io::ErrorKind::PermissionDenied => Self::Permission { address, source },
            io::ErrorKind::AddrNotAvailable => Self::NotOurs { address, source },
            _ => Self::Other { address, source },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_the_way_to_find_its_owner() {
        let first = bind("127.0.0.1:0").unwrap();
        let error = bind(&first.address().to_string()).unwrap_err();
        assert!(matches!(error, BindError::Taken { .. }));
        assert!(error.to_string().contains(&first.address().to_string()));
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for text in ["", "443", "example.com:443", "127.0.0.1", "127.0.0.1:99999"] {
            assert!(matches!(bind(text), Err(BindError::Address { .. })), "{text}");
        }
    }

    #[test]
    fn an_address_of_another_machine_is_said_to_be_so() {
        // 192.0.2.0/24 is reserved for documentation: no machine has it.
        assert!(matches!(bind("192.0.2.1:0"), Err(BindError::NotOurs { .. })));
    }

    #[test]
    fn a_socket_bound_elsewhere_is_adopted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(Bound::adopt(listener).unwrap().address(), address);
    }
}
