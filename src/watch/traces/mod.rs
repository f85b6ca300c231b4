//! Traces of runs for a collector of OpenTelemetry.
//!
//! Runs, their steps and their requests are spans ([`rollcall_kit::traces`]); here they are exported, by settings that may
//! be others after a reload. What exports them is compiled in with the cargo feature `otel` only, and settings that ask for
//! traces are understood without it, so that the same file serves both: whoever runs it is told that nothing is exported,
//! and the runs go on. No run ever waits for a collector: spans that it does not take in time are dropped.

#[cfg(feature = "otel")]
mod export;
#[cfg(feature = "otel")]
mod outlet;
mod settings;

use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

pub use settings::TraceSettings;

/// Whether this program can export traces.
pub const BUILT_IN: bool = cfg!(feature = "otel");

/// What whoever asks for traces is told by a program that cannot export them.
pub const NOT_BUILT_IN: &str = "daemon.traces asks for traces, and this rollcall was built without what exports them, so \
                                none are exported. Build it with `cargo build --features otel`, or remove the table";

/// The layer that takes in spans, to be installed with the log; none in a program that cannot export them.
#[must_use]
pub fn layer<S>() -> Option<Box<dyn Layer<S> + Send + Sync>>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    #[cfg(feature = "otel")]
    return Some(outlet::process().layer());
    #[cfg(not(feature = "otel"))]
    None
}

/// Exports spans by these settings from now on, and no longer by others; without settings nowhere. To be called where
/// tokio works.
pub fn export(settings: Option<&TraceSettings>) {
    #[cfg(feature = "otel")]
    outlet::process().export_by(settings);
    #[cfg(not(feature = "otel"))]
    if settings.is_some() {
        tracing::warn!("{NOT_BUILT_IN}");
    }
}

/// Exports what is not exported yet, for at most a few seconds. To be called at the end of the process, outside of
/// asynchronous code and while tokio still works.
pub fn finish() {
    #[cfg(feature = "otel")]
    outlet::process().finish();
}
