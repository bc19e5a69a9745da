//! Parses addresses, and groups those that count as one client.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::request::RequestHead;

/// The addresses that count as one client, because one client may have all of them: an IPv4
/// address, or an IPv6 /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AddressBlock(u128);

impl AddressBlock {
    pub(crate) fn of(address: IpAddr) -> Self {
        let is_ipv4 = address.to_canonical().is_ipv4();
        Self(if is_ipv4 { bits(address) } else { bits(address) >> 64 << 64 })
    }

    /// Different for different blocks, and the same on every instance.
    pub(crate) const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

/// The peer of the socket. An IPv6 listener reports IPv4 peers as mapped addresses; they are the
/// same clients.
pub(crate) fn peer_of(head: &dyn RequestHead) -> Option<SocketAddr> {
    head.peer().map(|peer| SocketAddr::new(peer.ip().to_canonical(), peer.port()))
}

/// IPv4 addresses are mapped into IPv6, so that there is one kind of number.
pub(super) fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Parses an address. A mapped IPv4 address becomes IPv4, and the zone of an IPv6 address is
/// dropped, because it names an interface of the machine that wrote it.
pub(super) fn parse(text: &str) -> Option<IpAddr> {
    match text.split_once('%') {
        None => text.parse::<IpAddr>().ok().map(|address| address.to_canonical()),
        Some((address, zone)) if !zone.is_empty() && zone.bytes().all(is_unreserved) => {
            address.parse::<Ipv6Addr>().ok().map(|address| address.to_canonical())
        }
        Some(_) => None,
    }
}

/// Whether the byte may occur in a zone ([RFC 6874](https://www.rfc-editor.org/rfc/rfc6874)), or in
/// an obfuscated port or name ([RFC 7239](https://www.rfc-editor.org/rfc/rfc7239#section-6.3)).
pub(super) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_meant() {
        for (text, meant) in [
            ("192.0.2.7", Some("192.0.2.7")),
            ("::ffff:192.0.2.7", Some("192.0.2.7")),
            ("::ffff:c000:207", Some("192.0.2.7")),
            ("2001:DB8::7", Some("2001:db8::7")),
            ("fe80::1%eth0", Some("fe80::1")),
            ("fe80::1%25eth0", Some("fe80::1")),
            ("fe80::1%", None),
            ("fe80::1%a b", None),
            ("192.0.2.7%eth0", None),
            ("192.0.2.007", None),
            ("192.0.2", None),
            ("192.0.2.7 ", None),
            ("[::1]", None),
            ("", None),
        ] {
            assert_eq!(parse(text), meant.map(|meant| meant.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_client_may_have_an_ipv4_address_or_64_bits_of_ipv6() {
        let block = |text: &str| AddressBlock::of(text.parse().unwrap());
        assert_eq!(block("2001:db8:1:2::1"), block("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(block("2001:db8:1:2::1"), block("2001:db8:1:3::1"));
        assert_ne!(block("192.0.2.7"), block("192.0.2.8"));
        assert_eq!(block("192.0.2.7"), block("::ffff:192.0.2.7"), "not one block for all of IPv4");
        assert_ne!(block("::1"), block("192.0.2.7"));
    }
}
