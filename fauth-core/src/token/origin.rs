//! Where an application's tokens come from, and for whom they are.

use super::json_object::JsonObject;

/// What every token of our own format says of its origin: the issuer writes it, the verifier
/// demands it.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The application's name, the claim `app`. It keeps apart what two applications sign with one
    /// secret.
    pub(crate) application: Box<str>,
    pub(crate) issuer: Option<Box<str>>,
    pub(crate) audiences: Vec<Box<str>>,
}

impl Origin {
    pub(super) fn write(&self, json: &mut JsonObject) {
        json.text("app", &self.application);
        if let Some(issuer) = &self.issuer {
            json.text("iss", issuer);
        }
        match self.audiences.as_slice() {
            [] => {}
            [only] => json.text("aud", only),
            several => json.texts("aud", several),
        }
    }
}
