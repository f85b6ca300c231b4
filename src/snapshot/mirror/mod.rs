//! The mirror: the directory as last read.
//!
//! It lies in pages of many records, written whole in the order of their keys ([`rewrite`]), on disk into a file that is
//! never changed; what changed since lies over them, each version under the moment from which it counts. A reading compares fingerprints ([`prints`]) as it streams
//! by and collects what differs ([`staging`], [`sorter`]); the commit writes that down and then moves one small record,
//! the [`Head`], so that after a crash the mirror is the one before or the one after, and never a mixture.

pub(super) mod groups;
pub(super) mod lean;
mod memberships;
pub(super) mod moves;
pub(super) mod names;
mod page;
mod prints;
pub(super) mod rewrite;
pub(super) mod sorter;
pub(super) mod staging;

use std::iter::Peekable;

use rollcall_kit::Certificate;
use serde::{Deserialize, Serialize};

use self::page::Page;
use super::StoreError;
use super::codec::{from_json, to_json};
use super::database::{Database, Record};
use super::engine::{Bytes, Engine, Key, Table, behind};
use super::keys;
use crate::read::Place;

/// Where the mirror stands. Moved last, in one batch, by every commit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The number of the table that the pages are in; none before the first ones were written.
    pub(super) table: Option<u64>,
    /// The moment at which the pages were written: versions up to it are in them.
    pub(super) written_at: u64,
    /// The moment up to which versions count.
    pub(super) moment: u64,
    /// How many versions have been laid over the pages, about.
    pub(super) laid_over: u64,
    /// How many users there are.
    pub(super) users: u64,
    /// How many groups there are.
    pub(super) groups: u64,
    /// Whether a commit may have left something behind that counts no more.
    pub(super) leftovers: bool,
    /// The proof of the reading.
    pub(super) certificate: Option<Certificate>,
    /// The place in the directory's stream of changes that the mirror has reached.
    pub(super) place: Option<Place>,
    /// At how many activations of accounts it was last seen that every active account has its owner in the mirror.
    pub(super) owners_seen_at: Option<u64>,
    /// How the records lie: [`LAYOUT`], or nothing in a snapshot of format 2.
    #[serde(default)]
    pub(super) layout: u32,
}

/// Groups without their users, those in chunks, and for each user their groups.
const LAYOUT: u32 = 1;

impl Head {
    /// The head as it is stored; that of an empty mirror if none is.
    pub(super) fn load<E: Engine>(database: &Database<E>) -> Result<Self, StoreError> {
        match database.get(Table::Hot, keys::HEAD)? {
            Some(record) => from_json(&record).map_err(|error| database.engine.damaged(&error)),
            None => Ok(Self { layout: LAYOUT, ..Self::default() }),
        }
    }

    /// Whether the records lie as this version writes them.
    pub(super) fn is_complete(&self) -> bool {
        self.layout == LAYOUT
    }

    /// The bytes to store.
    pub(super) fn encoded<E: Engine>(&self, database: &Database<E>) -> Result<Vec<u8>, StoreError> {
        to_json(self).map_err(|error| database.engine.damaged(&error))
    }

    /// The table of the pages, if there are any.
    fn pages(&self) -> Option<Table> {
        self.table.map(Table::Mirror)
    }
}

/// One record of the mirror.
pub(super) fn find<E: Engine>(database: &Database<E>, head: &Head, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let (from, until) = (keys::version(key, head.written_at + 1), keys::version(key, head.moment));
    if from <= until
        && let Some((_, record)) = database.last_until(Table::Overlay, &from, &until)?
    {
        return Ok(Some(record.to_vec()).filter(|record| !record.is_empty()));
    }
    let Some(pages) = head.pages() else { return Ok(None) };
    match database.last_until(pages, &key[..1], key)? {
        Some((_, page)) => Ok(open(database, &page)?.find(key)),
        None => Ok(None),
    }
}

fn open<E: Engine>(database: &Database<E>, page: &[u8]) -> Result<Page, StoreError> {
    Page::open(page).map_err(|error| database.engine.damaged(&error))
}

type Walked<T> = Result<(Key, T), StoreError>;

/// All records of a kind, in the order of their keys.
pub(super) fn walk<'a, E: Engine>(
    database: &'a Database<E>,
    head: &Head,
    kind: &'static [u8],
) -> impl Iterator<Item = Walked<Vec<u8>>> + Send + use<'a, E> {
    let pages =
        head.pages().map(|table| Pages { database, records: database.scan(table, kind), page: Page::default() });
    merged(pages.into_iter().flatten(), laid_over(database, head, kind))
}

