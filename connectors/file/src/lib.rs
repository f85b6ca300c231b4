//! Reads users and groups from LDIF, JSON and CSV files: for sites without a network path to their directory, for
//! exports of a personnel system, for demonstrations and for tests.
//!
//! A file passes the same contract as a live directory, and the danger is the same: a file that was cut short looks
//! like a company that most people have left. So a file proves that it is whole before anything is concluded from it.
//!
//! | what | where |
//! |---|---|
//! | the settings, and what each of them means | [`settings`] |
//! | one file under watch: unchanged while read, its digest, its last byte, its side file | `watched` |
//! | what a complete set of files must add up to: ids once, counts that agree | `tally` |
//! | the three formats | `ldif`, `table` (CSV), `json` |
//! | where a walk over the files hands what it reads, and what it has to show | `walk` |
//! | words for the status | `words` |
//! | the [`rollcall_kit::Connector`] | [`mod@connector`] |
//! | what `check` says | `findings` |
//!
//! What proves that a file is whole, where each attribute comes from and what a status means: `docs/connectors/file.md`.

pub mod connector;
mod findings;
#[cfg(test)]
mod foreign;
mod hint;
mod json;
mod kind;
mod ldif;
pub mod settings;
mod table;
mod tally;
mod walk;
mod watched;
mod words;

pub use connector::{FileConnector, connector};
pub use settings::{EndProof, FileSettings, Format, StatusWords};
