//! What a snapshot knows of the accounts in the application: what was done to them, and what was begun.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use rollcall::demo::sandbox::AccountView;
use rollcall::plan::LedgerAccount;
use rollcall::snapshot::{Intents as _, Ledger as _, SledStore};

/// What one snapshot knows.
#[derive(Default)]
pub(super) struct Known {
    ledger: BTreeMap<String, LedgerAccount>,
    /// Whom unsettled writes concern.
    begun: BTreeSet<String>,
}

impl Known {
    /// What the snapshot in this folder knows: nothing, if there is none. A copy is looked at, so that the next run finds
    /// what the cut left and not what we made of it.
    pub(super) fn of(organization: &Path) -> Self {
        if !organization.exists() {
            return Self::default();
        }
        let copy = tempfile::tempdir().unwrap();
        let folder = copy.path().join("copy");
        let copied = Command::new("cp").arg("-a").arg(organization).arg(&folder).status();
        assert!(copied.unwrap().success());
        let store = SledStore::open(&folder).unwrap();
        let accounts = store.accounts().map(|account| account.unwrap());
        let unsettled = store.unsettled().unwrap();
        Self {
            ledger: accounts.map(|account| (account.user.to_string(), account)).collect(),
            begun: unsettled.iter().flat_map(|(_, intent)| intent.concerned()).map(|user| user.to_string()).collect(),
        }
    }

    /// Whether it knows how this account came to be as it is, or that something was begun with it.
    pub(super) fn covers(&self, account: &AccountView) -> bool {
        let Some(owner) = &account.external_id else { return false };
        let is_as_written = |known: &LedgerAccount| {
            known.target_id == account.id
                && known.active == account.active
                && known.roles.iter().map(ToString::to_string).eq(account.roles.iter().cloned())
        };
        self.begun.contains(owner) || self.ledger.get(owner).is_some_and(is_as_written)
    }
}
