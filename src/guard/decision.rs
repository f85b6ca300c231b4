//! What somebody decided about a held plan: who, when, how, and until when it counts.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::plan::PlanId;

/// What somebody decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Exactly these changes may go, once.
    Approved,
    /// They may not.
    Rejected,
}

/// What was decided about one held plan, by whom, when and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What.
    pub verdict: Verdict,
    /// The id of the plan that was looked at.
    pub plan: PlanId,
    /// The login name of who decided.
    pub who: String,
    /// How: with which command.
    pub how: String,
    /// When.
    pub at: Timestamp,
    /// Until when it counts; a rejection counts until it is overruled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Who decides, when, and how.
#[derive(Clone, Debug)]
pub struct Decider {
    /// The login name.
    pub who: String,
    /// With which command.
    pub how: String,
    /// Now.
    pub at: Timestamp,
    /// For how long a held plan can be approved, and an approval waits for its apply.
    pub expire_after: SignedDuration,
}

/// Why nothing was decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecisionError {
    /// No plan of this id was held.
    #[error("no held plan has the id {0}; `rollcall status` shows what is held")]
    Unknown(String),
    /// Several were.
    #[error("several held plans have an id that begins with {0}; say more of it")]
    Ambiguous(String),
    /// It was made too long ago.
    #[error(
        "the plan {plan} was last held at {seen}, which is longer ago than approvals.expire_after allows; plan again, and approve what is held then"
    )]
    Expired {
        /// Its id.
        plan: String,
        /// When it was last made.
        seen: String,
    },
    /// Somebody said no to it.
    #[error(
        "the plan {plan} was rejected by {who} at {at}, and is not approvable any more; if that has changed, approve it with --although-rejected"
    )]
    Rejected {
        /// Its id.
        plan: String,
        /// By whom.
        who: String,
        /// When.
        at: String,
    },
}
