//! The snapshot: the local store of mirror, ledger, journal and history.
//!
//! Three layers. An [`engine`] keeps ordered bytes in tables, and files beside them: sled on disk, with the pages of the
//! mirror in a file of their own, or memory. A [`database`] makes records of any size of those bytes, counts and seals
//! them. Above it are the typed records, in narrow traits: [`Mirror`], [`Ledger`], [`Agenda`], [`Intents`], [`History`],
//! [`ChangeHistory`] and [`Facts`], which together are a [`Store`]. The same tests run over every engine. Records are facts
//! and are written as they become true; the mirror, its certificate and its place in the stream of changes move together.
//! What may have been lost is noticed by the [`Seal`].

mod accounts;
mod agenda;
mod change_history;
mod changes;
mod codec;
mod compaction;
mod database;
pub mod durable;
mod engine;
mod error;
mod folder;
mod folding;
mod glance;
mod history;
mod indices;
mod io;
mod journal;
mod keys;
mod layout;
mod ledger;
mod legacy;
mod members;
mod mirror;
mod on_disk;
mod opened;
mod repair;
mod seal;
mod store;
mod swap;
#[cfg(test)]
mod tests;
mod verification;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{Read, Write};

use jiff::Timestamp;
use jiff::civil::Date;
use rollcall_kit::{Certificate, DirectoryGroup, DirectoryId, DirectoryUser, Unreadable};

pub use self::accounts::AccountCounts;
pub use self::changes::{Decided, PastChange, RunFact, Word};
pub use self::compaction::{Compacted, compact};
use self::engine::files::FileName;
pub use self::error::StoreError;
pub use self::journal::StoreJournal;
pub use self::repair::{RepairStep, repair};
pub use self::seal::Seal;
pub use self::store::{MemoryStore, SledStore};
use crate::apply::{ChangeSubject, Intent, JournalError, LedgerReader, RecordedChanges, Settlement, Topic};
use crate::plan::{Carried, GroupKey, LedgerAccount, LedgerGroup};
use crate::read::{CensusMoves, FullStaging, Increment, Place, Reading, Staging};
use crate::roster::{Refusal, Role};

/// Iterates over records in the order of their ids.
pub type Records<'a, T> = Box<dyn Iterator<Item = Result<T, StoreError>> + Send + 'a>;

/// A store of one organization. Blocking: async code calls it through [`tokio::task::spawn_blocking`] or the journal.
pub trait Store: Mirror + Ledger + Agenda + Intents + History + ChangeHistory + Facts + Send + Sync {
    /// Grows with every committed reading and every settlement.
    fn generation(&self) -> Result<u64, StoreError>;

    /// Refuses if so little disk is free that what happens next could perhaps not be kept. It was asked when the store
    /// was opened, which may be long ago.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoRoom`].
    fn require_room(&self) -> Result<(), StoreError>;

    /// Whether the content matches its seal. An unsealed snapshot plans no removal until it has been rebuilt. After an
    /// unclean end this waits until every record was counted, which begins when the store is opened.
    fn is_sealed(&self) -> bool;

    /// Counts every record now. Yields why they do not add up, in a sentence, and unseals the store then; nothing if
    /// they do.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    fn verify(&self) -> Result<Option<String>, StoreError>;

    /// Whether [`compact`] would make it much smaller on disk. Never one that is not on disk.
    fn needs_compaction(&self) -> Result<bool, StoreError>;

    /// Seals the content as it stands: after a run that ended well, or after a rebuild.
    fn seal(&self) -> Result<(), StoreError>;
}

/// The directory as last read.
pub trait Mirror {
    /// A staging area for one reading. What an earlier one left behind is thrown away.
    fn staging(&self) -> Result<Box<dyn FullStaging + '_>, StoreError>;

