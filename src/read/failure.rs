//! Why there is no reading. Whatever the reason, nothing was changed: not the target, not the mirror, not the cursor.

use std::fmt;

use rollcall_kit::{DirectoryUser, ReadError};

use super::StagingError;

/// Why a read yields nothing that may be acted upon.
#[derive(Debug, thiserror::Error)]
pub enum ReadFailure {
    /// The connector says so itself.
    #[error(transparent)]
    Directory(#[from] ReadError),
    /// What was read could not be kept.
    #[error(transparent)]
    Staging(#[from] StagingError),
    /// The connector broke. A mistake of ours, and no reason to take anybody's access away.
    #[error("the {connector} connector broke while it {doing}: {detail}. Nothing was changed; please report this")]
    Broke {
        /// Which connector.
        connector: &'static str,
        /// What it was doing: "read", "looked somebody up".
        doing: &'static str,
        /// What it said.
        detail: String,
    },
    /// The certificate does not tell of what arrived.
    #[error(
        "the certificate of the read does not fit what arrived: it says {certified} {collection} and {arrived} \
         arrived. Nothing was changed; please report this"
    )]
    Miscounted {
        /// Which collection.
        collection: &'static str,
        /// What the certificate says.
        certified: u64,
        /// What arrived.
        arrived: u64,
    },
    /// There were some before and there are none now.
    #[error(
        "the directory sent no {collection} at all, and it sent {before} when it was last read. That is more likely \
         a lost permission or an edited filter than the truth, so nothing was changed. Check what {identity} may \
         read at {server}"
    )]
    Emptied {
        /// Which collection.
        collection: &'static str,
        /// How many there were.
        before: u64,
        /// As whom the directory was read.
        identity: String,
        /// Which server answered.
        server: String,
    },
    /// People whom the read missed are there after all. Also somebody whom the scope would leave out disproves it: a read
    /// that misses a record within its reach may have missed others, and members of groups, whom nobody looks up.
    #[error(
        "the read of the directory was wrong: it missed {} that a look-up by id found within reach: {}. Nothing was \
         changed; if this happens again, the directory hides records from the search that it shows one by one",
        people(*.number), list(.found)
    )]
    Contradiction {
        /// How many were found before the look-ups were given up.
        number: usize,
        /// Some of them, in the order of their labels.
        found: Vec<Missed>,
    },
}

/// Somebody whom a read missed and a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Their record as the look-up showed it.
    pub user: DirectoryUser,
    /// By which rule the scope leaves them out; nothing if it does not, or if nobody asked it yet.
    pub left_out: Option<String>,
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.user.label())?;
        match &self.left_out {
            Some(rule) => write!(f, " (out of scope anyway, so they leave once a read shows them: {rule})"),
            None => Ok(()),
        }
    }
}

fn list(found: &[Missed]) -> String {
    found.iter().map(Missed::to_string).collect::<Vec<_>>().join(", ")
}

fn people(number: usize) -> String {
    if number == 1 { "somebody".to_owned() } else { format!("at least {number} people") }
}
