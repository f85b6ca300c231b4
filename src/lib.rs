//! Rollcall calls the roll in an organisation's directory and makes one application agree with it.
//!
//! This is the map of the house. The data goes one way, from the top of this list to the bottom, and a room imports
//! only from `rollcall_kit` and from rooms above it (`tests/rollcall/house.rs` keeps it so):
//!
//! | room | what happens there |
//! |---|---|
//! | [`schedule`] | when runs are due, and when less may be done: cron, jitter, catch-up, quarantine, blackouts (pure) |
//! | [`read`] | drives a connector to a certified reading; bounded memory, no interpretation |
//! | [`roster`] | who each directory user should be in the target: scope, mapping, roles, conflicts (pure) |
//! | [`plan`] | changes, the sorted-merge diff, the order, the plan file (pure) |
//! | [`guard`] | limits, protection, first plans; the only maker of an approved plan (pure) |
//! | [`apply`] | the executor: target traits, journal, concurrency |
//! | [`scim`] | the target over SCIM 2.0 |
//! | [`snapshot`] | the store: mirror, ledger, journal, history; on sled and in memory |
//! | [`notify`] | what people are told, once for each state: webhooks, mails, commands |
//! | [`watch`] | what monitors ask: health, readiness and metrics over HTTP, and the metrics themselves; traces |
//! | [`config`] | the configuration file: loading, validation, secret references |
//! | [`run`] | one run from read to report; emits the events |
//! | [`explain`] | why somebody is there or is not; reads the snapshot, and never writes |
//! | [`report`] | consumers of the events and the plan: text, JSON, Markdown, HTML |
//! | [`daemon`] | every organization at its time: schedules kept, runs supervised, state and events told |
//! | [`demo`] | the sample company and the sandbox application |
//! | [`cli`] | one file a command |

pub mod apply;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod explain;
pub mod guard;
pub mod notify;
pub mod plan;
pub mod read;
pub mod report;
pub mod roster;
pub mod run;
pub mod schedule;
pub mod scim;
pub mod snapshot;
pub mod watch;
