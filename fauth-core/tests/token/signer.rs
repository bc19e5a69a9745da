//! Keys that sign elsewhere: what a signer may do wrong, and that no wrong token leaves.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::{
    BoxError, Purpose, Rejection, TokenRequest, async_trait,
    rejection::Unavailable,
    token::{Algorithm, IssueError, Key, KeyError, Signer, SignerError, verify_jws},
};
use fauth_testing::WireRequest;
use jsonwebtoken::EncodingKey;

use super::{
    asymmetric::{private, public},
    support::{Auth, auth},
};

#[derive(Debug, Clone, Copy)]
enum Mood {
    Good,
    OfAnotherMessage,
    Garbage,
    Fails,
    Hangs,
}

/// The private key is out of reach of fauth.
struct Kms {
    mood: Mood,
    public_key: Key,
    private_key: Arc<EncodingKey>,
}

impl Kms {
    fn new(mood: Mood) -> Self {
        let pem = include_str!("../keys/p256.pem");
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = base64::engine::general_purpose::STANDARD.decode(base64).unwrap();
        let private_key = Arc::new(EncodingKey::from_ec_der(&der));
        Self { mood, public_key: public(&private(Algorithm::ES256)), private_key }
    }

    fn sign_now(&self, message: &[u8]) -> Vec<u8> {
        let signature =
            jsonwebtoken::crypto::sign(message, &self.private_key, jsonwebtoken::Algorithm::ES256);
        URL_SAFE_NO_PAD.decode(signature.unwrap()).unwrap()
    }
}

#[async_trait]
impl Signer for Kms {
    fn public_key(&self) -> Key {
        self.public_key.clone()
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BoxError> {
        match self.mood {
            Mood::Good => Ok(self.sign_now(message)),
            Mood::OfAnotherMessage => Ok(self.sign_now(b"another message")),
            Mood::Garbage => Ok(vec![7; 70]),
            Mood::Fails => Err("throttled by the key service".into()),
            Mood::Hangs => std::future::pending().await,
        }
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(50)
    }
}

fn service(mood: Mood) -> Auth {
    auth(|config| config.signing_key(Key::from_signer(Kms::new(mood)).unwrap()))
}

async fn issue(mood: Mood) -> Result<String, IssueError> {
    let issued = service(mood).issue(Purpose::Access, TokenRequest::for_subject("alice")).await?;
    Ok(issued.expose().to_owned())
}

#[tokio::test]
async fn a_signer_signs() {
    let token = issue(Mood::Good).await.unwrap();
    assert!(verify_jws(&token, &private(Algorithm::ES256)).is_ok());
    assert!(service(Mood::Fails).verify_signature_and_claims(&token, Purpose::Access).is_ok());
}

#[tokio::test]
async fn no_wrong_signature_leaves() {
    for (mood, length) in [(Mood::OfAnotherMessage, 64), (Mood::Garbage, 70)] {
        let error = issue(mood).await.unwrap_err();
        let IssueError::Signer(SignerError::WrongSignature { length: actual }) = error else {
            panic!("{error}")
        };
        assert_eq!(actual, length);
    }
}

#[tokio::test]
async fn a_signer_that_fails_or_hangs_makes_no_token() {
    let error = issue(Mood::Fails).await.unwrap_err();
    assert_eq!(error.to_string(), "the signer failed: throttled by the key service");
    let error = issue(Mood::Hangs).await.unwrap_err();
    assert_eq!(error.to_string(), "the signer did not answer within 50 ms");
}

/// It is the server that fails, not who logs in.
#[tokio::test]
async fn a_login_without_a_signature_is_answered_with_503() {
    let head = WireRequest::new("POST", "/login");
    assert!(service(Mood::Good).login_reply(&head, TokenRequest::for_subject("alice")).await.is_ok());
    for mood in [Mood::Fails, Mood::Hangs, Mood::Garbage] {
        let refused = service(mood).login_reply(&head, TokenRequest::for_subject("alice")).await;
        assert_eq!(refused.unwrap_err(), Rejection::Unavailable(Unavailable::Issuer), "{mood:?}");
    }
}

#[test]
fn a_signer_has_a_public_key() {
    let mut kms = Kms::new(Mood::Good);
    kms.public_key = Key::hmac(Algorithm::HS256, &(0..32).collect::<Vec<u8>>()).unwrap();
    assert_eq!(Key::from_signer(kms).unwrap_err(), KeyError::NotPublic);
}
