//! The commands, one file each. They know [`crate::run`] and [`crate::report`], and no room behind those.

use std::process::ExitCode;

/// Parses the arguments, runs the command and turns its end into an exit code.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
