//! Headers that proxies add: `X-Forwarded-For`, `Forwarded`, `traceparent` and `baggage`.

use std::{
    net::{IpAddr, SocketAddr},
    sync::OnceLock,
};

use super::{head::Head, lines};
use crate::client::{ForwardedHeader, TrustedProxies};

const PEER: [u8; 4] = [10, 0, 0, 1];

fn proxies() -> &'static TrustedProxies {
    static PROXIES: OnceLock<TrustedProxies> = OnceLock::new();
    PROXIES.get_or_init(|| TrustedProxies::new(["10.0.0.0/8", "::1", "fd00::/8"]).unwrap())
}

/// Checks forwarding headers, one a line. Text that a client put before the entries of trusted
/// proxies must not change the result.
pub(super) fn forwarded(bytes: &[u8]) -> bool {
    let mut is_accepted = false;
    let lines = lines(bytes);
    for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
        let found = client(&lines, header, PEER.into());
        assert_eq!(client(&lines, header, [192, 0, 2, 1].into()), IpAddr::from([192, 0, 2, 1]));
        assert_eq!(found, found.to_canonical());
        let is_of_client = found != IpAddr::from(PEER) && !is_trusted(found);
        if !is_of_client || lines.len() > 60 {
            continue;
        }
        is_accepted = true;
        for before in
            ["203.0.113.9, ", "for=203.0.113.9, ", "\", ", "for=\"\\\", ", "for=\"a, ", ",,,", "\\,"]
        {
            let first = [before.as_bytes(), lines[0]].concat();
            let mut more = vec![&*first];
            more.extend(&lines[1..]);
            assert_eq!(client(&more, header, PEER.into()), found, "{before}");
            let mut more = vec![before.as_bytes()];
            more.extend(&lines);
            assert_eq!(client(&more, header, PEER.into()), found, "{before}");
        }
    }
    for line in lines {
        if let Ok(text) = std::str::from_utf8(line)
            && let Ok(address) = text.parse::<IpAddr>()
            && let Ok(only) = TrustedProxies::new([text])
        {
            let head = Head { peer: Some(SocketAddr::new(address, 1)), ..Head::default() };
            assert_eq!(only.client_address(&head), Some(address.to_canonical()));
        }
    }
    is_accepted
}

fn client(lines: &[&[u8]], header: ForwardedHeader, peer: IpAddr) -> IpAddr {
    let proxies = proxies().clone().header(header);
    let peer = Some(SocketAddr::new(peer, 443));
    let head = Head { name: header.name(), values: lines.to_vec(), peer, ..Head::default() };
    proxies.client_address(&head).unwrap()
}

/// Returns whether the address is that of a trusted proxy.
fn is_trusted(address: IpAddr) -> bool {
    client(&[b"192.0.2.77"], ForwardedHeader::XForwardedFor, address) != address
}

/// Checks `traceparent`, the first line, and `baggage`, the other lines.
#[cfg(feature = "mandates")]
pub(super) fn trace_context(bytes: &[u8]) -> bool {
    use crate::mandate::TraceContext;

    let lines = lines(bytes);
    let is_hex = |text: &str| {
        text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && text.bytes().any(|byte| byte != b'0')
    };
    let trace = TraceContext::parse(Some(lines[0]), lines[1..].iter().copied());
    assert!(trace.trace_id().is_none_or(|id| id.len() == 32 && is_hex(id)));
    assert!(trace.span_id().is_none_or(|id| id.len() == 16 && is_hex(id)));
    assert_eq!(trace.trace_id().is_some(), trace.span_id().is_some());
    for value in [trace.agent_session_id(), trace.delegation_edge_id()] {
        assert!(value.is_none_or(|value| value.len() <= 255));
    }
    let alone = TraceContext::parse(Some(lines[0]), []);
    assert_eq!((alone.trace_id(), alone.span_id()), (trace.trace_id(), trace.span_id()));
    trace != TraceContext::default()
}
