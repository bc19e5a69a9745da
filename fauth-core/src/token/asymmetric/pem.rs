//! PEM (RFC 7468): one key, in base64 between two lines.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{super::key_error::KeyError, der::Structure};

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";
/// A key of RSA with 8192 bits has some 6400 characters.
const LONGEST: usize = 64 * 1024;

/// The structure that the label names, and its bytes.
pub(super) fn decode(pem: &str) -> Result<(Structure, Zeroizing<Vec<u8>>), KeyError> {
    if pem.len() > LONGEST {
        return Err(KeyError::MalformedPem);
    }
    let mut found = None;
    let mut rest = pem;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let (label, after) = after.split_once(DASHES).ok_or(KeyError::MalformedPem)?;
        let (body, after) =
            after.split_once(&format!("-----END {label}-----")).ok_or(KeyError::MalformedPem)?;
        rest = after;
        // `openssl ecparam -genkey` writes the curve in a block of its own before the key.
        if label == "EC PARAMETERS" {
            continue;
        }
        if found.is_some() {
            return Err(KeyError::SeveralKeys);
        }
        found = Some((structure(label)?, body));
    }
    let (structure, body) = found.ok_or(KeyError::MalformedPem)?;
    if body.contains("ENCRYPTED") {
        return Err(KeyError::Encrypted);
    }
    let text: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    let der = STANDARD.decode(text.as_bytes()).map_err(|_| KeyError::MalformedPem)?;
    Ok((structure, Zeroizing::new(der)))
}

fn structure(label: &str) -> Result<Structure, KeyError> {
    match label {
        "PUBLIC KEY" => Ok(Structure::Spki),
        "PRIVATE KEY" => Ok(Structure::Pkcs8),
        "RSA PUBLIC KEY" => Ok(Structure::Pkcs1Public),
        "RSA PRIVATE KEY" => Ok(Structure::Pkcs1Private),
        "EC PRIVATE KEY" => Ok(Structure::Sec1),
        "ENCRYPTED PRIVATE KEY" => Err(KeyError::Encrypted),
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => Err(KeyError::Certificate),
        _ => Err(KeyError::MalformedPem),
    }
}
