//! Trusted reverse proxies, and the client address that they report.

use std::net::{IpAddr, Ipv6Addr};

use super::{
    address::{bits, parse, peer_of},
    forwarded::{ForwardedHeader, Hops},
};
use crate::{error::ConfigError, request::RequestHead};

/// Further hops are ignored.
const MAX_HOPS: usize = 32;
const FIELD: &str = "trusted_proxies";

/// The reverse proxies in front of the service, as addresses or networks. Without any, the client
/// address is that of the socket.
///
/// The socket's address is used unless it belongs to a trusted proxy. Otherwise the entries of one
/// header are followed backwards from the last one, over trusted proxies, to the first address that
/// is not a trusted proxy. An entry without an address, or one that cannot be parsed, ends the
/// search: the last address that a trusted proxy reported is used. At most 32 entries are examined;
/// a header of more than 64 lines is ignored.
///
/// ```
/// use fauth_core::{AuthConfig, client::{ForwardedHeader, TrustedProxies}};
///
/// # let secret = "0f6c1b2a34d94a5b8f7e6d5c4b3a2918";
/// let proxies = TrustedProxies::new(["10.0.0.0/8", "::1"])?.header(ForwardedHeader::Forwarded);
/// let config = AuthConfig::builder().secret(secret).trusted_proxies(proxies).build()?;
/// # Ok::<(), fauth_core::ConfigError>(())
/// ```
///
/// # Security
/// List only your own proxies: anyone who sends from a listed address decides which client address
/// is seen. The proxies must append to this header or replace it, and must never pass it on
/// unchanged. Of the two headers, choose the one that they write.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Box<[Network]>,
    header: ForwardedHeader,
}

impl TrustedProxies {
    /// Parses addresses (`192.0.2.7`, `::1`) and networks (`10.0.0.0/8`).
    ///
    /// # Errors
    /// [`ConfigError`] if the list is empty, if an entry is neither an address nor a network, if a
    /// network has bits beyond its length, which is usually a typing error, or if it contains all
    /// of IPv4.
    pub fn new(proxies: impl IntoIterator<Item: AsRef<str>>) -> Result<Self, ConfigError> {
        let networks: Box<[_]> =
            proxies.into_iter().map(|proxy| Network::parse(proxy.as_ref())).collect::<Result<_, _>>()?;
        if networks.is_empty() {
            return Err(ConfigError::new(
                FIELD,
                "the list of proxies is empty",
                "list a proxy, or remove the setting",
            ));
        }
        Ok(Self { networks, header: ForwardedHeader::default() })
    }

    /// Sets the header that the proxies write; the other one is ignored. Default:
    /// `X-Forwarded-For`.
    #[must_use]
    pub const fn header(mut self, header: ForwardedHeader) -> Self {
        self.header = header;
        self
    }

    /// Returns the address of the client that sent a request; `None` if the socket's address is
    /// unknown.
    pub fn client_address(&self, head: &dyn RequestHead) -> Option<IpAddr> {
        let mut known = peer_of(head)?.ip();
        if !self.trusts(known) {
            return Some(known);
        }
        let values = head.header(self.header.name());
        // The missing lines are the last ones, and only those can be trusted.
        if values.is_cut_off() {
            return Some(known);
        }
        for hop in Hops::of(&values, self.header).take(MAX_HOPS) {
            let Some(address) = hop else { break };
            known = address;
            if !self.trusts(address) {
                break;
            }
        }
        Some(known)
    }

    /// Whether no proxy is trusted, and so no header is read.
    pub(crate) const fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }
}

/// All addresses with the same leading bits; IPv4 is mapped into IPv6.
#[derive(Debug, Clone, Copy)]
struct Network {
    first: u128,
    /// The number of trailing bits that may differ.
    free: u32,
}

impl Network {
    /// The IPv4 addresses.
    const IPV4: Self = Self { first: 0xffff_0000_0000, free: 32 };

    fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = |problem: &str, fix: String| ConfigError::new(FIELD, format!("{text:?} {problem}"), fix);
        let unreadable = || {
            wrong(
                "is neither an address nor a network",
                "use the form 192.0.2.7, 10.0.0.0/8, ::1 or fd00::/8".to_owned(),
            )
        };
        let text = text.trim();
        let (address, length) = match text.split_once('/') {
            None => (text, None),
            Some((address, length)) => (address, Some(length)),
        };
        let width = if address.contains(':') { 128 } else { 32 };
        let free = match length {
            None => 0,
            Some(length) => free_bits(length, width).ok_or_else(unreadable)?,
        };
        let network = Self { first: bits(parse(address).ok_or_else(unreadable)?), free };
        if network.first != network.start_of(network.first) {
            let start = Ipv6Addr::from_bits(network.start_of(network.first)).to_canonical();
            let length = length.unwrap_or_default();
            return Err(wrong("has bits beyond the length of the network", format!("use {start}/{length}")));
        }
        if network.free >= Self::IPV4.free && network.start_of(Self::IPV4.first) == network.first {
            return Err(wrong(
                "contains every IPv4 address: any client could claim any address",
                "list the proxies, or a network that contains only them".to_owned(),
            ));
        }
        Ok(network)
    }

    fn contains(self, address: IpAddr) -> bool {
        self.start_of(bits(address)) == self.first
    }

    /// The first address of the network of this length that contains `address`.
    const fn start_of(self, address: u128) -> u128 {
        match address.checked_shr(self.free) {
            Some(start) => start << self.free,
            None => 0,
        }
    }
}

