//! The verdict on a token, from what Redis or the mirror knows.

use super::fault::Fault;
use crate::{
    clock::Timestamp,
    store::{Known, TokenFacts, Verdict},
};

/// Like [`Verdict::of`], but returns an error for older tokens until a new memory has begun. A
/// token issued in that second would not be trusted either, so the client is not sent to get a new
/// one.
pub(super) fn verdict(token: &TokenFacts<'_>, known: &Known, now: Timestamp) -> Result<Verdict, Fault> {
    match Verdict::of(token, known, now) {
        Verdict::BeforeMemory if known.remembers_since.is_some_and(|since| now < since) => {
            Err(Fault::TooEarly)
        }
        verdict => Ok(verdict),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Owner;

    #[test]
    fn nothing_is_refused_before_the_memory_begins() {
        let at = Timestamp::from_unix_seconds;
        let owner = Owner::new("default", "", "alice");
        let token = TokenFacts { owner, targets: &[], epoch: 0, issued_at: at(99) };
        let known = Known { is_revoked: false, epoch: 0, remembers_since: Some(at(100)) };
        assert!(matches!(verdict(&token, &known, at(99)), Err(Fault::TooEarly)));
        assert!(matches!(verdict(&token, &known, at(100)), Ok(Verdict::BeforeMemory)));
        let revoked = Known { is_revoked: true, ..known };
        assert!(matches!(verdict(&token, &revoked, at(99)), Ok(Verdict::Revoked)));
        let unknown = Known { remembers_since: None, ..known };
        assert!(matches!(verdict(&token, &unknown, at(99)), Ok(Verdict::BeforeMemory)));
        let later = Known { remembers_since: Some(at(1000)), ..known };
        assert!(matches!(verdict(&token, &later, at(99)), Ok(Verdict::ClocksDisagree { .. })));
    }
}
