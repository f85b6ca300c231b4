//! Integration tests; one binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod check;
mod contract;
mod csv;
mod json;
mod ldif;
mod lookup;
mod support;
mod torn;
