//! The trusted root certificates.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::Verifier;

use crate::error::HttpFetchError;

/// The certificate authorities added by an application.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roots {
    pub(crate) added: Vec<Vec<u8>>,
    pub(crate) only_added: bool,
}

impl Roots {
    /// TLS 1.2 and 1.3, without a client certificate.
    pub(crate) fn tls(&self, provider: Arc<CryptoProvider>) -> Result<ClientConfig, HttpFetchError> {
        let verifier = self.verifier(Arc::clone(&provider))?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(tls)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(config)
    }

    fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, HttpFetchError> {
        let added = self.added()?;
        if !self.only_added {
            // The verifier's error would not say which certificate is invalid.
            store_of(&added)?;
            let verifier = Verifier::new_with_extra_roots(added, provider).map_err(tls)?;
            return Ok(Arc::new(verifier));
        }
        if added.is_empty() {
            return Err(HttpFetchError::NoRoots);
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store_of(&added)?), provider);
        Ok(verifier.build().map_err(tls)?)
    }

    fn added(&self) -> Result<Vec<CertificateDer<'static>>, HttpFetchError> {
        let mut all = Vec::new();
        for pem in &self.added {
            let before = all.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                all.push(certificate.map_err(|error| HttpFetchError::Certificate(error.to_string()))?);
            }
            if all.len() == before {
                return Err(HttpFetchError::Certificate("it contains no certificate".to_owned()));
            }
        }
        Ok(all)
    }
}

fn store_of(certificates: &[CertificateDer<'static>]) -> Result<RootCertStore, HttpFetchError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        store.add(certificate.clone()).map_err(|error| HttpFetchError::Certificate(error.to_string()))?;
    }
    Ok(store)
}

fn tls(error: impl std::error::Error + Send + Sync + 'static) -> HttpFetchError {
    HttpFetchError::Tls(Box::new(error))
}
