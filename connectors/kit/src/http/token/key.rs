//! Private keys that sign what we say about ourselves, in every form in which providers hand them out.
//!
//! A key comes as PEM (PKCS#8, PKCS#1, SEC1), as a JWK (RFC 7517), or inside a service account's key file. Which
//! algorithm it can sign with follows from its kind; what it cannot do is said before anything is sent.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, RsaEncoding, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use schemars::JsonSchema;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// How a JWT is signed (RFC 7518, section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// RSA, PKCS#1 v1.5, SHA-256.
    Rs256,
    /// RSA, PKCS#1 v1.5, SHA-384.
    Rs384,
    /// RSA, PKCS#1 v1.5, SHA-512.
    Rs512,
    /// RSA, PSS, SHA-256.
    Ps256,
    /// The curve P-256, SHA-256.
    Es256,
    /// The curve P-384, SHA-384.
    Es384,
}

impl Algorithm {
    /// Its name in a JWT's header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
        }
    }
}

/// Why a key cannot be used. Never contains any of the key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Nothing that we know as a private key.
    #[error(
        "it holds no private key: neither PEM (BEGIN PRIVATE KEY, BEGIN RSA PRIVATE KEY, BEGIN EC PRIVATE KEY) nor a JWK"
    )]
    NoKey,
    /// A key behind a pass phrase.
    #[error(
        "its private key is encrypted; write it without a pass phrase by `openssl pkey -in KEY -out NEW` and protect the file by its permissions"
    )]
    Encrypted,
    /// JSON that is no key.
    #[error("it is JSON, but no private key as a JWK: {0}")]
    BadJwk(String),
    /// A key that cannot be taken.
    #[error("its {kind} key cannot be used ({reason}); {remedy}")]
    Rejected {
        /// The kind of key.
        kind: &'static str,
        /// The cryptographic library's reason.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A key of another kind than the algorithm asks for.
    #[error("its {kind} key cannot sign {}; leave the algorithm out, or name a key of the right kind", algorithm.name())]
    WrongKind {
        /// The kind of key.
        kind: &'static str,
        /// What was asked for.
        algorithm: Algorithm,
    },
}

/// A private key. It has no debug form.
pub struct SigningKey {
    pair: Pair,
    /// The name that the key bears itself.
    id: Option<String>,
    /// The algorithm that the key names itself.
    algorithm: Option<Algorithm>,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
}

const P256: &EcdsaSigningAlgorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
const P384: &EcdsaSigningAlgorithm = &signature::ECDSA_P384_SHA384_FIXED_SIGNING;
const RSA_REMEDY: &str = "RSA keys of 2048 to 4096 bits can; make one by `openssl genrsa 2048`";
const EC_REMEDY: &str = "keys on the curves P-256 and P-384 that hold their public half can; \
     rewrite it by `openssl pkey -in KEY -out NEW`";

impl SigningKey {
    /// Takes a key in any of the forms that providers hand out.
    ///
    /// # Errors
    ///
    /// [`KeyError`], which fits after "the key file X:".
    pub fn parse(text: &Secret) -> Result<Self, KeyError> {
        let text = text.expose().trim();
        if text.starts_with('{') { Self::of_json(text) } else { Self::of_pem(text) }
    }

    /// A new key on the curve P-256, for as long as this process lives; none on a system without random numbers.
    pub(super) fn ephemeral() -> Option<Self> {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(P256, &random).ok()?;
        let pair = EcdsaKeyPair::from_pkcs8(P256, pkcs8.as_ref(), &random).ok()?;
        Some(Self { pair: Pair::P256(pair), id: None, algorithm: None })
    }

    /// The public half of a key on a curve as a JWK; null for other keys.
    pub(super) fn public_jwk(&self) -> serde_json::Value {
        let (pair, curve) = match &self.pair {
            Pair::P256(pair) => (pair, "P-256"),
            Pair::P384(pair) => (pair, "P-384"),
            Pair::Rsa(_) => return serde_json::Value::Null,
        };
        // Two halves, behind the byte that says that the point is uncompressed (SEC 1, section 2.3.3).
        let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
        let [x, y] =
            [&point[..point.len() / 2], &point[point.len() / 2..]].map(|half| BASE64_URL_SAFE_NO_PAD.encode(half));
        serde_json::json!({"kty": "EC", "crv": curve, "x": x, "y": y})
    }

