//! The mandates that Caracal's own packages have issued and judged.
//!
//! The golden file says what the original says of each. Where this crate decides otherwise on
//! purpose, [`DIFFERENCES`] has the case with its reason.

use std::{env, fs, path::PathBuf};

use serde_json::Value;

use super::{MandateUse, Requirement};

/// Cases whose verdict is another one here: what it is, and why.
pub(crate) const DIFFERENCES: [(&str, Verdict<'static>, &str); 1] = [(
    "revoked user_1",
    Verdict { code: "session_revoked", description: Some("Session revoked") },
    "M-09: a subject that was revoked is an anchor too, as are the mandate's own id and its actor",
)];

/// What is said of a mandate: `ok`, or a code with its sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict<'a> {
    pub(crate) code: &'a str,
    pub(crate) description: Option<&'a str>,
}

impl Verdict<'static> {
    pub(crate) const OK: Self = Self { code: "ok", description: None };
}

/// The whole file.
pub(crate) struct Golden(Value);

/// One mandate.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a>(&'a Value);

impl Golden {
    pub(crate) fn read() -> Self {
        let text = fs::read_to_string(folder("FAUTH_GOLDEN", "golden").join("caracal.json")).unwrap();
        Self(serde_json::from_str(&text).expect("caracal.json is JSON"))
    }

    pub(crate) fn issuer(&self) -> &str {
        text(&self.0, "issuer")
    }

    pub(crate) fn audience(&self) -> &str {
        text(&self.0, "audience")
    }

    pub(crate) fn zone(&self) -> &str {
        text(&self.0, "zone")
    }

    pub(crate) fn jwks(&self) -> String {
        member(&self.0, "jwks").to_string()
    }

    /// The PEM of `kid1`, `kid2` or `rogue`.
    pub(crate) fn private_key(&self, name: &str) -> &str {
        text(member(&self.0, "private_keys"), name)
    }

    pub(crate) fn cases(&self) -> impl Iterator<Item = Case<'_>> {
        member(&self.0, "cases").as_array().into_iter().flatten().map(Case)
    }
}

impl<'a> Case<'a> {
    pub(crate) fn name(self) -> &'a str {
        text(self.0, "name")
    }

    pub(crate) fn token(self) -> &'a str {
        text(self.0, "token")
    }

    /// What the route of the case asks for.
    pub(crate) fn requirement(self) -> Requirement {
        let options = member(self.0, "options").as_object().unwrap();
        options.iter().fold(Requirement::user(), |asked, (name, value)| option(asked, name, value))
    }

    /// What the store says is revoked.
    pub(crate) fn revoked_anchors(self) -> Vec<&'a str> {
        texts(member(self.0, "revoked_anchors"))
    }

    /// The epoch that the store has for the zone.
    pub(crate) fn delegation_epoch(self) -> Option<u64> {
        member(self.0, "delegation_epoch").as_u64()
    }

    /// What the original says.
    pub(crate) fn recorded(self) -> Verdict<'a> {
        Verdict { code: text(self.0, "expect"), description: member(self.0, "description").as_str() }
    }

    /// What is to be said here.
    pub(crate) fn expected(self) -> Verdict<'a> {
        let difference = DIFFERENCES.iter().find(|(name, ..)| *name == self.name());
        difference.map_or(self.recorded(), |(_, verdict, _)| *verdict)
    }
}

/// An option of the Python middleware, as the method that has its place.
fn option(asked: Requirement, name: &str, value: &Value) -> Requirement {
    match (name, value) {
        ("required_scopes", value) => asked.scopes(texts(value)),
        ("required_targets", value) => asked.targets(texts(value)),
        ("required_use", Value::Null) => asked.any_use(),
        ("required_use", Value::String(wanted)) if wanted == "session" => {
            asked.mandate_use(MandateUse::Session)
        }
        ("required_use", Value::String(wanted)) if wanted == "resource" => {
            asked.mandate_use(MandateUse::Resource)
        }
        ("require_session", Value::Bool(true)) => asked.agent_session(),
        ("require_delegation", Value::Bool(true)) => asked.delegation(),
        ("require_chain_contains", value) => asked.chain_contains(texts(value)),
        ("max_hop_count", value) => asked.max_hops(value.as_u64().unwrap().try_into().unwrap()),
        _ => panic!("what is the option {name} = {value}?"),
    }
}

/// Where test data is: as the variable says, or beside the repository.
pub(crate) fn folder(variable: &str, name: &str) -> PathBuf {
    if let Some(folder) = env::var_os(variable) {
        return folder.into();
    }
    let shared = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name);
    assert!(shared.is_dir(), "set {variable} to the folder of the {name} files");
    shared
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    member(object, name).as_str().unwrap_or_else(|| panic!("no text `{name}` in {object}"))
}

fn member<'a>(object: &'a Value, name: &str) -> &'a Value {
    object.get(name).unwrap_or_else(|| panic!("no `{name}` in {object}"))
}