    /// Makes the staged entries the mirror, all at once, with the certificate and the place in the stream of changes.
    fn commit(&self, staging: Box<dyn FullStaging + '_>, reading: &Reading) -> Result<(), StoreError>;

    /// A staging area for changes. What an earlier one left behind is thrown away.
    fn staging_changes(&self) -> Result<Box<dyn Staging + '_>, StoreError>;

    /// Lays the staged entries over the mirror, all at once, with the place up to which they were told. A user who was
    /// not staged stays as they are. Yields what that moves in the census.
    fn commit_changes(&self, staging: Box<dyn Staging + '_>, increment: &Increment) -> Result<CensusMoves, StoreError>;

    /// Grows with every commit that changed a record of the mirror, and with no other.
    fn mirror_version(&self) -> Result<u64, StoreError>;

    /// The place in the directory's stream of changes that the mirror has reached; none if only a full read helps.
    fn place(&self) -> Result<Option<Place>, StoreError>;

    /// Forgets that place, so that the next read is a full one.
    fn forget_place(&self) -> Result<(), StoreError>;

    /// The certificate of the mirror.
    fn certificate(&self) -> Result<Option<Certificate>, StoreError>;

    /// How many users and groups the mirror has, without a look at them.
    fn mirror_counts(&self) -> (u64, u64);

    /// The mirror's users, in the order of their ids.
    fn users(&self) -> Records<'_, DirectoryUser>;

    /// The same without what the provider calls its own ([`DirectoryUser::raw`]), which is half of a record and nearly
    /// never asked for.
    fn users_without_raw(&self) -> Records<'_, DirectoryUser>;

    /// Those of them whom people call so (address, login, name or id), whatever the case, in the order of their ids. The
    /// name comes without white space around it.
    fn users_called(&self, name: &str) -> Result<Vec<DirectoryUser>, StoreError>;

    /// One user of the mirror.
    fn user(&self, id: &DirectoryId) -> Result<Option<DirectoryUser>, StoreError>;

    /// The mirror's groups, in the order of their ids.
    fn groups(&self) -> Records<'_, DirectoryGroup>;

    /// One group of the mirror.
    fn group(&self, id: &DirectoryId) -> Result<Option<DirectoryGroup>, StoreError>;

    /// All groups without their users: of their members only those that are groups.
    fn group_headers(&self) -> Records<'_, DirectoryGroup>;

    /// The groups in which a user is directly, sorted.
    fn groups_of(&self, user: &DirectoryId) -> Result<Vec<DirectoryId>, StoreError>;

    /// Records of the last reading that could not be understood.
    fn unreadable(&self) -> Result<Vec<Unreadable>, StoreError>;
}

/// What we last wrote to the target.
pub trait Ledger {
    /// The ledger's accounts, in the order of their owners' ids.
    fn accounts(&self) -> Records<'_, LedgerAccount>;

    /// One account of the ledger.
    fn account(&self, user: &DirectoryId) -> Result<Option<LedgerAccount>, StoreError>;

    /// How many accounts there are, without a look at them.
    fn account_counts(&self) -> AccountCounts;

    /// Grows with every change of an account or a group, and with nothing else.
    fn ledger_version(&self) -> u64;

    /// The owners of all accounts with this folded address, and perhaps of a few others.
    fn with_address(&self, folded: &str) -> Result<Vec<DirectoryId>, StoreError>;

    /// The owner of the account with this id in the target, and perhaps those of a few others.
    fn with_target_id(&self, id: &str) -> Result<Vec<DirectoryId>, StoreError>;

    /// The owners of the accounts that were deactivated at this moment or before it, and perhaps a second after it.
    fn inactive_since(&self, until: Timestamp) -> Result<Vec<DirectoryId>, StoreError>;

    /// When the first of the accounts was deactivated that are not active, to the second; none if nobody knows of any.
    fn first_inactive(&self) -> Result<Option<Timestamp>, StoreError>;

    /// How many accounts have which role.
    fn role_counts(&self) -> Result<BTreeMap<Role, u64>, StoreError>;

    /// The ledger's groups.
    fn ledger_groups(&self) -> Records<'_, LedgerGroup>;

    /// The same without their members.
    fn ledger_group_headers(&self) -> Records<'_, LedgerGroup>;

    /// One group of the ledger.
    fn ledger_group(&self, key: &GroupKey) -> Result<Option<LedgerGroup>, StoreError>;
}

/// Whom the next plan has to judge. Everybody whom a write to mirror or ledger touches comes on the agenda by it.
pub trait Agenda {
    /// What the last plan rested on; none if the next one has to judge everybody.
    fn ground(&self) -> Result<Option<String>, StoreError>;

    /// Lets the next plan judge everybody.
    fn forget_ground(&self) -> Result<(), StoreError>;

    /// Everybody on the agenda.
    fn touched(&self) -> Result<BTreeSet<DirectoryId>, StoreError>;

    /// Whether more than so many are on the agenda.
    fn is_touched_beyond(&self, most: usize) -> Result<bool, StoreError>;

    /// What the last plan refused to people who are not on the agenda, in the order of their ids.
    fn refused(&self) -> Records<'_, (DirectoryId, Vec<Refusal>)>;

    /// Takes note of a plan that judged these people, or everybody, on this ground.
    fn planned(
        &self,
        judged: Option<&BTreeSet<DirectoryId>>,
        carried: &Carried,
        ground: &str,
    ) -> Result<(), StoreError>;

    /// The active accounts that have a protected role, as far as the last plan that judged everybody counted its holders.
    fn holders(&self) -> Result<BTreeMap<Role, BTreeSet<DirectoryId>>, StoreError>;
}

/// The journal of writes to the target.
pub trait Intents: Send + Sync {
    /// Records intents; they are on disk when this returns. Yields their numbers, in order.
    fn begin(&self, intents: Vec<Intent>) -> Result<Vec<u64>, JournalError>;

    /// Ends intents, each with what became true by it, or abandoned; on disk when this returns.
    fn settle(&self, settlements: Vec<(u64, Option<Settlement>)>) -> Result<(), JournalError>;

    /// Settles, then begins, with one wait for the disk: all of it would survive a power cut when this returns.
    fn settle_and_begin(
        &self,
        settlements: Vec<(u64, Option<Settlement>)>,
        intents: Vec<Intent>,
    ) -> Result<Vec<u64>, JournalError>;

    /// Corrects the ledger outside of any write, as one step: for a rebuild from the target. Intents are counted from
    /// 1, so that settling the one numbered 0 ends none.
    fn correct(&self, settlement: Settlement) -> Result<(), JournalError> {
        self.settle(vec![(0, Some(settlement))])
    }

    /// See [`crate::apply::Journal::unsettled`].
    fn unsettled(&self) -> Result<Vec<(u64, Intent)>, JournalError>;
}

/// A part of the record of a run: its name, and what writes it as JSON.
pub type Part<'a> = (&'a str, &'a dyn Fn(&mut dyn Write) -> std::io::Result<()>);

/// A part of the record of a run that is so large that it lies in a file.
#[derive(Clone, Debug)]
pub struct LargePart(FileName);

impl fmt::Display for LargePart {
    /// The name of its file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.hash)
    }
}

/// The record of a run.
#[derive(Clone, Debug)]
pub struct StoredRun {
    /// The run's id.
    pub id: String,
    /// The record, without its large parts: what stands for a part that is not there stands for them, too.
    pub header: serde_json::Value,
    /// The large parts, by their names.
    pub parts: Vec<(&'static str, LargePart)>,
}

/// What is kept of runs.
pub trait History {
    /// Keeps the record of a run; a second one with the same id replaces the first. The newest 200 records are kept. Of
    /// those beyond the newest 20, a plan of more than 256 KB is dropped (its member `plan` becomes null), of one that
    /// ended with a plan that nobody applied any plan, and runs that found nothing changed become one record.
    fn record_run(&self, id: &str, record: &serde_json::Value) -> Result<(), StoreError>;

