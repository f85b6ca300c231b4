//! Integration tests; one binary.

mod cut;
mod scim_lists;
mod scim_servers;
mod scim_support;
mod scim_wire;
