//! The servers behind the gateway: which one a request goes to, how it is reached, which to leave alone.
//!
//! Servers take turns; one that refused a connection is passed over for a few seconds and only used when all
//! did. Never resolves a name inside pingora, never connects without limits, never speaks TLS unverified unless
//! the operator wrote so.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::x509::X509;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::upstreams::peer::{HttpPeer, Scheme};

use super::downs::Downs;
use super::hop::NOWHERE;
use super::resolve::{Name, ResolveError};
use crate::snapshot::{Server, ServerAddress, Upstream};

/// Why an upstream cannot be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No server is listed.
    #[error("the upstream has no servers")]
    NoServers,
    /// A certificate is checked against a name; without one pingora would skip the check.
    #[error("a server reached by TLS has no name to check its certificate against")]
    NoServerName,
    /// Not a path a socket can have.
    #[error("`{path}` is not a usable socket path")]
    SocketPath {
        /// The path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<pingora::Error>,
    },
    /// The certificates to trust are no PEM.
    #[error("the certificates to trust are not readable PEM")]
    Pem(#[from] ErrorStack),
    /// The certificates to trust are none.
    #[error("the file of certificates to trust holds no certificate")]
    NoCertificate,
}

/// The servers of one upstream.
#[derive(Debug)]
pub(super) struct Pool {
    servers: Vec<Member>,
    turn: AtomicUsize,
    downs: Downs<SocketAddr>,
}

/// One configured server: where it is, and the peer to clone for each request to it.
#[derive(Debug)]
struct Member {
    place: Place,
    peer: HttpPeer,
}

#[derive(Debug)]
enum Place {
    Fixed(SocketAddr),
    Named(Arc<Name>),
}

/// Peers of different pools never share connections: their trust may differ where their addresses do not.
static NEXT_GROUP: AtomicU64 = AtomicU64::new(1);

impl Pool {
    /// Reads the files that `upstream` names and prepares its peers; connects to nothing.
    pub(super) fn new(upstream: &Upstream) -> Result<Self, UpstreamError> {
        if upstream.servers.is_empty() {
            return Err(UpstreamError::NoServers);
        }
        let mut template = HttpPeer::new(NOWHERE, false, String::new());
        template.group_key = NEXT_GROUP.fetch_add(1, Ordering::Relaxed);
        set_limits(&mut template, upstream);
        set_trust(&mut template, upstream)?;
        let members = upstream.servers.iter().map(|server| Member::new(server, &template));
        Ok(Self {
            servers: members.collect::<Result<_, _>>()?,
            turn: AtomicUsize::new(0),
            downs: Downs::default(),
        })
    }

    /// Waits until at least one server has an address.
    pub(super) async fn ready(&self) -> Result<(), ResolveError> {
        let unknown = |member: &Member| matches!(&member.place, Place::Named(name) if !name.is_known());
        if !self.servers.iter().all(unknown) {
            return Ok(());
        }
        let mut result = Ok(());
        for member in &self.servers {
            if let Place::Named(name) = &member.place {
                result = name.first_answer().await;
                if result.is_ok() {
                    break;
                }
            }
        }
        result
    }

    /// The peer whose turn it is: not among `tried`, and not one that lately refused if there is another.
    pub(super) fn choose(&self, tried: &[SocketAddr]) -> Option<Box<HttpPeer>> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let well = |address: &SocketAddr| !tried.contains(address) && !self.downs.contains(address);
        self.first(turn, well).or_else(|| self.first(turn, |address| !tried.contains(address)))
    }

    /// Whether a further attempt would reach an address not tried yet.
    pub(super) fn has_another(&self, tried: &[SocketAddr]) -> bool {
        self.first(0, |address| !tried.contains(address)).is_some()
    }

    /// Passes `address` over for a while.
    pub(super) fn refused(&self, address: &SocketAddr) {
        self.downs.add(address.clone());
    }

    fn first(&self, turn: usize, fits: impl Fn(&SocketAddr) -> bool) -> Option<Box<HttpPeer>> {
        let count = self.servers.len();
        (0..count).find_map(|step| {
            let member = &self.servers[(turn + step) % count];
            let address = match &member.place {
                Place::Fixed(address) => fits(address).then(|| address.clone()),
                Place::Named(name) => name.find(turn / count, |address| {
                    let address = SocketAddr::Inet(*address);
                    fits(&address).then_some(address)
                }),
            };
            address.map(|address| {
                let mut peer = Box::new(member.peer.clone());
                peer._address = address;
                peer
            })
        })
    }
}

impl Member {
    fn new(server: &Server, template: &HttpPeer) -> Result<Self, UpstreamError> {
        let mut peer = template.clone();
        if let Some(name) = &server.tls_name {
            if name.is_empty() {
                return Err(UpstreamError::NoServerName);
            }
            peer.sni.clone_from(name);
            peer.scheme = Scheme::HTTPS;
        }
        let place = match &server.address {
            ServerAddress::Unix(path) => Place::Fixed(unix_address(path)?),
            ServerAddress::Tcp(host, port) => match host.parse::<IpAddr>() {
                Ok(ip) => Place::Fixed(SocketAddr::Inet((ip, *port).into())),
                Err(_) => Place::Named(Arc::new(Name::new(host, *port))),
            },
        };
        Ok(Self { place, peer })
    }
}

fn unix_address(path: &Path) -> Result<SocketAddr, UpstreamError> {
    let text = path.to_string_lossy();
    HttpPeer::new_uds(&text, false, String::new())
        .map(|peer| peer._address)
        .map_err(|source| UpstreamError::SocketPath { path: path.into(), source })
}

/// Everything that waits has a limit; the read limit is set for each request by its route.
fn set_limits(peer: &mut HttpPeer, upstream: &Upstream) {
    let options = &mut peer.options;
    options.connection_timeout = Some(upstream.connect_timeout.duration());
    // The TLS handshake comes on top of the connection.
    options.total_connection_timeout = Some(upstream.connect_timeout.duration() + Duration::from_secs(2));
    options.write_timeout = Some(upstream.write_timeout.duration());
    options.idle_timeout = Some(upstream.idle_timeout.duration());
}

fn set_trust(peer: &mut HttpPeer, upstream: &Upstream) -> Result<(), UpstreamError> {
    peer.options.verify_cert = upstream.tls_verify;
    peer.options.verify_hostname = upstream.tls_verify;
    if let Some(pem) = &upstream.tls_ca {
        let trusted = X509::stack_from_pem(pem.as_bytes())?;
        if trusted.is_empty() {
            return Err(UpstreamError::NoCertificate);
        }
        peer.options.ca = Some(Arc::new(trusted.into_boxed_slice()));
    }
    Ok(())
}
