//! Logs: quiet on a terminal unless somebody asks, and in the journal's own fields where systemd keeps them.

use std::io::IsTerminal as _;
use std::os::fd::AsFd as _;

use rollcall_kit::traces::TARGET;
use tracing::Level;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::watch::traces;

/// The form of the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Lines for people.
    Text,
    /// A JSON object a line.
    Json,
    /// Fields of the journal, each by its name: `ROLLCALL_ORGANIZATION=acme`.
    Journal,
}

/// Sends logs to standard error, or to the journal if that is where standard error leads. Warnings, of the daemon what
/// happens, with `-v` what happens, with `-vv` everything; `ROLLCALL_LOG` overrides. `ROLLCALL_LOG_FORMAT` is `text`,
/// `json` or `journal`.
pub(super) fn start(verbose: u8, is_daemon: bool) {
    let level = match verbose {
        0 if is_daemon => "info",
        0 => "warn",
        1 => "info,rollcall=debug",
        _ => "debug",
    };
    // rustls and hyper say at debug what nobody but their authors needs; headers and bodies are never logged.
    let filter = EnvFilter::try_from_env("ROLLCALL_LOG").unwrap_or_else(|_| {
        EnvFilter::new(format!("{level},hyper=warn,rustls=warn,h2=warn,sled=warn,ldap3=warn,opentelemetry_sdk=warn"))
    });
    // Spans of traces are for a collector, and logs stay as they are without them. That a collector does not take them we
    // say ourselves, once; of the library only that it drops spans is worth a line.
    let filter = filter.and(filter_fn(|metadata| match metadata.target() {
        TARGET => false,
        "opentelemetry_sdk" => *metadata.level() == Level::WARN,
        _ => true,
    }));
    let registry = tracing_subscriber::registry().with(traces::layer());
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let asked = std::env::var("ROLLCALL_LOG_FORMAT").ok();
    let started = match form(asked.as_deref(), leads_to_the_journal()) {
        Form::Text => registry.with(lines.with_filter(filter)).try_init(),
        Form::Json => registry.with(lines.json().flatten_event(true).with_filter(filter)).try_init(),
        Form::Journal => match tracing_journald::layer() {
            Ok(journal) => {
                registry.with(journal.with_field_prefix(Some("ROLLCALL".to_owned())).with_filter(filter)).try_init()
            }
            // The socket is not there, as in a closed root: then the journal keeps the lines.
            Err(_) => registry.with(lines.with_filter(filter)).try_init(),
        },
    };
    // Somebody else logs already, as in tests.
    let _ = started;
}

fn form(asked: Option<&str>, journal: bool) -> Form {
    match asked {
        Some("json") => Form::Json,
        Some("journal") => Form::Journal,
        Some("text") => Form::Text,
        _ if journal => Form::Journal,
        _ => Form::Text,
    }
}

/// Whether standard error is the stream that systemd says leads to the journal (systemd.exec(5), `$JOURNAL_STREAM`).
fn leads_to_the_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let about = rustix::fs::fstat(std::io::stderr().as_fd());
    about.is_ok_and(|about| stream == format!("{}:{}", about.st_dev, about.st_ino))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_is_used_where_it_listens_unless_somebody_asks_for_another_form() {
        assert_eq!(form(None, false), Form::Text);
        assert_eq!(form(None, true), Form::Journal);
        assert_eq!(form(Some("json"), true), Form::Json);
        assert_eq!(form(Some("text"), true), Form::Text);
        assert_eq!(form(Some("unheard of"), true), Form::Journal);
    }
}
