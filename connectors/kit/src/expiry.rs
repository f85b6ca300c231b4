//! When secrets end, as far as they say so themselves: a certificate by its `notAfter`, a token in the form of a JWT by
//! its `exp`. Nothing is verified here; whoever is shown the secret does that.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use x509_parser::pem::Pem;

use crate::secret::Secret;

/// When the first certificate of a PEM file ends, which is the one that others are shown; none if there is none that can
/// be read.
#[must_use]
pub fn of_certificate(path: &Path) -> Option<Timestamp> {
    let file = std::fs::read(path).ok()?;
    let certificate = Pem::iter_from_buffer(&file).flatten().find(|pem| pem.label == "CERTIFICATE")?;
    let parsed = certificate.parse_x509().ok()?;
    Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()
}

/// When the last of the authorities in a PEM file ends: as long as one is left, others may have been replaced by it. None
/// if there is none that can be read.
#[must_use]
pub fn of_authorities(path: &Path) -> Option<Timestamp> {
    let file = std::fs::read(path).ok()?;
    let certificates = Pem::iter_from_buffer(&file).flatten().filter(|pem| pem.label == "CERTIFICATE");
    let ends = certificates.filter_map(|pem| Some(pem.parse_x509().ok()?.validity().not_after.timestamp()));
    Timestamp::from_second(ends.max()?).ok()
}

/// When a token ends that is a JWT with an `exp`; none for every other.
#[must_use]
pub fn of_token(token: &Secret) -> Option<Timestamp> {
    let mut parts = token.expose().split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    // A number that may have a fraction (RFC 7519, section 2).
    let exp = &claims["exp"];
    #[allow(clippy::cast_possible_truncation, reason = "what is beyond any date is refused by the next line")]
    let seconds = exp.as_i64().or_else(|| exp.as_f64().map(|exp| exp as i64))?;
    Timestamp::from_second(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> Secret {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        Secret::new(format!("{}.{}.c2ln", part(r#"{"alg":"RS256"}"#), part(claims)))
    }

    #[test]
    fn a_token_says_when_it_ends_if_it_is_a_jwt_with_an_end() {
        let end = Timestamp::from_second(1_800_000_000).unwrap();
        assert_eq!(of_token(&token(r#"{"exp": 1800000000}"#)), Some(end));
        assert_eq!(of_token(&token(r#"{"exp": 1800000000.5}"#)), Some(end));
        for none in
            [token(r#"{"sub": "x"}"#), token("no json"), token(r#"{"exp": "soon"}"#), token(r#"{"exp": 1e300}"#)]
        {
            assert_eq!(of_token(&none), None);
        }
        for none in ["s3cret", "a.b.c", "", "a.b"] {
            assert_eq!(of_token(&Secret::new(none.to_owned())), None, "{none}");
        }
    }

    #[test]
    fn a_certificate_says_when_it_ends_wherever_its_key_stands_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("both.pem");
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(2027, 1, 15);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        std::fs::write(&path, key.serialize_pem() + &certificate.pem()).unwrap();
        assert_eq!(of_certificate(&path), Some("2027-01-15T00:00:00Z".parse().unwrap()));
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert_eq!(of_certificate(&path), None);
        assert_eq!(of_certificate(&folder.path().join("none")), None);
        parameters.not_after = rcgen::date_time_ymd(2028, 1, 15);
        let other = parameters.self_signed(&key).unwrap();
        std::fs::write(&path, certificate.pem() + &other.pem()).unwrap();
        assert_eq!(of_authorities(&path), Some("2028-01-15T00:00:00Z".parse().unwrap()), "the last of them");
        assert_eq!(of_authorities(&folder.path().join("none")), None);
    }
}
