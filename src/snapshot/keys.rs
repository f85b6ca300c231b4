//! The keys of the store: one byte for the kind, then the id.
//!
//! Ids stand in the key as their text, so that a walk yields them in the order of their ids. A zero byte within an id is
//! followed by 0xFF, so that a zero byte followed by anything else is a mark of ours.

use rollcall_kit::DirectoryId;

pub(super) use super::engine::Key;
use crate::plan::GroupKey;
use crate::roster::Role;

/// A user of the mirror.
pub(super) const USER: &[u8] = b"u";
/// A group of the mirror.
pub(super) const GROUP: &[u8] = b"g";
/// A record of the last reading that could not be understood.
pub(super) const UNREADABLE: &[u8] = b"x";
/// Fingerprints of the users of a mirror, many to a record. They lie behind the users.
pub(super) const USER_PRINTS: &[u8] = b"v";
/// Fingerprints of its groups. They lie behind the groups.
pub(super) const GROUP_PRINTS: &[u8] = b"k";
/// Keys of the pages with users, many to a record. They lie behind all records of a mirror.
pub(super) const PAGES_OF_USERS: &[u8] = b"y";
/// On which of those pages somebody is called so, many to a record.
pub(super) const NAMES: &[u8] = b"z";
/// A chunk of the users of a group of the mirror.
pub(super) const GROUP_USERS: &[u8] = b"m";
/// The groups of the mirror in which a user is directly.
pub(super) const USER_GROUPS: &[u8] = b"w";
/// An account of the ledger.
pub(super) const ACCOUNT: &[u8] = b"a";
/// How many accounts of the ledger are active, and how many are not.
pub(super) const COUNTS: &[u8] = b"c";
/// A group of the ledger, without its members.
pub(super) const LEDGER_GROUP: &[u8] = b"l";
/// A chunk of the members of a group of the ledger.
pub(super) const MEMBERS: &[u8] = b"n";
/// Somebody whom the next plan has to judge.
pub(super) const TOUCHED: &[u8] = b"o";
/// What was refused to somebody who is at rest.
pub(super) const REFUSED: &[u8] = b"q";
/// What the last plan rested on.
pub(super) const GROUND: &[u8] = b"b";
/// Who has an address, by its hash.
pub(super) const ADDRESS: &[u8] = b"e";
/// Whose account an id of the target is, by its hash.
pub(super) const TARGET_ID: &[u8] = b"t";
/// Whose account is not active, by the second in which it was deactivated.
pub(super) const INACTIVE: &[u8] = b"d";
/// How many accounts have a role.
pub(super) const WITH_ROLE: &[u8] = b"h";
/// An active account that has a role which the last plan watched.
pub(super) const HOLDER: &[u8] = b"j";
/// How often the ledger has changed.
pub(super) const VERSION_OF_LEDGER: &[u8] = b"v";
/// How the ledger is indexed.
pub(super) const LAYOUT: &[u8] = b"y";
/// A named fact.
pub(super) const FACT: &[u8] = b"f";
/// An intent without an end.
pub(super) const INTENT: &[u8] = b"i";
/// The header of a run.
pub(super) const RUN: &[u8] = b"r";
/// What one run did to one user: behind the id, the number of the run.
pub(super) const PERSON_CHANGES: &[u8] = b"p";
/// The same of a group of ours.
pub(super) const GROUP_CHANGES: &[u8] = b"q";
/// Changes that were settled together, by their day.
pub(super) const STEP: &[u8] = b"d";
/// That a step is about a role or a group. Nothing is in it but its key.
pub(super) const TOPIC: &[u8] = b"t";
/// On whose word a run went that did something, by the run's number.
pub(super) const RUN_FACT: &[u8] = b"w";
/// How often a reading was committed or a write settled.
pub(super) const GENERATION: &[u8] = b"n";
/// Where the mirror stands: which table, which changes of it count, up to which place.
pub(super) const HEAD: &[u8] = b"h";

/// The first key that a record can have; the bookkeeping lies before it.
pub(super) const FIRST: &[u8] = &[1];
/// The secret of the record hashes.
pub(super) const HASH_KEY: &[u8] = b"\0key";
/// The running tally of a table, which goes into every batch.
pub(super) const TALLY: &[u8] = b"\0tally";
/// The tallies at the last sealing.
pub(super) const SEAL: &[u8] = b"\0seal";

