//! The integration tests of the engine, in one binary: building one is cheaper than building ten.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod cut;
mod house;
mod scim_lists;
mod scim_servers;
mod scim_support;
mod scim_wire;
mod whole_way;
