//! The commands, one file each. They know [`crate::run`] and [`crate::report`], and of the rooms behind those only
//! the configuration.

mod apply;
mod arguments;
mod check;
mod completions;
mod decide;
mod demo;
mod exit;
mod explain;
mod failure;
mod history;
mod init;
mod interrupt;
mod log;
mod man;
mod plan;
mod reconcile;
mod run;
mod schema;
mod select;
mod show;
mod status;
mod terminal;
mod undo;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use arguments::{Arguments, Command};
use exit::Exit;
use failure::Failure;

/// Parses the arguments, runs the command and turns its end into an exit code.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked_for { Exit::Done } else { Exit::Usage }.into();
        }
    };
    log::start(arguments.verbose, matches!(arguments.command, Command::Run));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal::complain(&Failure::error(format!("the system gives no threads: {error}")));
            return Exit::Error.into();
        }
    };
    let ended = runtime.block_on(dispatch(arguments));
    // A thread that does not end must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            terminal::complain(&failure);
            failure.exit.into()
        }
    }
}

async fn dispatch(arguments: Arguments) -> Result<Exit, Failure> {
    let config = arguments.config;
    match arguments.command {
        Command::Demo => demo::demo().await,
        Command::Init(arguments) => init::init(&arguments),
        Command::Check(arguments) => check::check(&config, &arguments).await,
        Command::Plan(arguments) => plan::plan(&config, &arguments).await,
        Command::Apply(arguments) => apply::apply(&config, &arguments).await,
        Command::Approve(arguments) => decide::approve(&config, &arguments),
        Command::Reject(arguments) => decide::reject(&config, &arguments),
        Command::Reconcile(arguments) => reconcile::reconcile(&config, &arguments).await,
        Command::Undo(arguments) => undo::undo(&config, &arguments).await,
        Command::Status(arguments) => status::status(&config, &arguments),
        Command::History(arguments) => history::history(&config, &arguments),
        Command::Show(arguments) => show::show(&config, &arguments),
        Command::Explain(arguments) => explain::explain(&config, &arguments).await,
        Command::Run => run::run(&config).await,
        Command::Schema => schema::schema(),
        Command::Man { folder } => man::man(&folder),
        Command::Completions { shell } => completions::completions(shell),
    }
}
