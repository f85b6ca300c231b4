//! Integration tests; one binary.
//!
//! `http_*` put the HTTP client before servers that behave as real ones do on a bad day; `tokens` do the same for
//! token endpoints, `assertions` with keys and proofs of possession; `signing` verifies what keys sign, `pages` walks
//! over lists, `spans` look at what traces are told. `support` holds those servers.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails as its test does")]

mod assertions;
mod http_bounds;
mod http_retry;
mod http_tls;
mod http_wire;
mod pages;
mod signing;
mod spans;
mod support;
mod tokens;
