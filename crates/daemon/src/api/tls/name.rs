//! Whom a certificate names.

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT: u8 = 0x06;
const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;
/// The number of the version, which old certificates leave out.
const VERSION: u8 = 0xa0;
/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// Returns the last common name of a certificate's subject, which is its own. The certificate has been verified.
pub(super) fn common_name(certificate: &[u8]) -> Option<String> {
    let (certificate, _) = part(certificate, SEQUENCE)?;
    let (mut body, _) = part(certificate, SEQUENCE)?;
    if body.first() == Some(&VERSION) {
        body = part(body, VERSION)?.1;
    }
    // The number, the algorithm, who signed it, and for how long.
    for _ in 0..4 {
        body = any(body)?.2;
    }
    let (mut subject, _) = part(body, SEQUENCE)?;
    let mut found = None;
    while !subject.is_empty() {
        let (mut names, rest) = part(subject, SET)?;
        subject = rest;
        while !names.is_empty() {
            let (name, rest) = part(names, SEQUENCE)?;
            names = rest;
            let (kind, value) = part(name, OBJECT)?;
            let (form, text, _) = any(value)?;
            if kind == COMMON_NAME && matches!(form, UTF8 | PRINTABLE) {
                found = std::str::from_utf8(text).ok();
            }
        }
    }
    found.filter(|name| !name.chars().any(char::is_control)).map(str::to_owned)
}

/// Returns the content of the first part, which must be of this kind, and what follows it.
fn part(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = any(bytes)?;
    (found == kind).then_some((content, rest))
}

/// Returns the kind and the content of the first part, and what follows it.
fn any(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[kind, length], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |all, digit| all << 8 | usize::from(*digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((kind, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    fn certificate(pem: &str) -> Vec<u8> {
        CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate").to_vec()
    }

    #[test]
    fn the_common_name_is_found() {
        let ops = certificate(include_str!("../../../tests/api/certs/ops.pem"));
        assert_eq!(common_name(&ops).as_deref(), Some("ops laptop"));
        let authority = certificate(include_str!("../../../tests/api/certs/ca.pem"));
        assert_eq!(common_name(&authority).as_deref(), Some("test authority"));
    }

    #[test]
    fn what_is_cut_off_names_nobody_it_does_not_name() {
        let whole = certificate(include_str!("../../../tests/api/certs/ops.pem"));
        for length in 0..whole.len() {
            assert_eq!(common_name(&whole[..length]), None, "{length}");
        }
        for at in 0..whole.len() {
            let mut other = whole.clone();
            other[at] ^= 0xff;
            // Whatever it says, it says it without reading beyond its end.
            let _ = common_name(&other);
        }
    }
}
