//! The client address of a login: that of the socket, or the one behind a trusted proxy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fauth_core::client::{ForwardedHeader, TrustedProxies};
use serde_json::{Value, json};

use crate::config_builder;

use super::{Harness, Probe, Sending, cases};

const PROXY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const CLIENT: &str = "203.0.113.7";

/// An application behind a proxy.
fn behind<H: Harness>(header: ForwardedHeader) -> Probe<H> {
    let proxies = TrustedProxies::new(["10.0.0.0/8"]).unwrap().header(header);
    Probe::with(config_builder().trusted_proxies(proxies).build().unwrap(), |builder| builder)
}

fn login<H: Harness>(t: &Probe<H>, peer: impl Into<IpAddr>) -> Sending<'_, H> {
    t.login("alice", "s3cret").from_peer(peer)
}

/// Returns the address of the only session of this login.
#[track_caller]
fn address<H: Harness>(t: &Probe<H>, login: &Sending<'_, H>) -> Value {
    let seen = login.clone().once();
    let access = seen.is(200).token("access_token");
    let listed = t.get("/sessions").bearer(access).send();
    listed.is(200).response.json()["sessions"][0]["address"].clone()
}

cases! { $
    __clients_tests in clients;

    fn the_socket_says_who_a_client_is(t) {
        assert_eq!(address(&t, &login(&t, Ipv4Addr::new(192, 0, 2, 7))), json!("192.0.2.7"));
        t = Probe::new();
        let address_of = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);
        assert_eq!(address(&t, &login(&t, address_of)), json!("2001:db8::7"));
    }

    fn an_unknown_address_is_not_made_up(t) {
        let login = t.login("alice", "s3cret").header("x-forwarded-for", CLIENT);
        assert_eq!(address(&t, &login), Value::Null);
    }

    /// As an IPv6 listener shows an IPv4 client.
    fn a_mapped_address_is_shown_as_ipv4(t) {
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        assert_eq!(address(&t, &login(&t, mapped)), json!("127.0.0.1"));
    }

    /// P-10: the recorded client address is true.
    fn without_a_trusted_proxy_no_header_is_believed(t) {
        let login = login(&t, PROXY).header("x-forwarded-for", CLIENT).header("forwarded", format!("for={CLIENT}"));
        assert_eq!(address(&t, &login), json!("10.0.0.1"));
    }

    fn behind_a_trusted_proxy_a_session_shows_the_client(t) {
        t = behind(ForwardedHeader::XForwardedFor);
        let login = login(&t, PROXY).header("x-forwarded-for", format!("6.6.6.6, {CLIENT}, 10.0.0.2"));
        assert_eq!(address(&t, &login), json!(CLIENT));
    }

    fn the_lines_of_the_header_are_one_list(t) {
        t = behind(ForwardedHeader::XForwardedFor);
        let login = login(&t, PROXY).header("x-forwarded-for", CLIENT).header("x-forwarded-for", "10.0.0.2");
        assert_eq!(address(&t, &login), json!(CLIENT));
    }

    fn the_header_of_who_is_not_trusted_is_ignored(t) {
        t = behind(ForwardedHeader::XForwardedFor);
        let login = login(&t, Ipv4Addr::new(192, 0, 2, 7)).header("x-forwarded-for", CLIENT);
        assert_eq!(address(&t, &login), json!("192.0.2.7"));
    }

    fn the_other_header_is_ignored(t) {
        t = behind(ForwardedHeader::XForwardedFor);
        let login = login(&t, PROXY).header("forwarded", format!("for={CLIENT}"));
        assert_eq!(address(&t, &login), json!("10.0.0.1"));
    }

    fn forwarded_is_read_where_it_is_named(t) {
        t = behind(ForwardedHeader::Forwarded);
        let login = login(&t, PROXY)
            .header("x-forwarded-for", "6.6.6.6")
            .header("forwarded", "for=unknown, For=\"[2001:db8::7]:4711\";proto=https, for=10.0.0.2");
        assert_eq!(address(&t, &login), json!("2001:db8::7"));
    }

    fn what_cannot_be_read_ends_at_the_last_good_hop(t) {
        t = behind(ForwardedHeader::XForwardedFor);
        let login = login(&t, PROXY).header("x-forwarded-for", format!("{CLIENT}, unknown, 10.0.0.2"));
        assert_eq!(address(&t, &login), json!("10.0.0.2"));
    }
}
