//! Commits: what a reading brought becomes the mirror.
//!
//! A few differences are laid over the pages; many are the reason to write all pages anew. Either way everything is on
//! disk before the head moves, and what counts no more is removed after it.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::path::PathBuf;

use rollcall_kit::Certificate;

use super::memberships::derive;
use super::names::NamesBuilder;
use super::page::PageBuilder;
use super::prints::{Print, pack};
use super::sorter::{Difference, Sorter};
use super::staging::{InProgress, name, print};
use super::{Head, LAYOUT, walk};
use crate::read::Place;
use crate::snapshot::StoreError;
use crate::snapshot::codec::CodecError;
use crate::snapshot::database::{Bulk, Database};
use crate::snapshot::engine::{Engine, Key, Table};
use crate::snapshot::keys;

/// So many versions may lie over the pages whatever their number, and so large a part of the mirror else.
const FEW: u64 = 1_000;
const PART: u64 = 10;

/// The kinds of records in a mirror, in the order of their keys, with where their fingerprints lie, right behind them.
const KINDS: [(&[u8], Option<&[u8]>); 5] = [
    (keys::GROUP, Some(keys::GROUP_PRINTS)),
    (keys::GROUP_USERS, None),
    (keys::USER, Some(keys::USER_PRINTS)),
    (keys::USER_GROUPS, None),
    (keys::UNREADABLE, None),
];

/// Those of them that follow from whole groups.
const OF_GROUPS: [&[u8]; 3] = [keys::GROUP, keys::GROUP_USERS, keys::USER_GROUPS];

/// What a commit says of the reading.
pub(in crate::snapshot) struct Proof<'a> {
    /// The certificate; none if only changes were read.
    pub(in crate::snapshot) certificate: Option<&'a Certificate>,
    /// The place in the stream of changes; none if there is none to follow.
    pub(in crate::snapshot) place: Option<&'a Place>,
    /// How often an account of the ledger was made active so far.
    pub(in crate::snapshot) activations: u64,
}

/// A commit whose records are on disk: once its head is stored, it counts.
pub(in crate::snapshot) struct Prepared {
    /// Where the mirror will stand.
    pub(in crate::snapshot) head: Head,
    /// Keys of which an earlier version does not count any more then; none if that is so of all.
    pub(in crate::snapshot) superseded: Option<Vec<Key>>,
}

/// Writes down what a reading brought, once it was concluded.
pub(in crate::snapshot) fn prepare<E: Engine>(
    database: &Database<E>,
    head: &Head,
    reading: &InProgress,
    proof: &Proof<'_>,
) -> Result<Prepared, StoreError> {
    let mut next = Head { place: proof.place.cloned(), ..head.clone() };
    (next.users, next.groups) = reading.counts(head);
    if let Some(certificate) = proof.certificate {
        let owners = reading.owners_are_there(database, head, proof.activations)?;
        next.certificate = Some(certificate.clone());
        next.owners_seen_at = owners.then_some(proof.activations);
    }
    let known = reading.users.known() + reading.groups.known();
    let derived = derive(database, head, &reading.differences, reading.scratch.clone())?;
    let differences = Differences { read: &reading.differences, derived };
    let superseded = if differences.are_many(head, known) {
        next.moment += 1;
        next.table = Some(write_anew(database, head, &differences)?);
        next.written_at = next.moment;
        next.laid_over = 0;
        None
    } else {
        Some(lay_over(database, &mut next, &differences)?)
    };
    Ok(Prepared { head: next, superseded })
}

/// Writes the pages of a mirror anew in which groups lie whole. Yields where it stands then, with what stays behind of
/// the pages before.
pub(in crate::snapshot) fn complete<E: Engine>(
    database: &Database<E>,
    head: &Head,
    scratch: Option<PathBuf>,
) -> Result<Head, StoreError> {
    let mut groups = Sorter::new(scratch.clone());
    for group in walk(database, head, keys::GROUP) {
        let (key, record) = group?;
        groups.put(&key, &Difference::Put(record))?;
    }
    let derived = derive(database, &Head::default(), &groups, scratch)?;
    let table = write_anew(database, head, &Differences { read: &Sorter::new(None), derived })?;
    let moment = head.moment + 1;
    let complete = Head { table: Some(table), moment, written_at: moment, laid_over: 0, ..head.clone() };
    Ok(Head { leftovers: true, layout: LAYOUT, ..complete })
}

