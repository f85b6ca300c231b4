//! The sorted merge: two streams in the order of the directory id, walked side by side.
//!
//! A merge instead of a map, because neither side is ever in memory as a whole, and because its order is the same in
//! every run. A stream out of order cannot put anybody out: it makes owners look unjudged, and an account whose owner
//! is neither judged nor confirmed to be gone is never touched.

use std::cmp::Ordering;
use std::iter::Peekable;

use rollcall_kit::DirectoryId;

use super::ledger::LedgerAccount;
use crate::roster::Judgement;

/// One directory user with their label and the roster's verdict.
pub type Judged = (DirectoryId, String, Judgement);

/// What stands under one directory id.
pub(super) enum Met {
    /// The directory has them, the ledger does not.
    OnlyJudged(Judged),
    /// The ledger has an account, and nobody judged its owner.
    OnlyLedger(LedgerAccount),
    /// Both.
    Both(Judged, LedgerAccount),
}

impl Met {
    /// Whose id it is.
    pub(super) fn user(&self) -> &DirectoryId {
        match self {
            Self::OnlyJudged((user, ..)) | Self::Both((user, ..), _) => user,
            Self::OnlyLedger(account) => &account.user,
        }
    }
}

/// Walks both streams side by side.
pub(super) fn merge<J, L>(judged: J, accounts: L) -> Merge<J::IntoIter, L::IntoIter>
where
    J: IntoIterator<Item = Judged>,
    L: IntoIterator<Item = LedgerAccount>,
{
    Merge { judged: judged.into_iter().peekable(), accounts: accounts.into_iter().peekable() }
}

/// See [`merge`].
pub(super) struct Merge<J: Iterator<Item = Judged>, L: Iterator<Item = LedgerAccount>> {
    judged: Peekable<J>,
    accounts: Peekable<L>,
}

impl<J: Iterator<Item = Judged>, L: Iterator<Item = LedgerAccount>> Iterator for Merge<J, L> {
    type Item = Met;

    fn next(&mut self) -> Option<Met> {
        let order = match (self.judged.peek(), self.accounts.peek()) {
            (Some((id, ..)), Some(account)) => id.cmp(&account.user),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        match order {
            Ordering::Less => self.judged.next().map(Met::OnlyJudged),
            Ordering::Greater => self.accounts.next().map(Met::OnlyLedger),
            Ordering::Equal => self.judged.next().zip(self.accounts.next()).map(|(j, a)| Met::Both(j, a)),
        }
    }
}
