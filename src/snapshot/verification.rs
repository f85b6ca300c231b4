//! How far a walk over all records has come, and what is written behind it meanwhile ([`super::verify`]).

use std::collections::BTreeMap;

use super::engine::{Key, Table};
use super::seal::{HashKey, Tally};

/// How far the walk has come.
#[derive(Default)]
pub(super) struct Verification {
    pub(super) tables: BTreeMap<Table, Walked>,
}

/// How far it has come in one table.
pub(super) struct Walked {
    pub(super) tally: Tally,
    /// The first key that was not counted yet; none if all were.
    pub(super) next: Option<Key>,
}

impl Default for Walked {
    fn default() -> Self {
        Self { tally: Tally::default(), next: Some(Key::new()) }
    }
}

impl Verification {
    /// Takes in what a batch did behind the walk.
    pub(super) fn follow<'a>(
        &mut self,
        secret: &HashKey,
        table: Table,
        moved: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>, Option<&'a [u8]>)>,
    ) {
        let Some(walked) = self.tables.get_mut(&table) else { return };
        for (key, before, after) in moved {
            if walked.next.as_deref().is_some_and(|next| key >= next) {
                continue;
            }
            if let Some(before) = before {
                walked.tally.remove(secret, key, before);
            }
            if let Some(after) = after {
                walked.tally.add(secret, key, after);
            }
        }
    }
}
