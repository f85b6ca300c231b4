//! The plan's settings, as configuration, roster and target hand them over, in plain data.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rollcall_kit::{DirectoryId, attribute};

use super::change::GroupKey;
use crate::roster::Role;

/// Everything besides mirror and ledger that decides what a plan contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanSettings {
    /// Whether the address may be changed in the target.
    pub email_mutable: bool,
    /// Whether roles reach the target as membership in groups named like the role.
    pub role_delivery_is_groups: bool,
    /// Every role that a rule names, the default role among them, with the names of the groups that can give it.
    /// A role that is not here is nobody's business: it is neither granted nor revoked.
    pub managed_roles: BTreeMap<Role, Vec<String>>,
    /// Roles whose last active holder never loses them; their holders are counted while the plan is made.
    pub protected_roles: BTreeSet<Role>,
    /// Directory groups that are mirrored as groups.
    pub pushed_groups: Vec<PushedGroup>,
    /// Groups of ours about which the directory gave no reliable answer: left exactly as they are.
    pub held_groups: BTreeSet<GroupKey>,
    /// Groups that rules name and that are confirmed to be gone. Decides nothing; it is told when a plan is held.
    pub gone_groups: GoneGroups,
    /// Deletes accounts that have been inactive for so long; nothing is deleted without it.
    pub delete_after: Option<SignedDuration>,
    /// Which attribute the target keeps as its unique user name.
    pub user_name_attribute: String,
    /// Whether the snapshot matches its seal. If not, nothing is taken from anybody.
    pub sealed: bool,
    /// The moment as of which the plan is made. Handed in, because nothing here reads a clock.
    pub as_of: Timestamp,
    /// How fast the target takes writes.
    pub pace: Pace,
}

impl PlanSettings {
    /// The default settings, as of a moment.
    #[must_use]
    pub fn new(as_of: Timestamp) -> Self {
        Self {
            email_mutable: false,
            role_delivery_is_groups: false,
            managed_roles: BTreeMap::new(),
            protected_roles: BTreeSet::new(),
            pushed_groups: Vec::new(),
            held_groups: BTreeSet::new(),
            gone_groups: GoneGroups::default(),
            delete_after: None,
            user_name_attribute: attribute::EMAIL.to_owned(),
            sealed: true,
            as_of,
            pace: Pace::default(),
        }
    }

    /// Whether the address is also the user name, so that there is one value that accounts are recognised by.
    pub(super) fn email_is_user_name(&self) -> bool {
        self.user_name_attribute == attribute::EMAIL
    }

    /// Whether two accounts may not have the same value of this attribute.
    pub(super) fn is_unique(&self, name: &str) -> bool {
        name == attribute::EMAIL || name == self.user_name_attribute
    }
}

/// Groups that rules name and that are confirmed to be gone, by what the rules call them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoneGroups {
    /// Those that the scope names.
    pub scope: BTreeSet<String>,
    /// Those that role rules name.
    pub roles: BTreeSet<String>,
}

/// A directory group that is mirrored as a group in the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedGroup {
    /// Which; a [`GroupKey::Directory`].
    pub key: GroupKey,
    /// Its name now.
    pub name: String,
    /// Its members, everybody who is in it through other groups included. Who is not wanted in the target is passed
    /// over.
    pub members: BTreeSet<DirectoryId>,
}

/// How fast the target takes writes, from earlier runs or a cautious guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Requests that the target answers in a minute.
    pub calls_per_minute: u32,
    /// Members that one request adds or removes.
    pub members_per_call: u32,
    /// Whether a new account brings its roles along.
    pub roles_in_create: bool,
    /// Whether the answer to a change shows what became of it.
    pub answers_patch: bool,
}

impl Default for Pace {
    /// Five requests a second, which the slowest target of those we know keeps up.
    fn default() -> Self {
        Self { calls_per_minute: 300, members_per_call: 100, roles_in_create: false, answers_patch: true }
    }
}
