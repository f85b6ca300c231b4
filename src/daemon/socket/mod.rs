//! The control socket: through it every command works while the daemon has the snapshots open.
//!
//! A command travels as it was typed ([`protocol::Request`]); the daemon runs the same function that a process of its
//! own would, with a [`remote::Remote`] console in place of the terminal, and everything that it says, asks, reads and
//! writes goes back to whoever typed it. So files stay theirs, with their rights, and the daemon opens none that a client
//! names. Who they are, the system says: [`peer`].
//!
//! Frames are lines of JSON, of bounded length; long texts go in several. What a client sends is bounded in size, and a client that does not read is let go of; it
//! keeps no run waiting.

pub mod client;
pub mod protocol;
pub mod remote;

mod backlog;
#[cfg(test)]
mod foreign;
mod frames;
pub mod peer;
pub(super) mod server;
#[cfg(test)]
mod tests;
