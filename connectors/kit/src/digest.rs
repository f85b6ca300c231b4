//! Digests of values: what plans, certificates and settings are recognised by.

use std::io::{self, BufWriter};

use serde::Serialize;

/// How many bytes of text wait to be hashed.
const WAITING: usize = 64 << 10;

/// How many hexadecimal digits a digest has: 128 bits.
const DIGITS: usize = 32;

/// A value that cannot be written as JSON, so that nothing stands for it.
#[derive(Debug, thiserror::Error)]
#[error("it has no digest, for it cannot be written as JSON: {0}")]
pub struct DigestError(#[from] io::Error);

/// The first 128 bits of the BLAKE3 hash of a value's JSON, in hexadecimal digits. The JSON is hashed as it is made: a plan
/// of a large company is never in memory as text.
///
/// # Errors
///
/// If the value cannot be written as JSON.
pub fn digest(value: &impl Serialize) -> Result<String, DigestError> {
    let mut hasher = BufWriter::with_capacity(WAITING, blake3::Hasher::new());
    serde_json::to_writer(&mut hasher, value).map_err(io::Error::from)?;
    let hasher = hasher.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(hasher.finalize().to_hex()[..DIGITS].to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_differs_has_another_digest_and_what_cannot_be_written_has_none() {
        assert_eq!(digest(&"a").unwrap(), digest(&"a").unwrap());
        assert_ne!(digest(&"a").unwrap(), digest(&"b").unwrap());
        assert_eq!(digest(&7).unwrap().len(), DIGITS);
        assert!(digest(&BTreeMap::from([((1, 2), 3)])).is_err(), "a pair is no key of JSON");
    }
}
