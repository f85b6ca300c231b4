//! How records are written: a version byte, then postcard for the many, JSON for the few.
//!
//! Users, groups and the ledger are many, and postcard is half as large as JSON and three times as fast. Facts,
//! intents, runs and certificates use serde tags, which postcard cannot read, and are few. A change of a record's
//! shape is a new version byte with the old decoder kept.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version byte of postcard records.
const POSTCARD_1: u8 = 1;
/// The version byte of JSON records.
const JSON_1: u8 = b'j';

/// Why a record cannot be read or written; without its place, which the store adds.
#[derive(Debug, thiserror::Error)]
pub(super) enum CodecError {
    /// No version byte that we know.
    #[error("a record is of version {0}, which this version of rollcall does not know")]
    Version(u8),
    /// Nothing at all.
    #[error("a record is empty")]
    Empty,
    /// The bytes behind the version byte make no record.
    #[error("a record cannot be read: {0}")]
    Unreadable(String),
    /// A value that cannot be written.
    #[error("a record cannot be written: {0}")]
    Unwritable(String),
}

/// Encodes one of the many.
pub(super) fn pack<T: Serialize>(record: &T) -> Result<Vec<u8>, CodecError> {
    pack_into(record, Vec::new())
}

/// Encodes one of the many where another was before.
pub(super) fn pack_into<T: Serialize>(record: &T, mut room: Vec<u8>) -> Result<Vec<u8>, CodecError> {
    room.clear();
    room.push(POSTCARD_1);
    postcard::to_extend(record, room).map_err(|error| CodecError::Unwritable(error.to_string()))
}

/// Decodes one of the many.
pub(super) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    match bytes.split_first() {
        Some((&POSTCARD_1, record)) => {
            postcard::from_bytes(record).map_err(|error| CodecError::Unreadable(error.to_string()))
        }
        Some((&version, _)) => Err(CodecError::Version(version)),
        None => Err(CodecError::Empty),
    }
}

/// Decodes the beginning of one of the many: what comes behind it stays unread.
pub(super) fn begin<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, CodecError> {
    match bytes.split_first() {
        Some((&POSTCARD_1, record)) => {
            let begun = postcard::take_from_bytes(record).map_err(|error| CodecError::Unreadable(error.to_string()))?;
            Ok(begun.0)
        }
        Some((&version, _)) => Err(CodecError::Version(version)),
        None => Err(CodecError::Empty),
    }
}

/// Encodes one of the few.
pub(super) fn to_json<T: Serialize>(record: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = vec![JSON_1];
    serde_json::to_writer(&mut bytes, record).map_err(|error| CodecError::Unwritable(error.to_string()))?;
    Ok(bytes)
}

/// Decodes one of the few.
pub(super) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    match bytes.split_first() {
        Some((&JSON_1, record)) => {
            serde_json::from_slice(record).map_err(|error| CodecError::Unreadable(error.to_string()))
        }
        Some((&version, _)) => Err(CodecError::Version(version)),
        None => Err(CodecError::Empty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::tests::sample;

    #[test]
    fn users_groups_and_the_ledger_survive_postcard() {
        let user = sample::rich_user("jane");
        assert_eq!(unpack::<rollcall_kit::DirectoryUser>(&pack(&user).unwrap()).unwrap(), user);
        let account = sample::account("jane", "t-1");
        assert_eq!(unpack::<crate::plan::LedgerAccount>(&pack(&account).unwrap()).unwrap(), account);
        let group = sample::ledger_group("eng", &["jane", "joe"]);
        assert_eq!(unpack::<crate::plan::LedgerGroup>(&pack(&group).unwrap()).unwrap(), group);
        let mirrored = sample::group("eng", &["jane", "joe"]);
        assert_eq!(unpack::<rollcall_kit::DirectoryGroup>(&pack(&mirrored).unwrap()).unwrap(), mirrored);
    }

    #[test]
    fn an_unknown_version_is_named_and_not_guessed_at() {
        assert!(matches!(unpack::<String>(&[9, 0]), Err(CodecError::Version(9))));
        assert!(matches!(unpack::<String>(&[]), Err(CodecError::Empty)));
        assert!(matches!(from_json::<String>(&pack(&"text").unwrap()), Err(CodecError::Version(1))));
    }

    #[test]
    fn a_record_that_was_cut_off_is_an_error() {
        let whole = pack(&sample::rich_user("jane")).unwrap();
        assert!(unpack::<rollcall_kit::DirectoryUser>(&whole[..whole.len() / 2]).is_err());
    }
}
