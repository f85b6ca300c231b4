//! Who is called so: which page of the mirror has the users whom people call by a name.
//!
//! With the pages, a hash of each name is written and the number of the page. What is found by it is looked at, so two
//! names with one hash cost a look and give no wrong answer. Users who were laid over the pages since are looked at one
//! by one, and everybody in a mirror that an earlier version wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rollcall_kit::{Status, Value, attribute};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Head, find, laid_over, open, walk};
use crate::snapshot::StoreError;
use crate::snapshot::codec::{self, CodecError};
use crate::snapshot::database::{Bulk, Database};
use crate::snapshot::engine::{Engine, Key, Table, behind};
use crate::snapshot::keys;
use crate::snapshot::seal::HashKey;

/// Entries in one record of the store.
const IN_A_RECORD: usize = 500;

/// Keys of pages in one record of the store.
const PAGES_IN_A_RECORD: usize = 64;

/// Collects names while pages are written.
#[derive(Default)]
pub(super) struct NamesBuilder {
    /// Hashes of names, each with the number of a page.
    entries: Vec<(u32, u32)>,
    pages: Vec<Key>,
}

impl NamesBuilder {
    /// Takes note of a page that was written: those who come after it are on another.
    pub(super) fn page(&mut self, first: &[u8]) {
        self.pages.push(first.to_vec());
    }

