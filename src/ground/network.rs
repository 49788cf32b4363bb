//! Client addresses as limits count them.

use std::net::{IpAddr, Ipv6Addr};

/// The network that counts as one client: an IPv4 address, or the /64 that an IPv6 customer holds. All who come from
/// nowhere are one.
pub fn network_of(ip: Option<&str>) -> IpAddr {
    let ip: Option<IpAddr> = ip.and_then(|ip| ip.parse().ok());
    match ip.map(|ip| ip.to_canonical()) {
        Some(IpAddr::V6(v6)) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
        Some(v4) => v4,
        None => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ipv6_network_counts_as_one_client() {
        let one = network_of(Some("2001:db8::1"));
        assert_eq!(one, network_of(Some("2001:db8::ffff:2")));
        assert_ne!(one, network_of(Some("2001:db8:0:1::1")));
    }

    #[test]
    fn an_ipv4_address_is_one_client_however_it_is_written() {
        assert_eq!(network_of(Some("192.0.2.1")), network_of(Some("::ffff:192.0.2.1")));
        assert_ne!(network_of(Some("192.0.2.1")), network_of(Some("::ffff:192.0.2.2")));
    }

    #[test]
    fn all_who_come_from_nowhere_are_one_client() {
        assert_eq!(network_of(None), network_of(Some("not an address")));
    }
}
