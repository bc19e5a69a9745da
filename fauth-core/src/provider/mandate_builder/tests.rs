//! Settings, and where they come from.

use std::collections::HashMap;

use super::*;
use crate::{
    async_trait,
    remote::{FetchError, FetchRequest, FetchResponse},
    store::MemoryAnchorStore,
};

#[derive(Debug, Clone, Copy)]
struct Client {
    allows_http: bool,
}

#[async_trait]
impl Fetch for Client {
    async fn fetch(&self, _: FetchRequest<'_>) -> Result<FetchResponse, FetchError> {
        Err(FetchError::TimedOut)
    }

    fn danger_allows_http(&self) -> bool {
        self.allows_http
    }
}

const CLIENT: Client = Client { allows_http: false };

fn whole() -> MandateAuthBuilder<Principal> {
    rest(MandateAuth::builder().issuer("https://sts.example.com").zone("zone_prod"))
}

fn rest(builder: MandateAuthBuilder<Principal>) -> MandateAuthBuilder<Principal> {
    builder.audience("resource://billing-api").fetch(CLIENT).revocations(MemoryAnchorStore::new())
}

fn from(vars: &[(&str, &str)]) -> Result<MandateAuthBuilder<Principal>, ConfigError> {
    let vars: HashMap<_, _> = vars.iter().copied().collect();
    MandateAuth::from_vars(|name| vars.get(name).map(|&text| text.to_owned()).ok_or(VarError::NotPresent))
}

#[track_caller]
fn refused(builder: MandateAuthBuilder<Principal>) -> ConfigError {
    builder.provider().map(drop).unwrap_err()
}

#[test]
fn everything_that_is_needed_is_enough() {
    assert!(whole().build().is_ok());
    let vars = [("CARACAL_STS_URL", "https://sts.example.com/"), ("CARACAL_ZONE_ID", "zone_prod")];
    let builder = from(&vars).unwrap();
    assert_eq!(builder.issuer.as_deref(), Some("https://sts.example.com"), "without the last `/`");
    assert_eq!(builder.zone.as_deref(), Some("zone_prod"));
    assert!(rest(builder).build().is_ok());
}

#[test]
fn what_is_missing_or_blank_is_named_with_its_variable() {
    type Builder = MandateAuthBuilder<Principal>;
    type Case = (fn(Builder) -> Builder, &'static str, &'static str);
    let cases: [Case; 8] = [
        (|builder| Builder { issuer: None, ..builder }, "issuer", "CARACAL_STS_URL"),
        (|builder| builder.issuer(" "), "issuer", "CARACAL_STS_URL"),
        (|builder| Builder { zone: None, ..builder }, "zone", "CARACAL_ZONE_ID"),
        (|builder| builder.zone("\t"), "zone", "CARACAL_ZONE_ID"),
        (|builder| builder.zone("x".repeat(256)), "zone", "CARACAL_ZONE_ID"),
        (|builder| Builder { audiences: Vec::new(), ..builder }, "audience", ".audience("),
        (|builder| Builder { keys: None, ..builder }, "fetch", ".fetch("),
        (|builder| Builder { revocations: None, ..builder }, "revocations", "RedisAnchorStore"),
    ];
    for (change, field, fix) in cases {
        let error = refused(change(whole()));
        assert_eq!(error.field(), field);
        assert!(error.fix().contains(fix), "{error}");
    }
    for vars in [&[("CARACAL_STS_URL", "")][..], &[("CARACAL_STS_URL", "/")], &[]] {
        let error = refused(rest(from(vars).unwrap()));
        assert_eq!(error.field(), "issuer", "{vars:?}");
    }
    let error = refused(rest(from(&[("CARACAL_STS_URL", "https://sts.example.com")]).unwrap()));
    assert_eq!(error.field(), "zone");
    assert!(whole().audience(" ").build().is_err());
}

#[test]
fn what_is_called_later_wins_over_the_environment() {
    let builder = from(&[("CARACAL_STS_URL", "http://nowhere.example"), ("CARACAL_ZONE_ID", " ")]).unwrap();
    assert!(rest(builder.issuer("https://sts.example.com").zone("zone_prod")).build().is_ok());
}

#[test]
fn variables_that_cannot_be_read_are_refused() {
    let variable = "CARACAL_ALLOW_INSECURE_CONFIG_URLS";
    for text in ["yes", "1", "TRUE", "true false"] {
        assert_eq!(from(&[(variable, text)]).unwrap_err().field(), variable, "{text}");
    }
    for (text, allows) in [("true", true), ("false", false), ("", false), (" true ", true)] {
        assert_eq!(from(&[(variable, text)]).unwrap().allow_http, allows, "{text:?}");
    }
    let broken = |_: &str| Err(VarError::NotUnicode("\u{fffd}".into()));
    assert_eq!(MandateAuth::from_vars(broken).unwrap_err().field(), "CARACAL_STS_URL");
}

