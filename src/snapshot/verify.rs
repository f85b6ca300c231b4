//! Whether the records of a snapshot add up to its tallies: a walk over all of them, while others write.
//!
//! The walk takes the lock for a few hundred records at a time. What is written behind it is followed, and what is
//! written before it is met later, so that in the end both have counted the same records.

use super::StoreError;
use super::database::Database;
use super::engine::{Engine, Table};
use super::keys;
use super::verification::Verification;

/// Records that are counted while the lock is held.
const STRIDE: usize = 512;

impl<E: Engine> Database<E> {
    /// Says that a walk is about to begin, so that nobody writes unnoticed before it does.
    pub(super) fn announce_verification(&self) {
        self.state().verification = Some(Verification::default());
    }

    /// Counts every record. Yields why they do not add up, in a sentence; nothing if they do. `stop` ends it early, and
    /// then nothing is known.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub(super) fn verify(&self, stop: &dyn Fn() -> bool) -> Result<Option<String>, StoreError> {
        self.announce_verification();
        let verdict = self.walk(stop);
        self.state().verification = None;
        verdict
    }

    fn walk(&self, stop: &dyn Fn() -> bool) -> Result<Option<String>, StoreError> {
        let tables: Vec<Table> = self.state().tallies.keys().copied().collect();
        for table in tables {
            while !stop() && self.stride(table)? {}
        }
        if stop() {
            return Ok(None);
        }
        let state = self.state();
        let Some(verification) = &state.verification else { return Ok(None) };
        for (table, walked) in &verification.tables {
            if let Some(tally) = state.tallies.get(table)
                && !walked.tally.holds_as(tally)
            {
                let (told, found) = (tally.records, walked.tally.records);
                let name = table.name();
                return Ok(Some(format!("its tally of `{name}` says {told} records and {found} were found")));
            }
        }
        Ok(None)
    }

    /// Counts some more records of a table; false if that was the end of it.
    fn stride(&self, table: Table) -> Result<bool, StoreError> {
        let mut state = self.state();
        if !state.tallies.contains_key(&table) {
            return Ok(false);
        }
        let Some(verification) = &mut state.verification else { return Ok(false) };
        let walked = verification.tables.entry(table).or_default();
        let Some(from) = walked.next.take() else { return Ok(false) };
        for (counted, pair) in self.engine.range(table, &from, None)?.enumerate() {
            let (key, value) = pair?;
            if counted == STRIDE {
                walked.next = Some(key.to_vec());
                return Ok(true);
            }
            if !keys::is_meta(&key) {
                walked.tally.add(self.secret(), &key, &value);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::engine::Ops;
    use crate::snapshot::engine::memory::MemoryEngine;

    fn filled() -> Database<MemoryEngine> {
        let database = Database::open(MemoryEngine::default()).unwrap().0;
        for number in 0..40_u32 {
            let mut batch = database.batch(Table::Ledger);
            for at in 0..50_u32 {
                batch.put(format!("a{:05}", number * 50 + at).as_bytes(), b"an account").unwrap();
            }
            batch.write().unwrap();
        }
        database
    }

    #[test]
    fn records_that_add_up_are_whole_and_a_missing_one_is_told() {
        let database = filled();
        assert_eq!(database.verify(&|| false).unwrap(), None);
        database.engine.commit(Table::Ledger, Ops::from([(b"a00777".to_vec(), None)])).unwrap();
        let reason = database.verify(&|| false).unwrap();
        assert_eq!(reason.as_deref(), Some("its tally of `ledger` says 2000 records and 1999 were found"));
    }

    #[test]
    fn what_is_written_before_and_behind_the_walk_meanwhile_is_no_loss() {
        let database = filled();
        database.announce_verification();
        assert!(database.stride(Table::Ledger).unwrap());
        for key in ["a00001", "a01999", "a00001x", "b"] {
            let mut batch = database.batch(Table::Ledger);
            batch.put(key.as_bytes(), b"changed").unwrap();
            batch.write().unwrap();
        }
        let mut batch = database.batch(Table::Ledger);
        batch.remove(b"a00002").unwrap();
        batch.remove(b"a01998").unwrap();
        batch.write().unwrap();
        assert_eq!(database.walk(&|| false).unwrap(), None);
    }
}
