//! Integration tests; one binary.
//!
//! `http_*` put the HTTP client before servers that behave as real ones do on a bad day; `tokens` do the same for
//! token endpoints. `support` holds those servers.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails as its test does")]

mod http_bounds;
mod http_retry;
mod http_tls;
mod http_wire;
mod support;
mod tokens;
