//! The keys of the store: one tree, one byte for the kind, then the id.
//!
//! One tree, because only within one tree does a batch hold a record and the end of its intent together. Ids stand in
//! the key as their text, so that a scan yields them in the order of their ids.

use rollcall_kit::DirectoryId;

use crate::plan::GroupKey;

/// A key.
pub(super) type Key = Vec<u8>;

/// A user of the mirror.
pub(super) const USER: &[u8] = b"u";
/// A group of the mirror.
pub(super) const GROUP: &[u8] = b"g";
/// A record of the last reading that could not be understood.
pub(super) const UNREADABLE: &[u8] = b"x";
/// The certificate of the mirror.
pub(super) const CERTIFICATE: &[u8] = b"c";
/// The place in the directory's stream of changes that the mirror has reached.
pub(super) const PLACE: &[u8] = b"p";
/// An account of the ledger.
pub(super) const ACCOUNT: &[u8] = b"a";
/// A group of the ledger, without its members.
pub(super) const LEDGER_GROUP: &[u8] = b"l";
/// A chunk of the members of a group of the ledger.
pub(super) const MEMBERS: &[u8] = b"n";
/// A named fact.
pub(super) const FACT: &[u8] = b"f";
/// An intent without an end.
pub(super) const INTENT: &[u8] = b"i";
/// The record of a run.
pub(super) const RUN: &[u8] = b"r";
/// What is staged: this byte and then the key that it is staged for.
pub(super) const STAGED: &[u8] = b"s";
/// What a commit will remove: this byte and then the key.
pub(super) const CONDEMNED: &[u8] = b"t";
/// The secret of the record hashes.
pub(super) const HASH_KEY: &[u8] = b"m/key";
/// The running tally, which goes into every batch.
pub(super) const TALLY: &[u8] = b"m/tally";
/// The tally at the last sealing.
pub(super) const SEAL: &[u8] = b"m/seal";
/// There while a commit moves what is staged into the mirror.
pub(super) const COMMITTING: &[u8] = b"m/committing";

/// Whether the key belongs to the store's own bookkeeping, which is not part of what is sealed.
pub(super) fn is_meta(key: &[u8]) -> bool {
    key.starts_with(b"m/")
}

/// The kind and an id.
pub(super) fn of(kind: &[u8], id: &DirectoryId) -> Key {
    under(kind, id.as_str().as_bytes())
}

/// One key under another's bytes.
pub(super) fn under(kind: &[u8], rest: &[u8]) -> Key {
    let mut key = Vec::with_capacity(kind.len() + rest.len());
    key.extend_from_slice(kind);
    key.extend_from_slice(rest);
    key
}

/// A group of the ledger.
pub(super) fn ledger_group(group: &GroupKey) -> Key {
    let (tag, text) = parts(group);
    let mut key = under(LEDGER_GROUP, &[tag]);
    key.extend_from_slice(text.as_bytes());
    key
}

/// What the keys of all chunks of a group's members begin with. The length stands before the name, so that no group's
/// prefix is the beginning of another's.
pub(super) fn members(group: &GroupKey) -> Key {
    let (tag, text) = parts(group);
    let mut key = under(MEMBERS, &[tag]);
    key.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    key.extend_from_slice(text.as_bytes());
    key
}

fn parts(group: &GroupKey) -> (u8, &str) {
    match group {
        GroupKey::Role(role) => (0, &role.0),
        GroupKey::Directory(id) => (1, id.as_str()),
    }
}

/// An intent; later ones sort behind earlier ones.
pub(super) fn intent(sequence: u64) -> Key {
    under(INTENT, &sequence.to_be_bytes())
}

/// The sequence of an intent's key.
pub(super) fn sequence(key: &[u8]) -> Option<u64> {
    let digits = key.strip_prefix(INTENT)?;
    Some(u64::from_be_bytes(digits.try_into().ok()?))
}

/// The text behind the kind; bytes that are no text are shown as far as they go.
pub(super) fn text(kind: &[u8], key: &[u8]) -> String {
    String::from_utf8_lossy(key.strip_prefix(kind).unwrap_or(key)).into_owned()
}

/// The directory id behind the kind.
pub(super) fn id(kind: &[u8], key: &[u8]) -> Option<DirectoryId> {
    DirectoryId::new(std::str::from_utf8(key.strip_prefix(kind)?).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::Role;

    #[test]
    fn no_groups_members_are_found_under_another_groups_prefix() {
        let short = GroupKey::Role(Role("a".into()));
        let long = GroupKey::Role(Role("ab".into()));
        assert!(!members(&long).starts_with(&members(&short)));
    }

    #[test]
    fn intents_sort_in_the_order_in_which_they_were_begun() {
        assert!(intent(255) < intent(256));
        assert_eq!(sequence(&intent(256)), Some(256));
    }

    #[test]
    fn an_id_survives_its_key() {
        let jane = DirectoryId::new("jane/ü").unwrap();
        assert_eq!(id(USER, &of(USER, &jane)), Some(jane));
    }
}
