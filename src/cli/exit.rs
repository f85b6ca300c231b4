//! Exit codes. Scripts and monitors depend on them; they never change meaning.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Exit {
    /// Done, nothing left to do.
    Done,
    /// Changes are pending (only with `--detailed-exitcode`).
    Pending,
    /// Applied in part: some changes failed, or somebody was refused whom only a person can help.
    InPart,
    /// A guard holds the plan.
    Held,
    /// An error.
    Error,
    /// Wrong usage (`EX_USAGE` of sysexits).
    Usage,
    /// A wrong configuration (`EX_CONFIG` of sysexits).
    Configuration,
}

impl Exit {
    /// The number.
    #[must_use]
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Pending => 2,
            Self::Held => 3,
            Self::InPart => 4,
            Self::Usage => 64,
            Self::Configuration => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
