//! The integration tests of the engine, in one binary: building one is cheaper than building ten.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod circles;
mod command_apply;
mod command_bad_input;
mod command_explain;
mod command_held;
mod command_look;
mod command_reconcile;
mod command_rehire;
mod command_secrets;
mod command_support;
mod command_undo;
mod cut;
mod daemon_commands;
mod daemon_disk;
mod daemon_service;
mod daemon_support;
mod daemon_together;
mod daemon_watch;
mod dependencies;
mod entra;
mod google_way;
mod house;
mod incidents;
mod mounts;
mod notices;
mod okta;
mod power_cut;
mod promises_agenda;
mod promises_changes;
mod promises_company;
mod promises_containers;
mod promises_costs;
mod promises_held;
mod promises_hidden;
mod promises_lists;
mod promises_moved;
mod promises_people;
mod promises_plans;
mod promises_properties;
mod promises_protected;
mod promises_rest;
mod promises_rules;
mod promises_story;
mod promises_support;
mod record_of_changes;
mod scim_lists;
mod scim_resend;
mod scim_roles;
mod scim_servers;
mod scim_support;
mod scim_wire;
mod syncs;
mod systemd;
#[cfg(feature = "otel")]
mod traces;
#[cfg(not(feature = "otel"))]
mod traces_missing;
mod unreadable_group;
mod upgrade;
mod watch_tls;
mod whole_way;
