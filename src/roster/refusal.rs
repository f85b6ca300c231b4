//! Refusals: what the directory asks for and a rule forbids, with stable reason codes.

use std::fmt;

use rollcall_kit::DirectoryId;
use serde::{Deserialize, Serialize};

/// Something that the directory asks for and a rule forbids. It names the person and stops only them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Refusal {
    /// The stable reason code.
    pub reason: Reason,
    /// Whom it concerns; none if it concerns nobody in particular (a group that cannot be found).
    pub user: Option<DirectoryId>,
    /// What a report calls them: the address, else the login.
    pub label: String,
    /// What was asked, what forbids it, and what to do, in a sentence.
    pub detail: String,
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal,)+) => {
        /// Stable reason codes. `explain` knows them all.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[doc = $doc])+ #[serde(rename = $code)] $name,)+
        }

        impl Reason {
            /// Every reason, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code, as it stands in reports and plan files.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// What the code means, in a sentence or two.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

reasons! {
    /// The address is in no registered domain of the organization.
    DomainNotOwned = "domain-not-owned",
    /// The user has no address, so nobody can say which account would be theirs; the account is left as it is.
    EmailMissing = "email-missing",
    /// What stands in the address field is no address; the account is left as it is.
    EmailInvalid = "email-invalid",
    /// The address changed in the directory, and addresses are immutable in the target; the rest is updated.
    EmailImmutable = "email-immutable",
    /// Two users in scope have the same address; nothing is done to either.
    AddressConflict = "address-conflict",
    /// The provider's status is unknown to us or hidden from us; the account is left as it is.
    StatusUnknown = "status-unknown",
    /// The record could not be understood; the account is left as it is.
    RecordUnreadable = "record-unreadable",
    /// An expression failed on this user; the account is left as it is.
    ExpressionFailed = "expression-failed",
    /// An expression yielded a value of a kind that the attribute cannot hold; the attribute is left as it is.
    ValueRefused = "value-refused",
    /// A group that a rule names cannot be found, and its deletion is not confirmed; it revokes nothing.
    GroupMissing = "group-missing",
    /// Several groups have the name that a rule names; name it by its id.
    GroupAmbiguous = "group-ambiguous",
    /// Several accounts in the target match this user; nothing is applied to any of them.
    MatchAmbiguous = "match-ambiguous",
    /// Several users match the same account in the target; nothing is applied to any of them.
    AccountContested = "account-contested",
    /// The matching account could not be looked up reliably; nothing is created, because it might be there already.
    MatchUnknown = "match-unknown",
    /// An earlier run ended while it wrote to the account, and the target does not tell whether it did; nothing is done
    /// until it does.
    WriteUnknown = "write-unknown",
    /// The account is protected; it is not deactivated or deleted.
    Protected = "protected-account",
    /// This is the last active holder of a protected role; neither the role nor the account is taken away.
    LastHolder = "last-holder",
    /// The snapshot does not match its seal; nothing is removed until it has been rebuilt.
    SnapshotUnsealed = "snapshot-unsealed",
    /// Two accounts would have to exchange a value that only one may have at a time.
    ValueSwap = "value-swap",
    /// Somebody deleted the account in the application, and the configuration leaves it deleted.
    DeletedInTarget = "deleted-in-target",
    /// What the run did cannot be taken back: the account is not as the run left it, or it never can.
    NotUndone = "not-undone",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
