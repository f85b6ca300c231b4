//! What the roster says of one user.

use std::collections::BTreeMap;
use std::fmt;

use rollcall_kit::{Address, Container, DirectoryId, InactiveReason, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use crate::read::Doubt;

/// An application role, by the name that the target knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Role(pub String);

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Attributes of an account under our names: `email`, `name`, …, and `custom_attributes.cost_center` for one of the
/// organization's own. What is absent has no value.
pub type Attributes = BTreeMap<String, Value>;

/// The prefix of an organization's own attributes in [`Attributes`].
pub const CUSTOM_PREFIX: &str = "custom_attributes.";

/// The verdict on one directory user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What should be the case in the target.
    pub standing: Standing,
    /// What the directory asks for and a rule forbids.
    pub refusals: Vec<Refusal>,
}

/// What should be the case in the target for one directory user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// An active account that looks like this.
    Wanted(Box<DesiredAccount>),
    /// No active account; one that is ours is deactivated, for this reason.
    Unwanted(Leaving),
    /// Nothing is done to them, neither in nor out, until the refusal beside this is settled.
    Withheld,
}

/// An account as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredAccount {
    /// The address.
    pub address: Address,
    /// All mapped attributes, `email` among them.
    pub attributes: Attributes,
    /// The roles, each with its causes; a role without a cause is not here.
    pub roles: BTreeMap<Role, Vec<GrantCause>>,
    /// Roles of which it is unknown whether they should have them (their group cannot be found, and nobody confirmed
    /// that it was deleted): neither granted nor revoked.
    pub undecided_roles: Vec<Role>,
    /// Attributes of which it is unknown what they should be (see the refusal): left in the target as they are.
    pub undecided_attributes: Vec<String>,
}

/// Why an account has a role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantCause {
    /// They are in this group.
    Group {
        /// The group's id.
        id: DirectoryId,
        /// Its name now.
        name: String,
    },
    /// Every account in scope has it.
    Default,
}

/// Why a user should have no active account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "why")]
pub enum Leaving {
    /// The directory says that they are not active.
    Inactive {
        /// Our reading.
        reason: InactiveReason,
        /// The provider's own words.
        raw: String,
    },
    /// Their address is in no registered domain.
    DomainNotOwned {
        /// Their domain.
        domain: String,
    },
    /// They are not assigned to the application.
    NotAssigned,
    /// They are in none of the groups that the scope names.
    NotInGroups,
    /// Their record stands outside of the places that the scope names.
    OutsidePlaces {
        /// Where it stands.
        place: Container,
    },
    /// The scope's expression is false for them.
    WhenFalse {
        /// The expression.
        expression: String,
    },
    /// They vanished from the directory, and a look-up by their id confirmed that nobody is there.
    Vanished,
    /// They are not found in the directory any more, by search or by their id, but something about that is strange: they may be
    /// hidden rather than gone. Waits for a person.
    Unproved {
        /// What is strange.
        doubt: Doubt,
    },
    /// The directory still holds them, but outside of what the connector reads.
    OutOfReach {
        /// Where, and by which setting.
        detail: String,
    },
}

impl fmt::Display for Leaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inactive { reason, raw } => write!(f, "{reason} in the directory ({raw})"),
            Self::DomainNotOwned { domain } => write!(f, "{domain} is not one of the organization's domains"),
            Self::NotAssigned => f.write_str("not assigned to the application"),
            Self::NotInGroups => f.write_str("in none of the groups that the scope names"),
            Self::OutsidePlaces { place } => write!(f, "{place} is outside of the places that the scope names"),
            Self::WhenFalse { expression } => write!(f, "the scope's expression is false: {expression}"),
            Self::Vanished => f.write_str("gone from the directory, confirmed by a look-up of the id"),
            Self::Unproved { doubt } => write!(f, "not found in the directory any more, but {doubt}"),
            Self::OutOfReach { detail } => write!(f, "still in the directory, but out of reach: {detail}"),
        }
    }
}
