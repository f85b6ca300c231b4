//! A walk over the files from the first byte to the last, whatever their format.

use std::collections::BTreeMap;

use rollcall_kit::{Collection, DirectoryId, Entry, ReadError};

/// Where a walk hands what it reads.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(Entry) -> Result<(), ReadError>;

/// What a walk that reached its end has to show for it.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// The collections, with the proof of each.
    pub(crate) collections: Vec<Collection>,
    /// What `check` should mention, in sentences.
    pub(crate) remarks: Vec<String>,
    /// Records that are there but are no users, by their ids, with what they are. Nobody is gone whose id is here.
    pub(crate) set_aside: BTreeMap<DirectoryId, String>,
}