/// What a zero byte within an id is followed by.
const ESCAPED: u8 = 0xFF;
/// What follows the zero byte in front of the number of a further part of a record.
const CONTINUATION: u8 = 1;
/// What follows the zero byte in front of the moment of a version.
const VERSION: u8 = 2;
/// What follows the zero byte in front of the first member of a chunk, or in front of the second of two ids.
const MEMBER: u8 = 3;
/// What stands between a name and a number behind it.
pub(super) const NUMBER_FOLLOWS: [u8; 2] = [0, 4];

/// Whether the key belongs to the store's own bookkeeping, which is not part of what is sealed.
pub(super) fn is_meta(key: &[u8]) -> bool {
    key.first() == Some(&0)
}

/// The kind and an id.
pub(super) fn of(kind: &[u8], id: &DirectoryId) -> Key {
    under(kind, id.as_str().as_bytes())
}

/// The kind and a text.
pub(super) fn under(kind: &[u8], text: &[u8]) -> Key {
    let mut key = Vec::with_capacity(kind.len() + text.len());
    key.extend_from_slice(kind);
    escape(text, &mut key);
    key
}

fn escape(text: &[u8], key: &mut Key) {
    match text.contains(&0) {
        false => key.extend_from_slice(text),
        true => text.iter().for_each(|byte| match byte {
            0 => key.extend_from_slice(&[0, ESCAPED]),
            _ => key.push(*byte),
        }),
    }
}

