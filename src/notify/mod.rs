//! What people are told: webhooks, mails and commands, once for each state and not once for each run.
//!
//! The daemon says what it observed ([`Observation`]); the [`Book`], a pure state machine, knows what was told already
//! and yields the [`Notice`]s that are due; the [`Notifier`] keeps the book in a file, so that a restart repeats nothing
//! and loses nothing, and sends what waits through each channel until it is received. A notice names organizations,
//! runs and numbers, never people: chats and mailboxes are read by more eyes than the snapshot is.

mod body;
mod book;
mod channel;
mod command;
mod keep;
mod mail;
mod notice;
mod notifier;
#[cfg(test)]
mod properties;
mod settings;
mod signature;
mod webhook;

pub use book::{Book, Observation, Reason, RunEnd};
pub use notice::{Kind, Notice};
pub use notifier::{Deliveries, Notifier, NotifyError};
pub use settings::{CommandSettings, MailSettings, MailTls, NotifySettings, Shape, WebhookSettings};