/// What a commit writes.
struct Differences<'a> {
    /// What was read; of groups, whole ones.
    read: &'a Sorter,
    /// What follows from those groups.
    derived: Sorter,
}

impl Differences<'_> {
    /// Those of a kind, and of others behind it, in the order of their keys.
    fn of(&self, kind: &[u8]) -> Result<impl Iterator<Item = Result<(Key, Difference), StoreError>>, StoreError> {
        let of_groups = OF_GROUPS.contains(&kind);
        let sorted = if of_groups { self.derived.sorted()? } else { self.read.sorted()? };
        let kind = kind.to_vec();
        Ok(sorted.skip_while(move |next| next.as_ref().is_ok_and(|(key, _)| *key < kind)))
    }

    fn are_many(&self, head: &Head, known: u64) -> bool {
        let versions = head.laid_over + self.read.len() + self.derived.len();
        self.read.is_large() || self.derived.is_large() || versions > FEW.max(known / PART)
    }
}

/// Writes the first pages of an empty mirror. Yields where it stands then.
pub(in crate::snapshot) fn write_first<E: Engine>(
    database: &Database<E>,
    (differences, scratch): (&Sorter, Option<PathBuf>),
) -> Result<Head, StoreError> {
    let derived = derive(database, &Head::default(), differences, scratch)?;
    let table = write_anew(database, &Head::default(), &Differences { read: differences, derived })?;
    let mut head = Head { table: Some(table), written_at: 1, moment: 1, layout: LAYOUT, ..Head::default() };
    for difference in differences.sorted()? {
        let (key, _) = difference?;
        head.users += u64::from(key.starts_with(keys::USER));
        head.groups += u64::from(key.starts_with(keys::GROUP));
    }
    Ok(head)
}

/// Lays the differences over the pages. Yields the keys of which there may be an earlier version.
fn lay_over<E: Engine>(
    database: &Database<E>,
    next: &mut Head,
    differences: &Differences<'_>,
) -> Result<Vec<Key>, StoreError> {
    let moment = next.moment + 1;
    let mut keys = Vec::new();
    let mut batch = database.batch(Table::Overlay);
    for difference in differences.of(keys::GROUP)?.chain(differences.of(keys::USER)?) {
        let (key, difference) = difference?;
        match difference {
            Difference::Keep => continue,
            Difference::Put(record) => batch.put(&keys::version(&key, moment), &record)?,
            Difference::Remove => batch.put(&keys::version(&key, moment), b"")?,
        }
        keys.push(key);
        batch.write_if_full()?;
    }
    batch.write()?;
    if !keys.is_empty() {
        next.moment = moment;
        next.laid_over += keys.len() as u64;
        database.engine.sync()?;
    }
    Ok(keys)
}

/// Writes all pages anew, with the differences in them. Yields the number of their table.
fn write_anew<E: Engine>(
    database: &Database<E>,
    head: &Head,
    differences: &Differences<'_>,
) -> Result<u64, StoreError> {
    let number = head.table.map_or(1, |number| number + 1);
    if database.engine.tables()?.contains(&Table::Mirror(number)) {
        database.drop_table(Table::Mirror(number))?;
    }
    let mut bulk = database.bulk(Table::Mirror(number))?;
    let (mut derived, mut read) = (differences.of(keys::GROUP)?.peekable(), differences.of(keys::USER)?.peekable());
    let mut names = NamesBuilder::default();
    for (kind, prints) in KINDS {
        let sorted = if OF_GROUPS.contains(&kind) { &mut derived } else { &mut read };
        let mut found = Vec::new();
        let mut builder = PageBuilder::default();
        let mut before = walk(database, head, kind).peekable();
        while let Some((key, record)) = merged(&mut before, sorted, kind)? {
            if prints.is_some() {
                found.push((name(database.secret(), &key), print(database, &key, &record)?));
            }
            let page = put_page(database, &mut bulk, builder.push(&key, &record))?;
            if kind == keys::USER {
                page.iter().for_each(|first| names.page(first));
                names.enter(database.secret(), &record).map_err(|error| database.engine.damaged(&error))?;
            }
        }
        let last = put_page(database, &mut bulk, builder.take())?;
        last.iter().filter(|_| kind == keys::USER).for_each(|first| names.page(first));
        if let Some(prints) = prints {
            write_prints(&mut bulk, prints, found)?;
        }
    }
    names.write(database, &mut bulk)?;
    bulk.finish()?;
    Ok(number)
}

