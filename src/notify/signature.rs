//! The signature of Standard Webhooks, version 1: HMAC-SHA256 over id, time and body.
//!
//! Source: standardwebhooks.com, "Signature scheme". The key is written `whsec_` and Base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ring::hmac;
use rollcall_kit::secret::Secret;

/// What a key must begin with.
const PREFIX: &str = "whsec_";

/// The shortest and the longest key in bytes that the standard allows.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The value of the header `webhook-signature`.
///
/// # Errors
///
/// If the key is not written as the standard says. The key is not shown.
pub(super) fn sign(key: &Secret, id: &str, at: Timestamp, body: &[u8]) -> Result<String, String> {
    let written = key.expose().strip_prefix(PREFIX).ok_or(
        "the key of the signature does not begin with whsec_; write whsec_ and 24 to 64 random bytes in Base64",
    )?;
    let bytes = STANDARD.decode(written).map_err(|_| "the key of the signature is no Base64 behind whsec_")?;
    if !KEY_BYTES.contains(&bytes.len()) {
        return Err(format!("the key of the signature has {} bytes; it must have 24 to 64", bytes.len()));
    }
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &bytes));
    context.update(format!("{id}.{}.", at.as_second()).as_bytes());
    context.update(body);
    Ok(format!("v1,{}", STANDARD.encode(context.sign())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(key: &str) -> Result<String, String> {
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        sign(&Secret::new(key.to_owned()), "msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#)
    }

    #[test]
    fn the_example_of_the_standard_comes_out() {
        // The vector of the reference implementations' own tests.
        let signature = signed("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_key_that_is_none_is_refused_without_being_shown() {
        for key in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_not base64", "whsec_c2hvcnQ="] {
            let error = signed(key).unwrap_err();
            assert!(error.starts_with("the key of the signature") && !error.contains(&key[6..]), "{error}");
        }
    }
}
