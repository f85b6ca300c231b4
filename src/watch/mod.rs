//! What monitors ask: health, readiness and metrics, over HTTP; and what is sent to them: traces.
//!
//! [`Metrics`] holds every number under its name; the daemon enters what it sees and knows nothing of names. [`serve`]
//! answers three questions: `/healthz` (is the process at work), `/readyz` (how does each organization stand, since
//! when) and `/metrics` (the text format of Prometheus). It listens on loopback; wider only with a certificate and either
//! a token or certificates of whoever asks. [`traces`] exports what runs did, span by span, to a collector.

mod metrics;
mod server;
mod settings;
mod tls;
pub mod traces;

pub use metrics::{Metrics, Standing};
pub use server::{Readiness, Server, Watched, serve, serve_at};
pub use settings::WatchSettings;
pub use traces::TraceSettings;
