//! Integration tests; one binary.

mod scim_servers;
mod scim_support;
mod scim_wire;
