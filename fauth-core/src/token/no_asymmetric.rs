//! Replaces [`asymmetric`](super::asymmetric) if no feature enables it: there are no such keys, and
//! an attempt to load one names the feature.

use super::{algorithm::Algorithm, jwk::Jwk, key_error::KeyError};

#[derive(Debug)]
pub(super) enum Pair {}

impl Pair {
    pub(super) fn from_pem(algorithm: Algorithm, _pem: &str) -> Result<Self, KeyError> {
        Err(KeyError::FeatureMissing { algorithm })
    }

    pub(super) fn from_der(algorithm: Algorithm, _der: &[u8]) -> Result<Self, KeyError> {
        Err(KeyError::FeatureMissing { algorithm })
    }

    pub(super) fn from_jwk(algorithm: Algorithm, _jwk: &Jwk<'_>) -> Result<Self, KeyError> {
        Err(KeyError::FeatureMissing { algorithm })
    }

    pub(super) const fn can_sign(&self) -> bool {
        match *self {}
    }

    pub(super) const fn signature_bytes(&self) -> usize {
        match *self {}
    }

    pub(super) const fn verifies(&self, _message: &[u8], _signature: &[u8]) -> bool {
        match *self {}
    }

    pub(super) const fn sign(&self, _message: &[u8]) -> Option<Vec<u8>> {
        match *self {}
    }

    pub(super) const fn public_jwk(&self, _algorithm: Algorithm, _id: Option<&str>) -> String {
        match *self {}
    }

    pub(super) const fn thumbprint(&self) -> String {
        match *self {}
    }
}
