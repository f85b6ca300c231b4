//! `rollcall init`: writes a commented configuration for the directory that is named.

use std::io::Write;

use super::arguments::InitArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::terminal;
use crate::config::init::{Answers, template};
use crate::report;

/// Writes the configuration.
pub(super) fn init(arguments: &InitArguments) -> Result<Exit, Failure> {
    let defaults = Answers::default();
    let answers = Answers {
        organization: arguments.organization.clone().unwrap_or(defaults.organization),
        domains: if arguments.domain.is_empty() { defaults.domains } else { arguments.domain.clone() },
        source: arguments.source.clone(),
        target: arguments.target.clone(),
    };
    let text = template(arguments.directory, &answers);
    let Some(path) = &arguments.output else {
        report::print(&text)?;
        return Ok(Exit::Done);
    };
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::error(format!("{} exists already; it was left as it is", path.display()))
        }
        _ => Failure::error(format!("{} cannot be written: {error}", path.display())),
    };
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    terminal::say(&format!("wrote {}; edit it, then try it with: rollcall -c {0} check", path.display()));
    Ok(Exit::Done)
}
