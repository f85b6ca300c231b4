//! The sample company and the sandbox application of `rollcall demo`.
//!
//! Nothing here is a double of anything: the company is read by the file connector, and the application is written
//! to over SCIM, through the same code as in a real installation.

pub mod company;
pub mod sandbox;
