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
//! # What proves that a file is whole
//!
//! Always: it did not change while it was read (its length, time and inode before and after), it ends in a line end
//! (LDIF, CSV), its document is closed (JSON), every row has as many fields as the header (CSV), and it names somebody.
//!
//! That still lets an LDIF or CSV file pass which was cut exactly between two records, as a full disk or a broken
//! copy leaves it. So one of these must vouch for the end, unless `end_proof = "where-given"` waives it:
//!
//! - a side file `FILE.sha256`, as `sha256sum FILE > FILE.sha256` writes it;
//! - LDIF: the comment `# numEntries: N` as last line, as `ldapsearch` writes it, with `-L` or without;
//! - CSV: a last line `# rows: N`.
//!
//! Where one of them is there it is always checked. A JSON document is closed by its last bracket and needs none.
//!
//! The count of `ldapsearch` proves that the file is whole, not that the search was: after a size limit it counts what
//! it got. Without `-L` the file says so (`result: 4 …`) and is refused; with `-L` only the exit code does, so a script
//! that exports must look at it. `-LLL` and `slapcat` write no count.

pub mod connector;
mod findings;
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
