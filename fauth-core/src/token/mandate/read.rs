//! Parses a mandate from claims whose signature, issuer, audience and times are valid.
//!
//! Every claim is looked up once, in the index built by the one scan of the claims; only arrays are
//! scanned again, each on its own. A claim of the wrong type is refused, whether it is needed or
//! not.

use std::{borrow::Cow, sync::Arc};

use super::{
    super::{
        claim_lookup::IndexedClaims,
        json::{self, Elements, Kind, Value},
        limits::CLAIMS_LIMITS,
        verify::TokenError,
    },
    Hop, Mandate, MandateProfile, MandateUse, SubjectType,
};

/// The maximum length of a text in a claim, in bytes.
const MAX_TEXT_BYTES: usize = 255;
const MAX_CHAIN: usize = 32;
const MAX_PATH: usize = 32;
const MAX_TARGETS: usize = 64;
/// The highest epoch that the store of a zone can hold.
const MAX_EPOCH: u64 = i64::MAX.unsigned_abs();

/// The claims that only mandates have.
#[derive(Default)]
struct Found {
    client_id: Option<Value>,
    sid: Option<Value>,
    root_sid: Option<Value>,
    zone_id: Option<Value>,
    mandate_use: Option<Value>,
    subject_type: Option<Value>,
    scope: Option<Value>,
    targets: Option<Value>,
    agent_session_id: Option<Value>,
    delegation_edge_id: Option<Value>,
    source_session_id: Option<Value>,
    target_session_id: Option<Value>,
    delegation_path: Option<Value>,
    chain: Option<Value>,
    hop_count: Option<Value>,
    epoch: Option<Value>,
    expires_at: Option<Value>,
    issued_at: Option<Value>,
}

impl Found {
    fn slot(&mut self, name: &str) -> Option<&mut Option<Value>> {
        Some(match name {
            "client_id" => &mut self.client_id,
            "sid" => &mut self.sid,
            "root_sid" => &mut self.root_sid,
            "zone_id" => &mut self.zone_id,
            "use" => &mut self.mandate_use,
            "sub_type" => &mut self.subject_type,
            "scope" => &mut self.scope,
            "target" => &mut self.targets,
            "agent_session_id" => &mut self.agent_session_id,
            "delegation_edge_id" => &mut self.delegation_edge_id,
            "source_session_id" => &mut self.source_session_id,
            "target_session_id" => &mut self.target_session_id,
            "delegation_path" => &mut self.delegation_path,
            "delegation_chain" => &mut self.chain,
            "hop_count" => &mut self.hop_count,
            "delegation_graph_epoch" => &mut self.epoch,
            "exp" => &mut self.expires_at,
            "iat" => &mut self.issued_at,
            _ => return None,
        })
    }
}

impl MandateProfile {
    /// Reads the mandate from claims that are already valid as a token.
    ///
    /// # Errors
    /// [`TokenError::WrongZone`] if it is not of the configured zone, [`TokenError::MissingClaim`]
    /// and [`TokenError::InvalidClaim`] for a claim that does not conform.
    pub(in crate::token) fn read(&self, claims: IndexedClaims<'_>) -> Result<Mandate, TokenError> {
        let mut found = Found::default();
        claims.each(|name, value| {
            if let Some(slot) = found.slot(name) {
                *slot = Some(value);
            }
        });
        let reader = Reader { json: claims.json() };
        reader.whole("exp", found.expires_at)?;
        reader.whole("iat", found.issued_at)?;
        let mandate = Mandate {
            client_id: reader.required("client_id", found.client_id)?,
            sid: reader.required("sid", found.sid)?,
            root_sid: reader.required("root_sid", found.root_sid)?,
            used_for: reader.mandate_use(found.mandate_use)?,
            subject_type: reader.subject_type(found.subject_type)?,
            scopes: reader.scopes(found.scope)?,
            zone: self.zone(&reader, found.zone_id)?,
            targets: reader.texts("target", found.targets, MAX_TARGETS)?,
            agent_session_id: reader.optional("agent_session_id", found.agent_session_id)?,
            delegation_edge_id: reader.optional("delegation_edge_id", found.delegation_edge_id)?,
            source_session_id: reader.optional("source_session_id", found.source_session_id)?,
            target_session_id: reader.optional("target_session_id", found.target_session_id)?,
            delegation_path: reader.texts("delegation_path", found.delegation_path, MAX_PATH)?,
            chain: reader.chain(found.chain)?,
            hop_count: reader.hop_count(found.hop_count)?,
            delegation_graph_epoch: reader.epoch(found.epoch)?,
        };
        if mandate.hops_agree() { Ok(mandate) } else { Err(TokenError::InvalidClaim("hop_count")) }
    }