    /// The name that the key bears itself: a JWK's `kid`, a key file's `private_key_id`.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The algorithm to sign with, unless another is asked for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm.unwrap_or(match self.pair {
            Pair::Rsa(_) => Algorithm::Rs256,
            Pair::P256(_) => Algorithm::Es256,
            Pair::P384(_) => Algorithm::Es384,
        })
    }

    /// Signs a message, in the form in which a JWT carries signatures.
    ///
    /// # Errors
    ///
    /// [`KeyError::WrongKind`] for an algorithm of another kind of key.
    pub fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        let rsa = |pair: &RsaKeyPair, padding: &'static dyn RsaEncoding| {
            let mut signed = vec![0; pair.public().modulus_len()];
            pair.sign(padding, &random, message, &mut signed)
                .map(|()| signed)
                .map_err(|_| rejected("RSA", "it cannot sign", RSA_REMEDY))
        };
        let curve = |pair: &EcdsaKeyPair| match pair.sign(&random, message) {
            Ok(signed) => Ok(signed.as_ref().to_vec()),
            Err(_) => Err(rejected("elliptic curve", "it cannot sign", EC_REMEDY)),
        };
        match (&self.pair, algorithm) {
            (Pair::Rsa(pair), Algorithm::Rs256) => rsa(pair, &signature::RSA_PKCS1_SHA256),
            (Pair::Rsa(pair), Algorithm::Rs384) => rsa(pair, &signature::RSA_PKCS1_SHA384),
            (Pair::Rsa(pair), Algorithm::Rs512) => rsa(pair, &signature::RSA_PKCS1_SHA512),
            (Pair::Rsa(pair), Algorithm::Ps256) => rsa(pair, &signature::RSA_PSS_SHA256),
            (Pair::P256(pair), Algorithm::Es256) | (Pair::P384(pair), Algorithm::Es384) => curve(pair),
            _ => Err(KeyError::WrongKind { kind: self.kind(), algorithm }),
        }
    }

    fn kind(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RSA",
            Pair::P256(_) => "P-256",
            Pair::P384(_) => "P-384",
        }
    }

    fn of_pem(text: &str) -> Result<Self, KeyError> {
        if text.contains("ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| KeyError::NoKey)?;
        let pair = match &key {
            PrivateKeyDer::Pkcs1(der) => rsa(RsaKeyPair::from_der(der.secret_pkcs1_der())),
            PrivateKeyDer::Pkcs8(der) => of_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Sec1(der) => of_sec1(der.secret_sec1_der()),
            _ => Err(KeyError::NoKey),
        };
        Ok(Self { pair: pair?, id: None, algorithm: None })
    }

    fn of_json(text: &str) -> Result<Self, KeyError> {
        // serde's own words quote the text that they stumble over, which may be the key.
        let json: Json = serde_json::from_str(text)
            .map_err(|error| KeyError::BadJwk(format!("line {}, column {}", error.line(), error.column())))?;
        match json {
            Json { private_key: Some(pem), private_key_id, .. } => {
                Ok(Self { id: private_key_id, ..Self::of_pem(&pem)? })
            }
            jwk => Ok(Self { pair: jwk.pair()?, id: jwk.kid, algorithm: jwk.alg }),
        }
    }
}

/// The members of a private JWK (RFC 7518, section 6) or of a service account's key file that matter here.
#[derive(Deserialize)]
struct Json {
    kty: Option<String>,
    crv: Option<String>,
    kid: Option<String>,
    alg: Option<Algorithm>,
    n: Option<Bytes>,
    e: Option<Bytes>,
    d: Option<Bytes>,
    p: Option<Bytes>,
    q: Option<Bytes>,
    dp: Option<Bytes>,
    dq: Option<Bytes>,
    qi: Option<Bytes>,
    x: Option<Bytes>,
    y: Option<Bytes>,
    private_key: Option<String>,
    private_key_id: Option<String>,
}

