//! Keys in every form in which they are handed out, and signatures that others can verify. The keys are nobody's: they were
//! made by openssl for these tests.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use rollcall_kit::http::token::{Algorithm, SigningKey};
use rollcall_kit::secret::Secret;
use serde_json::Value;

const RSA_JWK: &str = include_str!("keys/rsa.jwk.json");
const P256_JWK: &str = include_str!("keys/p256.jwk.json");
const P384_JWK: &str = include_str!("keys/p384.jwk.json");

fn parse(text: &str) -> Result<SigningKey, String> {
    SigningKey::parse(&Secret::new(text.to_owned())).map_err(|error| error.to_string())
}

fn member(jwk: &str, name: &str) -> Vec<u8> {
    let jwk: Value = serde_json::from_str(jwk).unwrap();
    BASE64_URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap()
}

/// Verifies a signature by the public members of a JWK, with no part of the code that signed.
fn verify(jwk: &str, algorithm: Algorithm, message: &[u8], signed: &[u8]) -> bool {
    let rsa = |parameters| {
        let key = RsaPublicKeyComponents { n: member(jwk, "n"), e: member(jwk, "e") };
        key.verify(parameters, message, signed).is_ok()
    };
    let curve = |parameters: &'static dyn signature::VerificationAlgorithm| {
        let point = [&[4][..], &member(jwk, "x"), &member(jwk, "y")].concat();
        UnparsedPublicKey::new(parameters, point).verify(message, signed).is_ok()
    };
    match algorithm {
        Algorithm::Rs256 => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => rsa(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::Es256 => curve(&signature::ECDSA_P256_SHA256_FIXED),
        Algorithm::Es384 => curve(&signature::ECDSA_P384_SHA384_FIXED),
    }
}

#[test]
fn every_form_of_a_key_signs_what_its_public_half_verifies() {
    use Algorithm::{Es256, Es384, Ps256, Rs256, Rs384, Rs512};
    let forms: [(&str, &str, &[Algorithm]); 9] = [
        (include_str!("keys/rsa.pkcs1.pem"), RSA_JWK, &[Rs256, Rs384, Rs512, Ps256]),
        (include_str!("keys/rsa.pkcs8.pem"), RSA_JWK, &[Rs256, Rs384, Rs512, Ps256]),
        (RSA_JWK, RSA_JWK, &[Rs256, Rs384, Rs512, Ps256]),
        (include_str!("keys/p256.sec1.pem"), P256_JWK, &[Es256]),
        (include_str!("keys/p256.pkcs8.pem"), P256_JWK, &[Es256]),
        (P256_JWK, P256_JWK, &[Es256]),
        (include_str!("keys/p384.sec1.pem"), P384_JWK, &[Es384]),
        (include_str!("keys/p384.pkcs8.pem"), P384_JWK, &[Es384]),
        (P384_JWK, P384_JWK, &[Es384]),
    ];
    for (text, jwk, algorithms) in forms {
        let key = parse(text).unwrap();
        assert_eq!(key.algorithm(), algorithms[0], "{text}");
        for algorithm in algorithms {
            let signed = key.sign(*algorithm, b"message").unwrap();
            assert!(verify(jwk, *algorithm, b"message", &signed), "{algorithm:?} of {text}");
            assert!(!verify(jwk, *algorithm, b"massage", &signed), "{algorithm:?} of {text}");
        }
    }
}

#[test]
fn a_key_signs_nothing_that_its_kind_cannot() {
    for (text, algorithm, words) in [
        (RSA_JWK, Algorithm::Es256, "its RSA key cannot sign ES256"),
        (P256_JWK, Algorithm::Rs256, "its P-256 key cannot sign RS256"),
        (P256_JWK, Algorithm::Es384, "its P-256 key cannot sign ES384"),
        (P384_JWK, Algorithm::Es256, "its P-384 key cannot sign ES256"),
    ] {
        let error = parse(text).unwrap().sign(algorithm, b"message").unwrap_err().to_string();
        assert!(error.starts_with(words), "{error}");
    }
}

#[test]
fn a_jwk_and_a_service_accounts_key_file_name_their_key() {
    assert_eq!(parse(RSA_JWK).unwrap().id(), Some("rsa-1"));
    let pem = include_str!("keys/rsa.pkcs8.pem");
    let file = serde_json::json!({
        "type": "service_account", "private_key_id": "7f3a", "private_key": pem, "client_email": "a@b.iam.example",
    });
    let key = parse(&file.to_string()).unwrap();
    assert_eq!(key.id(), Some("7f3a"));
    let signed = key.sign(Algorithm::Rs256, b"message").unwrap();
    assert!(verify(RSA_JWK, Algorithm::Rs256, b"message", &signed));
    assert_eq!(parse(pem).unwrap().id(), None);
}

#[test]
fn a_key_that_cannot_be_used_is_explained_and_not_quoted() {
    let secret = "cHJpdmF0ZQ";
    let json = |text: &str| text.replace("SECRET", secret);
    for (text, words) in [
        ("hello".to_owned(), "neither PEM"),
        (include_str!("keys/rsa.encrypted.pem").to_owned(), "is encrypted; write it without a pass phrase"),
        (include_str!("keys/rsa.short.pem").to_owned(), "2048 to 4096 bits"),
        (include_str!("keys/p521.pkcs8.pem").to_owned(), "P-256 and P-384"),
        (include_str!("keys/p256.nopublic.pem").to_owned(), "that hold their public half"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----".to_owned(), "cannot be used"),
        (json(r#"{"kty": "EC", "crv": "P-521", "d": "SECRET"}"#), "neither P-256 nor P-384"),
        (json(r#"{"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "SECRET"}"#), "p is missing"),
        (json(r#"{"kty": "oct", "k": "SECRET"}"#), "kty is neither RSA nor EC"),
        (json(r#"{"k": "SECRET"}"#), "kty is missing"),
        (json(r#"{"kty": "RSA", "alg": "HS256", "d": "SECRET"}"#), "is JSON, but no private key"),
        (json(r#"{"kty": "RSA", "d": "SECRET !"}"#), "is JSON, but no private key"),
        (json(r#"{"kty": "RSA", "d": "SECRET"#), "is JSON, but no private key"),
    ] {
        let error = parse(&text).err().unwrap();
        assert!(error.contains(words), "{error}");
        assert!(!error.contains(secret), "{error}");
    }
}
