//! `rollcall man`: the manual pages, for whoever makes packages. Hidden, as nobody else needs it.

use std::path::Path;

use clap::CommandFactory;

use super::arguments::Arguments;
use super::exit::Exit;
use super::failure::Failure;

/// Writes a page for the program and one for each command into a folder that is there.
pub(super) fn man(folder: &Path) -> Result<Exit, Failure> {
    clap_mangen::generate_to(Arguments::command(), folder)
        .map_err(|error| Failure::error(format!("the pages cannot be written into {}: {error}", folder.display())))?;
    Ok(Exit::Done)
}