/// The text of a key that has nothing behind it; lossy only for what is damaged anyway.
pub(super) fn text(kind: &[u8], key: &[u8]) -> String {
    let text = key.strip_prefix(kind).unwrap_or_default();
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        plain.push(*byte);
        if *byte == 0 {
            bytes.next();
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The id of a key of the kind.
pub(super) fn id(kind: &[u8], key: &[u8]) -> Option<DirectoryId> {
    DirectoryId::new(&text(kind, key))
}

/// Where a further part of a record lies: right behind it.
pub(super) fn continuation(key: &[u8], number: u32) -> Key {
    [key, &[0, CONTINUATION], &number.to_be_bytes()].concat()
}

/// Whether a further part of a record lies there.
pub(super) fn is_continuation(key: &[u8]) -> bool {
    key.len().checked_sub(6).is_some_and(|at| key[at..at + 2] == [0, CONTINUATION])
}

/// Where the version of a record lies that was written at a moment in the mirror's life.
pub(super) fn version(key: &[u8], moment: u64) -> Key {
    [key, &[0, VERSION], digits(moment).as_bytes()].concat()
}

/// The record's key and the moment of a version's key.
pub(super) fn versioned(key: &[u8]) -> Option<(&[u8], u64)> {
    let (rest, moment) = key.split_at_checked(key.len().checked_sub(DIGITS)?)?;
    Some((rest.strip_suffix(&[0, VERSION])?, from_digits(moment)?))
}

/// The kind and a number; later ones sort behind earlier ones.
pub(super) fn numbered(kind: &[u8], number: u64) -> Key {
    [kind, digits(number).as_bytes()].concat()
}

/// The kind, a number and a user.
pub(super) fn indexed(kind: &[u8], number: u64, user: &DirectoryId) -> Key {
    let mut key = numbered(kind, number);
    escape(user.as_str().as_bytes(), &mut key);
    key
}

/// The user in such a key; its kind is one byte.
pub(super) fn user_indexed(key: &[u8]) -> Option<DirectoryId> {
    id(b"", key.get(1 + DIGITS..)?)
}

/// The number in such a key.
pub(super) fn number_indexed(kind: &[u8], key: &[u8]) -> Option<u64> {
    from_digits(key.strip_prefix(kind)?.get(..DIGITS)?)
}

/// The number of such a key.
pub(super) fn number(kind: &[u8], key: &[u8]) -> Option<u64> {
    from_digits(key.strip_prefix(kind)?)
}

/// Digits of a number in a key. Text, so that no zero byte is among them.
const DIGITS: usize = 16;

fn digits(number: u64) -> String {
    format!("{number:016x}")
}

fn from_digits(digits: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// A group of the ledger.
pub(super) fn ledger_group(group: &GroupKey) -> Key {
    let (tag, text) = parts(group);
    under(&[LEDGER_GROUP, &[tag]].concat(), text.as_bytes())
}

/// What the keys of all chunks of a group's members begin with. A mark ends the name, so that no group's prefix is the
/// beginning of another's.
pub(super) fn members(group: &GroupKey) -> Key {
    let mut key = ledger_group(group);
    key[..MEMBERS.len()].copy_from_slice(MEMBERS);
    key.extend_from_slice(&[0, MEMBER]);
    key
}

/// What the keys of a role's holders begin with.
pub(super) fn holders(role: &Role) -> Key {
    let mut key = under(HOLDER, role.0.as_bytes());
    key.extend_from_slice(&[0, MEMBER]);
    key
}

/// The chunk of members that begins with an id.
pub(super) fn members_from(prefix: &[u8], id: &DirectoryId) -> Key {
    let mut key = prefix.to_vec();
    escape(id.as_str().as_bytes(), &mut key);
    key
}

/// What the keys of all chunks of a group's users in the mirror begin with.
pub(super) fn group_users(group: &DirectoryId) -> Key {
    let mut key = of(GROUP_USERS, group);
    key.extend_from_slice(&[0, MEMBER]);
    key
}

/// The key of a user's groups, and behind it one of them: in the order of the users.
pub(super) fn membership(user: &DirectoryId, group: &DirectoryId) -> Key {
    let mut key = of(USER_GROUPS, user);
    key.extend_from_slice(&[0, MEMBER]);
    escape(group.as_str().as_bytes(), &mut key);
    key
}

/// The key of the user's groups in such a key.
pub(super) fn user_of_membership(key: &[u8]) -> Option<&[u8]> {
    key.get(..border(key)?)
}

/// The group in such a key.
pub(super) fn group_of_membership(key: &[u8]) -> Option<DirectoryId> {
    id(b"", key.get(border(key)? + 2..)?)
}

/// Where the mark between two ids is.
fn border(key: &[u8]) -> Option<usize> {
    key.windows(2).position(|pair| pair == [0, MEMBER])
}

fn parts(group: &GroupKey) -> (u8, &str) {
    match group {
        GroupKey::Role(role) => (1, &role.0),
        GroupKey::Directory(id) => (2, id.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_groups_members_are_found_under_another_groups_prefix() {
        let short = GroupKey::Role(Role("a".into()));
        let long = GroupKey::Role(Role("ab".into()));
        assert!(!members(&long).starts_with(&members(&short)));
    }

    #[test]
    fn intents_sort_in_the_order_in_which_they_were_begun() {
        assert!(numbered(INTENT, 255) < numbered(INTENT, 256));
        assert_eq!(number(INTENT, &numbered(INTENT, 256)), Some(256));
    }

    #[test]
    fn an_id_survives_its_key_and_sorts_in_it_as_it_is() {
        let ids = ["a", "a\0", "a\0b", "a\0\0", "ab", "jane/ü", "\0"].map(|id| DirectoryId::new(id).unwrap());
        for one in &ids {
            assert_eq!(id(USER, &of(USER, one)).as_ref(), Some(one));
            for other in &ids {
                assert_eq!(of(USER, one).cmp(&of(USER, other)), one.cmp(other), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn user_and_group_of_a_membership_are_told_apart() {
        for (user, group) in [("jane", "eng"), ("j\0\u{3}", "\0\u{3}g"), ("\0", "e\0")] {
            let (user, group) = (DirectoryId::new(user).unwrap(), DirectoryId::new(group).unwrap());
            let key = membership(&user, &group);
            assert_eq!(user_of_membership(&key), Some(&of(USER_GROUPS, &user)[..]));
            assert_eq!(group_of_membership(&key), Some(group));
        }
    }

    #[test]
    fn parts_and_versions_of_a_record_lie_right_behind_it_and_are_told_from_ids() {
        for id in ["a", "a\0", "a\u{1}\0\0\0\0"] {
            let key = under(USER, id.as_bytes());
            let (part, version) = (continuation(&key, 7), version(&key, 7));
            assert!(key < part && part < version && version < under(USER, format!("{id}\0").as_bytes()));
            assert!(is_continuation(&part) && !is_continuation(&key) && !is_continuation(&version));
            assert_eq!(versioned(&version), Some((&*key, 7)));
            assert_eq!(versioned(&key), None);
        }
    }
}
