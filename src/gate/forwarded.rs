//! Where a request really comes from: the peer of the connection, or what a trusted proxy says.
//!
//! By default nobody is trusted. What cannot be read is never guessed: the answer is then the peer itself.

use std::net::{IpAddr, SocketAddr};

use http::header::{HeaderMap, HeaderName};
use ipnet::IpNet;

use super::fold::{Folded, first};

/// Whose forwarding headers are believed.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    networks: Vec<IpNet>,
    unix: bool,
}

/// An entry of `trusted_proxies` that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an address; write 10.0.0.1, 10.0.0.0/8, fd00::/8, or \"unix\" for Unix sockets")]
pub struct TrustProblem {
    /// Its place in the list.
    pub index: usize,
    /// What is written there.
    pub text: String,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address; `None` on a Unix socket.
    pub ip: Option<IpAddr>,
    /// Whether the connection is TLS.
    pub tls: bool,
}

/// How a visitor addresses us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain.
    Http,
    /// TLS, here or at a trusted proxy.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Where a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The visitor's address; `None` if it came over a Unix socket and nobody said more.
    pub client_ip: Option<IpAddr>,
    /// How the visitor addresses us.
    pub scheme: Scheme,
    /// Whether the peer is a trusted proxy.
    pub trusted_peer: bool,
    /// The value of `X-Forwarded-For` for the upstream: the visitor first, then the trusted proxies that passed
    /// the request on. Holds nothing that a client could have made up. Empty if no address is known.
    pub forwarded_for: String,
}

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Most proxies that are followed back.
const MAX_HOPS: usize = 64;

impl Trust {
    /// Reads `trusted_proxies`: addresses, networks, and `unix` for peers on a Unix socket.
    pub fn parse(entries: &[String]) -> Result<Self, Vec<TrustProblem>> {
        let mut trust = Self::default();
        let mut problems = Vec::new();
        for (index, text) in entries.iter().enumerate() {
            let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            match network {
                Ok(network) => trust.networks.push(network.trunc()),
                Err(_) if text == "unix" => trust.unix = true,
                Err(_) => problems.push(TrustProblem { index, text: text.clone() }),
            }
        }
        if problems.is_empty() { Ok(trust) } else { Err(problems) }
    }

    /// Whether the list trusts every address there is, so that any client can claim any address.
    pub fn trusts_everybody(&self) -> bool {
        self.networks.iter().any(|network| network.prefix_len() == 0)
    }

    fn trusts(&self, ip: Option<IpAddr>) -> bool {
        match ip {
            Some(ip) => self.networks.iter().any(|network| network.contains(&ip)),
            None => self.unix,
        }
    }

    /// Where a request with these headers, received from `peer`, comes from.
    ///
    /// From right to left, the first address in `X-Forwarded-For` that is not a trusted proxy is the visitor. An
    /// unreadable entry before that, or more than 64 proxies, and the peer counts as the visitor. The scheme is
    /// believed if every entry of `X-Forwarded-Proto` says the same, `http` or `https`.
    pub fn origin(&self, peer: Peer, headers: &HeaderMap) -> Origin {
        let ip = peer.ip.map(|ip| ip.to_canonical());
        let trusted_peer = self.trusts(ip);
        let chain = if trusted_peer { self.chain(headers) } else { None };
        let scheme = if trusted_peer { scheme(headers) } else { None };
        let peer_scheme = if peer.tls { Scheme::Https } else { Scheme::Http };
        let (client_ip, mut forwarded_for) = match chain.as_deref() {
            Some([passed_on @ .., client]) => {
                let hops = passed_on.iter().rev().map(|hop| format!(", {hop}"));
                (Some(*client), std::iter::once(client.to_string()).chain(hops).collect())
            }
            _ => (ip, String::new()),
        };
        if let Some(ip) = ip {
            if !forwarded_for.is_empty() {
                forwarded_for.push_str(", ");
            }
            forwarded_for.push_str(&ip.to_string());
        }
        Origin { client_ip, scheme: scheme.unwrap_or(peer_scheme), trusted_peer, forwarded_for }
    }

    /// The addresses of `X-Forwarded-For` from right to left, ending with the visitor's.
    fn chain(&self, headers: &HeaderMap) -> Option<Vec<IpAddr>> {
        let mut chain = Vec::new();
        let lines: Vec<_> = headers.get_all(&X_FORWARDED_FOR).iter().collect();
        for entry in lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')) {
            if chain.len() == MAX_HOPS {
                return None;
            }
            let ip = read_address(entry)?;
            chain.push(ip);
            if !self.trusts(Some(ip)) {
                break;
            }
        }
        Some(chain)
    }
}

/// `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`; no zones, no names.
fn read_address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry.trim_ascii()).ok()?;
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    let ip = text.parse::<IpAddr>().ok().or_else(bare).or_else(|| {
        // Rust reads a zone only in socket addresses, so it is refused here by hand.
        let address = text.parse::<SocketAddr>().ok()?;
        (!text.contains('%')).then_some(address.ip())
    })?;
    Some(ip.to_canonical())
}

fn scheme(headers: &HeaderMap) -> Option<Scheme> {
    let mut entries = headers
        .get_all(&X_FORWARDED_PROTO)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(|entry| match entry.trim_ascii() {
            name if name.eq_ignore_ascii_case(b"https") => Some(Scheme::Https),
            name if name.eq_ignore_ascii_case(b"http") => Some(Scheme::Http),
            _ => None,
        });
    let first = entries.next()??;
    entries.all(|entry| entry == Some(first)).then_some(first)
}

/// Whether a header of this name tells apps where a request comes from or what it originally was. All of them
/// are taken from every request; those we know are then set by us. Separators and case do not matter.
///
/// `Via` is not one of them.
pub fn is_forwarding_header(name: &str) -> bool {
    // The first letters of the names below: most headers go no further.
    if !matches!(first(name), b'a' | b'c' | b'f' | b'p' | b't' | b'w' | b'x') {
        return false;
    }
    let folded = Folded::new(name);
    let start = folded.start();
    if [&b"forwarded"[..], b"xforwarded", b"xoriginal"].iter().any(|prefix| start.starts_with(prefix)) {
        return true;
    }
    matches!(
        start,
        b"xrealip"
            | b"xclientip"
            | b"xclusterclientip"
            | b"xrewriteurl"
            | b"xoriginatingip"
            | b"xremoteip"
            | b"xremoteaddr"
            | b"xhost"
            | b"xhttphostoverride"
            | b"xscheme"
            | b"xurlscheme"
            | b"xproxyuserip"
            | b"xazureclientip"
            | b"xazuresocketip"
            | b"xappengineuserip"
            | b"xenvoyexternaladdress"
            | b"cfconnectingip"
            | b"cfconnectingipv6"
            | b"cfpseudoipv4"
            | b"clientip"
            | b"trueclientip"
            | b"truerealip"
            | b"fastlyclientip"
            | b"flyclientip"
            | b"frontendhttps"
            | b"proxyclientip"
            | b"wlproxyclientip"
            | b"alicdnrealip"
    )
}

#[cfg(test)]
mod tests;
