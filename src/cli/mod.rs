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
mod follow;
mod history;
mod init;
mod interrupt;
mod log;
mod man;
mod pause;
mod place;
mod plan;
mod reconcile;
mod remote;
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
use interrupt::Interrupt;
use place::Place;

use crate::snapshot::durable;
use crate::watch::traces;

/// Parses the arguments, runs the command and turns its end into an exit code.
#[must_use]
pub fn main() -> ExitCode {
    // Before the first thread is made: all of them are to have it.
    let real_syncs = durable::install();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked_for { Exit::Done } else { Exit::Usage }.into();
        }
    };
    log::start(arguments.verbose, matches!(arguments.command, Command::Run));
    if let Err(reason) = real_syncs {
        tracing::debug!(reason, "snapshots are synced by a call of their own");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal::complain(&Failure::error(format!("the system gives no threads: {error}")));
            return Exit::Error.into();
        }
    };
    let ended = runtime.block_on(dispatch(arguments));
    traces::finish();
    // A thread that does not end must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            terminal::complain(&failure);
            failure.exit.into()
        }
    }
}

/// Has a command carried out: by the daemon if one has the snapshots open and is given the secrets, else here.
async fn dispatch(arguments: Arguments) -> Result<u8, Failure> {
    let config = arguments.config;
    let exit = match arguments.command {
        Command::Demo => demo::demo().await,
        Command::Init(arguments) => init::init(&arguments),
        Command::Run => run::run(&config).await,
        Command::Schema => schema::schema(),
        Command::Man { folder } => man::man(&folder),
        Command::Completions { shell } => completions::completions(shell),
        command => {
            let configuration = select::load(&config)?;
            let offline = matches!(&command, Command::Check(arguments) if arguments.offline);
            if !offline && let Some(code) = remote::ask(&config, &configuration).await? {
                return Ok(code);
            }
            traces::export(configuration.daemon.traces.as_ref());
            let interrupt = match &command {
                Command::Apply(_) | Command::Undo(_) => Interrupt::listen()?,
                _ => Interrupt::default(),
            };
            let (console, config, configuration) = (&terminal::Terminal, &*config, &configuration);
            perform(&Place { console, interrupt: &interrupt, config, configuration, floor: None }, command).await
        }
    };
    exit.map(Exit::code)
}

/// Carries out a command that works with snapshots, or with the secrets that only the daemon may have.
async fn perform(place: &Place<'_>, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Check(arguments) => check::check(place, &arguments).await,
        Command::Plan(arguments) => plan::plan(place, &arguments).await,
        Command::Apply(arguments) => apply::apply(place, &arguments).await,
        Command::Approve(arguments) => decide::approve(place, &arguments).await,
        Command::Reject(arguments) => decide::reject(place, &arguments).await,
        Command::Reconcile(arguments) => reconcile::reconcile(place, &arguments).await,
        Command::Undo(arguments) => undo::undo(place, &arguments).await,
        Command::Status(arguments) => status::status(place, &arguments).await,
        Command::History(arguments) => history::history(place, &arguments).await,
        Command::Show(arguments) => show::show(place, &arguments).await,
        Command::Explain(arguments) => explain::explain(place, &arguments).await,
        Command::Pause(arguments) => pause::pause(place, &arguments).await,
        Command::Resume(arguments) => pause::resume(place, &arguments).await,
        Command::Trigger(arguments) => follow::trigger(place, &arguments).await,
        Command::Follow(arguments) => follow::follow(place, &arguments).await,
        Command::Demo
        | Command::Init(_)
        | Command::Run
        | Command::Schema
        | Command::Man { .. }
        | Command::Completions { .. } => Err(Failure::usage("the daemon does not carry out this command")),
    }
}
