//! Tests of the LDAP connector against real servers: OpenLDAP and Samba AD, and a proxy that makes them misbehave.
//!
//! `tests/servers/install-debian.sh` installs them; each test starts what it needs and takes it down again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod active_directory;
mod contract;
mod faults;
mod openldap;
mod support;
mod transport;
