//! `rollcall show`: one run, whole: its proof, its plan, how each change ended.

use std::path::Path;

use super::arguments::ShowArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::select;
use crate::report::{self, Options, json};
use crate::run::{find_run, open_store, runs};

/// Shows a run.
pub(super) fn show(config: &Path, arguments: &ShowArguments) -> Result<Exit, Failure> {
    let configuration = select::load(config)?;
    let mut found = Vec::new();
    for organization in select::organizations(&configuration, None)? {
        let store = open_store(organization, &configuration.state_dir)?;
        if arguments.run == "last" {
            found.extend(runs(&*store, 1)?);
        } else {
            found.extend(find_run(&*store, &arguments.run)?);
        }
    }
    found.sort_by(|a, b| b.id.cmp(&a.id));
    let record = match found.as_slice() {
        [] if arguments.run == "last" => {
            return Err(Failure::error("there was no run yet").hint("`rollcall plan` shows what the first would do"));
        }
        [] => {
            return Err(
                Failure::error(format!("there is no run {}", arguments.run)).hint("`rollcall history` lists them")
            );
        }
        [newest, ..] if arguments.run == "last" => newest,
        [one] => one,
        _ => return Err(Failure::usage(format!("several runs begin with {}; say more of its id", arguments.run))),
    };
    let document = report::run::document(record, Options::of(arguments.format, arguments.all));
    report::print(&report::render(arguments.format, &document, || json::run(record)))?;
    Ok(Exit::Done)
}
