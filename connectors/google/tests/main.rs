//! Integration tests; one binary.
//!
//! The customer is that of `rollcall_test_servers`. `contract` puts it through what every connector must pass;
//! `completeness`, `limits` and `sign_in` let it behave as Google does on a bad day; `people`, `reach` and `groups` are
//! about what is read, `changes` about what is read between full reads, `check` about what people are told, `settings`
//! about what they can write. `by_hand` lets the customer listen for as long as somebody wants it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails as its test does")]

mod by_hand;
mod changes;
mod check;
mod completeness;
mod contract;
mod groups;
mod keyless;
mod limits;
mod people;
mod reach;
mod settings;
mod sign_in;
mod support;