    /// Enters a user of the page that is being filled.
    pub(super) fn enter(&mut self, secret: &HashKey, record: &[u8]) -> Result<(), CodecError> {
        let page = u32::try_from(self.pages.len()).map_err(|error| CodecError::Unwritable(error.to_string()))?;
        let mut hashes: Vec<u32> = names(record)?.into_iter().map(|name| hash(secret, &name)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        self.entries.extend(hashes.into_iter().map(|hash| (hash, page)));
        Ok(())
    }

    /// Writes what was collected, behind all records.
    pub(super) fn write<E: Engine>(mut self, database: &Database<E>, bulk: &mut Bulk<'_, E>) -> Result<(), StoreError> {
        for (pages, number) in self.pages.chunks(PAGES_IN_A_RECORD).zip(0..) {
            let record = codec::pack(&pages).map_err(|error| database.engine.damaged(&error))?;
            bulk.put(&keys::numbered(keys::PAGES_OF_USERS, number), &record)?;
        }
        self.entries.sort_unstable();
        self.entries.dedup();
        for entries in self.entries.chunks(IN_A_RECORD) {
            let first = entries.first().map_or(0, |entry| number(*entry));
            let record: Vec<u8> = entries.iter().flat_map(|entry| number(*entry).to_le_bytes()).collect();
            bulk.put(&keys::numbered(keys::NAMES, first), &record)?;
        }
        Ok(())
    }
}

/// An entry as one number, by which they are sorted.
fn number((hash, page): (u32, u32)) -> u64 {
    u64::from(hash) << 32 | u64::from(page)
}

/// The keys of the users who are called so, and perhaps of others who were.
fn called<E: Engine>(database: &Database<E>, head: &Head, name: &str) -> Result<BTreeSet<Key>, StoreError> {
    let unreadable = |error: CodecError| database.engine.damaged(&error);
    let mut found = BTreeSet::new();
    let mut look_at = |key: &[u8], record: &[u8]| -> Result<(), StoreError> {
        if is_called(record, name).map_err(unreadable)? {
            found.insert(key.to_vec());
        }
        Ok(())
    };
    let Some(pages) = indexed_pages(database, head)? else {
        for pair in walk(database, head, keys::USER) {
            let (key, record) = pair?;
            look_at(&key, &record)?;
        }
        return Ok(found);
    };
    for first in pages_with(database, pages, hash(database.secret(), name))? {
        let Some(page) = database.get(pages, &first)? else { continue };
        let mut page = open(database, &page)?;
        while let Some((key, record)) = page.step() {
            look_at(key, record)?;
        }
    }
    for pair in laid_over(database, head, keys::USER) {
        if let (key, Some(record)) = pair? {
            look_at(&key, &record)?;
        }
    }
    Ok(found)
}

/// The users who are called so, whatever the case, by their keys.
pub(in crate::snapshot) fn users_called<E: Engine>(
    database: &Database<E>,
    head: &Head,
    name: &str,
) -> Result<BTreeMap<Key, Vec<u8>>, StoreError> {
    let (name, mut users) = (name.to_lowercase(), BTreeMap::new());
    for key in called(database, head, &name)? {
        if let Some(record) = find(database, head, &key)?
            && is_called(&record, &name).map_err(|error| database.engine.damaged(&error))?
        {
            users.insert(key, record);
        }
    }
    Ok(users)
}

/// The table of the pages, if names were written with them, or there is nobody.
fn indexed_pages<E: Engine>(database: &Database<E>, head: &Head) -> Result<Option<Table>, StoreError> {
    let Some(pages) = head.pages() else { return Ok(None) };
    Ok(database.scan(pages, keys::NAMES).next().transpose()?.map(|_| pages))
}

/// The keys of the pages on which somebody has a name with this hash.
fn pages_with<E: Engine>(database: &Database<E>, pages: Table, hash: u32) -> Result<Vec<Key>, StoreError> {
    let (first, last) = (number((hash, 0)), number((hash, u32::MAX)));
    let from = database.last_until(pages, keys::NAMES, &keys::numbered(keys::NAMES, first))?;
    let from = from.map_or_else(|| keys::NAMES.to_vec(), |(key, _)| key);
    let mut found = Vec::new();
    for pair in database.range(pages, &from, behind(keys::NAMES).as_deref()) {
        let (key, record) = pair?;
        if keys::number(keys::NAMES, &key).is_none_or(|begins| begins > last) {
            break;
        }
        let (entries, _) = record.as_chunks::<8>();
        let entries = entries.iter().map(|entry| u64::from_le_bytes(*entry));
        found.extend(entries.filter(|entry| (first..=last).contains(entry)).map(|entry| entry - first));
    }
    let mut keys = Vec::new();
    for page in found {
        keys.extend(key_of(database, pages, page)?);
    }
    Ok(keys)
}

fn key_of<E: Engine>(database: &Database<E>, pages: Table, page: u64) -> Result<Option<Key>, StoreError> {
    let (record, within) = (page / PAGES_IN_A_RECORD as u64, page % PAGES_IN_A_RECORD as u64);
    let Some(record) = database.get(pages, &keys::numbered(keys::PAGES_OF_USERS, record))? else { return Ok(None) };
    let keys: Vec<Key> = codec::unpack(&record).map_err(|error| database.engine.damaged(&error))?;
    Ok(usize::try_from(within).ok().and_then(|within| keys.get(within).cloned()))
}

#[allow(clippy::cast_possible_truncation, reason = "a quarter of a hash is a hash")]
fn hash(secret: &HashKey, name: &str) -> u32 {
    secret.hash(b"name", name.as_bytes()) as u32
}

fn is_called(record: &[u8], name: &str) -> Result<bool, CodecError> {
    Ok(names(record)?.iter().any(|theirs| theirs == name))
}

/// What people call the user of a record, in small letters.
fn names(record: &[u8]) -> Result<Vec<String>, CodecError> {
    let named: Named<'_> = codec::begin(record)?;
    let mut names = named.profile.0;
    names.extend([named.login, named.id].map(str::to_lowercase));
    names.retain(|name| !name.is_empty());
    Ok(names)
}

/// The beginning of a [`rollcall_kit::DirectoryUser`], up to the names in it.
#[derive(Deserialize)]
struct Named<'a> {
    id: &'a str,
    login: &'a str,
    _status: Status,
    _raw_status: &'a str,
    _place: Option<&'a str>,
    _assigned: Option<bool>,
    profile: ProfileNames,
}

/// The names in a profile, in small letters.
struct ProfileNames(Vec<String>);

impl<'de> Deserialize<'de> for ProfileNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamesOnly)
    }
}

struct NamesOnly;

impl<'de> Visitor<'de> for NamesOnly {
    type Value = ProfileNames;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a profile")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ProfileNames, A::Error> {
        let mut names = Vec::new();
        while let Some((attribute, value)) = map.next_entry::<&str, Value>()? {
            if attribute::NAMES.contains(&attribute)
                && let Some(name) = value.as_text()
            {
                names.push(name.trim().to_lowercase());
            }
        }
        Ok(ProfileNames(names))
    }
}
