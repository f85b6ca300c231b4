//! `rollcall run`: the daemon.

use std::path::Path;
use std::sync::Arc;

use super::exit::Exit;
use super::failure::Failure;
use super::{remote, select};
use crate::daemon::{self, Call};

/// Runs every organization at its time, until it is told to stop.
pub(super) async fn run(config: &Path) -> Result<Exit, Failure> {
    let configuration = select::load(config)?;
    let path = config.to_owned();
    let load = move || select::load(&path).map_err(|failure| failure.message);
    let path = config.to_owned();
    let commands = Arc::new(move |call: Call| remote::carry_out(&call, &path));
    daemon::run(configuration, Box::new(load), commands).await.map_err(Failure::error)?;
    Ok(Exit::Done)
}