    /// The same of a record of which the parts that may be large come apart, as JSON: `plan`, `outcomes`, `waiting` and
    /// `drift`, those of them that there are.
    fn record_run_in_parts(&self, id: &str, header: &serde_json::Value, parts: &[Part<'_>]) -> Result<(), StoreError>;

    /// Changes one member of the record of a run. What is large of it stays as it is, and is neither read nor written.
    /// False if there is no such run.
    fn amend_run(&self, id: &str, member: &str, value: &serde_json::Value) -> Result<bool, StoreError>;

    /// The records of runs, newest first, without what is large of them.
    fn run_headers(&self, most: usize) -> Result<Vec<(String, serde_json::Value)>, StoreError>;

    /// The record of one run, by its id or a beginning of it that is unambiguous.
    fn run(&self, id: &str) -> Result<Option<StoredRun>, StoreError>;

    /// Lets a large part of a record be read, as JSON, while it is unpacked: the plan of a large company is never in
    /// memory as text. False if it was lost or damaged, which costs the run no more than it; then nothing counts that
    /// was read.
    fn read_part(&self, part: &LargePart, read: &mut dyn FnMut(&mut dyn Read)) -> bool;
}

/// What was done to whom. Changes enter it with their settlement; see [`Settlement::history`].
pub trait ChangeHistory {
    /// Keeps on whose word a run goes that is about to do something; on disk when this returns.
    fn record_fact(&self, fact: &RunFact) -> Result<(), StoreError>;

    /// On whose word a run went. Kept for as long as its changes are; none of a run of an earlier version.
    fn run_fact(&self, run: &str) -> Result<Option<RunFact>, StoreError>;

    /// Enters changes of a run that were tried and failed. One that failed the same way in the run before is no news, and
    /// one that is known to have been carried out was.
    fn record_failures(&self, failures: &RecordedChanges) -> Result<(), StoreError>;

    /// What was done to somebody's account, or to a group of ours, newest first.
    fn changes_of(&self, subject: &ChangeSubject, most: usize) -> Result<Vec<PastChange>, StoreError>;

    /// What was done about a role or a group, newest first.
    fn changes_about(&self, topic: &Topic, most: usize) -> Result<Vec<PastChange>, StoreError>;

    /// What was done on a day, by UTC, newest first.
    fn changes_on(&self, day: Date, most: usize) -> Result<Vec<PastChange>, StoreError>;

    /// Forgets some of what was done on days before the one of this moment. False if nothing of it is left.
    fn forget_changes_before(&self, moment: Timestamp) -> Result<bool, StoreError>;
}

/// Named facts.
pub trait Facts {
    /// A named fact (group bindings, a target profile, the hash of the rules last applied), as JSON.
    fn fact(&self, name: &str) -> Result<Option<serde_json::Value>, StoreError>;

    /// Keeps a named fact.
    fn set_fact(&self, name: &str, value: &serde_json::Value) -> Result<(), StoreError>;
}

/// The ledger of a store, as the executor sees it.
pub struct StoreLedger<'a>(pub &'a dyn Store);

impl LedgerReader for StoreLedger<'_> {
    fn account(&self, user: &DirectoryId) -> Result<Option<LedgerAccount>, JournalError> {
        Ok(self.0.account(user)?)
    }