    fn zone(&self, reader: &Reader<'_>, value: Option<Value>) -> Result<Arc<str>, TokenError> {
        let named = value.and_then(|value| value.text(reader.json));
        if named.is_some_and(|named| *named == *self.zone) {
            Ok(Arc::clone(&self.zone))
        } else {
            Err(TokenError::WrongZone)
        }
    }
}

impl Mandate {
    /// Returns whether the number of hops agrees with the chain and the path.
    ///
    /// Each entry of a chain except the first has its authority from the entry before it, so there
    /// is one hop fewer than there are entries. Caracal counts the delegations, which
    /// [`delegation_path`](Self::delegation_path) lists, and writes one entry more than there are
    /// delegations. A chain may leave out its first entry, so a greater number is valid too if it
    /// is that of the path. A number smaller than either shows is refused: it would get a long
    /// chain past a limit. Without a chain, the number may be greater than the path shows.
    fn hops_agree(&self) -> bool {
        let (hops, of_path) =
            (usize::try_from(self.hop_count).unwrap_or(usize::MAX), self.delegation_path.len());
        if hops < of_path {
            return false;
        }
        let Some(of_chain) = self.chain.len().checked_sub(1) else { return true };
        hops == of_chain || (hops > of_chain && hops == of_path)
    }
}

/// Reads claims of the expected types. Where Caracal treats null as absent, so does this.
struct Reader<'a> {
    json: &'a str,
}

