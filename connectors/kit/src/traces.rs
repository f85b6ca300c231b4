//! What traces are made of: spans for whoever traces the process.
//!
//! They are ordinary `tracing` spans under a target of their own, so that logs stay as they are and a process that exports
//! no traces pays nothing for them. Traces are stored elsewhere and read by other people than the snapshot is: a span
//! names stages, hosts, endpoints by their templates, and numbers. No record of the directory, no path or query of a
//! request and no sentence of an error is ever in one, because any of these may hold somebody's address or a secret.

use std::time::Duration;

use tracing::field::Empty;
use tracing::{Span, info_span};

/// The target of every span that is meant for traces. Whoever writes logs leaves them out.
pub const TARGET: &str = "traces";

/// The span of one operation that a server is asked for over another protocol than HTTP, such as an LDAP search.
#[must_use]
pub fn operation(protocol: &'static str, operation: &'static str, host: &str) -> Span {
    info_span!(
        target: TARGET,
        "operation",
        otel.name = format_args!("{protocol} {operation}"),
        otel.kind = "client",
        otel.status_code = Empty,
        network.protocol.name = protocol,
        server.address = host,
        "error.type" = Empty,
        rollcall.entries = Empty,
    )
}

/// Marks a span as failed, by a word for the kind of the failure.
pub fn fails(span: &Span, kind: &str) {
    span.record("otel.status_code", "ERROR").record("error.type", kind);
}

/// A length of time as spans have it: in seconds.
#[must_use]
pub fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
