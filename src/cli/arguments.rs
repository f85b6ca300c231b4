//! The command line: what can be said to `rollcall`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::init::Directory;
use crate::report::Format;
use crate::watch::traces;

/// The version, and whether that was built in which need not be.
const BUILD: &str = if traces::BUILT_IN {
    concat!(env!("CARGO_PKG_VERSION"), " (with otel)")
} else {
    concat!(env!("CARGO_PKG_VERSION"), " (without otel)")
};

/// Makes an application's accounts agree with an organisation's directory, from inside the firewall.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, long_version = BUILD, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done; 1 error; 2 changes are pending (with --detailed-exitcode); \
    3 held by a guard; 4 applied in part, or somebody was refused whom only a person can help; 64 wrong usage; 78 wrong configuration.")]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, short, global = true, env = "ROLLCALL_CONFIG", default_value = "/etc/rollcall/config.toml")]
    pub(super) config: PathBuf,

    /// Says more about what happens, on standard error; twice says everything.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,

    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Shows the whole story with a sample company and a sandbox application, in a few seconds.
    Demo,
    /// Writes a commented configuration for the directory that you name.
    Init(InitArguments),
    /// Validates the configuration, signs in to directory and target, and says what it found.
    Check(CheckArguments),
    /// Shows what would change, and changes nothing.
    Plan(PlanArguments),
    /// Applies what is pending, or exactly a plan that was kept.
    Apply(ApplyArguments),
    /// Runs every organization at its time, until it is told to stop: the daemon.
    Run,
    /// Approves a held plan: the next apply does exactly its changes, once.
    Approve(ApproveArguments),
    /// Rejects a held plan: the same plan is not offered for approval again.
    Reject(RejectArguments),
    /// Compares the target's accounts with what was written, and shows what was edited by hand and what follows.
    Reconcile(ReconcileArguments),
    /// Takes back what a run did, as far as it still stands.
    Undo(UndoArguments),
    /// Shows how each organization stands.
    Status(ListArguments),
    /// Lists the last runs.
    History(HistoryArguments),
    /// Shows one run: its proof, its plan, how each change ended.
    Show(ShowArguments),
    /// Answers why somebody is there or is not, gate by gate.
    Explain(ExplainArguments),
    /// Lets the daemon begin no run of an organization until it is resumed.
    Pause(PauseArguments),
    /// Lets a paused organization be run again.
    Resume(PauseArguments),
    /// Has the daemon run an organization as soon as it can.
    Trigger(TriggerArguments),
    /// Follows the daemon's runs while they go on.
    Follow(FollowArguments),
    /// Prints the JSON Schema of the configuration, for editors.
    Schema,
    /// Prints a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Writes the manual pages into a folder.
    #[command(hide = true)]
    Man {
        /// The folder; it must be there.
        folder: PathBuf,
    },
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// The kind of directory.
    #[arg(value_enum)]
    pub(super) directory: Directory,
    /// The organization's name in the file.
    #[arg(long)]
    pub(super) organization: Option<String>,
    /// A registered e-mail domain; can be given several times.
    #[arg(long)]
    pub(super) domain: Vec<String>,
    /// The URL of the directory server, or the path of the file with the users.
    #[arg(long)]
    pub(super) source: Option<String>,
    /// The SCIM base URL of the application.
    #[arg(long)]
    pub(super) target: Option<String>,
    /// Where to write it; standard output if absent. An existing file is never overwritten.
    #[arg(long, short)]
    pub(super) output: Option<PathBuf>,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// The organization; all of them if absent.
    pub(super) organization: Option<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// Validates the file only, and connects to nothing.
    #[arg(long)]
    pub(super) offline: bool,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    /// The organization; all of them if absent.
    pub(super) organization: Option<String>,
    /// Keeps the plan in this file, so that exactly it can be applied later.
    #[arg(long, short)]
    pub(super) output: Option<PathBuf>,
    /// Reads only what changed in the directory since the last run, where it can tell. Who is merely missing is found by
    /// a full read.
    #[arg(long)]
    pub(super) incremental: bool,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// Shows every change, however many there are.
    #[arg(long)]
    pub(super) all: bool,
    /// Ends with 2 if changes are pending.
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
}