    fn group(&self, key: &GroupKey) -> Result<Option<LedgerGroup>, JournalError> {
        Ok(self.0.ledger_group(key)?)
    }

    fn groups_of(&self, user: &DirectoryId) -> Result<Vec<GroupKey>, JournalError> {
        let mut theirs = Vec::new();
        for group in self.0.ledger_groups() {
            let group = group?;
            if group.members.contains(user) {
                theirs.push(group.key);
            }
        }
        Ok(theirs)
    }
}

/// Keys of [`Facts::fact`] that more than one room reads.
pub mod fact {
    /// Which group id each rule by name was bound to: `{ "App Admins": "0c6f…" }`.
    pub const BINDINGS: &str = "bindings";
    /// The same for the names of protected groups.
    pub const PROTECTED_BINDINGS: &str = "protected-bindings";
    /// Which accounts that the last plan would have put out their values in the target protect, by directory id.
    pub const PROTECTED_ACCOUNTS: &str = "protected-accounts";
    /// An account that was seen to carry each protected value, by the value.
    pub const PROTECTED_CARRIERS: &str = "protected-carriers";
    /// Scoping and mapping at the last applied plan, and the hash of how the directory was read.
    pub const APPLIED_RULES: &str = "applied-rules";
    /// The confirmed absences of the last reading, by directory id.
    pub const ABSENCES: &str = "absences";
    /// What people decided about held plans, and the marks of the changes of those that can be decided about.
    pub const DECISIONS: &str = "decisions";
    /// How much of everything the last reading brought.
    pub const CENSUS: &str = "census";
    /// Of which version of the mirror that is.
    pub const CENSUS_OF: &str = "census-of";
    /// The same of the last reading from which a plan was applied.
    pub const ACCEPTED_CENSUS: &str = "accepted-census";
    /// What people left behind who are missing from the last readings, by directory id.
    pub const TRACES: &str = "traces";
    /// The ids of the groups that rules name and that the last run's look-ups called deleted.
    pub const DELETED_GROUPS: &str = "deleted-groups";
    /// The URL of the target for which the ledger was made.
    pub const TARGET: &str = "target";
    /// What the target can do, as discovered.
    pub const TARGET_PROFILE: &str = "target-profile";
    /// Who paused the organization, if somebody did.
    pub const PAUSED: &str = "paused";
    /// What was run last, for the schedule.
    pub const SCHEDULE: &str = "schedule";
    /// What the last empty plan rested on.
    pub const AT_REST: &str = "at-rest";
    /// When a plan of a few people was last compared with one of everybody.
    pub const COMPARED: &str = "compared";
    /// What comparisons with the target found, for the plans that follow them.
    pub const FOUND: &str = "found";
}