fn write_prints<E: Engine>(bulk: &mut Bulk<'_, E>, kind: &[u8], mut prints: Vec<Print>) -> Result<(), StoreError> {
    prints.sort_unstable();
    for (record, number) in pack(&prints).zip(0..) {
        bulk.put(&keys::numbered(kind, number), &record)?;
    }
    Ok(())
}

/// Writes a page, if it is full. Yields its key.
fn put_page<E: Engine>(
    database: &Database<E>,
    bulk: &mut Bulk<'_, E>,
    page: Result<Option<(Key, Vec<u8>)>, CodecError>,
) -> Result<Option<Key>, StoreError> {
    match page.map_err(|error| database.engine.damaged(&error))? {
        Some((first, page)) => bulk.put(&first, &page).map(|()| Some(first)),
        None => Ok(None),
    }
}

/// The next record of a kind, of the mirror or of the differences, in the order of their keys.
fn merged(
    before: &mut Peekable<impl Iterator<Item = Result<(Key, Vec<u8>), StoreError>>>,
    differences: &mut Peekable<impl Iterator<Item = Result<(Key, Difference), StoreError>>>,
    kind: &[u8],
) -> Result<Option<(Key, Vec<u8>)>, StoreError> {
    loop {
        let order = match (before.peek(), differences.peek()) {
            (_, Some(Err(_))) => Ordering::Greater,
            (_, None) | (Some(Err(_)), _) => Ordering::Less,
            (_, Some(Ok((key, _)))) if !key.starts_with(kind) => Ordering::Less,
            (None, _) => Ordering::Greater,
            (Some(Ok((earlier, _))), Some(Ok((key, _)))) => earlier.cmp(key),
        };
        if order.is_lt() {
            return before.next().transpose();
        }
        let under = if order.is_eq() { before.next().transpose()? } else { None };
        match (differences.next().transpose()?, under) {
            (Some((key, Difference::Put(record))), _) => return Ok(Some((key, record))),
            (Some((_, Difference::Keep)), Some(kept)) => return Ok(Some(kept)),
            _ => {}
        }
    }
}

impl Prepared {
    /// Removes what counts no more, once the head is stored. If this is cut short, the next reading does it.
    pub(in crate::snapshot) fn clean_up<E: Engine>(&self, database: &Database<E>) -> Result<(), StoreError> {
        let Some(superseded) = &self.superseded else { return sweep(database, &self.head) };
        let mut batch = database.batch(Table::Overlay);
        for key in superseded {
            let (from, to) = (keys::version(key, 0), keys::version(key, self.head.moment));
            for version in database.range(Table::Overlay, &from, Some(&to)) {
                batch.remove(&version?.0)?;
            }
            batch.write_if_full()?;
        }
        batch.write()
    }
}

/// Removes what no commit, or no commit any more, has use for: versions that do not count, and tables of earlier pages.
pub(in crate::snapshot) fn sweep<E: Engine>(database: &Database<E>, head: &Head) -> Result<(), StoreError> {
    for table in database.engine.tables()? {
        if matches!(table, Table::Mirror(number) if Some(number) != head.table) {
            database.drop_table(table)?;
        }
    }
    let mut batch = database.batch(Table::Overlay);
    let counts = head.written_at + 1..=head.moment;
    for version in database.scan(Table::Overlay, b"") {
        let key = version?.0;
        if keys::versioned(&key).is_some_and(|(_, moment)| !counts.contains(&moment)) {
            batch.remove(&key)?;
            batch.write_if_full()?;
        }
    }
    batch.write()
}
