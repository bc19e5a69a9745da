//! Accepted and refused forms of PEM and DER.

use super::*;

/// As environment variables, YAML and other tools pass keys on.
#[test]
fn the_lines_of_pem_may_be_of_any_length() {
    let body = |separator: &str| ES256.replace('\n', separator);
    let lines: Vec<&str> = ES256.lines().collect();
    let (first, last) = (lines[0], lines[lines.len() - 1]);
    let base64: String = lines[1..lines.len() - 1].concat();
    let wrapped = |width: usize| {
        let wrapped = base64.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap());
        format!("{first}\n{}\n{last}", wrapped.collect::<Vec<_>>().join("\n"))
    };
    let id = |pem: &str| Key::from_pem(Algorithm::ES256, pem).map(|key| key.id().map(str::to_owned));
    let expected = id(ES256).unwrap();
    let mut texts = vec![body("\r\n"), body("\n    "), body("  \n"), body("\n\n"), body(" ")];
    texts.extend([1, 3, 5, 60, 76, 4096].map(wrapped));
    texts.push(format!("a comment\n{ES256}another"));
    for text in texts {
        assert_eq!(id(&text).as_ref(), Ok(&expected), "{text}");
    }
    // Nothing but white space is removed.
    let unwrapped = wrapped(4096);
    for (from, to) in [(&*base64, ""), ("MIG", "MI-G"), ("MIG", "MIG="), ("END PRIVATE", "END PUBLIC")] {
        assert_eq!(id(&unwrapped.replace(from, to)), Err(KeyError::MalformedPem), "{from}");
    }
}

/// PKCS #8 version 2 includes the public key.
#[test]
fn the_public_key_of_pkcs8_is_compared() {
    let (_, der) = pem::decode(EDDSA).unwrap();
    let public = bytes(&public(Algorithm::EdDSA), "x");
    let second_version = |version: u8, public: &[u8], behind: &[u8]| {
        let mut pkcs8 = [&der[2..], &[0x81, 33, 0], public, behind].concat();
        pkcs8[2] = version;
        [&[0x30, u8::try_from(pkcs8.len()).unwrap()], &*pkcs8].concat()
    };
    let read = |der: &[u8]| Key::from_der(Algorithm::EdDSA, der).map(|key| key.can_sign());
    assert_eq!(read(&second_version(1, &public, &[])), Ok(true));
    assert_eq!(read(&second_version(1, &[7; 32], &[])), Err(KeyError::Inconsistent));
    // Version 1 has none, and there is no version 3.
    for version in [0, 2, 0x80] {
        assert_eq!(read(&second_version(version, &public, &[])), Err(KeyError::MalformedDer), "{version}");
    }
    for behind in [&[0][..], &[5, 0], &[0x30, 0]] {
        assert_eq!(read(&second_version(1, &public, behind)), Err(KeyError::MalformedDer), "{behind:?}");
    }
}

/// Lengths and numbers have one encoding in DER.
#[test]
fn only_the_shortest_form_is_read() {
    let rsa = |modulus: &[u8]| {
        let header = [0x02, 0x82, 0x01, 0x01];
        let key = [&header[..], modulus, &[2, 3, 1, 0, 1]].concat();
        [&[0x30, 0x82, 0x01, 0x0a], &*key].concat()
    };
    let read = |der: &[u8]| Key::from_der(Algorithm::RS256, der).map(|_| ());
    let n = bytes(&public(Algorithm::RS256), "n");
    assert_eq!(read(&rsa(&[&[0], &*n].concat())), Ok(()));
    // Negative, and with an extra leading zero.
    assert_eq!(read(&rsa(&[&[0xff], &*n].concat())), Err(KeyError::MalformedDer));
    let half: Vec<u8> =
        n.iter().enumerate().map(|(at, byte)| if at == 0 { byte & 0x7f } else { *byte }).collect();
    assert_eq!(read(&rsa(&[&[0], &*half].concat())), Err(KeyError::MalformedDer));
    // A length in three bytes, and an indefinite one.
    let good = rsa(&[&[0], &*n].concat());
    assert_eq!(read(&[&[0x30, 0x83, 0, 1, 0x0a], &good[4..]].concat()), Err(KeyError::MalformedDer));
    assert_eq!(read(&[&[0x30, 0x80], &good[4..], &[0, 0]].concat()), Err(KeyError::MalformedDer));
}
