//! The roster's verdicts as a stream over the store, in the order in which the planner wants them.

use std::cell::RefCell;
use std::collections::{BTreeMap, btree_map};
use std::iter::Peekable;

use rollcall_kit::{DirectoryId, DirectoryUser};

use super::error::RunError;
use crate::plan::Judged;
use crate::roster::{Judgement, Refusal, Roster, Standing};
use crate::snapshot::{Records, StoreError};

/// People to whom nothing is done whatever the mirror says of them, and why.
pub(super) type Withheld = BTreeMap<DirectoryId, Refusal>;

/// Runs a pure stage over records of the store. If a record could not be read, the stage's result is worth nothing.
pub(super) fn with_store<T>(stage: impl FnOnce(&RefCell<Option<StoreError>>) -> T) -> Result<T, RunError> {
    let fault = RefCell::new(None);
    let result = stage(&fault);
    match fault.into_inner() {
        Some(error) => Err(error.into()),
        None => Ok(result),
    }
}

/// Records until the first that cannot be read, which is kept aside.
pub(super) struct Checked<'a, T> {
    pub(super) records: Records<'a, T>,
    pub(super) fault: &'a RefCell<Option<StoreError>>,
}

impl<T> Iterator for Checked<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match self.records.next()? {
            Ok(record) => Some(record),
            Err(error) => {
                self.fault.borrow_mut().get_or_insert(error);
                None
            }
        }
    }
}

/// Users and those who are withheld whatever their records say, side by side in the order of their ids.
pub(super) struct Verdicts<'a, U: Iterator<Item = DirectoryUser>> {
    roster: &'a Roster,
    users: Peekable<U>,
    withheld: Peekable<btree_map::Iter<'a, DirectoryId, Refusal>>,
}

impl<'a, U: Iterator<Item = DirectoryUser>> Verdicts<'a, U> {
    /// Judges every user who is not withheld.
    pub(super) fn new(roster: &'a Roster, users: U, withheld: &'a Withheld) -> Self {
        Self { roster, users: users.peekable(), withheld: withheld.iter().peekable() }
    }
}

impl<U: Iterator<Item = DirectoryUser>> Iterator for Verdicts<'_, U> {
    type Item = Judged;

    fn next(&mut self) -> Option<Judged> {
        let next_withheld = match (self.users.peek(), self.withheld.peek()) {
            (Some(user), Some((id, _))) => **id <= user.id,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if next_withheld {
            let (id, refusal) = self.withheld.next()?;
            self.users.next_if(|user| user.id == *id);
            let judgement = Judgement { standing: Standing::Withheld, refusals: vec![refusal.clone()] };
            return Some((id.clone(), refusal.label.clone(), judgement));
        }
        let user = self.users.next()?;
        let judgement = self.roster.judge(&user);
        Some((user.id.clone(), user.label(), judgement))
    }
}
