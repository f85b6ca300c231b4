//! Fingerprints: what a reading compares each record with as it streams by, and what it has met so far.
//!
//! A mirror keeps a packed fingerprint for each of its records: a hash of the id and a hash of the content. A reading
//! loads them, some thirty bytes a record with the mark, and never looks at the records of people who did not change.

use std::collections::BTreeSet;

use crate::snapshot::codec::CodecError;
use crate::snapshot::seal::HashKey;

/// Bytes of a fingerprint.
const BYTES: usize = 24;

/// Fingerprints in one record of the store.
const IN_A_RECORD: usize = 160;

/// Fingerprints in a part of a collection, about.
const IN_A_PART: usize = 8;

/// Hash of the id and hash of the content.
pub(super) type Print = (u128, u64);

/// What became of a record of the mirror in this reading.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Not read.
    Absent,
    /// Read, and the same as in the mirror.
    Same,
    /// Read and different: the new one is staged.
    Changed,
    /// Read and not understood: the mirror's record stays.
    Held,
}

/// What is to be done about a record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is to be staged.
    Stage,
    /// What was staged for it is not to be: the mirror's record stays.
    Unstage,
    /// Nothing.
    Nothing,
}

/// One collection of the mirror, and what the reading says of it.
#[derive(Default)]
pub(super) struct Seen {
    /// Sorted by the hash of the id.
    mirror: Vec<Print>,
    /// Where its parts begin. Hashes lie evenly, so each part has about as many: one of a million is found with two or
    /// three looks into memory, and not with twenty.
    begins: Vec<usize>,
    marks: Vec<Mark>,
    /// Hashes of the ids of records that the mirror does not have.
    fresh: BTreeSet<u128>,
    /// Those of them of which a look at the mirror has shown that, in a reading that has no fingerprints.
    added: BTreeSet<u128>,
}

impl Seen {
    /// Begins a reading beside a mirror with these fingerprints, sorted.
    pub(super) fn beside(mirror: Vec<Print>) -> Self {
        let marks = vec![Mark::Absent; mirror.len()];
        Self { begins: begins(&mirror), mirror, marks, ..Self::default() }
    }

    /// Where the fingerprint with this hash of an id is.
    pub(super) fn at(&self, name: u128) -> Option<usize> {
        let part = part(name, self.begins.len().checked_sub(2)?);
        let (from, to) = (self.begins[part], self.begins[part + 1]);
        let found = self.mirror[from..to].binary_search_by_key(&name, |(name, _)| *name).ok()?;
        Some(from + found)
    }

    /// Takes a record in.
    #[cfg(test)]
    fn take(&mut self, name: u128, content: u64) -> Verdict {
        self.take_at(self.at(name), name, content)
    }

    /// Takes a record in, of which it is known where its fingerprint is.
    pub(super) fn take_at(&mut self, at: Option<usize>, name: u128, content: u64) -> Verdict {
        let Some(at) = at else {
            self.fresh.insert(name);
            return Verdict::Stage;
        };
        let same = self.mirror[at].1 == content;
        let before = std::mem::replace(&mut self.marks[at], if same { Mark::Same } else { Mark::Changed });
        match (same, before) {
            (false, _) => Verdict::Stage,
            (true, Mark::Changed) => Verdict::Unstage,
            (true, _) => Verdict::Nothing,
        }
    }

    /// Holds a record that could not be understood; true if something was staged for it.
    pub(super) fn hold(&mut self, name: u128) -> bool {
        match self.at(name) {
            Some(at) => std::mem::replace(&mut self.marks[at], Mark::Held) == Mark::Changed,
            None => {
                self.added.remove(&name);
                self.fresh.remove(&name)
            }
        }
    }

    /// Takes note that the mirror does not have this record.
    pub(super) fn add(&mut self, name: u128) {
        self.added.insert(name);
    }

    /// How many records there are that the mirror does not have, as far as that was looked at.
    pub(super) fn added(&self) -> u64 {
        self.added.len() as u64
    }

    /// How many records there will be once what was not read is gone.
    pub(super) fn remaining(&self) -> u64 {
        self.known() - self.absent() + self.fresh.len() as u64
    }

    /// How many records were read and understood.
    pub(super) fn staged(&self) -> u64 {
        let known = self.marks.iter().filter(|mark| matches!(mark, Mark::Same | Mark::Changed)).count();
        (known + self.fresh.len()) as u64
    }

    /// Whether this record was read for the first time, and understood.
    pub(super) fn is_fresh(&self, name: u128) -> bool {
        self.fresh.contains(&name)
    }

    /// Whether this record was not read.
    pub(super) fn is_absent(&self, name: u128) -> bool {
        self.at(name).map_or_else(|| !self.fresh.contains(&name), |at| self.marks[at] == Mark::Absent)
    }

    /// How many records of the mirror were not read.
    pub(super) fn absent(&self) -> u64 {
        self.marks.iter().filter(|mark| **mark == Mark::Absent).count() as u64
    }

    /// How many records the mirror has.
    pub(super) fn known(&self) -> u64 {
        self.mirror.len() as u64
    }
}

/// The part in which a hash lies; `last` is the number of the last.
#[allow(clippy::cast_possible_truncation, reason = "the higher half of a hash, and a part of a number of parts")]
fn part(name: u128, last: usize) -> usize {
    ((u128::from((name >> 64) as u64) * (last as u128 + 1)) >> 64) as usize
}

