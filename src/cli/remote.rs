//! A command between two processes: the one in which it was typed, and the daemon that carries it out.

use std::path::{Path, PathBuf};

use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use clap::Parser as _;

use super::arguments::Arguments;
use super::exit::Exit;
use super::failure::Failure;
use super::interrupt::Interrupt;
use super::place::Place;
use super::terminal::{self, Terminal};
use super::{perform, select};
use crate::config::Configuration;
use crate::daemon::socket::client::{Client, Interrupter};
use crate::daemon::socket::peer::login;
use crate::daemon::socket::protocol::{Request, VERSION};
use crate::daemon::{Call, socket_place};
use crate::report::{self, Console as _};

/// The exit code of what was interrupted, as shells count.
const INTERRUPTED: u8 = 130;

/// Has the command of this process carried out by the daemon, and returns its exit code; nothing if no daemon answers.
pub(super) async fn ask(config: &Path, configuration: &Configuration) -> Result<Option<u8>, Failure> {
    let socket = socket_place(&configuration.daemon.socket, &configuration.state_dir);
    let lost = |error: std::io::Error| Failure::error(format!("the daemon at {}: {error}", socket.display()));
    let Some(client) = Client::connect(&socket).await.map_err(|error| {
        lost(error).hint("the socket's mode and group, in [daemon.socket], say who may talk to the daemon")
    })?
    else {
        return Ok(None);
    };
    let arguments: Result<Vec<String>, _> = std::env::args_os().skip(1).map(std::ffi::OsString::into_string).collect();
    let request = Request {
        version: VERSION,
        arguments: arguments.map_err(|_| Failure::usage("the daemon understands only arguments that are text"))?,
        config: canonical(config),
        columns: Some(report::columns()).filter(|columns| *columns < usize::MAX),
        can_ask: Terminal.can_ask(),
        login: login("self"),
    };
    client.ask(&request, &Terminal, |interrupter| drop(tokio::spawn(obey(interrupter)))).await.map(Some).map_err(lost)
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// Passes the first signal on to the daemon, and ends at the second: the daemon goes on to an end that is recorded.
#[expect(clippy::exit, clippy::disallowed_methods, reason = "whoever insists must not wait; the daemon needs nobody")]
async fn obey(interrupter: Interrupter) {
    let (Ok(mut keyboard), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    for again in [false, true] {
        tokio::select! {
            _ = keyboard.recv() => {}
            _ = terminate.recv() => {}
        }
        if again || !interrupter.interrupt().await {
            std::process::exit(INTERRUPTED.into());
        }
    }
}

/// Carries out a command in the daemon, and returns its exit code.
pub(super) fn carry_out(call: &Call, config: &Path) -> u8 {
    let interrupt = Interrupt::default();
    let mut hung_up = call.hung_up.clone();
    Handle::current().block_on(async {
        tokio::select! {
            ended = attempt(call, config, &interrupt) => ended.map_or_else(
                |failure| {
                    call.console.say(&terminal::complaint(&failure));
                    failure.exit.code()
                },
                Exit::code,
            ),
            () = async {
                let _ = hung_up.wait_for(|hung_up| *hung_up).await;
                if interrupt.interrupted() {
                    call.console.say("stopping: what is under way is finished and recorded");
                    std::future::pending::<()>().await;
                }
            } => INTERRUPTED,
        }
    })
}

async fn attempt(call: &Call, config: &Path, interrupt: &Interrupt) -> Result<Exit, Failure> {
    let ours = canonical(config);
    if call.request.config != ours {
        return Err(Failure::error(format!(
            "the daemon that has the snapshots open works by {}, and this command names {}",
            ours.display(),
            call.request.config.display()
        )));
    }
    let words = std::iter::once("rollcall".to_owned()).chain(call.request.arguments.iter().cloned());
    let arguments = Arguments::try_parse_from(words).map_err(|error| Failure::usage(error.to_string()))?;
    let configuration = select::load(&ours)?;
    if call.floor.differs_from(&configuration) {
        call.console.say(
            "note: the configuration was changed since the daemon read it. This command goes by it as it is now; scheduled \
             runs will after a reload",
        );
    }
    let (console, floor) = (&*call.console, Some(&call.floor));
    let place = Place { console, interrupt, config: &ours, configuration: &configuration, floor };
    perform(&place, arguments.command).await
}
