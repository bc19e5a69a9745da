//! The application, issuer and audiences of the application's own tokens.

use super::json_object::JsonObject;

/// The origin of every token in fauth's own format. The issuer writes it and the verifier requires
/// it.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The application name (claim `app`). It separates the tokens of two applications that share a
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