/// Arguments of `apply`.
#[derive(Debug, Args)]
pub(super) struct ApplyArguments {
    /// The organization, or the file of a kept plan; all organizations if absent.
    #[arg(value_name = "ORG | PLAN-FILE")]
    pub(super) what: Option<String>,
    /// Does not ask. It answers the question that a terminal would be asked, and no more: a plan beyond a limit
    /// still waits for its file to be applied.
    #[arg(long)]
    pub(super) yes: bool,
    /// Compares the target's accounts with what was written before it plans, as `reconcile` does.
    #[arg(long)]
    pub(super) reconcile: bool,
    /// Reads only what changed in the directory since the last run, where it can tell. Who is merely missing is found by
    /// a full read.
    #[arg(long, conflicts_with = "reconcile")]
    pub(super) incremental: bool,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// Shows every change, however many there are.
    #[arg(long)]
    pub(super) all: bool,
}

/// Arguments of `reconcile`.
#[derive(Debug, Args)]
pub(super) struct ReconcileArguments {
    /// The organization; all of them if absent.
    pub(super) organization: Option<String>,
    /// Keeps the plan that follows in this file, so that exactly it can be applied later.
    #[arg(long, short)]
    pub(super) output: Option<PathBuf>,
    /// So many accounts were deleted in the target on purpose. Needed only where more are gone than is believed.
    #[arg(long, value_name = "NUMBER")]
    pub(super) deleted: Option<u64>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// Shows everything, however much there is.
    #[arg(long)]
    pub(super) all: bool,
    /// Ends with 2 if changes are pending.
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
}

/// Arguments of `undo`.
#[derive(Debug, Args)]
pub(super) struct UndoArguments {
    /// The run's id, or its unambiguous beginning; `last` for the newest.
    pub(super) run: String,
    /// Keeps the plan in this file instead of applying it.
    #[arg(long, short)]
    pub(super) output: Option<PathBuf>,
    /// Does not ask. A plan beyond a limit still waits for its file to be applied.
    #[arg(long)]
    pub(super) yes: bool,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// Shows every change, however many there are.
    #[arg(long)]
    pub(super) all: bool,
}

/// Arguments of `approve`.
#[derive(Debug, Args)]
pub(super) struct ApproveArguments {
    /// The plan's id, or its unambiguous beginning.
    pub(super) plan: String,
    /// Approves it also if it was rejected before.
    #[arg(long)]
    pub(super) although_rejected: bool,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Arguments of `reject`.
#[derive(Debug, Args)]
pub(super) struct RejectArguments {
    /// The plan's id, or its unambiguous beginning.
    pub(super) plan: String,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Arguments of commands that list organizations.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// The organization; all of them if absent.
    pub(super) organization: Option<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Arguments of `history`.
#[derive(Debug, Args)]
pub(super) struct HistoryArguments {
    /// The organization; all of them if absent.
    pub(super) organization: Option<String>,
    /// How many runs at most.
    #[arg(long, short = 'n', default_value_t = 20)]
    pub(super) most: usize,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The run's id, or its unambiguous beginning; `last` for the newest.
    pub(super) run: String,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// Shows every change, however many there are.
    #[arg(long)]
    pub(super) all: bool,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// An address, a login, a directory id or a name.
    pub(super) who: String,
    /// The organization; all of them if absent.
    #[arg(long, short)]
    pub(super) organization: Option<String>,
    /// Asks the directory and the target too, instead of the snapshot alone.
    #[arg(long)]
    pub(super) live: bool,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Arguments of `pause` and `resume`.
#[derive(Debug, Args)]
pub(super) struct PauseArguments {
    /// The organization; all of them if absent.
    pub(super) organization: Option<String>,
}

/// Arguments of `trigger`.
#[derive(Debug, Args)]
pub(super) struct TriggerArguments {
    /// The organization; all of them if absent.
    pub(super) organization: Option<String>,
    /// Reads only what changed, where the directory's connector can do that.
    #[arg(long)]
    pub(super) incremental: bool,
    /// Has it run also if somebody paused it. It stays paused afterwards.
    #[arg(long)]
    pub(super) although_paused: bool,
    /// Follows the run, and ends with it as `apply` would.
    #[arg(long)]
    pub(super) follow: bool,
    /// How to print what happens: text, or a line of JSON for each event.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Arguments of `follow`.
#[derive(Debug, Args)]
pub(super) struct FollowArguments {
    /// The organization; all of them if absent.
    pub(super) organization: Option<String>,
    /// How to print what happens: text, or a line of JSON for each event.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}