fn free_bits(length: &str, width: u32) -> Option<u32> {
    let is_number = (1..=3).contains(&length.len()) && length.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { width.checked_sub(length.parse().ok()?) } else { None }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::request::HeaderValues;

    struct Head {
        peer: Option<SocketAddr>,
        lines: Vec<(&'static str, Vec<u8>)>,
    }

    impl RequestHead for Head {
        fn method(&self) -> &'static str {
            "GET"
        }
        fn path(&self) -> &'static str {
            "/"
        }
        fn query(&self) -> Option<&str> {
            None
        }
        fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
            self.lines.iter().filter(|(own, _)| *own == name).map(|(_, value)| value.as_slice()).collect()
        }
        fn peer(&self) -> Option<SocketAddr> {
            self.peer
        }
        fn is_secure(&self) -> bool {
            false
        }
    }

    const X: &str = "x-forwarded-for";

    fn from(peer: &str, lines: &[(&'static str, &str)]) -> Head {
        let peer = Some(SocketAddr::new(peer.parse().unwrap(), 4711));
        Head { peer, lines: lines.iter().map(|(name, line)| (*name, line.as_bytes().to_vec())).collect() }
    }

    fn proxies() -> TrustedProxies {
        TrustedProxies::new(["10.0.0.0/8", "::1", "fd00::/8"]).unwrap()
    }

    #[track_caller]
    fn sees(proxies: &TrustedProxies, head: &Head, address: &str) {
        assert_eq!(proxies.client_address(head), Some(address.parse().unwrap()), "{:?}", head.lines);
    }

    #[test]
    fn the_first_who_is_not_trusted_is_the_client() {
        for (peer, line, address) in [
            ("10.0.0.1", "192.0.2.7", "192.0.2.7"),
            ("10.0.0.1", "6.6.6.6, 192.0.2.7", "192.0.2.7"),
            ("10.0.0.1", "6.6.6.6, 192.0.2.7, 10.0.0.3, fd00::2", "192.0.2.7"),
            ("::ffff:10.0.0.1", "192.0.2.7", "192.0.2.7"),
            ("::1", "::ffff:192.0.2.7", "192.0.2.7"),
            ("10.0.0.1", "10.0.0.9", "10.0.0.9"),
            ("10.0.0.1", "10.0.0.9, 10.0.0.8", "10.0.0.9"),
            // An entry that cannot be parsed ends the search at the last good hop.
            ("10.0.0.1", "192.0.2.7, unknown", "10.0.0.1"),
            ("10.0.0.1", "192.0.2.7, rubbish, 10.0.0.3", "10.0.0.3"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("10.0.0.1", "192.0.2.7,", "10.0.0.1"),
            // A header from an untrusted peer is ignored.
            ("192.0.2.1", "6.6.6.6", "192.0.2.1"),
            ("::ffff:192.0.2.1", "6.6.6.6", "192.0.2.1"),
            ("2001:db8::1", "6.6.6.6", "2001:db8::1"),
            ("::2", "6.6.6.6", "::2"),
            ("11.0.0.1", "6.6.6.6", "11.0.0.1"),
        ] {
            sees(&proxies(), &from(peer, &[(X, line)]), address);
        }
    }

    #[test]
    fn one_header_is_believed_and_never_both() {
        let both = [("forwarded", "for=1.1.1.1"), (X, "2.2.2.2"), ("x-real-ip", "3.3.3.3")];
        sees(&proxies(), &from("10.0.0.1", &both), "2.2.2.2");
        sees(&proxies().header(ForwardedHeader::Forwarded), &from("10.0.0.1", &both), "1.1.1.1");
        sees(&proxies(), &from("10.0.0.1", &both[..1]), "10.0.0.1");
        sees(&proxies().header(ForwardedHeader::Forwarded), &from("10.0.0.1", &both[1..]), "10.0.0.1");
    }

    #[test]
    fn without_proxies_or_a_peer_there_is_nothing_to_believe() {
        let nobody = TrustedProxies::default();
        sees(&nobody, &from("10.0.0.1", &[(X, "2.2.2.2")]), "10.0.0.1");
        sees(&nobody, &from("::ffff:127.0.0.1", &[]), "127.0.0.1");
        let unknown = Head { peer: None, lines: vec![(X, b"2.2.2.2".to_vec())] };
        assert_eq!(proxies().client_address(&unknown), None);
    }

    #[test]
    fn thirty_two_hops_are_looked_at() {
        for (hops, address) in [(31, "192.0.2.7"), (32, "10.0.0.9"), (1000, "10.0.0.9")] {
            let line = format!("192.0.2.7{}", ", 10.0.0.9".repeat(hops));
            sees(&proxies(), &from("10.0.0.1", &[(X, &line)]), address);
        }
    }

    #[test]
    fn of_lines_beyond_what_is_kept_nothing_is_concluded() {
        for (lines, address) in [(64, "192.0.2.7"), (65, "10.0.0.1")] {
            let mut all = vec![(X, "6.6.6.6"); lines - 1];
            all.push((X, "192.0.2.7"));
            sees(&proxies(), &from("10.0.0.1", &all), address);
        }
    }

    #[test]
    fn networks_are_read_strictly() {
        for good in ["192.0.2.7", " 10.0.0.0/8 ", "10.0.0.1/32", "fd00::/8", "::1/128", "::ffff:10.0.0.0/104"]
        {
            assert!(TrustedProxies::new([good]).is_ok(), "{good}");
        }
        for bad in [
            "",
            "proxy",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/08x",
            "fd00::/129",
            "10.0.0.1/8",
            "fd00::1/8",
            "0.0.0.0/0",
            "::/0",
            "::/64",
            "::ffff:0:0/96",
            "10.0.0.0/8/8",
        ] {
            assert_eq!(TrustedProxies::new([bad]).unwrap_err().field(), FIELD, "{bad}");
        }
        assert_eq!(TrustedProxies::new([""; 0]).unwrap_err().field(), FIELD);
        let error = TrustedProxies::new(["10.1.2.3/8"]).unwrap_err();
        assert_eq!(error.fix(), "use 10.0.0.0/8");
    }

    #[test]
    fn a_network_ends_where_its_length_says() {
        let proxies =
            TrustedProxies::new(["10.0.0.0/9", "fd00:1::/32", "192.0.2.7", "::ffff:172.16.0.0/108"]);
        let proxies = proxies.unwrap();
        for (address, is_trusted) in [
            ("10.0.0.0", true),
            ("10.127.255.255", true),
            ("10.128.0.0", false),
            ("9.255.255.255", false),
            ("fd00:1:ffff::", true),
            ("fd00:2::", false),
            ("192.0.2.7", true),
            ("192.0.2.6", false),
            ("172.16.0.0", true),
            ("172.31.255.255", true),
            ("172.32.0.0", false),
        ] {
            assert_eq!(proxies.trusts(address.parse().unwrap()), is_trusted, "{address}");
        }
    }

    fn entry() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
            any::<Ipv6Addr>().prop_map(|address| address.to_string()),
            any::<u8>().prop_map(|last| format!("10.0.0.{last}")),
            any::<(u8, u16)>().prop_map(|(last, port)| format!("[fd00::{last:x}]:{port}")),
            any::<u8>().prop_map(|last| format!("for=\"[::ffff:10.0.0.{last}]\";proto=https")),
            any::<u8>().prop_map(|last| format!("for=10.0.0.{last}")),
            "[ -~]{0,12}",
        ]
    }

    proptest! {
        #[test]
        fn the_client_is_the_peer_or_stands_in_the_header(
            lines in prop::collection::vec(prop::collection::vec(entry(), 0..6), 0..4),
            peer in prop_oneof![Just("10.0.0.1"), Just("192.0.2.1"), Just("::ffff:10.0.0.1")],
            is_forwarded in any::<bool>(),
        ) {
            let header = if is_forwarded { ForwardedHeader::Forwarded } else { ForwardedHeader::XForwardedFor };
            let lines: Vec<_> = lines.iter().map(|line| (header.name(), line.join(", "))).collect();
            let lines: Vec<_> = lines.iter().map(|(name, line)| (*name, line.as_str())).collect();
            let head = from(peer, &lines);
            let seen = proxies().header(header).client_address(&head).unwrap();
            let peer = head.peer.unwrap().ip().to_canonical();
            let is_named = lines.iter().any(|(_, line)| {
                line.split([',', ';', '=', '"', '[', ']', ' ']).any(|word| {
                    let port = word.rsplit_once(':').and_then(|(address, _)| parse(address));
                    [parse(word), port].contains(&Some(seen))
                })
            });
            prop_assert!(seen == peer || (is_named && proxies().trusts(peer)), "{}", seen);
        }

        #[test]
        fn no_bytes_are_too_much(
            lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..8),
            is_forwarded in any::<bool>(),
        ) {
            let header = if is_forwarded { ForwardedHeader::Forwarded } else { ForwardedHeader::XForwardedFor };
            let mut head = from("10.0.0.1", &[]);
            head.lines = lines.into_iter().map(|line| (header.name(), line)).collect();
            prop_assert!(proxies().header(header).client_address(&head).is_some());
        }
    }
}
