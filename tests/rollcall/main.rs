//! Integration tests; one binary.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests too, which clippy cannot see")]

mod cut;
mod scim_lists;
mod scim_servers;
mod scim_support;
mod scim_wire;
