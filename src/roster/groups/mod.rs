//! Groups: which of those that the rules name there are, and who is in them, directly or through other groups.
//!
//! Two passes over the mirror's groups, so that a directory with millions of memberships is never in memory as
//! objects: [`GroupOutline`] keeps names and nesting, from which follows what must still be asked of the directory;
//! [`GroupIndex`] then keeps the members of those groups only that a rule can reach.
//!
//! What protects whom: a group that cannot be found is neither a group without members (that would put people out)
//! nor ignored (that would let them stay unseen). It makes every question that depends on it
//! [`Membership::Unknown`], and it is a finding that holds the plan. Only a deletion that a look-up of the id
//! confirmed makes a group empty.

mod index;
mod outline;
mod resolve;

use std::collections::BTreeMap;

use rollcall_kit::DirectoryId;

pub use index::{Belonging, GroupIndex, GroupIndexBuilder};
pub use outline::GroupOutline;
pub use resolve::Renamed;

/// Which group id each rule by name was bound to when its group was first seen.
pub type Bindings = BTreeMap<String, DirectoryId>;

/// Whether somebody is in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// In this group, by its number in [`GroupIndex`].
    In(u32),
    /// Not in it.
    Out,
    /// Nobody can say, for this reason.
    Unknown(String),
}

/// Something about groups that a reader of the plan should know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// In a sentence.
    pub sentence: String,
    /// Whether the plan must wait for a person because of it.
    pub holds: bool,
}

#[cfg(test)]
mod tests;