#[test]
fn plain_http_is_for_this_machine() {
    for issuer in ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:9"] {
        assert!(whole().issuer(issuer).build().is_ok(), "{issuer}");
    }
    for issuer in ["http://sts.example.com", "http://localhost.example", "http://10.0.0.1"] {
        let error = refused(whole().issuer(issuer));
        assert_eq!(error.field(), "issuer", "{issuer}");
        assert!(error.to_string().contains("CARACAL_STS_URL"), "{error}");
        // Both have to allow it: who fetches the keys, and who trusts them.
        assert_eq!(refused(whole().issuer(issuer).danger_allow_http()).field(), "fetch");
        let open = Client { allows_http: true };
        assert_eq!(refused(whole().issuer(issuer).fetch(open)).field(), "issuer");
        assert!(whole().issuer(issuer).fetch(open).danger_allow_http().build().is_ok());
        let vars = [("CARACAL_STS_URL", issuer), ("CARACAL_ALLOW_INSECURE_CONFIG_URLS", "true")];
        assert!(rest(from(&vars).unwrap().zone("zone")).fetch(open).build().is_ok());
    }
}

#[test]
fn issuers_that_are_no_urls_are_refused() {
    for issuer in [
        "sts.example.com",
        "https://",
        "https://sts.example.com?a=b",
        "https://u:p@sts.example.com",
        "https://sts.example.com#x",
    ] {
        let error = refused(whole().issuer(issuer));
        assert_eq!(error.field(), "issuer", "{issuer}");
        assert!(!error.to_string().contains(":p@"), "no password is told: {error}");
    }
}

#[test]
fn keys_are_where_caracal_has_them() {
    let url = |issuer, zone| keys_url(issuer, zone);
    assert_eq!(
        url("https://sts.example.com/", "zone_prod"),
        "https://sts.example.com/.well-known/jwks.json?zone_id=zone_prod"
    );
    assert_eq!(
        url("https://example.com/sts", "a&b=c d/é"),
        "https://example.com/sts/.well-known/jwks.json?zone_id=a%26b%3Dc+d%2F%C3%A9"
    );
}

#[test]
fn nothing_else_is_accepted_beside_mandates() {
    let other = || {
        let keys = JwksSource::url("https://login.example.com/jwks", CLIENT).unwrap();
        TrustedIssuer::new("https://login.example.com", keys)
            .audience("a")
            .algorithms([crate::token::Algorithm::ES256])
    };
    let error = whole().provider().unwrap().trusted_issuer(other()).build().unwrap_err();
    assert_eq!(error.field(), "trusted_issuer");
    let error = whole().provider().unwrap().api_key_store(crate::MemoryStore::new()).build().unwrap_err();
    assert!(["api_key_store", "store_secret"].contains(&error.field()), "{error}");
    let nobody = async |_: Arc<crate::TokenPayload>| Ok::<Option<Principal>, std::convert::Infallible>(None);
    let error = whole().provider().unwrap().user_loader(nobody).build().unwrap_err();
    assert_eq!(error.field(), "user_loader");
    let error = whole().provider().unwrap().foreign_user_loader(nobody).build().unwrap_err();
    assert_eq!(error.field(), "foreign_user_loader");
    let builder = whole().provider().unwrap().user_from_claims(|_| panic!("nobody asks"));
    assert_eq!(builder.build().unwrap_err().field(), "user_from_claims");
    let own = AuthConfig::builder().secret("0f6c1b2a34d94a5b8f7e6d5c4b3a2918").build().unwrap();
    let builder = whole().config(own).provider().unwrap();
    let builder = builder.without_password_login().danger_stateless().danger_share_application();
    assert_eq!(builder.build().unwrap_err().field(), "config");
}

#[test]
fn lifetimes_are_bounded() {
    assert!(whole().max_lifetime(Duration::from_secs(900)).build().is_ok());
    assert_eq!(whole().max_lifetime(Duration::ZERO).build().unwrap_err().field(), "max_lifetime");
    assert_eq!(whole().max_lifetime(Duration::MAX).build().unwrap_err().field(), "max_lifetime");
    let endless = whole().max_lifetime(Duration::MAX).anchor_lifetime(Duration::MAX);
    assert_eq!(endless.build().unwrap_err().field(), "max_lifetime");
}

/// A mandate that outlasts its revocation would be good again.
#[test]
fn mandates_never_outlast_revocations() {
    const SECOND: Duration = Duration::from_secs(1);
    let (day, week) = (86_400 * SECOND, 604_800 * SECOND);
    assert!(whole().max_lifetime(day).build().is_ok());
    for too_long in [day + SECOND, week] {
        let error = refused(whole().max_lifetime(too_long));
        assert_eq!(error.field(), "max_lifetime");
        assert!(error.fix().contains(".anchor_lifetime("), "{error}");
        assert!(error.fix().contains(&(too_long + 600 * SECOND).as_secs().to_string()), "{error}");
    }
    let kept_for = |kept| whole().max_lifetime(week).anchor_lifetime(kept);
    assert!(kept_for(week + 600 * SECOND).build().is_ok());
    assert_eq!(refused(kept_for(week + 599 * SECOND)).field(), "max_lifetime");
    // The default of 24 hours too.
    assert_eq!(refused(whole().anchor_lifetime(900 * SECOND)).field(), "max_lifetime");
    assert!(whole().max_lifetime(300 * SECOND).anchor_lifetime(900 * SECOND).build().is_ok());
}
