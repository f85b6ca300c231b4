//! Integration tests; one binary.
//!
//! `support` is an Okta organisation on loopback. `contract` puts it through what every connector must pass; `paging`,
//! `limits` and `sign_in` let it behave as Okta does on a bad day; `people`, `reach` and `groups` are about what is read,
//! `changes` about what is read between full reads, `check` about what people are told, `settings` about what they can write.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails as its test does")]

mod changes;
mod check;
mod contract;
mod groups;
mod limits;
mod paging;
mod people;
mod reach;
mod settings;
mod sign_in;
mod support;
