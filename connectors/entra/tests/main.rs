//! Integration tests; one binary.
//!
//! `support` is a tenant on loopback. `contract` puts it through what every connector must pass; `paging`, `limits`,
//! `batches` and `sign_in` let it behave as Entra ID does on a bad day; `people`, `reach`, `groups`, `look_ups` and `changes` are
//! about what is read, `check` about what people are told, `settings` about what they can write.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails as its test does")]

mod batches;
mod changes;
mod check;
mod contract;
mod groups;
mod limits;
mod look_ups;
mod paging;
mod people;
mod reach;
mod settings;
mod sign_in;
mod support;