impl Json {
    fn pair(&self) -> Result<Pair, KeyError> {
        let member = |name: &'static str, value: &'_ Option<Bytes>| match value {
            Some(Bytes(bytes)) => Ok(Zeroizing::new(bytes.to_vec())),
            None => Err(KeyError::BadJwk(format!("{name} is missing"))),
        };
        match (self.kty.as_deref(), self.crv.as_deref()) {
            (Some("RSA"), _) => rsa(RsaKeyPair::from_components(&KeyPairComponents {
                public_key: PublicKeyComponents { n: member("n", &self.n)?, e: member("e", &self.e)? },
                d: member("d", &self.d)?,
                p: member("p", &self.p)?,
                q: member("q", &self.q)?,
                dP: member("dp", &self.dp)?,
                dQ: member("dq", &self.dq)?,
                qInv: member("qi", &self.qi)?,
            })),
            (Some("EC"), Some(curve @ ("P-256" | "P-384"))) => {
                let [d, x, y] = [member("d", &self.d)?, member("x", &self.x)?, member("y", &self.y)?];
                // An uncompressed point (SEC 1, section 2.3.3).
                let public = [&[4][..], &x, &y].concat();
                let (curve, wrap): (_, fn(_) -> _) =
                    if curve == "P-256" { (P256, Pair::P256) } else { (P384, Pair::P384) };
                ec(EcdsaKeyPair::from_private_key_and_public_key(curve, &d, &public, &SystemRandom::new())).map(wrap)
            }
            (Some("EC"), _) => Err(rejected("elliptic curve", "its crv is neither P-256 nor P-384", EC_REMEDY)),
            (Some(_), _) => Err(KeyError::BadJwk("kty is neither RSA nor EC".to_owned())),
            (None, _) => Err(KeyError::BadJwk("kty is missing".to_owned())),
        }
    }
}

/// A member that is bytes in base64url, wiped when it is dropped.
struct Bytes(Zeroizing<Vec<u8>>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
        bytes.map(|bytes| Self(Zeroizing::new(bytes))).map_err(|_| D::Error::custom("no base64url"))
    }
}

/// PKCS#8 says what kind of key it holds; each reader refuses the others' kinds.
fn of_pkcs8(der: &[u8]) -> Result<Pair, KeyError> {
    let random = SystemRandom::new();
    if let Ok(pair) = EcdsaKeyPair::from_pkcs8(P256, der, &random) {
        return Ok(Pair::P256(pair));
    }
    if let Ok(pair) = EcdsaKeyPair::from_pkcs8(P384, der, &random) {
        return Ok(Pair::P384(pair));
    }
    let is_rsa = holds(der, &RSA_ENCRYPTION);
    match RsaKeyPair::from_pkcs8(der) {
        Err(reason) if !is_rsa => Err(rejected("PKCS#8", reason, EC_REMEDY)),
        pair => rsa(pair),
    }
}

/// The object identifiers (in DER) by which keys say what they are.
const RSA_ENCRYPTION: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC_PUBLIC_KEY: [u8; 9] = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const PRIME256V1: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const SECP384R1: [u8; 7] = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];

fn holds(der: &[u8], part: &[u8]) -> bool {
    der.windows(part.len()).any(|window| window == part)
}

/// ring reads no SEC1 (RFC 5915), so the key is put into the PKCS#8 that it does read.
fn of_sec1(sec1: &[u8]) -> Result<Pair, KeyError> {
    let curve: &[u8] = if holds(sec1, &SECP384R1) { &SECP384R1 } else { &PRIME256V1 };
    let kind = element(0x30, &[&EC_PUBLIC_KEY, curve]);
    let key = element(0x04, &[sec1]);
    of_pkcs8(&element(0x30, &[&[0x02, 0x01, 0x00], &kind, &key]))
}

/// A DER element; keys are far below 64 KiB.
fn element(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let content = Zeroizing::new(parts.concat());
    let [.., high, low] = content.len().to_be_bytes();
    let length: &[u8] = match (high, low) {
        (0, ..0x80) => &[low],
        (0, _) => &[0x81, low],
        _ => &[0x82, high, low],
    };
    Zeroizing::new([&[tag], length, &content].concat())
}

fn rsa(pair: Result<RsaKeyPair, impl ToString>) -> Result<Pair, KeyError> {
    pair.map(|pair| Pair::Rsa(Box::new(pair))).map_err(|reason| rejected("RSA", reason, RSA_REMEDY))
}

fn ec(pair: Result<EcdsaKeyPair, impl ToString>) -> Result<EcdsaKeyPair, KeyError> {
    pair.map_err(|reason| rejected("elliptic curve", reason, EC_REMEDY))
}

#[allow(clippy::needless_pass_by_value, reason = "errors are consumed where they are explained")]
fn rejected(kind: &'static str, reason: impl ToString, remedy: &'static str) -> KeyError {
    KeyError::Rejected { kind, reason: reason.to_string(), remedy }
}