/// Where each part of the fingerprints begins, and behind the last their number.
fn begins(prints: &[Print]) -> Vec<usize> {
    let last = prints.len() / IN_A_PART;
    let mut begins = Vec::with_capacity(last + 2);
    for (at, (name, _)) in prints.iter().enumerate() {
        begins.resize(begins.len().max(part(*name, last) + 1), at);
    }
    begins.resize(last + 2, prints.len());
    begins
}

/// Packs fingerprints into records of the store.
pub(super) fn pack(prints: &[Print]) -> impl Iterator<Item = Vec<u8>> + '_ {
    prints.chunks(IN_A_RECORD).map(|prints| {
        let mut record = Vec::with_capacity(prints.len() * BYTES);
        for (name, content) in prints {
            record.extend_from_slice(&name.to_le_bytes());
            record.extend_from_slice(&content.to_le_bytes());
        }
        record
    })
}

/// Unpacks one such record.
pub(super) fn unpack(record: &[u8], into: &mut Vec<Print>) -> Result<(), CodecError> {
    let (prints, rest) = record.as_chunks::<BYTES>();
    if !rest.is_empty() {
        return Err(CodecError::Unreadable("fingerprints are cut off".to_owned()));
    }
    for print in prints {
        let (name, content) = print.split_at(16);
        let name = name.try_into().map(u128::from_le_bytes).unwrap_or_default();
        into.push((name, content.try_into().map(u64::from_le_bytes).unwrap_or_default()));
    }
    Ok(())
}

/// Lays later fingerprints over earlier ones; both are sorted. None takes one away.
pub(super) fn laid_over(earlier: Vec<Print>, later: &[(u128, Option<u64>)]) -> Vec<Print> {
    if later.is_empty() {
        return earlier;
    }
    let mut merged = Vec::with_capacity(earlier.len() + later.len());
    let mut later = later.iter().peekable();
    for print in earlier {
        while let Some((name, content)) = later.next_if(|(name, _)| *name < print.0) {
            merged.extend(content.map(|content| (*name, content)));
        }
        match later.next_if(|(name, _)| *name == print.0) {
            Some((name, content)) => merged.extend(content.map(|content| (*name, content))),
            None => merged.push(print),
        }
    }
    merged.extend(later.filter_map(|(name, content)| Some((*name, (*content)?))));
    merged
}

/// The fingerprint of a record.
#[allow(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
pub(super) fn content(secret: &HashKey, record: &[u8]) -> u64 {
    secret.hash(b"", record) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_survive_their_records() {
        let prints: Vec<Print> = (0..1_000_u64).map(|n| (u128::from(n) << 64 | 7, n * 3)).collect();
        let mut found = Vec::new();
        for record in pack(&prints) {
            assert!(record.len() < crate::snapshot::engine::MAX_VALUE);
            unpack(&record, &mut found).unwrap();
        }
        assert_eq!(found, prints);
        assert!(unpack(&[0; 25], &mut found).is_err());
    }

    #[test]
    fn every_fingerprint_is_found_and_no_other_is_however_unevenly_they_lie() {
        let spread = |n: u64| u128::from(n.wrapping_mul(0x9E37_79B9_7F4A_7C15)) << 64 | u128::from(n);
        let even: Vec<u128> = (0..3_000).map(spread).collect();
        let low: Vec<u128> = (0..3_000).map(|n| n * 2).collect();
        let high: Vec<u128> = low.iter().map(|n| u128::MAX - n).collect();
        let both = [low.clone(), high.clone(), even.clone()].concat();
        for mut names in [even, low, high, both, vec![7], vec![]] {
            names.sort_unstable();
            names.dedup();
            let seen = Seen::beside(names.iter().map(|name| (*name, 0)).collect());
            for (place, name) in names.iter().enumerate() {
                assert_eq!(seen.at(*name), Some(place));
                for other in [name.wrapping_add(1), name.wrapping_sub(1)] {
                    assert_eq!(seen.at(other), names.binary_search(&other).ok());
                }
            }
            assert_eq!((seen.at(0), seen.at(u128::MAX)), {
                let at = |name| names.binary_search(&name).ok();
                (at(0), at(u128::MAX))
            });
        }
    }

    #[test]
    fn later_fingerprints_replace_add_and_remove() {
        let earlier = vec![(2, 20), (4, 40), (6, 60)];
        let later = [(1, Some(11)), (2, None), (4, Some(44)), (5, None), (9, Some(99))];
        assert_eq!(laid_over(earlier.clone(), &later), [(1, 11), (4, 44), (6, 60), (9, 99)]);
        assert_eq!(laid_over(earlier.clone(), &[]), earlier);
    }

    #[test]
    fn a_record_that_changes_back_is_unstaged_and_a_new_one_is_counted_once() {
        let mut seen = Seen::beside(vec![(1, 10), (2, 20)]);
        assert_eq!(seen.take(1, 11), Verdict::Stage);
        assert_eq!(seen.take(1, 10), Verdict::Unstage);
        assert_eq!(seen.take(1, 10), Verdict::Nothing);
        assert_eq!((seen.take(3, 1), seen.take(3, 2)), (Verdict::Stage, Verdict::Stage));
        assert_eq!((seen.staged(), seen.absent(), seen.is_fresh(3)), (2, 1, true));
        assert!(seen.is_absent(2) && seen.is_absent(4) && !seen.is_absent(3));
        assert!(seen.hold(3) && !seen.hold(2), "of two that cannot be understood one was staged");
        assert_eq!((seen.staged(), seen.absent()), (1, 0));
    }
}
