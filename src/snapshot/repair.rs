//! Repair: what can be done about a damaged snapshot, step by step, each by its name.
//!
//! No step is ever taken silently, and none makes a damaged snapshot count as whole: after each of them the snapshot
//! is unsealed, so the next run reads everything, looks every account up in the target, and removes nothing.

use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use super::engine::mirrors::FOLDER as MIRRORS;
use super::engine::opening::{DATABASE, REMEDY, lock_directory};
use super::io::{cannot, rename, sync_folder};
use super::store::SledStore;
use super::{StoreError, folder, swap};

/// One step of repair, from the mildest to the last resort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RepairStep {
    /// Deletes sled's own index files (`snap.*`), which it can make again from its log.
    DropIndex,
    /// Sets the mirror's file aside: the directory is read whole, and the ledger stays.
    DropMirror,
    /// Sets the database aside and begins with an empty one.
    StartAnew,
}

impl RepairStep {
    /// Every step, in the order in which they should be tried.
    pub const ALL: [Self; 3] = [Self::DropIndex, Self::DropMirror, Self::StartAnew];

    /// The step's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DropIndex => "drop-index",
            Self::DropMirror => "drop-mirror",
            Self::StartAnew => "start-anew",
        }
    }
}

impl fmt::Display for RepairStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for RepairStep {
    type Err = StoreError;

    fn from_str(name: &str) -> Result<Self, StoreError> {
        let known = Self::ALL.into_iter().find(|step| step.name() == name);
        known.ok_or_else(|| StoreError::NoSuchStep(format!("there is no repair step {name:?}; {REMEDY}")))
    }
}

/// Takes one step, and opens the store that comes of it.
///
/// # Errors
///
/// If the step cannot be taken, or did not help: the error then says what is still wrong.
pub fn repair(directory: &Path, step: RepairStep) -> Result<SledStore, StoreError> {
    let database = directory.join(DATABASE);
    folder::refuse_root(directory)?;
    let lock = lock_directory(directory)?;
    swap::settle(directory)?;
    match step {
        RepairStep::DropIndex => drop_index(&database)?,
        RepairStep::DropMirror => set_aside(directory, &database.join(MIRRORS))?,
        RepairStep::StartAnew => set_aside(directory, &database)?,
    }
    drop(lock);
    let store = SledStore::open(directory)?;
    store.unseal()?;
    Ok(store)
}

fn drop_index(database: &Path) -> Result<(), StoreError> {
    let entries = fs::read_dir(database).map_err(|error| cannot(database, "be listed", error))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            fs::remove_file(entry.path()).map_err(|error| cannot(&entry.path(), "be removed", error))?;
        }
    }
    Ok(())
}

/// Renames a folder to the first free `damaged-N`; nothing is ever deleted by a repair.
fn set_aside(directory: &Path, folder: &Path) -> Result<(), StoreError> {
    if !folder.exists() {
        return Ok(());
    }
    let free = (1_u32..).map(|number| directory.join(format!("damaged-{number}"))).find(|path| !path.exists());
    free.map_or(Ok(()), |free| rename(folder, &free))?;
    folder.parent().map_or(Ok(()), sync_folder)
}
