//! The target over SCIM 2.0 (RFC 7643, 7644, 9865).
//!
//! [`ScimTarget`] is what the engine holds: it reads for planning and writes for the executor. [`Profile`] is what one
//! target can do. Behind them, one idea a file: the wire and its errors, discovery, lists and their paging, look-up,
//! the mapping of our attributes, users, roles, groups, and the comparison of every answer with what was sent.
//!
//! Targets differ more than their common protocol admits. They answer 2xx to writes that changed nothing, ignore
//! filters and return everybody, cap lists and call the cap the total. So nothing is believed here that does not add
//! up, and what cannot be known is said to be unknown.

mod ask;
mod check;
mod client;
mod discovery;
mod errors;
mod filter;
#[cfg(test)]
mod foreign;
mod groups;
mod key;
mod lookup;
mod mapping;
mod members;
mod paging;
mod place;
mod probe;
pub mod profile;
mod resource;
mod roles;
pub mod settings;
mod shown;
mod target;
mod tempo;
mod users;
mod verify;
mod wire;

pub use client::ScimTarget;
pub use profile::Profile;
pub use settings::{Deleted, RoleDelivery, ScimSettings};
