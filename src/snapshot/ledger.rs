//! The ledger and the agenda of a snapshot: what we last wrote, and whom the next plan has to judge.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_kit::DirectoryId;
use serde::de::DeserializeOwned;

use super::accounts::{self, AccountCounts};
use super::codec::unpack;
use super::engine::{Engine, Table};
use super::store::Snapshot;
use super::{Agenda, Ledger, Records, StoreError, agenda, indices, keys};
use crate::plan::{Carried, GroupKey, LedgerAccount, LedgerGroup};
use crate::roster::{Refusal, Role};

impl<E: Engine> Snapshot<E> {
    fn of_ledger<T: DeserializeOwned + 'static>(&self, kind: &'static [u8]) -> Records<'_, T> {
        let records = self.database.scan(Table::Ledger, kind);
        Box::new(records.map(|pair| unpack(&pair?.1).map_err(|error| self.damaged(&error))))
    }
}

impl<E: Engine> Ledger for Snapshot<E> {
    fn accounts(&self) -> Records<'_, LedgerAccount> {
        self.of_ledger(keys::ACCOUNT)
    }

    fn account(&self, user: &DirectoryId) -> Result<Option<LedgerAccount>, StoreError> {
        let record = self.database.get(Table::Ledger, &keys::of(keys::ACCOUNT, user))?;
        record.map(|record| unpack(&record)).transpose().map_err(|error| self.damaged(&error))
    }

    fn account_counts(&self) -> AccountCounts {
        self.writer().counts
    }

    fn with_address(&self, folded: &str) -> Result<Vec<DirectoryId>, StoreError> {
        indices::with_address(&self.database, folded)
    }

    fn with_target_id(&self, id: &str) -> Result<Vec<DirectoryId>, StoreError> {
        indices::with_target_id(&self.database, id)
    }

    fn inactive_since(&self, until: Timestamp) -> Result<Vec<DirectoryId>, StoreError> {
        indices::inactive_since(&self.database, until)
    }

    fn first_inactive(&self) -> Result<Option<Timestamp>, StoreError> {
        indices::first_inactive(&self.database)
    }

    fn role_counts(&self) -> Result<BTreeMap<Role, u64>, StoreError> {
        indices::role_counts(&self.database)
    }

    fn ledger_version(&self) -> u64 {
        self.writer().counts.version
    }

    fn ledger_groups(&self) -> Records<'_, LedgerGroup> {
        let groups = self.of_ledger::<LedgerGroup>(keys::LEDGER_GROUP);
        Box::new(groups.map(|group| accounts::with_members(&self.database, group?)))
    }

    fn ledger_group_headers(&self) -> Records<'_, LedgerGroup> {
        self.of_ledger(keys::LEDGER_GROUP)
    }

    fn ledger_group(&self, key: &GroupKey) -> Result<Option<LedgerGroup>, StoreError> {
        accounts::group(&self.database, key)
    }
}

impl<E: Engine> Agenda for Snapshot<E> {
    fn ground(&self) -> Result<Option<String>, StoreError> {
        Ok(agenda::ground(&self.database)?.map(|ground| ground.ground))
    }

    fn forget_ground(&self) -> Result<(), StoreError> {
        let _writer = self.writer();
        agenda::forget_ground(&self.database)
    }

    fn touched(&self) -> Result<BTreeSet<DirectoryId>, StoreError> {
        agenda::touched(&self.database)
    }

    fn is_touched_beyond(&self, most: usize) -> Result<bool, StoreError> {
        agenda::is_touched_beyond(&self.database, most)
    }

    fn refused(&self) -> Records<'_, (DirectoryId, Vec<Refusal>)> {
        Box::new(agenda::refused(&self.database))
    }

    fn planned(
        &self,
        judged: Option<&BTreeSet<DirectoryId>>,
        carried: &Carried,
        ground: &str,
    ) -> Result<(), StoreError> {
        let _writer = self.writer();
        agenda::planned(&self.database, judged, carried, ground)
    }

    fn holders(&self) -> Result<BTreeMap<Role, BTreeSet<DirectoryId>>, StoreError> {
        agenda::holders(&self.database)
    }
}
