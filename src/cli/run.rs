//! `rollcall run`: the daemon.

use std::path::Path;

use super::exit::Exit;
use super::failure::Failure;
use super::select;
use crate::daemon;

/// Runs every organization at its time, until it is told to stop.
pub(super) async fn run(config: &Path) -> Result<Exit, Failure> {
    let configuration = select::load(config)?;
    let path = config.to_owned();
    let load = move || select::load(&path).map_err(|failure| failure.message);
    daemon::run(configuration, Box::new(load)).await.map_err(Failure::error)?;
    Ok(Exit::Done)
}
