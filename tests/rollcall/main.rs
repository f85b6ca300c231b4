//! The integration tests of the engine, in one binary: building one is cheaper than building ten.

mod command_apply;
mod command_bad_input;
mod command_look;
mod command_support;
mod cut;
mod house;
mod scim_lists;
mod scim_servers;
mod scim_support;
mod scim_wire;