/// All records of one kind whose keys begin with a prefix, in the order of their keys.
fn under<'a, E: Engine>(
    database: &'a Database<E>,
    head: &Head,
    prefix: &[u8],
) -> Result<impl Iterator<Item = Walked<Vec<u8>>> + Send + use<'a, E>, StoreError> {
    let pages = match head.pages() {
        Some(table) => {
            // The page that the first of them may lie in begins before it.
            let first = database.last_until(table, &prefix[..1], prefix)?;
            let from = first.map_or_else(|| prefix.to_vec(), |(key, _)| key);
            let records = database.range(table, &from, behind(prefix).as_deref());
            Some(Pages { database, records, page: Page::default() })
        }
        None => None,
    };
    let theirs = prefix.to_vec();
    let pages = pages
        .into_iter()
        .flatten()
        .filter(move |found: &Walked<Vec<u8>>| found.as_ref().map_or(true, |(key, _)| key.starts_with(&theirs)));
    Ok(merged(pages, laid_over(database, head, prefix)))
}

/// Records of pages with what is laid over them, up to the first that cannot be read.
fn merged(
    pages: impl Iterator<Item = Walked<Vec<u8>>> + Send,
    laid_over: impl Iterator<Item = Walked<Option<Vec<u8>>>> + Send,
) -> impl Iterator<Item = Walked<Vec<u8>>> + Send {
    let (mut pages, mut laid_over) = (pages.peekable(), laid_over.peekable());
    let mut failed = false;
    std::iter::from_fn(move || {
        loop {
            if failed {
                return None;
            }
            match step(&mut pages, &mut laid_over)? {
                Ok((key, Some(record))) => return Some(Ok((key, record))),
                Ok((_, None)) => {}
                Err(error) => {
                    failed = true;
                    return Some(Err(error));
                }
            }
        }
    })
}

/// The next of both, in the order of their keys; what is laid over hides what is under it.
fn step(
    pages: &mut Peekable<impl Iterator<Item = Walked<Vec<u8>>>>,
    laid_over: &mut Peekable<impl Iterator<Item = Walked<Option<Vec<u8>>>>>,
) -> Option<Walked<Option<Vec<u8>>>> {
    let order = match (pages.peek(), laid_over.peek()) {
        (Some(Ok((below, _))), Some(Ok((above, _)))) => below.cmp(above),
        (Some(Err(_)), _) | (Some(_), None) => std::cmp::Ordering::Less,
        (_, Some(_)) => std::cmp::Ordering::Greater,
        (None, None) => return None,
    };
    if order.is_eq() {
        pages.next();
    }
    match order {
        std::cmp::Ordering::Less => pages.next().map(|found| found.map(|(key, record)| (key, Some(record)))),
        _ => laid_over.next(),
    }
}

/// The records of pages, one after the other.
struct Pages<'a, E, R> {
    database: &'a Database<E>,
    records: R,
    page: Page,
}

impl<E: Engine, R: Iterator<Item = Result<(Bytes, Record), StoreError>>> Iterator for Pages<'_, E, R> {
    type Item = Walked<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, record)) = self.page.step() {
                return Some(Ok((key.to_vec(), record.to_vec())));
            }
            let opened = self.records.next()?.and_then(|(_, page)| open(self.database, &page));
            match opened {
                Ok(page) => self.page = page,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// What lies over the pages and counts of the keys with this prefix, one version a key; nothing stands for a record that
/// is no more.
fn laid_over<'a, E: Engine>(
    database: &'a Database<E>,
    head: &Head,
    kind: &[u8],
) -> impl Iterator<Item = Walked<Option<Vec<u8>>>> + Send + use<'a, E> {
    let counts = head.written_at + 1..=head.moment;
    let versions = database.scan(Table::Overlay, kind).filter_map(move |pair| match pair {
        Ok((key, record)) => {
            let (key, moment) = keys::versioned(&key)?;
            counts
                .contains(&moment)
                .then(|| Ok((key.to_vec(), Some(record.to_vec()).filter(|record| !record.is_empty()))))
        }
        Err(error) => Some(Err(error)),
    });
    let mut versions = versions.peekable();
    std::iter::from_fn(move || {
        let mut newest: Walked<Option<Vec<u8>>> = versions.next()?;
        while let Ok((key, _)) = &newest
            && let Some(later) = versions.next_if(|next| next.as_ref().is_ok_and(|(other, _)| other == key))
        {
            newest = later;
        }
        Some(newest)
    })
}
