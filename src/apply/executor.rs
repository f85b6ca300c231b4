//! What the executor works with: target, journal, ledger, and what may stop it. How it goes through a plan is in
//! `carrying_out`.

use jiff::Timestamp;

use super::journal::{Journal, LedgerReader, Skip};
use super::target::Target;
use crate::plan::Change;

/// What applying a plan takes. Everything is borrowed for one run.
#[derive(Clone, Copy)]
pub struct Executor<'a> {
    /// Where to write.
    pub target: &'a dyn Target,
    /// Where intents and settlements go.
    pub journal: &'a dyn Journal,
    /// How accounts and groups were last written.
    pub ledger: &'a dyn LedgerReader,
    /// The id of the run.
    pub run: &'a str,
    /// Tells the time; accounts remember when they were deactivated.
    pub clock: &'a (dyn Fn() -> Timestamp + Send + Sync),
    /// Whether to stop: asked before each write.
    pub stop: &'a (dyn Fn() -> bool + Send + Sync),
    /// Why a change must not be made right now, if so: asked before each write.
    pub forbids: &'a (dyn Fn(&Change) -> Option<Skip> + Send + Sync),
}