impl<'a> Reader<'a> {
    fn text(&self, name: &'static str, value: Value) -> Result<Cow<'a, str>, TokenError> {
        let text = value.text(self.json).ok_or(TokenError::InvalidClaim(name))?;
        if text.len() > MAX_TEXT_BYTES { Err(TokenError::InvalidClaim(name)) } else { Ok(text) }
    }

    fn required(&self, name: &'static str, value: Option<Value>) -> Result<Box<str>, TokenError> {
        let text = self.text(name, value.ok_or(TokenError::MissingClaim(name))?)?;
        if text.is_empty() { Err(TokenError::InvalidClaim(name)) } else { Ok(text.into()) }
    }

    /// An empty text counts as absent.
    fn optional(&self, name: &'static str, value: Option<Value>) -> Result<Option<Box<str>>, TokenError> {
        let Some(value) = present(value) else { return Ok(None) };
        let text = self.text(name, value)?;
        Ok((!text.is_empty()).then(|| text.into()))
    }

    fn mandate_use(&self, value: Option<Value>) -> Result<MandateUse, TokenError> {
        let text = self.text("use", value.ok_or(TokenError::MissingClaim("use"))?)?;
        let known = [MandateUse::Resource, MandateUse::Session].into_iter();
        known.into_iter().find(|known| known.as_str() == text).ok_or(TokenError::InvalidClaim("use"))
    }

    fn subject_type(&self, value: Option<Value>) -> Result<SubjectType, TokenError> {
        let text = self.text("sub_type", value.ok_or(TokenError::MissingClaim("sub_type"))?)?;
        let known = [SubjectType::User, SubjectType::Application].into_iter();
        known.into_iter().find(|known| known.as_str() == text).ok_or(TokenError::InvalidClaim("sub_type"))
    }

    /// Returns the scopes separated by spaces. Each was validated together with the other
    /// authorities.
    fn scopes(&self, value: Option<Value>) -> Result<Box<str>, TokenError> {
        let Some(value) = value else { return Ok("".into()) };
        let text = value.text(self.json).filter(|text| text.bytes().any(|byte| byte != b' '));
        text.map(Into::into).ok_or(TokenError::InvalidClaim("scope"))
    }

    fn texts(
        &self,
        name: &'static str,
        value: Option<Value>,
        most: usize,
    ) -> Result<Vec<Box<str>>, TokenError> {
        let Some(value) = present(value) else { return Ok(Vec::new()) };
        let Kind::Array(Elements::Strings) = value.kind else { return Err(TokenError::InvalidClaim(name)) };
        let array = value.raw(self.json);
        let mut texts: Vec<Box<str>> = Vec::new();
        let mut are_good = true;
        each_element(array, most, |element| {
            let text = element.text(array).unwrap_or_default();
            are_good &= (1..=MAX_TEXT_BYTES).contains(&text.len());
            texts.push(text.into());
        })
        .filter(|()| are_good)
        .ok_or(TokenError::InvalidClaim(name))?;
        Ok(texts)
    }

    fn chain(&self, value: Option<Value>) -> Result<Vec<Hop>, TokenError> {
        const WRONG: TokenError = TokenError::InvalidClaim("delegation_chain");
        let Some(value) = present(value) else { return Ok(Vec::new()) };
        let Kind::Array(_) = value.kind else { return Err(WRONG) };
        let array = value.raw(self.json);
        let mut chain = Vec::new();
        let mut fault = None;
        each_element(array, MAX_CHAIN, |element| match hop(element.raw(array)) {
            Ok(hop) => chain.push(hop),
            Err(error) => fault = Some(error),
        })
        .ok_or(WRONG)?;
        fault.map_or(Ok(chain), Err)
    }

    fn hop_count(&self, value: Option<Value>) -> Result<u32, TokenError> {
        let Some(value) = present(value) else { return Ok(0) };
        let digits = self.digits("hop_count", value)?;
        digits.parse().map_err(|_| TokenError::InvalidClaim("hop_count"))
    }

    fn epoch(&self, value: Option<Value>) -> Result<Option<u64>, TokenError> {
        const NAME: &str = "delegation_graph_epoch";
        let Some(value) = present(value) else { return Ok(None) };
        let epoch = self.digits(NAME, value)?.parse().ok().filter(|epoch| *epoch <= MAX_EPOCH);
        epoch.map(Some).ok_or(TokenError::InvalidClaim(NAME))
    }

    fn whole(&self, name: &'static str, value: Option<Value>) -> Result<(), TokenError> {
        value.map_or(Ok(()), |value| self.digits(name, value).map(drop))
    }

    /// Reads a non-negative whole number without fraction and exponent.
    fn digits(&self, name: &'static str, value: Value) -> Result<&'a str, TokenError> {
        let text = value.raw(self.json);
        let is_whole = value.kind == Kind::Number && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_whole { Ok(text) } else { Err(TokenError::InvalidClaim(name)) }
    }
}

fn present(value: Option<Value>) -> Option<Value> {
    value.filter(|value| value.kind != Kind::Null)
}

/// Returns `None` if the array has more than `most` elements; `each` is called for no more than
/// that.
fn each_element(array: &str, most: usize, mut each: impl FnMut(Value)) -> Option<()> {
    let mut count = 0_usize;
    json::scan_array(array, CLAIMS_LIMITS, |element| {
        count += 1;
        if count <= most {
            each(element);
        }
    })
    .ok()?;
    (count <= most).then_some(())
}

fn hop(object: &str) -> Result<Hop, TokenError> {
    let (mut application, mut session, mut delegation) = (None, None, None);
    json::scan_object(object, CLAIMS_LIMITS, |name, value| match name {
        "application_id" => application = Some(value),
        "agent_session_id" => session = Some(value),
        "delegation_edge_id" => delegation = Some(value),
        _ => {}
    })
    .map_err(|_| TokenError::InvalidClaim("delegation_chain"))?;
    let reader = Reader { json: object };
    let optional = |value| reader.optional("delegation_chain", value);
    let application = application.ok_or(TokenError::InvalidClaim("delegation_chain"))?;
    Ok(Hop {
        application: reader.required("delegation_chain", Some(application))?,
        agent_session: optional(session)?,
        delegation_edge: optional(delegation)?,
    })
}

/// Reads the mandate of unsigned claims.
#[cfg(test)]
pub(crate) fn unsigned(claims: &str) -> Result<Mandate, TokenError> {
    let profile = MandateProfile { zone: Arc::from("zone_1") };
    super::super::claim_lookup::with_indexed(claims, |claims| profile.read(claims))
        .ok_or(TokenError::MalformedClaims)?
}

#[cfg(test)]
mod tests;
