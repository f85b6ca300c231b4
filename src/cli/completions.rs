//! `rollcall completions`: a completion script for a shell.

use clap::CommandFactory;

use super::arguments::Arguments;
use super::exit::Exit;
use super::failure::Failure;
use crate::report;

/// Prints the script.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "rollcall", &mut script);
    report::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
