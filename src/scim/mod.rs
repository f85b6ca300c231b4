//! The target over SCIM 2.0 (RFC 7643, 7644, 9865).

pub mod settings;

pub use settings::{RoleDelivery, ScimSettings};
