//! PEM (RFC 7468): one key in base64 between two boundary lines.
//!
//! `pem-rfc7468` decodes a block in constant time, and accepts exactly one block in lines of equal
//! length. This module finds the block among others and joins its lines, because configuration
//! systems indent keys, rewrap them, or put them in one line.

use pem_rfc7468::Decoder;
use zeroize::Zeroizing;

use super::{super::key_error::KeyError, der::Structure};

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
/// An RSA key of 8192 bits has about 6400 characters.
const LONGEST: usize = 64 * 1024;

/// Returns the structure that the label names, and its bytes.
pub(super) fn decode(pem: &str) -> Result<(Structure, Zeroizing<Vec<u8>>), KeyError> {
    if pem.len() > LONGEST {
        return Err(KeyError::MalformedPem);
    }
    let mut found = None;
    for text in pem.split(BEGIN).skip(1) {
        let block = Block::of(text).ok_or(KeyError::MalformedPem)?;
        // `openssl ecparam -genkey` writes the curve in a separate block before the key.
        if block.label == "EC PARAMETERS" {
            continue;
        }
        if found.is_some() {
            return Err(KeyError::SeveralKeys);
        }
        found = Some((structure(block.label)?, block));
    }
    let (structure, block) = found.ok_or(KeyError::MalformedPem)?;
    if block.body.contains("ENCRYPTED") {
        return Err(KeyError::Encrypted);
    }
    Ok((structure, block.bytes().ok_or(KeyError::MalformedPem)?))
}

/// The text between two boundaries, and their labels.
struct Block<'a> {
    label: &'a str,
    body: &'a str,
    end_label: &'a str,
}

impl<'a> Block<'a> {
    /// Parses a text that begins with the first label.
    fn of(text: &'a str) -> Option<Self> {
        let (label, text) = text.split_once(DASHES)?;
        let (body, text) = text.split_once(END)?;
        let (end_label, _) = text.split_once(DASHES)?;
        Some(Self { label, body, end_label })
    }

    fn bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        let Self { label, body, end_label } = self;
        // Allocated at full length, because growing would leave copies behind.
        let boundaries = 2 * (BEGIN.len() + DASHES.len()) + label.len() + end_label.len();
        let mut text = Zeroizing::new(String::with_capacity(body.len() + boundaries));
        text.extend([BEGIN, label, DASHES, "\n"]);
        let start = text.len();
        text.extend(body.split_ascii_whitespace());
        let width = text.len() - start;
        text.extend(["\n", END, end_label, DASHES]);
        let mut decoder = Decoder::new_wrapped(text.as_bytes(), width).ok()?;
        let mut bytes = Zeroizing::new(vec![0; decoder.remaining_len()]);
        decoder.decode(&mut bytes).ok()?;
        decoder.is_finished().then_some(bytes)
    }
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
